"""Asterisk freezes for a while (SIGSTOP): seen and shown; when it goes on, so do its calls, none lost."""

import asyncio
import json
import os
import signal

from tests.integration.server.live_calls import live_calls, until_answer, until_over, until_phases
from tests.oracle.calls import judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness

FROZEN = 12.0


async def test_a_frozen_asterisk_is_shown_and_loses_nothing(tmp_path, record_property):
    async with watched_lateness() as lateness, live_calls(tmp_path, talking=3, waiting=2) as calls:
        server = calls.server
        desk = await server.desktop("desk1")
        before = await desk.work("talking")
        pbx = server.pbx_pid
        os.kill(pbx, signal.SIGSTOP)
        try:
            seen, codes = await until_answer(server, 503, FROZEN)
            assert codes == ["pbx-link-down"]
            await desk.until(lambda page: page.me["link"]["pbx"] == "down")
            assert desk.of("work")[0]["state"] == "talking"  # the call is still on the agent's screen
            await asyncio.sleep(max(0.0, FROZEN - seen))
        finally:
            os.kill(pbx, signal.SIGCONT)
        back, _ = await until_answer(server, 200, 20)
        assert server.pbx_pid == pbx
        await desk.until(lambda page: page.me["link"]["pbx"] == "up")
        await until_phases(server, talking=3, waiting=2)
        assert desk.of("work")[0]["interaction_id"] == before["interaction_id"]
        assert calls.dropped() == 0
        calls.hang_up(calls.talking[0])
        await until_phases(server, talking=3, waiting=1)
        for number in (*calls.talking[1:], *calls.waiting):
            calls.hang_up(number)
        await until_over(server)
        await desk.close()
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints, log = calls.endpoints(), server.log()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    figures = {"seconds_until_seen": round(seen, 2), "seconds_until_back": round(back, 2)}
    record_property("figures", json.dumps(figures))
    print(json.dumps(figures))
    assert told.differences == []
    assert len(interactions) == 5
    assert "Traceback" not in log
