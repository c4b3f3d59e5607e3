"""How long callers would have waited, of whom it is only known that they would have waited longer. Pure.

Whoever was answered shows no more than that his patience was longer than his wait (it is censored). The estimate of
Kaplan and Meier ("Nonparametric estimation from incomplete observations", J. Am. Stat. Assoc. 53, 1958) takes that into
account. Beyond the last caller who was seen to give up it says nothing: there people are taken to give up at the mean
rate of the day, abandonments / seconds waited by all; with no abandonment at all they wait for ever.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from operator import neg
from random import Random
from typing import Final

ENOUGH: Final = 20
"""Abandonments that make a queue's own estimate; with fewer that of all queues together is taken."""


class Patience:
    """Of waits as (seconds, whether the caller gave up then): the share that still waits after so many seconds."""

    def __init__(self, waits: Iterable[tuple[float, bool]]) -> None:
        known = sorted(waits)
        given_up = Counter(wait for wait, is_end in known if is_end)
        lengths = [wait for wait, _ in known]
        self.abandonments = given_up.total()
        self._times = sorted(given_up)
        self._left: list[float] = []  # the share that has not given up yet, from each of the times on
        left = 1.0
        for at in self._times:
            at_risk = len(lengths) - bisect_left(lengths, at)  # who gave up goes before who was answered then
            left *= 1.0 - given_up[at] / at_risk
            self._left.append(left)
        waited = sum(lengths)
        self._rate = self.abandonments / waited if waited > 0 else 0.0

    def left(self, after: float) -> float:
        """Return the share that still waits after so many seconds; constant from the last abandonment on."""
        place = bisect_right(self._times, after)
        return self._left[place - 1] if place else 1.0

    def draw(self, least: float, dice: Random) -> float:
        """Return how long one waits who has waited ``least`` seconds already; infinity: for ever."""
        wanted = self.left(least) * (1.0 - dice.random())
        first = bisect_right(self._times, least)
        place = bisect_left(self._left, -wanted, first, key=neg)
        if place < len(self._times):
            return self._times[place]
        if not self._rate:
            return math.inf
        base = max(least, self._times[-1])
        still = self._left[-1]
        return base + (math.log(still / wanted) if wanted > 0 else dice.expovariate(1.0)) / self._rate
