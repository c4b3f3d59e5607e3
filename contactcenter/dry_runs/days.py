"""One day as a trace of the simulator, made of its rows. Pure; the same rows give the same trace.

A caller is one who entered a queue that day, in the first queue he came to: where its rules sent him on, he is the same
caller. One who is put through to another queue after a conversation is a caller anew. What he would have done had
things gone otherwise is not known: docs/routing/simulator.md says what is assumed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isinf
from operator import attrgetter
from random import Random
from typing import Any, Final

import msgspec

from contactcenter.core.ids import AgentId, QueueId, SkillId
from contactcenter.dry_runs.model import Ask, Assumed, LeftOut, Offering, PresenceRow, VisitRow
from contactcenter.dry_runs.patience import ENOUGH, Patience
from contactcenter.queues.model import Queue
from contactcenter.queues.rules import rules_of
from routing.commands import Presence
from routing.simulator.scenario import OWN_RULES

ANSWERED: Final = "answered"
ABANDONED: Final = "abandoned"
FLOWED_OUT: Final = "flowed-out"
_ENTERED = attrgetter("entered")
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Real:
    """What really became of a caller: ``wait`` seconds from his first queue to his ``end``, '' when that is unknown."""

    queue_id: QueueId
    wait: float
    end: str


@dataclass(slots=True)
class _Caller:
    """A caller: the visit he began with, and the last one his way led to."""

    first: VisitRow
    last: VisitRow

    @property
    def real(self) -> Real:
        last = self.last
        return Real(self.first.queue_id, max(0.0, (last.ended or last.entered) - self.first.entered), last.end or "")


@dataclass(slots=True)
class TracedDay:
    """A day as lines of a trace, with what really happened and what is not in it; ``agents``: who was ready at all."""

    queues: list[Line]
    agents: list[Line]
    presences: list[Line]
    arrivals: list[Line] = field(default_factory=list)
    real: list[Real] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    assumed: Assumed = field(default_factory=Assumed)
    ready_agents: int = 0
    is_answered: bool = True

    def lines(self) -> Iterator[Line]:
        """Yield every line of the trace."""
        yield from self.queues
        yield from self.agents
        yield from self.presences
        yield from self.arrivals


def traced_day(ask: Ask, visits: Iterable[VisitRow], presences: Iterable[PresenceRow]) -> TracedDay:
    """Return the day of these rows. Visits of contacts that came before it, and lasted into it, may be among them."""
    shifts = _shifts(ask, presences)
    day = TracedDay(
        [queue_line(queue) for queue in ask.queues],
        [_agent_line(one) for one in ask.agents],
        shifts,
        ready_agents=len({line["agent"] for line in shifts if line["presence"] == Presence.READY}),
    )
    rows = list(visits)
    callers = [one for one in _callers(rows) if ask.began <= one.first.entered < ask.ended]
    callers.sort(key=lambda one: (one.first.entered, one.first.visit_id))
    known = _known(ask, callers)
    gone = {one.agent_id for one in rows if one.agent_id and ask.began <= one.entered < ask.ended} - {
        one.agent_id for one in ask.agents
    }
    queue_gone, skill_gone = (sum(why == one for why in known.values()) for one in ("queue", "skill"))
    day.left_out = LeftOut(queue_gone, skill_gone, len(gone))
    _tell(day, ask, [one for one in callers if one.first.visit_id not in known])
    return day


def queue_line(queue: Queue) -> Line:
    """Return a queue's line of a trace; its name there is its id."""
    rules = rules_of(queue)
    need = rules.requirement
    kept = {name: one for name, one in msgspec.to_builtins(rules).items() if name not in OWN_RULES}
    return {
        "type": "queue",
        "name": queue.queue_id,
        "target": queue.target_time,
        "skills": dict(need.skills),
        "any_of": [dict(group) for group in need.any_of],
        "teams": list(need.teams),
        "preferred": dict(need.preferred),
        "rules": kept,
    }


def _agent_line(one: Offering) -> Line:
    line: Line = {
        "type": "agent",
        "id": one.agent_id,
        "skills": dict(one.skills),
        "capacity": {medium: number for medium, number in one.capacity.items() if number},
    }
    if one.queues is not None:
        line["queues"] = {queue: {"order": how.order, "delay": how.delay} for queue, how in one.queues.items()}
    return line if one.team_id is None else {**line, "team": one.team_id}


# ------------------------------------------------------------------ agents' hours


