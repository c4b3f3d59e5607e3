"""What is read of a day, on both databases: contacts by slices, presences by numbers."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from contactcenter.core.permissions import SYSTEM
from contactcenter.customers.store import people_table
from contactcenter.dry_runs import store
from tests.rig.past_day import DAY, Stay, answered, busy_day, contact, presence, until

END = DAY + timedelta(days=1)


@pytest.fixture
async def place(rooms):
    """A queue and two agents."""
    queue = await rooms.queues.create_queue(SYSTEM, {"name": "Support"})
    return queue.queue_id, [(await rooms.agent(login, number)).agent_id for login, number in (("a", "11"), ("b", "12"))]


async def visits(rooms):
    found, after = [], None
    while True:
        part, after = await rooms.database.read(lambda c, place=after: store.visits_of(c, DAY, END, place))
        found.append(part)
        if after is None:
            return found


async def presences(rooms, agents):
    def look(connection):
        return store.presences_of(connection, agents, store.numbers_of(connection, DAY, END))

    return [(one.at - DAY.timestamp(), one.agent_id, one.presence) for one in await rooms.database.read(look)]


async def test_a_visit_with_all_that_is_known_of_it(rooms, place):
    queue, [ann, _] = place
    skill = (await rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    person = {
        **dict.fromkeys(("name", "name_key", "title", "heed", "language", "note", "currency"), ""),
        "id": "p-1",
        "is_vip": False,
        "value_per_year": 700,
        "created_at": DAY,
    }
    await rooms.database.write(lambda tx: tx.execute(insert(people_table), person) and None)
    until(rooms, 0)
    stay = Stay(queue, 30.0, "answered", ann, 100.0, 20.0, {skill: 2}, 5)
    made = await contact(rooms, 60.0, stay, person_id="p-1", vip=True)
    [[row]] = await visits(rooms)
    assert (row.interaction_id, row.queue_id, row.entered - DAY.timestamp()) == (made, queue, 60.0)
    assert (row.ended - row.entered, row.end, row.handle_time, row.agent_id) == (30.0, "answered", 120.0, ann)
    assert (row.priority, row.skills, row.medium, row.vip, row.value) == (5, {skill: 2}, "voice", True, 700.0)


async def test_what_is_not_known_of_a_visit(rooms, place):
    queue, [ann, _] = place
    until(rooms, 0)
    await contact(rooms, 1.0, Stay(queue, 30.0))
    await contact(rooms, 2.0, answered(queue, 30.0, ann, 100.0, None))
    await contact(rooms, 3.0, Stay(queue, 30.0, "answered", ann))
    await contact(rooms, 4.0, Stay(queue, None))
    [rows] = await visits(rooms)
    assert [one.handle_time for one in rows] == [None, 100.0, None, None]
    assert [one.end for one in rows] == ["abandoned", "answered", "answered", None]
    assert rows[3].ended is None
    assert {one.value for one in rows} == {0.0}


async def test_slices_end_between_contacts_and_leave_nothing_out(rooms, place, monkeypatch):
    queue, [ann, _] = place
    monkeypatch.setattr(store, "SLICE", 3)
    until(rooms, 0)
    for seconds in (5, 5, 5, 5, 7, 9, 9):
        await contact(rooms, seconds, Stay(queue, 4.0, "flowed-out"), answered(queue, 2.0, ann))
    found = await visits(rooms)
    assert [len(part) for part in found] == [6, 6, 2]
    assert len({row.visit_id for part in found for row in part}) == 14


async def test_contacts_of_other_days_are_not_read(rooms, place):
    queue, _ = place
    until(rooms, 0)
    for seconds in (-13 * 3600, -60, 86_399, 86_400):
        await contact(rooms, seconds, Stay(queue, 4.0))
    [rows] = await visits(rooms)
    assert [row.entered - DAY.timestamp() for row in rows] == [-60, 86_399]


async def test_presences_before_and_in_the_day(rooms, place):
    _, [ann, ben] = place
    until(rooms, -7 * 3600)
    for agent, state in ((ann, "not-ready"), (ann, "ready"), (ben, "ready")):
        await presence(rooms, agent, state)
    until(rooms, -3600)
    await presence(rooms, ben, "offline")
    until(rooms, 3600)
    await presence(rooms, ann, "offline")
    until(rooms, 90_000)
    await presence(rooms, ann, "ready")
    until(rooms, 200_000)
    await presence(rooms, ann, "offline")
    found = await presences(rooms, [ann, ben])
    assert [one for one in found if one[1] == ann][:2] == [(-25_200.0, ann, "ready"), (3600.0, ann, "offline")]
    assert [one for one in found if one[1] == ben] == [(-25_200.0, ben, "ready"), (-3600.0, ben, "offline")]
    assert max(at for at, _, _ in found) < 100_000, "what came much later is not read"
    assert await presences(rooms, [ben]) == [one for one in found if one[1] == ben]


async def test_numbers_of_days_by_halving(rooms, place):
    _, [ann, _] = place
    until(rooms, 0)
    numbers = []
    for hour in range(0, 72, 3):
        until(rooms, hour * 3600.0)
        await presence(rooms, ann, "ready")
        numbers.append((hour, rooms.database.seq))
    for first, last in ((0, 24), (24, 48), (48, 72), (6, 7), (80, 90)):
        began, ended = (DAY + timedelta(hours=hour) for hour in (first, last))
        low, high = await rooms.database.read(lambda c, a=began, b=ended: store.numbers_of(c, a, b))
        assert low == next((seq for hour, seq in numbers if hour >= first - 2), rooms.database.seq + 1)
        assert high == next((seq for hour, seq in numbers if hour >= last + 2), rooms.database.seq + 1)


async def test_a_day_played_from_what_is_stored(rooms, place):
    queue, agents = place
    await busy_day(rooms, queue, agents, 100)
    found = await rooms.dry_runs.dry_run(SYSTEM, queue, {"target_time": 5.0, "name": "New"}, None, lambda: False)
    assert (found.day.isoformat(), found.played.callers, found.played.agents) == ("2026-01-06", 100, 2)
    assert found.ignored == ["name"]
    compared = found.played.queue
    assert compared.real.offered == compared.present.offered == 100
    assert compared.real.abandoned == 20
    assert compared.difference.service_level < 0
    assert compared.difference.asa == 0.0
