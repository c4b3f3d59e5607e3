"""The process manager with the real engine and router: what decisions and facts make of each other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contactcenter.core.errors import NotFound
from contactcenter.core.ids import AgentId, LegId, PersonId, QueueId, ReservationId, ServerId, SkillId
from contactcenter.interactions import model, ports
from contactcenter.interactions.model import EndedBy, Interaction, Outcome, Phase, VisitEnd
from contactcenter.interactions.ports import AlertFailure, FlowExit
from routing import commands as routing
from tests.fakes.room import QUEUE, SERVER, FakeTelephony, Room, queue

CALLER = "1780000000.1"


def make_room(**more: Any) -> Room:
    return Room(**more)


def alerted(room: Room) -> tuple[str, ReservationId]:
    order = room.telephony.alerts[-1]
    return order.device.agent_id, order.reservation_id


def talking(room: Room) -> tuple[Interaction, str]:
    room.agent("ann")
    item = room.call()
    leg = room.connect(item)
    return item, leg


# ------------------------------------------------------------------ arrival and flow


@pytest.mark.parametrize("name", ["Support", QUEUE])
def test_a_queue_that_was_deactivated_takes_no_calls(name: str) -> None:
    """Those already in line stay; the flow of a new one gets NotFound and goes to its fallback."""
    room = make_room()
    waiting = room.call()
    room.define(queue(is_active=False))
    late = room.arrive("1780000000.2")
    with pytest.raises(NotFound, match="queue-unknown"):
        room.enqueue(late, name)
    assert (late.phase, waiting.phase) == (Phase.FLOW, Phase.WAITING)


def test_a_flow_slower_than_the_hang_up_begins_no_second_interaction() -> None:
    """A ghost in a queue would ring one agent after the other for nobody."""
    room = make_room()
    room.leg_ends(CALLER)
    arrived = ports.CallArrived(SERVER, LegId(CALLER), CALLER, "+4930901820", "", "2000", room.time.now())
    room.assignments.call_arrived(arrived)
    assert not room.picture.interactions
    with pytest.raises(NotFound):
        room.assignments.enqueue(SERVER, LegId(CALLER), ports.EnqueueOrder(QUEUE))


def test_an_alert_that_became_a_conversation_is_not_over_when_it_is_said_so() -> None:
    room = make_room()
    item, leg = talking(room)
    room.alert_ends(leg, AlertFailure.REVOKED)
    assert item.phase is Phase.TALKING
    room.part(item, leg, first=leg)
    room.leg_ends(leg)
    assert item.segment is not None
    assert item.segment.ended_by is EndedBy.AGENT


def test_a_call_arrives_once_whoever_tells_first() -> None:
    """AMI's Newchannel and the FastAGI session race; the second changes nothing."""
    room = make_room()
    looked_up: list[Interaction] = []
    room.assignments.lookup = looked_up.append
    first = room.arrive(name="Ada")
    second = room.arrive(name="somebody else")
    assert second is first
    assert first.caller_name == "Ada"
    assert looked_up == [first]
    assert len(room.events(model.InteractionArrived)) == 1
    other = ports.CallArrived(ServerId("pbx-2"), LegId(CALLER), CALLER, "1", "", "1000", room.time.now())
    room.fact(other)
    assert len(room.picture.interactions) == 2, "the same Uniqueid on another server is another call"


def test_flows_by_dialed_number() -> None:
    room = make_room()
    room.picture.flows = {"1000": "support"}
    leg = room.arrive().leg_id
    assert room.assignments.flow_for(SERVER, leg, "1000") == "support"
    assert room.assignments.flow_for(SERVER, leg, "999") is None
    assert room.assignments.flow_for(SERVER, LegId("1780000000.404"), "1000") == "support"


def test_enqueue_begins_a_visit_and_keeps_what_was_chosen() -> None:
    room = make_room()
    room.picture.skills = {"German": SkillId("s-de")}
    item = room.arrive()
    room.time.advance(12)
    room.enqueue(item, "SUPPORT", priority=3, skills={"German": 2, "unknown": 1}, choices=("Technical",))
    assert item.phase is Phase.WAITING
    assert item.visit is not None
    assert item.visit.skills == {"s-de": 2, "unknown": 1}
    assert (item.visit.priority, item.choices) == (3, ("Technical",))
    assert item.visit.entered_at == room.time.now()
    (queued,) = room.events(model.InteractionQueued)
    assert queued.queue_id == QUEUE


