"""How late this machine runs a process that only wants to run a moment, while a benchmark loads it.

Run as ``python -m tests.benchmarks.lateness``: sleeps 5 ms again and again until stdin ends, then prints one JSON line
with how many milliseconds late each wake-up was. No program's tail can be shorter there than this one's.
``lateness_beside`` does all that.
"""

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAP = 0.005


@contextlib.asynccontextmanager
async def lateness_beside() -> AsyncIterator[list[float]]:
    """Measure for the length of the block; the list is filled, in milliseconds, when it ends."""
    late: list[float] = []
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.benchmarks.lateness")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe, limit=2**24)
    try:
        yield late
        told, _ = await process.communicate(b"")
        late += json.loads(told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def main() -> None:
    """Nap until stdin ends."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    late = []
    while not ended.is_set():
        due = time.perf_counter() + NAP
        time.sleep(NAP)
        late.append(round(1000 * (time.perf_counter() - due), 3))
    print(json.dumps(late), flush=True)


if __name__ == "__main__":
    main()
