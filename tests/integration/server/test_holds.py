"""Customers on hold at a real server: shown, counted apart from the talk, alive over ``kill -9`` of the server."""

import asyncio

import pytest

from tests.integration.server.live_calls import live_calls, until_over, until_phases
from tests.oracle.calls import judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.desktop import Refused
from tests.rig.lateness import watched_lateness

HELD = 3


async def until_held(desk, held):
    async with asyncio.timeout(5):
        while True:
            work = await desk.work("talking")
            if (work["held_since"] is not None) is held:
                return work
            await asyncio.sleep(0.01)


@pytest.mark.timeout(120)
async def test_on_hold_over_a_kill_and_whoever_leaves(tmp_path):
    async with watched_lateness() as lateness, live_calls(tmp_path, talking=6, waiting=0) as calls:
        server = calls.server
        desks = [await server.desktop(f"desk{n + 1}") for n in range(HELD)]
        own = [(await desk.work("talking"))["interaction_id"] for desk in desks]
        since = []
        for desk, one in zip(desks, own, strict=True):
            with pytest.raises(Refused, match="not-held"):
                await desk.command("retrieve", interaction_id=one)
            await desk.command("hold", interaction_id=one)
            since.append((await until_held(desk, True))["held_since"])
            with pytest.raises(Refused, match="already-held"):
                await desk.command("hold", interaction_id=one)
        live = await server.desktop("sofia", "live")
        assert sorted(one["state"] for one in live.of("agent")) == ["hold"] * HELD + ["talking"] * (6 - HELD)
        await live.close()
        await desks[0].command("retrieve", interaction_id=own[0])
        back = await until_held(desks[0], False)
        assert 0 < back["hold_time"] < 5
        await server.kill()
        await asyncio.sleep(0.5)
        assert calls.dropped() == 0
        await server.start()
        again = [await server.desktop(f"desk{n + 1}", instance=desks[n].instance) for n in range(HELD)]
        held = [(await desk.work("talking"))["held_since"] for desk in again]
        assert held == [None, *since[1:]], "nothing of it was lost"
        await again[1].command("retrieve", interaction_id=own[1])
        await until_held(again[1], False)
        await again[2].command("hang-up", interaction_id=own[2])  # out of the hold
        await until_phases(server, held=0, talking=5)
        assert calls.dropped() == 1, "his customer went with him, and nobody else"
        for number in calls.talking:
            calls.hang_up(number)
            await asyncio.sleep(0.05)
        await until_over(server)
        assert (await server.console("core show channels count")).split()[0] == "0"
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints, log = calls.endpoints(), server.log()
        segments = {one["interaction_id"]: one for one in server.rows("select * from segments")}
        for desk in (*desks, *again):
            await desk.close()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    assert told.differences == []
    assert [segments[one]["holds"] for one in own] == [1, 1, 1]
    assert segments[own[2]]["hold_time"] > segments[own[0]]["hold_time"]
    assert "Traceback" not in log