def _shifts(ask: Ask, rows: Iterable[PresenceRow]) -> list[Line]:
    """Return each agent's presence as the day began, and its changes in it; one nothing is known of is offline."""
    there = {one.agent_id: Presence.OFFLINE.value for one in ask.agents}
    changes: list[PresenceRow] = []
    for row in rows:
        if row.agent_id not in there or row.at >= ask.ended:
            continue
        if row.at <= ask.began:
            there[row.agent_id] = row.presence
        else:
            changes.append(row)
    began = [_presence_line(0.0, agent, presence) for agent, presence in there.items()]
    changes.sort(key=attrgetter("at"))
    return began + [_presence_line(one.at - ask.began, one.agent_id, one.presence) for one in changes]


def _presence_line(at: float, agent: AgentId, presence: str) -> Line:
    return {"type": "presence", "at": round(at, 6), "agent": agent, "presence": presence}


# ------------------------------------------------------------------ callers


def _callers(rows: Iterable[VisitRow]) -> Iterator[_Caller]:
    by_contact: dict[str, list[VisitRow]] = defaultdict(list)
    for row in rows:
        by_contact[row.interaction_id].append(row)
    for visits in by_contact.values():
        caller: _Caller | None = None
        for visit in sorted(visits, key=_ENTERED):
            if caller is not None and caller.last.end == FLOWED_OUT:
                caller.last = visit
                continue
            if caller is not None:
                yield caller
            caller = _Caller(visit, visit)
        if caller is not None:
            yield caller


def _known(ask: Ask, callers: Iterable[_Caller]) -> Mapping[str, str]:
    """Return of each caller who cannot be played, by his visit, what is no more: ``queue`` or ``skill``."""
    queues, skills = {one.queue_id for one in ask.queues}, set(ask.skills)
    found = {}
    for one in callers:
        if one.first.queue_id not in queues:
            found[one.first.visit_id] = "queue"
        elif not skills.issuperset(one.first.skills):
            found[one.first.visit_id] = "skill"
    return found


def _tell(day: TracedDay, ask: Ask, callers: Sequence[_Caller]) -> None:
    """Write the callers' lines: what is not known of one is drawn by dice of his own, so that others change nothing."""
    day.real = [one.real for one in callers]
    estimates, talks = _Estimates(day.real), _Talks(callers)
    day.is_answered = bool(talks.every)
    if not day.is_answered:
        return
    patience = for_ever = handle_time = 0
    for one, real in zip(callers, day.real, strict=True):
        dice = Random(f"{ask.date}/{one.first.visit_id}")
        takes = one.last.handle_time
        if takes is None:
            handle_time += 1
            takes = dice.choice(talks.of(one.first.queue_id))
        waits = real.wait
        if real.end != ABANDONED:
            patience += 1
            waits = estimates.of(one.first.queue_id).draw(real.wait, dice)
            for_ever += isinf(waits)
        day.arrivals.append(_arrival(one.first, one.first.entered - ask.began, takes, waits))
    day.assumed = Assumed(patience, for_ever, handle_time)


class _Estimates:
    """How patient the callers of a queue are: by its own abandonments, or by those of all when it has too few."""

    def __init__(self, real: Sequence[Real]) -> None:
        waits: dict[QueueId, list[tuple[float, bool]]] = defaultdict(list)
        for one in real:
            waits[one.queue_id].append((one.wait, one.end == ABANDONED))
        self._own = {queue: Patience(found) for queue, found in waits.items()}
        self._every = Patience([one for found in waits.values() for one in found])

    def of(self, queue_id: QueueId) -> Patience:
        own = self._own[queue_id]
        return own if own.abandonments >= ENOUGH else self._every


class _Talks:
    """Handle times that were seen that day."""

    def __init__(self, callers: Iterable[_Caller]) -> None:
        self._own: dict[QueueId, list[float]] = defaultdict(list)
        for one in callers:
            if one.last.handle_time is not None:
                self._own[one.first.queue_id].append(one.last.handle_time)
        self.every = [seconds for found in self._own.values() for seconds in found]

    def of(self, queue_id: QueueId) -> Sequence[float]:
        return self._own.get(queue_id) or self.every


def _arrival(visit: VisitRow, at: float, takes: float, waits: float) -> Line:
    skills: dict[SkillId, int] = {skill: level for skill, level in visit.skills.items() if level > 0}
    line: Line = {
        "type": "arrival",
        "at": round(at, 6),
        "id": visit.visit_id,
        "queue": visit.queue_id,
        "handle_time": round(takes, 6),
        "medium": visit.medium,
        "priority": visit.priority,
        "skills": skills,
        "vip": visit.vip,
        "value": visit.value,
    }
    return line if isinf(waits) else {**line, "patience": round(waits, 6)}
