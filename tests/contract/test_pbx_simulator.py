"""panoramisk's own Manager, which knows nothing of ours, works with the simulated PBX as with an Asterisk."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import panoramisk
import pytest

from cti.pbx_simulator.people import Customer, PicksUp
from cti.provision import EndpointKind, EndpointSettings, PbxSettings
from tests.rig.ports import free_ports
from tests.rig.simulated import Simulated, simulated_pbx

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SECRET = "Simulated1Secret"


@pytest.fixture
async def pbx(tmp_path: Path) -> AsyncIterator[Simulated]:
    phone = EndpointSettings("agent-2001", EndpointKind.DESK, "Desk2Secret8888xx")
    ami = free_ports(2)
    settings = PbxSettings("sim", ami, SECRET, 1, 2, ami + 1, tmp_path / "recordings", endpoints=[phone])
    async with simulated_pbx(settings, tmp_path) as made:
        made.phones["agent-2001"] = PicksUp(after=0.05)
        yield made


@contextlib.asynccontextmanager
async def manager(pbx: Simulated, secret: str = SECRET) -> AsyncIterator[panoramisk.Manager]:
    quiet = logging.getLogger("tests.panoramisk")
    quiet.setLevel(logging.CRITICAL + 1)
    made = panoramisk.Manager(
        loop=asyncio.get_running_loop(), host="127.0.0.1", port=pbx.settings.ami_port,
        username=pbx.settings.ami_user, secret=secret, log=quiet,
    )  # fmt: skip
    await made.connect()
    yield made
    made.connect = lambda *_, **__: None  # its close() would reconnect
    made.close()


async def eventually(condition: Any, limit: float = 5.0) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.01)


async def test_it_logs_in_and_asks(pbx: Simulated) -> None:
    async with manager(pbx) as client:
        await eventually(lambda: client.authenticated)
        assert (await client.send_action({"Action": "Ping"})).Ping == "Pong"
        assert (await client.send_action({"Action": "CoreStatus"})).CoreStartupDate
        settings = await client.send_action({"Action": "CoreSettings"})
        assert settings.AsteriskVersion.startswith("22")
        refused = await client.send_action({"Action": "NoSuchAction"})
        assert (refused.Response, "unknown command" in refused.Message) == ("Error", True)


async def test_a_wrong_secret_is_refused(pbx: Simulated) -> None:
    async with manager(pbx, "wrong") as client:
        await asyncio.sleep(0.3)
        assert not client.authenticated


async def test_it_sees_a_call_and_places_one(pbx: Simulated) -> None:
    async with manager(pbx) as client:
        await eventually(lambda: client.authenticated)
        seen: list[tuple[str, str]] = []
        for name in ("Newchannel", "Newstate", "Hangup", "OriginateResponse", "UserEvent"):
            client.register_event(name, lambda _, event: seen.append((event.Event, event.Uniqueid)))
        customer = pbx.pbx.customer_calls(Customer("+4930901820", "1000", "Ada"))
        await eventually(lambda: ("UserEvent", customer) in seen)
        order = {"Channel": "PJSIP/agent-2001", "Context": "cc-park", "Exten": "s", "Priority": "1"}
        await client.send_action({"Action": "Originate", **order, "ChannelId": "leg-1", "Async": "true"})
        await eventually(lambda: ("Newstate", "leg-1") in seen)
        listed = await client.send_action({"Action": "CoreShowChannels"})
        assert {one.Uniqueid for one in listed if one.Event == "CoreShowChannel"} == {customer, "leg-1"}
        value = await client.send_action({"Action": "Getvar", "Channel": customer, "Variable": "CC_DIALED"})
        assert value.Value == "1000"
        await client.send_action({"Action": "Hangup", "Channel": "leg-1"})
        await eventually(lambda: ("Hangup", "leg-1") in seen)
