"""Customers who are called back, with the real assignments, engine and router."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import LegId, QueueId
from contactcenter.customers.numbers import read_number
from contactcenter.interactions import model, ports
from contactcenter.interactions.callbacks import (
    OVER,
    STATES,
    Callback,
    CallbackChanged,
    CallbackRules,
    CallbackState,
    CallbackStep,
    IllegalCallbackStep,
)
from contactcenter.interactions.calling_back import Callbacks
from contactcenter.interactions.model import Direction, Interaction, Outcome, Phase, VisitEnd
from contactcenter.interactions.outcomes import PBX_RESTARTED
from contactcenter.interactions.overflow import Overflow
from contactcenter.queues.model import Way
from routing.commands import Service
from tests.fakes.room import QUEUE, SERVER, Room, queue

ORDER = ports.EnqueueOrder("Support", 2, {}, ("Billing",))
BUSY = ports.EnqueueOrder("Busy", 0, {}, ())
RULES = CallbackRules(attempts=2, pause=600.0, ring_time=25.0, give_up_after=86_400.0, countries=("DE",))


class Store:
    """A database that only tells whether what was queued is kept."""

    def __init__(self) -> None:
        self.is_away = False
        self.flushes = 0

    async def flush(self) -> None:
        self.flushes += 1
        if self.is_away:
            raise Unavailable("store-unavailable")


class Tasks:
    """Keeps what was spawned until ``run``."""

    def __init__(self) -> None:
        self.waiting: list[Coroutine[Any, Any, Any]] = []

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.waiting.append(coroutine)

    async def run(self) -> None:
        while self.waiting:
            await self.waiting.pop(0)


class Desk:
    """One queue, and the promises."""

    def __init__(self) -> None:
        self.room = Room(queues=[queue(wrap_up_time=0.0)])
        self.store, self.tasks = Store(), Tasks()
        self.tickets: list[Callback] = []
        room = self.room
        self.callbacks = Callbacks(
            room.assignments, self.store, room.publisher, room.time, room.ids, self.tasks,  # type: ignore[arg-type]
            lambda text: read_number(text, "DE"), RULES, {SERVER}, self._give_up,
        )  # fmt: skip

    async def _give_up(self, one: Callback) -> None:
        self.tickets.append(one)

    async def promise(self, leg: str = "1780000000.1", number: str = "+4930901820") -> tuple[Interaction, Callback]:
        """Somebody calls, asks to be called back, and hangs up."""
        caller = self.room.arrive(leg, number)
        assert await self.callbacks.ask(SERVER, LegId(leg), ORDER)
        self.room.leg_ends(leg)
        (one,) = (one for one in self.callbacks.open.values() if one.caller_number == number)
        return caller, one

    def turn(self, one: Callback) -> Interaction:
        assert one.interaction_id is not None
        return self.room.picture.interactions[one.interaction_id]

    async def agent_takes(self, one: Callback) -> tuple[Interaction, str]:
        item = self.turn(one)
        leg = self.room.connect(item)
        await self.tasks.run()
        return item, leg

    def reached(self, item: Interaction) -> None:
        self.room.fact(ports.CustomerReached(SERVER, item.leg_id, self.room.time.now()))

    def missed(self, item: Interaction, result: ports.DialResult = ports.DialResult.NO_ANSWER) -> None:
        """He does not answer: the leg that stands in for him ends."""
        agent_leg = item.segment.segment_id if item.segment is not None else ""
        self.room.fact(ports.CustomerMissed(SERVER, item.leg_id, result, self.room.time.now()))
        self.room.part(item, agent_leg, first=item.leg_id)
        self.room.leg_ends(item.leg_id)
        self.room.leg_ends(agent_leg)

    def wait(self, seconds: float) -> None:
        self.room.time.advance(seconds)
        self.callbacks.look()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def dials(desk: Desk) -> list[Any]:
    return [act[1] for act in desk.room.telephony.acts if act[0] == "dial"]


async def test_he_keeps_his_place_and_is_called_when_an_agent_is_there(desk: Desk) -> None:
    room = desk.room
    early = room.arrive("1780000000.1")
    room.time.advance(10)
    late = room.call("1780000000.2")
    assert await desk.callbacks.ask(SERVER, early.leg_id, ORDER)
    assert room.engine.items.keys() == {late.interaction_id}  # he is still on the line: nobody is to call him
    room.leg_ends(early.leg_id)
    assert (early.phase, early.outcome) == (Phase.ENDED, Outcome.CALLBACK)
    (one,) = desk.callbacks.open.values()
    item = desk.turn(one)
    assert (item.direction, item.phase, item.choices, item.dialed) == (
        Direction.CALLBACK, Phase.WAITING, ("Billing",), "1000",
    )  # fmt: skip
    room.agent("ann")
    (order,) = room.telephony.alerts
    assert order.call == ports.CustomerCall("+4930901820", "1000", 25.0)
    assert order.caller_leg == item.leg_id
    assert not dials(desk)
    leg = room.connect(item)
    assert not dials(desk)  # not before it is written
    await desk.tasks.run()
    assert dials(desk) == [item.leg_id]
    desk.reached(item)
    room.time.advance(60)
    room.part(item, leg, first=item.leg_id)
    room.leg_ends(item.leg_id)
    room.leg_ends(leg)
    assert (item.outcome, one.state, desk.callbacks.open) == (Outcome.ANSWERED, CallbackState.DONE, {})
    assert not desk.tickets
    room.check_clean()


async def test_his_place_is_that_of_the_line_he_was_sent_out_of(desk: Desk) -> None:
    room = desk.room
    caller = room.arrive()
    caller.placed_since = entered = room.time.now()
    room.time.advance(300)
    other = room.call("1780000000.2")
    assert await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    room.leg_ends(caller.leg_id)
    (one,) = desk.callbacks.open.values()
    item = desk.turn(one)
    assert item.visit is not None
    assert (item.visit.entered_at, item.visit.priority) == (entered, 2)
    room.agent("ann")
    assert (item.phase, other.phase) == (Phase.ALERTING, Phase.WAITING)


async def test_he_does_not_answer_and_is_called_again_after_a_pause(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item, _ = await desk.agent_takes(one)
    desk.missed(item, ports.DialResult.BUSY)
    assert (item.outcome, one.state, one.attempts, one.result) == (Outcome.UNREACHED, CallbackState.PAUSED, 1, "busy")
    desk.wait(599)
    assert one.state is CallbackState.PAUSED
    desk.wait(1)
    assert one.state is CallbackState.WAITING
    again = desk.turn(one)
    assert again.visit is not None
    assert again is not item
    assert again.visit.entered_at == one.entered_at
    item, _ = await desk.agent_takes(one)
    desk.missed(item)
    await desk.tasks.run()
    assert (one.state, one.attempts) == (CallbackState.GIVEN_UP, 2)
    assert desk.tickets == [one]
    assert len(dials(desk)) == 2
    room.check_clean()


async def test_an_alert_that_nobody_answers_is_no_call(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item = desk.turn(one)
    first = item.leg_id
    assert item.alert is not None
    room.leg_ends(first)  # what stood in for him goes with the alert
    room.alert_ends(item.alert.reservation_id, ports.AlertFailure.NO_ANSWER)
    assert (item.phase, one.state, one.attempts) == (Phase.WAITING, CallbackState.WAITING, 0)
    room.agent("ben", 2)
    assert item.phase is Phase.ALERTING
    assert item.leg_id != first
    assert not dials(desk)
    room.check_clean()


async def test_who_goes_on_waiting_is_not_called(desk: Desk) -> None:
    caller = desk.room.arrive()
    assert await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    (one,) = desk.callbacks.open.values()
    desk.room.enqueue(caller)
    assert (one.state, desk.callbacks.open) == (CallbackState.WITHDRAWN, {})
    desk.room.leg_ends(caller.leg_id)
    assert caller.outcome is Outcome.ABANDONED
    assert len(desk.room.picture.interactions) == 0


async def test_who_asks_twice_keeps_his_first_place(desk: Desk) -> None:
    _, one = await desk.promise()
    desk.room.time.advance(100)
    again = desk.room.arrive("1780000000.7")
    assert await desk.callbacks.ask(SERVER, again.leg_id, ORDER)
    desk.room.leg_ends(again.leg_id)
    assert list(desk.callbacks.open.values()) == [one]
    assert again.outcome is Outcome.CALLBACK
    assert len(desk.room.engine.items) == 1


async def test_who_calls_by_himself_and_is_served_is_not_called(desk: Desk) -> None:
    room = desk.room
    _, one = await desk.promise()
    room.time.advance(60)
    caller = room.call("1780000000.7", priority=9)
    room.agent("ann")
    room.connect(caller)
    assert (one.state, desk.callbacks.open) == (CallbackState.WITHDRAWN, {})
    assert caller.visit is not None
    assert caller.visit.entered_at == one.entered_at, "he has the place he had"
    assert room.engine.items.keys() <= {caller.interaction_id}
    room.check_clean()


@pytest.mark.parametrize("number", ["", "anonymous", "12", "+12125550123", "+499001234567", "+881612345678"])
async def test_a_number_that_cannot_be_called(desk: Desk, number: str) -> None:
    caller = desk.room.arrive(number=number)
    assert not await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    assert not desk.callbacks.open


async def test_nothing_is_promised_without_a_trunk_or_a_queue(desk: Desk) -> None:
    caller = desk.room.arrive()
    assert not await desk.callbacks.ask(SERVER, caller.leg_id, replace(ORDER, queue="Gone"))
    assert not await desk.callbacks.ask(SERVER, LegId("1780000000.99"), ORDER)
    desk.room.telephony.has_trunk = False
    assert not await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    assert not desk.callbacks.open


async def test_what_is_not_written_is_not_promised(desk: Desk) -> None:
    caller = desk.room.arrive()
    desk.store.is_away = True
    assert not await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    assert not desk.callbacks.open
    desk.room.leg_ends(caller.leg_id)
    assert caller.outcome is Outcome.LEFT_IN_FLOW


async def test_a_call_that_is_not_written_is_not_made(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    desk.store.is_away = True
    item, leg = await desk.agent_takes(one)
    assert not dials(desk)
    assert room.telephony.acts[-1] == ("hang-up", item.leg_id)
    room.part(item, leg, first=item.leg_id)
    room.leg_ends(item.leg_id)
    assert (one.state, one.attempts, one.result) == (CallbackState.PAUSED, 0, "not-called")


async def test_a_call_whose_end_nobody_saw_is_not_repeated(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item, _ = await desk.agent_takes(one)
    room.leg_ends(item.leg_id, reason=PBX_RESTARTED)
    await desk.tasks.run()
    assert (one.state, one.result) == (CallbackState.GIVEN_UP, "unknown")
    assert desk.tickets == [one]


async def test_the_agent_leaves_before_he_answers(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item, leg = await desk.agent_takes(one)
    room.part(item, leg, first=leg)
    room.leg_ends(leg)
    room.leg_ends(item.leg_id)
    assert (item.outcome, one.state, one.result) == (Outcome.UNREACHED, CallbackState.PAUSED, "cancelled")
    desk.reached(item)  # late news of a call that is over
    assert one.reached_at is None
    room.check_clean()


async def test_withdrawn_while_an_agent_is_rung(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item = desk.turn(one)
    visit = item.visit
    assert item.alert is not None
    reservation = item.alert.reservation_id
    assert desk.callbacks.withdraw(one.callback_id, "u-boss") is one
    assert visit is not None
    assert (one.state, item.outcome, visit.end) == (CallbackState.WITHDRAWN, Outcome.WITHDRAWN, VisitEnd.WITHDRAWN)
    assert room.telephony.acts[-1] == ("revoke", reservation)
    room.alert_ends(reservation, ports.AlertFailure.REVOKED)
    assert room.work_of("ann") == "idle"
    assert not room.events(model.VisitAbandoned)
    assert desk.callbacks.withdraw(one.callback_id, "u-boss") is None
    room.check_clean()


async def test_not_withdrawn_while_he_is_called(desk: Desk) -> None:
    desk.room.agent("ann")
    _, one = await desk.promise()
    await desk.agent_takes(one)
    assert desk.callbacks.withdraw(one.callback_id, "") is one
    assert one.state is CallbackState.CALLING


async def test_too_old_or_without_a_queue_it_becomes_a_ticket(desk: Desk) -> None:
    _, one = await desk.promise()
    desk.wait(86_401)
    await desk.tasks.run()
    assert one.state is CallbackState.GIVEN_UP
    _, other = await desk.promise("1780000000.8")
    desk.room.picture.queues.pop(QUEUE)
    item = desk.turn(other)
    desk.room.assignments.customer_left(item, desk.room.time.now(), 0, "end-unknown")
    desk.wait(1)
    await desk.tasks.run()
    assert other.state is CallbackState.GIVEN_UP
    assert desk.tickets == [one, other]


async def test_a_server_that_is_configured_no_more_calls_nobody(desk: Desk) -> None:
    _, asked = await desk.promise()
    gone = replace(asked, interaction_id=None, server_id="pbx-9")
    here = replace(asked, callback_id="c2", interaction_id=None)
    later = Desk()
    later.callbacks.load([gone, here])
    later.wait(1)  # no PBX is linked yet
    await later.tasks.run()
    assert (gone.state, here.state) == (CallbackState.GIVEN_UP, CallbackState.WAITING)
    assert later.tickets == [gone]


async def test_figures_count_him_once(desk: Desk) -> None:
    desk.room.agent("ann")
    _, one = await desk.promise()
    await desk.agent_takes(one)
    queued = desk.room.events(model.InteractionQueued)
    connected = desk.room.events(model.AgentConnected)
    assert [one.direction for one in (*queued, *connected)] == [Direction.CALLBACK, Direction.CALLBACK]


async def test_a_process_that_died_goes_on(desk: Desk) -> None:
    """What each state means to the next process, whose interactions that are over are gone."""
    _, asked = await desk.promise()
    one = replace(asked, state=CallbackState.ASKED, interaction_id=None)
    calling = replace(asked, callback_id="c2", state=CallbackState.CALLING, number="+4930901821")
    talked = replace(calling, callback_id="c3", reached_at=desk.room.time.now())
    later = Desk()
    later.callbacks.load([one, calling, talked])
    later.wait(1)
    await later.tasks.run()
    assert (one.state, calling.state, calling.result) == (CallbackState.WAITING, CallbackState.GIVEN_UP, "unknown")
    assert talked.state is CallbackState.DONE
    assert later.turn(one).phase is Phase.WAITING


async def test_every_change_is_told_without_a_number(desk: Desk) -> None:
    desk.room.agent("ann")
    _, one = await desk.promise()
    item, _ = await desk.agent_takes(one)
    desk.missed(item)
    told = desk.room.events(CallbackChanged)
    assert [event.state.value for event in told] == ["asked", "waiting", "calling", "paused"]
    assert all("4930" not in str(event) for event in told)


def test_the_table_leads_every_state_to_its_end() -> None:
    reachable = {CallbackState.ASKED}
    while more := {after for (state, _), after in STATES.items() if state in reachable} - reachable:
        reachable |= more
    assert reachable == set(CallbackState)
    assert not any(state in OVER for state, _ in STATES)
    one = Callback("c", "i", SERVER, QUEUE, "", "", "", "", *[Room().time.now()] * 2)  # type: ignore[arg-type]
    with pytest.raises(IllegalCallbackStep):
        one.advance(CallbackStep.AGENT_JOINED)
    assert one.state is CallbackState.ASKED


async def test_when_nothing_can_stand_in_for_him_others_take_their_turn(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item = desk.turn(one)
    later = room.arrive("1780000000.5", "+4930901829")
    room.enqueue(later)
    assert item.alert is not None
    room.alert_ends(item.alert.reservation_id, ports.AlertFailure.SERVER)
    assert (one.state, one.result.value, one.attempts) == (CallbackState.PAUSED, "not-called", 0)
    assert (item.phase, item.outcome) == (Phase.ENDED, Outcome.UNREACHED)
    assert later.phase is Phase.ALERTING
    desk.wait(600)
    assert one.state is CallbackState.WAITING
    room.check_clean()


async def test_one_number_is_not_promised_calls_without_end(desk: Desk) -> None:
    for call in range(3):
        _, one = await desk.promise(f"1780000000.{call + 1}")
        desk.callbacks.withdraw(one.callback_id, "")
    again = desk.room.arrive("1780000000.9")
    assert not await desk.callbacks.ask(SERVER, again.leg_id, ORDER)
    desk.room.time.advance(86_401)
    assert await desk.callbacks.ask(SERVER, again.leg_id, ORDER)


async def test_not_more_are_open_than_allowed_and_we_never_call_ourselves(desk: Desk) -> None:
    ours = desk.room.arrive("1780000000.1", "+4930700800")
    desk.room.picture.flows["030 700800"] = "main"
    assert not await desk.callbacks.ask(SERVER, ours.leg_id, ORDER)
    desk.callbacks._rules = replace(RULES, most_open=1)
    await desk.promise("1780000000.2")
    other = desk.room.arrive("1780000000.3", "+4930901821")
    assert not await desk.callbacks.ask(SERVER, other.leg_id, ORDER)


async def test_two_who_share_a_number_have_a_promise_each_while_both_are_on_the_line(desk: Desk) -> None:
    first, second = desk.room.arrive("1780000000.1"), desk.room.arrive("1780000000.2")
    for one in (first, second):
        assert await desk.callbacks.ask(SERVER, one.leg_id, ORDER)
    desk.room.enqueue(first)  # he goes on waiting
    desk.room.leg_ends(second.leg_id)
    (left,) = desk.callbacks.open.values()
    assert (left.asked_in, left.state) == (second.interaction_id, CallbackState.WAITING)


async def test_a_colleague_who_is_served_keeps_nobody_from_his_call(desk: Desk) -> None:
    room = desk.room
    _, one = await desk.promise()
    colleague = room.arrive("1780000000.7")
    colleague.card = {"because": "number-shared"}
    room.enqueue(colleague, priority=9)
    room.agent("ann")
    room.connect(colleague)
    assert one.state is CallbackState.WAITING


async def test_who_asks_twice_in_one_call_is_called_once(desk: Desk) -> None:
    caller = desk.room.arrive()
    for _ in range(2):
        assert await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    desk.room.leg_ends(caller.leg_id)
    (one,) = desk.callbacks.open.values()
    assert len(desk.room.engine.items) == 1
    assert one.state is CallbackState.WAITING


async def test_a_promise_withdrawn_while_it_is_written_is_none(desk: Desk) -> None:
    caller = desk.room.arrive()

    async def withdraws() -> None:
        (one,) = desk.callbacks.open.values()
        desk.callbacks.withdraw(one.callback_id, "u-boss")

    desk.store.flush = withdraws  # type: ignore[method-assign]
    assert not await desk.callbacks.ask(SERVER, caller.leg_id, ORDER)
    assert not caller.asks_back


async def test_a_word_once_given_hangs_nobody_up(desk: Desk) -> None:
    """The link flaps while he talks, and the database is away: his call goes on."""
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item, _ = await desk.agent_takes(one)
    desk.store.is_away = True
    legs = ports.LiveLeg(
        item.leg_id, item.linked_id, "", ports.CallerPlace.BRIDGED, True, True, "", "", "", None, room.time.now()
    )
    desk.callbacks.still_there(item, legs, room.time.now())
    await desk.tasks.run()
    assert ("hang-up", item.leg_id) not in room.telephony.acts
    assert (one.state, one.attempts) == (CallbackState.CALLING, 1)


async def test_an_agent_who_leaves_before_the_word_used_up_no_try(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item = desk.turn(one)
    leg = room.connect(item)
    room.part(item, leg, first=leg)
    room.leg_ends(leg)
    room.leg_ends(item.leg_id)
    await desk.tasks.run()
    assert not dials(desk)
    assert (one.state, one.attempts, one.result.value) == (CallbackState.PAUSED, 0, "not-called")


async def test_withdrawn_as_the_agent_picks_up_nobody_is_left_in_silence(desk: Desk) -> None:
    room = desk.room
    room.agent("ann")
    _, one = await desk.promise()
    item = desk.turn(one)
    assert item.alert is not None
    reservation = item.alert.reservation_id
    desk.callbacks.withdraw(one.callback_id, "u-boss")
    room.fact(ports.LegsConnected(SERVER, item.leg_id, LegId(reservation), room.time.now()))
    assert room.telephony.acts[-1] == ("hang-up", item.leg_id)
    assert room.work_of("ann") == "idle"
    assert room.picture.agents[next(iter(room.picture.agents))].presence == "ready"
    room.check_clean()


async def test_who_is_transferred_is_on_the_line_in_the_other_queue_too(desk: Desk) -> None:
    """He has answered: nothing stands in for him a second time, and when he hangs up he has given up."""
    room = desk.room
    room.agent("ann")
    room.agent("bea", 2)
    _, one = await desk.promise()
    item, leg = await desk.agent_takes(one)
    desk.reached(item)
    his_leg, segment = item.leg_id, item.segment
    assert segment is not None
    room.assignments.transfers.begin(item, segment, room.picture.queues[QUEUE])()
    room.leg_ends(leg)
    (order,) = [act for act in room.telephony.alerts if act.reservation_id == item.alert.reservation_id]
    assert (item.leg_id, order.caller_leg, order.call) == (his_leg, his_leg, None)
    room.leg_ends(his_leg)
    room.alert_ends(order.reservation_id, ports.AlertFailure.REVOKED)
    assert (item.outcome, item.visit.end, one.state) == (Outcome.ANSWERED, VisitEnd.ABANDONED, CallbackState.DONE)
    assert (room.work_of("ann"), room.work_of("bea")) == ("idle", "idle")
    room.check_clean()


async def test_the_limits_of_a_queue_are_his_again_once_he_is_on_the_line(desk: Desk) -> None:
    """He waits there himself: he is among those who fill it, and is sent on when he has waited for too long."""
    room, busy = desk.room, QueueId("q-busy")
    room.define(queue(queue_id=busy, name="Busy", max_waiting=1, max_wait=60.0, when_too_long=Way(QUEUE)))
    overflow = Overflow(room.assignments, room.publisher, room.time, room.ids, lambda: ())
    room.agent("ann", queues={QUEUE: Service()})
    _, one = await desk.promise()
    item, leg = await desk.agent_takes(one)
    desk.reached(item)
    segment = item.segment
    assert segment is not None
    room.assignments.transfers.begin(item, segment, room.picture.queues[busy])()
    room.leg_ends(leg)
    assert isinstance(room.assignments.enqueue(SERVER, room.arrive("1780000000.9").leg_id, BUSY), ports.Diverted)
    room.time.advance(60)
    overflow.look()
    assert item.visit is not None
    assert (item.visit.queue_id, item.phase) == (QUEUE, Phase.ALERTING)
    room.check_clean()
