"""The router's figures: the simulator against Erlang's formulas, and the table of rules on hold-out days.

    scripts/test --long routing_figures -s        (DAYS=1.0, FIRST=9001; -s shows the tables)

The days of a scenario have 24 h and seeds nobody has tuned anything on; every rule meets the same callers. Each table
is printed twice: with 20 s as target of everybody, VIP included, and with the target of each class. ``DAYS`` scales how
many: 1.0 takes about fifteen minutes.
"""

import os

import pytest

from routing.simulator.figures import Figures, Interval, difference, figures_of, mean_of
from routing.simulator.report import table
from routing.simulator.runs import RULES, run_plan
from routing.simulator.scenario import day_of, read_scenario
from tests.simulation.steady import Center, compared, disagreements
from tests.source import ROOT

DAYS, FIRST = float(os.environ.get("DAYS", "1.0")), int(os.environ.get("FIRST", "9001"))
SEEDS = {"small": 100, "mid": 30, "large": 10}
CENTERS = [
    Center(20, 0.07, 240, None),
    Center(20, 0.0775, 240, 110),
    Center(100, 0.36, 268, None, hours=240),
    Center(100, 0.40, 268, 145),
    Center(300, 1.08, 270, 180),
]

CALLERS = 300_000
"""At least so many callers for a comparison with a formula."""

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("rule", ["ours", "app-queue"])
@pytest.mark.parametrize("center", CENTERS, ids=str)
def test_one_queue_agrees_with_the_formulas(center: Center, rule: str) -> None:
    days = max(8, round(CALLERS / (center.hours * 3600 * center.arrivals)))
    found = compared(center, rule, seeds=max(3, round(days * DAYS)))
    for name, (expected, one) in found.items():
        print(f"\n{name}: {expected:.4f}, simulated {one.mean:.4f} ±{one.half:.4f}", end="")
    assert disagreements(found) == []


def told(one: Interval, sign: str = "") -> str:
    return f"{one.mean:{sign}.1f} ±{one.half:.1f}"


def level(day: Figures) -> float:
    return 100 * day.total.service_level


def vip_level(day: Figures) -> float:
    return 100 * day.vip.service_level


def show(title: str, found: dict[str, list[Figures]]) -> None:
    rows = [["rule", "SL %", "VIP %", "ours: SL", "ours: VIP"]]
    for rule, days in found.items():
        more = (
            [told(difference(found["ours"], days, one), "+") for one in (level, vip_level)] if rule != "ours" else "--"
        )
        rows.append([rule, told(mean_of(days, level)), told(mean_of(days, vip_level)), *more])
    print("\n" + "\n".join([title, *table(rows)]))


@pytest.mark.parametrize("name", SEEDS)
def test_table_of_rules(name: str) -> None:
    """Ours serves no worse than the queues of Asterisk, VIP clearly better."""
    scenario = read_scenario((ROOT / f"config/scenarios/{name}.yaml").read_bytes(), name)
    same: dict[str, list[Figures]] = {rule: [] for rule in RULES}
    own: dict[str, list[Figures]] = {rule: [] for rule in RULES}
    for seed in range(FIRST, FIRST + max(2, round(SEEDS[name] * DAYS))):
        plan = day_of(scenario, 24, seed)
        for rule in RULES:
            outcome = run_plan(plan, rule, seed)
            same[rule].append(figures_of(outcome, 20.0))
            own[rule].append(figures_of(outcome))
    show(f"{name}: answered within 20 s / offered, {len(same['ours'])} days of 24 h", same)
    show(f"{name}: answered within the class's target / offered", own)
    for found in (same, own):
        for metric in (level, vip_level):
            gained = difference(found["ours"], found["app-queue"], metric)
            assert gained.mean > (gained.half if DAYS >= 1 else 0)
