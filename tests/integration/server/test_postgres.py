"""The server on Postgres: the same calls; Postgres goes away and comes back, the server is killed and comes back."""

import asyncio
import time

import pytest

from tests.contract.database.conftest import postgres as postgres
from tests.integration.server.live_calls import live_calls, until_answer, until_over, until_phases
from tests.oracle.calls import judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness
from tests.rig.postgres import BINARIES, Postgres
from tests.rig.sipp import Caller


@pytest.fixture
def own(tmp_path):
    """A server of the test's own, to be ended."""
    if BINARIES is None:
        pytest.skip("no Postgres server on this machine")
    server = Postgres(durable=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_postgres_is_away_for_a_while_and_calls_go_on(own, tmp_path):
    """A call that comes meanwhile is served; its rows and events are there once it is back; pages tell of it."""
    async with (
        watched_lateness() as lateness,
        live_calls(tmp_path, talking=2, waiting=1, database=own.database()) as calls,
    ):
        server = calls.server
        desk = await server.desktop("desk1")
        before = await desk.work("talking")
        await asyncio.to_thread(own.stop)
        _, codes = await until_answer(server, 503, 20)
        assert codes == ["store-refuses"]
        calls.hang_up(before["caller"]["raw"])  # the agent's customer leaves: the one in line is next
        after = await desk.until(
            lambda page: [one for one in page.of("work") if one["state"] == "talking" and one != before], 20
        )
        assert after[0]["interaction_id"] != before["interaction_id"]
        async with server.customers(tmp_path / "late", [Caller("+4930777001", "2000")]) as late:
            await asyncio.sleep(1.0)
            assert calls.dropped() == 0
            await asyncio.to_thread(own.start)
            await until_answer(server, 200, 30)
            await until_phases(server, talking=2, waiting=1)
            for number in (*calls.talking, *calls.waiting):
                if number != before["caller"]["raw"]:
                    calls.hang_up(number)
            await until_phases(server, talking=1, waiting=0)
            late.nudge(next(m for m in late.messages() if m.first == "INVITE").call_id)
            await until_over(server)
        await desk.close()
        events = server.rows("select seq from events order by seq")
        assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints, log = calls.endpoints(), server.log()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    assert told.differences == []
    assert len(interactions) == 4
    assert "tail-unit-failed" not in log


async def test_the_server_is_killed_and_the_next_one_adopts_its_calls(postgres, tmp_path):
    async with (
        watched_lateness() as lateness,
        live_calls(tmp_path, talking=2, waiting=2, database=postgres.database()) as calls,
    ):
        server = calls.server
        desk = await server.desktop("desk1")
        before = await desk.work("talking")
        await server.kill()
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await server.start()
        print(f"seconds until ready: {time.monotonic() - began:.2f}")
        again = await server.desktop("desk1", instance=desk.instance, resume=(desk.epoch, desk.seq))
        after = await again.work("talking")
        same = ("interaction_id", "reservation_id", "answered_at", "caller", "waited")
        assert {name: after[name] for name in same} == {name: before[name] for name in same}
        assert calls.dropped() == 0
        for number in (*calls.talking, *calls.waiting):
            calls.hang_up(number)
            await asyncio.sleep(0.05)
        await until_over(server)
        await again.close()
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints = calls.endpoints()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    assert told.differences == []
    assert len(interactions) == 4


async def test_a_second_server_on_the_same_postgres_says_why_it_does_not_start(postgres, tmp_path):
    from tests.rig.server import NotStarted, running_server

    url = postgres.database()
    async with running_server(options=("--pbx", "simulated"), database=url) as first:
        await first.ready()
        async with running_server(options=("--pbx", "simulated"), start=False) as second:
            second._options = ["--pbx", "simulated", "--database", url]
            with pytest.raises(NotStarted, match="data-in-use"):
                await second.start()
