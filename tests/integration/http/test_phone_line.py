"""The browser phone's line through our own address: who gets one, what passes, when it ends."""

import asyncio

import aiohttp
import pytest
from aiohttp import WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer

from agent_ui import phone_line
from agent_ui.phone_line import MAX_ENDING, MAX_FRAME, MAX_LINES, PhoneLines, phone_routes
from contactcenter.agents.model import DeviceKind
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.core.web.access import WebSettings
from tests.rig.rooms import PASSWORD


class Pbx:
    """Stands for Asterisk's WebSocket: answers each frame with itself in upper case."""

    def __init__(self):
        self.open = self.asked = 0
        self.protocols = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def serve(self, request):
        self.asked += 1
        await self.answers.wait()
        wire = web.WebSocketResponse(protocols=("sip",))
        await wire.prepare(request)
        self.open += 1
        self.protocols.append(wire.ws_protocol)
        try:
            async for frame in wire:
                if frame.data == "bye":
                    break
                await (wire.send_str(frame.data.upper()) if isinstance(frame.data, str) else wire.send_bytes(b"b"))
        finally:
            self.open -= 1
        return wire


@pytest.fixture
async def pbx():
    stand_in, app = Pbx(), web.Application()
    app.router.add_get("/ws", stand_in.serve)
    async with TestServer(app) as server:
        stand_in.url = f"ws://127.0.0.1:{server.port}/ws"
        yield stand_in


@pytest.fixture
async def desk(rooms, pbx):
    """ines has a browser phone, chen a desk phone, sofia none."""
    await rooms.agent("ines", "1001")
    await rooms.agent("chen", "1002", kind=DeviceKind.DESK)
    await rooms.user("sofia", "supervisor")
    tasks = TaskSupervisor()
    rooms.lines = PhoneLines(lambda server_id: pbx.url, tasks)
    rooms.services.add(rooms.lines)
    async with TestClient(TestServer(rooms.app(WebSettings(), extra=phone_routes))) as client:
        rooms.client = client
        yield rooms
    await tasks.close()


async def line(desk, login="ines", headers=None):
    signed = await desk.users.sign_in(login, PASSWORD, address="127.0.0.1")
    own = str(desk.client.make_url("/")).rstrip("/")
    sent = {"Cookie": f"cc_session={signed.token}", "Origin": own} | (headers or {})
    return await desk.client.ws_connect("/phone", protocols=("sip",), headers=sent)


REAL_CLOSE = web.WebSocketResponse.close


async def takes_nothing(page, **more):
    """The close of a page whose connection is stuck: what we say to it never leaves."""
    if "message" in more:
        await asyncio.sleep(60)
    return await REAL_CLOSE(page, **more)


def signed_in_at_once(signed):
    async def sign_in(*given, **more):
        return signed

    return sign_in


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_frames_pass_both_ways_as_they_are(desk, pbx):
    wire = await line(desk)
    assert (wire.protocol, pbx.protocols) == ("sip", ["sip"])
    for text in ("register\r\n\r\n", "ñ" * 20_000, ""):
        await wire.send_str(text)
        assert await wire.receive_str(timeout=5) == text.upper()
    await wire.send_bytes(b"\x00")
    assert await wire.receive_bytes(timeout=5) == b"b"
    await wire.close()
    await until(lambda: pbx.open == 0 and desk.lines.active == 0)


async def test_the_end_of_the_pbxs_side_ends_ours(desk, pbx):
    wire = await line(desk)
    await wire.send_str("bye")
    assert (await wire.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    await until(lambda: desk.lines.active == 0)


@pytest.mark.parametrize(
    "login, headers, status",
    [
        ("chen", {}, 404),
        ("sofia", {}, 404),
        ("ines", {"Cookie": ""}, 401),
        ("ines", {"Cookie": "cc_session=forged"}, 401),
        ("ines", {"Origin": "https://evil.example"}, 403),
    ],
)
async def test_only_a_signed_in_agent_with_a_browser_phone_gets_one(desk, pbx, login, headers, status):
    with pytest.raises(WSServerHandshakeError) as refused:
        await line(desk, login, headers)
    assert refused.value.status == status
    assert pbx.protocols == [], "the PBX heard nothing"


async def test_one_line_too_many_ends_the_one_that_was_silent_longest(desk, pbx):
    """A page that was loaded again must not be without a phone because of its own former lines."""
    wires = [await line(desk) for _ in range(MAX_LINES)]
    for wire in (wires[0], wires[2]):
        await wire.send_str("x")
        assert await wire.receive_str(timeout=5) == "X"
    newest = await line(desk)
    ended = await wires[1].receive(timeout=5)
    assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, phone_line.TOO_MANY)
    for wire in (wires[0], wires[2], newest):
        await wire.send_str("y")
        assert await wire.receive_str(timeout=5) == "Y"
    await until(lambda: desk.lines.active == MAX_LINES == pbx.open)
    for wire in (*wires, newest):
        await wire.close()


