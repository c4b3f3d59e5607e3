"""The server is killed twice under calls, notes, dispositions and tickets; long: ``chaos``. See tests.rig.busy_site."""

import json

import pytest

from tests.contract.database.conftest import postgres  # noqa: F401
from tests.rig.busy_site import busy_site

KILLS = 2


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_nothing_acknowledged_is_lost_and_nobody_is_dropped(tmp_path, database, request):
    server = request.getfixturevalue("postgres") if database == "postgres" else None
    async with busy_site(tmp_path, agents=12, rate=4.0, seed=2026, postgres=server) as site:
        for _ in range(KILLS):
            await site.work(1.0, 3.0)
            await site.befall("server killed")
        await site.work(1.0, 2.0)
        await site.close_the_lines()
        wrong = await site.verdict()
        log = site.server.log()
    print(json.dumps(site.figures()), *site.happened, sep="\n")
    assert wrong == []
    assert site.ledger.counts["notes"] > 10
    assert "Traceback" not in log
