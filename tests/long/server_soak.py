"""Ten minutes of calls (SOAK seconds): nothing missing at the end, and no memory that grows with the calls.

scripts/test --long server_soak
"""

import asyncio
import json
import os

import pytest

from tests.integration.server.live_calls import until_over
from tests.oracle.calls import judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import QueueSeed, desk_agents, running_server
from tests.rig.sipp import Caller, desk_phones

SECONDS = float(os.environ.get("SOAK", "600"))
RATE = 8.0
GROWTH = 40.0  # MiB from the first tenth on: caches fill, calls must not stay

pytestmark = pytest.mark.timeout(SECONDS + 300)


async def test_ten_minutes(tmp_path):
    port = free_ports(1)
    phones = {f"p{n}": Answers(after=0.2, talk=1.0) for n in range(1, 21)}
    agents = desk_agents(20, port)
    count = round(SECONDS * RATE)
    callers = [Caller(f"+4930{number:07}", "2000") for number in range(count)]
    memory = []
    async with (
        watched_lateness() as lateness,
        running_server(agents=agents, queues=[QueueSeed(wrap_up_time=0.3)]) as server,
        desk_phones(tmp_path / "phones", phones, port=port, media_port=free_ports(1000)),
    ):
        await server.ready()
        async with server.customers(tmp_path / "customers", callers, rate=RATE, media_port=free_ports(8)) as customers:
            for _ in range(10):
                await asyncio.sleep(SECONDS / 10)
                memory.append(round(server.memory(), 1))
            assert await customers.wait_ended(60) == 0, customers.errors()[-1000:]
        await until_over(server)
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        audited = await server.audited()
        endpoints = {server.agent_ids[one.login]: f"agent-{one.extension}" for one in agents}
        log = server.log()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    print(json.dumps({"calls": count, "memory": memory, "worst": told.worst(), "median": told.median()}))
    assert len(judged) == len(interactions) == count
    assert told.differences == []
    assert memory[-1] - memory[0] < GROWTH
    assert audited == []
    assert "Traceback" not in log
