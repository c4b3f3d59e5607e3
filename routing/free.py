"""Agents who could take something, arranged so that a choice looks only at those who can get the item.

Who is free altogether stands in the list of his profile, longest idle first; who has work already, or no phone, stands
in the lists of what he could still take. Of all these lists only the heads are looked at (``heads``).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple

from routing.agents import Agent
from routing.commands import VOICE, AgentRule
from routing.eligibility import EVERYTHING, Slot, standing
from routing.heads import Entry, Heads
from routing.lines import Group, Line
from routing.profiles import NOWHERE, Profiles
from routing.requirements import Profile

BEST = 3
"""How many of the best a why names."""
MICRO = 1_000_000


class Choice(NamedTuple):
    """The agents that come first for an item, best first, and by which rule. The last of an entry is the agent."""

    rule: str
    best: list[Entry]


class Free:
    """Keeps every place and bit true; ``count`` are free altogether."""

    def __init__(self, profiles: Profiles) -> None:
        self.slots: list[Slot] = []
        self.count = 0
        self._profiles = profiles
        self._numbers: dict[Slot, int] = {}
        self._since = (
            0  # the sum of the instants since which those ``count`` are idle; microseconds, so that it is exact
        )
        self._idle = Heads()
        self._partly: list[Heads] = []
        self._partly_counts: list[list[int]] = []  # by slot, then by profile: how many stand there
        self._not_idle: dict[str, Agent] = {}
        self._media: set[str] = set()
        self._interrupts: set[frozenset[str]] = {frozenset()}
        self._any_interrupts = False

    def know(self, media: Iterable[str] = (), interrupts: frozenset[str] = frozenset()) -> None:
        """Learn of media somebody has capacity for, and of what a queue may interrupt; offer the slots that are new."""
        for counts in self._partly_counts:
            counts += [0] * (len(self._profiles.all) - len(counts))
        self._media.update(media)
        self._interrupts.add(interrupts)
        self._any_interrupts = len(self._interrupts) > 1
        known = {Slot(medium, one - {VOICE, medium}) for medium in self._media for one in self._interrupts}
        new = known - self._numbers.keys()
        for slot in sorted(new, key=lambda one: (one.medium, sorted(one.interrupts))):
            self.slot(slot.medium, slot.interrupts)
        for agent in list(self._not_idle.values()) if new else ():
            self.place(agent)

    def slot(self, medium: str, interrupts: frozenset[str]) -> int:
        """Return the number of a slot."""
        slot = Slot(medium, interrupts - {VOICE, medium})
        number = self._numbers.get(slot)
        if number is None:
            number = self._numbers[slot] = len(self.slots)
            self.slots.append(slot)
            self._partly.append(Heads())
            self._partly_counts.append([0] * len(self._profiles.all))
        return number

    # -------------------------------------------------------------- places

    def place(self, agent: Agent) -> None:
        """Let the agent be counted and stand where his state says; to be called after every change of it."""
        self.stand(agent, *self.standing(agent))

    def standing(self, agent: Agent) -> tuple[int, tuple[int, ...]]:
        """See ``eligibility.standing``."""
        return standing(agent, self.slots, any_interrupts=self._any_interrupts)

    def stand(self, agent: Agent, condition: int, slots: tuple[int, ...]) -> None:
        """Let the agent be counted as ``condition``, stand among those who could take ``slots``, and nowhere else."""
        if condition != agent.condition:
            self._profiles.recount(agent.profile, agent.condition, condition)
            agent.condition = condition
        if agent.slots:
            self.unrank(agent)
        agent.slots = slots
        if slots is EVERYTHING:
            self._rank_idle(agent)
            self._not_idle.pop(agent.id, None)
            return
        self._not_idle[agent.id] = agent
        if slots:
            agent.rank = (agent.load / agent.profile.unit, agent.idle_since, agent.id, agent)
            for number in slots:
                self._join(agent.profile.partly.setdefault(number, []), agent, self._partly[number])
                self._partly_counts[number][agent.profile.index] += 1

    def _rank_idle(self, agent: Agent) -> None:
        profile = agent.profile
        agent.rank = (agent.idle_since, agent.id, agent)
        self._join(profile.idle, agent, self._idle)
        self.count += 1
        self._since += int(agent.idle_since * MICRO)

    def _join(self, free: list[Entry], agent: Agent, heads: Heads) -> None:
        assert agent.rank is not None
        insort(free, agent.rank)
        if free[0] is agent.rank:
            heads.set(agent.profile.index, agent.rank)

    def unrank(self, agent: Agent) -> None:
        """Let the agent stand nowhere; he stays counted."""
        if agent.slots is EVERYTHING:
            self.count -= 1
            self._since -= int(agent.rank[0] * MICRO)  # type: ignore[index]
            self._leave(agent.profile.idle, agent, self._idle)
        elif agent.slots:
            for number in agent.slots:
                self._partly_counts[number][agent.profile.index] -= 1
                self._leave(agent.profile.partly[number], agent, self._partly[number])
        agent.slots, agent.rank = (), None

    def _leave(self, free: list[Entry], agent: Agent, heads: Heads) -> None:
        assert agent.rank is not None
        place = bisect_left(free, agent.rank)
        del free[place]
        if not free:
            heads.drop(agent.profile.index)
        elif not place:
            heads.set(agent.profile.index, free[0])

    def remove(self, agent: Agent) -> None:
        """Take the agent out of every list and count."""
        self.unrank(agent)
        self._not_idle.pop(agent.id, None)
        self._profiles.recount(agent.profile, agent.condition, NOWHERE)
        agent.condition = NOWHERE

    # -------------------------------------------------------------- choices

    def best(self, line: Line, now: float) -> Choice | None:
        """Return the (at most three) first agents for an item of the line, or None when nobody could take it."""
        idle = line.profiles & self._idle.bits
        partly = line.profiles & self._partly[line.slot_number].bits
        if not idle and not partly:
            return None
        for group in line.queue.groups(line.needs, self._profiles.all):
            if group.bits & idle:
                return self._best_idle(group, group.bits & idle, line, now)
            if group.bits & partly:
                numbers = self._partly[line.slot_number].among(group.bits & partly, BEST)
                return Choice("least-loaded", _merged([self._profile(n).partly[line.slot_number] for n in numbers]))
        return None

    def _best_idle(self, group: Group, idle: int, line: Line, now: float) -> Choice:
        """``idle``: the profiles of the group that meet what the line needs and have somebody idle."""
        rules = line.queue.rules
        if rules.agent_rule is AgentRule.FEWEST_HANDLED:
            return Choice(rules.agent_rule.value, self._fewest_handled(idle))
        best: list[Entry] = []
        for tier in group.tiers:
            if found := tier & idle:
                if not best and rules.agent_rule is AgentRule.LEAST_FLEXIBLE and found != idle:
                    overdue = self._overdue(idle, now, rules.idle_guard)
                    if overdue is not None and not found >> overdue[-1].profile.index & 1:
                        return Choice("idle-guard", [overdue])
                best += _merged([self._profile(number).idle for number in self._idle.among(found, BEST)])
                if len(best) >= BEST:
                    break
        return Choice(rules.agent_rule.value, best[:BEST])

    def _overdue(self, profiles: int, now: float, guard: float) -> Entry | None:
        """Return who of these profiles has been idle the longest, if that is longer than the guard allows."""
        (number,) = self._idle.among(profiles, 1)
        entry: Entry = self._profile(number).idle[0]
        instant = int(now * MICRO)
        idle, all_idle = instant - int(entry[0] * MICRO), instant * self.count - self._since
        return entry if idle * self.count > guard * all_idle else None

    def _fewest_handled(self, profiles: int) -> list[Entry]:
        agents = [entry[-1] for profile in self._profiles.of(profiles) for entry in profile.idle]
        ranked = sorted((agent.handled, agent.idle_since, agent.id) for agent in agents)[:BEST]
        named = {agent.id: agent for agent in agents}
        return [(since, name, named[name]) for _, since, name in ranked]

    def candidates(self, line: Line) -> int:
        """Return how many agents could take an item of the line."""
        found = sum([len(one.idle) for one in self._profiles.of(line.profiles & self._idle.bits)])
        return found + self.partly_candidates(line)

    def partly_candidates(self, line: Line) -> int:
        """Return how many of those who are not free altogether could take an item of the line."""
        if not line.profiles & self._partly[line.slot_number].bits:
            return 0
        return sum(map(self._partly_counts[line.slot_number].__getitem__, line.members))

    def _profile(self, number: int) -> Profile:
        return self._profiles.all[number]


def _merged(lists: list[list[Entry]]) -> list[Entry]:
    """Return the three smallest of at most three sorted lists that stand in order of their first entries."""
    if len(lists) == 1:
        return lists[0][:BEST]
    best: list[Entry] = []
    for one in lists:
        best += one[:BEST]
    best.sort()
    return best[:BEST]
