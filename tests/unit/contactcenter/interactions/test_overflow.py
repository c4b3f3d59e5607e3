"""Queues that send callers on, with the real assignments, engine and router."""

from dataclasses import replace
from typing import Any

import pytest

from contactcenter.core.hours import HoursText
from contactcenter.core.ids import QueueId
from contactcenter.interactions import model, ports
from contactcenter.interactions.model import Interaction, Outcome, Phase, VisitEnd
from contactcenter.interactions.overflow import MOST, Overflow
from contactcenter.queues.limits import Cause
from contactcenter.queues.model import Way
from routing.commands import Presence, SetPresence
from routing.eligibility import present
from tests.fakes.room import QUEUE, SERVER, Room, queue

SPARE = QueueId("q-spare")
TO_SPARE, TO_FLOW = Way(SPARE), Way(flow="sorry")
NEVER_OPEN = HoursText("UTC", {"mon": ("00:00-00:01",)})


def make_room(**changes: Any) -> tuple[Room, Overflow]:
    """Two queues, Support with these limits, and one agent who serves both but talks."""
    room = Room(queues=[queue(wrap_up_time=0.0, **changes), queue(queue_id=SPARE, name="Spare", wrap_up_time=0.0)])
    there = lambda: present(room.engine.agents.values())  # noqa: E731
    return room, Overflow(room.assignments, room.publisher, room.time, room.ids, there)


def wait(room: Room, overflow: Overflow, seconds: float) -> None:
    for _ in range(round(seconds)):
        room.time.advance(1)
        overflow.look()


def asked(room: Room, item: Interaction, name: str = "Support") -> Any:
    return room.assignments.enqueue(SERVER, item.leg_id, ports.EnqueueOrder(name, 2, {"german": 1}, ("Chosen",)))


def test_a_closed_queue_takes_nobody() -> None:
    room, _ = make_room(hours=NEVER_OPEN)
    item = room.arrive()
    assert asked(room, item) == ports.Diverted("closed")
    assert (item.phase, item.visit, room.engine.items) == (Phase.FLOW, None, {})
    (told,) = room.events(model.InteractionDiverted)
    assert (told.cause, told.queue_id, told.to_flow, told.visit_id) == (Cause.CLOSED, QUEUE, "closed", "")
    assert room.assignments.flow_for(SERVER, item.leg_id, "1000") == "closed"
    room.leg_ends(item.leg_id)
    assert item.outcome is Outcome.LEFT_IN_FLOW
    room.check_clean()


def test_a_closed_queue_may_send_to_another_which_keeps_what_was_asked() -> None:
    room, _ = make_room(hours=NEVER_OPEN, when_closed=TO_SPARE)
    item = room.arrive()
    place = asked(room, item)
    assert (place.queue_id, place.priority, dict(place.skills)) == (SPARE, 2, {"german": 1})
    assert item.visit is not None
    assert (item.phase, item.visit.queue_id, item.choices) == (Phase.WAITING, SPARE, ("Chosen",))
    assert room.engine.items[item.interaction_id].queue_id == SPARE
    room.check_clean()


def test_a_full_queue() -> None:
    room, _ = make_room(max_waiting=2, when_full=TO_FLOW)
    waiting = [room.call(f"1780000000.{n}") for n in range(2)]
    late = room.arrive("1780000000.9")
    assert asked(room, late) == ports.Diverted("sorry")
    room.leg_ends(waiting[0].leg_id)
    again = room.arrive("1780000000.10")
    assert isinstance(asked(room, again), ports.PlaceInLine)
    room.check_clean()


def test_who_has_waited_too_long_goes_to_the_other_line_at_his_place() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_SPARE)
    item = room.call(priority=3)
    began = room.time.now()
    first = item.visit
    wait(room, overflow, 59)
    assert item.visit is first
    wait(room, overflow, 1)
    assert first is not None
    assert item.visit is not None
    assert (first.end, item.visit.queue_id) == (VisitEnd.FLOWED_OUT, SPARE)
    assert (item.visit.entered_at, item.visit.priority) == (began, 3)
    held = room.engine.items[item.interaction_id]
    assert (held.queue_id, held.entered_at) == (SPARE, began.timestamp())
    (told,) = room.events(model.InteractionDiverted)
    assert (told.cause, told.to_queue_id, told.wait_time) == (Cause.TOO_LONG, SPARE, 60.0)
    room.agent("ann")
    assert item.phase is Phase.ALERTING
    room.check_clean()


