"""``kill -9`` of the server in the middle of everything, then a new start: no customer notices, nothing is lost."""

import asyncio
import json
import subprocess
import sys
import time

import aiohttp

from tests.integration.server.live_calls import live_calls, live_picture, until_over, until_phases
from tests.oracle.calls import Outcome, judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness
from tests.rig.server import ROOT

PICTURE_LIMIT = 5.0
RIGHT = {"waiting": 8, "talking": 8}


def bare_start() -> float:
    """Seconds this machine takes now just to load the program: what a new start waits for without doing anything."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "contactcenter", "--help"], cwd=ROOT, capture_output=True, check=True)
    return time.monotonic() - began


async def seconds_to_picture(server) -> float:
    """Seconds from the start of the process until a supervisor's page is right."""
    began = time.monotonic()
    await server.start(wait_ready=False)
    async with asyncio.timeout(60):
        while True:
            try:
                if await live_picture(server) == RIGHT:
                    return time.monotonic() - began
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(0.05)


async def test_ten_talk_ten_wait_and_the_server_is_killed(tmp_path, record_property):
    async with watched_lateness() as lateness, live_calls(tmp_path, talking=10, waiting=10) as calls:
        server = calls.server
        desk = await server.desktop("desk1")
        before = await desk.work("talking")
        load_time = await asyncio.to_thread(bare_start)
        channels = await calls.channels()
        pbx = server.pbx_pid
        await server.kill()
        await asyncio.sleep(0.5)
        assert (await calls.channels(), calls.dropped(), server.pbx_pid) == (channels, 0, pbx)
        gone = [*[one for one in calls.talking if one != before["caller"]["raw"]][:2], *calls.waiting[:2]]
        for number in gone:  # whoever leaves while nobody looks is found in Asterisk's own record
            calls.hang_up(number)
        await asyncio.sleep(1)

        seconds = await seconds_to_picture(server)
        assert calls.dropped() == 0
        assert server.pbx_pid == pbx
        again = await server.desktop("desk1", instance=desk.instance, resume=(desk.epoch, desk.seq))
        after = await again.work("talking")
        same = ("interaction_id", "reservation_id", "answered_at", "caller", "waited")
        assert {name: after[name] for name in same} == {name: before[name] for name in same}
        assert again.me["work"]["state"] == "handling"
        # The two agents whose customers left meanwhile have wrapped up: they get the next two in line.
        await until_phases(server, talking=10, waiting=6)
        for number in {*calls.talking, *calls.waiting} - set(gone):
            calls.hang_up(number)
            await asyncio.sleep(0.05)
        await until_over(server)
        assert await calls.customers.wait_ended(10) == 0, calls.customers.errors()
        await again.close()
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints, log = calls.endpoints(), server.log()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    figures = {"seconds_to_picture": round(seconds, 2), "load_time": round(load_time, 2), "worst": told.worst(),
               "lateness": round(lateness.worst, 3)}  # fmt: skip
    record_property("figures", json.dumps(figures))
    print(json.dumps(figures))
    assert told.differences == []
    assert len(interactions) == 20
    assert {call.outcome for call in judged} == {Outcome.ANSWERED, Outcome.ABANDONED}
    assert "Traceback" not in log
    # A machine that other work keeps busy needs longer to load the program alone.
    assert seconds <= max(PICTURE_LIMIT, 3 * load_time), figures
