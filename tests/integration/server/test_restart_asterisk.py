"""Asterisk dies and comes back: open calls are closed with the reason, agents are ready again, new calls are served."""

import asyncio
import json
import os
import signal
import time

from tests.integration.server.live_calls import live_calls, until_answer, until_over, until_phases
from tests.rig.compare import seconds
from tests.rig.sipp import Caller


async def test_asterisk_is_killed_and_started_again(tmp_path, record_property):
    async with live_calls(tmp_path, talking=3, waiting=2) as calls:
        server = calls.server
        desk = await server.desktop("desk1")
        await desk.work("talking")
        first = server.pbx_pid
        died_at = time.time()
        os.kill(first, signal.SIGKILL)
        down, codes = await until_answer(server, 503, 10)
        assert {"pbx-link-down", "pbx-not-running"} & set(codes)
        await desk.until(lambda page: page.me["link"]["pbx"] == "down")
        up, _ = await until_answer(server, 200, 60)
        assert server.pbx_pid not in (None, first)
        await desk.until(lambda page: page.me["link"]["pbx"] == "up")
        await until_over(server)
        interactions = await server.interactions()
        await desk.until(lambda page: page.me["work"]["state"] == "idle" and page.me["device"]["usable"])
        assert desk.me["presence"]["state"] == "ready"
        # A new call is served as before.
        async with server.customers(tmp_path / "new", [Caller("+49309111", "2000")]) as customer:
            await until_phases(server, talking=1)
            customer.nudge(customer.messages()[0].call_id)
            assert await customer.wait_ended(10) == 0, customer.errors()
        await until_over(server)
        await desk.close()
        log = server.log()
    figures = {"seconds_down_seen": round(down, 2), "seconds_until_ready": round(up, 2)}
    record_property("figures", json.dumps(figures))
    print(json.dumps(figures))
    assert len(interactions) == 5
    assert sorted(row["outcome"] for row in interactions) == ["answered"] * 3 + ["lost"] * 2
    for row in interactions:
        assert row["end_reason"] == "pbx-restarted"
        ended = seconds(row["ended_at"])
        assert abs(ended - died_at) < 1.5, "the end is when Asterisk died, not when it came back"
    assert "Traceback" not in log


async def test_asterisk_is_stopped_in_the_middle_of_a_call(tmp_path):
    """``core stop now``: Asterisk hangs everybody up itself and writes that down."""
    async with live_calls(tmp_path, talking=1, waiting=1) as calls:
        server = calls.server
        first = server.pbx_pid
        await server.console("core stop now")
        await until_over(server, 60)
        async with asyncio.timeout(60):  # it hangs everybody up some time before its process ends
            while server.pbx_pid in (None, first):
                await asyncio.sleep(0.1)
        await until_answer(server, 200, 60)
        assert [row["outcome"] for row in await server.interactions()] in (
            ["answered", "abandoned"],
            ["answered", "lost"],
        )
        await asyncio.sleep(0)
        assert "Traceback" not in server.log()
