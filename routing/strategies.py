"""In which order: agents for an interaction, interactions for an agent. Each order is a static key, smallest first.

A key may depend only on what changes together with the agent's or the interaction's own place, so that places are kept
sorted and never recomputed by time. Every key ends in an id: ties are broken the same way before and after a restart.
"""

from typing import Protocol

from routing.agents import Agent
from routing.commands import QueueRules
from routing.items import Item

AgentRank = tuple[float, float, str, Agent]
ItemRank = tuple[bool, int, float, str, Item]


class AgentOrder(Protocol):
    """Ranks free agents."""

    name: str

    def rank(self, agent: Agent) -> AgentRank:
        """Return (first key, second key, id, agent); the smallest gets the interaction."""
        ...


class WorkOrder(Protocol):
    """Ranks waiting interactions."""

    name: str

    def rank(self, item: Item, rules: QueueRules) -> ItemRank:
        """Return (first key, second key, third key, id, item); the smallest goes first."""
        ...


class LongestIdle:
    """Agents without work first, then the least loaded; among equals the one idle for longest."""

    name = "longest-idle"

    def rank(self, agent: Agent) -> AgentRank:
        load = agent.load / agent.profile.unit if agent.load else 0.0
        return (load, agent.idle_since, agent.id, agent)


class PriorityThenOldest:
    """VIP first, then the higher sum of queue and interaction priority, then who entered first."""

    name = "vip-priority-oldest"

    def rank(self, item: Item, rules: QueueRules) -> ItemRank:
        return (not item.vip, -(rules.priority + item.priority), item.entered_at, item.interaction_id, item)
