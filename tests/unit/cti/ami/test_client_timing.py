"""The client's one timer, in virtual time against a PBX of a few lines."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cti.ami import LinkState, LinkTiming
from tests.fakes.ami_owner import owned_client
from tests.simulation.virtual_loop import VirtualLoop

PORT = 5038
BOOTED = b"Event: FullyBooted\r\n\r\n"


class IdlePbx(asyncio.Protocol):
    """Takes every login and, unless frozen, answers every ping."""

    says_booted = True
    is_frozen = False

    def __init__(self) -> None:
        self.pinged: list[float] = []
        self.logins: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"Asterisk Call Manager/11.0.0\r\n")

    def data_received(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        for block in data.split(b"\r\n\r\n"):
            told = dict(line.split(b": ", 1) for line in block.split(b"\r\n") if b": " in line)
            if told.get(b"Action") == b"Ping":
                self.pinged.append(now)
            elif told.get(b"Action") == b"Login":
                self.logins.append(now)
            if told.get(b"Action") not in (b"Ping", b"Login") or self.is_frozen:
                continue
            self.transport.write(b"Response: Success\r\nActionID: " + told[b"ActionID"] + b"\r\n\r\n")
            if told[b"Action"] == b"Login" and self.says_booted:
                self.transport.write(BOOTED)


def played(story: Callable[[IdlePbx], Awaitable[float]]) -> float:
    loop, pbx = VirtualLoop(), IdlePbx()
    loop.network.listen(lambda: pbx, PORT)
    try:
        return loop.run_until_complete(story(pbx))  # type: ignore[arg-type]
    finally:
        loop.close()


def test_an_idle_link_is_pinged_at_its_interval_not_at_the_limit_of_the_last_ping() -> None:
    async def story(pbx: IdlePbx) -> float:
        async with owned_client(PORT, timing=LinkTiming()):
            await asyncio.sleep(41)
        return len(pbx.pinged)

    assert played(story) == 20


def test_a_pbx_that_freezes_on_an_idle_link_is_noticed_within_the_limit() -> None:
    """The timer's own lateness counts as our stall and is forgiven: it must not be late by design."""

    async def story(pbx: IdlePbx) -> float:
        loop = asyncio.get_running_loop()
        async with owned_client(PORT, timing=LinkTiming()) as owner:
            await asyncio.sleep(33)
            pbx.is_frozen, began = True, loop.time()
            await owner.until(lambda: owner.client.state is not LinkState.LIVE, limit=60)
            assert owner.client.reason == "stale"
            return loop.time() - began

    assert played(story) <= LinkTiming().stale_after + 0.1


def test_a_pbx_that_never_says_it_is_booted_is_left_in_time() -> None:
    async def story(pbx: IdlePbx) -> float:
        pbx.says_booted, began = False, asyncio.get_running_loop().time()
        async with owned_client(PORT, timing=LinkTiming()) as owner:
            await owner.until(lambda: (LinkState.DISCONNECTED, "boot-timeout") in owner.states, limit=600)
            return asyncio.get_running_loop().time() - began

    assert played(story) == pytest.approx(LinkTiming().boot_timeout, abs=0.1)
