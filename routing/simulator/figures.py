"""Figures of simulated days, and how sure they are: of one day, of several days under one rule, of two rules paired.

Formulas, over callers who entered in the counted time: service level = answered within the target / offered; abandon
share = abandoned / offered; mean and p95 wait = of the answered; occupancy = handling / (handling + idle while ready).
Nothing is left out as a short abandon: all who entered are offered.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Final

from routing.simulator.day import Outcome

_T: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t at 97.5 %, for 1 to 10 degrees of freedom."""


@dataclass(slots=True)
class Tally:
    """Counts of callers, the waits of the answered in seconds; ``all_waits``: theirs and the abandoned's, summed."""

    offered: int = 0
    within: int = 0
    abandoned: int = 0
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    all_waits: float = 0.0

    def add(self, wait: float, target: float, *, is_answered: bool) -> None:
        """Count one caller; a wait of NaN: nobody answered and he has not left."""
        self.offered += 1
        self.all_waits += 0.0 if math.isnan(wait) else wait
        if is_answered:
            self.waits.append(wait)
            self.within += wait <= target
        elif not math.isnan(wait):
            self.abandoned += 1

    @property
    def service_level(self) -> float:
        """Answered within the target / offered."""
        return self.within / self.offered if self.offered else math.nan

    @property
    def abandon_share(self) -> float:
        """Abandoned / offered."""
        return self.abandoned / self.offered if self.offered else math.nan

    @property
    def mean_wait(self) -> float:
        """Seconds, of the answered."""
        return fmean(self.waits) if self.waits else math.nan

    def wait_at(self, share: float) -> float:
        """Return the wait in seconds that this share of the answered does not exceed."""
        ordered = sorted(self.waits)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


@dataclass(slots=True)
class Figures:
    """One day under one rule. ``queues`` in order of the plan; ``groups``: seconds handling and idle while ready."""

    total: Tally = field(default_factory=Tally)
    vip: Tally = field(default_factory=Tally)
    queues: dict[str, Tally] = field(default_factory=dict)
    groups: dict[str, tuple[float, float]] = field(default_factory=dict)

    def occupancy(self, group: str | None = None) -> float:
        """Return the occupancy of one group, or of all."""
        chosen = list(self.groups.values()) if group is None else [self.groups[group]]
        handling = sum(one for one, _ in chosen)
        staffed = handling + sum(one for _, one in chosen)
        return handling / staffed if staffed else math.nan


def figures_of(outcome: Outcome, within: float | None = None) -> Figures:
    """Return a day's figures; ``within``: one T in seconds for all, in place of each queue's own target."""
    plan = outcome.plan
    figures = Figures(queues={name: Tally() for name in plan.queues})
    targets = {name: queue.target if within is None else within for name, queue in plan.queues.items()}
    for number, caller in enumerate(plan.callers):
        if not plan.counted_from <= caller.at < plan.until:
            continue
        wait, is_answered = outcome.waits[number], outcome.agents[number] >= 0
        for tally in (figures.total, figures.queues[caller.queue], *([figures.vip] if caller.vip else [])):
            tally.add(wait, targets[caller.queue], is_answered=is_answered)
    for number, person in enumerate(plan.agents):
        handling, idle = figures.groups.get(person.group, (0.0, 0.0))
        figures.groups[person.group] = (handling + outcome.handling[number], idle + outcome.idle[number])
    return figures


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over days and half the width of its 95 % confidence interval (NaN for a single day)."""

    mean: float
    half: float

    def holds(self, value: float) -> bool:
        """Return whether the interval covers the value."""
        return abs(value - self.mean) <= self.half


Metric = Callable[[Figures], float]
Comparison = Mapping[str, Sequence[Figures]]
"""Rule -> its days, the same seeds in the same order for every rule."""


def interval(values: Sequence[float]) -> Interval:
    """Return mean and confidence of independent values by Student's t; days without a value (NaN) are left out."""
    known = [one for one in values if not math.isnan(one)]
    if len(known) < 2:
        return Interval(known[0] if known else math.nan, math.nan)
    return Interval(fmean(known), _student(len(known) - 1) * stdev(known) / math.sqrt(len(known)))


def mean_of(days: Sequence[Figures], metric: Metric) -> Interval:
    """Return a figure over the days of one rule."""
    return interval([metric(day) for day in days])


def difference(days: Sequence[Figures], other: Sequence[Figures], metric: Metric) -> Interval:
    """Return by how much a figure is higher than under another rule: over pairs of the same callers."""
    return interval([metric(one) - metric(two) for one, two in zip(days, other, strict=True)])


def _student(freedom: int) -> float:
    """Student's t at 97.5 % (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = 1.959964
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
