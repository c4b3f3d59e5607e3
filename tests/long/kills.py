"""Kill the server again and again while customers call, talk and leave: every call is still one right interaction.

    scripts/test --long kills                (KILLS=20 by default)

Customers are patient, so that none comes and goes entirely while nobody looks; agents hang up. What is compared is what
a kill may not change: one interaction a call, its outcome, its agent, when it was answered and ended.
"""

import asyncio
import json
import os
import random

import pytest

from tests.integration.server.live_calls import until_over
from tests.oracle.calls import judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import QueueSeed, desk_agents, running_server
from tests.rig.sipp import Caller, desk_phones

KILLS = int(os.environ.get("KILLS", "20"))
AGENTS = 12
CALLS_PER_SECOND = 2.0
COUNTED = ("interactions", "without a call", "outcome", "agent", "answered", "ended", "talked", "number", "dialed")

pytestmark = pytest.mark.timeout(120 + 60 * KILLS)


async def call_on(server, folder, stop):
    """Customers at a steady rate until told to stop; all of them have ended when it returns."""
    number, groups = 0, []
    while not stop.is_set():
        callers = [Caller(f"+4930{number + index:07}", "2000") for index in range(10)]
        number += len(callers)
        groups.append(asyncio.ensure_future(one_group(server, folder / f"g{number}", callers)))
        await asyncio.sleep(len(callers) / CALLS_PER_SECOND)
    await asyncio.gather(*groups)
    return number


async def one_group(server, folder, callers):
    async with server.customers(folder, callers, rate=CALLS_PER_SECOND) as customers:
        await customers.wait_ended(240)


async def test_killed_again_and_again(tmp_path):
    port, dice = free_ports(1), random.Random(2026)
    phones = {f"p{n}": Answers(after=0.2 + 0.1 * (n % 4), talk=1.0 + 0.5 * (n % 5)) for n in range(1, AGENTS + 1)}
    agents = desk_agents(AGENTS, port)
    async with (
        watched_lateness() as lateness,
        running_server(agents=agents, queues=[QueueSeed(wrap_up_time=0.3)]) as server,
        desk_phones(tmp_path / "phones", phones, port=port, media_port=free_ports(800)),
    ):
        await server.ready()
        stop = asyncio.Event()
        calling = asyncio.create_task(call_on(server, tmp_path, stop))
        for _ in range(KILLS):
            await asyncio.sleep(dice.uniform(0.5, 3.0))
            await server.kill()
            await server.start()
        stop.set()
        count = await calling
        await until_over(server, 60)
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints = {server.agent_ids[one.login]: f"agent-{one.extension}" for one in agents}
        log = server.log()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    wrong = [line for line in told.differences if any(f": {name}" in line or f" {name}," in line for name in COUNTED)]
    print(json.dumps({"kills": KILLS, "calls": count, "worst": told.worst(), "lateness": round(lateness.worst, 3)}))
    print(*told.differences, sep="\n")
    assert len(judged) == len(interactions) == count
    assert wrong == []
    assert "Traceback" not in log
