from dataclasses import replace

import pytest

from contactcenter.agents.model import (
    AgentChanged,
    AgentFilters,
    AgentSettings,
    DeviceKind,
    DeviceMode,
    NotReadyReason,
    PresenceState,
    check_contact_uri,
    initials,
)
from contactcenter.agents.service import NewAgent, agent_settings, save_presence
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from contactcenter.core.ids import ServerId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Right, Scope
from routing.commands import Service
from tests.rig.rooms import as_role


@pytest.fixture
async def floor(rooms):
    """Two teams with an agent each, and Hamburg's supervisor."""
    sofia = await rooms.user("sofia", "supervisor")
    hamburg = await rooms.agents.save_team(SYSTEM, "Hamburg", frozenset({sofia.user_id}))
    berlin = await rooms.agents.save_team(SYSTEM, "Berlin", frozenset())
    await rooms.agents.save_reason(SYSTEM, NotReadyReason("break", "Break", 1))
    await rooms.agents.save_reason(SYSTEM, NotReadyReason("old", "Old", 2, is_active=False))
    rooms.hamburg, rooms.berlin = hamburg.team_id, berlin.team_id
    rooms.ines = await rooms.agent("ines", "1001", hamburg.team_id)
    rooms.chen = await rooms.agent("chen", "1002", berlin.team_id)
    rooms.sofia = await rooms.principal(sofia.user_id)
    return rooms


async def test_a_new_agent_has_an_endpoint_a_secret_and_is_offline(floor):
    agent = await floor.agents.own_agent(floor.ines)
    assert (agent.device.endpoint, agent.device.server_id) == ("agent-1001", "pbx1")
    assert len(agent.device.secret) >= 32
    assert agent.presence.state is PresenceState.OFFLINE
    assert "secret" not in repr(agent.device)


async def test_two_agents_never_share_a_secret(floor):
    agents = await floor.database.read(floor.agents.load_all)
    assert len({agent.device.secret for agent in agents}) == 2


async def test_creating_is_one_commit_with_its_event_and_actor(floor):
    admin = await floor.user("admin", "administrator")
    user = await floor.user("new")
    made = await floor.agents.create_agent(admin, NewAgent(user.user_id, "New", "1009"))
    assert (AgentChanged(made.agent_id, "created"), admin.user_id) in await floor.events("agent-changed")


async def test_a_refused_creation_leaves_no_row_and_no_event(floor):
    before = await floor.events()
    with pytest.raises(Conflict, match="user-is-agent"):
        await floor.agents.create_agent(SYSTEM, NewAgent(floor.ines.user_id, "Twin", "1009"))
    with pytest.raises(Invalid):
        await floor.agents.create_agent(SYSTEM, NewAgent("nobody", "Ghost", "1009"))
    assert await floor.events() == before
    assert len(await floor.database.read(floor.agents.load_all)) == 2


@pytest.mark.parametrize("extension", ["", "1", "abc", "10 01", "1001;", "1001\n", "٣٣٣٣", "12345678901"])
async def test_only_digits_are_an_extension(floor, extension):
    user = await floor.user("new")
    with pytest.raises(Invalid) as caught:
        await floor.agents.create_agent(SYSTEM, NewAgent(user.user_id, "New", extension))
    assert caught.value.fields == {"extension": "not-an-extension"}


async def test_an_extension_names_one_agent(floor):
    with pytest.raises(Conflict, match="extension-taken"):
        await floor.agents.update_agent(SYSTEM, floor.chen.agent_id, {"extension": "1001"})


async def test_a_new_extension_renames_the_endpoint_and_keeps_the_secret(floor):
    before = await floor.agents.own_agent(floor.ines)
    after = await floor.agents.update_agent(SYSTEM, floor.ines.agent_id, {"extension": "2001", "mode": DeviceMode.AUTO})
    assert after.device == replace(before.device, endpoint="agent-2001", mode=DeviceMode.AUTO)


async def test_skills_are_replaced_whole_and_checked(floor):
    routers = await floor.agents.save_skill(SYSTEM, "routers", "Routers")
    changed = await floor.agents.update_agent(SYSTEM, floor.ines.agent_id, {"skills": {routers.skill_id: 3}})
    assert changed.skills == {routers.skill_id: 3}
    for skills, code in (({"none": 1}, "unknown-skill"), ({routers.skill_id: 11}, "level-out-of-range")):
        with pytest.raises(Invalid) as caught:
            await floor.agents.update_agent(SYSTEM, floor.ines.agent_id, {"skills": skills})
        assert caught.value.fields == {"skills": code}
    assert (await floor.agents.update_agent(SYSTEM, floor.ines.agent_id, {"skills": {}})).skills == {}


