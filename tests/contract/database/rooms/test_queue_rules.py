"""A queue's rules and its former versions, stored and brought back."""

from dataclasses import replace

import pytest
from sqlalchemy import delete

from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound
from contactcenter.core.hours import HoursText
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Right, Scope
from contactcenter.core.versions import versions_table
from contactcenter.queues.model import Announced, Disposition, QueueChanged, Step, ValueStep, Way
from contactcenter.queues.service import queue_of
from routing.commands import AgentRule, Service, WorkOrder
from tests.rig.rooms import as_role


@pytest.fixture
async def every(rooms):
    """Every rule there is, with the ids it names."""
    german = (await rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    routers = (await rooms.agents.save_skill(SYSTEM, "routers", "Routers")).skill_id
    team = (await rooms.agents.save_team(SYSTEM, "North", frozenset())).team_id
    return {
        "skills": {german: 3},
        "any_of": ({german: 1, routers: 2}, {routers: 1}),
        "teams": (team,),
        "preferred": {routers: 9},
        "order": WorkOrder.DUE,
        "aging": 30.5,
        "late_after": None,
        "late_guard": 300.0,
        "weight": 2.5,
        "agent_rule": AgentRule.FEWEST_HANDLED,
        "idle_guard": 4.0,
        "preferred_wait": 45.0,
        "vip_reserve": 2,
        "steps": (Step(10.0, {german: 1, routers: 0}), Step(60.0, {}, (team,)), Step(90.0, any_team=True)),
        "interrupts": ("chat", "email"),
        "value_steps": (ValueStep(1000.0, -1), ValueStep(5000.0, 3)),
        "dispositions": (Disposition("b", "Second"), Disposition("a", "First", False)),
        "hours": HoursText("Europe/Berlin", {"mon": ("08:00-12:00", "13:00-17:30"), "sun": ()}, ("12-25",)),
        "when_closed": Way(flow="closed"),
        "max_waiting": 0,
        "when_full": Way(flow="busy"),
        "max_wait": 600.5,
        "when_too_long": Way(flow="busy"),
        "when_nobody": Way((await rooms.queues.create_queue(SYSTEM, {"name": "Zzz"})).queue_id),
        "nobody_after": 5.0,
        "announce_every": 45.0,
        "announce": Announced.PLACE,
    }


async def history(rooms, queue_id, paging=None):
    return (await rooms.queues.queue_history(SYSTEM, queue_id, paging or Paging())).items


async def test_every_rule_comes_back_as_it_was_set(rooms, every):
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support", **every})
    assert await rooms.queues.get_queue(SYSTEM, made.queue_id) == made
    plain = await rooms.queues.create_queue(SYSTEM, {"name": "Sales"})
    assert await rooms.queues.get_queue(SYSTEM, plain.queue_id) == plain
    await rooms.queues.update_queue(SYSTEM, plain.queue_id, every)
    [sales, support, _] = await rooms.database.read(rooms.queues.load_all)
    assert replace(sales, queue_id=support.queue_id, name="Support") == support == made


async def test_a_team_of_nowhere_is_refused_and_nothing_is_stored(rooms):
    with pytest.raises(Invalid) as caught:
        await rooms.queues.create_queue(SYSTEM, {"name": "Support", "teams": ("none",), "interrupts": ("voice",)})
    assert caught.value.fields == {"teams": "unknown-team", "interrupts": "voice-never"}
    assert await rooms.queues.list_queues(SYSTEM) == []
    assert await rooms.events() == []


async def test_each_change_is_kept_with_who_and_when(rooms, every):
    admin = await rooms.user("admin", "administrator")
    made = await rooms.queues.create_queue(admin, {"name": "Support"})
    rooms.clock.advance(60)
    changed = await rooms.queues.update_queue(SYSTEM, made.queue_id, every)
    second, first = await history(rooms, made.queue_id)
    assert (first.number, first.change, first.fields, first.actor) == (1, "created", (), admin.user_id)
    assert (second.number, second.change, second.fields, second.actor) == (2, "updated", tuple(sorted(every)), "")
    assert (second.at - first.at).total_seconds() == 60
    assert (queue_of(first), queue_of(second)) == (made, changed)


async def test_a_refused_change_leaves_no_version(rooms):
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    with pytest.raises(Invalid):
        await rooms.queues.update_queue(SYSTEM, made.queue_id, {"weight": 0.0})
    assert len(await history(rooms, made.queue_id)) == 1


async def test_a_former_version_holds_again(rooms, every):
    admin = await rooms.user("admin", "administrator")
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support", **every})
    await rooms.queues.update_queue(SYSTEM, made.queue_id, {"name": "Other", "weight": 7.0, "steps": (), "teams": ()})
    assert await rooms.queues.restore_queue(admin, made.queue_id, 1) == made
    assert await rooms.queues.get_queue(SYSTEM, made.queue_id) == made
    assert [one.change for one in await history(rooms, made.queue_id)] == ["restored", "updated", "created"]
    fields = ("name", "steps", "teams", "weight")
    assert (await rooms.events("queue-changed"))[-1] == (
        QueueChanged(made.queue_id, "restored", fields),
        admin.user_id,
    )


async def test_of_a_queue_older_than_its_history_the_first_change_keeps_what_it_was(rooms):
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    await rooms.database.write(lambda tx: tx.execute(delete(versions_table)))
    await rooms.queues.update_queue(SYSTEM, made.queue_id, {"weight": 2.0})
    await rooms.queues.update_queue(SYSTEM, made.queue_id, {"weight": 3.0})
    kept = await history(rooms, made.queue_id)
    assert [(one.number, one.change, queue_of(one).weight) for one in kept] == [
        (3, "updated", 3.0),
        (2, "updated", 2.0),
        (1, "found", 1.0),
    ]
    assert await rooms.queues.restore_queue(SYSTEM, made.queue_id, 1) == made


async def test_history_goes_on_where_the_page_ended(rooms):
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    other = await rooms.queues.create_queue(SYSTEM, {"name": "Other"})
    for priority in range(1, 4):
        await rooms.queues.update_queue(SYSTEM, made.queue_id, {"priority": priority})
    first = await rooms.queues.queue_history(SYSTEM, made.queue_id, Paging(3))
    second = await rooms.queues.queue_history(SYSTEM, made.queue_id, Paging(3, first.next))
    assert [one.number for one in [*first.items, *second.items]] == [4, 3, 2, 1]
    assert second.next is None
    assert len(await history(rooms, other.queue_id)) == 1


async def test_what_cannot_be_brought_back(rooms):
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    await rooms.queues.update_queue(SYSTEM, made.queue_id, {"name": "Help"})
    await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    with pytest.raises(Conflict, match="name-taken"):
        await rooms.queues.restore_queue(SYSTEM, made.queue_id, 1)
    for queue_id, version in ((made.queue_id, 3), (made.queue_id, 0), ("none", 1)):
        with pytest.raises(NotFound):
            await rooms.queues.restore_queue(SYSTEM, queue_id, version)


async def test_history_is_for_who_may_change_the_queue(rooms):
    made = await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    limited = replace(as_role("agent"), rights={Right.QUEUES_READ: Scope.ALL, Right.QUEUES_WRITE: Scope.TEAM})
    for who in (as_role("agent"), as_role("supervisor"), limited):
        for act in (
            rooms.queues.queue_history(who, made.queue_id, Paging()),
            rooms.queues.restore_queue(who, made.queue_id, 1),
        ):
            with pytest.raises(Forbidden):
                await act


# ------------------------------------------------------------------ preview


@pytest.fixture
async def floor(rooms):
    """Three agents: one of Hamburg who speaks German, one of Berlin, and one whose user is locked."""
    rooms.german = (await rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    sofia = await rooms.user("sofia", "supervisor")
    hamburg = await rooms.agents.save_team(SYSTEM, "Hamburg", frozenset({sofia.user_id}))
    await rooms.agent("ann", "1001", hamburg.team_id, skills={rooms.german: 3})
    await rooms.agent("ben", "1002")
    locked = await rooms.agent("cem", "1003")
    await rooms.users.update_user(SYSTEM, locked.user_id, {"is_active": False})
    gone = await rooms.agent("dora", "1004")
    await rooms.agents.update_agent(SYSTEM, gone.agent_id, {"is_active": False})
    rooms.sofia = await rooms.principal(sofia.user_id)
    return rooms


def named(steps):
    return [(step.after, [name for _, name in step.matching]) for step in steps]


async def test_unsaved_rules_show_whom_they_match(floor):
    rules = {"skills": {floor.german: 2}, "steps": (Step(30.0, {floor.german: 0}),)}
    before = await floor.events()
    assert named(await floor.queues.preview_queue(SYSTEM, rules)) == [(0.0, ["Ann"]), (30.0, ["Ann", "Ben"])]
    assert named(await floor.queues.preview_queue(SYSTEM, rules, medium="chat")) == [(0.0, []), (30.0, [])]
    assert await floor.queues.list_queues(SYSTEM) == []
    assert await floor.events() == before


async def test_unsaved_changes_of_a_queue_go_over_what_it_is(floor):
    queue = (await floor.queues.create_queue(SYSTEM, {"name": "Support", "skills": {floor.german: 2}})).queue_id
    [ben] = [one for one in await floor.agents.list_serving(SYSTEM) if one.name == "Ben"]
    await floor.agents.update_agent(SYSTEM, ben.agent_id, {"queues": {queue: Service()}})
    assert named(await floor.queues.preview_queue(SYSTEM, {}, queue)) == [(0.0, ["Ann"])]
    assert named(await floor.queues.preview_queue(SYSTEM, {"skills": {}}, queue)) == [(0.0, ["Ann", "Ben"])]
    assert named(await floor.queues.preview_queue(SYSTEM, {})) == [(0.0, ["Ann"])], "nobody serves what is not there"


async def test_a_preview_shows_the_agents_in_reach(floor):
    assert named(await floor.queues.preview_queue(floor.sofia, {})) == [(0.0, ["Ann"])]
    for who in (as_role("agent"), replace(floor.sofia, rights={Right.AGENTS_READ: Scope.ALL})):
        with pytest.raises(Forbidden):
            await floor.queues.preview_queue(who, {})


async def test_a_preview_of_what_could_not_be_saved(floor):
    for values, medium, wrong in (
        ({"weight": 0.0}, "voice", {"weight": "out-of-range"}),
        ({"site_id": "x"}, "voice", {"site_id": "extra-forbidden"}),
        ({}, "fax", {"medium": "unknown-medium"}),
    ):
        with pytest.raises(Invalid) as caught:
            await floor.queues.preview_queue(SYSTEM, values, medium=medium)
        assert caught.value.fields == wrong
    with pytest.raises(NotFound):
        await floor.queues.preview_queue(SYSTEM, {}, "none")
