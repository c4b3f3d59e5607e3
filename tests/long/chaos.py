"""A busy site under faults: killed twenty times at 10 calls a second, then everything else that can befall it.

    scripts/test --long chaos        (KILLS=20, CALLS_PER_SECOND=10, SEED=2026; DATABASE=sqlite or postgres, both else)

Agents on their pages write notes, tickets and dispositions; a list outside the server keeps what was acknowledged.
After each fault, and at the end, it is compared with the rows, and the calls with Asterisk's own record: see
tests.rig.busy_site.
"""

import json
import os

import pytest

from tests.contract.database.conftest import postgres  # noqa: F401
from tests.rig.busy_site import FAULTS, OF_POSTGRES, busy_site
from tests.rig.redis import RedisServer

KILLS = int(os.environ.get("KILLS", "20"))
RATE = float(os.environ.get("CALLS_PER_SECOND", "10"))
SEED = int(os.environ.get("SEED", "2026"))
DATABASES = [os.environ["DATABASE"]] if "DATABASE" in os.environ else ["sqlite", "postgres"]
AGENTS = round(4 * RATE)
OTHERS = [
    (fault, database)
    for database in DATABASES
    for fault in FAULTS
    if fault != "server killed" and (database == "postgres" or fault not in OF_POSTGRES)
]

pytestmark = pytest.mark.timeout(600 + 60 * KILLS)


@pytest.fixture
def server(database, request):
    return request.getfixturevalue("postgres") if database == "postgres" else None


@pytest.fixture
def redis(fault):
    if fault != "redis restarted":
        yield None
        return
    server = RedisServer()
    server.start()
    yield server
    server.remove()


async def judged(site):
    """Close the lines, tell what happened, and return what is wrong."""
    await site.work(2.0, 3.0)
    await site.close_the_lines()
    wrong = await site.verdict()
    print(json.dumps({"seed": SEED, **site.figures()}), *site.happened, *wrong, sep="\n")
    return wrong


@pytest.mark.parametrize("database", DATABASES)
async def test_killed_again_and_again(tmp_path, server):
    async with busy_site(tmp_path, agents=AGENTS, rate=RATE, seed=SEED, postgres=server) as site:
        for _ in range(KILLS):
            await site.work(0.5, 3.0)
            await site.befall("server killed")
        assert await judged(site) == []


@pytest.mark.parametrize("fault, database", OTHERS)
async def test_everything_else(tmp_path, server, redis, fault):
    program = "tests.rig.stepped_server" if fault == "clock stepped" else "contactcenter"
    given = {"postgres": server, "redis": redis, "program": program}
    async with busy_site(tmp_path, agents=20, rate=RATE / 2, seed=SEED, **given) as site:
        for _ in range(2):
            await site.work(3.0, 5.0)
            await site.befall(fault)
        assert await judged(site) == []