async def test_fields_that_are_not_for_changing_are_refused(floor):
    for field in ("agent_id", "user_id", "site_id", "device", "presence", "secret"):
        with pytest.raises(Invalid) as caught:
            await floor.agents.update_agent(SYSTEM, floor.ines.agent_id, {field: "x"})
        assert caught.value.fields == {field: "extra-forbidden"}


async def test_a_supervisor_sees_his_team_and_no_other(floor):
    page = await floor.agents.list_agents(floor.sofia, Paging())
    assert [agent.name for agent in page.items] == ["Ines"]
    with pytest.raises(NotFound):
        await floor.agents.get_agent(floor.sofia, floor.chen.agent_id)
    assert (await floor.agents.get_agent(floor.sofia, floor.ines.agent_id)).team_name == "Hamburg"


async def test_lists_go_on_where_the_page_ended(floor):
    first = await floor.agents.list_agents(SYSTEM, Paging(1))
    second = await floor.agents.list_agents(SYSTEM, Paging(1, first.next))
    assert [agent.name for agent in [*first.items, *second.items]] == ["Chen", "Ines"]
    assert second.next is None


@pytest.fixture
async def many(rooms):
    """Eleven agents in two teams, some with a skill of their own, some by a profile."""
    german = (await rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    english = (await rooms.agents.save_skill(SYSTEM, "english", "English")).skill_id
    north = (await rooms.agents.save_team(SYSTEM, "Östersund", frozenset())).team_id
    seniors = (await rooms.profiles.create_profile(SYSTEM, {"name": "Seniors", "skills": {german: 5}})).profile_id
    for number in range(10):
        made = await rooms.agent(
            f"a{number}",
            f"10{number:02}",
            north if number % 2 else None,
            skills={english: 3} if number in (1, 2, 3) else {german: 1} if number == 4 else {},
            profile_id=seniors if number in (5, 6) else None,
        )
        await rooms.agents.update_agent(SYSTEM, made.agent_id, {"name": f"Ина Köhler {number}"})
    await rooms.agent("zed", "2000")
    rooms.known = {"german": german, "english": english, "north": north, "seniors": seniors}
    return rooms


async def search(rooms, limit=200, **filters):
    """Every page of what is found, as the last digit of the extension, or the name."""
    names, cursor = [], None
    while True:
        page = await rooms.agents.list_agents(SYSTEM, Paging(limit, cursor), AgentFilters(**filters))
        assert len(page.items) <= limit
        names += [one.name for one in page.items]
        cursor = page.next
        if cursor is None:
            return [name.removeprefix("Ина Köhler ") for name in names]


@pytest.mark.parametrize("limit", [1, 3, 200])
async def test_agents_are_searched_and_come_in_pages(many, limit):
    every = [str(number) for number in range(10)]
    known = many.known
    assert sorted(await search(many, limit)) == sorted([*every, "Zed"])
    assert await search(many, limit, text="ИНА kohler") == every
    assert await search(many, limit, text="100 7") == ["7"]
    assert await search(many, limit, text="ostersund 3") == ["3"]
    assert await search(many, limit, text="köhler", team_id=known["north"]) == ["1", "3", "5", "7", "9"]
    assert await search(many, limit, skill_id=known["german"]) == ["4", "5", "6"]
    assert await search(many, limit, skill_id=known["english"], team_id=known["north"]) == ["1", "3"]
    assert await search(many, limit, profile_id=known["seniors"], text="6") == ["6"]
    assert await search(many, limit, text="%") == await search(many, limit, skill_id="none") == []


async def agent_versions(floor, agent_id, by=SYSTEM):
    return (await floor.agents.agent_history(by, agent_id, Paging())).items


async def test_each_change_of_an_agent_is_kept_and_a_former_one_holds_again(floor):
    admin = await floor.user("admin", "administrator")
    ines = floor.ines.agent_id
    german = (await floor.agents.save_skill(SYSTEM, "dutch", "Dutch")).skill_id
    seniors = (await floor.profiles.create_profile(SYSTEM, {"name": "Seniors"})).profile_id
    support = (await floor.queues.create_queue(SYSTEM, {"name": "Support"})).queue_id
    first = (await agent_versions(floor, ines))[0]
    before = await floor.agents.get_agent(SYSTEM, ines)
    own = {"skills": {german: 4}, "queues": {support: Service(1, 5.0)}, "capacity": {"voice": 1}}
    routed = {**own, "profile_id": seniors}
    await floor.agents.update_agent(admin, ines, routed)
    renamed = await floor.agents.update_agent(admin, ines, {"name": "Ines Vogt"})
    history = await agent_versions(floor, ines)
    assert [(one.change, one.actor, set(one.fields)) for one in history[:2]] == [
        ("updated", admin.user_id, {"name"}),
        ("updated", admin.user_id, set(routed)),
    ]
    assert agent_settings(history[1]) == AgentSettings(before.team_id, seniors, **own)
    assert "Ines" not in str([one.settings for one in history])
    restored = await floor.agents.restore_agent(admin, ines, first.number, renamed.version)
    assert (restored.own, restored.profile_id, restored.name) == (before.own, before.profile_id, "Ines Vogt")
    assert (restored.version, restored) == (renamed.version + 1, await floor.agents.get_agent(SYSTEM, ines))
    assert (await floor.events("agent-changed"))[-1] == (
        AgentChanged(ines, "restored", ("capacity", "profile_id", "queues", "skills")),
        admin.user_id,
    )
    with pytest.raises(Stale):
        await floor.agents.restore_agent(admin, ines, 2, renamed.version)
    with pytest.raises(NotFound):
        await floor.agents.restore_agent(admin, ines, 99)


async def test_what_is_no_more_does_not_come_back(floor):
    ines = floor.ines.agent_id
    gone = (await floor.profiles.create_profile(SYSTEM, {"name": "Seniors"})).profile_id
    had = await floor.agents.update_agent(SYSTEM, ines, {"profile_id": gone})
    await floor.agents.update_agent(SYSTEM, ines, {"profile_id": None})
    await floor.profiles.delete_profile(SYSTEM, gone)
    with pytest.raises(Invalid) as refused:
        await floor.agents.restore_agent(SYSTEM, ines, had.version)
    assert refused.value.fields == {"profile_id": "unknown-profile"}


async def test_a_history_is_for_who_may_write_the_agent(floor):
    boss = replace(floor.sofia, rights={**floor.sofia.rights, Right.AGENTS_WRITE: Scope.TEAM})
    ines, chen = floor.ines.agent_id, floor.chen.agent_id
    outside = await floor.agents.get_agent(SYSTEM, chen)
    await floor.agents.update_agent(SYSTEM, ines, {"team_id": outside.team_id})
    mine = (await floor.agents.get_agent(SYSTEM, ines)).version
    back = await floor.agents.update_agent(SYSTEM, ines, {"team_id": next(iter(boss.team_ids))})
    assert len(await agent_versions(floor, ines, boss)) == back.version
    with pytest.raises(Forbidden):
        await floor.agents.restore_agent(boss, ines, mine)
    for act in (agent_versions(floor, chen, boss), floor.agents.restore_agent(boss, chen, 1)):
        with pytest.raises(NotFound):
            await act
    for act in (agent_versions(floor, ines, floor.sofia), floor.agents.restore_agent(floor.sofia, ines, 1)):
        with pytest.raises(Forbidden):
            await act


async def test_a_search_stays_within_reach(floor):
    found = await floor.agents.list_agents(floor.sofia, Paging(), AgentFilters("e"))
    assert [one.name for one in found.items] == ["Ines"]
    assert (await floor.agents.list_agents(floor.sofia, Paging(), AgentFilters("chen"))).items == []


async def test_an_agent_may_not_read_or_write_agents(floor):
    for act in (
        floor.agents.list_agents(floor.ines, Paging()),
        floor.agents.get_agent(floor.ines, floor.ines.agent_id),
        floor.agents.update_agent(floor.ines, floor.ines.agent_id, {"name": "Boss"}),
        floor.agents.save_skill(floor.ines, "x", "X"),
        floor.agents.save_team(floor.ines, "X", frozenset()),
        floor.agents.save_reason(floor.ines, NotReadyReason("x", "X", 1)),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_who_writes_within_a_team_cannot_move_an_agent_out_of_it_or_into_it(floor):
    lead = replace(floor.sofia, rights={**floor.sofia.rights, Right.AGENTS_WRITE: Scope.TEAM})
    with pytest.raises(Forbidden):
        await floor.agents.update_agent(lead, floor.ines.agent_id, {"team_id": floor.berlin})
    with pytest.raises(Forbidden):
        await floor.agents.update_agent(lead, floor.ines.agent_id, {"team_id": None})
    with pytest.raises(NotFound):
        await floor.agents.update_agent(lead, floor.chen.agent_id, {"team_id": floor.hamburg})
    with pytest.raises(Forbidden):
        await floor.agents.save_team(lead, "Mine", frozenset())


# ------------------------------------------------------------------ presence


async def test_one_s_own_presence_goes_to_its_owner(floor):
    await floor.agents.set_presence(floor.ines, floor.ines.agent_id, PresenceState.NOT_READY, "break")
    await floor.agents.set_presence(floor.ines, floor.ines.agent_id, PresenceState.READY, "ignored")
    me, user = floor.ines.agent_id, floor.ines.user_id
    assert floor.presence.orders == [
        (me, PresenceState.NOT_READY, "break", user),
        (me, PresenceState.READY, "", user),
    ]


@pytest.mark.parametrize(
    "reason, code, fields",
    [
        ("", "reason-needed", {}),
        ("nap", "invalid", {"reason": "unknown-reason"}),
        ("old", "invalid", {"reason": "unknown-reason"}),
    ],
)
async def test_not_ready_needs_a_reason_of_the_list(floor, reason, code, fields):
    with pytest.raises(Invalid) as caught:
        await floor.agents.set_presence(floor.ines, floor.ines.agent_id, PresenceState.NOT_READY, reason)
    assert (caught.value.code, caught.value.fields) == (code, fields)
    assert floor.presence.orders == []


async def test_another_s_presence_needs_the_scope(floor):
    with pytest.raises(NotFound):
        await floor.agents.set_presence(floor.ines, floor.chen.agent_id, PresenceState.OFFLINE)
    with pytest.raises(NotFound):
        await floor.agents.set_presence(floor.sofia, floor.chen.agent_id, PresenceState.OFFLINE)
    with pytest.raises(Forbidden):
        await floor.agents.set_presence(replace(floor.ines, rights={}), floor.ines.agent_id, PresenceState.OFFLINE)
    assert floor.presence.orders == []
    await floor.agents.set_presence(floor.sofia, floor.ines.agent_id, PresenceState.OFFLINE)
    assert floor.presence.orders == [(floor.ines.agent_id, PresenceState.OFFLINE, "", floor.sofia.user_id)]


async def test_the_stored_presence_follows_what_was_announced(floor):
    now = floor.clock.now()
    await floor.database.write(
        lambda tx: save_presence(tx, floor.ines.agent_id, PresenceState.NOT_READY, "no-answer", now)
    )
    agents = {a.agent_id: a for a in await floor.database.read(floor.agents.load_all)}
    assert (agents[floor.ines.agent_id].presence.reason, agents[floor.ines.agent_id].presence.since) == (
        "no-answer",
        now,
    )
    assert agents[floor.chen.agent_id].presence.state is PresenceState.OFFLINE


async def test_a_locked_agent_is_not_loaded(floor):
    await floor.agents.update_agent(SYSTEM, floor.ines.agent_id, {"is_active": False})
    assert [a.name for a in await floor.database.read(floor.agents.load_all)] == ["Chen"]


async def test_only_an_agent_has_an_own_agent(floor):
    with pytest.raises(NotFound):
        await floor.agents.own_agent(floor.sofia)
    with pytest.raises(NotFound):
        await floor.agents.own_agent(as_role("agent"))


# ------------------------------------------------------------------ names and addresses


@pytest.mark.parametrize(
    "uri",
    [
        "sip:1001@10.0.0.5:5060",
        "sip:1001@phone.example:5062",
        "sip:a_b-c@host:5061;transport=tcp",
        "",
    ],
)
def test_plain_sip_addresses_pass(uri):
    check_contact_uri(uri, DeviceKind.DESK)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:1001@host\nqualify=no",
        "sip:1001@host;transport=udp;x=y",
        "http://host",
        "sip:1001@host ; comment",
        "sip:@host",
        "sip:1001@host\x00",
        "SIP/1001",
        "sip:" + "1" * 100 + "@host",
    ],
)
def test_nothing_else_reaches_the_pbx_configuration(uri):
    with pytest.raises(Invalid):
        check_contact_uri(uri, DeviceKind.DESK)


