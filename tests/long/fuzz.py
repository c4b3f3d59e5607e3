"""A million inputs nobody would send: no 500, no hang, no memory that grows.

    scripts/test --long fuzz        (INPUTS=1000000, SEED=2026, FIRST=0)

A parser's finding names its number: ``FIRST=<number> INPUTS=... SEED=... scripts/test --long fuzz -k NAME`` begins
there. Requests depend on the ids a server gave out, so their findings show the request itself.
"""

import json
import os

import pytest

from tests.rig.fuzz_requests import AGI_SAMPLES, HTTP_SAMPLES, Fuzzer
from tests.rig.fuzzing import TARGETS, memory, run
from tests.rig.ports import free_ports
from tests.rig.schema_runs import run_schemathesis
from tests.rig.server import desk_agents, running_server

INPUTS = int(os.environ.get("INPUTS", "1000000"))
SEED, FIRST = int(os.environ.get("SEED", "2026")), int(os.environ.get("FIRST", "0"))
PARTS = {"ami": 0.32, "agi": 0.33, "frames": 0.32, "flows": 0.03}
REQUESTS = 0.01
SCHEMA, OPERATIONS = 0.01, 120  # schemathesis: 60 operations, two phases
GROWTH = 10.0  # MiB of a parser's process, after a tenth of its inputs
SERVER_GROWTH = 60.0  # MiB: agents, queues and users that were made stay in the live picture

# The signal is the fuzzer's own.
pytestmark = pytest.mark.timeout(300 + INPUTS / 100, method="thread")


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_parser(name):
    count = round(INPUTS * PARTS[name])
    found = run(TARGETS[name], seed=SEED, count=count // 10, first=FIRST)
    before = memory()
    found += run(TARGETS[name], seed=SEED, count=count - count // 10, first=FIRST + count // 10)
    growth = memory() - before
    print(json.dumps({"target": name, "seed": SEED, "first": FIRST, "inputs": count, "growth": round(growth, 1)}))
    assert found == []
    assert growth < GROWTH


async def test_no_request_breaks_what_the_document_promises(tmp_path):
    async with running_server(agents=desk_agents(2, free_ports(1)), options=("--pbx", "simulated")) as server:
        examples = max(5, round(INPUTS * SCHEMA / OPERATIONS))
        code, told = await run_schemathesis(server, examples=examples, seed=SEED, folder=tmp_path, limit=INPUTS / 100)
        log = server.log()
    assert code == 0, told
    print(told[-1500:])
    assert "Traceback" not in log


async def test_no_request_and_no_frame_breaks_the_server():
    count = round(INPUTS * REQUESTS)
    async with running_server(agents=desk_agents(2, free_ports(1)), options=("--pbx", "simulated")) as server:
        fuzzer = Fuzzer(server, SEED)
        await fuzzer.begin()
        await fuzzer.requests(count // 10)
        memories = [server.memory()]
        for _ in range(4):
            await fuzzer.requests(count // 6)
            await fuzzer.frames(count // 24)
            await fuzzer.raw(count // 200, ("127.0.0.1", server.port), HTTP_SAMPLES)
            await fuzzer.raw(count // 200, ("127.0.0.1", server.numbers["agi_port"]), AGI_SAMPLES)
            memories.append(server.memory())
        assert (await server.get("/healthz")).status == 200
        log = server.log()
    told = {"seed": SEED, "statuses": dict(sorted(fuzzer.statuses.items())), "memory": [round(one) for one in memories]}
    print(json.dumps(told), *fuzzer.faults, sep="\n")
    assert fuzzer.faults == []
    assert "Traceback" not in log
    assert memories[-1] - memories[0] < SERVER_GROWTH