@pytest.mark.parametrize("leg, name", [(CALLER, "no such queue"), ("1780000000.404", "Support")])
def test_enqueue_of_the_unknown_changes_nothing(leg: str, name: str) -> None:
    room = make_room()
    item = room.arrive()
    with pytest.raises(NotFound):
        room.assignments.enqueue(SERVER, LegId(leg), ports.EnqueueOrder(name))
    assert item.phase is Phase.FLOW
    assert item.visit is None
    assert room.engine.items == {}


def test_a_second_queue_ends_the_first_visit() -> None:
    room = make_room(queues=[queue(), queue(queue_id=QueueId("q-vip"), name="VIP")])
    item = room.call()
    first = item.visit
    room.time.advance(30)
    room.enqueue(item, "VIP")
    assert first is not None
    assert (first.end, first.ended_at) == (VisitEnd.FLOWED_OUT, room.time.now())
    assert item.visit is not None
    assert item.visit.queue_id == "q-vip"
    assert room.engine.items[item.interaction_id].queue_id == "q-vip"


@pytest.mark.parametrize(
    "phase, told",
    [
        (Phase.FLOW, "ivr"),
        (Phase.WAITING, "hold"),
        (Phase.ALERTING, "hold"),
        (Phase.TALKING, "hangup"),
        (Phase.LEAVING, "hangup"),
        (Phase.ENDED, "hangup"),
    ],
)
def test_what_a_caller_does_next(phase: Phase, told: str) -> None:
    room = make_room()
    item = room.arrive()
    item.phase = phase
    assert room.assignments.what_next(SERVER, item.leg_id) == told
    assert room.assignments.what_next(SERVER, LegId("unknown.1")) == "ivr"


@pytest.mark.parametrize(
    "exit, outcome, phase",
    [
        (FlowExit.NO_SERVICE, Outcome.NO_SERVICE, Phase.LEAVING),
        (FlowExit.HANG_UP, Outcome.LEFT_IN_FLOW, Phase.LEAVING),
        (FlowExit.FALLBACK, Outcome.LEFT_IN_FLOW, Phase.FLOW),
    ],
)
def test_a_flow_that_ends_without_a_queue(exit: FlowExit, outcome: Outcome, phase: Phase) -> None:
    room = make_room()
    item = room.arrive()
    room.assignments.flow_left(SERVER, item.leg_id, exit)
    assert item.phase is phase
    room.leg_ends(CALLER)
    assert item.outcome is outcome
    room.assignments.flow_left(SERVER, LegId("unknown.1"), exit)


# ------------------------------------------------------------------ reservation and alert


def test_the_alert_goes_out_before_anything_is_told() -> None:
    room = make_room()
    told: list[str] = []

    class Ordered(FakeTelephony):
        def alert(self, order: ports.AlertOrder) -> None:
            told.append("alert")
            super().alert(order)

    room.assignments.telephony = room.telephony = Ordered()
    announce = room.publisher.announce

    def noting(*events: Any, **more: Any) -> None:
        told.extend(type(event).__name__ for event in events)
        announce(*events, **more)

    room.publisher.announce = noting
    room.agent("ann")
    told.clear()
    item = room.call()
    assert told == ["InteractionArrived", "InteractionQueued", "alert", "ReservationMade"]
    assert item.phase is Phase.ALERTING
    (made,) = room.events(model.ReservationMade)
    assert made.why["rule"]
    assert made.expires_at == room.time.now() + timedelta(seconds=20)


def test_the_pbx_rings_a_little_longer_than_the_reservation() -> None:
    room = make_room()
    room.agent("ann")
    item = room.call()
    (order,) = room.telephony.alerts
    assert order.ring_time == 22.0
    assert (order.caller_leg, order.device.endpoint) == (item.leg_id, "agent-1001")


