"""What the PBX's own records say of a simulated day, beside our rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from contactcenter.interactions.audit import Code
from tests.oracle.calls import AlertOutcome, Call, Outcome, judge_file
from tests.oracle.channels import End
from tests.rig.compare import compare
from tests.simulation.site import AGENTS, NOBODY, Site

COUNTED = ("interactions", "without a call", "outcome", "agent", "answered", "ended", "talked", "number", "dialed")
"""What a fault may not change. Legs of alerts that died with our process, and what a wait began with, it may."""

A_MOMENT: Final = 0.01  # seconds: our Hangup was on its way when the phone was picked up

EXPLAINED: Final = frozenset(
    {
        Code.CALL_GONE,
        Code.CALL_UNKNOWN,
        Code.TALK_UNKNOWN,
        Code.TALK_OVER,
        Code.CALLER_ASTRAY,
        Code.LEG_FOR_NOBODY,
    }
)
"""What an audit may find where single events of the PBX were lost: nothing else ever tells us then. No other fault of
the simulation (a kill, a restart of the PBX, a cut link, phones that go away, events told twice) explains any finding,
and none explains one of our own two sides, picture and router, or of a state that sticks.
"""


def unexplained(site: Site) -> list[Code]:
    """Return what audits found that no fault of this seed explains."""
    return [code for code in site.findings if not (site.lost_events and code in EXPLAINED)]


def differences(site: Site) -> list[str]:
    """Every difference that counts, as text."""
    judged = judge_file(site.cel_file, restarts=site.restarts).calls
    rows = {row["leg_id"]: row for row in site.final}
    endpoints = {site.agent_ids[f"a{n}"]: f"agent-{1000 + n}" for n in range(AGENTS)}
    compared = [call for call in judged if not _is_told_otherwise(call, rows.get(call.uniqueid))]
    legs = {call.uniqueid for call in judged} - {call.uniqueid for call in compared}
    told = compare([row for row in site.final if row["leg_id"] not in legs], compared, endpoints, cut_calls=True)
    return [line for line in told.differences if any(f": {name}" in line or f" {name}," in line for name in COUNTED)]


def _is_told_otherwise(call: Call, row: Mapping[str, Any] | None) -> bool:
    """Where both are right: who called a number that nobody serves and stood in the PBX's own queue while we were
    away, or left during the announcement; a conversation whose first moment was the PBX's last; and an agent who picked
    up, in the very moment the next process of ours hung up, what the one before him had begun; and who hung up in the
    very moment in which we put him in line, before the PBX had read that.
    """
    if row is None:
        return False
    if call.dialed == NOBODY and call.outcome in (Outcome.ABANDONED, Outcome.FAILED):
        return row["outcome"] in ("no-service", "left-in-flow")
    if row["end_reason"] == "server-away" and call.outcome is Outcome.LEFT_IN_IVR:
        return True  # seen in the PBX's own queue by the picture; a caller not yet picked up leaves no record there
    if (call.outcome, row["outcome"]) == (Outcome.LEFT_IN_IVR, "abandoned") and _was_being_put_in_line(row):
        return True
    met = [alert for alert in call.alerts if alert.outcome is AlertOutcome.CONNECTED]
    if met and min(met, key=lambda one: one.connected_at or 0.0).talk_time < A_MOMENT:
        return True
    is_last_moment = call.end is End.RESTART and call.outcome is Outcome.FAILED and row["outcome"] == "answered"
    return is_last_moment and row["end_reason"] == "pbx-restarted"


def _was_being_put_in_line(row: Mapping[str, Any]) -> bool:
    """Whether his only place in line was made as he hung up: an id tells when it was made, to the millisecond."""
    if len(row["visits"]) != 1:
        return False
    made = int(row["visits"][0]["id"].translate(_TO_PYTHONS_DIGITS), 32) / 2**80 / 1000
    return abs(datetime.fromisoformat(row["ended_at"]).timestamp() - made) < A_MOMENT


_TO_PYTHONS_DIGITS: Final = str.maketrans("0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdefghijklmnopqrstuv")
