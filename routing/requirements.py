"""What interactions need and what agents offer, and whether the one meets the other.

A Profile is one distinct combination of skills, queues and capacity; agents who share it share one object, so that a
requirement is matched against profiles, never against agents. Profiles are never dropped: their numbers stay valid in
every kept why.
"""

from collections.abc import Mapping
from math import lcm
from typing import Any

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import QueueId, ServerId, SkillId
from routing.commands import Requirement

DEVICE_MEDIA = frozenset({"voice"})
"""Media that reach the agent on a device; the others reach him on the desktop."""
SERVER_PREFIX = "server:"
"""A skill of this name is no skill of the agent's: callers of that server can be connected with him."""
ProfileKey = tuple[tuple[tuple[SkillId, int], ...], tuple[QueueId, ...] | None, tuple[tuple[str, int], ...]]


def server_skill(server_id: ServerId) -> SkillId:
    """Return the skill that stands for being reached from a server; only sites of several servers ask for it."""
    return SkillId(SERVER_PREFIX + server_id)


def join(first: Requirement, second: Requirement) -> Requirement:
    """Return the requirement that demands both: per skill the higher level; skills in order of name."""
    if not second.skills:
        return first
    levels = dict(first.skills)
    for skill, level in second.skills:
        levels[skill] = max(level, levels.get(skill, 0))
    return Requirement(tuple(sorted(levels.items())))


def profile_key(
    skills: Mapping[SkillId, int], queues: frozenset[QueueId] | None, capacity: Mapping[str, int]
) -> ProfileKey:
    """Return the comparable form of what an agent offers. Raises: Invalid for a negative capacity."""
    if any(number < 0 for number in capacity.values()):
        raise Invalid("invalid-capacity", {"capacity": "negative"})
    return (
        tuple(sorted(skills.items())),
        None if queues is None else tuple(sorted(queues)),
        tuple(sorted((medium, number) for medium, number in capacity.items() if number)),
    )


class Profile:
    """One combination of skills, queues and capacity, with its free agents.

    ``unit`` is a whole agent and ``share[medium]`` the part of it one interaction takes, as integers: shares of a full
    agent add up to exactly ``unit``. ``free[medium]`` are its free agents in the order of the agent rule, ``lines`` has
    the bit of every line whose requirement this profile meets and ``waiting[medium]`` the lists of those lines (all
    three owned by ``matching``; the lists are shared, never replaced).
    """

    __slots__ = (
        "capacity",
        "free",
        "index",
        "key",
        "least_share",
        "lines",
        "media",
        "needs_device",
        "queues",
        "share",
        "skills",
        "unit",
        "waiting",
    )

    def __init__(self, index: int, key: ProfileKey) -> None:
        skills, queues, capacity = key
        self.index = index
        self.key = key
        self.skills = dict(skills)
        self.queues = None if queues is None else frozenset(queues)
        self.capacity = dict(capacity)
        self.unit = lcm(*self.capacity.values()) if capacity else 1
        self.share = {medium: self.unit // number for medium, number in capacity}
        self.least_share = min(self.share.values(), default=self.unit + 1)
        self.media = tuple(self.share)
        self.needs_device = not DEVICE_MEDIA.isdisjoint(self.media)
        self.lines = 0
        self.waiting: dict[str, list[list[Any]]] = {medium: [] for medium in self.media}
        self.free: dict[str, list[Any]] = {medium: [] for medium in self.media}

    def share_of(self, medium: str) -> int:
        """Part of the agent one interaction of ``medium`` takes; all of him when he has no capacity for it."""
        return self.share.get(medium, self.unit)


def shortfall(
    profile: Profile, queue_id: QueueId, medium: str, requirement: Requirement
) -> tuple[str, str, int] | None:
    """Return the first thing the profile lacks as (reason, name, least level), or None when it meets everything."""
    for skill, level in requirement.skills:
        if profile.skills.get(skill, 0) < level:
            return _lack(skill, level)
    if profile.queues is not None and queue_id not in profile.queues:
        return ("queue", queue_id, 0)
    if medium not in profile.share:
        return ("medium", medium, 0)
    return None


def _lack(skill: SkillId, level: int) -> tuple[str, str, int]:
    if skill.startswith(SERVER_PREFIX):
        return ("server", skill.removeprefix(SERVER_PREFIX), 0)
    return ("skill", skill, level)
