"""What stands in the rows is what the live objects say, at every step of a call; and a second writer spoils nothing."""

from dataclasses import replace
from typing import Any

import pytest

from contactcenter.core.events import decode, events_table
from contactcenter.core.ids import AgentId, LegId, QueueId, ServerId
from contactcenter.interactions import ports, store
from contactcenter.interactions.model import Phase
from routing import commands as routing
from tests.fakes.room import SERVER, queue, record

CALLER = "1780000000.1"


async def test_rows_follow_a_whole_call(desk: Any) -> None:
    room = desk.room
    desk.take(record("ann", 1))
    item = room.arrive()
    await desk.check_rows(item)
    room.enqueue(item, choices=("Technical",))
    await desk.check_rows(item)
    room.time.advance(3)
    leg = room.connect(item)
    await desk.check_rows(item)
    room.time.advance(60)
    room.part(item, leg, first=CALLER)
    await desk.check_rows(item)
    room.router.submit(routing.ExtendWrapUp(AgentId("a-ann"), item.interaction_id, 60.0))
    await desk.check_rows(item)
    room.leg_ends(CALLER)
    room.leg_ends(leg, 16)
    await desk.check_rows(item)
    room.time.advance(120)
    await desk.check_rows(item)
    row = await desk.one(store.interactions)
    assert (row["phase"], row["outcome"], row["is_over"], row["choices"]) == ("ended", "answered", True, ["Technical"])
    segment = await desk.one(store.segments)
    assert (segment["talk_time"], segment["ended_by"]) == (60.0, "customer")
    legs = {one["kind"]: one for one in await desk.rows(store.legs)}
    assert (legs["agent"]["result"], legs["agent"]["cause"], legs["agent"]["agent_id"]) == ("answered", 16, "a-ann")
    assert legs["customer"]["ended_at"] is not None
    room.check_clean()


async def test_an_extension_is_written_at_once(desk: Any) -> None:
    """Or a restart would cut the agent's wrap-up short."""
    room = desk.room
    desk.take(record("ann", 1))
    item = room.call()
    leg = room.connect(item)
    room.part(item, leg, first=leg)
    item.segment.extensions += 1
    room.router.submit(routing.ExtendWrapUp(AgentId("a-ann"), item.interaction_id, 60.0))
    row = await desk.one(store.segments)
    assert (row["wrap_up_until"], row["extensions"]) == (item.segment.wrap_up_until, 1)


async def test_an_unanswered_alert_leaves_a_leg_with_its_result(desk: Any) -> None:
    room = desk.room
    desk.take(record("ann", 1))
    item = room.call()
    reservation = item.alert.reservation_id
    room.time.advance(1)
    room.alert_ends(reservation, ports.AlertFailure.BUSY)
    legs = {one["id"]: one for one in await desk.rows(store.legs)}
    assert (legs[reservation]["result"], legs[reservation]["agent_id"]) == ("busy", "a-ann")
    assert legs[reservation]["answered_at"] is None
    await desk.check_rows(item)


async def test_an_abandoned_visit(desk: Any) -> None:
    item = desk.room.call()
    desk.room.time.advance(9)
    desk.room.leg_ends(CALLER, 16)
    visit = await desk.one(store.visits)
    assert (visit["end"], visit["wait_time"]) == ("abandoned", 9.0)
    await desk.check_rows(item)


async def test_a_visit_left_for_another_queue_ends_as_flowed_out(desk: Any) -> None:
    desk.room.define(queue(queue_id=QueueId("q-vip"), name="VIP"))
    item = desk.room.call()
    desk.room.time.advance(4)
    desk.room.enqueue(item, "VIP")
    rows = {one["queue_id"]: one for one in await desk.rows(store.visits)}
    assert (rows["q-support"]["end"], rows["q-support"]["wait_time"]) == ("flowed-out", 4.0)
    assert rows["q-vip"]["end"] is None


async def test_texts_of_the_agent_survive_the_images(desk: Any) -> None:
    room = desk.room
    desk.take(record("ann", 1))
    item = room.call()
    leg = room.connect(item)
    await desk.rooms.database.flush()
    await desk.rooms.database.write(
        lambda tx: store.save_texts(tx, item.segment.segment_id, AgentId("a-ann"), {"note": "kept", "disposition": "x"})
    )
    room.part(item, leg, first=leg)
    row = await desk.one(store.segments)
    assert (row["note"], row["disposition"]) == ("kept", "x")


async def test_texts_go_to_ones_own_segment_only(desk: Any) -> None:
    room = desk.room
    desk.take(record("ann", 1))
    item = room.call()
    room.connect(item)
    await desk.rooms.database.flush()
    segment = item.segment.segment_id

    def by_another(tx: Any) -> bool:
        return store.save_texts(tx, segment, AgentId("a-bob"), {"note": "x"})

    assert await desk.rooms.database.write(by_another) is False
    with pytest.raises(ValueError, match="not a text"):
        await desk.rooms.database.write(lambda tx: store.save_texts(tx, segment, AgentId("a-ann"), {"agent_id": "b"}))


