"""A queue's rules: what is refused, field by field, and what the router is told."""

from dataclasses import fields, replace

import pytest

from contactcenter.core.errors import Invalid
from contactcenter.queues.model import Disposition, Queue, Step, ValueStep
from contactcenter.queues.rules import MAX_STEPS, Known, check_queue, rules_of
from routing.commands import AgentRule, QueueRules, RelaxationStep, Requirement, WorkOrder

KNOWN = Known({"german", "routers"}, {"north", "south"})
QUEUE = Queue("q1", "main", "Support")
FULL = replace(
    QUEUE,
    priority=7,
    skills={"routers": 2, "german": 3},
    any_of=({"routers": 1, "german": 1}, {"german": 5}),
    teams=("south", "north"),
    preferred={"german": 9},
    order=WorkOrder.AGING,
    aging=30.0,
    late_after=None,
    late_guard=300.0,
    weight=2.5,
    agent_rule=AgentRule.MOST_SKILLED,
    idle_guard=4.0,
    preferred_wait=45.0,
    vip_reserve=2,
    steps=(Step(10.0, {"routers": 0}), Step(30.5, {}, ("north",)), Step(60.0, any_team=True)),
    interrupts=("chat", "email"),
    value_steps=(ValueStep(1000.0, 1), ValueStep(5000.0, 3)),
)


def wrong(**values):
    with pytest.raises(Invalid) as caught:
        check_queue(replace(FULL, **values), KNOWN)
    return caught.value.fields


def test_what_the_router_is_told():
    rules = rules_of(FULL)
    assert rules == QueueRules(
        "q1",
        priority=7,
        ring_time=20.0,
        wrap_up_time=60.0,
        requirement=Requirement(
            skills=(("german", 3), ("routers", 2)),
            any_of=((("german", 1), ("routers", 1)), (("german", 5),)),
            teams=("north", "south"),
            preferred=(("german", 9),),
        ),
        target_time=20.0,
        order=WorkOrder.AGING,
        aging=30.0,
        late_after=None,
        late_guard=300.0,
        weight=2.5,
        agent_rule=AgentRule.MOST_SKILLED,
        idle_guard=4.0,
        steps=(
            RelaxationStep(10.0, (("routers", 0),)),
            RelaxationStep(30.5, (), ("north",)),
            RelaxationStep(60.0, any_team=True),
        ),
        preferred_wait=45.0,
        vip_reserve=2,
        interrupts=frozenset({"chat", "email"}),
        value_steps=((1000.0, 1), (5000.0, 3)),
    )
    plain = {one.name for one in fields(QueueRules) if getattr(rules, one.name) == getattr(QueueRules("q1"), one.name)}
    assert plain == {"queue_id", "ring_time", "target_time"}, "a rule the router knows is missing in FULL"


def test_a_new_queue_has_the_routers_own_usual_values():
    expected = QueueRules("q1", wrap_up_time=60.0)
    assert rules_of(QUEUE) == expected


def test_what_is_right_passes():
    check_queue(FULL, KNOWN)
    check_queue(QUEUE, Known((), ()))


@pytest.mark.parametrize(
    "name, value",
    [
        *(("weight", one) for one in (0.0, -1.0, 1001.0, float("nan"), float("inf"))),
        *((name, -0.5) for name in ("aging", "late_after", "late_guard", "idle_guard", "preferred_wait")),
        *((name, 1e9) for name in ("aging", "late_after", "late_guard", "idle_guard", "preferred_wait")),
        ("late_after", float("nan")),
        ("vip_reserve", -1),
        ("vip_reserve", 10_001),
    ],
)
def test_numbers_out_of_range(name, value):
    assert wrong(**{name: value}) == {name: "out-of-range"}


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"skills": {"none": 1}}, {"skills": "unknown-skill"}),
        ({"preferred": {"german": 11}}, {"preferred": "level-out-of-range"}),
        ({"skills": {"german": 0}}, {"skills": "level-out-of-range"}),
        ({"any_of": ({"german": 1}, {})}, {"any_of.1": "empty"}),
        ({"any_of": ({"none": 1}, {"german": 0})}, {"any_of.0": "unknown-skill", "any_of.1": "level-out-of-range"}),
        ({"any_of": ({"german": 1},) * 21}, {"any_of": "too-many"}),
        ({"teams": ("north", "west")}, {"teams": "unknown-team"}),
        ({"interrupts": ("voice", "chat")}, {"interrupts": "voice-never"}),
        ({"interrupts": ("fax",)}, {"interrupts": "unknown-medium"}),
    ],
)
def test_names_that_mean_nothing(values, expected):
    assert wrong(**values) == expected


@pytest.mark.parametrize(
    "steps, expected",
    [
        ((Step(0.0, any_team=True),), {"steps.0.after": "out-of-range"}),
        ((Step(-1.0, any_team=True),), {"steps.0.after": "out-of-range"}),
        ((Step(float("nan"), any_team=True),), {"steps.0.after": "out-of-range"}),
        ((Step(86_401.0, any_team=True),), {"steps.0.after": "out-of-range"}),
        ((Step(9.0, any_team=True), Step(9.0, any_team=True)), {"steps.1.after": "not-ascending"}),
        ((Step(9.0, {"none": 1}, ("west",)),), {"steps.0.levels": "unknown-skill", "steps.0.teams": "unknown-team"}),
        ((Step(9.0, {"german": 11}),), {"steps.0.levels": "level-out-of-range"}),
        ((Step(9.0, {"german": -1}),), {"steps.0.levels": "level-out-of-range"}),
        ((Step(9.0),), {"steps.0": "empty"}),
        (tuple(Step(n + 1.0, any_team=True) for n in range(MAX_STEPS + 1)), {"steps": "too-many"}),
    ],
)
def test_steps(steps, expected):
    assert wrong(steps=steps) == expected


@pytest.mark.parametrize(
    "values, expected",
    [
        ([(5.0, 1), (5.0, 2)], {"value_steps.1.value": "not-ascending"}),
        ([(-1.0, 1)], {"value_steps.0.value": "out-of-range"}),
        ([(float("nan"), 1)], {"value_steps.0.value": "out-of-range"}),
        ([(1.0, 1001)], {"value_steps.0.points": "out-of-range"}),
        ([(float(n), 1) for n in range(21)], {"value_steps": "too-many"}),
    ],
)
def test_value_steps(values, expected):
    assert wrong(value_steps=tuple(ValueStep(*one) for one in values)) == expected


def test_everything_wrong_is_named_at_once():
    found = wrong(
        name=" ",
        goal=101,
        weight=0.0,
        teams=("west",),
        interrupts=("voice",),
        dispositions=(Disposition("a", "A"),) * 2,
    )
    assert found == {
        "name": "missing",
        "goal": "out-of-range",
        "weight": "out-of-range",
        "teams": "unknown-team",
        "interrupts": "voice-never",
        "dispositions": "code-twice",
    }