def test_who_has_waited_too_long_is_sent_into_a_flow_and_keeps_his_place_should_it_bring_him_back() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_FLOW)
    item = room.call()
    began, visit = room.time.now(), item.visit
    wait(room, overflow, 60)
    assert visit is not None
    assert (item.phase, visit.end, room.engine.items) == (Phase.FLOW, VisitEnd.FLOWED_OUT, {})
    assert room.telephony.acts[-1] == ("to-flow", item.leg_id)
    assert room.assignments.flow_for(SERVER, item.leg_id, "1000") == "sorry"
    assert room.assignments.what_next(SERVER, item.leg_id) == "ivr"
    room.time.advance(10)
    room.enqueue(item)
    assert item.visit is not None
    assert (item.phase, item.visit.entered_at) == (Phase.WAITING, began)
    wait(room, overflow, 600)
    assert item.phase is Phase.WAITING  # once is enough
    assert len(room.events(model.InteractionDiverted)) == 1
    room.check_clean()


def test_two_queues_do_not_pass_a_caller_to_and_fro() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_SPARE)
    spare = replace(room.picture.queues[SPARE], max_wait=90.0, when_too_long=Way(QUEUE))
    room.define(spare)
    item = room.call()
    seen = []
    for _ in range(300):
        wait(room, overflow, 1)
        assert item.visit is not None
        if not seen or seen[-1] != item.visit.queue_id:
            seen.append(item.visit.queue_id)
    assert seen == [QUEUE, SPARE, QUEUE]
    room.check_clean()


def test_the_next_queue_may_not_take_him_either() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_SPARE)
    room.define(replace(room.picture.queues[SPARE], hours=NEVER_OPEN))
    item = room.call()
    wait(room, overflow, 60)
    assert (item.phase, item.sent_to) == (Phase.FLOW, "closed")
    assert [one.cause for one in room.events(model.InteractionDiverted)] == [Cause.TOO_LONG, Cause.CLOSED]
    room.check_clean()


def test_nobody_is_sent_on_while_his_alert_runs() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_FLOW)
    item = room.call()
    wait(room, overflow, 59)
    room.agent("ann")
    wait(room, overflow, 5)
    assert item.phase is Phase.ALERTING
    order = room.telephony.alerts[-1]
    room.alert_ends(order.reservation_id, ports.AlertFailure.NO_ANSWER)
    assert item.phase is Phase.WAITING
    wait(room, overflow, 1)
    assert item.phase is Phase.FLOW
    room.check_clean()


def test_when_everybody_has_gone() -> None:
    room, overflow = make_room(when_nobody=TO_FLOW, nobody_after=30.0)
    agent = room.agent("ann", skills={"german": 1})
    other = room.call("1780000000.8")
    room.connect(other)
    item = room.call()
    wait(room, overflow, 100)
    assert item.phase is Phase.WAITING  # she talks, but she is there
    room.router.submit(SetPresence(agent.agent_id, Presence.NOT_READY, "lunch"))
    wait(room, overflow, 100)
    assert item.phase is Phase.WAITING
    room.router.submit(SetPresence(agent.agent_id, Presence.OFFLINE))
    wait(room, overflow, 20)
    room.router.submit(SetPresence(agent.agent_id, Presence.NOT_READY))
    wait(room, overflow, 1)
    room.router.submit(SetPresence(agent.agent_id, Presence.OFFLINE))
    wait(room, overflow, 30)
    assert item.phase is Phase.WAITING  # counted from when she went last
    wait(room, overflow, 1)
    assert item.phase is Phase.FLOW
    assert room.events(model.InteractionDiverted)[-1].cause is Cause.NOBODY
    room.check_clean()


