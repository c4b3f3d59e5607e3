"""Queues and the lines in them: everybody who waits for the same with the same right to go first."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from routing.commands import AgentRule, QueueRules, RelaxationStep, Requirement, Skills, WorkOrder
from routing.eligibility import Slot
from routing.heads import Entry, Heads
from routing.items import Item
from routing.profiles import numbers_of
from routing.requirements import Profile, join, relax
from routing.strategies import missing, tier

MOST_KEPT: Final = 4096
"""Requirements of a queue for which what follows from them is kept."""


LineKey = tuple[str, int, float, int, int, bool]
"""What the items of a line have in common, within one queue: medium, number of what is demanded of an agent now (see
``Queue.needs``), the longest delay they have behind them, class, priority (where queues compete by level), VIP or not.
"""


class Kind:
    """What follows from one requirement in a queue with these rules: what is demanded after each number of steps."""

    __slots__ = ("needs", "requirement", "rules")

    def __init__(self, requirement: Requirement, rules: QueueRules) -> None:
        self.requirement = requirement
        self.rules = rules
        self.needs: dict[int, tuple[Requirement, int]] = {}


class Group(NamedTuple):
    """The profiles of one order in the queue that lack equally many preferred skills, as bits.

    ``tiers``: among those of one tier only the time of idleness tells; those of the first are asked first.
    """

    bits: int
    tiers: tuple[int, ...]


class Ranking:
    """All profiles in the order in which their agents are asked by who has these needs; later ones are added."""

    __slots__ = ("_needs", "_places", "_rules", "count", "groups")

    def __init__(self, needs: Requirement, rules: QueueRules) -> None:
        self.count = 0
        self.groups: list[Group] = []
        self._needs = needs
        self._rules = rules
        self._places: dict[tuple[int, int], dict[int, int]] = {}  # order and lacks -> tier -> bits

    def add(self, profiles: Iterable[Profile]) -> None:
        """Give each its place."""
        rules, needs = self._rules, self._needs
        for profile in profiles:
            self.count += 1
            place = (profile.service(rules.queue_id).order, missing(profile, needs.preferred))
            tiers, level = self._places.setdefault(place, {}), tier(rules.agent_rule, profile, needs)
            tiers[level] = tiers.get(level, 0) | 1 << profile.index
        ranked = [tuple(bits for _, bits in sorted(tiers.items())) for _, tiers in sorted(self._places.items())]
        self.groups = [Group(sum(tiers), tiers) for tiers in ranked]


class Queue:
    """One queue: its rules, its lines, how many wait in it, and where it stands among the queues by length."""

    __slots__ = (
        "_kinds",
        "_next_number",
        "_numbers",
        "_rankings",
        "_stages",
        "instants",
        "lines",
        "place",
        "pools",
        "rules",
        "score",
        "steps",
        "waiting",
    )

    def __init__(self, rules: QueueRules, delays: set[float]) -> None:
        self.lines: dict[LineKey, Line] = {}
        self._numbers: dict[Requirement, int] = {}
        self._next_number = 0
        self.pools: dict[int, Heads] = {}  # priority -> the queue's lines of that level, where it is ``balanced``
        self.waiting = 0
        self.score = 0.0  # the smaller, the longer
        self.place = 0
        self.define(rules, delays)

    def define(self, rules: QueueRules, delays: set[float]) -> None:
        """Take over new rules, and the delays of those who serve the queue; nobody may wait in it."""
        self.rules = rules
        self.steps: tuple[RelaxationStep, ...] = tuple(sorted(rules.steps, key=lambda step: step.after))
        self._kinds: dict[Requirement, Kind] = {}
        self._rankings: dict[tuple[Skills, Skills], Ranking] = {}
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

    def needs(self, item: Item, steps: int) -> tuple[Requirement, int]:
        """Return what is demanded of an agent by an item with so many steps behind it, and the number of that."""
        kind = item.kind
        if kind is None or kind.rules is not self.rules:
            kind = item.kind = self._kind(item.requirement)
        found = kind.needs.get(steps)
        if found is None:
            needs = relax(join(kind.requirement, self.rules.requirement), self.steps[:steps])
            found = kind.needs[steps] = needs, self._number(needs)
        return found

    def _number(self, needs: Requirement) -> int:
        """Return a number that nothing else has in this queue."""
        number = self._numbers.get(needs)
        if number is None:
            if len(self._numbers) >= MOST_KEPT:
                self._numbers.clear()  # the next of the same needs stand in another line: nothing is wrong by that
            number = self._numbers[needs] = self._next_number
            self._next_number += 1
        return number

    def _kind(self, requirement: Requirement) -> Kind:
        kind = self._kinds.get(requirement)
        if kind is None:
            if len(self._kinds) >= MOST_KEPT:
                self._kinds.clear()
            kind = self._kinds[requirement] = Kind(requirement, self.rules)
        return kind

    def groups(self, needs: Requirement, book: Sequence[Profile]) -> list[Group]:
        """Return all profiles of the book, in the order in which their agents are asked by who has these needs."""
        skills = needs.skills if self.rules.agent_rule is AgentRule.MOST_SKILLED else ()
        ranking = self._rankings.get((needs.preferred, skills))
        if ranking is None:
            if len(self._rankings) >= MOST_KEPT:
                self._rankings.clear()
            ranking = self._rankings[needs.preferred, skills] = Ranking(needs, self.rules)
        if ranking.count < len(book):
            ranking.add(book[ranking.count :])
        return ranking.groups

    @property
    def is_balanced(self) -> bool:
        """Whether it competes by its length."""
        return self.rules.order is WorkOrder.BALANCED


class Line:
    """One line. ``waiting`` is a sorted list of entries (key, id, Item); ``profiles`` has the bits of the profiles that
    meet ``needs``; ``pool`` are the heads it competes among; ``held`` counts those who would stand here if they did not
    wait for one agent. The other attributes are those of ``key``.
    """

    __slots__ = (
        "_members",
        "delay",
        "held",
        "is_listed",
        "key",
        "medium",
        "needs",
        "number",
        "points",
        "pool",
        "profiles",
        "queue",
        "rank_class",
        "slot",
        "slot_number",
        "vip",
        "waiting",
    )

    def __init__(
        self,
        number: int,
        queue: Queue,
        key: LineKey,
        needs: Requirement,
        slot_number: int,
        slot: Slot,
        pool: Heads,
    ) -> None:
        self.number = number
        self.queue = queue
        self.key = key
        self.medium, _, self.delay, self.rank_class, self.points, self.vip = key
        self.slot_number = slot_number
        self.slot = slot
        self.pool = pool
        self.needs = needs
        self.waiting: list[Entry] = []
        self.held = 0
        self.is_listed = False  # among those that are or were empty
        self.profiles = 0
        self._members: tuple[int, list[int]] = (0, [])

    @property
    def reserve(self) -> int:
        """How many agents must be left for VIP."""
        return 0 if self.vip else self.queue.rules.vip_reserve

    @property
    def members(self) -> list[int]:
        """The numbers of the profiles that meet its needs."""
        if self._members[0] != self.profiles:
            self._members = self.profiles, numbers_of(self.profiles)
        return self._members[1]

    def before(self, key: float, interaction_id: str) -> int:
        """Return how many of it stand before who has this key and id."""
        return bisect_left(self.waiting, (key, interaction_id))
