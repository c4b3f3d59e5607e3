"""Who may get what: the one rule the engine decides by, the invariants check and why explains."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from routing.agents import Agent
from routing.commands import Presence, QueueRules, Requirement, Work
from routing.items import Item
from routing.requirements import DEVICE_MEDIA, Profile, join, relax, shortfall
from routing.states import AgentState

# What an agent is counted as, one at a time; the bits of one profile's counts are CONDITION_BITS wide each.
OFFLINE, NOT_READY, NO_DEVICE, RESERVED, WRAP_UP, BUSY, PARTLY, IDLE = range(8)
CONDITION_BITS = 24
CONDITION_NAMES = ("offline", "not-ready", "device", "reserved", "wrap-up", "busy", "partly-busy", "idle")
EVERYTHING = (-1,)
"""Instead of slots: the agent could take one more of whatever he has capacity for."""
FOREVER = float("inf")


class Slot(NamedTuple):
    """One kind of room an agent may have: for a medium, when these other media may be interrupted for it."""

    medium: str
    interrupts: frozenset[str]


def obstacle(agent: Agent, slot: Slot) -> str | None:
    """Return what on the agent's side forbids one more interaction of this kind now, or None.

    One of ``offline not-ready device reserved wrap-up busy``, the first that applies.
    """
    if agent.presence is not Presence.READY:
        return agent.presence.value
    if not agent.device_usable and slot.medium in DEVICE_MEDIA:
        return "device"
    if agent.reservation is not None:
        return "reserved"
    if not agent.load:
        return None
    load = agent.load - _interruptible(agent, slot) + agent.profile.share_of(slot.medium)
    return CONDITION_NAMES[_filled(agent)] if load > agent.profile.unit else None


def refusal(agent: Agent, item: Item, slot: Slot, others: int, reserve: int) -> tuple[str, str, int] | None:
    """Return why ``agent`` may not get the waiting ``item`` as (reason, name, least level), or None when he may.

    ``slot`` is the item's; ``others``: how many but him could take it, ``reserve``: how many of all must be left. What
    time changes is the item's own (``needs``, ``delay``, ``preferred``), so no instant is asked for.
    """
    lack = shortfall(agent.profile, item.queue_id, item.medium, item.needs, item.delay)
    if lack is not None:
        return lack
    reason = obstacle(agent, slot)
    if reason is not None:
        return (reason, "", 0)
    if item.preferred is not None and item.preferred != agent.id:
        return ("window", item.preferred, 0)
    return ("reserve", "", 0) if others < reserve and item.preferred is None else None


def present(agents: Iterable[Agent]) -> set[Profile]:
    """Return the profiles of everybody signed in."""
    return {one.profile for one in agents if one.state is AgentState.PRESENT and one.presence is not Presence.OFFLINE}


def is_served(there: Iterable[Profile], rules: QueueRules, medium: str, requirement: Requirement) -> bool:
    """Tell whether any of these could ever take such an item, once it has waited for all relaxation steps."""
    need = relax(join(rules.requirement, requirement), rules.steps)
    return any(shortfall(profile, rules.queue_id, medium, need, FOREVER) is None for profile in there)


def is_absent(agent: Agent, item: Item) -> bool:
    """Tell whether waiting for this agent is in vain at present, however soon he may be free."""
    return (
        agent.state is not AgentState.PRESENT
        or agent.presence is not Presence.READY
        or (not agent.device_usable and item.medium in DEVICE_MEDIA)
        or shortfall(agent.profile, item.queue_id, item.medium, item.needs, FOREVER) is not None
    )


def standing(agent: Agent, slots: Sequence[Slot], *, any_interrupts: bool = True) -> tuple[int, tuple[int, ...]]:
    """Return what the agent is counted as, and the numbers of the slots of which he could take one more now.

    The first of OFFLINE ... IDLE that applies; EVERYTHING goes with IDLE. ``any_interrupts``: whether any of the slots
    may interrupt anything.
    """
    if agent.presence is not Presence.READY:
        return (OFFLINE if agent.presence is Presence.OFFLINE else NOT_READY), ()
    if agent.reservation is not None:
        return RESERVED, ()
    profile = agent.profile
    if not agent.device_usable and profile.needs_device:
        return NO_DEVICE, free_slots(agent, slots)
    if not agent.load:
        return IDLE, EVERYTHING
    is_full = agent.load + profile.least_share > profile.unit
    if is_full and not any_interrupts:
        return _filled(agent), ()
    return (_filled(agent) if is_full else PARTLY), free_slots(agent, slots)


def free_slots(agent: Agent, slots: Sequence[Slot]) -> tuple[int, ...]:
    """Return the numbers of the slots of which the agent could take one more now."""
    share = agent.profile.share
    return tuple([n for n, slot in enumerate(slots) if slot.medium in share and obstacle(agent, slot) is None])


def _interruptible(agent: Agent, slot: Slot) -> int:
    if not slot.interrupts:
        return 0
    return sum(
        agent.profile.share_of(given.medium)
        for given in agent.assignments.values()
        if given.state is Work.HANDLING and given.medium in slot.interrupts
    )


def _filled(agent: Agent) -> int:
    for given in agent.assignments.values():
        if given.state is not Work.WRAP_UP:
            return BUSY
    return WRAP_UP
