"""Who goes with whom: items that wait, agents who are free, and the choice between them.

Keeps where everybody stands; what follows from a choice (reservations, states, decisions) is the engine's.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contactcenter.core.ids import AgentId, QueueId, TeamId
from routing.agents import Agent
from routing.commands import QueueRules, Service, Why
from routing.deadlines import Deadlines
from routing.eligibility import is_absent, refusal
from routing.free import Choice, Free
from routing.items import Item
from routing.lines import Line
from routing.profiles import Profiles
from routing.requirements import Profile, profile_key
from routing.strategies import next_change
from routing.waiting import Waiting

Named = tuple[tuple[str, float], ...]
"""The best by id, with idle since or entered at."""
Watch = Callable[[Item, Agent, Line], None]
PREFERRED = "preferred"
"""The rule by which the agent whom an item wished for gets it."""


class Matching:
    """The parts and what joins them. ``agents`` and ``deadlines`` are the engine's."""

    def __init__(self, agents: Mapping[AgentId, Agent], deadlines: Deadlines) -> None:
        self.profiles = Profiles()
        self.free = Free(self.profiles)
        self.waiting = Waiting(self.profiles, self.free)
        self._agents = agents
        self._deadlines = deadlines

    # -------------------------------------------------------------- agents

    def profile(
        self,
        skills: Mapping[Any, int],
        queues: Mapping[QueueId, Service] | None,
        capacity: Mapping[str, int],
        team_id: TeamId | None,
    ) -> tuple[Profile, list[QueueId]]:
        """Return the profile, and the queues in which its delays are new instants. Raises: Invalid."""
        return self.waiting.profile(profile_key(skills, queues, capacity, team_id))

    def move(self, agent: Agent, profile: Profile) -> None:
        """Give the agent another profile; he stands nowhere then."""
        self.free.remove(agent)
        agent.profile = profile

    # -------------------------------------------------------------- items

    def line_up_anew(self, rules: QueueRules, items: Iterable[Item], now: float) -> list[Item]:
        """The queue's rules have changed: rank those who wait in it; return them in the order of their ranks."""
        waiting = self.waiting.in_queue(rules.queue_id, items)
        for item in waiting:
            self.take(item)
        self.waiting.define(rules)
        for item in waiting:
            self.wait(item, self.waiting.line_for(item, now), now)
        return self.waiting.in_queue(rules.queue_id, waiting)

    def wait(self, item: Item, line: Line, now: float) -> None:
        """Let the item stand in its line, or wait for the agent it wishes for."""
        self.waiting.put(item, line)
        if item.preferred is not None:
            self._agents[item.preferred].own[item.interaction_id] = item
        item.until = None
        at = next_change(item, line.queue.rules, line.queue.instants, now)
        if at is not None:
            self._deadlines.set(item, at)

    def take(self, item: Item) -> None:
        """Let the item stand nowhere."""
        self.waiting.take(item)
        if item.preferred is not None and item.preferred in self._agents:
            self._agents[item.preferred].own.pop(item.interaction_id, None)

    # -------------------------------------------------------------- choice

    def choose(self, item: Item, line: Line, now: float) -> Choice | None:
        """Return the first agents for an item that stands nowhere; its wish ends here when it is in vain."""
        if item.preferred is not None:
            wished = self._agents.get(item.preferred)
            if wished is not None and self._refusal(wished, item, line) is None:
                return Choice(PREFERRED, [(wished.idle_since, wished.id, wished)])
            window_ends = item.entered_at + line.queue.rules.preferred_wait
            if wished is not None and window_ends > now and not is_absent(wished, item):
                return None
            item.preferred = None
        choice = self.free.best(line, now)
        if choice is not None and line.reserve and self.free.candidates(line) <= line.reserve:
            return None
        return choice

    def explain(
        self,
        number: int,
        now: float,
        rule: str,
        item: Item,
        agent: Agent,
        line: Line,
        best: tuple[tuple[str, float], ...],
    ) -> Why:
        """Return the trace of a choice, before it is carried out; ``number`` is the command's."""
        by_item = bool(agent.slots)  # who has become free stands nowhere yet
        return Why(
            number,
            now,
            rule,
            item.interaction_id,
            agent.id,
            item.queue_id,
            item.medium,
            line.needs,
            item.delay,
            by_item,
            agent.condition,
            self._partly(agent, line) if by_item or line.reserve or rule == PREFERRED else 0,
            self.waiting.count + (item.line is None),
            best,
            self.profiles.counts(),
            self.profiles,
        )

    def _partly(self, agent: Agent, line: Line) -> int:
        """Return how many of those with work, but for ``agent``, could take an item of the line."""
        return self.free.partly_candidates(line) - (line.slot_number in agent.slots)

    def refusal(self, agent: Agent, item: Item, now: float) -> tuple[str, str, int] | None:
        """Return why ``agent`` may not get the waiting ``item``, or None when he may; see ``eligibility.refusal``."""
        return self._refusal(agent, item, item.line if item.line is not None else self.waiting.line_for(item, now))

    def _refusal(self, agent: Agent, item: Item, line: Line) -> tuple[str, str, int] | None:
        reserve = line.reserve
        others = self.free.candidates(line) - bool(agent.slots) if reserve else 0
        return refusal(agent, item, line.slot, others, reserve)