def test_a_browser_has_no_fixed_address():
    with pytest.raises(Invalid):
        check_contact_uri("sip:1001@host", DeviceKind.BROWSER)


@pytest.mark.parametrize(
    "name, letters",
    [("Ines Vogt", "IV"), ("Chen", "C"), ("ana maria de souza", "AS"), ("", ""), ("- (", ""), ("ßa", "SS")],
)
def test_initials(name, letters):
    assert initials(name) == letters


async def test_an_agents_phone_is_on_a_server_of_the_site(rooms):
    user = await rooms.users.create_user(SYSTEM, "ann", "Ann", "agent", "correct horse battery")
    with pytest.raises(Invalid):
        await rooms.agents.create_agent(SYSTEM, NewAgent(user.user_id, "Ann", "1001", server_id=ServerId("pbx9")))
    rooms.agents._servers = (ServerId("pbx1"), ServerId("pbx2"))
    made = await rooms.agents.create_agent(SYSTEM, NewAgent(user.user_id, "Ann", "1001"))
    assert made.device.server_id == "pbx1"
    moved = await rooms.agents.update_agent(SYSTEM, made.agent_id, {"server_id": "pbx2"})
    assert moved.device.server_id == "pbx2"
    with pytest.raises(Invalid):
        await rooms.agents.update_agent(SYSTEM, made.agent_id, {"server_id": "pbx9"})
