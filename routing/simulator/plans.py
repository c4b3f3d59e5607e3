"""What a simulated day is made of, whichever file it came from: queues, agents with their hours, callers.

Instants are seconds since the day began, durations seconds. A plan is complete and fixed before the day begins: what a
caller will do (patience, handle time) belongs to the caller, not to the rule, so that rules meet the same callers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import SkillId, TeamId
from routing.commands import VOICE, Presence, QueueRules, Requirement, Service
from routing.requirements import join

_NOTHING = Requirement()


class PlanError(Invalid):
    """A file cannot be simulated; ``fields`` name file, key and reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__("simulation-file-invalid", {"file": file, "key": key, "reason": reason})


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue, a class of callers in the figures. ``target``: the T of its service level."""

    name: str
    target: float
    rules: QueueRules
    vip: bool = False


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent; ``group`` is for the figures. ``capacity`` and ``queues`` as in ``commands.AddAgent``."""

    name: str
    group: str
    skills: Mapping[SkillId, int]
    capacity: Mapping[str, int] = field(default_factory=lambda: {VOICE: 1})
    queues: Mapping[str, Service] | None = None
    team: TeamId | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """From ``at`` on an agent (by place in the plan) is ready, not ready or offline."""

    at: float
    agent: int
    presence: Presence


@dataclass(frozen=True, slots=True)
class Caller:
    """One interaction to be: what it brings, how long it would wait (maybe for ever) and how long it takes.

    ``handle_time`` is talk and wrap-up together. ``requirement`` is its own, that of the queue is added. The rest as in
    ``commands.Enqueue``; ``due_at`` in seconds of the day.
    """

    name: str
    at: float
    queue: str
    patience: float
    handle_time: float
    vip: bool = False
    requirement: Requirement = _NOTHING
    medium: str = VOICE
    priority: int = 0
    due_at: float | None = None
    outbound: bool = False
    value: float = 0.0
    preferred: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A day. ``callers`` and ``shifts`` in order of their instants; who has no shift at all is ready throughout.

    Figures count callers that enter in ``[counted_from, until)`` and time of agents within it.
    """

    queues: Mapping[str, Queue]
    agents: tuple[Agent, ...]
    shifts: tuple[Shift, ...]
    callers: tuple[Caller, ...]
    counted_from: float
    until: float

    def needs(self, caller: Caller) -> Requirement:
        """What an agent must have for this caller: the queue's and the caller's own, without any relaxation."""
        return join(self.queues[caller.queue].rules.requirement, caller.requirement)


def meets(person: Agent, queue: str, medium: str, needs: Requirement) -> bool:
    """Return whether a free agent could take such an item at all; delays in the queue are not looked at."""
    levels = person.skills
    return (
        medium in person.capacity
        and (person.queues is None or queue in person.queues)
        and (not needs.teams or person.team in needs.teams)
        and all(levels.get(skill, 0) >= level for skill, level in needs.skills)
        and all(any(levels.get(skill, 0) >= level for skill, level in group) for group in needs.any_of)
    )
