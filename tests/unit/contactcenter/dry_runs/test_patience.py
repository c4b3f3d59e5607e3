"""Kaplan and Meier's estimate, against values worked out by hand, and what is drawn from it."""

import math
from random import Random
from statistics import fmean

import pytest

from contactcenter.dry_runs.patience import Patience


def test_who_was_answered_counts_as_having_waited_that_long_and_no_more():
    curve = Patience([(10.0, True), (20.0, False), (30.0, True), (40.0, False)])
    assert [curve.left(at) for at in (0, 9.9)] == [1.0, 1.0]
    assert curve.left(10) == curve.left(29.9) == pytest.approx(3 / 4)
    assert curve.left(30) == curve.left(1000) == pytest.approx(3 / 4 * 1 / 2)


def test_who_gave_up_goes_before_who_was_answered_in_the_same_second():
    assert Patience([(10.0, True), (10.0, False)]).left(10) == pytest.approx(1 / 2)
    assert Patience([(10.0, True), (10.0, True), (20.0, False)]).left(10) == pytest.approx(1 / 3)


def test_nobody_is_drawn_shorter_than_he_is_known_to_have_waited():
    curve = Patience([(5.0, True), (10.0, True), (20.0, False), (30.0, True), (40.0, False)])
    dice = Random(1)
    assert {curve.draw(12.0, dice) for _ in range(200)} > {30.0}
    assert min(curve.draw(12.0, dice) for _ in range(200)) >= 30.0
    assert min(curve.draw(500.0, dice) for _ in range(200)) > 500.0


def test_without_an_abandonment_they_wait_for_ever():
    assert Patience([(10.0, False), (20.0, False)]).draw(10.0, Random(1)) == math.inf
    assert Patience([]).draw(0.0, Random(1)) == math.inf


def test_beyond_what_was_seen_they_give_up_at_the_mean_rate_of_the_day():
    curve = Patience([(60.0, True), (60.0, False), (180.0, False)])  # one in 300 s waited
    drawn = [curve.draw(180.0, Random(seed)) - 180.0 for seed in range(4000)]
    assert fmean(drawn) == pytest.approx(300, rel=0.05)
    last = Patience([(60.0, True)])  # nothing is left of the estimate behind the last
    assert fmean(last.draw(60.0, Random(seed)) - 60.0 for seed in range(4000)) == pytest.approx(60, rel=0.05)


def test_patience_is_found_again_in_waits_most_of_which_were_cut_short():
    dice = Random("censored")
    waits = []
    for _ in range(6000):
        patience, wait = dice.expovariate(1 / 100), dice.expovariate(1 / 30)
        waits.append((min(patience, wait), patience <= wait))
    curve = Patience(waits)
    for at in (10, 50, 100):
        assert curve.left(at) == pytest.approx(math.exp(-at / 100), abs=0.03)
    assert fmean(curve.draw(0.0, Random(seed)) for seed in range(4000)) == pytest.approx(100, rel=0.07)
