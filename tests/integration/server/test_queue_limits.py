"""Queues that send callers on, on real Asterisk: what the caller hears, where he stands, what is written."""

import asyncio

from tests.integration.server.live_calls import until_over, until_phases
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import QueueSeed, desk_agents, running_server
from tests.rig.sipp import Caller, desk_phones

NEVER = {"timezone": "UTC", "week": {"mon": ["00:00-00:01"]}}
SORRY = """start: sorry
prompts:
  sorry: {sound: vm-goodbye}
nodes:
  sorry: {kind: say, prompts: sorry, next: back}
  back: {kind: enqueue, queue: %s}
"""


async def test_hours_size_and_wait(tmp_path):
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "direct.yaml").write_text("start: a\nnodes:\n  a: {kind: enqueue, queue: support}\n")
    (flows / "sorry.yaml").write_text(SORRY % "support")
    port = free_ports(1)
    queues = [QueueSeed(wrap_up_time=0.0), QueueSeed("spare", wrap_up_time=0.0, skills={"spare": 1})]
    agents = desk_agents(1, port, {"spare": 1})
    async with (
        running_server(agents=agents, queues=queues, flows=flows) as server,
        desk_phones(tmp_path / "phones", {"p1": Answers(after=0.2, talk=0.5)}, port=port, media_port=free_ports(40)),
    ):
        ids = {one["name"]: one["id"] for one in await server.api("GET", "/queues")}
        support, spare = f"/queues/{ids['support']}", ids["spare"]

        # Closed: the caller is told so and hung up on; nobody is rung.
        await server.ready("desk1")
        await server.api("PATCH", support, {"hours": NEVER})
        async with server.customers(tmp_path / "closed", [Caller("+49301", "2000")]) as customer:
            assert await customer.wait_ended(20) == 0, customer.errors()
        await until_over(server)
        [closed] = await server.interactions()
        assert (closed["outcome"], closed["visits"]) == ("left-in-flow", [])

        # Closed, with another queue named: he is served there.
        await server.api("PATCH", support, {"when_closed": {"queue_id": spare}})
        async with server.customers(tmp_path / "other", [Caller("+49302", "2000")]) as customer:
            assert await customer.wait_ended(20) == 0, customer.errors()
        await until_over(server)
        other = (await server.interactions())[-1]
        assert (other["outcome"], [one["queue_id"] for one in other["visits"]]) == ("answered", [spare])

        # Open, nobody ready: after the longest wait he hears the flow, and it brings him back to his old place.
        await server.ready("desk1", state="not-ready", reason="break")
        await server.api("PATCH", support, {"hours": None, "max_wait": 2, "when_too_long": {"flow": "sorry"}})
        async with server.customers(tmp_path / "waits", [Caller("+49303", "2000")]) as customer:
            async with asyncio.timeout(20):
                while len((await server.interactions())[-1]["visits"]) < 2:
                    await asyncio.sleep(0.2)
            await server.ready("desk1")
            assert await customer.wait_ended(20) == 0, customer.errors()
        await until_over(server)
        waited = (await server.interactions())[-1]
        first, second = waited["visits"]
        assert (waited["outcome"], first["end"], second["end"]) == ("answered", "flowed-out", "answered")
        assert first["entered_at"] == second["entered_at"]
        assert 2.0 <= first["wait_time"] < 4.0

        # Full: one waits, the next goes on to the other queue, where nobody has the skill ready.
        await server.ready("desk1", state="not-ready", reason="break")
        limits = {"max_wait": None, "max_waiting": 1, "when_full": {"queue_id": spare}}
        await server.api("PATCH", support, limits)
        async with server.customers(
            tmp_path / "full", [Caller("+49304", "2000"), Caller("+49305", "2000")], rate=5
        ) as customer:
            await until_phases(server, waiting=2)
            two = (await server.interactions())[-2:]
            assert sorted(one["visits"][-1]["queue_id"] for one in two) == sorted(ids.values())
            await server.ready("desk1")
            assert await customer.wait_ended(30) == 0, customer.errors()
        await until_over(server)
        assert [one["outcome"] for one in (await server.interactions())[-2:]] == ["answered", "answered"]
        log = server.log()
    assert "Traceback" not in log
    assert "illegal" not in log


async def test_nobody_there(tmp_path):
    """Without a phone that answers: the flow that comes with the program, then a hang-up."""
    async with running_server(agents=desk_agents(1, free_ports(1))) as server:
        [queue] = await server.api("GET", "/queues")
        await server.api("PATCH", f"/queues/{queue['id']}", {"when_nobody": {"flow": "busy"}, "nobody_after": 1})
        await server.ready("desk1", state="not-ready", reason="break")
        async with server.customers(tmp_path / "calls", [Caller("+49301", "2000")]) as customer:
            await until_phases(server, waiting=1)
            await asyncio.sleep(3)
            await until_phases(server, waiting=1)  # he is there, if not ready
            await server.ready("desk1", state="offline")
            assert await customer.wait_ended(20) == 0, customer.errors()
        await until_over(server)
        [row] = await server.interactions()
        assert (row["outcome"], row["visits"][0]["end"]) == ("left-in-flow", "flowed-out")
        assert "Traceback" not in server.log()
