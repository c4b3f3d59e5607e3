"""The server is killed with 300 calls up and started again: seconds until a supervisor's page is right.

A third talk, the others wait. From the start of the new process (Python's own start included) until its live page shows
as many in line and as many talking as before. ``load_time`` is what this machine takes just to load the program.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import aiohttp

from tests.benchmarks.report import Report, tell
from tests.benchmarks.stores import KINDS, database
from tests.integration.server.live_calls import live_calls, live_picture
from tests.rig.server import ROOT, Server

SECONDS = 5.0


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--on", choices=KINDS, default="sqlite")
    parser.add_argument("--talking", type=int, default=100)
    parser.add_argument("--waiting", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("takeover", vars(given))
    asyncio.run(_measure(given, report))
    return report


async def _measure(given: Namespace, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="cc-takeover-") as folder:
        async with (
            database(given.on) as url,
            live_calls(Path(folder), given.talking, given.waiting, database=url) as calls,
        ):
            wanted = {"waiting": given.waiting, "talking": given.talking}
            for number in range(given.times):
                load_time = await asyncio.to_thread(bare_start)
                await calls.server.kill()
                await asyncio.sleep(1.0)
                seconds = await seconds_to_picture(calls.server, wanted)
                report.sample(kind="takeover", seconds=round(seconds, 3), load_time=round(load_time, 3))
                tell(f"takeover {number + 1}: {seconds:.2f} s")
                await asyncio.sleep(5.0)
            report.figure("dropped", calls.dropped(), "calls", at_most=0)
    took = [one["seconds"] for one in report.samples]
    report.figure("seconds_to_picture_worst", max(took), "s", at_most=SECONDS)
    report.figure("seconds_to_picture_best", min(took), "s")
    report.figure("load_time", min(one["load_time"] for one in report.samples), "s")


def bare_start() -> float:
    """Return the seconds this machine takes now to load the program alone."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "contactcenter", "--help"], cwd=ROOT, capture_output=True, check=True)
    return time.monotonic() - began


async def seconds_to_picture(server: Server, wanted: dict[str, int]) -> float:
    """Return the seconds from the start of the process until a supervisor's page is right."""
    began = time.monotonic()
    await server.start(wait_ready=False)
    async with asyncio.timeout(120):
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                if await live_picture(server) == wanted:
                    return time.monotonic() - began
            await asyncio.sleep(0.05)
