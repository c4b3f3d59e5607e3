"""One server for a module of tests that only look and knock; a browser's ``Desktop`` of any user besides."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest_asyncio

from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import ROOT, AgentSeed, QueueSeed, desk_agents, running_server
from tests.rig.sipp import desk_phones

BAD_FLOW = """start: hello
nodes:
  hello: {kind: say, prompts: nothing_here, next: hello}
"""


def command(*arguments, env=None, limit=60):
    """Run ``python -m contactcenter`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "contactcenter", *map(str, arguments)],
        cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit,
    )  # fmt: skip


def processes_of(folder):
    """Process ids of everything whose command line names this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    """Two desk phones (answer after 0.5 s) and a browser agent; numbers 2000 (good), 3000 (its flow is bad)."""
    folder = tmp_path_factory.mktemp("server")
    flows = folder / "flows"
    flows.mkdir()
    (flows / "direct.yaml").write_text((ROOT / "config/flows/direct.yaml").read_text())
    (flows / "bad.yaml").write_text(BAD_FLOW)
    port = free_ports(1)
    agents = [*desk_agents(2, port), AgentSeed("ines", "1001")]
    phones = {"p1": Answers(after=0.5), "p2": Answers(after=0.5)}
    async with (
        running_server(
            agents=agents, queues=[QueueSeed(wrap_up_time=0.3)], numbers={"2000": "direct", "3000": "bad"}, flows=flows
        ) as started,
        desk_phones(folder / "phones", phones, port=port, media_port=free_ports(200)),
    ):
        await started.ready("desk1", "desk2")
        yield started
        assert "Traceback" not in started.log()
