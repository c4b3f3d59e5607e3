"""Calls that come, wait and go while our server is not there; and Asterisk that is restarted meanwhile."""

import asyncio
import os
import signal
import time

import pytest

from tests.integration.server.live_calls import live_calls, until_over, until_phases
from tests.oracle.calls import Outcome, judge_file
from tests.rig.compare import TOLERANCE, compare, seconds
from tests.rig.lateness import watched_lateness
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves
from tests.rig.server import QueueSeed, desk_agents, running_server
from tests.rig.sipp import Caller, desk_phones


async def test_calls_while_the_server_is_away(tmp_path):
    """Six leave before we are back, two wait on: six lost ones are written, two are served, in line since then."""
    port = free_ports(1)
    away = [Caller(f"+493090{n:05}", "2000") for n in range(6)]
    staying = [Caller(f"+493091{n:05}", "2000") for n in range(2)]
    async with (
        watched_lateness() as lateness,
        running_server(agents=desk_agents(1, port), queues=[QueueSeed(wrap_up_time=0.3)]) as server,
        desk_phones(tmp_path / "phones", {"p1": Answers(after=0.2, talk=1.0)}, port=port, media_port=free_ports(8)),
    ):
        await server.ready()
        await server.kill()
        async with (
            server.customers(tmp_path / "away", away, rate=5, leaves=Leaves(after=0.5)) as first,
            server.customers(tmp_path / "staying", staying, rate=1) as second,
        ):
            assert await first.wait_ended(20) == 0, first.errors()
            await asyncio.sleep(2)
            await server.start()
            assert await second.wait_ended(40) == 0, second.errors()
        await until_over(server)
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        endpoints = {server.agent_ids[one.login]: f"agent-{one.extension}" for one in desk_agents(1, port)}
        log = server.log()
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    assert told.differences == []
    outcomes = sorted((row["outcome"], row["end_reason"]) for row in interactions)
    assert outcomes == [("answered", "")] * 2 + [("lost", "server-away")] * 6
    answered = [row for row in interactions if row["outcome"] == "answered"]
    assert all(row["visits"][0]["entered_at"] == row["arrived_at"] for row in answered)
    assert "Traceback" not in log


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_asterisk_is_restarted_while_the_server_is_away(tmp_path, how):
    """SIGTERM: Asterisk ends in good order and writes down who was hung up; SIGKILL: it writes nothing."""
    async with live_calls(tmp_path, talking=1, waiting=2) as calls:
        server = calls.server
        first = server.pbx_pid
        await server.kill()
        died_at = time.time()
        await asyncio.sleep(1)
        os.kill(first, how)
        async with asyncio.timeout(20):
            while server.pbx_pid is not None:
                await asyncio.sleep(0.1)
        ended_at = time.time()
        await asyncio.sleep(1)
        await server.start()
        await until_over(server)
        interactions = await server.interactions()
        async with server.customers(tmp_path / "new", [Caller("+49309111", "2000")]) as customer:
            await until_phases(server, talking=1)
            customer.nudge(customer.messages()[0].call_id)
            assert await customer.wait_ended(10) == 0, customer.errors()
        await until_over(server)
        judged, log = judge_file(server.cel_file).calls, server.log()
    assert len(interactions) == 3
    if how is signal.SIGKILL:
        assert {row["end_reason"] for row in interactions} == {"pbx-restarted"}
        assert sorted(row["outcome"] for row in interactions) == ["answered", "lost", "lost"]
        for row in interactions:
            assert row["ended_at"] is not None
            assert abs(seconds(row["ended_at"]) - died_at) < 2, "when it was last heard"
    else:
        assert sorted(row["outcome"] for row in interactions) == ["abandoned", "abandoned", "answered"]
        assert all(seconds(row["ended_at"]) <= ended_at for row in interactions)
    assert len(judged) == 4
    assert judged[-1].outcome is Outcome.ANSWERED
    assert "Traceback" not in log
