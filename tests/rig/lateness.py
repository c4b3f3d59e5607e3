"""How late a busy machine lets a process run: what a comparison of instants must forgive beside its own tolerance."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

_STEP = 0.01
MOST = 0.5


@dataclass(slots=True)
class Lateness:
    """``worst``: seconds by which this process, sleeping 10 ms at a time, woke up too late."""

    worst: float = 0.0

    @property
    def forgiven(self) -> float:
        """Seconds to add to a tolerance: what was measured, never more than half a second."""
        return min(self.worst, MOST)

    async def watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_STEP)
            self.worst = max(self.worst, time.monotonic() - began - _STEP)


@contextlib.asynccontextmanager
async def watched_lateness() -> AsyncIterator[Lateness]:
    """Measure while the block runs."""
    lateness = Lateness()
    task = asyncio.get_running_loop().create_task(lateness.watch())
    try:
        yield lateness
    finally:
        task.cancel()
