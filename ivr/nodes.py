"""The kinds of nodes a flow is made of: pure data, immutable, checked by the loader before it is built.

Every node names the nodes it leads to (``targets``), so that loader and diagram need to know no kind. What a node does
when the flow stands on it is in ``ivr.flow``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

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
class Span:
    """Opening time ``[start, end)`` on local clocks; ``end`` at or before ``start`` means on the next day."""

    start: time
    end: time

    @property
    def past_midnight(self) -> bool:
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Hours:
    """Branches by local time: ``week`` maps weekdays (0 = Monday) to spans, which belong to the day they begin on.

    On a holiday no span begins; one that began the evening before runs to its end. ``yearly_holidays`` are
    (month, day). Local time is what clocks in ``zone`` show at ``now``, so changes to summer time need no rule.
    """

    zone: ZoneInfo
    week: Mapping[int, Sequence[Span]]
    open: str
    closed: str
    holidays: frozenset[date] = frozenset()
    yearly_holidays: frozenset[tuple[int, int]] = frozenset()

    def targets(self) -> Sequence[tuple[str, str]]:
        return [("open", self.open), ("closed", self.closed)]

    def is_open(self, now: datetime) -> bool:
        """Tell whether the aware instant ``now`` is inside the opening hours."""
        local = now.astimezone(self.zone)
        today, clock = local.date(), local.time()
        yesterday = today - timedelta(days=1)
        return any(
            span.start <= clock and (span.past_midnight or clock < span.end) for span in self._spans(today)
        ) or any(span.past_midnight and clock < span.end for span in self._spans(yesterday))

    def _spans(self, day: date) -> Sequence[Span]:
        if day in self.holidays or (day.month, day.day) in self.yearly_holidays:
            return ()
        return self.week.get(day.weekday(), ())


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
    """Hands the call to a queue and ends the flow; priority and skills come on top of what was set before."""

    queue: str
    priority: int | None = None
    skills: Mapping[str, int] = field(default_factory=dict)

    def targets(self) -> Sequence[tuple[str, str]]:
        return []


@dataclass(frozen=True, slots=True)
class HangUp:
    """Says good-bye, when it has prompts, and ends the call."""

    prompts: Sequence[str] = ()

    def targets(self) -> Sequence[tuple[str, str]]:
        return []


Node = Say | Menu | Hours | Set | Enqueue | HangUp
