"""Today's figures by their formulas."""

from datetime import UTC, datetime, timedelta

from contactcenter.core.ids import QueueId
from contactcenter.interactions.figures import RECENT, DayFigures

DAY = datetime(2026, 6, 1, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
Q, OTHER = QueueId("q"), QueueId("other")


def test_service_level_leaves_short_abandons_out() -> None:
    figures = DayFigures(DAY)
    for _ in range(6):
        figures.offered(Q, NOON)
    figures.answered(Q, 5.0, 20.0, NOON)
    figures.answered(Q, 20.0, 20.0, NOON)
    figures.answered(Q, 20.1, 20.0, NOON)
    figures.abandoned(Q, 5.0, 5.0, NOON)  # short
    figures.abandoned(Q, 5.1, 5.0, NOON)
    today = figures.of(Q)
    assert (today.offered, today.answered, today.in_target) == (6, 3, 2)
    assert (today.abandoned, today.short_abandoned) == (2, 1)
    assert today.service_level() == 50.0, "2 of 3 answered + 1 real abandon"
    assert today.service_level_recent(NOON) == 50.0


def test_without_visits_there_is_no_level() -> None:
    figures = DayFigures(DAY)
    assert figures.of(Q).service_level() is None
    assert figures.of(Q).service_level_recent(NOON) is None
    figures.abandoned(Q, 1.0, 5.0, NOON)
    assert figures.of(Q).service_level() is None


def test_the_recent_level_forgets_after_a_quarter_of_an_hour() -> None:
    figures = DayFigures(DAY)
    figures.answered(Q, 60.0, 20.0, NOON)
    figures.answered(Q, 1.0, 20.0, NOON + timedelta(minutes=10))
    assert figures.of(Q).service_level_recent(NOON + RECENT) == 50.0
    assert figures.of(Q).service_level_recent(NOON + RECENT + timedelta(seconds=1)) == 100.0
    assert figures.of(Q).service_level_recent(NOON + timedelta(hours=1)) is None
    assert figures.of(Q).service_level() == 50.0


def test_a_new_day_begins_at_zero_but_the_last_minutes_stay() -> None:
    figures = DayFigures(DAY)
    figures.offered(Q, NOON)
    figures.answered(Q, 1.0, 20.0, NOON)
    figures.roll(DAY + timedelta(days=1))
    assert (figures.of(Q).offered, figures.of(Q).answered, figures.of(Q).service_level()) == (0, 0, None)
    assert figures.of(Q).service_level_recent(NOON + timedelta(minutes=1)) == 100.0


def test_totals_sum_the_queues_asked_for() -> None:
    figures = DayFigures(DAY)
    figures.offered(Q, NOON)
    figures.offered(OTHER, NOON)
    figures.answered(Q, 1.0, 20.0, NOON)
    figures.answered(OTHER, 100.0, 20.0, NOON - timedelta(minutes=1))
    figures.abandoned(OTHER, 90.0, 5.0, NOON)
    both = figures.totals({Q: None, OTHER: None})
    assert (both.offered, both.answered, both.abandoned, both.in_target) == (2, 2, 1, 1)
    assert both.service_level() == 33.3
    assert both.service_level_recent(NOON) == 33.3
    assert figures.totals({Q: None}).answered == 1


def test_what_is_told_late_counts_when_it_happened() -> None:
    """Calls that came and went while nobody of ours was there, of yesterday evening and of an hour ago."""
    figures = DayFigures(DAY)
    figures.answered(Q, 1.0, 20.0, NOON)
    evening, hour_ago = DAY - timedelta(hours=3), NOON - timedelta(hours=1)
    for at in (evening, hour_ago):
        figures.offered(Q, at)
        figures.offered(Q, at)
        figures.answered(Q, 60.0, 20.0, at)
        figures.abandoned(Q, 30.0, 5.0, at)
    today = figures.of(Q)
    assert (today.offered, today.answered, today.abandoned) == (2, 2, 1)
    assert today.service_level_recent(NOON) == 100.0


def test_a_visit_counts_for_the_day_it_began() -> None:
    """As when the figures are read from rows: answered and abandoned are of those offered today."""
    figures = DayFigures(DAY)
    figures.answered(Q, 30.0, 20.0, DAY + timedelta(seconds=10))
    figures.abandoned(Q, 3.0, 5.0, DAY + timedelta(seconds=1))
    today = figures.of(Q)
    assert (today.answered, today.abandoned, today.short_abandoned) == (0, 0, 0)
    assert today.service_level_recent(DAY + timedelta(seconds=10)) == 0.0
