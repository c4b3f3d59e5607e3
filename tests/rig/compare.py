"""Our interactions beside what the oracle makes of Asterisk's own record: every difference, row by row, as text.

``interactions`` are the API's rows (``Server.interactions``), ``calls`` the oracle's. Instants and durations are
compared within ``tolerance`` seconds. Ours of connecting, parting and hanging up come from the same Asterisk events,
stamped when Asterisk wrote them to the manager, a little after it wrote CEL; entering the queue is our own clock's,
before the dialplan reaches the waiting place. So what the tolerance holds is Asterisk's own way from the one to the
other: half a millisecond, and 10 to 20 for the queue, in the median even of a busy machine.

The first calls after a start take longer to the waiting place: of a burst of 20, our answer to FastAGI left within
25 ms of entering the queue, Asterisk confirmed it 20 to 80 ms later (it originates the agents' first legs meanwhile)
and was at the waiting place another 10 to 40 ms later. Therefore a wait of ours may be longer by ``ENTRY``, never
shorter; its end is compared as strictly as everything else, as ``answered`` or ``ended``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.oracle.calls import AlertOutcome, Call, Outcome
from tests.oracle.channels import End

TOLERANCE = 0.05  # seconds; everything but the entry into the queue is within 5 ms
ENTRY = 0.25  # seconds from our entry into the queue to the waiting place of the dialplan, at most
OUTCOMES = {
    Outcome.ANSWERED: {"answered"},
    Outcome.ABANDONED: {"abandoned"},
    Outcome.LEFT_IN_IVR: {"left-in-flow"},
    Outcome.FAILED: {"no-service", "lost"},
    Outcome.OPEN: {None},
}
RESULTS = {
    AlertOutcome.CONNECTED: {"answered"},
    AlertOutcome.LOST: {"lost", "timed-out", "rescinded"},
    AlertOutcome.CALLER_GONE: {"customer-left", "caller-gone", "lost"},
    AlertOutcome.NO_ANSWER: {"no-answer", "timed-out", "unreachable"},
    AlertOutcome.BUSY: {"busy"},
    AlertOutcome.REJECTED: {"rejected"},
    AlertOutcome.UNREACHABLE: {"unreachable", "failed"},
    AlertOutcome.REVOKED: {"timed-out", "rejected", "rescinded"},
    AlertOutcome.FAILED: {"failed", "unreachable"},
}


@dataclass(slots=True)
class Comparison:
    """``differences``: empty when both agree. ``gaps``: (name, seconds) of every instant and duration compared."""

    differences: list[str] = field(default_factory=list)
    gaps: list[tuple[str, float]] = field(default_factory=list)

    def worst(self) -> dict[str, float]:
        """The greatest gap of each kind, seconds."""
        found: dict[str, float] = {}
        for name, gap in self.gaps:
            found[name] = max(found.get(name, 0.0), gap)
        return {name: round(gap, 4) for name, gap in found.items()}

    def median(self) -> dict[str, float]:
        """The median gap of each kind, seconds."""
        found: dict[str, list[float]] = {}
        for name, gap in self.gaps:
            found.setdefault(name, []).append(gap)
        return {name: round(sorted(gaps)[len(gaps) // 2], 4) for name, gaps in found.items()}


def compare(
    interactions: Sequence[Mapping[str, Any]],
    calls: Sequence[Call],
    endpoints: Mapping[str, str],
    *,
    tolerance: float = TOLERANCE,
    cut_calls: bool = False,
) -> Comparison:
    """Compare all. ``endpoints``: agent id -> endpoint. ``cut_calls``: Asterisk died, its record lacks some ends."""
    result = Comparison()
    ours: dict[str, list[Mapping[str, Any]]] = {}
    for row in interactions:
        ours.setdefault(_customer_leg(row), []).append(row)
    theirs = {call.uniqueid: call for call in calls}
    for uniqueid in ours.keys() - theirs.keys():
        result.differences.append(f"{uniqueid}: an interaction without a call")
    for uniqueid, call in theirs.items():
        rows = ours.get(uniqueid, [])
        if len(rows) != 1:
            result.differences.append(f"{uniqueid}: {len(rows)} interactions, call {call.outcome}")
        else:
            _Row(result, rows[0], call, endpoints, tolerance, cut_calls).compare()
    return result


def _customer_leg(row: Mapping[str, Any]) -> str:
    return next(leg["id"] for leg in row["legs"] if leg["kind"] == "customer")


def seconds(instant: str | None) -> float | None:
    """Epoch seconds of an API instant."""
    return None if instant is None else datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp()


class _Row:
    def __init__(
        self,
        result: Comparison,
        row: Mapping[str, Any],
        call: Call,
        endpoints: Mapping[str, str],
        tolerance: float,
        cut_calls: bool,
    ) -> None:
        self.result = result
        self.row = row
        self.call = call
        self.endpoints = endpoints
        self.tolerance = tolerance
        self.is_cut = cut_calls and call.end is not End.SEEN
        # He waited in Asterisk's own queue while our server was away, which is no queue of ours.
        self.is_away = row.get("end_reason") == "server-away" and call.outcome is Outcome.ABANDONED and not call.alerts

    def compare(self) -> None:
        row, call = self.row, self.call
        self._same("linked id", row["linked_id"], call.linkedid)
        self._same("number", row["caller_number"], call.caller_number)
        self._same("dialed", row["dialed"], call.dialed)
        wanted = {"lost"} if self.is_away else OUTCOMES[call.outcome]
        if row["outcome"] not in wanted and not (self.is_cut and row["outcome"] == "lost"):
            self._differ("outcome", row["outcome"], call.outcome)
        self._near("arrived", seconds(row["arrived_at"]), call.arrived_at)
        if not self.is_cut:
            self._near("ended", seconds(row["ended_at"]), call.ended_at)
        self._queue()
        self._talk()
        self._legs()

    def _queue(self) -> None:
        visits = self.row["visits"]
        if bool(visits) != (self.call.queued and not self.is_away):
            self._differ("queued", len(visits), self.call.queued)
        elif visits and self.call.wait_time is not None:
            ends = [visit.get("end") for visit in visits]
            until = ends.index("answered") + 1 if "answered" in ends else len(ends)  # the oracle's is the first wait
            waited = sum(visit["wait_time"] or 0.0 for visit in visits[:until])
            self._near("wait", waited, self.call.wait_time, longer=ENTRY)
            self._later_waits(visits[until:])

    def _later_waits(self, visits: Sequence[Mapping[str, Any]]) -> None:
        """After a transfer; of several visits in a row, as a rule may send him on, the sum."""
        theirs, waited = list(self.call.later_waits), 0.0
        for number, visit in enumerate(visits, 1):
            waited += visit["wait_time"] or 0.0
            if (visit["end"] == "answered" or number == len(visits)) and not self.is_cut:
                self._near("wait again", waited, theirs.pop(0) if theirs else None, longer=ENTRY)
                waited = 0.0

    def _talk(self) -> None:
        segments, call = self.row["segments"], self.call
        if (call.answered_at is None) != (not segments):
            self._differ("talked", len(segments), call.answered_at)
        if not segments or call.answered_at is None:
            return
        self._near("answered", seconds(segments[0]["answered_at"]), call.answered_at)
        self._same("agent", f"PJSIP/{self.endpoints.get(segments[0]['agent_id'])}", call.agent)
        if call.end is not End.OPEN and not self.is_cut:
            self._near("talk", sum(one["talk_time"] or 0.0 for one in segments), call.talk_time)
        if len(segments) > 1:
            self._parts()

    def _parts(self) -> None:
        """Each agent's part of a customer who was transferred, beside his leg."""
        theirs = {alert.uniqueid: alert for alert in self.call.alerts if alert.connected_at is not None}
        for part in self.row["segments"]:
            alert = theirs.get(part["id"])
            if alert is None:
                self._differ("part", part["id"], "no leg that was connected")
                continue
            self._same("agent", f"PJSIP/{self.endpoints.get(part['agent_id'])}", alert.endpoint)
            self._near("answered", seconds(part["answered_at"]), alert.connected_at)
            if not self.is_cut:
                self._near("talk", part["talk_time"], alert.talk_time)

    def _legs(self) -> None:
        ours = {leg["id"]: leg for leg in self.row["legs"] if leg["kind"] == "agent"}
        theirs = {alert.uniqueid: alert for alert in self.call.alerts}
        for uniqueid, alert in theirs.items():
            leg = ours.get(uniqueid)
            if leg is None:
                self._differ("leg", "none", f"{uniqueid} {alert.outcome}")
            elif leg["result"] not in RESULTS.get(alert.outcome, set()) and not self.is_cut:
                self._differ(f"leg {uniqueid}", leg["result"], alert.outcome)
        for uniqueid in ours.keys() - theirs.keys():
            if ours[uniqueid]["result"] in ("answered", "busy", "rejected"):  # no leg came of any other
                self._differ(f"leg {uniqueid}", ours[uniqueid]["result"], "none")

    def _same(self, name: str, ours: Any, theirs: Any) -> None:
        if ours != theirs:
            self._differ(name, ours, theirs)

    def _near(self, name: str, ours: float | None, theirs: float | None, longer: float = 0.0) -> None:
        if ours is None or theirs is None:
            self._same(name, ours, theirs)
            return
        self.result.gaps.append((name, abs(ours - theirs)))
        if not -self.tolerance <= ours - theirs <= self.tolerance + longer:
            self._differ(name, f"{ours:.3f}", f"{theirs:.3f} ({ours - theirs:+.3f})")

    def _differ(self, name: str, ours: Any, theirs: Any) -> None:
        self.result.differences.append(f"{self.call.uniqueid} ({self.call.caller_number}): {name}: {ours} != {theirs}")
