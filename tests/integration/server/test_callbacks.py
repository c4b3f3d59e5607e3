"""Customers who are called back, on a real server with a real Asterisk: called once, whatever dies meanwhile."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from tests.integration.server.live_calls import until_over
from tests.rig.messages import SipMessage
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Behaviour, Rings
from tests.rig.server import QueueSeed, Server, desk_agents, running_server
from tests.rig.sipp import Caller, Sipp, desk_phones

CUSTOMER = "+4930901820"
FLOW = """start: back
prompts:
  bye: {sound: vm-goodbye}
nodes:
  back: {kind: callback, queue: support, next: bye, impossible: wait}
  bye: {kind: hangup, prompts: bye}
  wait: {kind: enqueue, queue: support}
"""


@contextlib.asynccontextmanager
async def floor(folder: Path, customer: Behaviour, **more: str) -> AsyncIterator[tuple[Server, Sipp]]:
    """A server whose customers are called over a trunk to SIPp's phones; whoever dials 2000 is to be called back."""
    flows = folder / "flows"
    flows.mkdir()
    (flows / "direct.yaml").write_text(FLOW)
    port = free_ports(1)
    trunk = {"name": "rig", "host": "127.0.0.1", "port": port, "any_port": True}
    env = {
        "CONTACTCENTER_PBX__TRUNKS": json.dumps([trunk]),
        "CONTACTCENTER_CALLBACKS__RING_TIME": "5",
        "CONTACTCENTER_CALLBACKS__PAUSE": "1",
        "CONTACTCENTER_CALLBACKS__ATTEMPTS": "2",
        **more,
    }
    phones = {"p1": Answers(after=0.2), CUSTOMER: customer}
    async with (
        running_server(agents=desk_agents(1, port), queues=[QueueSeed(wrap_up_time=0.0)], flows=flows, env=env) as made,
        desk_phones(folder / "phones", phones, port=port, media_port=free_ports(40)) as sipp,
    ):
        yield made, sipp


async def asks(server: Server, folder: Path, number: str = CUSTOMER) -> None:
    """Somebody calls, and is told that he will be called back."""
    async with server.customers(folder, [Caller(number, "2000", "Ada")]) as customer:
        assert await customer.wait_ended(20) == 0, customer.errors()


async def promise(server: Server) -> Mapping[str, Any]:
    (one,) = (await server.api("GET", "/callbacks"))["items"]
    found: Mapping[str, Any] = one
    return found


async def until_state(server: Server, *states: str, limit: float = 20) -> Mapping[str, Any]:
    async with asyncio.timeout(limit):
        while (one := await promise(server))["state"] not in states:
            await asyncio.sleep(0.1)
    return one


def invites(sipp: Sipp) -> list[SipMessage]:
    """What reached the customer's phone; an agent's names him, too, as the caller."""
    return [m for m in sipp.messages() if not m.sent and m.text.startswith(f"INVITE sip:{CUSTOMER}@")]


def called(sipp: Sipp) -> int:
    """How often the customer's phone was rung."""
    return len({m.call_id for m in invites(sipp)})


async def test_he_is_called_when_an_agent_is_there(tmp_path: Path) -> None:
    async with floor(tmp_path, Answers(after=0.5, talk=1.0)) as (server, sipp):
        await asks(server, tmp_path / "asks")
        one = await until_state(server, "waiting")
        assert (one["number"], one["attempts"]) == ("+49 30 901820", 0)
        await server.kill()  # he waits on in the next process, at his place
        await server.start()
        assert (await promise(server))["entered_at"] == one["entered_at"]
        assert called(sipp) == 0
        await server.ready("desk1")
        await until_state(server, "done")
        await until_over(server)
        asked, turn = await server.interactions()
        assert (asked["direction"], asked["outcome"]) == ("inbound", "callback")
        assert (turn["direction"], turn["outcome"], turn["id"]) == ("callback", "answered", one["interaction_id"])
        assert turn["segments"][0]["ended_by"] == "customer"
        assert called(sipp) == 1
        invite = invites(sipp)[0]
        assert "2000" in invite.text.partition("From:")[2].splitlines()[0]


async def test_he_does_not_answer_and_becomes_a_ticket(tmp_path: Path) -> None:
    async with floor(tmp_path, Rings()) as (server, sipp):
        await server.ready("desk1")
        await asks(server, tmp_path / "asks")
        one = await until_state(server, "given-up", limit=40)
        assert (one["attempts"], one["result"]) == (2, "no-answer")
        assert called(sipp) == 2
        async with asyncio.timeout(10):
            while not (tickets := (await server.api("GET", "/tickets"))["items"]):
                await asyncio.sleep(0.1)
        assert tickets[0]["subject"].startswith("Call back: ")
        outcomes = [item["outcome"] for item in await server.interactions()]
        assert outcomes == ["callback", "unreached", "unreached"]


async def test_killed_while_his_phone_rings_he_is_not_called_again(tmp_path: Path) -> None:
    async with floor(tmp_path, Answers(after=9.0, talk=1.0), CONTACTCENTER_CALLBACKS__RING_TIME="30") as (
        server,
        sipp,
    ):
        await server.ready("desk1")
        await asks(server, tmp_path / "asks")
        await until_state(server, "calling")
        async with asyncio.timeout(5):
            while not called(sipp):
                await asyncio.sleep(0.05)
        await server.kill()
        await server.start()
        one = await until_state(server, "done", limit=30)
        assert (one["attempts"], called(sipp)) == (1, 1)
        await until_over(server)


async def test_nobody_calls_who_cancelled_or_hides_his_number(tmp_path: Path) -> None:
    async with floor(tmp_path, Answers()) as (server, sipp):
        async with server.customers(tmp_path / "hidden", [Caller("anonymous", "2000")]) as customer:
            async with asyncio.timeout(10):
                while not (await server.interactions() or [{"visits": []}])[0]["visits"]:
                    await asyncio.sleep(0.1)
            customer.kill()
        assert (await server.api("GET", "/callbacks"))["items"] == []
        await server.console("channel request hangup all")

        await asks(server, tmp_path / "asks")
        one = await until_state(server, "waiting")
        await server.api("POST", f"/callbacks/{one['id']}/withdraw")
        assert (await promise(server))["state"] == "withdrawn"
        await server.ready("desk1")
        await asyncio.sleep(1)
        assert called(sipp) == 0
        await until_over(server)
