"""One queue with like agents in steady traffic, simulated and by formula: shared by the short and the long test."""

from dataclasses import dataclass

from routing.erlang import Steady, erlang_a
from routing.simulator.figures import Figures, Interval, Metric, mean_of
from routing.simulator.runs import compare
from routing.simulator.scenario import read_scenario

WIDER = 1.5
"""Many figures are compared: 95 % intervals one and a half times as wide, about 99.7 % each."""


@dataclass(frozen=True)
class Center:
    """``patience`` in seconds, None for ever; all have 20 s as target.

    ``hours``: a day begins with nobody there, and where it is crowded and nobody gives up it takes hours until that is
    forgotten (some 2.4 at 100 agents and 96 %; Halfin and Whitt's 4/(beta^2 mu)): such days are longer.
    """

    agents: int
    arrivals: float
    handle_time: float
    patience: float | None
    hours: float = 24

    @property
    def expected(self) -> Steady:
        patience = float("inf") if self.patience is None else self.patience
        return erlang_a(self.agents, self.arrivals, self.handle_time, patience, 20)

    def days(self, rule: str, seeds: int, hours: float) -> list[Figures]:
        patience = "~" if self.patience is None else self.patience
        text = f"""
classes:
  - {{name: calls, arrivals_per_second: {self.arrivals}, handle_time: {self.handle_time},
      patience: {patience}, target: 20}}
agent_groups: [{{agents: {self.agents}, skills: [calls]}}]
"""
        return compare(read_scenario(text, "steady"), [rule], hours, range(1, seeds + 1))[rule]


def _all_waits(day: Figures) -> float:
    """Mean wait of all offered, as the formula has it; the simulator's tally keeps those of the answered."""
    return day.total.all_waits / day.total.offered


METRICS: dict[str, Metric] = {
    "service_level": lambda day: day.total.service_level,
    "abandon_share": lambda day: day.total.abandon_share,
    "wait_probability": lambda day: 1 - sum(wait == 0 for wait in day.total.waits) / day.total.offered,
    "average_wait": _all_waits,
    "occupancy": lambda day: day.occupancy(),
}


def compared(center: Center, rule: str, seeds: int, hours: float | None = None) -> dict[str, tuple[float, Interval]]:
    """Return figure -> (formula, simulated); ``hours`` other than the center's own for a short look."""
    days = center.days(rule, seeds, hours or center.hours)
    return {name: (getattr(center.expected, name), mean_of(days, metric)) for name, metric in METRICS.items()}


def disagreements(found: dict[str, tuple[float, Interval]]) -> list[str]:
    return [
        f"{name}: {expected:.4f}, simulated {one.mean:.4f} ±{one.half:.4f}"
        for name, (expected, one) in found.items()
        if abs(one.mean - expected) > max(WIDER * one.half, 1e-9)
    ]
