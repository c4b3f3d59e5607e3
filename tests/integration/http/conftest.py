import json

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from contactcenter.core.permissions import SYSTEM, Right
from contactcenter.core.web.routes import Routes
from tests.rig.rooms import PASSWORD, open_rooms

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Browser:
    """A client with the session of one user, on our own pages unless told otherwise."""

    def __init__(self, client, cookie=""):
        self.client = client
        self.cookie = cookie

    async def __call__(self, method, path, body=None, *, status=None, headers=None, **options):
        sent = dict(SAME_ORIGIN)
        if self.cookie:
            sent["Cookie"] = f"cc_session={self.cookie}"
        if body is not None:
            options["data"] = json.dumps(body)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        sent = {name: value for name, value in sent.items() if value is not None}
        response = await self.client.request(method, path, headers=sent, allow_redirects=False, **options)
        text = await response.text()
        response.data = json.loads(text) if response.content_type == "application/json" else text
        if status is not None:
            assert response.status == status, (response.status, response.data)
        return response


def faulty_routes():
    routes = Routes()

    @routes.get("/api/v1/broken", right=Right.SIGNED_IN, returns=dict)
    async def break_down(call):
        raise RuntimeError("secret detail of the machine room")

    @routes.page("/page", right=Right.SIGNED_IN)
    async def show_page(call):
        raise AssertionError("never reached without a session")

    @routes.page("/broken-page", right=Right.PUBLIC)
    async def break_page(call):
        raise RuntimeError("secret detail of the machine room")

    @routes.socket("/ws", right=Right.DESK)
    async def open_socket(call):
        socket = web.WebSocketResponse()
        await socket.prepare(call.request)
        await socket.send_str(call.principal.login)
        await socket.close()
        return socket

    return routes


@pytest.fixture
async def rooms(tmp_path):
    async with open_rooms(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(rooms):
    app = rooms.app(extra=faulty_routes())
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
async def site(rooms, client):
    """An administrator, and two teams with a supervisor and an agent each; everybody signed in."""
    sofia, max_ = await rooms.user("sofia", "supervisor"), await rooms.user("max", "supervisor")
    hamburg = await rooms.agents.save_team(SYSTEM, "Hamburg", frozenset({sofia.user_id}))
    berlin = await rooms.agents.save_team(SYSTEM, "Berlin", frozenset({max_.user_id}))
    rooms.admin = await rooms.user("admin", "administrator")
    rooms.ines = await rooms.agent("ines", "1001", hamburg.team_id)
    rooms.chen = await rooms.agent("chen", "1002", berlin.team_id)
    rooms.sofia = await rooms.principal(sofia.user_id)
    rooms.browsers = {"nobody": Browser(client)}
    for login in ("admin", "sofia", "max", "ines", "chen"):
        signed = await rooms.users.sign_in(login, PASSWORD, address="127.0.0.1")
        rooms.browsers[login] = Browser(client, signed.token)
    rooms.client = client
    return rooms
