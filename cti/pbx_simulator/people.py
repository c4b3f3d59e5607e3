"""The people of the simulation: how a phone takes a call, and what a customer does on the line. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SPEECH_SECONDS: Final = 3.0
"""How long a simulated person speaks into a recording."""
BUSY, NO_ANSWER, REJECTED, UNALLOCATED, CONGESTED = 17, 19, 21, 1, 34
"""Causes a phone may refuse with (ITU-T Q.850)."""


@dataclass(frozen=True, slots=True)
class PicksUp:
    """Rings, is picked up ``after`` seconds, hung up ``talk`` seconds later (None: never by the phone)."""

    after: float = 1.0
    talk: float | None = None


@dataclass(frozen=True, slots=True)
class Refuses:
    """Refuses at once, with a Q.850 cause."""

    cause: int = BUSY


@dataclass(frozen=True, slots=True)
class RingsOn:
    """Rings until somebody picks it up by hand (``Exchange.pick_up``) or the caller gives up."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Does not answer at all, though it is registered."""


Reaction = PicksUp | Refuses | RingsOn | Dead
Phones = Callable[[str], Reaction]
"""Endpoint, or number of a customer who is called -> how the phone takes the call that comes now; asked once a call."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's call: presses ``digits`` ``delay`` seconds after he was answered, then waits ``patience`` seconds
    for an agent, talks ``talk_time`` seconds and hangs up.
    """

    number: str
    dialed: str
    name: str = ""
    digits: str = ""
    delay: float = 3.0
    patience: float = 60.0
    talk_time: float = 10.0
