"""When the interpreter's cycle collector runs. Everything waits while it does, calls too.

Reference counts free nearly all; what is left are cycles (a failed task and its traceback, a closed socket's handlers).
A full collection looks at every object of the process: 70 ms with 200 agents at work. The interpreter would begin one
at any moment, so it is left the young generations only, in small portions; a full one is made when no call is live.

The interpreter counts new objects less those that were freed. Where as many go as come, as in a router at work, it does
not begin at all; when it does at last, tens of thousands have gathered, and it takes 35 to 60 ms. So who makes many
that stay calls ``collect_young`` after each portion of work: 1 to 2 ms.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

YOUNG: Final = 500  # new objects per collection of the youngest: at most a millisecond
MIDDLE: Final = 5  # of those, per collection of the middle generation: 2 ms instead of 4 at the interpreter's 10
NEVER: Final = 1_000_000_000
ASK_EVERY: Final = 5.0  # seconds
FULL_EVERY: Final = 600.0  # seconds between full collections at moments when nobody is on the line
LATEST: Final = 6 * 3600.0  # seconds: where somebody always is
PORTION: Final = 500  # router's commands between two calls of collect_young


def collect_young() -> None:
    """Look at what was made lately."""
    gc.collect(1)


class Collector:
    """Owner of the process' cycle collector; ``is_idle`` tells whether a pause would be felt by nobody."""

    def __init__(self, is_idle: Callable[[], bool]) -> None:
        self._is_idle = is_idle
        self._last = 0.0

    async def keep(self) -> None:
        """For ever: collect what has become garbage, when it is due."""
        loop = asyncio.get_running_loop()
        self.begin(loop.time())
        while True:
            await asyncio.sleep(ASK_EVERY)
            self.look(loop.time())

    def begin(self, now: float) -> None:
        """Set what start-up made aside: no collection looks at it again. ``now``: seconds of any steady clock."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, MIDDLE, NEVER)
        self._last = now

    def look(self, now: float) -> None:
        """Make a full collection if it is due."""
        if now - self._last >= (FULL_EVERY if self._is_idle() else LATEST):
            gc.collect()
            self._last = now
