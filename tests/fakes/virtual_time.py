"""Time that jumps to the next thing due: a clock and the part of an event loop that timers need, without sleeping."""

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contactcenter.core.clock import from_timestamp

BEGIN = 1_780_000_000.0


@dataclass(order=True)
class Timer:
    at: float
    number: int
    callback: Callable[..., Any] = field(compare=False)
    arguments: tuple[Any, ...] = field(compare=False, default=())
    is_cancelled: bool = field(compare=False, default=False)

    def cancel(self) -> None:
        self.is_cancelled = True


class VirtualTime:
    """Both a Clock and a loop; timers of the same instant run in the order of their making."""

    def __init__(self, begin: float = BEGIN) -> None:
        self._now = begin
        self._timers: list[Timer] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return from_timestamp(self._now)

    def timestamp(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now

    def call_at(self, at: float, callback: Callable[..., Any], *arguments: Any) -> Timer:
        timer = Timer(max(at, self._now), next(self._numbers), callback, arguments)
        heapq.heappush(self._timers, timer)
        return timer

    def call_later(self, delay: float, callback: Callable[..., Any], *arguments: Any) -> Timer:
        return self.call_at(self._now + delay, callback, *arguments)

    def run_in_executor(self, executor: None, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Do the work at once; what waits for it hears at once, too."""
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            done.set_exception(error)
        return done

    def run_until(self, end: float) -> None:
        """Let everything due up to ``end`` happen, in order; then it is ``end``."""
        while self._timers and self._timers[0].at <= end:
            timer = heapq.heappop(self._timers)
            if not timer.is_cancelled:
                self._now = timer.at
                timer.callback(*timer.arguments)
        self._now = max(self._now, end)

    def advance(self, seconds: float) -> None:
        self.run_until(self._now + seconds)
