"""Each resource once through its life, as the pages use it."""

import pytest

from contactcenter.core.errors import Unavailable
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM


async def test_people(site):
    ines = site.browsers["ines"]
    body = {
        "name": "Marta Köhler",
        "organisation": "Nordlicht GmbH",
        "numbers": ["030 901820"],
        "emails": ["m@n.example"],
    }
    made = (await ines("POST", "/api/v1/people", body, status=201)).data
    assert made["numbers"] == [{"number": "+4930901820", "extension": "", "display": "+49 30 901820"}]
    assert made["organisation"]["name"] == "Nordlicht GmbH"
    changed = (
        await ines("PATCH", f"/api/v1/people/{made['id']}", {"is_vip": True, "heed": "Call back"}, status=200)
    ).data
    assert changed == made | {"is_vip": True, "heed": "Call back"}
    assert (await ines("GET", f"/api/v1/people/{made['id']}", status=200)).data == changed
    found = (await ines("GET", "/api/v1/people", params={"q": "+49 30 901820"}, status=200)).data
    assert found == {"items": [changed], "next": None}
    companies = (await ines("GET", "/api/v1/organisations", params={"q": "nordl"}, status=200)).data["items"]
    assert companies == [made["organisation"]]
    wrong = await ines("POST", "/api/v1/people", {"name": "X", "numbers": ["hello"]}, status=400)
    assert wrong.data["error"]["fields"] == {"numbers": "not-a-number"}


async def test_lists_come_in_pages(site):
    ines = site.browsers["ines"]
    for name in "ABCDE":
        await ines("POST", "/api/v1/people", {"name": name}, status=201)
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await ines("GET", "/api/v1/people", params=query, status=200)).data
        seen += [person["name"] for person in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == (list("ABCDE"), None)


async def test_tickets(site):
    policy = {"name": "Gold", "first_reply_time": 3600, "solve_time": 7200.5, "is_default": True}
    gold = (await site.browsers["admin"]("POST", "/api/v1/sla-policies", policy, status=201)).data
    ines = site.browsers["ines"]
    body = {"subject": "VPN drops", "interaction_id": "01hcall", "note": "first\nsecond"}
    await ines("POST", "/api/v1/tickets", body, status=404)

    async def reach(principal, interaction_id):
        assert interaction_id == "01hcall"

    site.tickets.reach = reach
    made = (await ines("POST", "/api/v1/tickets", body, status=201)).data
    assert (made["number"], made["policy_id"], made["due_kind"]) == (10001, gold["id"], "reply")
    assert (made["opened_at"], made["due_at"]) == ("2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z")
    patch = {"note": "We are on it", "is_reply": True, "state": "pending"}
    changed = (await ines("PATCH", f"/api/v1/tickets/{made['id']}", patch, status=200)).data
    assert (changed["state"], changed["due_kind"], changed["due_at"]) == (
        "pending",
        "solve",
        "2026-01-05T11:00:00.500Z",
    )
    whole = (await ines("GET", f"/api/v1/tickets/{made['id']}", status=200)).data
    assert [(n["text"], n["is_reply"]) for n in whole["notes"]] == [("first\nsecond", False), ("We are on it", True)]
    for query in ({"state": "pending"}, {"q": "vpn"}, {"interaction_id": "01hcall"}, {"order": "due"}):
        items = (await ines("GET", "/api/v1/tickets", params=query, status=200)).data["items"]
        assert [{name: one[name] for name in changed} for one in items] == [changed], query
    conflict = await ines("PATCH", f"/api/v1/tickets/{made['id']}", {"state": "closed"}, status=409)
    assert conflict.data["error"] == {"code": "ticket-state", "fields": {"state": "pending"}}


async def test_an_agent_takes_one_call_at_a_time(site):
    user = (await site.browsers["admin"]("GET", "/api/v1/agents", status=200)).data["items"][0]
    for voice, status in ((1, 200), (2, 400), (0, 400)):
        path = f"/api/v1/agents/{user['id']}"
        answer = await site.browsers["admin"]("PATCH", path, {"capacity": {"voice": voice}}, status=status)
    assert answer.data["error"]["code"] == "invalid"
    assert set(answer.data["error"]["fields"]) == {"capacity.voice"}


@pytest.mark.parametrize("field", ["subject", "state", "note"])
async def test_a_patch_with_null_is_refused(site, field):
    made = (await site.browsers["ines"]("POST", "/api/v1/tickets", {"subject": "X"}, status=201)).data
    await site.browsers["ines"]("PATCH", f"/api/v1/tickets/{made['id']}", {field: None}, status=400)


async def test_agents(site):
    admin = site.browsers["admin"]
    user = {"login": "new", "name": "New One", "role": "agent", "password": "a long password"}
    user_id = (await admin("POST", "/api/v1/users", user, status=201)).data["id"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "routers", "label": "Routers"}, status=201)).data
    body = {
        "user_id": user_id,
        "name": "New One",
        "extension": "1500",
        "skills": {skill["id"]: 3},
        "kind": "desk",
        "contact_uri": "sip:1500@127.0.0.1:5090",
        "mode": "auto",
    }
    made = (await admin("POST", "/api/v1/agents", body, status=201)).data
    assert (made["initials"], made["skills"], made["device"]["endpoint"]) == ("NO", {skill["id"]: 3}, "agent-1500")
    changed = (
        await admin("PATCH", f"/api/v1/agents/{made['id']}", {"extension": "1501", "skills": {}}, status=200)
    ).data
    assert (changed["device"]["endpoint"], changed["skills"], changed["name"]) == ("agent-1501", {}, "New One")
    taken = await admin("PATCH", f"/api/v1/agents/{made['id']}", {"extension": "1001"}, status=409)
    assert taken.data["error"]["code"] == "extension-taken"
    hostile = await admin("PATCH", f"/api/v1/agents/{made['id']}", {"contact_uri": "sip:1@h;x=y"}, status=400)
    assert hostile.data["error"]["fields"] == {"contact_uri": "not-a-sip-address"}
    assert [s["name"] for s in (await site.browsers["ines"]("GET", "/api/v1/skills", status=200)).data] == ["routers"]


