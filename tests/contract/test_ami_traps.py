"""Each trap of panoramisk 1.4, shown on panoramisk itself and shown absent from our client, on the same wire.

The first half of each pair is a fact about the other library: should it go green one day, decision 0002 is due again.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import panoramisk
import pytest

from contactcenter.core.errors import Invalid, OutcomeUnknown, Unavailable
from cti.ami import LinkState
from tests.fakes.ami_owner import Owner, owned_client
from tests.fakes.ami_server import Action, Session, TinyAmi, block, ignore, tiny_ami

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

INJECTED = "x\r\n\r\nAction: Originate\r\nActionID: evil\r\nChannel: PJSIP/premium"


@pytest.fixture
async def server() -> AsyncIterator[TinyAmi]:
    async with tiny_ami() as running:
        yield running


@pytest.fixture
async def ours(server: TinyAmi) -> AsyncIterator[Owner]:
    async with owned_client(server.port) as owner:
        await owner.live()
        yield owner


@pytest.fixture
async def raw(server: TinyAmi) -> AsyncIterator[panoramisk.Manager]:
    """A plain panoramisk Manager, logged in; ended by force, since its own close() does not end it."""
    logging.getLogger("panoramisk").setLevel(logging.CRITICAL)
    quiet = logging.getLogger("tests.panoramisk")
    quiet.setLevel(logging.CRITICAL + 1)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # a raising callback ends in the loop's handler
    manager = panoramisk.Manager(
        loop=loop, host="127.0.0.1", port=server.port, username="cc", secret="secret", reconnect_timeout=0.05, log=quiet
    )
    manager.reconnect_timeout = 0.05
    await manager.connect()
    await eventually(lambda: manager.authenticated)
    yield manager
    manager.connect = lambda *_, **__: None
    manager.close()
    loop.set_exception_handler(None)


async def eventually(condition: Callable[[], Any], limit: float = 3.0) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.005)


async def holds_for(seconds: float, condition: Callable[[], Any]) -> None:
    """Watch for a while that something does not happen; on a real socket there is no other way."""
    with contextlib.suppress(TimeoutError):
        await eventually(lambda: not condition(), seconds)
    assert condition()


class TestInjection:
    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        raw.send_action({"Action": "Setvar", "Value": INJECTED})
        await eventually(lambda: server.session.named("Originate"))

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        with pytest.raises(Invalid):
            ours.client.send("Setvar", {"Value": INJECTED})
        await ours.client.send("Marker", {})
        assert [action["Action"] for action in server.session.actions if action["Action"] != "Ping"] == [
            *("Login", "Marker")
        ]


class TestCharacterInTwoReads:
    async def test_panoramisk(self, raw: panoramisk.Manager) -> None:
        seen: list[str] = []
        raw.register_event("Named", lambda _, event: seen.append(event.CallerIDName))
        data = block("Event: Named", "CallerIDName: Jörg")
        raw.protocol.data_received(data[:30])  # the bytes of one character lie on both sides
        raw.protocol.data_received(data[30:])
        assert data[29:31] == "ö".encode()
        assert seen == ["Jrg"]

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        data = block("Event: Named", "CallerIDName: Jörg")
        server.session.write(data[:30])
        await asyncio.sleep(0.02)
        server.session.write(data[30:])
        await ours.until(lambda: ours.named("Named"))
        assert ours.named("Named")[0].get("CallerIDName") == "Jörg"


class TestRaisingCallback:
    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        seen: list[str] = []

        def callback(_: object, event: Any) -> None:
            seen.append(event.N)
            raise RuntimeError("boom")

        raw.register_event("Numbered", callback)
        session = server.session
        session.write(block("Event: Numbered", "N: 1") + block("Event: Numbered", "N: 2"))
        await asyncio.wait_for(session.closed.wait(), 3)
        assert seen == ["1"]

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        def boom(_: object) -> None:
            raise RuntimeError("boom")

        ours.on_each = boom
        server.session.write(block("Event: Numbered", "N: 1") + block("Event: Numbered", "N: 2"))
        await ours.until(lambda: len(ours.named("Numbered")) == 2)
        ours.on_each = None
        await ours.client.send("Marker", {})
        assert ours.client.stats.callback_failures == 2
        assert len(server.sessions) == 1


class TestOrder:
    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        seen: list[str] = []

        async def callback(_: object, event: Any) -> None:
            await asyncio.sleep(0.05 if event.N == "1" else 0)
            seen.append(event.N)

        raw.register_event("Numbered", callback)
        server.session.write(b"".join(block("Event: Numbered", f"N: {n}") for n in (1, 2, 3)))
        await eventually(lambda: len(seen) == 3)
        assert seen == ["2", "3", "1"]

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        server.session.write(b"".join(block("Event: Numbered", f"N: {n}") for n in range(500)))
        await ours.until(lambda: len(ours.named("Numbered")) == 500)
        assert [message.get("N") for message in ours.named("Numbered")] == [str(n) for n in range(500)]


class TestNoAnswer:
    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        server.handlers["silent"] = ignore
        answer = raw.send_action({"Action": "Silent"})
        await holds_for(0.5, lambda: not answer.done())

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        server.handlers["silent"] = ignore
        with pytest.raises(OutcomeUnknown) as caught:
            await ours.client.send("Silent", {}, timeout=0.05)
        assert caught.value.code == "action-timeout"
        assert ours.client.state is LinkState.LIVE


class TestOriginateInFlightAtLinkLoss:
    """The trap that rings a customer twice."""

    @staticmethod
    def lose_the_answer(session: Session, action: Action) -> None:
        session.cut()

    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        server.handlers["originate"] = self.lose_the_answer
        raw.send_action({"Action": "Originate", "Channel": "PJSIP/customer", "Async": "true"})
        await eventually(lambda: sum(len(session.named("Originate")) for session in server.sessions) >= 2)

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        server.handlers["originate"] = self.lose_the_answer
        with pytest.raises(OutcomeUnknown) as caught:
            await ours.client.send("Originate", {"Channel": "PJSIP/customer", "Async": "true"})
        assert caught.value.code == "link-lost"
        await ours.live(2)
        await ours.client.send("Marker", {})
        assert sum(len(session.named("Originate")) for session in server.sessions) == 1


class TestCloseWhileTheLinkIsDown:
    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        server.session.cut()
        await eventually(lambda: not raw._connected)
        raw.close()
        await eventually(lambda: len(server.sessions) == 2)

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        server.session.cut()
        await ours.until(lambda: ours.client.state is LinkState.DISCONNECTED)
        await ours.client.close()
        ours.client.start()
        await holds_for(0.3, lambda: len(server.sessions) == 1)

    async def test_ours_while_it_is_up(self, server: TinyAmi, ours: Owner) -> None:
        answer = ours.client.send("Marker", {})
        await ours.client.close()
        assert ours.states[-1] == (LinkState.CLOSED, "closed")
        with pytest.raises(OutcomeUnknown):
            await answer
        with pytest.raises(Unavailable):
            ours.client.send("Marker", {})
        ours.client.start()
        await holds_for(0.3, lambda: len(server.sessions) == 1)
        assert server.session.closed.is_set()


class TestQueueAdd:
    @staticmethod
    def added(session: Session, action: Action) -> None:
        session.respond(action, "Message: Added interface to queue")

    async def test_panoramisk(self, server: TinyAmi, raw: panoramisk.Manager) -> None:
        server.handlers["queueadd"] = self.added
        answer = raw.send_action({"Action": "QueueAdd", "Queue": "q", "Interface": "PJSIP/a"})
        await holds_for(0.3, lambda: not answer.done())

    async def test_ours(self, server: TinyAmi, ours: Owner) -> None:
        server.handlers["queueadd"] = self.added
        answer = await ours.client.send("QueueAdd", {"Queue": "q", "Interface": "PJSIP/a"})
        assert answer.get("Message") == "Added interface to queue"
