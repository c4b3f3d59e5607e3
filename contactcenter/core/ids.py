"""Time-ordered identifiers: 26 lower-case letters and digits, safe in file names, dialplan values and addresses.

48 bits of Unix milliseconds and 80 random bits in Crockford's base 32 (https://www.crockford.com/base32.html), so ids
sort by the moment of their making. Ids made in the same millisecond by one source still sort in order of making.
"""

import random
import secrets
from collections.abc import Callable
from typing import NewType, Protocol

from contactcenter.core.clock import Clock

UserId = NewType("UserId", str)
AgentId = NewType("AgentId", str)
TeamId = NewType("TeamId", str)
SkillId = NewType("SkillId", str)
ProfileId = NewType("ProfileId", str)
QueueId = NewType("QueueId", str)
DeviceId = NewType("DeviceId", str)
InteractionId = NewType("InteractionId", str)
VisitId = NewType("VisitId", str)
SegmentId = NewType("SegmentId", str)
ReservationId = NewType("ReservationId", str)
PersonId = NewType("PersonId", str)
OrganisationId = NewType("OrganisationId", str)
ContactPointId = NewType("ContactPointId", str)
CallbackId = NewType("CallbackId", str)
TicketId = NewType("TicketId", str)
ServerId = NewType("ServerId", str)
SiteId = NewType("SiteId", str)
LegId = NewType("LegId", str)
"""A leg's id is its channel's Uniqueid; for a leg we originate, the id we chose (the reservation's)."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_LENGTH = 26
_BLOCK = 10_240


class Ids(Protocol):
    """A source of new ids."""

    def new(self) -> str:
        """Return an id greater than every id this source returned before."""
        ...


class SystemRandomBits:
    """The system's random bits, drawn in blocks: each draw lets other threads run, which would delay a call."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def __call__(self, bits: int) -> int:
        """Return ``bits`` random bits, whole bytes of them."""
        size = bits // 8
        if self._at + size > len(self._block):
            self._block, self._at = secrets.token_bytes(_BLOCK), 0
        self._at += size
        return int.from_bytes(self._block[self._at - size : self._at], "big")


class TimeOrderedIds:
    """Ids from a clock and a source of random bits (a seeded ``random.Random`` makes them repeatable in tests)."""

    def __init__(self, clock: Clock, random_bits: Callable[[int], int] | None = None) -> None:
        self._clock = clock
        self._random_bits = random_bits or SystemRandomBits()
        self._last = 0

    def new(self) -> str:
        milliseconds = int(self._clock.timestamp() * 1000)
        number = (milliseconds << _RANDOM_BITS) | self._random_bits(_RANDOM_BITS)
        if number <= self._last:
            number = self._last + 1
        self._last = number
        return encode(number)


def seeded_ids(clock: Clock, seed: int) -> TimeOrderedIds:
    """Return a repeatable source for tests and replays."""
    return TimeOrderedIds(clock, random.Random(seed).getrandbits)


def is_id(text: str) -> bool:
    """Tell whether ``text`` has the shape of an id of ours; a PBX's own Uniqueids have not."""
    return len(text) == _LENGTH and set(text) <= set(_ALPHABET)


def encode(number: int) -> str:
    """Write ``number`` (below 2**130) as 26 base-32 digits, most significant first."""
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range((_LENGTH - 1) * 5, -1, -5)]
    return "".join(digits)