@pytest.mark.parametrize("name", ["x" * 1000, "\u202e<b>", "O'Brien; DROP TABLE interactions;--", "\x00\x07"])
async def test_hostile_names_are_rows_like_any_other(desk: Any, name: str) -> None:
    item = desk.room.arrive(name=name, number="1" * 300)
    row = await desk.one(store.interactions)
    assert row["caller_name"] == name.replace("\x00", "")[:200]
    assert row["caller_number"] == "1" * 80
    assert item.caller_name == name


async def test_events_hold_no_number_name_or_text(desk: Any) -> None:
    """Law 4: they stay valid when a person is erased."""
    room = desk.room
    desk.take(record("ann", 1))
    item = room.arrive(number="+4930555777", name="Zebulon Quick")
    room.enqueue(item, choices=("Technical",))
    leg = room.connect(item)
    room.part(item, leg, first=leg)
    room.leg_ends(item.leg_id)
    room.time.advance(60)
    rows = await desk.rows(events_table)
    assert len(rows) > 6
    for row in rows:
        decode(row["kind"], row["data"])
        assert not any(text in row["data"] for text in ("555777", "Zebulon", "Technical", "Ann"))


async def test_presence_follows_in_its_own_event(desk: Any) -> None:
    room = desk.room
    desk.take(record("ann", 1))
    room.router.submit(routing.SetPresence(AgentId("a-ann"), routing.Presence.NOT_READY, "lunch"))
    events = [row for row in await desk.rows(events_table) if row["kind"] == "agent-presence-changed"]
    assert len(events) == 1


async def test_open_rows_are_those_with_something_left_to_happen(desk: Any) -> None:
    room = desk.room
    waiting = room.call("1780000000.1")
    gone = room.call("1780000000.2")
    room.leg_ends(gone.leg_id)
    await desk.rooms.database.flush()
    rows = await desk.rooms.database.read(store.open_rows)
    assert [row.id for row in rows] == [waiting.interaction_id]
    assert waiting.phase is Phase.WAITING


async def test_callers_legs_that_are_known(desk: Any) -> None:
    legs = [LegId(f"1780000000.{n}") for n in range(1, 4)]
    for leg in legs[:2]:
        desk.room.call(leg)
    await desk.rooms.database.flush()
    many = [*legs, *(LegId(f"x{n}") for n in range(1200))]
    assert await desk.rooms.database.read(lambda c: store.known_legs(c, SERVER, many)) == set(legs[:2])
    assert await desk.rooms.database.read(lambda c: store.known_legs(c, ServerId("pbx-2"), legs)) == set()


async def heard(desk: Any) -> Any:
    await desk.rooms.database.flush()
    return await desk.rooms.database.read(lambda c: store.heard_until(c, SERVER))


async def test_until_when_a_pbx_was_heard(desk: Any) -> None:
    clock = desk.rooms.clock

    def link(up: bool, reason: str = "", started: str = "") -> None:
        desk.room.fact(ports.LinkChanged(SERVER, up, reason, clock.now(), started))

    assert await heard(desk) is None
    link(False, "connect-failed")
    assert await heard(desk) is None, "it never was"
    link(True, started="monday")
    clock.advance(100)
    desk.room.call()
    called_at = clock.now()
    clock.advance(100)
    await desk.agent("meg", "1009")  # as the command line would, beside a server that is not there
    clock.advance(100)
    assert await heard(desk) == (called_at, "monday")
    link(False, "link-lost")
    clock.advance(100)
    link(False, "connect-failed")
    desk.room.call("1780000000.2")  # by FastAGI, while the manager's link is away
    assert await heard(desk) == (called_at, "monday")
    link(True, started="tuesday")
    assert await heard(desk) == (called_at, "monday"), "it may die before it has written what it missed"
    clock.advance(59)
    link(False, "connect-failed")
    link(True, started="tuesday")
    assert await heard(desk) == (called_at, "monday"), "a restart loop, too"
    clock.advance(61)
    desk.room.leg_ends("1780000000.2")
    assert await heard(desk) == (clock.now(), "tuesday")


def test_images_have_every_column_of_their_table() -> None:
    """A column nobody fills would silently stay NULL."""
    from tests.unit.contactcenter.interactions.test_model import interaction, segment

    item = interaction()
    assert set(store.interaction_row(item)) == {column.name for column in store.interactions.columns}
    texts = {"disposition", "note", "note_saved_at"}
    assert set(store.segment_row(item, segment())) | texts == {column.name for column in store.segments.columns}
    assert replace(item).interaction_id == item.interaction_id
