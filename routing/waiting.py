"""Items that wait, arranged so that an agent who becomes free is given the right one without a look at the others.

Every item stands in a line (``lines``); the heads of the lines of one class stand in one pool, those of ``balanced``
queues in a pool per queue and priority. Nothing here decides who is eligible: a profile's ``lines`` are those it meets.
"""

from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from contactcenter.core.ids import QueueId
from routing.agents import Agent
from routing.commands import QueueRules, Requirement
from routing.eligibility import EVERYTHING
from routing.free import BEST, Free
from routing.heads import Belongs, Entry, Heads
from routing.items import Item
from routing.lines import Line, LineKey, Queue
from routing.profiles import Profiles, numbers_of
from routing.requirements import Profile, ProfileKey, shortfall
from routing.strategies import CLASS_NAMES, DEFERRABLE, LATE, OUTBOUND, REALTIME, VIP, points_of, rank

MAX_LINES = 4096
"""Empty lines are kept for the next item of their kind; from so many lines on the longest empty ones are dropped."""


class First(NamedTuple):
    """The items that come first for an agent, best first, and by which rule. The last of an entry is the item."""

    rule: str
    best: list[Entry]


class Waiting:
    """Keeps every place and bit true; ``count`` is how many wait in all."""

    def __init__(self, profiles: Profiles, free: Free) -> None:
        self.count = 0
        self.queues: dict[QueueId, Queue] = {}
        self._profiles = profiles
        self._free = free
        self._lines: list[Line] = []  # by number; those of unused numbers are dropped ones
        self._unused: list[int] = []
        self._emptied: deque[Line] = deque()  # longest empty first; who has filled since is passed over
        self._nonempty = 0  # bits of lines in which somebody waits
        self._of_slot: dict[int, int] = {}  # the same, by slot
        self._in_slot: defaultdict[int, set[int]] = defaultdict(set)  # numbers of all its lines
        self._pools = {number: Heads() for number in range(len(CLASS_NAMES))}
        self._levels: dict[int, int] = {}  # priority -> bits of non-empty lines of balanced queues
        self._priorities: list[int] = []  # of the levels where somebody waits, highest first
        self._by_length: list[Queue] = []
        self._changed: set[Queue] = set()  # those that are perhaps longer or shorter than where they stand
        self._kept_for_vip: set[int] = set()  # numbers of lines that must leave some agents

    # -------------------------------------------------------------- queues and profiles

    def define(self, rules: QueueRules) -> None:
        """Add a queue or change its rules; nobody may wait in it."""
        self._free.know(interrupts=rules.interrupts)
        delays = self._profiles.delays.get(rules.queue_id, set())
        queue = self.queues.get(rules.queue_id)
        if queue is None:
            queue = self.queues[rules.queue_id] = Queue(rules, delays)
            queue.place = len(self._by_length)
            self._by_length.append(queue)
        else:
            self._drop(list(queue.lines.values()))
            queue.define(rules, delays)
        self._measure(queue)

    def profile(self, key: ProfileKey) -> tuple[Profile, list[QueueId]]:
        """Return the one profile of this key, and the queues whose stages it changes: to be defined anew."""
        profile = self._profiles.find(key)
        if profile is not None:
            return profile, []
        before = {queue_id: len(self._profiles.delays.get(queue_id, ())) for queue_id in self.queues}
        profile = self._profiles.add(key)
        self._free.know(profile.media)
        for line in self._lines:
            if line.queue.lines.get(line.key) is line and _meets(profile, line):
                line.profiles |= 1 << profile.index
                _tell(profile, line)
        delays = self._profiles.delays
        return profile, [queue_id for queue_id, count in before.items() if len(delays.get(queue_id, ())) > count]

    # -------------------------------------------------------------- places

    def line_for(self, item: Item, now: float) -> Line:
        """Work out what the item needs now, and where it stands; return the line it belongs into."""
        queue = self.queues[item.queue_id]
        rules = queue.rules
        item.points = points_of(item, rules)
        item.rank = rank(item, rules, now)
        steps, item.delay = queue.stage(item.entered_at, now) if queue.instants or queue.steps else (0, 0.0)
        number = item.rank[0]
        points = item.points if number == REALTIME and queue.is_balanced else 0
        item.needs, needs_number = queue.needs(item, steps)
        key = (item.medium, needs_number, item.delay, number, points, item.vip)
        return queue.lines.get(key) or self._add_line(queue, key, item.needs)

    def put(self, item: Item, line: Line) -> None:
        """Let the item wait in the line, or, while it is meant for one agent, count as waiting there."""
        item.line = line
        item.entry = entry = (item.rank[1], item.interaction_id, item)
        self.count += 1
        line.queue.waiting += 1
        self._changed.add(line.queue)
        if item.preferred is not None:
            line.held += 1
            return
        insort(line.waiting, entry)
        if line.waiting[0] is entry:
            line.pool.set(line.number, entry)
            if len(line.waiting) == 1:
                self._mark(line, is_empty=False)

    def take(self, item: Item) -> None:
        """Let the item wait no more."""
        line, entry = item.line, item.entry
        if line is None or entry is None:
            return
        item.line = item.entry = None
        self.count -= 1
        line.queue.waiting -= 1
        self._changed.add(line.queue)
        if item.preferred is not None:
            line.held -= 1
            self._emptied_now(line)
            return
        place = bisect_left(line.waiting, entry)
        del line.waiting[place]
        if not line.waiting:
            line.pool.drop(line.number)
            self._mark(line, is_empty=True)
            self._emptied_now(line)
        elif not place:
            line.pool.set(line.number, line.waiting[0])

    def _mark(self, line: Line, *, is_empty: bool) -> None:
        bit = 1 << line.number
        self._nonempty ^= bit
        self._of_slot[line.slot_number] = self._of_slot.get(line.slot_number, 0) ^ bit
        if line.rank_class == REALTIME and line.queue.is_balanced:
            bits = self._levels.get(line.points, 0) ^ bit
            self._levels[line.points] = bits
            if not bits:
                del self._levels[line.points]
            if not bits or bits == bit:
                self._priorities = sorted(self._levels, reverse=True)
        if line.reserve:
            (self._kept_for_vip.discard if is_empty else self._kept_for_vip.add)(line.number)

    def _line_up_queues(self) -> list[Queue]:
        """Return the queues by length. Who has come or gone since the last time is counted now: most do both."""
        for queue in self._changed:
            self._measure(queue)
        self._changed.clear()
        return self._by_length

    def _measure(self, queue: Queue) -> None:
        """Move the queue to its place among the queues by length."""
        queue.score = -queue.waiting * queue.rules.weight
        order, place = self._by_length, queue.place
        mine = (queue.score, queue.rules.queue_id)
        while place and mine < (order[place - 1].score, order[place - 1].rules.queue_id):
            order[place] = order[place - 1]
            order[place].place = place
            place -= 1
        while place + 1 < len(order) and mine > (order[place + 1].score, order[place + 1].rules.queue_id):
            order[place] = order[place + 1]
            order[place].place = place
            place += 1
        order[place] = queue
        queue.place = place

    # -------------------------------------------------------------- the first for an agent

    def first_for(self, agent: Agent, slots: tuple[int, ...]) -> First | None:
        """Return the (at most three) first items for an agent who could take these slots; he stands nowhere now."""
        profile = agent.profile
        bits = profile.line_bits & self._nonempty
        if slots is not EVERYTHING:
            bits &= self._in_slots(slots)
        if agent.own:
            return self._first_with_own(agent, bits, slots)
        if not bits:
            return None
        belongs = self._belongs(profile, slots)
        for number in (VIP, LATE):
            if found := self._best(self._pools[number], bits, belongs):
                return First(CLASS_NAMES[number], found)
        if first := self._first_in_time(bits, belongs):
            return first
        for number in (DEFERRABLE, OUTBOUND):
            if found := self._best(self._pools[number], bits, belongs):
                return First(CLASS_NAMES[number], found)
        return None

    def _belongs(self, profile: Profile, slots: tuple[int, ...]) -> list[Belongs]:
        """Return the tests for lines from which an agent of the profile may be given something."""
        tests: list[Belongs] = [profile.lines.__contains__]
        if len(slots) == 1 and slots is not EVERYTHING:
            tests.append(self._in_slot[slots[0]].__contains__)
        elif slots is not EVERYTHING:
            tests.append(lambda number: self._lines[number].slot_number in slots)
        if self._kept_for_vip:
            tests.append(self._leaves_enough)
        return tests

    def _leaves_enough(self, number: int) -> bool:
        if number not in self._kept_for_vip:
            return True
        line = self._lines[number]
        return self._free.candidates(line) >= line.reserve

    def _in_slots(self, slots: tuple[int, ...]) -> int:
        bits = 0
        for slot in slots:
            bits |= self._of_slot.get(slot, 0)
        return bits

    def _best(self, pool: Heads, bits: int, belongs: list[Belongs]) -> list[Entry]:
        """Return the first of the pool's items; ``bits``: lines of the agent's, those of other pools among them."""
        bits &= pool.bits
        numbers = pool.first(bits, belongs, BEST) if bits else []
        if not numbers:
            return []
        lines = self._lines
        if len(numbers) == 1:
            return lines[numbers[0]].waiting[:BEST]
        best: list[Entry] = []
        for number in numbers:
            best += lines[number].waiting[:BEST]
        best.sort()
        return best[:BEST]

    def _first_in_time(self, bits: int, belongs: list[Belongs]) -> First | None:
        """The nominee of the balanced queues against the first of all others."""
        nominee = self._nominee(bits, belongs)
        others = self._best(self._pools[REALTIME], bits, belongs)
        if not nominee:
            return First(_order_name(others[0][-1], self.queues), others) if others else None
        if others and others[0][:2] < nominee[0][:2]:
            return First(_order_name(others[0][-1], self.queues), others)
        return First("longest-queue", nominee)

    def _nominee(self, bits: int, belongs: list[Belongs]) -> list[Entry]:
        for points in self._priorities:
            if not bits & self._levels[points]:
                continue
            for queue in self._line_up_queues():
                pool = queue.pools.get(points)
                if pool is not None and (found := self._best(pool, bits, belongs)):
                    return found
        return []

    def _first_with_own(self, agent: Agent, bits: int, slots: tuple[int, ...]) -> First | None:
        """The same where somebody waits for this very agent: rare, so all that might be first are compared."""
        belongs = self._belongs(agent.profile, slots)
        numbers = [number for number in numbers_of(bits) if all(test(number) for test in belongs)]
        items: list[Item] = [self._lines[number].waiting[0][-1] for number in numbers]
        for item in agent.own.values():
            line = item.line
            assert line is not None
            room = slots is EVERYTHING or line.slot_number in slots
            if room and _meets(agent.profile, line):
                items.append(item)
        if not items:
            return None
        number = min(item.rank[0] for item in items)
        items = [item for item in items if item.rank[0] == number]
        if number == REALTIME:
            items = self._competing(items)
        best = sorted(items, key=_own_first)[:BEST]
        rule = "preferred" if best[0].preferred is not None else CLASS_NAMES[number]
        return First(rule, [(item.rank[1], item.interaction_id, item) for item in best])

    def _competing(self, items: list[Item]) -> list[Item]:
        """Return the nominee of the balanced queues and all items of the others."""
        firsts: dict[QueueId, Item] = {}
        others = []
        for item in sorted(items, key=_own_first):
            if self.queues[item.queue_id].is_balanced:
                firsts.setdefault(item.queue_id, item)
            else:
                others.append(item)
        if firsts:
            self._line_up_queues()
            others.append(min(firsts.values(), key=lambda one: (-one.points, self.queues[one.queue_id].place)))
        return others

    # -------------------------------------------------------------- for reading

    def in_queue(self, queue_id: QueueId, items: Iterable[Item]) -> list[Item]:
        """Return those of ``items`` who wait in one queue, first in line first."""
        found = [item for item in items if item.line is not None and item.queue_id == queue_id]
        return sorted(found, key=lambda item: (item.rank, item.interaction_id))

    def ahead_of(self, item: Item, *, of_its_kind: bool = False) -> int:
        """Return how many of the same queue stand before this waiting item, by the order of work.

        ``of_its_kind``: of VIP customers for one of them, of the others for one of the others.
        """
        if item.line is None:
            return 0
        lines = item.line.queue.lines.values()
        return sum(_ahead(line, item) for line in lines if not of_its_kind or line.vip == item.vip)

    # -------------------------------------------------------------- lines

    def _add_line(self, queue: Queue, key: LineKey, needs: Requirement) -> Line:
        if len(self._lines) - len(self._unused) >= MAX_LINES:
            self._drop_some_empty()
        number = self._unused.pop() if self._unused else len(self._lines)
        medium, _, delay, rank_class, points, _ = key
        slot = self._free.slot(medium, queue.rules.interrupts)
        pool = self._pool(queue, rank_class, points)
        line = Line(number, queue, key, needs, slot, self._free.slots[slot], pool)
        self._lines[number : number + 1] = [line]
        self._in_slot[slot].add(number)
        queue.lines[key] = line
        line.profiles = self._profiles.meeting(queue.rules.queue_id, medium, needs, delay)
        for profile in self._profiles.of(line.profiles):
            _tell(profile, line)
        self._emptied_now(line)  # nobody waits in it yet, and perhaps nobody will
        return line

    def _pool(self, queue: Queue, rank_class: int, points: int) -> Heads:
        if rank_class == REALTIME and queue.is_balanced:
            return queue.pools.setdefault(points, Heads())
        return self._pools[rank_class]

    def _drop_some_empty(self) -> None:
        """Drop two of those that have been empty for longest: a few at a time, so that no command waits for it."""
        dropped = 0
        while self._emptied and dropped < 2:
            line = self._emptied.popleft()
            line.is_listed = False
            if not line.waiting and not line.held and line.queue.lines.get(line.key) is line:
                self._drop([line])
                dropped += 1

    def _emptied_now(self, line: Line) -> None:
        if not line.is_listed:
            line.is_listed = True
            self._emptied.append(line)

    def _drop(self, lines: Iterable[Line]) -> None:
        for line in lines:
            del line.queue.lines[line.key]
            self._unused.append(line.number)
            self._in_slot[line.slot_number].discard(line.number)
            for profile in self._profiles.of(line.profiles):
                profile.lines.discard(line.number)
                profile.line_bits &= ~(1 << line.number)


def _tell(profile: Profile, line: Line) -> None:
    profile.lines.add(line.number)
    profile.line_bits |= 1 << line.number


def _meets(profile: Profile, line: Line) -> bool:
    return shortfall(profile, line.queue.rules.queue_id, line.medium, line.needs, line.delay) is None


def _order_name(item: Item, queues: dict[QueueId, Queue]) -> str:
    return queues[item.queue_id].rules.order.value


def _own_first(item: Item) -> tuple[float, bool, str]:
    return item.rank[1], item.preferred is None, item.interaction_id


def _ahead(line: Line, item: Item) -> int:
    number = line.rank_class
    if number != item.rank[0]:
        return len(line.waiting) if number < item.rank[0] else 0
    return line.before(item.rank[1], item.interaction_id)
