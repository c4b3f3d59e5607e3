"""Who may get what: the one rule the engine decides by, the invariants check and why explains."""

from routing.agents import Agent
from routing.commands import Presence, Work
from routing.items import Item
from routing.requirements import DEVICE_MEDIA, shortfall

# What an agent is counted as, one at a time; the bits of one profile's counts are CONDITION_BITS wide each.
OFFLINE, NOT_READY, NO_DEVICE, RESERVED, WRAP_UP, BUSY, PARTLY, IDLE = range(8)
CONDITION_BITS = 24
CONDITION_NAMES = ("offline", "not-ready", "device", "reserved", "wrap-up", "busy", "partly-busy", "idle")


def obstacle(agent: Agent, medium: str) -> str | None:
    """Return what on the agent's side forbids one more interaction of ``medium`` now, or None.

    One of ``offline not-ready device reserved wrap-up busy``, the first that applies.
    """
    if agent.presence is not Presence.READY:
        return agent.presence.value
    if not agent.device_usable and medium in DEVICE_MEDIA:
        return "device"
    if agent.reservation is not None:
        return "reserved"
    profile = agent.profile
    if agent.load and agent.load + profile.share_of(medium) > profile.unit:
        return CONDITION_NAMES[_filled(agent)]
    return None


def refusal(agent: Agent, item: Item, now: float) -> tuple[str, str, int] | None:
    """Return why ``agent`` may not get ``item`` at ``now`` as (reason, name, least level), or None when he may.

    ``now`` has no part in it until delays, relaxation and preferred agents' windows come; callers pass it already.
    """
    lack = shortfall(agent.profile, item.queue_id, item.medium, item.needs)
    if lack is not None:
        return lack
    reason = obstacle(agent, item.medium)
    return None if reason is None else (reason, "", 0)


def eligible(agent: Agent, item: Item, now: float) -> bool:
    """Tell whether ``agent`` may get ``item`` at ``now``: presence, device, requirement, capacity, no reservation."""
    return refusal(agent, item, now) is None


def standing(agent: Agent) -> tuple[int, tuple[str, ...]]:
    """Return what the agent is counted as, and the media of which he could take one more now.

    The first of OFFLINE ... IDLE that applies. The media are those without an ``obstacle``.
    """
    if agent.presence is not Presence.READY:
        return (OFFLINE if agent.presence is Presence.OFFLINE else NOT_READY), ()
    if agent.reservation is not None:
        return RESERVED, ()
    profile = agent.profile
    if not agent.device_usable and profile.needs_device:
        return NO_DEVICE, free_media(agent)
    if not agent.load:
        return IDLE, profile.media
    if agent.load + profile.least_share > profile.unit:
        return _filled(agent), ()
    return PARTLY, free_media(agent)


def free_media(agent: Agent) -> tuple[str, ...]:
    """Return the media of which the agent could take one more now."""
    return tuple([medium for medium in agent.profile.media if obstacle(agent, medium) is None])


def _filled(agent: Agent) -> int:
    for given in agent.assignments.values():
        if given.state is not Work.WRAP_UP:
            return BUSY
    return WRAP_UP
