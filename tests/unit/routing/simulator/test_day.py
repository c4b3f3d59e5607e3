"""A day by hand, and its steady state against the formulas."""

import math
from random import Random

import pytest

from routing.commands import Presence
from routing.simulator.day import Day
from routing.simulator.plans import Agent
from routing.simulator.rules import Pooled, Resume, Rule, SetAside, Start
from tests.unit.routing.simulator.floors import agent, caller, plan, told


def run(given):
    return told(given, Pooled(given, Random(1)))


def test_answer_wait_end_and_giving_up():
    given = plan(
        [caller("c1", 1, takes=10), caller("c2", 2, takes=5, patience=20), caller("c3", 3, patience=4)], [agent("a")]
    )
    outcome, lines = run(given)
    assert lines == [
        (1, "c1", "a"),
        (7, "c3", "abandon"),
        (11, "c1", "end"),
        (11, "c2", "a"),
        (16, "c2", "end"),
    ]
    assert outcome.waits == [0, 9, 4]
    assert outcome.agents == [0, 0, -1]


def test_an_end_comes_before_a_caller_gives_up_at_that_instant():
    given = plan([caller("c1", 0, takes=10), caller("c2", 4, patience=6)], [agent("a")])
    assert (10, "c2", "a") in run(given)[1]


def test_no_patience_at_all_leaves_at_once_unless_somebody_is_free():
    given = plan([caller("c1", 1, takes=10, patience=0), caller("c2", 2, patience=0)], [agent("a")])
    assert run(given)[1] == [(1, "c1", "a"), (2, "c2", "abandon"), (11, "c1", "end")]


def test_time_is_booked_within_the_counted_time_only():
    hours = [(0.0, 1, Presence.READY), (70.0, 1, Presence.NOT_READY)]
    given = plan([caller("c1", 40, takes=80)], [agent("a"), agent("b")], shifts=hours, counted_from=50.0, until=100.0)
    outcome, _ = run(given)
    assert outcome.handling == [50.0, 0.0]
    assert outcome.idle == [0.0, 20.0]


def test_who_nobody_can_take_waits_to_the_end():
    given = plan([caller("c1", 1, medium="chat")], [Agent("a", "desk", {})])

    class Nobody(Pooled):
        def able(self, *about):
            return False

    outcome, lines = told(given, Nobody(given, Random(1)))
    assert lines == []
    assert math.isnan(outcome.waits[0])


class Interrupting(Rule):
    """c1 is set aside for c2; a third caller gets in by a deadline alone."""

    def __init__(self):
        self.deadline = None

    def shift(self, agent, presence, now):
        return ()

    def arrive(self, caller, now):
        if caller == 2:
            self.deadline = now + 7
            return ()
        return [Start(0, 0, "one")] if caller == 0 else [SetAside(0, 0), Start(1, 0, "two")]

    def abandon(self, caller, now):
        raise AssertionError

    def finish(self, caller, agent, now):
        return [Resume(0, 0)] if caller == 1 else ()

    def next_deadline(self):
        return self.deadline

    def tick(self, now):
        self.deadline = None
        return [Start(2, 0, "three")]


def test_set_aside_goes_on_for_what_was_left_and_deadlines_are_kept():
    given = plan([caller("c1", 0, takes=30), caller("c2", 10, takes=5), caller("c3", 100, takes=1)], [agent("a")])
    _, lines = told(given, Interrupting())
    assert lines == [
        (0, "c1", "a"),
        (10, "c1", "set-aside"),
        (10, "c2", "a"),
        (15, "c2", "end"),
        (15, "c1", "resume"),
        (35, "c1", "end"),
        (107, "c3", "a"),
        (108, "c3", "end"),
    ]


def test_progress_is_told():
    seen = []
    given = plan([caller(f"c{n}", n, takes=0.5) for n in range(4001)], [agent("a")])
    Day(given, Pooled(given, Random(1))).run(seen.append)
    assert seen == [0, 2000, 4000]


def test_a_rule_that_gives_a_caller_twice_is_found_out():
    class Twice(Interrupting):
        def arrive(self, caller, now):
            return [Start(0, 0, "one"), Start(0, 0, "again")]

    given = plan([caller("c1", 0)], [agent("a")])
    with pytest.raises(KeyError):
        Day(given, Twice()).run()
