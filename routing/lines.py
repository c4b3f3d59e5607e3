"""Queues and the lines in them: everybody who waits for the same with the same right to go first."""

from bisect import bisect_left
from typing import Any, NamedTuple

from routing.commands import QueueRules, RelaxationStep, Requirement, WorkOrder
from routing.eligibility import Slot
from routing.heads import Entry, Heads
from routing.profiles import numbers_of
from routing.requirements import Profile, join, relax
from routing.strategies import missing, tier


class LineKey(NamedTuple):
    """What the items of a line have in common, within one queue.

    ``requirement`` is their own, before it is joined with the queue's; ``steps`` how many relaxation steps they have
    behind them, ``delay`` the longest delay; ``points``: their priority, where queues compete level by level.
    """

    medium: str
    requirement: Requirement
    steps: int
    delay: float
    rank_class: int
    points: int
    vip: bool


class Tier(NamedTuple):
    """Profiles among which only the time of idleness tells."""

    bits: int
    members: frozenset[int]


class Group(NamedTuple):
    """The profiles of one order in the queue that lack equally many preferred skills, in tiers of the agent rule."""

    bits: int
    members: frozenset[int]
    tiers: tuple[Tier, ...]


class Queue:
    """One queue: its rules, its lines, how many wait in it, and where it stands among the queues by length."""

    __slots__ = ("_stages", "instants", "lines", "place", "pools", "rules", "score", "steps", "waiting")

    def __init__(self, rules: QueueRules, delays: set[float]) -> None:
        self.lines: dict[LineKey, Line] = {}
        self.pools: dict[int, Heads] = {}  # priority -> the queue's lines of that level, where it is ``balanced``
        self.waiting = 0
        self.score = 0.0  # the smaller, the longer
        self.place = 0
        self.define(rules, delays)

    def define(self, rules: QueueRules, delays: set[float]) -> None:
        """Take over new rules, and the delays of those who serve the queue; nobody may wait in it."""
        self.rules = rules
        self.steps: tuple[RelaxationStep, ...] = tuple(sorted(rules.steps, key=lambda step: step.after))
        self.instants = sorted({*delays, *(step.after for step in self.steps)} - {0.0})
        self._stages = [(0.0, *self._stage(0.0, delays)), *((t, *self._stage(t, delays)) for t in self.instants)]

    def _stage(self, waited: float, delays: set[float]) -> tuple[int, float]:
        return sum(step.after <= waited for step in self.steps), max((d for d in delays if d <= waited), default=0.0)

    def stage(self, entered_at: float, now: float) -> tuple[int, float]:
        """Return how many steps, and which delay, who entered then has behind him."""
        steps, delay = 0, 0.0
        for after, steps_then, delay_then in self._stages:
            if after and entered_at + after > now:
                break
            steps, delay = steps_then, delay_then
        return steps, delay

    def needs(self, requirement: Requirement, steps: int) -> Requirement:
        """Return what is demanded after so many steps of who came with this requirement."""
        return relax(join(requirement, self.rules.requirement), self.steps[:steps])

    @property
    def is_balanced(self) -> bool:
        """Whether it competes by its length."""
        return self.rules.order is WorkOrder.BALANCED


class Line:
    """One line. ``waiting`` is a sorted list of entries (key, id, Item); ``profiles`` has the bits and ``members`` the
    numbers of the profiles that meet ``needs``; ``pool`` are the heads it competes among; ``held`` counts those who
    would stand here if they did not wait for one agent.
    """

    __slots__ = (
        "_groups",
        "held",
        "is_listed",
        "key",
        "members",
        "needs",
        "number",
        "pool",
        "profiles",
        "queue",
        "slot",
        "slot_number",
        "waiting",
    )

    def __init__(self, number: int, queue: Queue, key: LineKey, slot_number: int, slot: Slot, pool: Heads) -> None:
        self.number = number
        self.queue = queue
        self.key = key
        self.slot_number = slot_number
        self.slot = slot
        self.pool = pool
        self.needs = queue.needs(key.requirement, key.steps)
        self.waiting: list[Entry] = []
        self.held = 0
        self.is_listed = False  # among those that are or were empty
        self.profiles = 0
        self.members: set[int] = set()
        self._groups: list[Group] | None = None

    @property
    def reserve(self) -> int:
        """How many agents must be left for VIP."""
        return 0 if self.key.vip else self.queue.rules.vip_reserve

    def join(self, profile: Profile) -> None:
        """A profile meets its needs."""
        self.profiles |= 1 << profile.index
        self.members.add(profile.index)
        self._groups = None

    def meet(self, bits: int) -> None:
        """These profiles meet its needs."""
        self.profiles = bits
        self.members = set(numbers_of(bits))
        self._groups = None

    def groups(self, book: list[Profile]) -> list[Group]:
        """Return the profiles that meet its needs, in the order in which their agents are asked."""
        if self._groups is None:
            self._groups = self._grouped(book)
        return self._groups

    def _grouped(self, book: list[Profile]) -> list[Group]:
        rules = self.queue.rules
        places: dict[tuple[int, int], dict[int, set[int]]] = {}
        for number in self.members:
            profile = book[number]
            order = profile.service(rules.queue_id).order
            first = (order, missing(profile, self.needs.preferred))
            places.setdefault(first, {}).setdefault(tier(rules.agent_rule, profile, self.needs), set()).add(number)
        groups = []
        for _, tiers in sorted(places.items(), key=lambda one: one[0]):
            ranked = tuple(_tier(tiers[level]) for level in sorted(tiers))
            members = frozenset().union(*(one.members for one in ranked))
            groups.append(Group(_bits(members), members, ranked))
        return groups

    def before(self, key: float, interaction_id: str) -> int:
        """Return how many of it stand before who has this key and id."""
        return bisect_left(self.waiting, (key, interaction_id))


def _tier(members: set[int]) -> Tier:
    return Tier(_bits(members), frozenset(members))


def _bits(numbers: Any) -> int:
    return sum(1 << number for number in numbers)