def test_answered_is_talking_with_a_segment_of_the_reservations_id() -> None:
    room = make_room()
    room.agent("ann")
    item = room.call()
    room.time.advance(7)
    leg = room.connect(item)
    assert item.phase is Phase.TALKING
    assert item.alert is None
    assert item.segment is not None
    assert (item.segment.segment_id, item.segment.answered_at) == (leg, room.time.now())
    assert item.visit is not None
    assert (item.visit.end, item.waited) == (VisitEnd.ANSWERED, 7.0)
    (connected,) = room.events(model.AgentConnected)
    assert connected.wait_time == 7.0
    (ended,) = room.events(model.ReservationEnded)
    assert ended.state == "accepted"
    assert room.work_of("ann") == "handling"
    room.check_clean()


def test_no_answer_goes_to_the_next_with_the_place_kept() -> None:
    room = make_room()
    room.agent("ann", 1, idle=100)
    room.agent("bob", 2, idle=50)
    item = room.call()
    later = room.call("1780000000.2", priority=0)  # is given to bob at once
    assert later.phase is Phase.ALERTING
    assert item.visit is not None
    entered = item.visit.entered_at
    first = room.telephony.alerts[0]
    assert first.device.agent_id == "a-ann"
    room.time.advance(20.0)
    assert ("revoke", first.reservation_id) in room.telephony.acts
    assert item.phase is Phase.ALERTING, "offered to nobody until the leg is surely gone"
    assert len(room.telephony.alerts) == 2
    room.alert_ends(first.reservation_id, AlertFailure.REVOKED)
    assert item.phase is Phase.WAITING
    assert item.visit.entered_at == entered
    assert room.engine.items[item.interaction_id].entered_at == entered.timestamp()
    ann = room.picture.agents[AgentId("a-ann")]
    assert (ann.presence, ann.reason) == ("not-ready", "no-answer")
    room.agent("cay", 3)
    assert alerted(room)[0] == "a-cay"
    assert room.picture.find_by_leg(SERVER, item.leg_id) is item
    (ended,) = [one for one in room.events(model.ReservationEnded) if one.reservation_id == first.reservation_id]
    assert (ended.state, ended.failure) == ("timed_out", "timed-out")


@pytest.mark.parametrize(
    "failure, reason",
    [
        (AlertFailure.NO_ANSWER, "no-answer"),
        (AlertFailure.REJECTED, "rejected"),
        (AlertFailure.BUSY, "busy"),
        (AlertFailure.UNREACHABLE, "phone"),
        (AlertFailure.FAILED, "phone"),
        (AlertFailure.CALLER_GONE, ""),
        (AlertFailure.LOST, ""),
    ],
)
def test_a_failed_alert_blames_the_agent_or_not(failure: AlertFailure, reason: str) -> None:
    room = make_room()
    room.agent("ann", 1, idle=100)
    room.agent("bob", 2)
    item = room.call()
    agent_id, reservation = alerted(room)
    assert agent_id == "a-ann"
    room.alert_ends(reservation, failure)
    ann = room.picture.agents[AgentId("a-ann")]
    assert (ann.presence, ann.reason) == (("not-ready", reason) if reason else ("ready", ""))
    assert alerted(room)[0] == "a-bob", "the next agent, whoever was to blame"
    assert item.phase is Phase.ALERTING
    assert item.alert is not None
    assert item.alert.agent_id == "a-bob"


def test_rejected_on_screen() -> None:
    room = make_room()
    room.agent("ann", 1, idle=100)
    room.agent("bob", 2)
    item = room.call()
    assert item.alert is not None
    room.assignments.reject_on_screen(item.alert)
    _, reservation = alerted(room)
    assert room.telephony.acts[-1] == ("revoke", reservation)
    room.alert_ends(reservation, AlertFailure.REVOKED)
    assert room.picture.agents[AgentId("a-ann")].reason == "rejected"
    assert alerted(room)[0] == "a-bob"
    room.check_clean()


def test_answered_after_all_while_it_was_being_taken_back() -> None:
    room = make_room()
    room.agent("ann", 1, idle=100)
    room.agent("bob", 2)
    item = room.call()
    room.time.advance(20)
    room.connect(item)
    assert item.phase is Phase.TALKING
    assert room.work_of("ann") == "handling"
    assert room.work_of("bob") == "idle"
    room.time.advance(60)
    assert [act for act in room.telephony.acts if act[0] == "revoke"] == [room.telephony.acts[1]]


