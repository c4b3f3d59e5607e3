"""Opening hours: spans of the week on the clocks of a place, and the days on which nothing opens. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_AHEAD: Final = 400
"""Days looked through for the next opening."""
_LEAP_YEAR: Final = 2024
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
_YEARLY: Final = re.compile(r"\d\d-\d\d", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Opening time ``[start, end)`` on local clocks; ``end`` at or before ``start`` means on the next day."""

    start: time
    end: time

    @property
    def past_midnight(self) -> bool:
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """``week`` maps weekdays (0 = Monday) to spans, which belong to the day they begin on.

    On a holiday no span begins; one that began the evening before runs to its end. ``yearly_holidays`` are
    (month, day). Local time is what clocks in ``zone`` show at ``now``, so changes to summer time need no rule.
    """

    zone: ZoneInfo
    week: Mapping[int, Sequence[Span]]
    holidays: frozenset[date] = frozenset()
    yearly_holidays: frozenset[tuple[int, int]] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Tell whether the aware instant ``now`` is inside the opening hours."""
        local = now.astimezone(self.zone)
        today, clock = local.date(), local.time()
        yesterday = today - timedelta(days=1)
        return any(
            span.start <= clock and (span.past_midnight or clock < span.end) for span in self._spans(today)
        ) or any(span.past_midnight and clock < span.end for span in self._spans(yesterday))

    def opens_at(self, now: datetime) -> datetime | None:
        """Return when it opens next after ``now``, in its own zone; None when not within a year or so."""
        today = now.astimezone(self.zone).date()
        for ahead in range(LOOK_AHEAD):
            day = today + timedelta(days=ahead)
            starts = [datetime.combine(day, span.start, self.zone) for span in self._spans(day)]
            later = [start for start in starts if start > now and self.is_open(start)]
            if later:
                return min(later)
        return None

    def _spans(self, day: date) -> Sequence[Span]:
        if day in self.holidays or (day.month, day.day) in self.yearly_holidays:
            return ()
        return self.week.get(day.weekday(), ())


def read_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of this name, or None."""
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_span(text: str) -> Span | None:
    """Read ``08:00-17:30`` (or ``-24:00``); None for anything else, and for a span without length."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    start = time(int(match[1]), int(match[2]))
    end = time(int(match[3] or 0), int(match[4] or 0))
    return None if start == end and not text.endswith("24:00") else Span(start, end)


def read_holiday(text: str) -> date | tuple[int, int] | None:
    """Read ``2026-12-25``, or ``12-25`` for every year, as a day or (month, day); None for anything else."""
    is_yearly = bool(_YEARLY.fullmatch(text))
    try:
        day = date.fromisoformat(f"{_LEAP_YEAR}-{text}" if is_yearly else text)
    except ValueError:
        return None
    return (day.month, day.day) if is_yearly else day


@dataclass(frozen=True, slots=True)
class HoursText:
    """Opening hours as people write them: ``week`` by weekday (mon ... sun), ``holidays`` as ``read_holiday`` takes."""

    timezone: str
    week: Mapping[str, tuple[str, ...]]
    holidays: tuple[str, ...] = ()

    def read(self) -> OpeningHours | None:
        """Return what it means; None when ``wrong`` names anything."""
        return _read(self.timezone, tuple(sorted(self.week.items())), self.holidays)

    def wrong(self) -> dict[str, str]:
        """Return what cannot be read: place in here -> code."""
        found = {} if read_zone(self.timezone) else {"timezone": "unknown-timezone"}
        for day, spans in self.week.items():
            if day not in DAYS:
                found[f"week.{day}"] = "unknown-day"
            elif any(read_span(span) is None for span in spans):
                found[f"week.{day}"] = "bad-hours"
        if not any(self.week.values()):
            found["week"] = "empty"
        for number, text in enumerate(self.holidays):
            if read_holiday(text) is None:
                found[f"holidays.{number}"] = "bad-date"
        return found


@lru_cache(maxsize=1024)
def _read(
    timezone: str, week: tuple[tuple[str, tuple[str, ...]], ...], holidays: tuple[str, ...]
) -> OpeningHours | None:
    zone = read_zone(timezone)
    if zone is None or HoursText(timezone, dict(week), holidays).wrong():
        return None
    spans = {DAYS.index(day): tuple(span for text in texts if (span := read_span(text))) for day, texts in week}
    days = [day for text in holidays if (day := read_holiday(text)) is not None]
    fixed = frozenset(day for day in days if isinstance(day, date))
    return OpeningHours(zone, spans, fixed, frozenset(day for day in days if not isinstance(day, date)))
