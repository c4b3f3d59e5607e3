"""The socket from its handshake to its end, with real sessions, rights, rooms and frames; only the PBX is missing."""

import asyncio
import contextlib
import json
import socket as sockets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import TestServer

from agent_ui import hub as hub_module
from agent_ui import protocol
from agent_ui import socket as socket_module
from agent_ui.commands import COMMANDS
from agent_ui.hub import Hub
from agent_ui.pages import page_routes
from agent_ui.socket import SocketServer
from contactcenter.agents.service import AgentService
from contactcenter.core.ids import TeamId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Principal
from contactcenter.core.web.access import SESSION_COOKIE
from contactcenter.core.web.routes import Routes
from contactcenter.interactions import store
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.service import InteractionService
from contactcenter.interactions.work import OwnWork
from contactcenter.users import principals as principals_module
from routing import commands as routing
from tests.fakes.desk import Desk, open_desk
from tests.rig.rooms import PASSWORD, open_rooms

CALLER = "1780000000.1"


class Presence:
    """agents' PresencePort, as bootstrap binds it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def set_presence(self, agent_id: Any, state: Any, reason: str, actor: str) -> None:
        self._desk.room.router.submit(routing.SetPresence(agent_id, routing.Presence(state.value), reason))


class Site:
    """Everything a page reaches, served on loopback."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        rooms, room = desk.rooms, desk.room
        rooms.agents._presence = Presence(desk)
        self.hub = Hub(room.picture, DayFigures(room.time.now()), room.time, rooms.ids, list)
        rooms.services.add(desk.service, InteractionService)
        self.socket = SocketServer(self.hub, rooms.services, self.settings, room.time, desk.tasks)
        rooms.services.add(self.socket)
        routes = Routes()
        (real,) = [route for route in page_routes.routes if route.kind == "socket"]
        routes.add(real)
        self.server = TestServer(rooms.app(extra=routes))
        self.sockets: list[Any] = []

    async def settings(self, principal: Principal) -> dict[str, Any]:
        return {"user": {"login": principal.login}}

    async def token(self, login: str) -> str:
        signed = await self.desk.rooms.users.sign_in(login, PASSWORD, address="127.0.0.1")
        return str(signed.token)

    async def connect(self, login: str, *, headers: dict[str, str] | None = None) -> "Wire":
        token = await self.token(login)
        session = aiohttp.ClientSession(cookies={SESSION_COOKIE: token})
        self.sockets.append(session)
        origin = {"Origin": str(self.server.make_url("/")).rstrip("/")}
        wire = await session.ws_connect(self.server.make_url("/socket"), headers=origin | (headers or {}))
        return Wire(wire, token)

    async def page(self, login: str, page: str = "desktop", **more: Any) -> "Wire":
        """A page that has said hello and got its snapshot."""
        wire = await self.connect(login)
        await wire.say({"type": "hello", "page": page, "instance": "tab-1", **more})
        wire.slots = (await wire.frame("snapshot"))["slots"]
        return wire

    async def close(self) -> None:
        for session in self.sockets:
            await session.close()
        await self.server.close()


class Wire:
    def __init__(self, wire: aiohttp.ClientWebSocketResponse, token: str) -> None:
        self.wire = wire
        self.token = token
        self.slots: dict[str, Any] = {}
        self._ids = 0

    async def say(self, frame: Any) -> None:
        await (self.wire.send_bytes(frame) if isinstance(frame, bytes) else self.wire.send_str(_text(frame)))

    async def frame(self, kind: str) -> dict[str, Any]:
        """The next frame of this kind; changes on the way are applied."""
        async with asyncio.timeout(5):
            while True:
                message = await self.wire.receive()
                assert message.type is WSMsgType.TEXT, (message.type, message.data, message.extra)
                found: dict[str, Any] = json.loads(message.data)
                if found["type"] == "changes":
                    merged = {**self.slots, **found["slots"]}
                    self.slots = {key: value for key, value in merged.items() if value is not None}
                if found["type"] == kind:
                    return found

    async def command(self, name: str, data: Any = None) -> dict[str, Any]:
        self._ids += 1
        frame = {"type": "command", "id": str(self._ids), "name": name, "data": data or {}}
        await self.say(frame)
        reply = await self.frame("reply")
        assert reply["id"] == str(self._ids)
        return reply

    async def refused(self, name: str, data: Any = None) -> str:
        reply = await self.command(name, data)
        assert reply["ok"] is False
        return str(reply["error"]["code"])

    async def closed(self) -> tuple[str, int]:
        """The reason told and the code of the close."""
        reason = (await self.frame("goodbye"))["reason"]
        async with asyncio.timeout(5):
            message = await self.wire.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING), message
        return reason, int(self.wire.close_code or 0)


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else json.dumps(frame)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_rooms(tmp_path) as rooms, open_desk(rooms) as made:
        yield made


