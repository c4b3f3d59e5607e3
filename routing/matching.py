"""Who is free and who waits, arranged so that a choice looks only at those who can match.

Free agents stand in sorted lists per skill profile and medium, waiting interactions in sorted lists (lines) per queue,
medium and requirement. Big integers hold one bit per profile or line: which meet each other, and which are not empty;
their conjunction skips everything else. Nothing here decides; the engine does.
"""

from bisect import bisect_left, insort
from typing import Any

from contactcenter.core.ids import QueueId
from routing.agents import Agent
from routing.commands import QueueRules
from routing.eligibility import CONDITION_BITS, condition_of, free_media
from routing.items import Item, Line, LineKey
from routing.requirements import Profile, ProfileKey, shortfall
from routing.strategies import AgentOrder, AgentRank, ItemRank, WorkOrder

MAX_LINES = 2048
"""Empty lines are kept for the next interaction of their kind until there are this many lines."""
BEST = 3
"""How many of the best a why names."""
_CHUNK = 32


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
        return profile

    def count(self, profile: Profile, condition: int, number: int) -> None:
        """Add ``number`` (negative to take away) agents in ``condition``; a condition below 0 counts nothing."""
        if condition >= 0:
            self._counts[profile.index] += number << (CONDITION_BITS * condition)
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
        self._line_at: list[Line | None] = []
        self._nonempty = 0  # bits of lines with somebody waiting
        self._of_medium: dict[str, int] = {}  # medium -> bits of its lines

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
        """Let the agent stand where his state says; to be called after every change of it."""
        condition = condition_of(agent)
        if condition != agent.condition:
            self.profiles.count(agent.profile, agent.condition, -1)
            self.profiles.count(agent.profile, condition, 1)
            agent.condition = condition
        media = free_media(agent)
        rank = self.agent_order.rank(agent) if media else None
        if media != agent.ranked_in or rank != agent.rank:
            self._unrank(agent)
            self._rank(agent, media, rank)

    def remove(self, agent: Agent) -> None:
        """Take the agent out of every list and count."""
        self._unrank(agent)
        self.profiles.count(agent.profile, agent.condition, -1)
        agent.condition = -1

    def hide(self, agent: Agent) -> None:
        """Let nothing be given to the agent until he is placed again; he stays counted as he was."""
        self._unrank(agent)

    def _rank(self, agent: Agent, media: tuple[str, ...], rank: AgentRank | None) -> None:
        agent.rank, agent.ranked_in = rank, media
        bit = 1 << agent.profile.index
        for medium in media:
            insort(agent.profile.free[medium], rank)
            self._free[medium] = self._free.get(medium, 0) | bit

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
        profiles, medium = self.profiles.all, line.medium
        lists: list[list[Any]] = []
        while bits:
            index = bits.bit_length() - 1
            bits ^= 1 << index
            lists.append(profiles[index].free[medium])
        return _best(lists), sum(map(len, lists))

    # -------------------------------------------------------------- interactions

    def put(self, item: Item, rules: QueueRules) -> Line:
        """Let the item wait at its place in the line of its queue, medium and needs."""
        line = self._line((item.queue_id, item.medium, item.needs))
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

    def best_items(self, agent: Agent) -> tuple[list[ItemRank], int]:
        """Return the (at most three) first interactions the free agent could get, and how many there are in all."""
        bits = agent.profile.lines & self._nonempty
        if len(agent.ranked_in) < len(agent.profile.share):
            bits &= self._bits_of(agent.ranked_in)
        lists: list[list[Any]] = []
        while bits:
            index = bits.bit_length() - 1
            bits ^= 1 << index
            line = self._line_at[index]
            assert line is not None
            lists.append(line.waiting)
        return _best(lists), sum(map(len, lists))

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

    def _bits_of(self, media: tuple[str, ...]) -> int:
        bits = 0
        for medium in media:
            bits |= self._of_medium.get(medium, 0)
        return bits

    def _line(self, key: LineKey) -> Line:
        return self._lines.get(key) or self._add_line(key)

    def _add_line(self, key: LineKey) -> Line:
        if None not in self._line_at and len(self._lines) >= MAX_LINES:
            self._drop_empty_lines()
        if None in self._line_at:
            line = Line(self._line_at.index(None), key)
            self._line_at[line.bit] = line
        else:
            line = Line(len(self._line_at), key)
            self._line_at.append(line)
        self._lines[key] = line
        self._of_medium[line.medium] = self._of_medium.get(line.medium, 0) | 1 << line.bit
        for profile in self.profiles.all:
            self._match(profile, line)
        return line

    def _drop_empty_lines(self) -> None:
        empty = [line for line in self._lines.values() if not line.waiting]
        dropped = sum(1 << line.bit for line in empty)
        for line in empty:
            del self._lines[line.key]
            self._line_at[line.bit] = None
            self._of_medium[line.medium] &= ~(1 << line.bit)
        for profile in self.profiles.all:
            profile.lines &= ~dropped

    def _match(self, profile: Profile, line: Line) -> None:
        if shortfall(profile, line.queue_id, line.medium, line.requirement) is None:
            profile.lines |= 1 << line.bit
            line.profiles |= 1 << profile.index


def _best(lists: list[list[Any]]) -> list[Any]:
    """Return the three smallest of several sorted lists, given that none is empty: they stand in three of them."""
    if not lists:
        return []
    if len(lists) > 1:
        lists.sort()
    best: list[Any] = []
    for ranked in lists[:BEST]:
        best += ranked[:BEST]
    best.sort()
    return best[:BEST]
