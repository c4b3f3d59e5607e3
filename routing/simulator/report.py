"""The report of simulated days as text for a terminal: rules against each other, queues, groups, differences."""

import math
from collections.abc import Sequence

from routing.simulator.figures import Comparison, Figures, Interval, Metric, difference, mean_of

HEAD = ("rule", "SL %", "VIP SL %", "abandoned %", "mean wait s", "p95 wait s", "occupancy %")

LEGEND = (
    "SL: answered within the target / offered. Waits: of the answered. Occupancy: handling / (handling + idle).\n"
    "Means over days; ±: 95 % confidence interval."
)


def _level(day: Figures) -> float:
    return 100 * day.total.service_level


def _vip_level(day: Figures) -> float:
    return 100 * day.vip.service_level


def _abandoned(day: Figures) -> float:
    return 100 * day.total.abandon_share


def _mean_wait(day: Figures) -> float:
    return day.total.mean_wait


def _p95(day: Figures) -> float:
    return day.total.wait_at(0.95)


def _occupancy(day: Figures) -> float:
    return 100 * day.occupancy()


METRICS: tuple[Metric, ...] = (_level, _vip_level, _abandoned, _mean_wait, _p95, _occupancy)
"""In order of the columns: per cent, per cent, per cent, seconds, seconds, per cent."""


def queue_level(name: str) -> Metric:
    """Return the metric: service level of one queue, per cent."""
    return lambda day: 100 * day.queues[name].service_level


def group_occupancy(name: str) -> Metric:
    """Return the metric: occupancy of one group, per cent."""
    return lambda day: 100 * day.occupancy(name)


def report(found: Comparison) -> list[str]:
    """Return the lines: all rules, differences to the first, service level of queues, occupancy of groups."""
    first = next(iter(found.values()))[0]
    queues, groups = list(first.queues), list(first.groups)
    lines = table([HEAD, *([rule, *(_told(mean_of(days, one)) for one in METRICS)] for rule, days in found.items())])
    lines += _differences(found)
    if len(queues) > 1:
        rows = [[name, *(_told(mean_of(days, queue_level(name))) for days in found.values())] for name in queues]
        lines += ["", *table([["queue: SL %", *found], *rows])]
    if len(groups) > 1:
        rows = [[name, *(_told(mean_of(days, group_occupancy(name))) for days in found.values())] for name in groups]
        lines += ["", *table([["group: occupancy %", *found], *rows])]
    return [*lines, "", LEGEND]


def _differences(found: Comparison) -> list[str]:
    rules = list(found)
    if len(rules) < 2:
        return []
    head, *others = rules
    rows = [
        [f"{head} - {other}", *(_told(difference(found[head], found[other], one), signed=True) for one in METRICS)]
        for other in others
    ]
    return ["", *table([["same callers", *HEAD[1:]], *rows])]


def _told(one: Interval, *, signed: bool = False) -> str:
    if math.isnan(one.mean):
        return "-"
    mean = f"{one.mean:+.1f}" if signed else f"{one.mean:.1f}"
    return mean if math.isnan(one.half) else f"{mean} ±{one.half:.1f}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows in columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            text.ljust(width) if not column else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
