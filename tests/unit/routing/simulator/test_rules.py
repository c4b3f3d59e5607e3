"""The reference rules do what the scenarios say of them."""

from random import Random

import pytest

from contactcenter.core.errors import Invalid
from routing.commands import Presence, Requirement
from routing.simulator.day import Day
from routing.simulator.rules import REFERENCES, AppQueue, Pooled, StrictPriority
from tests.unit.routing.simulator.floors import agent, caller, plan, queue, told

RULES = sorted(REFERENCES)


def answers(rule, given, seed=1):
    _, lines = told(given, rule(given, Random(seed)))
    return [(name, who) for _, name, who in lines if who not in ("end", "abandon")]


@pytest.mark.parametrize("name", RULES)
def test_who_arrives_goes_to_the_longest_idle(name):
    given = plan(
        [caller("c1", 1, takes=5), caller("c2", 10, takes=5), caller("c3", 20, takes=5)], [agent("a"), agent("b")]
    )
    assert answers(REFERENCES[name], given) == [("c1", "a"), ("c2", "b"), ("c3", "a")]


@pytest.mark.parametrize("name", ["app-queue", "strict"])
def test_only_those_who_are_able(name):
    queues = [queue("sales", need={"sales": 1}), queue("help")]
    german = Requirement((("german", 1),))
    given = plan(
        [caller("c1", 1), caller("c2", 2, requirement=german), caller("c3", 3, "help")],
        [agent("a", "help"), agent("b", "sales"), agent("c", "sales", "german")],
        queues,
    )
    assert answers(REFERENCES[name], given) == [("c1", "b"), ("c2", "c"), ("c3", "a")]


def test_pooled_needs_no_skill():
    given = plan([caller("c1", 1)], [agent("a")], [queue("sales", need={"sales": 5})])
    assert answers(Pooled, given) == [("c1", "a")]


def busy_until_100(*waiting):
    return plan([caller("c0", 0, takes=100), *waiting], [agent("a")])


def test_strict_takes_vip_then_priority_then_the_oldest():
    given = busy_until_100(
        caller("c1", 1), caller("c2", 2, "help"), caller("c3", 3, priority=2), caller("c4", 4, "help", vip=True)
    )
    assert [name for name, _ in answers(StrictPriority, given)] == ["c0", "c4", "c3", "c1", "c2"]


def test_pooled_takes_the_oldest():
    given = busy_until_100(caller("c1", 1), caller("c2", 2, "help", vip=True), caller("c3", 3))
    assert [name for name, _ in answers(Pooled, given)] == ["c0", "c1", "c2", "c3"]


def test_queues_race_evenly_and_are_fifo_inside():
    """Ten wait in one queue, two in the other: each of the two wins half of the races while both have somebody."""
    waiting = [caller(f"s{n}", 1 + n) for n in range(10)] + [caller("h0", 20, "help"), caller("h1", 21, "help")]
    first = []
    for seed in range(400):
        names = [name for name, _ in answers(AppQueue, busy_until_100(*waiting), seed)][1:]
        assert [name for name in names if name[0] == "s"] == [f"s{n}" for n in range(10)]
        assert names.index("h0") < names.index("h1")
        first.append(names[0])
    assert 160 < first.count("h0") < 240


@pytest.mark.parametrize("name", RULES)
def test_presence(name):
    hours = [
        (0.0, 0, Presence.READY),
        (50.0, 0, Presence.NOT_READY),
        (50.0, 1, Presence.READY),
        (200.0, 0, Presence.READY),
        (201.0, 0, Presence.READY),
        (300.0, 1, Presence.OFFLINE),
    ]
    given = plan(
        [caller("c1", 10, takes=100), caller("c2", 20), caller("c3", 60), caller("c4", 205), caller("c5", 310)],
        [agent("a"), agent("b")],
        shifts=hours,
    )
    assert answers(REFERENCES[name], given) == [("c1", "a"), ("c2", "b"), ("c3", "b"), ("c4", "b"), ("c5", "a")]


def test_one_at_a_time_only():
    given = plan([caller("c1", 1)], [agent("a", capacity={"chat": 3})])
    with pytest.raises(Invalid) as refused:
        Day(given, AppQueue(given, Random(1)))
    assert refused.value.fields["agent"] == "a"
