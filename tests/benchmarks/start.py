"""Seconds to the first popped call on a fresh data folder and again on the same one, and memory with 20 agents.

``scripts/run --smoke`` counts from the script's first line to the first alert on a connected desktop. The first run of
a machine without Asterisk or environment installs them, too; what was there before is told in the settings. Memory is
the server's resident size with 20 agents' desktops open, after 100 calls.
"""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tests.benchmarks.call_cpu import calls, people
from tests.benchmarks.desktops import open_desktops
from tests.benchmarks.report import Report, tell
from tests.rig.asterisk import PREFIX
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import ROOT, QueueSeed, desk_agents, running_server
from tests.rig.sipp import desk_phones

COLD, WARM, MEMORY = 180.0, 15.0, 300.0
AGENTS, CALLS = 20, 100


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--fresh-asterisk", action="store_true", help="unpack an Asterisk of its own, as a new machine")


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("start", vars(given))
    report.settings["environment_was_there"] = (ROOT / ".venv").exists()
    with tempfile.TemporaryDirectory(prefix="cc-st-") as folder:
        env = {**os.environ, "ASTERISK_PREFIX": str(Path(folder) / "ast" if given.fresh_asterisk else PREFIX)}
        for name, bar in (("cold", COLD), ("warm", WARM)):
            tell(f"start: {name}")
            told = smoke(Path(folder) / "data", env)
            report.sample(kind=name, **told)
            report.figure(f"{name}_seconds_to_first_pop", told.get("seconds_to_first_pop"), "s", at_most=bar)
            report.figure(f"{name}_seconds_in_all", told["seconds_in_all"], "s")
    asyncio.run(_memory(report))
    return report


def smoke(data: Path, env: dict[str, str]) -> dict[str, object]:
    """Run ``scripts/run --smoke`` and return what it told."""
    command = [str(ROOT / "scripts/run"), "--smoke", "--data", str(data), "--port", str(free_ports(1))]
    began = time.monotonic()
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
    lines = ended.stdout.strip().splitlines()
    told = json.loads(lines[-1]) if lines else {"ok": False, "said": ended.stderr[-1000:]}
    return {**told, "seconds_in_all": round(time.monotonic() - began, 2), "exit": ended.returncode}


async def _memory(report: Report) -> None:
    port = free_ports(1)
    agents = desk_agents(AGENTS, port)
    with tempfile.TemporaryDirectory(prefix="cc-mem-") as folder:
        work = Path(folder)
        async with (
            running_server(agents=agents, queues=[QueueSeed()]) as server,
            desk_phones(work / "phones", {}, port=port, media_port=free_ports(4), others=Answers(after=0.1)),
            open_desktops(server, [one.login for one in agents]),
        ):
            report.figure("memory_before_calls", server.memory(), "MiB")
            await calls(server, work / "calls", people(CALLS), 5.0)
            report.figure("memory", server.memory(), "MiB", at_most=MEMORY)