def test_a_lost_revoke_is_said_again() -> None:
    room = make_room()
    room.agent("ann")
    room.call()
    room.time.advance(20 + 5 + 5)
    assert [act[0] for act in room.telephony.acts] == ["alert", "revoke", "revoke", "revoke"]


def test_agent_signs_off_while_ringing() -> None:
    room = make_room()
    room.agent("ann")
    item = room.call()
    room.fact(ports.DeviceChanged(SERVER, "agent-1001", False, "UNAVAILABLE", room.time.now()))
    _, reservation = alerted(room)
    assert room.telephony.acts[-1] == ("revoke", reservation)
    room.alert_ends(reservation, AlertFailure.REVOKED)
    assert item.phase is Phase.WAITING
    ann = room.picture.agents[AgentId("a-ann")]
    assert (ann.presence, ann.device_usable) == ("ready", False)


# ------------------------------------------------------------------ the caller leaves: one test per row of PHASES


def test_caller_leaves_in_the_flow() -> None:
    room = make_room()
    item = room.arrive()
    room.leg_ends(CALLER)
    assert (item.phase, item.outcome) == (Phase.ENDED, Outcome.LEFT_IN_FLOW)
    assert room.picture.interactions == {}
    (ended,) = room.events(model.InteractionEnded)
    assert ended.outcome is Outcome.LEFT_IN_FLOW


def test_caller_leaves_the_queue() -> None:
    room = make_room()
    item = room.call()
    room.time.advance(33)
    room.leg_ends(CALLER)
    assert item.visit is not None
    assert (item.outcome, item.visit.end, item.waited) == (Outcome.ABANDONED, VisitEnd.ABANDONED, 33.0)
    (abandoned,) = room.events(model.VisitAbandoned)
    assert abandoned.wait_time == 33.0
    assert room.engine.items == {}
    assert room.picture.interactions == {}
    room.check_clean()


def test_caller_leaves_while_an_agent_is_alerted() -> None:
    room = make_room()
    room.agent("ann")
    item = room.call()
    _, reservation = alerted(room)
    room.leg_ends(CALLER)
    assert (item.phase, item.outcome) == (Phase.ENDED, Outcome.ABANDONED)
    assert room.telephony.acts[-1] == ("revoke", reservation)
    assert room.picture.interactions, "kept until the alert is over"
    room.alert_ends(reservation, AlertFailure.REVOKED)
    assert room.picture.interactions == {}
    assert (room.picture.agents[AgentId("a-ann")].presence, room.work_of("ann")) == ("ready", "idle")
    room.check_clean()


def test_caller_leaves_the_conversation() -> None:
    room = make_room()
    item, leg = talking(room)
    room.time.advance(90)
    room.part(item, leg, first=CALLER)
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    assert item.segment is not None
    assert item.segment.ended_by is EndedBy.CUSTOMER
    assert (item.phase, item.outcome) == (Phase.ENDED, Outcome.ANSWERED)
    (over,) = room.events(model.ConversationEnded)
    assert over.talk_time == 90.0
    room.check_clean()


def test_caller_ends_without_a_parting() -> None:
    """The BridgeLeave was lost: his end is the end of the conversation."""
    room = make_room()
    item, _ = talking(room)
    room.leg_ends(CALLER)
    assert item.segment is not None
    assert item.segment.ended_by is EndedBy.CUSTOMER
    assert item.outcome is Outcome.ANSWERED
    assert room.work_of("ann") == "wrap-up"


def test_agent_leaves_first() -> None:
    room = make_room()
    item, leg = talking(room)
    room.part(item, leg, first=leg)
    assert item.segment is not None
    assert (item.segment.ended_by, item.phase) == (EndedBy.AGENT, Phase.LEAVING)
    assert room.assignments.what_next(SERVER, item.leg_id) == "hangup"
    room.leg_ends(leg)
    room.leg_ends(CALLER)
    assert (item.phase, item.outcome) == (Phase.ENDED, Outcome.ANSWERED)
    assert len(room.events(model.ConversationEnded)) == 1
    room.check_clean()


def test_agent_hung_up_on_screen_whichever_leg_goes_first() -> None:
    room = make_room()
    item, leg = talking(room)
    assert item.segment is not None
    room.assignments.hang_up_on_screen(item, item.segment)
    assert room.telephony.acts[-1] == ("hang-up", leg)
    room.part(item, leg, first=CALLER)
    assert item.segment.ended_by is EndedBy.AGENT


