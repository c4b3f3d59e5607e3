"""Traces (JSON lines): callers and agents as they were, one thing a line, instead of a scenario's chance.

Read with distrust, like scenarios; a complaint names file, line, key and reason. The lines may stand in any order; the
format: docs/routing/simulator.md.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from contactcenter.core.ids import QueueId, SkillId, TeamId
from routing.commands import VOICE, Presence, QueueRules, Requirement, Service
from routing.simulator.plans import Agent, Caller, Plan, PlanError, Queue, Shift
from routing.simulator.scenario import Capacity, Level, Name, Target, complaint, queue_rules

TARGET: Final = 20.0
"""Seconds of the service level where a queue says nothing."""

At = Annotated[float, Meta(ge=0, le=100_000_000)]
Skills = list[Name] | Mapping[Name, Level]


class _Line(msgspec.Struct, forbid_unknown_fields=True, tag_field="type"):
    """One line."""


class QueueLine(_Line, tag="queue"):
    """A queue; one that only arrivals name has a target of 20 s and the rules' defaults."""

    name: Name
    target: Target = TARGET
    skills: Skills = []
    any_of: list[Mapping[Name, Level]] = []
    teams: list[Name] = []
    preferred: Skills = []
    rules: Mapping[str, Any] = {}


class ServiceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an agent serves a queue, see ``commands.Service``."""

    order: Annotated[int, Meta(ge=0, le=1000)] = 0
    delay: Target = 0.0


class AgentLine(_Line, tag="agent"):
    """An agent; there from the beginning unless presence lines say when."""

    id: Name
    group: Name = "agents"
    skills: Skills = []
    capacity: Capacity = msgspec.field(default_factory=lambda: {VOICE: 1})
    queues: list[Name] | Mapping[Name, ServiceLine] | None = None
    team: Name | None = None


class PresenceLine(_Line, tag="presence"):
    """From ``at`` on the agent is ready, not-ready or offline; before the first of his lines he is offline."""

    at: At
    agent: Name
    presence: Presence


class ArrivalLine(_Line, tag="arrival"):
    """An interaction that enters a queue. ``patience`` None: waits for ever."""

    at: At
    queue: Name
    handle_time: Target
    id: Name | None = None
    patience: Target | None = None
    skills: Skills = []
    medium: Name = VOICE
    priority: int = 0
    vip: bool = False
    due_at: At | None = None
    outbound: bool = False
    value: Target = 0.0
    preferred_agent: Name | None = None


Line = QueueLine | AgentLine | PresenceLine | ArrivalLine
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


@dataclass(slots=True)
class _Reading:
    """What was read so far, with the number of each line for complaints."""

    file: str
    queues: dict[str, Queue] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    presences: list[tuple[int, PresenceLine]] = field(default_factory=list)
    arrivals: list[tuple[int, ArrivalLine]] = field(default_factory=list)
    number: int = 0

    def wrong(self, key: str, reason: str, number: int | None = None) -> PlanError:
        return PlanError(self.file, f"line {self.number if number is None else number}: {key}", reason)

    def take(self, line: Line) -> None:
        if isinstance(line, ArrivalLine):
            self.arrivals.append((self.number, line))
        elif isinstance(line, PresenceLine):
            self.presences.append((self.number, line))
        elif isinstance(line, AgentLine):
            if line.id in self.agents:
                raise self.wrong("id", f"the agent {line.id!r} stands there twice")
            team = None if line.team is None else TeamId(line.team)
            skills = dict(_levels(line.skills))
            self.agents[line.id] = Agent(line.id, line.group, skills, line.capacity, _services(line), team)
        else:
            if line.name in self.queues:
                raise self.wrong("name", f"the queue {line.name!r} stands there twice")
            place = (self.file, f"line {self.number}: rules")
            rules = queue_rules(line.rules, line.name, line.target, _requirement(line), place)
            self.queues[line.name] = Queue(line.name, line.target, rules)

    def plan(self) -> Plan:
        if not self.agents:
            raise PlanError(self.file, "agent", "there is no agent")
        if not self.arrivals:
            raise PlanError(self.file, "arrival", "nobody arrives")
        places = {name: number for number, name in enumerate(self.agents)}
        shifts = [self._shift(number, line, places) for number, line in self.presences]
        callers = self._callers()
        return Plan(
            queues=self.queues,
            agents=tuple(self.agents.values()),
            shifts=tuple(sorted(shifts, key=lambda shift: shift.at)),
            callers=tuple(sorted(callers, key=lambda caller: caller.at)),
            counted_from=0.0,
            until=math.nextafter(max(caller.at for caller in callers), math.inf),
        )

    def _shift(self, number: int, line: PresenceLine, places: Mapping[str, int]) -> Shift:
        if line.agent not in places:
            raise self.wrong("agent", f"there is no agent {line.agent!r}", number)
        return Shift(line.at, places[line.agent], line.presence)

    def _callers(self) -> list[Caller]:
        found: dict[str, Caller] = {}
        for number, line in self.arrivals:
            caller = self._caller(number, line)
            if caller.name in found:
                raise self.wrong("id", f"the interaction {caller.name!r} stands there twice", number)
            found[caller.name] = caller
        return list(found.values())

    def _caller(self, number: int, line: ArrivalLine) -> Caller:
        if line.queue not in self.queues:
            self.queues[line.queue] = Queue(line.queue, TARGET, QueueRules(QueueId(line.queue), target_time=TARGET))
        if line.preferred_agent is not None and line.preferred_agent not in self.agents:
            raise self.wrong("preferred_agent", f"there is no agent {line.preferred_agent!r}", number)
        return Caller(
            name=line.id or f"line-{number}",
            at=line.at,
            queue=line.queue,
            patience=math.inf if line.patience is None else line.patience,
            handle_time=line.handle_time,
            vip=line.vip,
            requirement=Requirement(_levels(line.skills)),
            medium=line.medium,
            priority=line.priority,
            due_at=line.due_at,
            outbound=line.outbound,
            value=line.value,
            preferred=line.preferred_agent,
        )


def _levels(skills: Skills) -> tuple[tuple[SkillId, int], ...]:
    levels = skills if isinstance(skills, Mapping) else dict.fromkeys(skills, 1)
    return tuple(sorted((SkillId(name), level) for name, level in levels.items()))


def _requirement(line: QueueLine) -> Requirement:
    groups = tuple(sorted(_levels(group) for group in line.any_of))
    teams = tuple(sorted(TeamId(team) for team in line.teams))
    return Requirement(_levels(line.skills), groups, teams, _levels(line.preferred))


def _services(line: AgentLine) -> dict[str, Service] | None:
    if line.queues is None:
        return None
    if isinstance(line.queues, Mapping):
        return {name: Service(one.order, one.delay) for name, one in line.queues.items()}
    return dict.fromkeys(line.queues, Service())


def read_trace(lines: Iterable[bytes], file: str) -> Plan:
    """Return the plan of a trace, figures from its beginning to the last arrival. Raises: PlanError."""
    reading = _Reading(file)
    for number, text in enumerate(lines, 1):
        reading.number = number
        if text.strip():
            reading.take(_decoded(text, reading))
    return reading.plan()


def _decoded(text: bytes, reading: _Reading) -> Line:
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise reading.wrong(*complaint(error)) from None


def line_of(decision: Mapping[str, Any]) -> bytes:
    """Return one decision of a day (``day.Note``) as a line of the file of decisions; instants to the microsecond."""
    rounded = {name: round(one, 6) if isinstance(one, float) else one for name, one in decision.items()}
    return msgspec.json.encode(rounded) + b"\n"
