"""Rules that share out work in a simulated day: what a rule is, and the reference rules that ours is measured against.

The reference rules are those of the scenarios (docs/routing/simulator.md): agents take one interaction at a time, an
arriving item goes to the longest idle agent who can take it, and they differ in what a freed agent gets. They know
skills, queues, teams and media, but neither steps of relaxation nor delays, preferred agents or due instants.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from random import Random
from typing import ClassVar, NamedTuple

from contactcenter.core.errors import Invalid
from routing.commands import Presence, Requirement
from routing.simulator.plans import Agent, Plan, meets


class Start(NamedTuple):
    """From now on this agent handles this caller (both by place in the plan), because of ``rule``."""

    caller: int
    agent: int
    rule: str


class SetAside(NamedTuple):
    """The conversation is interrupted by something that cannot wait."""

    caller: int
    agent: int


class Resume(NamedTuple):
    """The conversation set aside goes on."""

    caller: int
    agent: int


Effect = Start | SetAside | Resume


class Rule(ABC):
    """Who gets what. Told of everything that happens, in order of time; answers with what follows at that instant.

    Callers and agents are named by their place in the plan. Agents are away until a ``shift`` makes them ready.
    """

    @abstractmethod
    def shift(self, agent: int, presence: Presence, now: float) -> Sequence[Effect]:
        """An agent chose his presence; what he handles goes on."""

    @abstractmethod
    def arrive(self, caller: int, now: float) -> Sequence[Effect]:
        """A caller enters his queue."""

    @abstractmethod
    def abandon(self, caller: int, now: float) -> Sequence[Effect]:
        """A caller who waits gives up."""

    @abstractmethod
    def finish(self, caller: int, agent: int, now: float) -> Sequence[Effect]:
        """An agent is done with a caller, wrap-up included."""

    def next_deadline(self) -> float | None:
        """Return the instant of the next ``tick`` that is needed, None for none."""
        return None

    def tick(self, now: float) -> Sequence[Effect]:
        """What time changes by itself has changed by now."""
        return ()


class _Line:
    """Callers in order of arrival who are alike to every agent; ``able``: the kinds of agents that can take them."""

    __slots__ = ("able", "callers", "priority", "queue", "vip")

    def __init__(self, queue: str, vip: bool, priority: int) -> None:
        self.queue, self.vip, self.priority = queue, vip, priority
        self.able: set[int] = set()
        self.callers: dict[int, None] = {}

    @property
    def first(self) -> int:
        """The caller who came first; callers are numbered in order of arrival."""
        return next(iter(self.callers))


class ReferenceRule(Rule):
    """One interaction an agent; the longest idle of those able takes who arrives; ``choose`` tells the rest."""

    reason: ClassVar[str]
    """Why a freed agent got the one he got."""

    def __init__(self, plan: Plan, dice: Random) -> None:
        self._plan = plan
        self._dice = dice
        self._lines: dict[tuple[str, str, Requirement, bool, int], _Line] = {}
        self._line_of: dict[int, _Line] = {}
        self._idle: dict[int, None] = {}  # the longest idle first
        self._ready: set[int] = set()
        self._busy: set[int] = set()
        self._kind_of, self._kinds = _kinds(plan.agents)
        self._serves: list[list[_Line]] = [[] for _ in self._kinds]

    @abstractmethod
    def choose(self, lines: Sequence[_Line]) -> _Line:
        """Return the line whose first caller a freed agent takes; each of them has one."""

    def able(self, person: Agent, queue: str, medium: str, needs: Requirement) -> bool:
        """Return whether a free agent could take such a caller."""
        return meets(person, queue, medium, needs)

    def shift(self, agent: int, presence: Presence, now: float) -> Sequence[Effect]:
        """See Rule."""
        if presence is not Presence.READY:
            self._ready.discard(agent)
            self._idle.pop(agent, None)
            return ()
        if agent in self._ready:
            return ()
        self._ready.add(agent)
        return () if agent in self._busy else self._next_for(agent)

    def arrive(self, caller: int, now: float) -> Sequence[Effect]:
        """See Rule."""
        line = self._find_line(caller)
        able, kind_of = line.able, self._kind_of
        for agent in self._idle:
            if kind_of[agent] in able:
                del self._idle[agent]
                return self._start(caller, agent, "longest-idle")
        line.callers[caller] = None
        self._line_of[caller] = line
        return ()

    def abandon(self, caller: int, now: float) -> Sequence[Effect]:
        """See Rule."""
        del self._line_of.pop(caller).callers[caller]
        return ()

    def finish(self, caller: int, agent: int, now: float) -> Sequence[Effect]:
        """See Rule."""
        self._busy.remove(agent)
        return self._next_for(agent) if agent in self._ready else ()

    def _next_for(self, agent: int) -> Sequence[Effect]:
        lines = [line for line in self._serves[self._kind_of[agent]] if line.callers]
        if not lines:
            self._idle[agent] = None
            return ()
        line = self.choose(lines)
        caller = line.first
        del line.callers[caller], self._line_of[caller]
        return self._start(caller, agent, self.reason)

    def _start(self, caller: int, agent: int, reason: str) -> Sequence[Effect]:
        self._busy.add(agent)
        return (Start(caller, agent, reason),)

    def _find_line(self, number: int) -> _Line:
        caller = self._plan.callers[number]
        key = (caller.queue, caller.medium, caller.requirement, caller.vip, caller.priority)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(caller.queue, caller.vip, caller.priority)
            needs = self._plan.needs(caller)
            for kind, person in enumerate(self._kinds):
                if self.able(person, caller.queue, caller.medium, needs):
                    line.able.add(kind)
                    self._serves[kind].append(line)
        return line


def _kinds(agents: Iterable[Agent]) -> tuple[list[int], list[Agent]]:
    """Return the kind of every agent, and one agent of every kind: alike in all that matters here."""
    kinds: list[Agent] = []
    numbers: dict[object, int] = {}
    kind_of = []
    for person in agents:
        if any(number > 1 for number in person.capacity.values()):
            raise Invalid("simulation-rule-unfit", {"agent": person.name, "capacity": "more than one at a time"})
        queues = None if person.queues is None else frozenset(person.queues)
        key = (frozenset(person.skills.items()), frozenset(person.capacity), queues, person.team)
        if key not in numbers:
            numbers[key] = len(kinds)
            kinds.append(person)
        kind_of.append(numbers[key])
    return kind_of, kinds


class AppQueue(ReferenceRule):
    """As Asterisk's ``app_queue`` does: queues know nothing of each other, those with somebody waiting race."""

    reason = "race"

    def choose(self, lines: Sequence[_Line]) -> _Line:
        """A uniform choice among the queues, within it who came first."""
        queues: dict[str, list[_Line]] = {}
        for line in lines:
            queues.setdefault(line.queue, []).append(line)
        return min(queues[self._dice.choice(list(queues))], key=lambda line: line.first)


class StrictPriority(ReferenceRule):
    """VIP first, then higher priority, then who came first, over all queues of the agent."""

    reason = "vip-then-oldest"

    def choose(self, lines: Sequence[_Line]) -> _Line:
        """See the class."""
        return min(lines, key=lambda line: (not line.vip, -line.priority, line.first))


class Pooled(ReferenceRule):
    """The limit: one line for all, first come first served, and every agent has every skill."""

    reason = "oldest"

    def able(self, person: Agent, queue: str, medium: str, needs: Requirement) -> bool:
        """Everybody can do everything."""
        return True

    def choose(self, lines: Sequence[_Line]) -> _Line:
        """See the class."""
        return min(lines, key=lambda line: line.first)


REFERENCES: dict[str, type[ReferenceRule]] = {"app-queue": AppQueue, "strict": StrictPriority, "pooled": Pooled}
"""The reference rules by the words of the command line."""
