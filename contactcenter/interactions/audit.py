"""What does not agree: our picture beside the PBX's, the router's beside ours, states that stick. Pure.

A finding is no fault yet: news may be on its way. ``auditor`` acts on what two audits in a row have found.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Final

from contactcenter.core.ids import AgentId, InteractionId, LegId, ServerId, is_id
from contactcenter.core.permissions import Principal, Right, Scope, require
from contactcenter.interactions import ports
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import Interaction, Phase
from routing.agents import Agent, Assignment
from routing.commands import Work
from routing.engine import Engine
from routing.items import Item
from routing.states import ItemState

ALERT_MOST: Final = timedelta(seconds=30)  # beyond the reservation's deadline
LEAVING_MOST: Final = timedelta(seconds=60)
WRAP_UP_MOST: Final = timedelta(seconds=30)  # beyond its end
FLOW_MOST: Final = timedelta(hours=2)
PAIRS: Final = 2000
"""Waiting interactions times idle agents looked at in one audit: a few milliseconds of the loop."""
KEPT: Final = 100
"""Findings that are remembered."""
_IN_LINE: Final = (Phase.WAITING, Phase.ALERTING)


class Code(StrEnum):
    """What was found."""

    CALL_GONE = "call-gone"  # we have a call that the PBX has not
    CALL_UNKNOWN = "call-unknown"  # the PBX has a customer's call that we have not
    TALK_UNKNOWN = "talk-unknown"  # he is connected to an agent, and we say he is not
    TALK_OVER = "talk-over"  # we say he is connected to an agent, or on hold, and he is not
    CALLER_ASTRAY = "caller-astray"  # he waits, but stands neither in the hold loop nor on his way to it
    LEG_FOR_NOBODY = "leg-for-nobody"  # a device rings, is parked, or a leg stands in, for a call that is none
    FAR_LEG_FOR_NOBODY = "far-leg-for-nobody"  # an agent's phone is held by a call from another server that is over
    NOT_IN_LINE = "not-in-line"  # he waits, and the router does not know it
    IN_LINE_FOR_NOBODY = "in-line-for-nobody"  # the router holds a place for somebody who does not wait
    WORK_FOR_NOBODY = "work-for-nobody"  # the router keeps an agent busy with work that is over
    AGENT_LEFT_IDLE = "agent-left-idle"  # somebody waits, and an agent who could serve him is free
    TOO_LONG_IN_FLOW = "too-long-in-flow"
    TOO_LONG_ALERTING = "too-long-alerting"
    TOO_LONG_LEAVING = "too-long-leaving"
    TOO_LONG_IN_WRAP_UP = "too-long-in-wrap-up"
    ROW_LEFT_OPEN = "row-left-open"  # the store has an interaction going on that we do not know


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree. ``about`` is an interaction's id, or a leg's where there is no interaction."""

    code: Code
    about: InteractionId | LegId
    server_id: ServerId | None = None
    agent_id: AgentId | None = None


@dataclass(frozen=True, slots=True)
class Healed:
    """A finding that was confirmed, and acted on at ``at``."""

    at: datetime
    finding: Finding