async def test_lines_of_one_agent_are_bounded(desk, pbx, monkeypatch):
    """Also while those that are ended take nothing, not even that word; in the end they are cut."""
    monkeypatch.setattr(phone_line, "CLOSE_TIME", 0.5)
    monkeypatch.setattr(web.WebSocketResponse, "close", takes_nothing)
    monkeypatch.setattr(
        desk.users, "sign_in", signed_in_at_once(await desk.users.sign_in("ines", PASSWORD, address=""))
    )
    opened = [await line(desk) for _ in range(MAX_LINES + MAX_ENDING)]
    with pytest.raises(WSServerHandshakeError) as refused:
        await line(desk)
    assert refused.value.status == 429
    assert desk.lines.active == MAX_LINES + MAX_ENDING
    await until(lambda: desk.lines.active == MAX_LINES)
    monkeypatch.undo()
    for wire in opened:
        await wire.close()
    await until(lambda: desk.lines.active == 0)


async def test_lines_on_their_way_to_the_pbx_are_bounded_too(desk, pbx):
    pbx.answers.clear()
    under_way = [asyncio.ensure_future(line(desk)) for _ in range(MAX_LINES)]
    await until(lambda: pbx.asked == MAX_LINES)
    with pytest.raises(WSServerHandshakeError) as refused:
        await line(desk)
    assert refused.value.status == 429
    pbx.answers.set()
    for wire in await asyncio.gather(*under_way):
        await wire.close()
    await until(lambda: desk.lines.active == 0)


async def test_all_lines_end_with_the_server(desk, pbx):
    wire = await line(desk)
    await desk.lines.close()
    assert (await wire.receive(timeout=5)).data == aiohttp.WSCloseCode.GOING_AWAY
    with pytest.raises(WSServerHandshakeError) as refused:
        await line(desk)
    assert refused.value.status == 503
    await wire.close()
    await until(lambda: pbx.open == 0)


async def test_a_line_that_is_stuck_holds_up_no_end(desk, pbx, monkeypatch):
    monkeypatch.setattr(phone_line, "STOP_TIME", 0.05)
    monkeypatch.setattr(phone_line, "CLOSE_TIME", 0.1)
    wire = await line(desk)
    monkeypatch.setattr(web.WebSocketResponse, "close", takes_nothing)
    async with asyncio.timeout(5):
        await desk.lines.close()
    await until(lambda: desk.lines.active == 0)
    monkeypatch.undo()
    await wire.close()


async def test_a_line_ends_with_its_session_and_no_other(desk, pbx):
    signed = [await desk.users.sign_in("ines", PASSWORD, address="127.0.0.1") for _ in range(2)]
    first, second = [await line(desk, headers={"Cookie": f"cc_session={one.token}"}) for one in signed]
    desk.lines.close_credential(signed[0].session_id)
    ended = await first.receive(timeout=5)
    assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 4401)
    await first.close()
    await second.send_str("x")
    assert await second.receive_str(timeout=5) == "X"
    await until(lambda: pbx.open == 1)


async def test_an_end_nobody_told_of_ends_the_line_too(desk, pbx, monkeypatch):
    monkeypatch.setattr(phone_line, "ASK_EVERY", 0.05)
    wire = await line(desk)
    await asyncio.sleep(0.2)
    await wire.send_str("x")
    assert await wire.receive_str(timeout=5) == "X", "asked several times, and still he"
    desk.clock.advance(400 * 86400)
    assert (await wire.receive(timeout=5)).data == 4401
    await wire.close()
    await until(lambda: pbx.open == 0)


async def test_too_long_a_frame_ends_the_line(desk, pbx):
    wire = await line(desk)
    await wire.send_str("x" * (MAX_FRAME + 1))
    assert (await wire.receive(timeout=5)).data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await wire.close()
    await until(lambda: pbx.open == 0)


async def test_a_pbx_that_does_not_answer_is_told(desk, pbx):
    pbx.url = "ws://127.0.0.1:1/ws"
    with pytest.raises(WSServerHandshakeError) as refused:
        await line(desk)
    assert refused.value.status == 503
