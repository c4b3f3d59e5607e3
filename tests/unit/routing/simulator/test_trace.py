"""Traces: every key of a line arrives, complaints name the line, decisions are lines again."""

import json
import math

import pytest

from routing.commands import Presence, Requirement, Service, WorkOrder
from routing.simulator.plans import Agent, Caller, PlanError, Shift
from routing.simulator.trace import line_of, read_trace
from tests.source import ROOT

AGENT = {"type": "agent", "id": "ann"}
ARRIVAL = {"type": "arrival", "at": 5, "queue": "sales", "handle_time": 60}


def read(*lines):
    return read_trace([json.dumps(one).encode() for one in lines], "t.jsonl")


def test_the_least_there_is():
    day = read(AGENT, ARRIVAL)
    assert day.agents == (Agent("ann", "agents", {}),)
    assert day.callers == (Caller("line-2", 5, "sales", math.inf, 60),)
    assert (day.counted_from, day.shifts) == (0, ())
    assert day.until > 5
    assert day.queues["sales"].target == 20


def test_every_key_arrives():
    day = read(
        {**ARRIVAL, "id": "late", "at": 9},
        {
            **ARRIVAL,
            "id": "c1",
            "patience": 30,
            "skills": {"german": 4, "a": 1},
            "medium": "chat",
            "priority": 3,
            "vip": True,
            "due_at": 900,
            "outbound": True,
            "value": 12.5,
            "preferred_agent": "ann",
        },
        {"type": "presence", "at": 8, "agent": "ann", "presence": "not-ready"},
        {"type": "presence", "at": 1, "agent": "ann", "presence": "ready"},
        {"type": "queue", "name": "sales", "target": 15, "skills": ["sales"], "rules": {"order": "aging", "aging": 30}},
        {**AGENT, "group": "desk", "skills": ["sales"], "capacity": {"chat": 2}, "queues": {"sales": {"delay": 9}},
         "team": "t1"},
        {**AGENT, "id": "bob", "queues": ["sales"]},
    )  # fmt: skip
    german = Requirement((("a", 1), ("german", 4)))
    wanted = Caller("c1", 5, "sales", 30, 60, True, german, "chat", 3, 900, True, 12.5, "ann")
    assert day.callers[0] == wanted
    assert day.callers[1].name == "late"
    assert day.shifts == (Shift(1, 0, Presence.READY), Shift(8, 0, Presence.NOT_READY))
    assert day.agents[0] == Agent("ann", "desk", {"sales": 1}, {"chat": 2}, {"sales": Service(0, 9)}, "t1")
    assert day.agents[1].queues == {"sales": Service()}
    sales = day.queues["sales"]
    assert (sales.target, sales.rules.order, sales.rules.aging) == (15, WorkOrder.AGING, 30)
    assert day.needs(day.callers[0]).skills == (("a", 1), ("german", 4), ("sales", 1))


def test_empty_lines_do_not_count_but_are_counted():
    with pytest.raises(PlanError) as refused:
        read_trace([b"", b"  \n", b"{"], "t.jsonl")
    assert refused.value.fields["key"] == "line 3: -"


@pytest.mark.parametrize(
    "lines, key, words",
    [
        ([], "agent", "no agent"),
        ([AGENT], "arrival", "nobody"),
        ([AGENT, {"type": "colour"}], "line 2: type", "colour"),
        ([AGENT, {**ARRIVAL, "at": -1}], "line 2: at", ">= 0"),
        ([AGENT, {**ARRIVAL, "at": 1.7e9}], "line 2: at", "<= 100000000"),
        ([AGENT, {**ARRIVAL, "patience": "long"}], "line 2: patience", "got `str`"),
        ([AGENT, {**ARRIVAL, "hold": 1}], "line 2: -", "unknown field `hold`"),
        ([AGENT, {"type": "arrival", "at": 1, "queue": "x"}], "line 2: -", "handle_time"),
        ([AGENT, AGENT, ARRIVAL], "line 2: id", "twice"),
        ([AGENT, {**ARRIVAL, "id": "c"}, {**ARRIVAL, "id": "c"}], "line 3: id", "twice"),
        ([{"type": "queue", "name": "q"}, {"type": "queue", "name": "q"}], "line 2: name", "twice"),
        ([{"type": "queue", "name": "q", "rules": {"order": 1}}], "line 1: rules.order", "Expected `str`"),
        ([AGENT, {**ARRIVAL, "preferred_agent": "eve"}], "line 2: preferred_agent", "no agent 'eve'"),
        ([AGENT, ARRIVAL, {"type": "presence", "at": 1, "agent": "eve", "presence": "ready"}], "line 3: agent", "eve"),
        (
            [AGENT, ARRIVAL, {"type": "presence", "at": 1, "agent": "ann", "presence": "gone"}],
            "line 3: presence",
            "gone",
        ),
    ],
)
def test_complaints_name_file_line_key_and_reason(lines, key, words):
    with pytest.raises(PlanError) as refused:
        read(*lines)
    assert refused.value.fields["file"] == "t.jsonl"
    assert refused.value.fields["key"] == key
    assert words in refused.value.fields["reason"]


def test_a_decision_is_one_line():
    assert line_of({"type": "end", "at": 1 / 3, "agent": "ann"}) == b'{"type":"end","at":0.333333,"agent":"ann"}\n'


def test_the_example():
    day = read_trace((ROOT / "config/scenarios/example.jsonl").read_bytes().splitlines(), "example.jsonl")
    assert (len(day.agents), len(day.callers), len(day.shifts)) == (2, 5, 3)