async def test_presence(site):
    admin, ines = site.browsers["admin"], site.browsers["ines"]
    await admin("PUT", "/api/v1/not-ready-reasons/break", {"label": "Break", "position": 1}, status=200)
    path = f"/api/v1/agents/{site.ines.agent_id}/presence"
    await ines("PUT", path, {"state": "not-ready", "reason": "break"}, status=204)
    await site.browsers["sofia"]("PUT", path, {"state": "offline"}, status=204)
    assert [(state, reason) for _, state, reason, _ in site.presence.orders] == [
        ("not-ready", "break"),
        ("offline", ""),
    ]
    missing = await ines("PUT", path, {"state": "not-ready"}, status=400)
    assert missing.data["error"]["code"] == "reason-needed"
    await ines("PUT", path, {"state": "asleep"}, status=400)
    await admin("PUT", "/api/v1/not-ready-reasons/Not%20A%20Code", {"label": "X"}, status=404)
    await admin("PUT", "/api/v1/not-ready-reasons/UPPER", {"label": "X"}, status=400)


async def test_queues(site):
    admin = site.browsers["admin"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "german", "label": "German"}, status=201)).data["id"]
    outcomes = [{"code": "solved", "label": "Solved on the call"}]
    made = (
        await admin(
            "POST", "/api/v1/queues", {"name": "Support", "skills": {skill: 2}, "dispositions": outcomes}, status=201
        )
    ).data
    assert made["dispositions"] == [{"code": "solved", "label": "Solved on the call", "is_active": True}]
    assert (made["target_time"], made["goal"], made["skills"]) == (20.0, 80, {skill: 2})
    changed = (await admin("PATCH", f"/api/v1/queues/{made['id']}", {"ring_time": 15}, status=200)).data
    assert changed == made | {"ring_time": 15.0, "version": 2}
    assert (await site.browsers["ines"]("GET", "/api/v1/queues", status=200)).data == [changed]
    await admin("PATCH", f"/api/v1/queues/{made['id']}", {"ring_time": 1}, status=400)
    await admin("PUT", "/api/v1/dialed-numbers/+4930901820", {"flow": "support"}, status=200)
    assert (await admin("GET", "/api/v1/dialed-numbers", status=200)).data == [
        {"number": "+4930901820", "flow": "support"}
    ]
    await admin("DELETE", "/api/v1/dialed-numbers/+4930901820", status=204)
    await admin("DELETE", "/api/v1/dialed-numbers/+4930901820", status=404)


