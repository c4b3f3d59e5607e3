"""Formulas of the figures on days small enough to count by hand; intervals as printed in tables."""

import math
from random import Random
from statistics import fmean

import pytest

from routing.simulator.day import Day
from routing.simulator.figures import Figures, Interval, Tally, difference, figures_of, interval, mean_of
from routing.simulator.rules import Pooled
from tests.unit.routing.simulator.floors import agent, caller, plan, queue


def day(**rest):
    callers = [
        caller("early", 1, takes=1),
        caller("c1", 10, takes=30),
        caller("c2", 12, takes=10, vip=True),  # waits 28 s
        caller("c3", 13, "help", patience=5),
        caller("c4", 41, "help", takes=10),  # waits 9 s
        caller("after", 200, takes=10),
    ]
    given = plan(callers, [agent("a"), agent("b", group="off")], [queue("sales", target=20), queue("help", target=5)],
                 [(500.0, 1, "ready")], counted_from=5.0, until=105.0)  # fmt: skip
    return figures_of(Day(given, Pooled(given, Random(1))).run(), **rest)


def test_a_day_counted_by_hand():
    figures = day()
    total = figures.total
    assert (total.offered, total.within, total.abandoned) == (4, 1, 1)
    assert total.service_level == 0.25
    assert total.abandon_share == 0.25
    assert sorted(total.waits) == [0, 9, 28]
    assert total.all_waits == 42
    assert total.mean_wait == pytest.approx(37 / 3)
    assert total.wait_at(0.95) == 28
    assert total.wait_at(0.5) == 9
    assert figures.queues["sales"].service_level == 0.5
    assert figures.queues["help"].service_level == 0.0
    assert (figures.vip.offered, figures.vip.within) == (1, 0)
    assert figures.groups["desk"] == (50.0, 50.0)
    assert figures.occupancy("desk") == figures.occupancy() == 0.5
    assert math.isnan(figures.occupancy("off"))


def test_one_target_for_all():
    assert day(within=10).total.within == 2
    assert day(within=30).total.within == 3


def test_nobody_is_no_figure():
    assert math.isnan(Tally().service_level)
    assert math.isnan(Tally().abandon_share)
    assert math.isnan(Tally().mean_wait)
    assert math.isnan(Tally().wait_at(0.5))


def test_who_still_waits_is_offered_and_nothing_else():
    tally = Tally()
    tally.add(math.nan, 20, is_answered=False)
    assert (tally.offered, tally.within, tally.abandoned) == (1, 0, 0)


@pytest.mark.parametrize("days, t", [(2, 12.706), (6, 2.571), (11, 2.228), (12, 2.201), (31, 2.042), (1001, 1.962)])
def test_students_t_as_printed(days, t):
    values = [float(number % 7) for number in range(days)]
    spread = math.sqrt(sum((one - fmean(values)) ** 2 for one in values) / (days - 1))
    assert interval(values).half == pytest.approx(t * spread / math.sqrt(days), rel=2e-3)


def test_intervals():
    assert interval([math.nan, 3.0]).mean == 3.0
    assert math.isnan(interval([]).mean)
    assert math.isnan(interval([1.0]).half)
    assert Interval(5.0, 1.0).holds(5.9)
    assert not Interval(5.0, 1.0).holds(6.1)


def test_pairs_know_more_than_two_lots_of_days():
    days = [Figures(total=Tally(10, within)) for within in (2, 5, 9)]
    better = [Figures(total=Tally(10, within)) for within in (3, 6, 10)]

    def level(one):
        return one.total.service_level

    assert difference(better, days, level).mean == pytest.approx(0.1)
    assert difference(better, days, level).half == pytest.approx(0, abs=1e-12)
    assert mean_of(days, level).half > 0.5
