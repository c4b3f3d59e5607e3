"""The book of profiles: which profiles meet a requirement, and how many agents of each stand in which condition."""

from contactcenter.core.ids import QueueId, SkillId, TeamId
from routing.commands import Requirement
from routing.eligibility import CONDITION_BITS, CONDITION_NAMES
from routing.requirements import Profile, ProfileKey

NOWHERE = -1
"""The condition of an agent who is not counted."""
_CHUNK = 32
_ONE = [*(1 << (CONDITION_BITS * condition) for condition in range(len(CONDITION_NAMES))), 0]


class Profiles:
    """All profiles ever seen, one bit each.

    The counts of one profile are packed into one integer, those of 32 profiles into one tuple that is made again only
    after a change: a why keeps the tuples and shares all that did not change with the why before it.
    """

    def __init__(self) -> None:
        self.all: list[Profile] = []
        self._by_key: dict[ProfileKey, Profile] = {}
        self._counts: list[int] = []
        self._chunks: list[tuple[int, ...]] = []
        self._stale: set[int] = set()
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
        self._counts.append(0)
        if len(self._counts) > len(self._chunks) * _CHUNK:
            self._chunks.append(())
        self._stale.add(profile.index // _CHUNK)
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
        self._counts[profile.index] += _ONE[after] - _ONE[before]
        self._stale.add(profile.index // _CHUNK)

    def counts(self) -> tuple[tuple[int, ...], ...]:
        """Return the counts as they are now; what is returned never changes."""
        for number in self._stale:
            self._chunks[number] = tuple(self._counts[number * _CHUNK : (number + 1) * _CHUNK])
        self._stale.clear()
        return tuple(self._chunks)


def numbers_of(bits: int) -> list[int]:
    """Return which bits are set, the highest first."""
    found = []
    while bits:
        index = bits.bit_length() - 1
        bits ^= 1 << index
        found.append(index)
    return found


def count_of(counts: tuple[tuple[int, ...], ...], profile: Profile, condition: int) -> int:
    """Return how many agents of ``profile`` stood in ``condition`` when ``counts`` was taken."""
    packed = counts[profile.index // _CHUNK][profile.index % _CHUNK]
    return (packed >> (CONDITION_BITS * condition)) & ((1 << CONDITION_BITS) - 1)


def _serves(profile: Profile, queue_id: QueueId, delay: float) -> bool:
    if profile.queues is None:
        return True
    service = profile.queues.get(queue_id)
    return service is not None and service.delay <= delay
