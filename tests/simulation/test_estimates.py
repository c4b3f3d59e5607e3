"""The promised range against what simulated days then made people wait.

A part of the callers never gives up: of them the wait is known whatever it was. Half must wait less than the first
figure, nine in ten less than the second; with some five hundred of them the bounds are three standard errors wide and a
little more, for neighbours in one line wait alike.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from contactcenter.core.ids import InteractionId
from routing import commands as c
from routing.commands import Command, Decision
from routing.engine import Engine
from routing.estimates import Estimates, Range
from routing.simulator.day import Day
from routing.simulator.ours import Ours
from routing.simulator.plans import Plan
from routing.simulator.scenario import Scenario, day_of, read_scenario

SCENARIOS = Path(__file__).parents[2] / "config" / "scenarios"


class Asked:
    """An engine that is asked about everybody who begins to wait."""

    def __init__(self, new_id: Callable[[], str], told: dict[InteractionId, Range]) -> None:
        self.engine = Engine(new_id)
        self.told = told
        self.estimates = Estimates(self.engine.agents, self.engine.items, self.engine.queues)

    def handle(self, command: Command, now: float) -> list[Decision]:
        decisions = self.engine.handle(command, now)
        for decision in decisions:
            self.estimates.take(decision, now)
        if isinstance(command, c.Enqueue):
            item = self.engine.items.get(command.interaction_id)
            pace = self.estimates.pace(command.queue_id, now, vip=command.vip)
            if item is not None and item.line is not None and pace is not None:
                self.told[command.interaction_id] = pace.range(self.engine.matching.waiting.ahead_of(item))
        return decisions

    def next_deadline(self) -> float | None:
        return self.engine.next_deadline()


def patient(plan: Plan, share: float) -> Plan:
    dice = Random("patient")
    callers = (replace(one, patience=math.inf) if dice.random() < share else one for one in plan.callers)
    return replace(plan, callers=tuple(callers))


def busier(scenario: Scenario, times: float) -> Scenario:
    classes = [replace_rate(one, times) for one in scenario.classes]
    return Scenario(classes=classes, agent_groups=scenario.agent_groups)


def replace_rate(one, times):  # type: ignore[no-untyped-def]
    values = {name: getattr(one, name) for name in one.__struct_fields__}
    return type(one)(**values | {"arrivals_per_second": one.arrivals_per_second * times})


def promised_and_waited(name: str, times: float, hours: float, seed: int) -> list[tuple[Range, float]]:
    text = (SCENARIOS / f"{name}.yaml").read_text()
    plan = patient(day_of(busier(read_scenario(text, name), times), hours, seed), 0.08)
    told: dict[InteractionId, Range] = {}
    outcome = Day(plan, Ours(plan, lambda new_id: Asked(new_id, told))).run()
    return [
        (told[InteractionId(one.name)], waited)
        for one, waited in zip(plan.callers, outcome.waits, strict=True)
        if math.isinf(one.patience) and InteractionId(one.name) in told and not math.isnan(waited)
    ]


@pytest.mark.parametrize(("name", "times", "hours"), [("small", 1.0, 60), ("small", 1.15, 40), ("mid", 1.15, 7)])
def test_the_range_is_kept(name: str, times: float, hours: float) -> None:
    found = promised_and_waited(name, times, hours, seed=5)
    assert len(found) > 300
    half = sum(waited < promised.p50 for promised, waited in found) / len(found)
    most = sum(waited < promised.p90 for promised, waited in found) / len(found)
    print(f"{name} x{times}: {len(found)} asked, {half:.3f} waited less than P50, {most:.3f} less than P90")
    assert 0.40 < half < 0.62
    assert 0.85 < most < 0.97