@pytest.fixture
async def site(desk: Desk) -> AsyncIterator[Site]:
    team = await desk.rooms.agents.save_team(SYSTEM, "north", frozenset())
    await desk.agent("ann", "1001", TeamId(team.team_id))
    await desk.agent("bob", "1002", TeamId(team.team_id))
    sup = await desk.rooms.user("sup", "supervisor")
    await desk.rooms.agents.save_team(SYSTEM, "north", frozenset({sup.user_id}), team.team_id)
    made = Site(desk)
    await made.server.start_server()
    yield made
    await made.close()
    async with asyncio.timeout(3):
        while made.hub.pages:
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------ handshake


async def test_without_a_session_there_is_no_socket(site: Site) -> None:
    origin = {"Origin": str(site.server.make_url("/")).rstrip("/")}
    for cookies in ({}, {SESSION_COOKIE: "made-up"}, {SESSION_COOKIE: "x" * 5000}):
        async with aiohttp.ClientSession(cookies=cookies) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(site.server.make_url("/socket"), headers=origin)
            assert caught.value.status == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
async def test_a_foreign_origin_is_refused(site: Site, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await site.connect("ann", headers={"Origin": origin})
    assert caught.value.status == 403


HELLO = {"type": "hello", "page": "desktop", "instance": "tab-1"}


@pytest.mark.parametrize(
    "first",
    [
        "not json",
        "{}",
        b"\xff\xfe\x00",
        {"type": "ping", "sent": 1},
        {"type": "command", "id": "1", "name": "why", "data": {}},
        {**HELLO, "page": "admin"},
        {**HELLO, "protocol": 2},
        {**HELLO, "instance": ""},
        {**HELLO, "extra": 1},
    ],
    ids=str,
)
async def test_whoever_does_not_say_hello_is_sent_away(site: Site, first: Any) -> None:
    wire = await site.connect("ann")
    await wire.say(first)
    assert await wire.closed() == ("protocol", protocol.CLOSE_PROTOCOL)
    assert site.hub.pages == set()


async def test_silence_is_no_hello(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "HELLO_TIME", 0.05)
    wire = await site.connect("ann")
    assert await wire.closed() == ("protocol", protocol.CLOSE_PROTOCOL)


async def test_a_page_needs_its_right(site: Site) -> None:
    wire = await site.connect("ann")
    await wire.say({**HELLO, "page": "live"})
    assert await wire.closed() == ("signed-out", protocol.CLOSE_SIGNED_OUT)


async def test_snapshot_then_numbered_changes(site: Site) -> None:
    ann = await site.page("ann")
    assert set(ann.slots) == {"settings", "me"}
    assert ann.slots["settings"] == {"user": {"login": "ann"}}
    item = site.desk.room.call()
    changes = await ann.frame("changes")
    assert changes["prev"] == changes["seq"] - 1
    assert ann.slots[f"work:{item.interaction_id}"]["state"] == "alerting"


async def test_ping_is_proof_of_life(site: Site) -> None:
    ann = await site.page("ann")
    await ann.say({"type": "ping", "sent": 123.5})
    pong = await ann.frame("pong")
    assert pong["sent"] == 123.5
    assert pong["now"].endswith("Z")


async def test_a_supervisors_page(site: Site) -> None:
    sup = await site.page("sup", "live")
    assert {"totals", "settings", "queue:q-support"} <= set(sup.slots)
    assert len([key for key in sup.slots if key.startswith("agent:")]) == 2


async def test_resume_over_a_new_socket(site: Site) -> None:
    ann = await site.connect("ann")
    await ann.say(HELLO)
    snapshot = await ann.frame("snapshot")
    await ann.wire.close()
    async with asyncio.timeout(3):
        while site.hub.pages:
            await asyncio.sleep(0.01)
    item = site.desk.room.call()
    await asyncio.sleep(0)
    back = await site.connect("ann")
    await back.say({**HELLO, "resume": {"epoch": snapshot["epoch"], "seq": snapshot["seq"]}})
    changes = await back.frame("changes")
    assert changes["prev"] == snapshot["seq"]
    assert f"work:{item.interaction_id}" in changes["slots"]


# ------------------------------------------------------------------ frames that are none


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "",
        "[]",
        b"\xff",
        {"type": "snapshot"},
        HELLO,
        '{"type":"command","id":"1","name":"x","data":{"a":' + "[" * 9000 + "]" * 9000 + "}}",
    ],
    ids=lambda frame: str(frame)[:24],
)
async def test_a_frame_that_is_none_ends_the_page(site: Site, frame: Any) -> None:
    ann = await site.page("ann")
    await ann.say(frame)
    assert await ann.closed() == ("protocol", protocol.CLOSE_PROTOCOL)