def test_the_agents_leg_ends_without_a_parting() -> None:
    room = make_room()
    item, leg = talking(room)
    room.leg_ends(leg)
    assert item.segment is not None
    assert (item.segment.ended_by, item.phase) == (EndedBy.AGENT, Phase.LEAVING)


@pytest.mark.parametrize(
    "prepare, outcome",
    [("flow", Outcome.LOST), ("waiting", Outcome.LOST), ("alerting", Outcome.LOST), ("talking", Outcome.ANSWERED)],
)
def test_the_pbx_takes_the_call_down(prepare: str, outcome: Outcome) -> None:
    room = make_room()
    item = room.arrive()
    if prepare in ("alerting", "talking"):
        room.agent("ann")
    if prepare != "flow":
        room.enqueue(item)
    if prepare == "talking":
        room.connect(item)
    room.leg_ends(CALLER, 0, "pbx-restarted")
    assert (item.outcome, item.end_reason) == (outcome, "pbx-restarted")
    if prepare == "talking":
        assert item.segment is not None
        assert item.segment.ended_by is EndedBy.SYSTEM


# ------------------------------------------------------------------ wrap-up


def wrapping_up(room: Room) -> Interaction:
    item, leg = talking(room)
    room.part(item, leg, first=CALLER)
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    return item


def test_wrap_up_ends_by_its_timer() -> None:
    room = make_room()
    item = wrapping_up(room)
    assert item.segment is not None
    assert item.segment.wrap_up_until == room.time.now() + timedelta(seconds=30)
    assert room.work_of("ann") == "wrap-up"
    room.time.advance(29.9)
    assert item.segment.is_open
    room.time.advance(0.2)
    assert not item.segment.is_open
    (ended,) = room.events(model.WrapUpEnded)
    assert ended.by == "timer"
    assert room.picture.interactions == {}
    assert room.work_of("ann") == "idle"
    room.check_clean()


def test_wrap_up_ends_by_the_agent() -> None:
    room = make_room()
    item = wrapping_up(room)
    room.router.submit(routing.EndWrapUp(AgentId("a-ann"), item.interaction_id))
    (ended,) = room.events(model.WrapUpEnded)
    assert ended.by == "agent"
    assert room.picture.interactions == {}


def test_wrap_up_extended() -> None:
    room = make_room()
    item = wrapping_up(room)
    assert item.segment is not None
    assert item.segment.wrap_up_until is not None
    until = item.segment.wrap_up_until
    room.router.submit(routing.ExtendWrapUp(AgentId("a-ann"), item.interaction_id, 60.0))
    assert item.segment.wrap_up_until == until + timedelta(seconds=60)
    (extended,) = room.events(model.WrapUpExtended)
    assert extended.until == item.segment.wrap_up_until
    room.time.advance(31)
    assert item.segment.is_open
    room.time.advance(60)
    assert not item.segment.is_open


def test_a_queue_without_wrap_up_lets_the_agent_go_at_once() -> None:
    room = make_room(queues=[queue(wrap_up_time=0.0)])
    item = wrapping_up(room)
    assert item.segment is not None
    assert (item.segment.wrap_up_until, item.segment.is_open) == (None, False)
    (ended,) = room.events(model.WrapUpEnded)
    assert ended.by == "none"
    assert room.picture.interactions == {}
    assert room.work_of("ann") == "idle"
    room.check_clean()


def test_wrap_up_may_end_before_the_customer_has_gone() -> None:
    room = make_room(queues=[queue(wrap_up_time=0.0)])
    item, leg = talking(room)
    room.part(item, leg, first=leg)
    room.leg_ends(leg)
    assert item.interaction_id in room.picture.interactions, "the customer is still on the line"
    room.leg_ends(CALLER)
    assert room.picture.interactions == {}