class Audits:
    """What the audits of the site made known: when the last was, and the latest confirmed findings, newest first."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self.last: deque[Healed] = deque(maxlen=KEPT)

    def report(self, principal: Principal) -> tuple[datetime | None, Sequence[Healed]]:
        """Return when the last audit was, and the latest findings, newest first: of the whole site, or none."""
        scope = require(principal, Right.LIVE_VIEW)
        return self.at, self.last if scope >= Scope.SITE else ()


class Strikes:
    """Counts how often in a row each finding was made."""

    def __init__(self) -> None:
        self._before: dict[Finding, int] = {}

    def count(self, found: Collection[Finding]) -> list[Finding]:
        """Return what was found now and the time before; counted anew afterwards, so that healing has time to work."""
        counts = {one: self._before.get(one, 0) + 1 for one in found}
        confirmed = [one for one, count in counts.items() if count > 1]
        self._before = {one: count for one, count in counts.items() if count == 1}
        return confirmed


def of_pbx(picture: Picture, server_id: ServerId, legs: Sequence[ports.LiveLeg]) -> set[Finding]:
    """Compare the picture with what is up on a PBX."""
    up = {leg.leg_id: leg for leg in legs}
    found = set()
    for item in picture.interactions.values():
        code = _call_code(item, up) if item.server_id == server_id and item.phase is not Phase.ENDED else None
        if code is not None:
            found.add(Finding(code, item.interaction_id, server_id))
    for leg in legs:
        code = _leg_code(picture, server_id, leg)
        if code is not None:
            found.add(Finding(code, leg.leg_id, server_id))
    return found


def _call_code(item: Interaction, up: Mapping[LegId, ports.LiveLeg]) -> Code | None:
    if not item.is_on_line and item.phase in _IN_LINE:
        return None
    leg = up.get(item.leg_id)
    if leg is None:
        return Code.CALL_GONE
    if item.phase is Phase.TALKING and leg.peer is None:
        return Code.TALK_OVER
    if item.phase is Phase.HELD and item.segment is not None and LegId(item.segment.segment_id) not in up:
        return Code.TALK_OVER
    if leg.peer is not None and up[leg.peer].endpoint.startswith("agent-"):
        return Code.TALK_UNKNOWN if item.phase in (*_IN_LINE, Phase.HELD) else None
    is_astray = leg.place in (ports.CallerPlace.FALLBACK, ports.CallerPlace.OTHER)
    return Code.CALLER_ASTRAY if item.phase is Phase.WAITING and is_astray else None


def _leg_code(picture: Picture, server_id: ServerId, leg: ports.LiveLeg) -> Code | None:
    if leg.serves is not None:
        return None if picture.is_wanted(leg.serves) else Code.FAR_LEG_FOR_NOBODY
    if leg.is_customer and picture.find_by_leg(server_id, leg.leg_id) is None:
        return Code.LEG_FOR_NOBODY if is_id(leg.leg_id) else Code.CALL_UNKNOWN
    if leg.is_customer:
        return None
    if picture.is_parked_for_nobody(leg):
        return Code.LEG_FOR_NOBODY
    is_alert = is_id(leg.leg_id) and leg.peer is None and not leg.is_up
    return Code.LEG_FOR_NOBODY if is_alert and picture.find_by_reservation(leg.leg_id) is None else None


class IdleRound:
    """Goes round all pairs of a waiting interaction and an idle agent, ``PAIRS`` of them in one audit.

    What it found is looked at again the next time, so that two audits in a row can find it.
    """

    def __init__(self) -> None:
        self._next = 0
        self._found: set[Finding] = set()

    def look(self, engine: Engine, now: float) -> set[Finding]:
        """Return who is left idle, among the next pairs and those found the time before."""
        idle = [agent for agent in engine.agents.values() if _is_free(agent)]
        waiting = [item for item in engine.items.values() if item.state is ItemState.WAITING] if idle else []
        total = len(idle) * len(waiting)
        chosen = (divmod(number % total, len(idle)) for number in range(self._next, self._next + min(PAIRS, total)))
        pairs = chain(((waiting[row], idle[column]) for row, column in chosen), self._pairs_again(engine))
        self._next = (self._next + PAIRS) % total if total else 0
        self._found = {
            Finding(Code.AGENT_LEFT_IDLE, item.interaction_id, agent_id=agent.id)
            for item, agent in pairs
            if engine.refusal(agent, item) is None
        }
        return set(self._found)

    def _pairs_again(self, engine: Engine) -> Iterator[tuple[Item, Agent]]:
        for finding in self._found:
            item = engine.items.get(InteractionId(finding.about))
            agent = engine.agents.get(finding.agent_id or AgentId(""))
            if item is not None and item.state is ItemState.WAITING and agent is not None and _is_free(agent):
                yield item, agent


def of_router(picture: Picture, engine: Engine, now: datetime, idle: IdleRound) -> set[Finding]:
    """Compare the picture with what the router holds; ``idle`` knows which agents' turn it is."""
    linked = {link.server_id for link in picture.links.values() if link.up}  # before, the router is not told of them
    found = {
        Finding(Code.NOT_IN_LINE, item.interaction_id)
        for item in picture.waiting()
        if item.phase is Phase.WAITING and item.server_id in linked and item.interaction_id not in engine.items
    }
    for routed in engine.items.values():
        item = picture.interactions.get(routed.interaction_id)
        if routed.state is ItemState.WAITING and (item is None or item.phase not in _IN_LINE):
            found.add(Finding(Code.IN_LINE_FOR_NOBODY, routed.interaction_id))
    for agent in engine.agents.values():
        for work in agent.assignments.values():
            if not _is_for_somebody(picture, work):
                found.add(Finding(Code.WORK_FOR_NOBODY, work.interaction_id, agent_id=agent.id))
    return found | idle.look(engine, now.timestamp())


def _is_for_somebody(picture: Picture, work: Assignment) -> bool:
    item = picture.interactions.get(work.interaction_id)
    if item is None:
        return False
    if work.state in (Work.RESERVED, Work.REVOKING):
        return item.alert is not None and item.alert.reservation_id == work.reservation_id
    return item.part_of(work.agent.id) is not None


def _is_free(agent: Agent) -> bool:
    return not agent.assignments and agent.device_usable and agent.presence == "ready"


def of_ages(picture: Picture, now: datetime) -> set[Finding]:
    """Return the interactions that stand in a state longer than it can last."""
    wraps = {
        Finding(Code.TOO_LONG_IN_WRAP_UP, item.interaction_id, item.server_id, segment.agent_id)
        for item in picture.interactions.values()
        for segment in item.open_segments
        if segment.wrap_up_until and now - segment.wrap_up_until > WRAP_UP_MOST
    }
    return wraps | {Finding(code, item.interaction_id, item.server_id) for item, code in _stuck(picture, now)}


def _stuck(picture: Picture, now: datetime) -> Iterator[tuple[Interaction, Code]]:
    """What only its PBX can end does not stick while that is away: its picture, once it is back, tells."""
    for item in picture.interactions.values():
        segment, link = item.segment, picture.links.get(item.server_id)
        if link is not None and not link.up:
            continue
        if item.phase is Phase.FLOW and now - item.arrived_at > FLOW_MOST:
            yield item, Code.TOO_LONG_IN_FLOW
        if item.alert is not None and now - item.alert.expires_at > ALERT_MOST:
            yield item, Code.TOO_LONG_ALERTING
        left_at = segment.ended_at if segment else item.arrived_at + FLOW_MOST
        if item.phase is Phase.LEAVING and left_at and now - left_at > LEAVING_MOST:
            yield item, Code.TOO_LONG_LEAVING


def of_rows(picture: Picture, open_ids: Collection[InteractionId]) -> set[Finding]:
    """Return the interactions that are open in the store and unknown to us."""
    return {Finding(Code.ROW_LEFT_OPEN, one) for one in open_ids if one not in picture.interactions}
