"""Routing profiles, and agents' queues and capacity with and without one."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from contactcenter.agents import store
from contactcenter.agents.model import AgentChanged, OwnSettings, RoutingProfileChanged
from contactcenter.agents.profiles import profile_of
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Right, Scope
from routing.commands import Service
from tests.rig.rooms import as_role


@pytest.fixture
async def floor(rooms):
    rooms.german = (await rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    rooms.routers = (await rooms.agents.save_skill(SYSTEM, "routers", "Routers")).skill_id
    rooms.support = (await rooms.queues.create_queue(SYSTEM, {"name": "Support"})).queue_id
    rooms.sales = (await rooms.queues.create_queue(SYSTEM, {"name": "Sales"})).queue_id
    rooms.ann = await rooms.agent("ann", "1001")
    rooms.values = {
        "name": "Seniors",
        "skills": {rooms.german: 5, rooms.routers: 2},
        "queues": {rooms.support: Service(1, 30.0)},
        "capacity": {"voice": 1, "chat": 4},
    }
    return rooms


async def ann(floor):
    return await floor.agents.get_agent(SYSTEM, floor.ann.agent_id)


async def change(floor, **changes):
    return await floor.agents.update_agent(SYSTEM, floor.ann.agent_id, changes)


# ------------------------------------------------------------------ agents


async def test_an_agent_of_whom_nothing_is_said(floor):
    agent = await ann(floor)
    assert (agent.skills, agent.queues, agent.capacity) == ({}, None, {"voice": 1})
    assert (agent.own, agent.profile_id) == (OwnSettings(), None)


async def test_queues_and_capacity_of_ones_own(floor):
    queues = {floor.support: Service(), floor.sales: Service(2, 45.5)}
    changed = await change(floor, queues=queues, capacity={"chat": 3})
    assert changed == await ann(floor)
    assert (changed.queues, changed.capacity) == (queues, {"chat": 3})
    assert (await floor.events("agent-changed"))[-1][0] == AgentChanged(
        changed.agent_id, "updated", ("capacity", "queues")
    )
    none = await change(floor, queues={}, capacity={})
    assert (none.queues, none.capacity) == ({}, {})
    back = await change(floor, queues=None, capacity=None)
    assert (back.queues, back.capacity) == (None, {"voice": 1})


@pytest.mark.parametrize(
    "changes, wrong",
    [
        ({"queues": {"none": Service()}}, {"queues": "unknown-queue"}),
        ({"capacity": {"voice": 2}}, {"capacity.voice": "out-of-range"}),
        ({"profile_id": "none"}, {"profile_id": "unknown-profile"}),
        ({"voice_capacity": 1}, {"voice_capacity": "extra-forbidden"}),
        ({"own": None}, {"own": "extra-forbidden"}),
    ],
)
async def test_what_means_nothing_is_refused_and_nothing_changes(floor, changes, wrong):
    before = await ann(floor)
    with pytest.raises(Invalid) as caught:
        await change(floor, **changes)
    assert caught.value.fields == wrong
    assert await ann(floor) == before


async def test_a_profile_holds_for_whoever_has_it_and_his_own_settings_win(floor):
    profile = await floor.profiles.create_profile(SYSTEM, floor.values)
    changed = await change(floor, profile_id=profile.profile_id, skills={floor.german: 3})
    assert (changed.skills, changed.queues, changed.capacity) == (
        {floor.german: 3, floor.routers: 2},
        profile.queues,
        profile.capacity,
    )
    assert changed.own == OwnSettings({floor.german: 3})
    await floor.profiles.update_profile(SYSTEM, profile.profile_id, {"skills": {floor.routers: 9}, "queues": None})
    [loaded] = await floor.database.read(floor.agents.load_all)
    assert (loaded.skills, loaded.queues) == ({floor.german: 3, floor.routers: 9}, None)
    left = await change(floor, profile_id=None)
    assert (left.skills, left.capacity) == ({floor.german: 3}, {"voice": 1})


async def test_a_new_agent_may_begin_with_a_profile(floor):
    profile = await floor.profiles.create_profile(SYSTEM, floor.values)
    ben = await floor.agent("ben", "1002", profile_id=profile.profile_id, capacity={"email": 6})
    made = await floor.agents.get_agent(SYSTEM, ben.agent_id)
    assert (made.skills, made.queues, made.capacity) == (profile.skills, profile.queues, {"email": 6})


# ------------------------------------------------------------------ profiles


async def test_a_profile_comes_back_as_it_was_made(floor):
    made = await floor.profiles.create_profile(SYSTEM, floor.values)
    plain = await floor.profiles.create_profile(SYSTEM, {"name": "beginners"})
    assert await floor.profiles.get_profile(SYSTEM, made.profile_id) == made
    assert await floor.profiles.list_profiles(SYSTEM) == [plain, made]
    assert (plain.skills, plain.queues, plain.capacity) == ({}, None, {"voice": 1})


async def test_every_act_is_an_event_without_names(floor):
    admin = await floor.user("admin", "administrator")
    made = (await floor.profiles.create_profile(admin, floor.values)).profile_id
    await floor.profiles.update_profile(admin, made, {"name": "Others", "queues": None})
    await floor.profiles.restore_profile(admin, made, 1)
    await floor.profiles.delete_profile(admin, made)
    assert await floor.events("routing-profile-changed") == [
        (RoutingProfileChanged(made, "created"), admin.user_id),
        (RoutingProfileChanged(made, "updated", ("name", "queues")), admin.user_id),
        (RoutingProfileChanged(made, "restored", ("name", "queues")), admin.user_id),
        (RoutingProfileChanged(made, "deleted"), admin.user_id),
    ]


async def test_a_name_is_taken_in_any_case(floor):
    made = await floor.profiles.create_profile(SYSTEM, floor.values)
    with pytest.raises(Conflict, match="name-taken"):
        await floor.profiles.create_profile(SYSTEM, {"name": " sENIORS "})
    await floor.profiles.update_profile(SYSTEM, made.profile_id, {"name": "SENIORS"})


@pytest.mark.parametrize(
    "values, wrong",
    [
        ({"name": " "}, {"name": "missing"}),
        ({"name": "P", "skills": {"none": 1}}, {"skills": "unknown-skill"}),
        ({"name": "P", "queues": {"none": Service()}}, {"queues": "unknown-queue"}),
        ({"name": "P", "capacity": {"fax": 1}}, {"capacity": "unknown-medium"}),
        ({"name": "P", "site_id": "x"}, {"site_id": "extra-forbidden"}),
    ],
)
async def test_wrong_values_are_named_and_nothing_is_stored(floor, values, wrong):
    before = await floor.events()
    with pytest.raises(Invalid) as caught:
        await floor.profiles.create_profile(SYSTEM, values)
    assert caught.value.fields == wrong
    assert await floor.profiles.list_profiles(SYSTEM) == []
    assert await floor.events() == before


async def test_a_profile_somebody_has_is_not_deleted(floor):
    made = await floor.profiles.create_profile(SYSTEM, floor.values)
    await change(floor, profile_id=made.profile_id, is_active=False)
    with pytest.raises(Conflict) as caught:
        await floor.profiles.delete_profile(SYSTEM, made.profile_id)
    assert (caught.value.code, caught.value.fields) == ("profile-in-use", {"agents": 1})
    with pytest.raises(IntegrityError):
        await floor.database.write(lambda tx: store.delete_profile(tx, made.profile_id))
    await change(floor, profile_id=None)
    await floor.profiles.delete_profile(SYSTEM, made.profile_id)
    with pytest.raises(NotFound):
        await floor.profiles.delete_profile(SYSTEM, made.profile_id)


async def test_a_former_version_holds_again(floor):
    made = await floor.profiles.create_profile(SYSTEM, floor.values)
    await floor.profiles.update_profile(SYSTEM, made.profile_id, {"name": "X", "skills": {}, "queues": None})
    page = await floor.profiles.profile_history(SYSTEM, made.profile_id, Paging())
    assert [(one.number, one.change) for one in page.items] == [(2, "updated"), (1, "created")]
    assert profile_of(page.items[1]) == made
    assert await floor.profiles.restore_profile(SYSTEM, made.profile_id, 1) == made
    assert await floor.profiles.get_profile(SYSTEM, made.profile_id) == made
    with pytest.raises(NotFound):
        await floor.profiles.restore_profile(SYSTEM, made.profile_id, 9)


async def test_agents_read_profiles_and_may_not_write_them(floor):
    made, agent = await floor.profiles.create_profile(SYSTEM, floor.values), as_role("agent")
    assert await floor.profiles.list_profiles(agent) == [made]
    for act in (
        floor.profiles.create_profile(agent, {"name": "Mine"}),
        floor.profiles.update_profile(agent, made.profile_id, {"name": "Mine"}),
        floor.profiles.delete_profile(agent, made.profile_id),
        floor.profiles.profile_history(agent, made.profile_id, Paging()),
        floor.profiles.restore_profile(agent, made.profile_id, 1),
        floor.profiles.list_profiles(replace(agent, rights={})),
        floor.profiles.get_profile(replace(agent, rights={}), made.profile_id),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_a_scope_below_the_site_reaches_no_profile(floor):
    made = await floor.profiles.create_profile(SYSTEM, floor.values)
    for scope in (Scope.OWN, Scope.TEAM):
        limited = replace(as_role("agent"), rights={Right.QUEUES_READ: scope, Right.QUEUES_WRITE: scope})
        assert await floor.profiles.list_profiles(limited) == []
        with pytest.raises(NotFound):
            await floor.profiles.get_profile(limited, made.profile_id)
        with pytest.raises(Forbidden):
            await floor.profiles.update_profile(limited, made.profile_id, {"name": "X"})
