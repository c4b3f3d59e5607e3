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


_LOADED = 1e10
"""Seconds of idle time that a whole agent's load outweighs: any share of it is more than a life. One float compares
several times faster than two, and keeps microseconds at this size."""


class AgentOrder(Protocol):
    """Ranks free agents."""

    name: str

    def rank(self, agent: Agent) -> AgentRank:
        """Return (key, idle since, id, agent); the smallest gets the interaction."""
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
        since = agent.idle_since
        key = since + agent.load / agent.profile.unit * _LOADED if agent.load else since
        return (key, since, agent.id, agent)


class PriorityThenOldest:
    """VIP first, then the higher sum of queue and interaction priority, then who entered first."""

    name = "vip-priority-oldest"

    def rank(self, item: Item, rules: QueueRules) -> ItemRank:
        return (not item.vip, -(rules.priority + item.priority), item.entered_at, item.interaction_id, item)
