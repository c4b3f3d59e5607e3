"""Promises to call back in the store: what a restart makes of each, who may see and cancel them, what erasing means."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contactcenter.core.errors import Conflict, Forbidden, NotFound
from contactcenter.core.ids import LegId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM
from contactcenter.interactions import callback_store, ports, store
from contactcenter.interactions.callbacks import Callback, CallbackState
from contactcenter.interactions.model import Direction, Interaction, Outcome, Phase
from contactcenter.interactions.ports import CallerPlace
from contactcenter.tickets.service import TicketFilter
from tests.fakes.desk import agent_leg, customer
from tests.fakes.room import SERVER, record

CALLER = LegId("1780000000.1")
ORDER = ports.EnqueueOrder("Support")


async def promise(desk: Any, number: str = "+4930901820", leg: str = CALLER) -> Callback:
    """Somebody calls, asks to be called back, and hangs up."""
    desk.room.arrive(leg, number)
    assert await desk.callbacks.ask(SERVER, LegId(leg), ORDER)
    desk.room.leg_ends(leg)
    (one,) = (one for one in desk.callbacks.open.values() if one.number == number)
    return one


def turn(desk: Any, one: Callback) -> Interaction:
    (item,) = (item for item in desk.room.picture.interactions.values() if item.callback is one)
    return item


async def settled(desk: Any) -> None:
    while desk.tasks.under_way:
        await desk.tasks.under_way[0]


async def again(desk: Any) -> tuple[Callback, Interaction]:
    """The same promise and its turn, after a restart, from their rows alone."""
    await settled(desk)
    await desk.restart()
    (one,) = desk.callbacks.open.values()
    return one, turn(desk, one)


def dials(desk: Any) -> list[str]:
    return [act[1] for act in desk.room.telephony.acts if act[0] == "dial"]


async def talking(desk: Any) -> tuple[Callback, Interaction, str]:
    """An agent is there; the customer is called."""
    desk.take(record("ann", 1))
    one = await promise(desk)
    item = turn(desk, one)
    leg = desk.room.connect(item)
    await settled(desk)
    assert dials(desk) == [item.leg_id]
    return one, item, leg


def stands_in(item: Interaction, peer: str | None = None, **more: Any) -> ports.LiveLeg:
    place = CallerPlace.BRIDGED if peer else CallerPlace.STAND_IN
    return customer(item, place, peer, endpoint="dial@cc-callback", **more)


async def test_what_is_written(desk: Any) -> None:
    one = await promise(desk)
    desk.time.advance(5)
    assert callback_store.callback_row(one) == await desk.one(callback_store.callbacks)
    read = await desk.rooms.database.read(callback_store.open_callbacks)
    assert read == [one]
    item = turn(desk, one)
    rows = {row["id"]: row for row in await desk.rows(store.interactions)}
    assert rows[item.interaction_id]["direction"] == Direction.CALLBACK.value
    assert rows[one.asked_in]["outcome"] == Outcome.CALLBACK.value
    await desk.check_rows(item)


async def test_he_counts_once(desk: Any) -> None:
    began = desk.time.now()
    caller = desk.room.call("1780000000.9")
    desk.room.leg_ends(caller.leg_id)
    desk.take(record("ann", 1))
    one = await promise(desk)
    desk.room.connect(turn(desk, one))
    await desk.rooms.database.flush()
    rows = await desk.rooms.database.read(lambda c: store.day_figures(c, began))
    assert [row.end for row in rows] == ["abandoned"]


async def test_in_line_he_keeps_his_place_over_a_restart(desk: Any) -> None:
    one = await promise(desk)
    entered = turn(desk, one).visit.entered_at
    desk.time.advance(60)
    one, item = await again(desk)
    assert desk.room.engine.items == {}, "the PBX's picture comes first"
    desk.resync()
    assert (item.phase, item.visit.entered_at, one.state) == (Phase.WAITING, entered, CallbackState.WAITING)
    assert desk.room.engine.items[item.interaction_id].entered_at == entered.timestamp()
    desk.callbacks.look()
    assert len(desk.room.picture.interactions) == 1
    desk.take(record("ann", 1))
    assert item.phase is Phase.ALERTING
    desk.room.check_clean()


async def test_what_stood_in_for_him_while_an_agent_was_rung_is_of_no_use(desk: Any) -> None:
    desk.take(record("ann", 1))
    one = await promise(desk)
    item = turn(desk, one)
    ringing = agent_leg(item.alert.reservation_id, "agent-1001", up=False)
    one, item = await again(desk)
    former = stands_in(item)
    desk.resync(former, ringing)
    assert {act[1] for act in desk.room.telephony.acts if act[0] == "hang-up"} == {former.leg_id, ringing.leg_id}
    assert (item.phase, one.state, dials(desk)) == (Phase.ALERTING, CallbackState.WAITING, [])
    assert item.leg_id != former.leg_id


async def test_a_leg_that_stands_in_for_nobody_is_no_caller(desk: Any) -> None:
    one = await promise(desk)
    item = turn(desk, one)
    stray = replace(stands_in(item), leg_id=LegId("01ksr492z8gbhfea5mz914gqht"))
    desk.resync(stray)
    assert desk.room.telephony.acts[-1] == ("hang-up", stray.leg_id)
    assert list(desk.room.picture.interactions.values()) == [item]


async def test_the_agent_is_there_and_the_customer_is_called_once_more_as_told(desk: Any) -> None:
    one, item, leg = await talking(desk)
    one, item = await again(desk)
    assert (item.phase, one.state) == (Phase.TALKING, CallbackState.CALLING)
    desk.resync(stands_in(item, leg), agent_leg(leg, "agent-1001", peer=item.leg_id))
    await settled(desk)
    assert dials(desk) == [item.leg_id], "the word is given again: it changes nothing if it was heard"
    assert one.attempts == 1


async def test_he_answered_while_nobody_of_us_was_there(desk: Any) -> None:
    one, item, leg = await talking(desk)
    one, item = await again(desk)
    desk.resync(stands_in(item, leg, is_reached=True), agent_leg(leg, "agent-1001", peer=item.leg_id))
    assert one.reached_at == desk.time.now()
    assert not dials(desk)
    desk.room.part(item, leg, first=item.leg_id)
    desk.room.leg_ends(item.leg_id)
    assert (one.state, item.outcome) == (CallbackState.DONE, Outcome.ANSWERED)


async def test_he_answered_and_left_while_nobody_of_us_was_there(desk: Any) -> None:
    one, item, leg = await talking(desk)
    reached = desk.time.now() + timedelta(seconds=5)
    one, item = await again(desk)
    desk.time.advance(60)
    at = desk.time.now() - timedelta(seconds=10)
    desk.resync(ended=[ports.EndedLeg(item.leg_id, 16, at, reached_at=reached), ports.EndedLeg(LegId(leg), 16, at)])
    assert (one.state, one.reached_at, item.outcome) == (CallbackState.DONE, reached, Outcome.ANSWERED)


async def test_he_did_not_answer_while_nobody_of_us_was_there(desk: Any) -> None:
    one, item, leg = await talking(desk)
    one, item = await again(desk)
    desk.time.advance(60)
    at = desk.time.now() - timedelta(seconds=10)
    recorded = ports.EndedLeg(item.leg_id, 16, at, place=CallerPlace.STAND_IN)
    desk.resync(ended=[recorded, ports.EndedLeg(LegId(leg), 16, at)])
    assert (one.state, one.result.value, item.outcome) == (CallbackState.PAUSED, "no-answer", Outcome.UNREACHED)


async def test_a_restart_in_wrap_up_leaves_him_called_and_not_calling(desk: Any) -> None:
    one, item, leg = await talking(desk)
    desk.room.fact(ports.CustomerReached(SERVER, item.leg_id, desk.time.now()))
    desk.room.part(item, leg, first=item.leg_id)
    desk.room.leg_ends(item.leg_id)
    assert one.state is CallbackState.DONE
    await settled(desk)
    (found,) = await desk.restart()
    desk.resync()
    desk.room.assignments.close_segment(found.interaction_id, found.segment.agent_id, "agent")
    rows = {row["id"]: row for row in await desk.rows(store.interactions)}
    assert rows[item.interaction_id]["direction"] == "callback"


async def test_whether_he_answered_nobody_knows(desk: Any) -> None:
    one, item, _ = await talking(desk)
    one, item = await again(desk)
    desk.resync(restarted=True, lost_at=desk.time.now())
    await settled(desk)
    assert (one.state, one.result.value, item.outcome) == (CallbackState.GIVEN_UP, "unknown", Outcome.UNREACHED)
    (ticket,) = (await desk.rooms.tickets.list_tickets(SYSTEM, Paging(), TicketFilter())).items
    assert ticket.subject == "Call back: Ada"
    assert ticket.interaction_id == one.asked_in


async def test_he_was_not_called_before_we_died(desk: Any) -> None:
    """The agent had answered, and the row of it was lost with us: the PBX's picture shows the two."""
    desk.take(record("ann", 1))
    one = await promise(desk)
    item = turn(desk, one)
    leg = item.alert.reservation_id
    one, item = await again(desk)
    desk.resync(stands_in(item, leg), agent_leg(leg, "agent-1001", peer=item.leg_id))
    await settled(desk)
    assert (item.phase, one.state, one.attempts) == (Phase.TALKING, CallbackState.CALLING, 1)
    assert dials(desk) == [item.leg_id]


