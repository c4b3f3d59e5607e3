from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from contactcenter.core.hours import HoursText, OpeningHours, Span, read_holiday, read_span

BERLIN = ZoneInfo("Europe/Berlin")
DAY = (Span(time(8), time(18)),)
NIGHT = (Span(time(22), time(6)),)
WORKDAYS = dict.fromkeys(range(5), DAY)
WHOLE_WEEK = dict.fromkeys(range(7), (Span(time(0), time(0)),))


def hours(week: dict[int, tuple[Span, ...]], **more: object) -> OpeningHours:
    return OpeningHours(BERLIN, week, **more)  # type: ignore[arg-type]


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-05T07:59:59.999999", False),
        ("2026-01-05T08:00", True),
        ("2026-01-05T17:59:59.999999", True),
        ("2026-01-05T18:00", False),
        ("2026-01-09T12:00", True),
        ("2026-01-10T12:00", False),
    ],
)
def test_edges_of_a_day(at: str, is_open: bool) -> None:
    assert hours(WORKDAYS).is_open(berlin(at)) is is_open
    assert hours(WORKDAYS).is_open(berlin(at).astimezone(UTC)) is is_open


def test_opening_follows_local_clocks_over_the_change_to_summer_time() -> None:
    sunday = hours({6: DAY})
    assert sunday.is_open(datetime(2026, 3, 22, 7, 0, tzinfo=UTC))  # 08:00 winter time
    assert not sunday.is_open(datetime(2026, 3, 22, 6, 59, tzinfo=UTC))
    assert sunday.is_open(datetime(2026, 3, 29, 6, 0, tzinfo=UTC))  # 08:00 summer time, changed that night
    assert not sunday.is_open(datetime(2026, 3, 29, 16, 0, tzinfo=UTC))
    assert sunday.is_open(datetime(2026, 10, 25, 16, 59, tzinfo=UTC))  # winter time again: 17:59
    assert not sunday.is_open(datetime(2026, 10, 25, 6, 59, tzinfo=UTC))


def test_the_hour_that_comes_twice_is_open_twice_and_the_missing_one_never() -> None:
    early = hours({6: (Span(time(2), time(3)),)})
    autumn = datetime(2026, 10, 25, tzinfo=UTC)
    opened = [minutes for minutes in range(240) if early.is_open(autumn + timedelta(minutes=minutes))]
    assert opened == list(range(120))
    spring = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert not any(early.is_open(spring + timedelta(minutes=minutes)) for minutes in range(360))


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-09T21:59", False),
        ("2026-01-09T22:00", True),
        ("2026-01-09T23:59:59", True),
        ("2026-01-10T00:00", True),
        ("2026-01-10T05:59:59", True),
        ("2026-01-10T06:00", False),
        ("2026-01-09T03:00", False),
    ],
)
def test_a_span_past_midnight_belongs_to_the_day_it_begins(at: str, is_open: bool) -> None:
    assert hours({4: NIGHT}).is_open(berlin(at)) is is_open


def test_round_the_clock_has_no_gap_at_midnight() -> None:
    week = hours(WHOLE_WEEK)
    assert all(week.is_open(datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=15 * n)) for n in range(600))


def test_on_a_holiday_no_span_begins_but_yesterdays_runs_out() -> None:
    friday = hours({3: NIGHT, 4: NIGHT}, holidays=frozenset({date(2026, 1, 9)}))
    assert friday.is_open(berlin("2026-01-09T05:00"))
    assert not friday.is_open(berlin("2026-01-09T23:00"))
    assert not friday.is_open(berlin("2026-01-10T05:00"))
    yearly = hours(WORKDAYS, yearly_holidays=frozenset({(1, 6)}))
    assert not yearly.is_open(berlin("2026-01-06T12:00"))
    assert not yearly.is_open(berlin("2027-01-06T12:00"))


def test_the_holiday_is_the_local_day() -> None:
    node = hours(WHOLE_WEEK, holidays=frozenset({date(2026, 1, 6)}))
    assert not node.is_open(datetime(2026, 1, 5, 23, 30, tzinfo=UTC))
    assert node.is_open(datetime(2026, 1, 6, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-01-05T07:00", "2026-01-05T08:00"),
        ("2026-01-05T08:00", "2026-01-06T08:00"),
        ("2026-01-09T19:00", "2026-01-12T08:00"),
        ("2026-03-27T18:30", "2026-03-30T08:00"),  # the clocks change that weekend
    ],
)
def test_when_it_opens_next(now: str, opens: str) -> None:
    assert hours(WORKDAYS).opens_at(berlin(now)) == berlin(opens)


def test_a_holiday_puts_the_opening_off() -> None:
    closed = hours(WORKDAYS, holidays=frozenset({date(2026, 1, 6)}), yearly_holidays=frozenset({(1, 7)}))
    assert closed.opens_at(berlin("2026-01-05T20:00")) == berlin("2026-01-08T08:00")
    assert hours({}).opens_at(berlin("2026-01-05T20:00")) is None


@pytest.mark.parametrize("text", ["8:00-17:00", "08:00-08:00", "08:00", "24:00-08:00", "08:00-25:00", ""])
def test_no_span(text: str) -> None:
    assert read_span(text) is None


def test_spans_and_holidays_as_people_write_them() -> None:
    assert read_span("22:00-06:00") == NIGHT[0]
    assert read_span("00:00-24:00") == Span(time(0), time(0))
    assert read_holiday("2026-12-25") == date(2026, 12, 25)
    assert read_holiday("02-29") == (2, 29)
    assert read_holiday("13-01") is None


def test_written_hours_are_read_or_every_fault_is_named() -> None:
    good = HoursText("Europe/Berlin", {"mon": ("08:00-12:00", "13:00-17:00"), "sun": ()}, ("12-25", "2026-04-03"))
    read = good.read()
    assert read is not None
    assert read.is_open(berlin("2026-01-05T09:00"))
    assert not read.is_open(berlin("2026-01-05T12:30"))
    assert not read.is_open(berlin("2026-01-11T09:00"))
    bad = HoursText("Europe/Nowhere", {"mo": ("08:00-12:00",), "tue": ("8-12",)}, ("25.12.",))
    assert bad.read() is None
    assert bad.wrong() == {
        "timezone": "unknown-timezone", "week.mo": "unknown-day", "week.tue": "bad-hours", "holidays.0": "bad-date"
    }  # fmt: skip
    assert HoursText("UTC", {"mon": ()}).wrong() == {"week": "empty"}
