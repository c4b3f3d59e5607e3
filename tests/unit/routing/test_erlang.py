"""Erlang's formulas against printed tables, a slow second way, and each other at their limits."""

import math

import pytest

from routing.erlang import Steady, erlang_a, erlang_b, erlang_c


@pytest.mark.parametrize(
    "agents, load, expected",
    [
        (0, 3.0, 1.0),
        (1, 1.0, 0.5),
        (5, 3.0, 0.11005),
        (10, 8.0, 0.12166),
        (20, 12.0, 0.00980),  # the usual traffic tables: 12.0 erlangs on 20 lines lose 1 %
        (100, 84.064, 0.01000),  # 84.1 on 100: 1 %
        (3, 0.0, 0.0),
    ],
)
def test_erlang_b_as_printed(agents, load, expected):
    assert erlang_b(agents, load) == pytest.approx(expected, abs=6e-5)


def test_erlang_c_as_printed():
    assert erlang_c(10, 8.0, 1.0, 0).wait_probability == pytest.approx(0.4092, abs=5e-5)
    one = erlang_c(1, 0.5, 1.0, 2.0)  # M/M/1
    assert one.wait_probability == pytest.approx(0.5)
    assert one.average_wait == pytest.approx(1.0)
    assert one.service_level == pytest.approx(1 - 0.5 * math.exp(-1.0))
    assert one.occupancy == 0.5


def test_a_load_too_high_for_patient_callers():
    assert erlang_c(5, 5.0, 1.0, 20) == Steady(1.0, 0.0, math.inf, 0.0, 1.0)


def test_the_tutorials_example_with_and_without_patience():
    # Gans, Koole, Mandelbaum: Telephone call centers (M&SOM 5, 2003), table 1: 48 calls a minute, 1 min, patience
    # 2 min, 50 agents. Patient: 20.8 s, 96 %. Impatient: 3.1 % abandon, 3.7 s, 93 %.
    patient = erlang_c(50, 0.8, 60, 20)
    assert patient.average_wait == pytest.approx(20.8, abs=0.05)
    assert patient.occupancy == pytest.approx(0.96, abs=0.005)
    leaving = erlang_a(50, 0.8, 60, 120, 20)
    assert leaving.abandon_share == pytest.approx(0.031, abs=5e-4)
    assert leaving.average_wait == pytest.approx(3.7, abs=0.05)
    assert leaving.occupancy == pytest.approx(0.93, abs=0.005)


def by_states(agents, arrivals, handle_time, patience, within):
    """Erlang A the slow way: the chain's states, and each caller's wait as a race of exponentials, step by step."""
    service, leave = agents / handle_time, 1 / patience
    weights = [1.0]
    while len(weights) <= agents or weights[-1] > 1e-18 * max(weights):
        busy = len(weights)
        weights.append(weights[-1] * arrivals / (min(busy, agents) / handle_time + max(0, busy - agents) * leave))
    share = [one / math.fsum(weights) for one in weights]
    ahead = share[agents:]
    abandoned = leave / arrivals * math.fsum(number * p for number, p in enumerate(ahead))
    return math.fsum(ahead), abandoned, math.fsum(share[:agents]) + within_time(ahead, service, leave, within)


def within_time(ahead, service, leave, within, steps=20000):
    """The share of those who wait that is answered in time: Kolmogorov's forward equations by small steps (RK4)."""
    state, answered, step = list(ahead), 0.0, within / steps

    def change(of):
        # Somebody with k ahead of him: one ahead goes at service + k leave, he himself gives up at leave.
        out = []
        for k, here in enumerate(of):
            inflow = (service + (k + 1) * leave) * of[k + 1] if k + 1 < len(of) else 0.0
            out.append(inflow - (service + (k + 1) * leave) * here)
        return out

    for _ in range(steps):
        first = change(state)
        second = change([s + step / 2 * f for s, f in zip(state, first, strict=True)])
        middle = [s + step / 2 * f for s, f in zip(state, second, strict=True)]
        answered += step * service * middle[0]
        state = [s + step * f for s, f in zip(state, change(middle), strict=True)]
    return answered


@pytest.mark.parametrize("arrivals", [0.5, 1.4, 2.5])
def test_erlang_a_equals_its_chain_of_states(arrivals):
    figures = erlang_a(5, arrivals, 3.0, 2.0, 1.0)
    waits, abandoned, level = by_states(5, arrivals, 3.0, 2.0, 1.0)
    assert figures.wait_probability == pytest.approx(waits, abs=1e-9)
    assert figures.abandon_share == pytest.approx(abandoned, abs=1e-9)
    assert figures.service_level == pytest.approx(level, abs=1e-6)


def close(one, other, tolerance):
    for name in ("wait_probability", "service_level", "average_wait", "abandon_share", "occupancy"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=tolerance, abs=tolerance), name


@pytest.mark.parametrize("agents, arrivals", [(1, 0.001), (20, 0.07), (300, 1.08), (2000, 7.9)])
def test_long_patience_is_erlang_c(agents, arrivals):
    close(erlang_a(agents, arrivals, 250, 1e9, 20), erlang_c(agents, arrivals, 250, 20), 1e-4)
    assert erlang_a(agents, arrivals, 250, math.inf, 20) == erlang_c(agents, arrivals, 250, 20)


def test_no_patience_is_erlang_b():
    figures = erlang_a(20, 0.07, 240, 1e-6, 20)
    assert figures.abandon_share == pytest.approx(erlang_b(20, 0.07 * 240), rel=1e-4)


def test_patience_as_long_as_the_handle_time_has_a_closed_form():
    # theta = mu: the number present is Poisson with mean a (every caller, served or not, leaves at rate mu).
    agents, load = 40, 37.0
    weights = [math.exp(-load + number * math.log(load) - math.lgamma(number + 1)) for number in range(400)]
    figures = erlang_a(agents, load / 180, 180, 180, 20)
    assert figures.wait_probability == pytest.approx(math.fsum(weights[agents:]), abs=1e-10)
    assert figures.abandon_share == pytest.approx(
        math.fsum((n - agents) * p for n, p in enumerate(weights) if n > agents) / load, abs=1e-10
    )


def test_a_great_overload_sheds_what_is_too_much():
    figures = erlang_a(2000, 40.0, 100, 300, 20)  # twice the agents' work
    assert figures.abandon_share == pytest.approx(0.5, abs=1e-6)
    assert figures.occupancy == pytest.approx(1.0, abs=1e-6)
    assert figures.wait_probability == pytest.approx(1.0)
    assert figures.service_level == pytest.approx(0.0, abs=1e-9)


def test_light_loads_and_none():
    assert erlang_a(2000, 0.001, 100, 60, 20).service_level == pytest.approx(1.0)
    assert erlang_a(3, 0.0, 100, 60, 20) == Steady(0.0, 1.0, 0.0, 0.0, 0.0)
    assert erlang_c(2000, 0.0, 100, 20).service_level == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: erlang_b(-1, 1.0),
        lambda: erlang_b(1, math.nan),
        lambda: erlang_c(0, 1.0, 1.0, 0),
        lambda: erlang_c(1, -1.0, 1.0, 0),
        lambda: erlang_a(1, 1.0, 0.0, 1.0, 0),
        lambda: erlang_a(1, 1.0, 1.0, 0.0, 0),
        lambda: erlang_a(1, 1.0, 1.0, 1.0, math.nan),
    ],
)
def test_impossible_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|needed"):
        wrong()