async def test_the_rules_of_a_queue(site):
    admin = site.browsers["admin"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "german", "label": "German"}, status=201)).data["id"]
    team = (await admin("POST", "/api/v1/teams", {"name": "North"}, status=201)).data["id"]
    other = (await admin("POST", "/api/v1/queues", {"name": "Other"}, status=201)).data["id"]
    rules = {
        "order": "aging",
        "aging": 30.0,
        "late_after": None,
        "late_guard": 300.0,
        "weight": 2.5,
        "agent_rule": "most-skilled",
        "idle_guard": 4.0,
        "preferred_wait": 45.0,
        "vip_reserve": 2,
        "any_of": [{skill: 2}],
        "teams": [team],
        "preferred": {skill: 9},
        "steps": [
            {"after": 10.0, "levels": {skill: 0}, "teams": [], "any_team": False},
            {"after": 60.0, "levels": {}, "teams": [team], "any_team": True},
        ],
        "interrupts": ["chat"],
        "value_steps": [{"value": 1000.0, "points": 3}],
        "hours": {"timezone": "Europe/Berlin", "week": {"mon": ["08:00-17:30"]}, "holidays": ["12-25"]},
        "when_closed": {"queue_id": other, "flow": ""},
        "max_waiting": 3,
        "when_full": {"queue_id": None, "flow": "busy"},
        "max_wait": 600.0,
        "when_too_long": {"queue_id": None, "flow": "busy"},
        "when_nobody": {"queue_id": other, "flow": ""},
        "nobody_after": 5.0,
        "announce_every": 20.0,
        "announce": "wait",
    }
    made = (await admin("POST", "/api/v1/queues", {"name": "Support"}, status=201)).data
    path = f"/api/v1/queues/{made['id']}"
    changed = (await admin("PATCH", path, rules, status=200)).data
    assert changed == made | rules | {"version": 2}
    assert (await admin("PATCH", path, {"goal": 70}, status=200)).data == changed | {"goal": 70, "version": 3}
    wrong = {
        "weight": 0,
        "order": "random",
        "vip_reserve": -1,
        "late_after": "soon",
        "steps": [{"after": 0}, {"after": 5, "levels": {skill: 11}, "more": 1}],
        "value_steps": [{"value": -1, "points": 1}],
        "any_of": [{skill: 0}],
        "announce_every": 601,
        "announce": "weather",
    }
    refused = (await admin("PATCH", path, wrong, status=400)).data["error"]["fields"]
    assert {place.partition(".")[0] for place in refused} == set(wrong)
    said = {"interrupts": ["voice"], "teams": ["none"], "steps": [{"after": 5.0}]}
    said |= {"hours": {"timezone": "UTC", "week": {"mon": ["8-17"]}}, "when_full": {"queue_id": made["id"]}}
    said |= {"announce_every": 5}  # neither off nor seldom enough
    assert (await admin("PATCH", path, said, status=400)).data["error"]["fields"] == {
        "interrupts": "voice-never",
        "teams": "unknown-team",
        "steps.0": "empty",
        "hours.week.mon": "bad-hours",
        "when_full.queue_id": "the-same-queue",
        "announce_every": "out-of-range",
    }
    versions = (await admin("GET", f"{path}/history", params={"limit": "2"}, status=200)).data
    assert [(one["version"], one["change"], one["fields"]) for one in versions["items"]] == [
        (3, "updated", ["goal"]),
        (2, "updated", sorted(rules)),
    ]
    assert versions["items"][1]["settings"] == changed
    restored = (await admin("POST", f"{path}/restore", {"version": 1}, status=200)).data
    assert restored == made | {"version": 4}
    await admin("POST", f"{path}/restore", {"version": 99}, status=404)
    await admin("POST", f"{path}/restore", {"version": "1"}, status=400)
    await site.browsers["ines"]("GET", f"{path}/history", status=403)
    await site.browsers["sofia"]("POST", f"{path}/restore", {"version": 1}, status=403)


async def test_a_preview_of_unsaved_rules(site):
    admin = site.browsers["admin"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "german", "label": "German"}, status=201)).data["id"]
    await admin("PATCH", f"/api/v1/agents/{site.ines.agent_id}", {"skills": {skill: 3}}, status=200)
    rules = {"skills": {skill: 2}, "steps": [{"after": 30, "levels": {skill: 0}}]}
    path = "/api/v1/queues/preview"
    first, second = (await admin("POST", path, rules, status=200)).data
    assert first == {
        "after": 0.0,
        "requirement": {"skills": {skill: 2}, "any_of": [], "teams": []},
        "matching": 1,
        "agents": [{"id": site.ines.agent_id, "name": "Ines"}],
        "passed": [{"reason": "skill", "name": skill, "level": 2, "agents": 1}],
    }
    assert (second["after"], second["matching"], second["passed"]) == (30.0, 2, [])
    assert (await admin("POST", path, {**rules, "medium": "chat"}, status=200)).data[1]["matching"] == 0
    await admin("POST", path, {"queue_id": "none"}, status=404)
    await admin("POST", path, {"medium": "fax"}, status=400)
    assert (await admin("GET", "/api/v1/queues", status=200)).data == []