async def test_an_audit_finds_nothing_wrong_with_who_waits_for_a_call(desk: Any) -> None:
    await promise(desk)
    desk.resync()
    for _ in range(3):
        await desk.auditor.audit()
        desk.room.fact(ports.Seen(SERVER, [], desk.time.now()))
    assert desk.auditor.confirmed == 0


async def test_who_may_see_and_cancel(desk: Any) -> None:
    one = await promise(desk)
    agent = await desk.agent("ben", "1002")
    with pytest.raises(Forbidden):
        await desk.service.list_callbacks(agent, Paging(), is_open=None)
    with pytest.raises(Forbidden):
        await desk.service.withdraw_callback(agent, one.callback_id)
    page = await desk.service.list_callbacks(SYSTEM, Paging(), is_open=True)
    assert [found.callback_id for found in page.items] == [one.callback_id]
    with pytest.raises(NotFound):
        await desk.service.withdraw_callback(SYSTEM, "nobody")
    await desk.service.withdraw_callback(SYSTEM, one.callback_id)
    assert not (await desk.service.list_callbacks(SYSTEM, Paging(), is_open=True)).items
    assert len((await desk.service.list_callbacks(SYSTEM, Paging(), is_open=False)).items) == 1


async def test_pages_of_promises(desk: Any) -> None:
    for number in range(3):
        await promise(desk, f"+493090182{number}", f"1780000000.{number + 1}")
        desk.time.advance(1)
    first = await desk.service.list_callbacks(SYSTEM, Paging(2), is_open=None)
    rest = await desk.service.list_callbacks(SYSTEM, Paging(2, first.next), is_open=None)
    assert [one.number[-1] for one in (*first.items, *rest.items)] == ["2", "1", "0"]
    assert rest.next is None


async def test_not_cancelled_while_he_is_called(desk: Any) -> None:
    one, _, _ = await talking(desk)
    with pytest.raises(Conflict) as caught:
        await desk.service.withdraw_callback(SYSTEM, one.callback_id)
    assert caught.value.code == "callback-under-way"


async def test_a_person_is_not_erased_before_he_was_called_and_leaves_nothing_after(desk: Any) -> None:
    values = {"name": "Ada Lovelace", "numbers": ["+4930901820"]}
    person = (await desk.rooms.customers.create_person(SYSTEM, values)).person_id
    one = await promise(desk)
    desk.rooms.customers.traces.insert(0, desk.service)
    with pytest.raises(Conflict) as caught:
        await desk.rooms.customers.erase_person(SYSTEM, person)
    assert caught.value.code == "person-in-contact"
    await desk.service.withdraw_callback(SYSTEM, one.callback_id)
    await desk.rooms.customers.erase_person(SYSTEM, person)
    row = await desk.one(callback_store.callbacks)
    assert (row["number"], row["caller_number"], row["caller_name"], row["person_id"]) == ("", "", "", None)