def test_nobody_who_has_the_skill_counts_as_nobody() -> None:
    room, _ = make_room(when_nobody=TO_FLOW, nobody_after=0.0)
    room.agent("ann")
    assert asked(room, room.arrive()) == ports.Diverted("sorry")
    plain = room.arrive("1780000000.2")
    assert isinstance(room.assignments.enqueue(SERVER, plain.leg_id, ports.EnqueueOrder("Support")), ports.PlaceInLine)


@pytest.mark.parametrize("way", ["flow", "gone", "inactive"])
def test_a_way_that_leads_nowhere_leaves_him_where_he_is(way: str) -> None:
    ways = {"flow": TO_FLOW, "gone": Way(QueueId("q-gone")), "inactive": TO_SPARE}
    room, overflow = make_room(max_wait=60.0, when_too_long=ways[way])
    overflow.has_flow = lambda name: False
    room.define(replace(room.picture.queues[SPARE], is_active=False))
    item = room.call()
    wait(room, overflow, 100)
    assert item.phase is Phase.WAITING
    assert room.events(model.InteractionDiverted) == []
    room.check_clean()


def test_new_limits_count_for_those_who_wait() -> None:
    room, overflow = make_room()
    item = room.call()
    wait(room, overflow, 100)
    room.define(replace(room.picture.queues[QUEUE], max_wait=50.0))
    wait(room, overflow, 1)
    assert (item.phase, item.sent_to) == (Phase.FLOW, "busy")


def test_nobody_is_sent_on_while_his_pbx_is_away() -> None:
    """He may talk by now, or be gone: only its picture tells."""
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_FLOW, when_nobody=TO_FLOW, nobody_after=30.0)
    item = room.call()
    room.fact(ports.LinkChanged(SERVER, False, "link-lost", room.time.now()))
    wait(room, overflow, 100)
    assert item.phase is Phase.WAITING
    room.fact(ports.LinkChanged(SERVER, True, "", room.time.now()))
    wait(room, overflow, 1)
    assert item.phase is Phase.FLOW
    room.check_clean()


def test_back_from_the_flow_he_has_all_he_asked_for_and_is_not_turned_away() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_FLOW)
    item = room.arrive()
    asked(room, item)
    wait(room, overflow, 60)
    room.define(replace(room.picture.queues[QUEUE], hours=NEVER_OPEN, max_waiting=0))
    room.enqueue(item)
    assert item.visit is not None
    assert (item.phase, item.visit.queue_id, item.choices) == (Phase.WAITING, QUEUE, ("Chosen",))
    assert (item.visit.priority, dict(item.visit.skills)) == (2, {"german": 1})
    room.check_clean()


def test_so_many_at_a_time() -> None:
    room, overflow = make_room(max_wait=60.0, when_too_long=TO_FLOW)
    for number in range(MOST + 5):
        room.call(f"1780000000.{number}")
    wait(room, overflow, 60)
    assert sum(one.phase is Phase.WAITING for one in room.picture.interactions.values()) == 5
    wait(room, overflow, 1)
    assert not any(one.phase is Phase.WAITING for one in room.picture.interactions.values())


def test_whom_an_agent_sends_there_a_queue_may_not_take() -> None:
    """The agent is told why, and keeps him: no rule sends such a customer elsewhere."""
    room, _ = make_room(hours=NEVER_OPEN)
    item = room.call(queue="Spare")
    refusal = room.assignments.transfers.refusal
    assert refusal(item, room.picture.queues[QUEUE]) is Cause.CLOSED
    assert refusal(item, room.picture.queues[SPARE]) is None
    room, _ = make_room(max_waiting=1, when_nobody=TO_FLOW, nobody_after=0.0)
    refusal = room.assignments.transfers.refusal
    other = room.call("1780000000.2", queue="Spare")
    assert refusal(other, room.picture.queues[QUEUE]) is Cause.NOBODY
    room.agent("ann")
    assert refusal(other, room.picture.queues[QUEUE]) is None
    room.connect(other)
    room.call("1780000000.3")
    assert refusal(other, room.picture.queues[QUEUE]) is Cause.FULL
    assert room.events(model.InteractionDiverted) == []
    room.check_clean()