async def test_a_frame_too_large_ends_the_page(site: Site) -> None:
    ann = await site.page("ann")
    with contextlib.suppress(ConnectionError):
        await ann.say("x" * (protocol.MAX_FRAME + 1))
    async with asyncio.timeout(5):
        while (await ann.wire.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            pass
    assert ann.wire.close_code == 1009


# ------------------------------------------------------------------ commands


async def test_commands_are_answered_by_their_id(site: Site) -> None:
    ann = await site.page("ann")
    reply = await ann.command("set-presence", {"state": "offline"})
    assert reply["ok"] is True
    async with asyncio.timeout(3):
        while ann.slots["me"]["presence"]["state"] != "offline":
            await ann.frame("changes")


@pytest.mark.parametrize(
    "name, data, code",
    [
        ("no-such-command", {}, "unknown-command"),
        ("", {}, "unknown-command"),
        ("set-presence", {}, "invalid"),
        ("set-presence", {"state": 1}, "invalid"),
        ("set-presence", {"state": "ready", "agent_id": "a-bob"}, "invalid"),
        ("set-presence", {"state": "asleep"}, "presence-unknown"),
        ("set-presence", {"state": "not-ready"}, "reason-needed"),
        ("accept", {"interaction_id": "nothing"}, "not-found"),
        ("accept", {"interaction_id": None}, "invalid"),
        ("finish-wrap-up", {"interaction_id": "x", "then": "sleep"}, "invalid"),
        ("why", {"interaction_id": "x"}, "forbidden"),
    ],
)
async def test_wrong_commands_get_a_code(site: Site, name: str, data: Any, code: str) -> None:
    ann = await site.page("ann")
    assert await ann.refused(name, data) == code
    await ann.say({"type": "ping", "sent": 1})
    await ann.frame("pong")


DATA: dict[str, dict[str, Any]] = {
    "set-presence": {"state": "ready"},
    "accept": {},
    "reject": {},
    "hang-up": {},
    "hold": {},
    "retrieve": {},
    "transfer": {"queue_id": "q-support"},
    "transfer-queues": {},
    "extend-wrap-up": {},
    "save-note": {"text": "mine now"},
    "finish-wrap-up": {"disposition": "solved"},
    "choose-person": {"person_id": "p-1"},
    "create-person": {"name": "Eve"},
    "create-ticket": {"subject": "Router"},
    "why": {},
}
OF_INTERACTION = [name for name in COMMANDS if name != "set-presence"]


def test_every_command_is_tried_here() -> None:
    assert set(DATA) == set(COMMANDS)


@pytest.mark.parametrize("name", OF_INTERACTION)
async def test_another_agents_interaction_does_not_exist(site: Site, name: str) -> None:
    item = site.desk.room.call()
    site.desk.room.connect(item)
    acts = list(site.desk.room.telephony.acts)
    bob = await site.page("bob")
    code = await bob.refused(name, {"interaction_id": item.interaction_id, **DATA[name]})
    assert code == ("forbidden" if name == "why" else "not-found")
    assert site.desk.room.telephony.acts == acts
    assert (await site.desk.one(store.segments))["note"] == ""
    ann = await site.desk.rooms.customers.list_people(SYSTEM, Paging())
    assert [person.name for person in ann.items] == []


async def test_a_right_that_is_missing(site: Site) -> None:
    sup = await site.page("sup", "live")
    assert await sup.refused("create-ticket", {"interaction_id": "x", "subject": "s"}) == "not-found"
    ann = await site.page("ann")
    assert await ann.refused("why", {"interaction_id": "x"}) == "forbidden"


async def test_a_whole_call_by_commands(site: Site) -> None:
    room = site.desk.room
    ann = await site.page("ann")
    item = room.call()
    one = {"interaction_id": item.interaction_id}
    assert (await ann.command("accept", one))["ok"]
    leg = room.connect(item)
    saved = await ann.command("save-note", {**one, "text": "router"})
    assert saved["data"]["saved_at"]
    person = await ann.command("create-person", {**one, "name": "Ada", "organisation": "Nordlicht"})
    assert item.person_id == person["data"]["person_id"]
    ticket = await ann.command("create-ticket", {**one, "subject": "Router drops"})
    assert ticket["data"]["ticket"]["number"]
    assert (await ann.command("hang-up", one))["ok"]
    room.part(item, leg, first=leg)
    room.leg_ends(leg)
    room.leg_ends(CALLER)
    assert (await ann.command("extend-wrap-up", one))["ok"]
    assert await ann.refused("finish-wrap-up", one) == "disposition-needed"
    assert (await ann.command("finish-wrap-up", {**one, "disposition": "solved", "note": "done"}))["ok"]
    await ann.say({"type": "ping", "sent": 1})
    await ann.frame("pong")
    assert set(ann.slots) == {"settings", "me"}
    row = await site.desk.one(store.segments)
    assert (row["note"], row["disposition"]) == ("done", "solved")


async def test_why_on_the_live_page(site: Site) -> None:
    item = site.desk.room.call(skills={"none": 1})
    sup = await site.page("sup", "live")
    reply = await sup.command("why", {"interaction_id": item.interaction_id})
    assert reply["data"]["why"]["state"] == "waiting"
    assert reply["data"]["why"]["place"] == 1


async def test_commands_of_a_page_take_effect_in_the_order_of_their_coming(site: Site) -> None:
    """Each note waits for threads and commits of its own; the last one typed is the one that stays."""
    ann = await site.page("ann")
    item = site.desk.room.call()
    site.desk.room.connect(item)
    for number in range(12):
        data = {"interaction_id": item.interaction_id, "text": f"version {number}"}
        await ann.say({"type": "command", "id": str(number), "name": "save-note", "data": data})
    answered = [(await ann.frame("reply"))["id"] for _ in range(12)]
    assert answered == [str(number) for number in range(12)]
    assert (await site.desk.one(store.segments))["note"] == "version 11"


async def test_a_fault_of_ours_is_a_code_without_a_traceback(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(OwnWork, "accept", broken)
    ann = await site.page("ann")
    reply = await ann.command("accept", {"interaction_id": "x"})
    assert reply["error"]["code"] == "internal"
    assert "secret" not in json.dumps(reply)


async def test_too_many_at_once_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()

    async def slow(*_: Any) -> None:
        await gate.wait()

    monkeypatch.setattr(AgentService, "set_presence", slow)
    ann = await site.page("ann")
    for number in range(socket_module.MAX_UNDER_WAY + 1):
        await ann.say({"type": "command", "id": str(number), "name": "set-presence", "data": {"state": "ready"}})
    refused = await ann.frame("reply")
    assert (refused["id"], refused["error"]["code"]) == (str(socket_module.MAX_UNDER_WAY), "rate-limited")
    gate.set()
    for _ in range(socket_module.MAX_UNDER_WAY):
        assert (await ann.frame("reply"))["ok"]


# ------------------------------------------------------------------ the end of a session


async def test_a_revoked_session_stops_at_its_next_command(site: Site) -> None:
    ann = await site.page("ann")
    item = site.desk.room.call()
    identity = await site.desk.rooms.principals.by_session(ann.token)
    await site.desk.rooms.users.sign_out(identity.principal, identity.session_id)
    await ann.say({"type": "command", "id": "1", "name": "accept", "data": {"interaction_id": item.interaction_id}})
    assert await ann.closed() == ("signed-out", protocol.CLOSE_SIGNED_OUT)
    assert ("connect", item.alert.reservation_id if item.alert else "") not in site.desk.room.telephony.acts


async def test_signed_out_elsewhere(site: Site) -> None:
    ann = await site.page("ann")
    identity = await site.desk.rooms.principals.by_session(ann.token)
    site.hub.close_credential(identity.session_id)
    assert await ann.closed() == ("signed-out", protocol.CLOSE_SIGNED_OUT)


async def test_a_session_that_ended_unheard_ends_the_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired, say: nobody tells, and this page sends no command."""
    monkeypatch.setattr(socket_module, "ASK_EVERY", 0.05)
    ann, bob = await site.page("ann"), await site.page("bob")
    identity = await site.desk.rooms.principals.by_session(ann.token)
    await site.desk.rooms.users.sign_out(identity.principal, identity.session_id)
    assert await ann.closed() == ("signed-out", protocol.CLOSE_SIGNED_OUT)
    await bob.say({"type": "ping", "sent": 1})
    await bob.frame("pong")


async def test_rights_that_changed_take_effect_on_an_open_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "ASK_EVERY", 0.05)
    monkeypatch.setattr(principals_module, "FRESH_TIME", -1.0)
    rooms = site.desk.rooms
    sup = await site.page("sup", "live")
    shown = {key for key in sup.slots if key.startswith("agent:")}
    assert len(shown) == 2
    (team,) = await rooms.agents.list_teams(SYSTEM)
    await rooms.agents.save_team(SYSTEM, team.name, frozenset(), team.team_id)
    while any(key.startswith("agent:") for key in sup.slots):
        await sup.frame("changes")


async def test_a_second_tab_closes_the_first(site: Site) -> None:
    first = await site.page("ann")
    second = await site.connect("ann")
    await second.say({**HELLO, "instance": "tab-2"})
    await second.frame("snapshot")
    assert await first.closed() == ("replaced", protocol.CLOSE_REPLACED)


async def test_a_page_that_never_reads_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its buffers are full, so not even the goodbye gets through: the connection is ended, nobody waits."""
    monkeypatch.setattr(socket_module, "CLOSE_TIME", 0.1)
    monkeypatch.setattr(hub_module, "OUTBOX", 32)
    token = await site.token("ann")
    address = ("127.0.0.1", int(site.server.port or 0))
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, address)
    request = (
        f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\nOrigin: http://127.0.0.1:{address[1]}\r\n"
        f"Cookie: {SESSION_COOKIE}={token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    hello = json.dumps(HELLO).encode()
    frame = bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello  # a mask of zeros
    await loop.sock_sendall(raw, frame)
    async with asyncio.timeout(10):
        while not site.hub.pages:
            await asyncio.sleep(0.01)
        (page,) = site.hub.pages
        number = 0
        while not page.goodbye:
            number += 1
            page.send(protocol.Changes(number, number - 1, {"me": "x" * 100_000}))
            await asyncio.sleep(0)
        while site.hub.pages:
            await asyncio.sleep(0.01)
    assert page.goodbye == "slow"
    raw.close()
