"""Who is free and who waits, arranged so that a choice looks only at those who can match.

Free agents stand in sorted lists per skill profile and medium, waiting interactions in sorted lists (lines) per queue,
medium and requirement. Big integers hold one bit per profile or line: which meet each other, and which are not empty;
their conjunction skips everything else. Nothing here decides; the engine does.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from contactcenter.core.ids import QueueId, SkillId
from routing.agents import Agent
from routing.commands import QueueRules
from routing.eligibility import CONDITION_BITS, CONDITION_NAMES, standing
from routing.items import Item, Line, LineKey
from routing.requirements import Profile, ProfileKey, shortfall
from routing.strategies import AgentOrder, AgentRank, ItemRank, WorkOrder

MAX_LINES = 2048
"""Empty lines are kept for the next interaction of their kind until there are this many lines."""
BEST = 3
"""How many of the best a why names."""
NOWHERE = -1
"""The condition of an agent who is not counted."""
_CHUNK = 32
_ONE = [*(1 << (CONDITION_BITS * condition) for condition in range(len(CONDITION_NAMES))), 0]
_DENSE = 8  # one bit costs about as much as a look at this many lists


class Profiles:
    """The book of profiles with, per profile, how many agents stand in which condition.

    The counts of one profile are packed into one integer, those of 32 profiles into one tuple that is made again only
    after a change: a why keeps the tuples and shares all that did not change with the why before it.
    """

    def __init__(self) -> None:
        self.all: list[Profile] = []
        self._by_key: dict[ProfileKey, Profile] = {}
        self._counts: list[int] = []
        self._chunks: list[tuple[int, ...]] = []
        self._stale: set[int] = set()
        self._able: dict[tuple[SkillId, int], int] = {}  # skill, level -> bits of the profiles that have it
        self._serving: dict[QueueId, int] = {}  # queue -> bits of the profiles that serve it
        self._taking: dict[str, int] = {}  # medium -> bits of the profiles with capacity for it

    def find(self, key: ProfileKey) -> Profile | None:
        """Return the profile of this key, or None."""
        return self._by_key.get(key)

    def add(self, key: ProfileKey) -> Profile:
        """Write a new profile into the book."""
        profile = Profile(len(self.all), key)
        self.all.append(profile)
        self._by_key[key] = profile
        self._counts.append(0)
        if len(self._counts) > len(self._chunks) * _CHUNK:
            self._chunks.append(())
        self._stale.add(profile.index // _CHUNK)
        self._learn(profile)
        return profile

    def of(self, bits: int) -> list[Profile]:
        """Return the profiles whose bits are set."""
        found = []
        while bits:
            index = bits.bit_length() - 1
            bits ^= 1 << index
            found.append(self.all[index])
        return found

    def meeting(self, line: Line) -> int:
        """Return the bits of the profiles in which ``shortfall`` finds no lack for the line."""
        bits = self._serving_queue(line.queue_id) & self._taking.get(line.medium, 0)
        for skill, level in line.requirement.skills:
            bits &= self._having(skill, level)
        return bits

    def _learn(self, profile: Profile) -> None:
        bit = 1 << profile.index
        for skill, level in self._able:
            if profile.skills.get(skill, 0) >= level:
                self._able[skill, level] |= bit
        for queue_id in self._serving:
            if profile.queues is None or queue_id in profile.queues:
                self._serving[queue_id] |= bit
        for medium in profile.share:
            self._taking[medium] = self._taking.get(medium, 0) | bit

    def _having(self, skill: SkillId, level: int) -> int:
        if (skill, level) not in self._able:
            able = [one for one in self.all if one.skills.get(skill, 0) >= level]
            self._able[skill, level] = sum(1 << one.index for one in able)
        return self._able[skill, level]

    def _serving_queue(self, queue_id: QueueId) -> int:
        if queue_id not in self._serving:
            serving = [one for one in self.all if one.queues is None or queue_id in one.queues]
            self._serving[queue_id] = sum(1 << one.index for one in serving)
        return self._serving[queue_id]

    def recount(self, profile: Profile, before: int, after: int) -> None:
        """Count one agent in condition ``after`` instead of ``before``; NOWHERE counts nothing."""
        self._counts[profile.index] += _ONE[after] - _ONE[before]
        self._stale.add(profile.index // _CHUNK)

    def counts(self) -> tuple[tuple[int, ...], ...]:
        """Return the counts as they are now; what is returned never changes."""
        for number in self._stale:
            self._chunks[number] = tuple(self._counts[number * _CHUNK : (number + 1) * _CHUNK])
        self._stale.clear()
        return tuple(self._chunks)


def count_of(counts: tuple[tuple[int, ...], ...], profile: Profile, condition: int) -> int:
    """Return how many agents of ``profile`` stood in ``condition`` when ``counts`` was taken."""
    packed = counts[profile.index // _CHUNK][profile.index % _CHUNK]
    return (packed >> (CONDITION_BITS * condition)) & ((1 << CONDITION_BITS) - 1)


class Matching:
    """Free agents and waiting interactions; keeps every sorted place and every bit true."""

    def __init__(self, agent_order: AgentOrder, work_order: WorkOrder) -> None:
        self.agent_order = agent_order
        self.work_order = work_order
        self.profiles = Profiles()
        self.waiting = 0
        self.waiting_in: dict[QueueId, int] = {}
        self._free: dict[str, int] = {}  # medium -> bits of profiles with a free agent
        self._lines: dict[LineKey, Line] = {}
        self._line_at: list[Line] = []  # by bit; those of unused bits are dropped ones
        self._unused: list[int] = []
        self._most_lines = MAX_LINES
        self._nonempty = 0  # bits of lines with somebody waiting

    # -------------------------------------------------------------- agents

    def profile(self, key: ProfileKey) -> Profile:
        """Return the one profile of this key; a new one is matched against every line once."""
        profile = self.profiles.find(key)
        if profile is None:
            profile = self.profiles.add(key)
            for line in self._lines.values():
                self._match(profile, line)
        return profile

    def move(self, agent: Agent, profile: Profile) -> None:
        """Give the agent another profile."""
        self.remove(agent)
        agent.profile = profile

    def place(self, agent: Agent) -> None:
        """Let the agent be counted and stand where his state says; to be called after every change of it."""
        self.rank(agent, self.count(agent))

    def count(self, agent: Agent) -> tuple[str, ...]:
        """Count the agent as what he is now; return the media of which he could take one more."""
        condition, media = standing(agent)
        if condition != agent.condition:
            self.profiles.recount(agent.profile, agent.condition, condition)
            agent.condition = condition
        return media

    def rank(self, agent: Agent, media: tuple[str, ...]) -> None:
        """Let the agent stand among the free ones of ``media`` and of no other."""
        if agent.ranked_in:
            if media and media == agent.ranked_in and self.agent_order.rank(agent) == agent.rank:
                return
            self._unrank(agent)
        if not media:
            return
        agent.rank, agent.ranked_in = self.agent_order.rank(agent), media
        bit = 1 << agent.profile.index
        for medium in media:
            insort(agent.profile.free[medium], agent.rank)
            self._free[medium] = self._free.get(medium, 0) | bit

    def remove(self, agent: Agent) -> None:
        """Take the agent out of every list and count."""
        self._unrank(agent)
        self.profiles.recount(agent.profile, agent.condition, NOWHERE)
        agent.condition = NOWHERE

    def _unrank(self, agent: Agent) -> None:
        for medium in agent.ranked_in:
            free = agent.profile.free[medium]
            del free[bisect_left(free, agent.rank)]
            if not free:
                self._free[medium] &= ~(1 << agent.profile.index)
        agent.rank, agent.ranked_in = None, ()

    def best_agents(self, line: Line) -> tuple[list[AgentRank], int]:
        """Return the (at most three) best free agents for the line, best first, and how many there are in all."""
        bits = line.profiles & self._free.get(line.medium, 0)
        if not bits:
            return [], 0
        if bits.bit_count() * _DENSE > len(line.free):
            lists = [free for free in line.free if free]
        else:
            lists = [profile.free[line.medium] for profile in self.profiles.of(bits)]
        return _best(lists), sum(map(len, lists))

    # -------------------------------------------------------------- interactions

    def put(self, item: Item, rules: QueueRules) -> Line:
        """Let the item wait at its place in the line of its queue, medium and needs."""
        line = self._line((item.queue_id, item.medium, item.needs.skills))
        item.line = line
        item.entry = self.work_order.rank(item, rules)
        insort(line.waiting, item.entry)
        self._nonempty |= 1 << line.bit
        self.waiting += 1
        self.waiting_in[item.queue_id] = self.waiting_in.get(item.queue_id, 0) + 1
        return line

    def take(self, item: Item) -> None:
        """Let the item wait no more."""
        line, entry = item.line, item.entry
        if line is None or entry is None:
            return
        del line.waiting[bisect_left(line.waiting, entry)]
        if not line.waiting:
            self._nonempty &= ~(1 << line.bit)
        item.line = item.entry = None
        self.waiting -= 1
        self.waiting_in[line.queue_id] -= 1

    def best_items(self, profile: Profile, media: tuple[str, ...]) -> list[ItemRank]:
        """Return the (at most three) first interactions somebody of the profile who is free for ``media`` could get."""
        bits = profile.lines & self._nonempty
        if not bits:
            return []
        if bits.bit_count() * _DENSE > profile.lines.bit_count():
            lists = [waiting for medium in media for waiting in profile.waiting[medium] if waiting]
        else:
            lists = [line.waiting for line in self._lines_of(bits) if line.medium in media]
        return _best(lists)

    def queue_items(self, queue_id: QueueId) -> list[Item]:
        """Return everybody who waits in one queue, first in line first."""
        entries = [entry for line in self._lines.values() if line.queue_id == queue_id for entry in line.waiting]
        return [entry[-1] for entry in sorted(entries)]

    def ahead_of(self, item: Item) -> int:
        """Return how many of the same queue stand before this waiting item, by the order of work."""
        if item.entry is None:
            return 0
        lines = [line for line in self._lines.values() if line.queue_id == item.queue_id]
        return sum([bisect_left(line.waiting, item.entry) for line in lines])

    def _lines_of(self, bits: int) -> list[Line]:
        found = []
        while bits:
            index = bits.bit_length() - 1
            bits ^= 1 << index
            found.append(self._line_at[index])
        return found

    def _line(self, key: LineKey) -> Line:
        return self._lines.get(key) or self._add_line(key)

    def _add_line(self, key: LineKey) -> Line:
        if len(self._lines) >= self._most_lines:
            self._drop_empty_lines()
        line = Line(self._unused.pop() if self._unused else len(self._line_at), key)
        self._line_at[line.bit : line.bit + 1] = [line]
        self._lines[key] = line
        line.profiles = self.profiles.meeting(line)
        for profile in self.profiles.of(line.profiles):
            _join(profile, line)
        return line

    def _drop_empty_lines(self) -> None:
        for line in [line for line in self._lines.values() if not line.waiting]:
            del self._lines[line.key]
            self._unused.append(line.bit)
            for profile in self.profiles.of(line.profiles):
                profile.lines ^= 1 << line.bit
        for profile in self.profiles.all:
            lines = self._lines_of(profile.lines)
            profile.waiting = {
                medium: [one.waiting for one in lines if one.medium == medium] for medium in profile.media
            }
        self._most_lines = max(MAX_LINES, 2 * len(self._lines))

    def _match(self, profile: Profile, line: Line) -> None:
        if shortfall(profile, line.queue_id, line.medium, line.requirement) is None:
            line.profiles |= 1 << profile.index
            _join(profile, line)


def _join(profile: Profile, line: Line) -> None:
    profile.lines |= 1 << line.bit
    profile.waiting[line.medium].append(line.waiting)
    line.free.append(profile.free[line.medium])


_FIRST: Callable[[list[Any]], Any] = itemgetter(0)


def _best(lists: list[list[Any]]) -> list[Any]:
    """Return the three smallest of several sorted lists, given that none is empty: they stand in three of them."""
    if not lists:
        return []
    if len(lists) > 1:
        lists.sort(key=_FIRST)
    elif len(lists[0]) == 1:
        return lists[0][:]
    best: list[Any] = []
    for ranked in lists[:BEST]:
        best += ranked[:BEST]
    best.sort()
    return best[:BEST]
