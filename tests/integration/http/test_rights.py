import re
from dataclasses import replace

import pytest

from contactcenter.agents.model import DeviceKind
from contactcenter.core.permissions import ROLES, SYSTEM, Right
from contactcenter.core.web.routes import MOUNTED, Routes, undeclared

MATRIX = [
    ("GET", "/api/v1/agents", Right.AGENTS_READ),
    ("POST", "/api/v1/agents", Right.AGENTS_WRITE),
    ("POST", "/api/v1/skills", Right.AGENTS_WRITE),
    ("GET", "/api/v1/teams", Right.AGENTS_READ),
    ("POST", "/api/v1/teams", Right.AGENTS_WRITE),
    ("GET", "/api/v1/queues", Right.QUEUES_READ),
    ("POST", "/api/v1/queues", Right.QUEUES_WRITE),
    ("POST", "/api/v1/queues/preview", Right.AGENTS_READ),
    ("GET", "/api/v1/queues/x/history", Right.QUEUES_WRITE),
    ("POST", "/api/v1/queues/x/restore", Right.QUEUES_WRITE),
    ("GET", "/api/v1/routing-profiles", Right.QUEUES_READ),
    ("POST", "/api/v1/routing-profiles", Right.QUEUES_WRITE),
    ("DELETE", "/api/v1/routing-profiles/x", Right.QUEUES_WRITE),
    ("GET", "/api/v1/routing-profiles/x/history", Right.QUEUES_WRITE),
    ("POST", "/api/v1/routing-profiles/x/restore", Right.QUEUES_WRITE),
    ("DELETE", "/api/v1/dialed-numbers/1000", Right.QUEUES_WRITE),
    ("GET", "/api/v1/people", Right.CUSTOMERS_READ),
    ("POST", "/api/v1/people", Right.CUSTOMERS_WRITE),
    ("GET", "/api/v1/tickets", Right.TICKETS_READ),
    ("POST", "/api/v1/tickets", Right.TICKETS_WRITE),
    ("POST", "/api/v1/sla-policies", Right.QUEUES_WRITE),
    ("GET", "/api/v1/users", Right.USERS_READ),
    ("POST", "/api/v1/users", Right.USERS_WRITE),
    ("GET", "/api/v1/tokens", Right.TOKENS_WRITE),
    ("POST", "/api/v1/tokens", Right.TOKENS_WRITE),
    ("GET", "/api/v1/phone", Right.DESK),
    ("GET", "/api/v1/session", Right.SIGNED_IN),
    ("GET", "/api/v1/openapi.json", Right.SIGNED_IN),
]
LOGINS = {"ines": "agent", "sofia": "supervisor", "admin": "administrator"}


def routes_of(site):
    return site.client.app[MOUNTED].values()


async def test_no_route_is_outside_the_registry(site):
    assert undeclared(site.client.app) == []


async def test_a_route_added_behind_the_registry_s_back_is_found(rooms):
    async def stranger(request):
        raise AssertionError

    app = rooms.app()
    app.router.add_get("/backdoor", stranger)
    assert sorted(undeclared(app)) == ["GET /backdoor", "HEAD /backdoor"]


async def test_every_route_but_signing_in_denies_strangers(site):
    public = set()
    for route in routes_of(site):
        path = re.sub(r"\{(\w+)\}", "x", route.path)
        response = await site.browsers["nobody"](route.method, path, {} if route.body else None)
        if route.right is Right.PUBLIC:
            public.add(f"{route.method} {route.path}")
        else:
            assert response.status == 401, (route.method, route.path, response.status)
    assert public == {"POST /api/v1/session", "GET /broken-page"}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("method, path, right", MATRIX)
async def test_the_role_decides(site, login, method, path, right):
    response = await site.browsers[login](method, path, {} if method == "POST" else None)
    if right in ROLES[LOGINS[login]]:
        assert response.status not in {401, 403}
    else:
        assert response.status == 403
        assert response.data["error"] == {"code": "forbidden", "fields": {"right": right.value}}


async def test_every_route_is_refused_without_its_right(site):
    """Whoever holds every right but the route's own is refused, whatever the route."""
    admin = site.browsers["admin"]
    identity = await site.principals.by_session(admin.cookie)

    for route in routes_of(site):
        if route.right in {Right.PUBLIC, Right.SIGNED_IN}:
            continue
        rights = {r: s for r, s in identity.principal.rights.items() if r is not route.right}
        limited = replace(identity, principal=replace(identity.principal, rights=rights))

        async def by_session(token, limited=limited):
            return limited

        site.principals.by_session = by_session
        response = await admin(route.method, re.sub(r"\{(\w+)\}", "x", route.path), {} if route.body else None)
        assert response.status == 403, (route.method, route.path, response.status)