def test_another_agents_wrap_up_closes_no_part_of_mine() -> None:
    """The caller went back into the queue; the first agent's wrap-up runs out while the second talks to him."""
    room = make_room()
    room.agent("ann", 1, idle=100)
    item = room.call()
    leg = room.connect(item)
    room.part(item, leg, first=leg)
    room.agent("bob", 2)
    room.enqueue(item)
    room.connect(item)
    assert item.segment is not None
    assert item.segment.agent_id == "a-bob"
    room.time.advance(31)
    assert item.segment.is_open
    assert room.work_of("ann") == "idle"
    assert (item.phase, room.work_of("bob")) == (Phase.TALKING, "handling")


def test_presence_chosen_while_talking_holds_after_it() -> None:
    room = make_room(queues=[queue(wrap_up_time=0.0)])
    item, leg = talking(room)
    room.router.submit(routing.SetPresence(AgentId("a-ann"), routing.Presence.NOT_READY, "lunch"))
    assert room.picture.agents[AgentId("a-ann")].reason == "lunch"
    room.part(item, leg, first=leg)
    waiting = room.call("1780000000.2")
    assert waiting.phase is Phase.WAITING


# ------------------------------------------------------------------ late, repeated and odd news


def test_late_facts_of_a_call_that_is_over_change_nothing() -> None:
    room = make_room(queues=[queue(wrap_up_time=0.0)])
    item = wrapping_up(room)
    before = len(room.publisher.events)
    assert item.segment is not None
    leg = item.segment.segment_id
    room.fact(ports.LegsConnected(SERVER, item.leg_id, LegId(leg), room.time.now()))
    room.part(item, leg, first=CALLER)
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    room.fact(ports.LegRinging(SERVER, LegId(leg), room.time.now()))
    room.fact(ports.LegAnswered(SERVER, LegId(leg), room.time.now()))
    room.alert_ends(leg, AlertFailure.NO_ANSWER)
    assert len(room.publisher.events) == before
    assert room.picture.interactions == {}
    assert room.picture.agents[AgentId("a-ann")].presence == "ready"


def test_a_repeated_parting_counts_once() -> None:
    room = make_room()
    item, leg = talking(room)
    room.part(item, leg, first=CALLER)
    room.time.advance(5)
    room.part(item, leg, first=leg)
    assert len(room.events(model.ConversationEnded)) == 1
    assert item.segment is not None
    assert item.segment.ended_by is EndedBy.CUSTOMER


def test_an_illegal_step_is_counted_and_changes_nothing() -> None:
    room = make_room()
    item = room.call()
    room.assignments.flow_left(SERVER, item.leg_id, FlowExit.HANG_UP)
    assert room.assignments.illegal_steps == 1
    assert item.phase is Phase.WAITING


STRAY = "01ksr492z8gbhfea5mz914gqht"


@pytest.mark.parametrize(
    "leg, hung_up", [(STRAY, True), ("1780000000.77", False), ("pbx-1-1780000000.77", False), (STRAY.upper(), False)]
)
def test_a_leg_of_ours_that_nobody_waits_for_may_not_keep_the_caller(leg: str, hung_up: bool) -> None:
    """An alert from before a restart was answered at last; the caller stays in line for the right agent."""
    room = make_room()
    item = room.call()
    room.fact(ports.LegsConnected(SERVER, item.leg_id, LegId(leg), room.time.now()))
    assert (("hang-up", leg) in room.telephony.acts) is hung_up
    assert item.phase is Phase.WAITING


def test_a_stray_leg_does_not_end_a_conversation() -> None:
    room = make_room()
    item, _ = talking(room)
    room.fact(ports.LegsConnected(SERVER, item.leg_id, LegId(STRAY), room.time.now()))
    assert ("hang-up", STRAY) not in room.telephony.acts
    assert item.phase is Phase.TALKING


def test_facts_of_the_unknown_are_passed_over() -> None:
    room = make_room()
    now, unknown = room.time.now(), LegId("x.1")
    room.fact(ports.LegsConnected(SERVER, unknown, LegId("y.1"), now))
    room.fact(ports.LegsParted(SERVER, unknown, LegId("y.1"), unknown, now))
    room.fact(ports.LegEnded(SERVER, unknown, 16, now))
    room.fact(ports.LegRinging(SERVER, unknown, now))
    room.fact(ports.DeviceChanged(SERVER, "agent-9999", True, "NOT_INUSE", now))
    room.alert_ends("nobody", AlertFailure.FAILED)
    assert room.picture.interactions == {}
    assert room.assignments.illegal_steps == 0


