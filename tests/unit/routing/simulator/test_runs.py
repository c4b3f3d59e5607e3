"""Paired days: the same callers under every rule, the same figures from the same seed."""

import pytest

from routing.simulator.runs import RULES, compare, run_plan
from routing.simulator.scenario import day_of, read_scenario
from tests.source import ROOT

SMALL = read_scenario((ROOT / "config/scenarios/small.yaml").read_bytes(), "small.yaml")


def test_rules_meet_the_same_callers_and_a_seed_repeats():
    found = compare(SMALL, RULES, 2, range(3, 5))
    assert list(found) == list(RULES)
    assert {tuple(day.total.offered for day in days) for days in found.values()} == {
        tuple(day.total.offered for day in found["ours"])
    }
    assert compare(SMALL, RULES, 2, range(3, 5)) == found
    assert len({days[0].total.within for days in found.values()}) > 1


@pytest.mark.parametrize("rule", RULES)
def test_who_gives_up_does_so_in_time_and_who_answers_has_the_skill(rule):
    plan = day_of(SMALL, 3, 11)
    outcome = run_plan(plan, rule)
    assert all(wait <= one.patience + 1e-6 for wait, one in zip(outcome.waits, plan.callers, strict=True))
    gone = [one for one, agent in zip(plan.callers, outcome.agents, strict=True) if agent < 0]
    assert [outcome.waits[plan.callers.index(one)] for one in gone] == pytest.approx([one.patience for one in gone])
    if rule != "pooled":
        for one, agent in zip(plan.callers, outcome.agents, strict=True):
            assert agent < 0 or one.queue in plan.agents[agent].skills


def test_progress_names_rule_seed_and_how_far():
    seen = []
    compare(SMALL, ["strict"], 8, [5], progress=lambda *told: seen.append(told))
    total = len(day_of(SMALL, 8, 5).callers)
    assert seen == [("strict, seed 5", 0, total), ("strict, seed 5", 2000, total)]
