"""The book of profiles: which profiles meet a requirement, and how many agents of each stand in which condition."""

from contactcenter.core.ids import QueueId, SkillId, TeamId
from routing.commands import Requirement
from routing.eligibility import CONDITION_BITS, CONDITION_NAMES
from routing.requirements import Profile, ProfileKey

NOWHERE = -1
"""The condition of an agent who is not counted."""
_CHUNK = 32
_WIDTH = CONDITION_BITS * len(CONDITION_NAMES)
_ONE = [*(1 << (CONDITION_BITS * condition) for condition in range(len(CONDITION_NAMES))), 0]


class Profiles:
    """All profiles ever seen, one bit each.

    The counts of 32 profiles are packed into one integer: a why keeps those of that moment, and shares all that did not
    change with the why before it.
    """

    def __init__(self) -> None:
        self.all: list[Profile] = []
        self._by_key: dict[ProfileKey, Profile] = {}
        self._counts: list[int] = []
        self._able: dict[tuple[SkillId, int], int] = {}  # skill, level -> bits of the profiles that have it
        self._serving: dict[tuple[QueueId, float], int] = {}  # queue, delay -> bits of those who serve it by then
        self._taking: dict[str, int] = {}  # medium -> bits of the profiles with capacity for it
        self._in_team: dict[TeamId | None, int] = {}
        self.delays: dict[QueueId, set[float]] = {}  # of all who serve the queue, but for none

    def find(self, key: ProfileKey) -> Profile | None:
        """Return the profile of this key, or None."""
        return self._by_key.get(key)

    def add(self, key: ProfileKey) -> Profile:
        """Write a new profile into the book."""
        profile = Profile(len(self.all), key)
        self.all.append(profile)
        self._by_key[key] = profile
        if len(self.all) > len(self._counts) * _CHUNK:
            self._counts.append(0)
        self._learn(profile)
        return profile

    def of(self, bits: int) -> list[Profile]:
        """Return the profiles whose bits are set."""
        return [self.all[index] for index in numbers_of(bits)]

    def meeting(self, queue_id: QueueId, medium: str, requirement: Requirement, delay: float) -> int:
        """Return the bits of the profiles in which ``shortfall`` finds no lack."""
        bits = self._serving_queue(queue_id, delay) & self._taking.get(medium, 0)
        for skill, level in requirement.skills:
            bits &= self._having(skill, level)
        for group in requirement.any_of:
            able = 0
            for skill, level in group:
                able |= self._having(skill, level)
            bits &= able
        if requirement.teams:
            allowed = 0
            for team in requirement.teams:
                allowed |= self._in_team.get(team, 0)
            bits &= allowed
        return bits

    def _learn(self, profile: Profile) -> None:
        bit = 1 << profile.index
        for skill, level in self._able:
            if profile.skills.get(skill, 0) >= level:
                self._able[skill, level] |= bit
        for queue_id, delay in self._serving:
            if _serves(profile, queue_id, delay):
                self._serving[queue_id, delay] |= bit
        for medium in profile.share:
            self._taking[medium] = self._taking.get(medium, 0) | bit
        self._in_team[profile.team_id] = self._in_team.get(profile.team_id, 0) | bit
        for queue_id, service in (profile.queues or {}).items():
            if service.delay > 0:
                self.delays.setdefault(queue_id, set()).add(service.delay)

    def _having(self, skill: SkillId, level: int) -> int:
        if (skill, level) not in self._able:
            able = [one for one in self.all if one.skills.get(skill, 0) >= level]
            self._able[skill, level] = sum(1 << one.index for one in able)
        return self._able[skill, level]

    def _serving_queue(self, queue_id: QueueId, delay: float) -> int:
        if (queue_id, delay) not in self._serving:
            serving = [one for one in self.all if _serves(one, queue_id, delay)]
            self._serving[queue_id, delay] = sum(1 << one.index for one in serving)
        return self._serving[queue_id, delay]

    def recount(self, profile: Profile, before: int, after: int) -> None:
        """Count one agent in condition ``after`` instead of ``before``; NOWHERE counts nothing."""
        chunk, place = divmod(profile.index, _CHUNK)
        self._counts[chunk] += (_ONE[after] - _ONE[before]) << _WIDTH * place

    def counts(self) -> tuple[int, ...]:
        """Return the counts as they are now; what is returned never changes."""
        return tuple(self._counts)


def numbers_of(bits: int) -> list[int]:
    """Return which bits are set, the highest first."""
    found = []
    while bits:
        index = bits.bit_length() - 1
        bits ^= 1 << index
        found.append(index)
    return found


def known(counts: tuple[int, ...], book: Profiles) -> list[Profile]:
    """Return the profiles of the book that may have been in it when ``counts`` was taken; of later ones all are 0."""
    return book.all[: len(counts) * _CHUNK]


def count_of(counts: tuple[int, ...], profile: Profile, condition: int) -> int:
    """Return how many agents of ``profile`` stood in ``condition`` when ``counts`` was taken."""
    chunk, place = divmod(profile.index, _CHUNK)
    return (counts[chunk] >> (_WIDTH * place + CONDITION_BITS * condition)) & ((1 << CONDITION_BITS) - 1)


def _serves(profile: Profile, queue_id: QueueId, delay: float) -> bool:
    if profile.queues is None:
        return True
    service = profile.queues.get(queue_id)
    return service is not None and service.delay <= delay
