from dataclasses import replace

import pytest

from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound
from contactcenter.core.permissions import SYSTEM, Right, Scope
from contactcenter.queues.model import DialedNumberChanged, Disposition, Queue, QueueChanged
from tests.rig.rooms import as_role


async def support(rooms, **values):
    return await rooms.queues.create_queue(SYSTEM, {"name": "Support", **values})


async def test_a_queue_comes_back_as_it_was_made(rooms):
    skill = await rooms.agents.save_skill(SYSTEM, "german", "German")
    outcomes = (Disposition("b", "Second letter"), Disposition("a", "First letter", False))
    made = await support(rooms, priority=50, wrap_up_time=30.0, skills={skill.skill_id: 2}, dispositions=outcomes)
    assert await rooms.queues.get_queue(SYSTEM, made.queue_id) == made
    assert await rooms.database.read(rooms.queues.load_all) == [made]


async def test_changes_announce_themselves_for_the_router_to_follow(rooms):
    admin = await rooms.user("admin", "administrator")
    heard = []
    rooms.publisher.subscribe(lambda envelope: heard.append(envelope.event))
    made = await rooms.queues.create_queue(admin, {"name": "Support"})
    await rooms.queues.update_queue(admin, made.queue_id, {"priority": 9, "goal": 70})
    assert heard == [
        QueueChanged(made.queue_id, "created"),
        QueueChanged(made.queue_id, "updated", ("goal", "priority")),
    ]
    assert {actor for _, actor in await rooms.events("queue-changed")} == {admin.user_id}


async def test_a_name_is_taken_in_any_case(rooms):
    await support(rooms)
    with pytest.raises(Conflict, match="name-taken"):
        await support(rooms, name=" sUPPORT ")
    other = await support(rooms, name="Sales")
    with pytest.raises(Conflict, match="name-taken"):
        await rooms.queues.update_queue(SYSTEM, other.queue_id, {"name": "SUPPORT"})
    await rooms.queues.update_queue(SYSTEM, other.queue_id, {"name": "SALES"})


@pytest.mark.parametrize(
    "values, wrong",
    [
        ({"name": " "}, {"name": "missing"}),
        ({"priority": -1}, {"priority": "out-of-range"}),
        ({"goal": 101, "ring_time": 1}, {"goal": "out-of-range", "ring_time": "out-of-range"}),
        ({"target_time": float("nan")}, {"target_time": "out-of-range"}),
        ({"wrap_up_time": 100.0, "wrap_up_limit": 60.0}, {"wrap_up_limit": "out-of-range"}),
        ({"skills": {"none": 1}}, {"skills": "unknown-skill"}),
        ({"dispositions": (Disposition("a", "A"), Disposition("a", "B"))}, {"dispositions": "code-twice"}),
        ({"queue_id": "x", "site_id": "y"}, {"queue_id": "extra-forbidden", "site_id": "extra-forbidden"}),
    ],
)
async def test_wrong_values_are_named_and_nothing_is_stored(rooms, values, wrong):
    with pytest.raises(Invalid) as caught:
        await support(rooms, **values)
    assert caught.value.fields == wrong
    assert await rooms.queues.list_queues(SYSTEM) == []
    assert await rooms.events() == []


def test_extensions_fit_into_the_limit():
    queue = Queue("q", "main", "Support", wrap_up_time=60, wrap_up_extension=60, wrap_up_limit=180)
    assert queue.extensions == 2
    assert replace(queue, wrap_up_limit=60).extensions == 0
    assert replace(queue, wrap_up_extension=0).extensions == 0


async def test_agents_read_queues_and_may_not_write_them(rooms):
    made, agent = await support(rooms), as_role("agent")
    assert await rooms.queues.list_queues(agent) == [made]
    for act in (
        rooms.queues.create_queue(agent, {"name": "Mine"}),
        rooms.queues.update_queue(agent, made.queue_id, {"priority": 1}),
        rooms.queues.save_dialed(agent, "1000", "support"),
        rooms.queues.delete_dialed(agent, "1000"),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_a_scope_below_the_site_reaches_no_queue(rooms):
    made = await support(rooms)
    for scope in (Scope.OWN, Scope.TEAM):
        limited = replace(as_role("agent"), rights={Right.QUEUES_READ: scope, Right.QUEUES_WRITE: scope})
        assert await rooms.queues.list_queues(limited) == []
        with pytest.raises(NotFound):
            await rooms.queues.get_queue(limited, made.queue_id)
        with pytest.raises(Forbidden):
            await rooms.queues.update_queue(limited, made.queue_id, {"priority": 1})


async def test_dialed_numbers_lead_to_flows(rooms):
    await rooms.queues.save_dialed(SYSTEM, "1000", "support")
    await rooms.queues.save_dialed(SYSTEM, "1000", "direct")
    await rooms.queues.save_dialed(SYSTEM, "+4930901820", "support")
    assert {d.number: d.flow for d in await rooms.queues.list_dialed(SYSTEM)} == {
        "1000": "direct",
        "+4930901820": "support",
    }
    await rooms.queues.delete_dialed(SYSTEM, "1000")
    assert [d.number for d in await rooms.database.read(rooms.queues.load_dialed)] == ["+4930901820"]
    with pytest.raises(NotFound):
        await rooms.queues.delete_dialed(SYSTEM, "1000")
    changes = [fact.change for fact, _ in await rooms.events("dialed-number-changed")]
    assert changes == ["created", "updated", "created", "deleted"]


async def test_events_name_the_row_and_not_the_number(rooms):
    await rooms.queues.save_dialed(SYSTEM, "1000", "support")
    [(fact, _)] = await rooms.events("dialed-number-changed")
    assert isinstance(fact, DialedNumberChanged)
    assert fact.number_id != "1000"


@pytest.mark.parametrize(
    "number, flow, wrong",
    [
        ("10 00", "support", "number"),
        ("", "support", "number"),
        ("1000\n", "support", "number"),
        ("1" * 40, "support", "number"),
        ("1000", "../../etc/passwd", "flow"),
        ("1000", "Support", "flow"),
        ("1000", "support\n", "flow"),
        ("1000", "", "flow"),
    ],
)
async def test_wrong_numbers_and_flow_names_are_refused(rooms, number, flow, wrong):
    with pytest.raises(Invalid) as caught:
        await rooms.queues.save_dialed(SYSTEM, number, flow)
    assert list(caught.value.fields) == [wrong]
