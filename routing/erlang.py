"""Queueing formulas of one queue with like agents: Erlang B (nobody waits), C (patient callers), A (callers give up).

Rates are per second, times seconds, loads erlangs (arrivals per second x handle time in seconds), probabilities shares
of all offered. Poisson arrivals, exponential handle times and patience. Each stays exact to about ten digits for a few
thousand agents, loads far above them included: nothing is a factorial or a power, integrals are scaled by their peak.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_NEGLIGIBLE: Final = 50.0
"""Powers of e below its peak at which an integrand no longer counts."""
_PIECES: Final = 2000
"""Pieces of an integral (Simpson's rule; even)."""


@dataclass(frozen=True, slots=True)
class Steady:
    """What callers meet in the long run.

    ``wait_probability``: share of the offered that finds nobody free. ``service_level``: answered within T / offered.
    ``average_wait``: seconds, mean over all offered, those who give up included (infinite when the queue only grows).
    ``abandon_share``: abandoned / offered. ``occupancy``: handling / staffed time.
    """

    wait_probability: float
    service_level: float
    average_wait: float
    abandon_share: float
    occupancy: float


def erlang_b(agents: int, load: float) -> float:
    """Return the share of callers who find all of ``agents`` busy and leave at once, ``load`` in erlangs.

    B(0) = 1, B(k) = load B(k-1) / (k + load B(k-1)) (A. K. Erlang 1917; the recursion in R. B. Cooper, Introduction to
    Queueing Theory, 2nd ed. 1981, sec. 3.3). Raises: ValueError for a negative argument.
    """
    if agents < 0 or not load >= 0:
        raise ValueError("agents and load must not be negative")
    if load == 0:
        return 0.0 if agents else 1.0
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(agents: int, arrivals: float, handle_time: float, within: float) -> Steady:
    """Return M/M/n: callers wait as long as it takes. ``within`` is the T of the service level, in seconds.

    With n agents, load a = arrivals x handle_time < n, rho = a / n (Cooper 1981, sec. 3.4)::

        P(wait) = B / (1 - rho (1 - B))             B = erlang_b(n, a)
        service level = 1 - P(wait) e^(-(n - a) T / handle_time)
        average wait = P(wait) handle_time / (n - a)

    A load of n or more has no steady state: everybody waits, for ever. Raises: ValueError for an impossible argument.
    """
    _prove(agents, arrivals, handle_time, within)
    load = arrivals * handle_time
    if load >= agents:
        return Steady(1.0, 0.0, math.inf, 0.0, 1.0)
    blocked = erlang_b(agents, load)
    waits = blocked / (1 - load / agents * (1 - blocked))
    level = 1 - waits * math.exp(-(agents - load) * within / handle_time)
    return Steady(waits, level, waits * handle_time / (agents - load), 0.0, load / agents)


def erlang_a(agents: int, arrivals: float, handle_time: float, patience: float, within: float) -> Steady:
    """Return M/M/n+M: callers give up after a time of mean ``patience`` seconds (infinite: ``erlang_c``).

    The wait V that a caller of endless patience would have has the density (F. Baccelli and G. Hebuterne, On queues
    with impatient customers, 1981; S. Zeltyn and A. Mandelbaum, Queueing Systems 51, 2005, sec. 3, M/M/n+G)::

        v(x) = arrivals p exp(phi(x))      phi(x) = arrivals patience (1 - e^(-x / patience)) - n x / handle_time
        p = 1 / (1 / B + arrivals J)       J = integral of e^phi from 0 to infinity, B = erlang_b(n - 1, a)

        P(wait) = arrivals p J
        abandon share = integral of (1 - e^(-x / patience)) v(x)
        service level = 1 - P(wait) + integral from 0 to T of e^(-x / patience) v(x)
        average wait = abandon share x patience

    Raises: ValueError for an impossible argument.
    """
    _prove(agents, arrivals, handle_time, within)
    if not patience > 0:
        raise ValueError("patience must be above 0")
    if math.isinf(patience):
        return erlang_c(agents, arrivals, handle_time, within)
    load = arrivals * handle_time
    if load == 0:
        return Steady(0.0, 1.0, 0.0, 0.0, 0.0)
    wait = _Wait(arrivals, agents / handle_time, patience)
    blocked = erlang_b(agents - 1, load)
    scale = arrivals * blocked / (math.exp(-wait.peak) + arrivals * blocked * wait.total)
    waits = scale * wait.total
    abandoned = scale * wait.integral(lambda at: -math.expm1(-at / patience))
    answered = scale * wait.integral(lambda at: math.exp(-at / patience), within)
    occupancy = load * (1 - abandoned) / agents
    return Steady(waits, min(1.0, 1 - waits + answered), abandoned * patience, abandoned, occupancy)


def _prove(agents: int, arrivals: float, handle_time: float, within: float) -> None:
    if agents < 1:
        raise ValueError("at least one agent is needed")
    if not (arrivals >= 0 and handle_time > 0 and within >= 0):
        raise ValueError("arrivals and within must not be negative, handle_time must be above 0")


class _Wait:
    """e^(phi(x) - peak) of ``erlang_a``: phi is concave, so one stretch around its highest place holds all of it."""

    def __init__(self, arrivals: float, service: float, patience: float) -> None:
        self._arrivals = arrivals
        self._service = service
        self._patience = patience
        top = max(0.0, patience * math.log(arrivals / service))
        self.peak = self._phi(top)
        self._low = self._edge(top, -1.0)
        self._high = self._edge(top, 1.0)
        self.total = self.integral(lambda at: 1.0)

    def _phi(self, at: float) -> float:
        return -self._arrivals * self._patience * math.expm1(-at / self._patience) - self._service * at

    def _edge(self, top: float, direction: float) -> float:
        """Return a place on this side of the top where nothing is left, 0 at the lowest."""
        step = 1.0 / (self._arrivals + self._service)
        while self._phi(at := max(0.0, top + direction * step)) > self.peak - _NEGLIGIBLE and at > 0:
            step *= 1.25
        return at

    def integral(self, of: Callable[[float], float], until: float = math.inf) -> float:
        """Return the integral of ``of(x) e^(phi(x) - peak)`` from 0 to ``until``."""
        soon = _NEGLIGIBLE * self._patience  # what patience bends lies before; with little of it that is a sliver
        places = sorted({min(max(self._low, at), self._high, until) for at in (self._low, soon, self._high)})
        return sum(self._stretch(of, low, high) for low, high in pairwise(places))

    def _stretch(self, of: Callable[[float], float], low: float, high: float) -> float:
        width = (high - low) / _PIECES
        places = (low + width * number for number in range(_PIECES + 1))
        values = [of(at) * math.exp(self._phi(at) - self.peak) for at in places]
        return width / 3 * (values[0] + values[-1] + 4 * math.fsum(values[1:-1:2]) + 2 * math.fsum(values[2:-1:2]))