# ------------------------------------------------------------------ link and devices


def test_link_down_takes_every_device_of_that_pbx() -> None:
    room = make_room()
    room.agent("ann", 1)
    far = room.agent("far", 2)
    far.record = replace(far.record, device=replace(far.record.device, server_id=ServerId("pbx-2")))
    item = room.call()
    assert item.phase is Phase.ALERTING
    room.fact(ports.LinkChanged(SERVER, False, "link-lost", room.time.now()))
    ann = room.picture.agents[AgentId("a-ann")]
    assert (ann.device_usable, far.device_usable) == (False, True)
    link = room.picture.links[SERVER]
    assert (link.up, link.reason, link.since) == (False, "link-lost", room.time.now())
    (changed,) = room.events(model.PbxLinkChanged)
    assert (changed.up, changed.reason) == (False, "link-lost")
    waiting = room.call("1780000000.2")
    assert waiting.phase is Phase.ALERTING, "the agent on the other PBX still works"
    assert waiting.alert is not None
    assert waiting.alert.agent_id == "a-far"


def test_a_device_that_comes_back_gets_the_first_in_line() -> None:
    room = make_room()
    room.agent("ann", usable=False)
    first = room.call()
    room.time.advance(1)
    second = room.call("1780000000.2")
    room.fact(ports.DeviceChanged(SERVER, "agent-1001", True, "NOT_INUSE", room.time.now()))
    assert (first.phase, second.phase) == (Phase.ALERTING, Phase.WAITING)


# ------------------------------------------------------------------ the customer


def test_vip_found_after_enqueue_moves_ahead() -> None:
    room = make_room()
    first = room.call()
    room.time.advance(10)
    second = room.call("1780000000.2")
    entered = second.visit.entered_at if second.visit else None
    card = {"person": {"person_id": "p-1", "vip": True}}
    room.assignments.customer_found(second, card, PersonId("p-1"), 95, True, is_news=True)
    assert (second.vip, second.person_id, second.card) == (True, "p-1", card)
    assert room.engine.items[second.interaction_id].vip
    assert second.visit is not None
    assert second.visit.entered_at == entered
    room.agent("ann")
    assert (first.phase, second.phase) == (Phase.WAITING, Phase.ALERTING)
    (recognised,) = room.events(model.CustomerRecognised)
    assert (recognised.person_id, recognised.confidence) == ("p-1", 95)
    room.check_clean()


def test_vip_found_in_the_flow_counts_when_queued() -> None:
    room = make_room()
    item = room.arrive()
    room.assignments.customer_found(item, {}, None, 0, True, is_news=False)
    room.enqueue(item)
    assert room.engine.items[item.interaction_id].vip
    assert room.events(model.CustomerRecognised) == []


def test_vip_found_while_alerting_changes_no_alert() -> None:
    room = make_room()
    room.agent("ann")
    item = room.call()
    room.assignments.customer_found(item, {}, None, 0, True, is_news=False)
    assert item.vip
    room.check_clean()


def test_customer_found_after_the_call_is_kept_with_it() -> None:
    room = make_room()
    item = room.arrive()
    room.leg_ends(CALLER)
    room.assignments.customer_found(item, {}, PersonId("p-1"), 90, False, is_news=True)
    assert item.person_id == "p-1"
    assert len(room.events(model.CustomerRecognised)) == 1
    assert room.picture.interactions == {}


def test_screens_hear_of_every_change() -> None:
    room = make_room()
    touched: list[str] = []
    room.picture.watch(touched.append)
    room.agent("ann")
    item = room.call()
    key = f"work:{item.interaction_id}"
    assert {key, f"queue:{QUEUE}", "agent:a-ann"} <= set(touched)
    touched.clear()
    room.connect(item)
    assert {key, f"queue:{QUEUE}", "agent:a-ann"} <= set(touched)
    touched.clear()
    room.leg_ends(CALLER)
    assert {key, f"queue:{QUEUE}", "agent:a-ann"} <= set(touched)
    touched.clear()
    room.time.advance(40)
    assert {key, "agent:a-ann"} <= set(touched)
    room.fact(ports.LinkChanged(SERVER, False, "x", room.time.now()))
    assert f"link:{SERVER}" in touched
