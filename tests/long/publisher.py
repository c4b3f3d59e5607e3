"""A hundred thousand events by four writers, followed by subscribers whose lines are cut a hundred times each.

    scripts/test --long publisher            (EVENTS=100000, DISCONNECTS=100, SEED=2026 by default)

On SQLite and Postgres, by one process and by two on one store. What is promised: tests.rig.publishing.
"""

import json
import os

import pytest

from tests.contract.database.conftest import kind, postgres  # noqa: F401
from tests.rig.publishing import TABLES, play

EVENTS = int(os.environ.get("EVENTS", "100000"))
DISCONNECTS = int(os.environ.get("DISCONNECTS", "100"))
SEED = int(os.environ.get("SEED", "2026"))

pytestmark = pytest.mark.timeout(300 + EVENTS / 50)


@pytest.mark.parametrize("processes", [1, 2])
async def test_every_chain_is_unbroken_and_equal_to_a_fresh_snapshot(kind, processes):  # noqa: F811
    databases = [await kind.open(TABLES) for _ in range(processes)]
    played = await play(databases, events=EVENTS, disconnects=DISCONNECTS, seed=SEED)
    print(json.dumps({"database": kind.name, "processes": processes, **played.figures()}))
    assert played.faults == []
    assert played.counts["disconnects"] == 8 * DISCONNECTS
