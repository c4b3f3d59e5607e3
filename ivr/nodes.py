"""The kinds of nodes a flow is made of: pure data, immutable, checked by the loader before it is built.

Every node names the nodes it leads to (``targets``), so that loader and diagram need to know no kind. What a node does
when the flow stands on it is in ``ivr.flow``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contactcenter.core.hours import OpeningHours

DIGITS = "0123456789*#"


@dataclass(frozen=True, slots=True)
class Say:
    """Plays prompts; with ``interrupt`` a digit ends them, and a menu that follows takes that digit."""

    prompts: Sequence[str]
    next: str
    interrupt: bool = True

    def targets(self) -> Sequence[tuple[str, str]]:
        return [("", self.next)]


@dataclass(frozen=True, slots=True)
class Choice:
    """One digit's way out of a menu; ``label`` is what the agent's screen shows, '' for nothing."""

    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """Asks for one digit, ``retries`` times more after a wrong or missing one, then goes to ``default``.

    ``timeout`` seconds count from the end of the prompts.
    """

    prompts: Sequence[str]
    choices: Mapping[str, Choice]
    default: str
    timeout: float = 5.0
    retries: int = 2
    invalid_prompts: Sequence[str] = ()
    timeout_prompts: Sequence[str] = ()

    def targets(self) -> Sequence[tuple[str, str]]:
        ways = [(f"{digit} {choice.label}".strip(), choice.target) for digit, choice in self.choices.items()]
        return [*ways, ("no choice", self.default)]


@dataclass(frozen=True, slots=True)
class Hours:
    """Branches by the opening hours."""

    hours: OpeningHours
    open: str
    closed: str

    def targets(self) -> Sequence[tuple[str, str]]:
        return [("open", self.open), ("closed", self.closed)]


@dataclass(frozen=True, slots=True)
class Set:
    """Sets the call's priority (None: leave it) and adds required skills, name -> least level."""

    next: str
    priority: int | None = None
    skills: Mapping[str, int] = field(default_factory=dict)

    def targets(self) -> Sequence[tuple[str, str]]:
        return [("", self.next)]


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Hands the call to a queue and ends the flow; priority and skills come on top of what was set before.

    ``queue`` '': the one whose rule sent the caller into this flow.
    """

    queue: str
    priority: int | None = None
    skills: Mapping[str, int] = field(default_factory=dict)

    def targets(self) -> Sequence[tuple[str, str]]:
        return []


@dataclass(frozen=True, slots=True)
class Callback:
    """Promises the caller to call him back when it is his turn in ``queue`` (as Enqueue's), then goes to ``next``.

    To ``impossible`` when that cannot be promised: he hides his number, or customers cannot be called from here.
    """

    queue: str
    next: str
    impossible: str
    priority: int | None = None
    skills: Mapping[str, int] = field(default_factory=dict)

    def targets(self) -> Sequence[tuple[str, str]]:
        return [("promised", self.next), ("impossible", self.impossible)]


@dataclass(frozen=True, slots=True)
class Voicemail:
    """Plays prompts, then records the caller until he presses #, is silent for ``silence`` seconds, or hangs up.

    ``max_time`` seconds at most. What he said becomes a ticket.
    """

    prompts: Sequence[str]
    next: str
    max_time: float = 120.0
    silence: float = 6.0

    def targets(self) -> Sequence[tuple[str, str]]:
        return [("", self.next)]


@dataclass(frozen=True, slots=True)
class HangUp:
    """Says good-bye, when it has prompts, and ends the call."""

    prompts: Sequence[str] = ()

    def targets(self) -> Sequence[tuple[str, str]]:
        return []


Node = Say | Menu | Hours | Set | Enqueue | Callback | Voicemail | HangUp
