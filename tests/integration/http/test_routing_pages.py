"""Pages of routing: who may open which, and where they lead in the navigation."""

import re

import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.http.conftest import Browser
from tests.rig.rooms import PASSWORD
from tests.rig.routing_site import routing_app

READ = ["/queues", "/queues/q-1", "/profiles", "/profiles/p-1"]
AGENTS = ["/agents", "/agents/a-1", "/skills"]
NEW = ["/queues/new", "/profiles/new"]


@pytest.fixture
async def open_as(rooms):
    await rooms.user("admin", "administrator")
    await rooms.user("sofia", "supervisor")
    await rooms.agent("ines", "1001")
    app = routing_app(rooms)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:

        async def opened(login, path, status=200):
            token = (await rooms.users.sign_in(login, PASSWORD, address="127.0.0.1")).token if login else ""
            return await Browser(client, token)("GET", path, status=status)

        yield opened


@pytest.mark.parametrize("path", [*READ, *AGENTS, *NEW])
async def test_strangers_are_led_to_sign_in(open_as, path):
    response = await open_as("", path, 303)
    assert response.headers["Location"] == f"/login?next={path}"


@pytest.mark.parametrize(
    ("login", "may", "may_not"),
    [("admin", [*READ, *AGENTS, *NEW], []), ("sofia", [*READ, *AGENTS], NEW), ("ines", READ, [*AGENTS, *NEW])],
)
async def test_each_page_asks_for_its_right(open_as, login, may, may_not):
    for path in may:
        assert 'data-testid="view"' in (await open_as(login, path)).data
    for path in may_not:
        await open_as(login, path, 403)


@pytest.mark.parametrize(("login", "is_there"), [("admin", True), ("sofia", True), ("ines", False)])
async def test_who_plans_routing_finds_it_in_the_navigation(open_as, login, is_there):
    page = (await open_as(login, "/tickets")).data
    assert ('href="/queues"' in page) is is_there


async def test_a_page_knows_what_its_user_may(open_as):
    found = re.search(r'data-may="([^"]*)"', (await open_as("sofia", "/queues")).data)
    assert found is not None
    assert set(found[1].split()) == {"interactions:read", "interactions:write", "queues:read", "agents:read"}


@pytest.mark.parametrize("path", [*READ, *AGENTS, *NEW])
async def test_every_page_of_routing_marks_its_place(open_as, path):
    page = (await open_as("admin", path)).data
    assert len(re.findall(r'href="/queues"\s+data-place="queues"\s+aria-current="page"', page)) == 2
