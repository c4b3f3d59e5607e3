"""What interactions need and what agents offer, and whether the one meets the other.

A Profile is one distinct combination of skills, queues, capacity and team; agents who share it share one object, so
that a requirement is matched against profiles, never against agents. Profiles are never dropped: their numbers stay
valid in every kept why.
"""

from collections.abc import Mapping, Sequence
from math import lcm
from typing import Any

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import QueueId, ServerId, SkillId, TeamId
from routing.commands import RelaxationStep, Requirement, Service, Skills

DEVICE_MEDIA = frozenset({"voice"})
"""Media that reach the agent on a device; the others reach him on the desktop."""
SERVER_PREFIX = "server:"
"""A skill of this name is no skill of the agent's: callers of that server can be connected with him."""
Queues = tuple[tuple[QueueId, Service], ...]
ProfileKey = tuple[Skills, Queues | None, tuple[tuple[str, int], ...], TeamId | None]


def server_skill(server_id: ServerId) -> SkillId:
    """Return the skill that stands for being reached from a server; only sites of several servers ask for it."""
    return SkillId(SERVER_PREFIX + server_id)


def join(first: Requirement, second: Requirement) -> Requirement:
    """Return the requirement that demands both.

    Per skill the higher level, all groups, the preferred skills of both; teams that both allow, those of ``first``
    where they have none in common.
    """
    if second == _NOTHING:
        return first
    return Requirement(
        _higher(first.skills, second.skills),
        tuple(sorted({*first.any_of, *second.any_of})),
        _common(first.teams, second.teams),
        _higher(first.preferred, second.preferred),
    )


def relax(requirement: Requirement, steps: Sequence[RelaxationStep]) -> Requirement:
    """Return what is left of a requirement after these steps, one after the other."""
    for step in steps:
        most = dict(step.levels)
        teams = tuple(sorted({*requirement.teams, *step.teams})) if requirement.teams else ()
        groups = [group for group in requirement.any_of if all(most.get(name) != 0 for name, _ in group)]
        requirement = Requirement(
            _capped(requirement.skills, most),
            tuple(_capped(group, most) for group in groups),
            () if step.any_team else teams,
            requirement.preferred,
        )
    return requirement


_NOTHING = Requirement()


def _higher(first: Skills, second: Skills) -> Skills:
    levels = dict(first)
    for skill, level in second:
        levels[skill] = max(level, levels.get(skill, 0))
    return tuple(sorted(levels.items()))


def _common(first: tuple[TeamId, ...], second: tuple[TeamId, ...]) -> tuple[TeamId, ...]:
    if not first or not second:
        return tuple(sorted(first or second))
    return tuple(sorted({*first} & {*second} or first))


def _capped(skills: Skills, most: Mapping[SkillId, int]) -> Skills:
    return tuple((name, min(level, most.get(name, level))) for name, level in skills if most.get(name) != 0)


def profile_key(
    skills: Mapping[SkillId, int],
    queues: Mapping[QueueId, Service] | None,
    capacity: Mapping[str, int],
    team_id: TeamId | None = None,
) -> ProfileKey:
    """Return the comparable form of what an agent offers. Raises: Invalid for a negative capacity."""
    if any(number < 0 for number in capacity.values()):
        raise Invalid("invalid-capacity", {"capacity": "negative"})
    return (
        tuple(sorted(skills.items())),
        None if queues is None else tuple(sorted(queues.items())),
        tuple(sorted((medium, number) for medium, number in capacity.items() if number)),
        team_id,
    )


class Profile:
    """One combination of skills, queues, capacity and team, with its free agents.

    ``unit`` is a whole agent and ``share[medium]`` the part of it one interaction takes, as integers: shares of a full
    agent add up to exactly ``unit``. ``flexibility`` counts skills and queues. Owned by ``free``: ``idle``, the agents
    free altogether, longest idle first, and ``partly[slot]``, those who could take one more of some kind, least loaded
    first. Owned by ``waiting``: ``lines``, the numbers of the lines whose requirement it meets, and ``line_bits``, the
    same as bits.
    """

    __slots__ = (
        "capacity",
        "flexibility",
        "idle",
        "index",
        "key",
        "least_share",
        "line_bits",
        "lines",
        "media",
        "needs_device",
        "partly",
        "queues",
        "share",
        "skills",
        "team_id",
        "unit",
    )

    def __init__(self, index: int, key: ProfileKey) -> None:
        skills, queues, capacity, self.team_id = key
        self.index = index
        self.key = key
        self.skills = dict(skills)
        self.queues = None if queues is None else dict(queues)
        self.capacity = dict(capacity)
        self.unit = lcm(*self.capacity.values()) if capacity else 1
        self.share = {medium: self.unit // number for medium, number in capacity}
        self.least_share = min(self.share.values(), default=self.unit + 1)
        self.media = tuple(self.share)
        self.needs_device = not DEVICE_MEDIA.isdisjoint(self.media)
        own = [skill for skill in self.skills if not skill.startswith(SERVER_PREFIX)]
        self.flexibility = len(own) + len(self.queues or ())
        self.lines: set[int] = set()
        self.line_bits = 0
        self.idle: list[Any] = []
        self.partly: dict[int, list[Any]] = {}

    def share_of(self, medium: str) -> int:
        """Part of the agent one interaction of ``medium`` takes; all of him when he has no capacity for it."""
        return self.share.get(medium, self.unit)

    def service(self, queue_id: QueueId) -> Service:
        """How this profile serves a queue it serves."""
        return _PLAIN if self.queues is None else self.queues.get(queue_id, _PLAIN)


_PLAIN = Service()


def shortfall(
    profile: Profile, queue_id: QueueId, medium: str, requirement: Requirement, delay: float
) -> tuple[str, str, int] | None:
    """Return the first thing the profile lacks as (reason, name, least level), or None when it meets everything.

    ``delay``: the longest delay that items which have waited as long as this one have behind them.
    """
    for skill, level in requirement.skills:
        if profile.skills.get(skill, 0) < level:
            return _lack(skill, level)
    for group in requirement.any_of:
        if not any(profile.skills.get(skill, 0) >= level for skill, level in group):
            return _lack(*group[0])
    if requirement.teams and profile.team_id not in requirement.teams:
        return ("team", requirement.teams[0], 0)
    if profile.queues is not None and queue_id not in profile.queues:
        return ("queue", queue_id, 0)
    if medium not in profile.share:
        return ("medium", medium, 0)
    if profile.service(queue_id).delay > delay:
        return ("delay", queue_id, 0)
    return None


def _lack(skill: SkillId, level: int) -> tuple[str, str, int]:
    if skill.startswith(SERVER_PREFIX):
        return ("server", skill.removeprefix(SERVER_PREFIX), 0)
    return ("skill", skill, level)
