"""The simulated day against Erlang's formulas: M/M/n is C, M/M/n+M is A. Long: tests/long/routing_figures.py."""

import pytest

from tests.simulation.steady import Center, compared, disagreements


@pytest.mark.parametrize("rule", ["ours", "app-queue", "strict", "pooled"])
@pytest.mark.parametrize(
    "center", [Center(10, 0.04, 200, None), Center(10, 0.055, 200, 100), Center(50, 0.25, 200, 60)], ids=str
)
def test_one_queue_agrees_with_the_formulas(center, rule):
    assert disagreements(compared(center, rule, hours=10, seeds=6)) == []
