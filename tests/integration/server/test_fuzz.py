"""Requests, frames and bytes nobody would send, for the real server; more of them: ``scripts/test --long fuzz``."""

import json
import re

from tests.rig.fuzz_requests import AGI_SAMPLES, HTTP_SAMPLES, Fuzzer
from tests.rig.ports import free_ports
from tests.rig.schema_runs import run_schemathesis
from tests.rig.server import desk_agents, running_server

REQUESTS, FRAMES, RAW = 1500, 300, 60


async def test_no_request_and_no_frame_breaks_the_server():
    async with running_server(agents=desk_agents(2, free_ports(1)), options=("--pbx", "simulated")) as server:
        fuzzer = Fuzzer(server, seed=2026)
        await fuzzer.begin()
        await fuzzer.requests(REQUESTS)
        await fuzzer.frames(FRAMES)
        await fuzzer.raw(RAW, ("127.0.0.1", server.port), HTTP_SAMPLES)
        await fuzzer.raw(RAW, ("127.0.0.1", server.numbers["agi_port"]), AGI_SAMPLES)
        assert (await server.get("/healthz")).status == 200
        log = server.log()
    print(json.dumps(dict(sorted(fuzzer.statuses.items()))))
    print(*fuzzer.faults, sep="\n")
    assert fuzzer.faults == []
    assert "Traceback" not in log
    assert sum(count for status, count in fuzzer.statuses.items() if 200 <= status < 300) > REQUESTS / 10


async def test_no_request_breaks_what_the_document_promises(tmp_path):
    """Schemathesis: boundary values of every field, and a few it makes up."""
    async with running_server(agents=desk_agents(1, free_ports(1)), options=("--pbx", "simulated")) as server:
        code, told = await run_schemathesis(server, examples=2, seed=2026, folder=tmp_path, limit=90)
        log = server.log()
    assert code == 0, told
    assert int(re.search(r"(\d+) generated, (\d+) passed", told)[1]) > 800
    assert "Traceback" not in log
