"""Scenario files: what is taken, what is refused and how, and callers that belong to a seed alone."""

import math
from statistics import fmean

import pytest

from routing.commands import AgentRule, RelaxationStep, WorkOrder
from routing.simulator.plans import PlanError
from routing.simulator.scenario import day_of, read_scenario
from tests.source import ROOT

CLASSES = "classes: [{name: a, arrivals_per_second: 0.1, handle_time: 60, patience: 30, target: 20%s}]\n"
GROUPS = "agent_groups: [{agents: 2, skills: [a]%s}]\n"


@pytest.mark.parametrize("name, agents, load", [("small", 20, 0.930), ("mid", 100, 0.895), ("large", 300, 0.972)])
def test_the_examples(name, agents, load):
    scenario = read_scenario((ROOT / f"config/scenarios/{name}.yaml").read_bytes(), name)
    day = day_of(scenario, 8, 1)
    assert len(day.agents) == agents
    work = sum(one.arrivals_per_second * one.handle_time for one in scenario.classes)
    assert work / agents == pytest.approx(load, abs=1e-3)
    assert day.counted_from == 0.05 * 8 * 3600
    assert {name for name, queue in day.queues.items() if queue.vip} == {"vip"}


def test_a_seed_is_its_callers_whatever_else_is_there():
    alone = day_of(read_scenario(CLASSES % "" + GROUPS % "", "f"), 5, 7)
    assert alone == day_of(read_scenario(CLASSES % "" + GROUPS % "", "f"), 5, 7)
    two = (CLASSES % "").replace("}]", "}, {name: b, arrivals_per_second: 1, handle_time: 9, patience: ~, target: 5}]")
    both = day_of(read_scenario(two + "agent_groups: [{agents: 1, skills: [a, b]}]", "f"), 5, 7)
    assert [one for one in both.callers if one.queue == "a"] == list(alone.callers)
    assert all(one.patience == math.inf for one in both.callers if one.queue == "b")
    assert alone.callers != day_of(read_scenario(CLASSES % "" + GROUPS % "", "f"), 5, 8).callers


def test_callers_are_as_many_patient_and_long_as_said():
    day = day_of(read_scenario(CLASSES % "" + GROUPS % "", "f"), 100, 1)
    assert len(day.callers) == pytest.approx(36_000, rel=0.02)
    assert fmean(one.patience for one in day.callers) == pytest.approx(30, rel=0.02)
    assert fmean(one.handle_time for one in day.callers) == pytest.approx(60, rel=0.02)
    assert [one.at for one in day.callers] == sorted(one.at for one in day.callers)
    assert day.callers[-1].at < day.until == 360_000


def test_levels_media_teams_rules_and_names():
    text = (
        CLASSES
        % ", medium: chat, requirement: {german: 3}, priority: 2, rules: {order: fifo, agent_rule: most-skilled,"
        " late_after: ~, steps: [{after: 30, levels: [[german, 1]], teams: [t2]}]}"
        + GROUPS
        % "}, {agents: 1, name: night, team: t2, skills: {german: 5}, capacity: {chat: 3, voice: 1}"
    )
    day = day_of(read_scenario(text, "f"), 1, 1)
    rules = day.queues["a"].rules
    assert (rules.order, rules.agent_rule, rules.late_after) == (WorkOrder.FIFO, AgentRule.MOST_SKILLED, None)
    assert rules.requirement.skills == (("german", 3),)
    assert rules.steps == (RelaxationStep(30, (("german", 1),), ("t2",)),)
    assert (day.callers[0].medium, day.callers[0].priority) == ("chat", 2)
    assert [(one.group, one.team) for one in day.agents] == [("a", None), ("a", None), ("night", "t2")]
    assert day.agents[2].capacity == {"chat": 3, "voice": 1}


@pytest.mark.parametrize(
    "text, key, words",
    [
        ("classes: [", "-", "parsing"),
        ("- 1", "-", "Expected `object`"),
        ("!!python/object:os.system {}", "-", "constructor"),
        ("classes: []\nagent_groups: []", "classes", "length >= 1"),
        (CLASSES % "", "-", "agent_groups"),
        (CLASSES % ", colour: red" + GROUPS % "", "classes[0]", "unknown field `colour`"),
        ((CLASSES % "").replace("60", "-1") + GROUPS % "", "classes[0].handle_time", "> 0"),
        ((CLASSES % "").replace("60", ".nan") + GROUPS % "", "classes[0].handle_time", "> 0"),
        ((CLASSES % "").replace("0.1", "5000") + GROUPS % "", "classes[0].arrivals_per_second", "<= 1000"),
        ((CLASSES % "").replace("30", "long") + GROUPS % "", "classes[0].patience", "got `str`"),
        (
            CLASSES % "}, {name: a, arrivals_per_second: 1, handle_time: 1, patience: 1, target: 1" + GROUPS % "",
            "classes[1].name",
            "twice",
        ),
        (CLASSES % ", rules: {order: fifi}" + GROUPS % "", "classes[0].rules.order", "fifi"),
        (CLASSES % ", rules: {wrap_up_time: 5}" + GROUPS % "", "classes[0].rules.wrap_up_time", "known: agent_rule"),
        (CLASSES % "" + "agent_groups: [{agents: 0, skills: [a]}]", "agent_groups", "no agent"),
        (CLASSES % "" + "agent_groups: [{agents: 1, skills: [b]}]", "classes[0].name", "no agent can take 'a'"),
        (CLASSES % ", requirement: {a: 2}" + GROUPS % "", "classes[0].name", "no agent can take 'a'"),
        (CLASSES % ", medium: chat" + GROUPS % "", "classes[0].name", "no agent can take 'a'"),
    ],
)
def test_complaints_name_file_key_and_reason(text, key, words):
    with pytest.raises(PlanError) as refused:
        read_scenario(text, "some.yaml")
    assert refused.value.fields["file"] == "some.yaml"
    assert refused.value.fields["key"] == key
    assert words in refused.value.fields["reason"]
