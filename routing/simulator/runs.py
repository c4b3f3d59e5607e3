"""Days one after the other: one plan under a rule by its name, a scenario under several rules and seeds."""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Final

from routing.simulator.day import Day, Note, Outcome
from routing.simulator.figures import Figures, figures_of
from routing.simulator.ours import Ours
from routing.simulator.plans import Plan
from routing.simulator.rules import REFERENCES, Rule
from routing.simulator.scenario import Scenario, day_of

OURS: Final = "ours"
RULES: Final = (OURS, *REFERENCES)
"""Every rule there is, by the words of the command line."""

Progress = Callable[[str, int, int], None]
"""Told what runs, callers so far and of how many."""


def rule_of(name: str, plan: Plan, seed: int) -> Rule:
    """Return a fresh rule; ``seed`` is for rules that throw dice."""
    return Ours(plan) if name == OURS else REFERENCES[name](plan, Random(f"{seed}/rule"))


def run_plan(
    plan: Plan, name: str, seed: int | None = None, note: Note | None = None, progress: Progress | None = None
) -> Outcome:
    """Return what becomes of one day under one rule; a plan of no seed is told of by the rule alone."""
    day = Day(plan, rule_of(name, plan, seed or 0), note)
    if progress is None:
        return day.run()
    tell, what, total = progress, name if seed is None else f"{name}, seed {seed}", len(plan.callers)
    return day.run(lambda done: tell(what, done, total))


def compare(
    scenario: Scenario,
    rules: Sequence[str],
    hours: float,
    seeds: Iterable[int],
    within: float | None = None,
    progress: Progress | None = None,
) -> dict[str, list[Figures]]:
    """Return the figures of every rule over the same days. ``within``: see ``figures_of``."""
    found: dict[str, list[Figures]] = {rule: [] for rule in rules}
    for seed in seeds:
        plan = day_of(scenario, hours, seed)
        for rule in rules:
            outcome = run_plan(plan, rule, seed, progress=progress)
            found[rule].append(figures_of(outcome, within))
    return found