# ------------------------------------------------------------------ records of others


async def test_another_team_s_records_do_not_exist_by_any_verb(site):
    theirs = await site.tickets.open_ticket(site.chen, "theirs")
    ines, sofia = site.browsers["ines"], site.browsers["sofia"]
    for browser in (ines, sofia):
        await browser("GET", f"/api/v1/tickets/{theirs.ticket_id}", status=404)
        await browser("PATCH", f"/api/v1/tickets/{theirs.ticket_id}", {"state": "solved"}, status=404)
        await browser("PUT", f"/api/v1/agents/{site.chen.agent_id}/presence", {"state": "offline"}, status=404)
        assert (await browser("GET", "/api/v1/tickets", status=200)).data["items"] == []
        by_filter = await browser("GET", f"/api/v1/tickets?q={theirs.number}", status=200)
        assert by_filter.data["items"] == []
    await sofia("GET", f"/api/v1/agents/{site.chen.agent_id}", status=404)
    await site.browsers["chen"]("GET", f"/api/v1/tickets/{theirs.ticket_id}", status=200)
    await site.browsers["max"]("GET", f"/api/v1/tickets/{theirs.ticket_id}", status=200)
    assert (await site.tickets.get_ticket(SYSTEM, theirs.ticket_id))[0] == theirs
    assert site.presence.orders == []


async def test_another_s_session_does_not_exist(site):
    [mine] = (await site.browsers["ines"]("GET", "/api/v1/sessions", status=200)).data
    await site.browsers["chen"]("DELETE", f"/api/v1/sessions/{mine['id']}", status=404)
    await site.browsers["ines"]("GET", "/api/v1/session", status=200)


async def test_the_phone_s_password_is_told_to_its_agent_only(site):
    own = (await site.browsers["ines"]("GET", "/api/v1/phone", status=200)).data
    assert own["uri"] == "sip:agent-1001@127.0.0.1"
    assert len(own["password"]) >= 32
    await site.browsers["sofia"]("GET", "/api/v1/phone", status=404)
    for path in ("/api/v1/agents", f"/api/v1/agents/{site.ines.agent_id}"):
        response = await site.browsers["admin"]("GET", path, status=200)
        assert own["password"] not in str(response.data)
    await site.agents.update_agent(SYSTEM, site.ines.agent_id, {"kind": DeviceKind.DESK})
    await site.browsers["ines"]("GET", "/api/v1/phone", status=404)


@pytest.mark.parametrize(
    "path, body, extra",
    [
        ("people", {"name": "X"}, {"team_id": "t"}),
        ("people", {"name": "X"}, {"id": "t"}),
        ("people", {"name": "X"}, {"created_at": 1}),
        ("tickets", {"subject": "X"}, {"assignee_id": "u"}),
        ("tickets", {"subject": "X"}, {"team_id": "u"}),
        ("tickets", {"subject": "X"}, {"number": 1}),
        ("tickets", {"subject": "X"}, {"opened_by": "u"}),
        ("tickets", {"subject": "X"}, {"solve_due_at": "2030-01-01T00:00:00Z"}),
    ],
)
async def test_nobody_assigns_what_is_not_his_to_assign(site, path, body, extra):
    response = await site.browsers["ines"]("POST", f"/api/v1/{path}", body | extra, status=400)
    assert response.data["error"] == {"code": "invalid", "fields": dict.fromkeys(extra, "extra-forbidden")}
    made = await site.browsers["ines"]("POST", f"/api/v1/{path}", body, status=201)
    await site.browsers["ines"]("PATCH", f"/api/v1/{path}/{made.data['id']}", extra, status=400)


async def test_an_administrator_cannot_write_hashes_or_foreign_ids(site):
    for extra in ({"password_hash": "x"}, {"id": "x"}, {"login": "x"}):
        await site.browsers["admin"]("PATCH", f"/api/v1/users/{site.ines.user_id}", extra, status=400)
    for extra in ({"secret": "x"}, {"endpoint": "x"}, {"server_id": "x"}, {"user_id": "x"}, {"presence": {}}):
        await site.browsers["admin"]("PATCH", f"/api/v1/agents/{site.ines.agent_id}", extra, status=400)


def test_a_route_is_declared_once():
    routes = Routes()

    async def handler(call):
        return None

    routes.get("/x", right=Right.PUBLIC)(handler)
    with pytest.raises(ValueError, match="twice"):
        routes.get("/x", right=Right.DESK)(handler)


def test_a_route_without_a_right_cannot_be_declared():
    with pytest.raises(TypeError):
        Routes().get("/x")