async def test_agents_are_searched(site):
    admin, sofia = site.browsers["admin"], site.browsers["sofia"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "german", "label": "German"}, status=201)).data["id"]
    await admin("PATCH", f"/api/v1/agents/{site.ines.agent_id}", {"skills": {skill: 3}}, status=200)

    async def found(who, **query):
        return [one["name"] for one in (await who("GET", "/api/v1/agents", params=query, status=200)).data["items"]]

    assert await found(admin) == ["Chen", "Ines"]
    assert await found(admin, q="ine") == await found(admin, skill_id=skill) == ["Ines"]
    assert await found(sofia, q="chen") == []
    await admin("GET", "/api/v1/agents", params={"team_id": "a b"}, status=400)
    await admin("GET", "/api/v1/agents", params={"name": "x"}, status=400)


async def test_routing_profiles(site):
    admin, ines = site.browsers["admin"], site.browsers["ines"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "german", "label": "German"}, status=201)).data["id"]
    queue = (await admin("POST", "/api/v1/queues", {"name": "Support"}, status=201)).data["id"]
    values = {"name": "Seniors", "skills": {skill: 5}, "queues": {queue: {"order": 1, "delay": 30.0}}}
    made = (await admin("POST", "/api/v1/routing-profiles", values, status=201)).data
    assert made == {"id": made["id"], **values, "capacity": {"voice": 1}, "version": 1}
    path = f"/api/v1/routing-profiles/{made['id']}"
    changed = (await admin("PATCH", path, {"queues": None, "capacity": {"chat": 4}}, status=200)).data
    assert changed == made | {"queues": None, "capacity": {"chat": 4}, "version": 2}
    assert (await ines("GET", path, status=200)).data == changed
    assert (await ines("GET", "/api/v1/routing-profiles", status=200)).data == [changed]
    agent = f"/api/v1/agents/{site.ines.agent_id}"
    given = {"profile_id": made["id"], "skills": {skill: 3}, "queues": {queue: {}}}
    told = (await admin("PATCH", agent, given, status=200)).data
    service = {queue: {"order": 0, "delay": 0.0}}
    assert (told["profile_id"], told["skills"], told["queues"], told["capacity"]) == (
        made["id"],
        {skill: 3},
        service,
        None,
    )
    assert told["effective"] == {"skills": {skill: 3}, "queues": service, "capacity": {"chat": 4}}
    refused = await admin("DELETE", path, status=409)
    assert refused.data["error"] == {"code": "profile-in-use", "fields": {"agents": 1}}
    restored = (await admin("POST", f"{path}/restore", {"version": 1}, status=200)).data
    assert restored == made | {"version": 3}
    versions = (await admin("GET", f"{path}/history", status=200)).data["items"]
    assert [(one["version"], one["settings"]) for one in versions] == [(3, restored), (2, changed), (1, made)]
    for method, place in (("POST", "/api/v1/routing-profiles"), ("PATCH", path), ("DELETE", path)):
        await ines(method, place, {"name": "X"} if method != "DELETE" else None, status=403)
    wrong = {"skills": {skill: 11}, "capacity": {"chat": 0}, "queues": {queue: {"delay": -1}}}
    fields = (await admin("PATCH", path, wrong, status=400)).data["error"]["fields"]
    assert {place.partition(".")[0] for place in fields} == set(wrong)
    await admin("PATCH", agent, {"profile_id": None}, status=200)
    await admin("DELETE", path, status=204)
    await admin("GET", path, status=404)


async def test_users(site):
    admin = site.browsers["admin"]
    user = {"login": "new", "name": "New One", "role": "agent", "password": "a long password"}
    made = (await admin("POST", "/api/v1/users", user, status=201)).data
    assert "password" not in str(made)
    changed = (await admin("PATCH", f"/api/v1/users/{made['id']}", {"role": "supervisor"}, status=200)).data
    assert changed == made | {"role": "supervisor"}
    logins = [u["login"] for u in (await admin("GET", "/api/v1/users", status=200)).data["items"]]
    assert logins == ["admin", "chen", "ines", "max", "new", "sofia"]
    assert (await admin("POST", "/api/v1/users", user, status=409)).data["error"]["code"] == "login-taken"


async def test_a_store_that_refuses_is_503_and_names_itself(site, monkeypatch):
    async def refuse(work):
        raise Unavailable("store-unavailable", {"reason": "disk full"})

    monkeypatch.setattr(site.database, "write", refuse)
    response = await site.browsers["ines"]("POST", "/api/v1/people", {"name": "X"}, status=503)
    assert response.data["error"]["code"] == "store-unavailable"
    monkeypatch.undo()
    assert (await site.customers.list_people(SYSTEM, Paging())).items == []
