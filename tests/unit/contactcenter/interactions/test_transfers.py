"""Customers sent to a queue: whose part is whose, what the PBX is told, and who hangs up at each moment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contactcenter.core.errors import Conflict
from contactcenter.core.ids import LegId, QueueId
from contactcenter.interactions import ports
from contactcenter.interactions.model import (
    AgentConnected,
    ConversationEnded,
    CustomerTransferred,
    EndedBy,
    Interaction,
    Outcome,
    Phase,
    Segment,
    VisitAbandoned,
    VisitEnd,
    WrapUpEnded,
)
from contactcenter.interactions.overflow import Overflow
from contactcenter.queues.limits import Cause
from contactcenter.queues.model import Way
from routing import commands as routing
from tests.fakes.desk import agent_leg
from tests.fakes.room import QUEUE, SERVER, Room, queue

CALLER = "1780000000.1"
SALES = QueueId("q-sales")


@pytest.fixture
def room() -> Room:
    made = Room(queues=[queue(), queue(queue_id=SALES, name="Sales", wrap_up_time=20.0)])
    made.agent("ann", queues={QUEUE: routing.Service()})
    made.agent("bea", 2, queues={SALES: routing.Service()})
    return made


@pytest.fixture
def talk(room: Room) -> tuple[Interaction, str]:
    item = room.call()
    return item, room.connect(item)


def transfer(room: Room, item: Interaction, to: QueueId = SALES) -> None:
    assert item.segment is not None
    room.assignments.transfers.begin(item, item.segment, room.picture.queues[to])()


def acts(room: Room) -> list[tuple[str, ...]]:
    return [one for one in room.telephony.acts if one[0] in ("let-wait", "hang-up", "hold")]


def end_wrap_up(room: Room, name: str, item: Interaction) -> None:
    room.router.submit(routing.EndWrapUp(room.picture.agents[f"a-{name}"].agent_id, item.interaction_id))


def parts(item: Interaction) -> list[Segment]:
    return item.segments


def test_he_waits_in_the_other_queue_and_each_agent_wraps_up_his_own_part(room, talk):
    item, leg = talk
    room.time.advance(10)
    transfer(room, item)
    assert acts(room) == [("let-wait", LegId(CALLER), LegId(leg), "agent-1001")]
    assert [one[0] for one in room.telephony.acts][-2:] == ["let-wait", "alert"], "he is parted before the next is rung"
    room.part(item, leg, first=leg)
    room.leg_ends(leg)
    assert (item.phase, item.visit.queue_id, item.alert.agent_id) == (Phase.ALERTING, SALES, "a-bea")
    assert item.holders == {"a-ann", "a-bea"}
    assert (room.work_of("ann"), room.work_of("bea")) == ("wrap-up", "reserved")
    room.time.advance(5)
    second = room.connect(item)
    assert [(one.agent_id, one.queue_id, one.transferred_to) for one in parts(item)] == [
        ("a-ann", QUEUE, SALES),
        ("a-bea", SALES, None),
    ]
    assert item.part_of("a-ann") is item.earlier[0]
    room.time.advance(2)
    end_wrap_up(room, "ann", item)
    assert (item.holders, room.work_of("ann"), room.work_of("bea")) == ({"a-bea"}, "idle", "handling")
    room.part(item, second, first=CALLER)
    room.leg_ends(CALLER)
    room.leg_ends(second)
    assert (item.outcome, item.is_over) == (Outcome.ANSWERED, False)
    end_wrap_up(room, "bea", item)
    assert room.picture.interactions == {}
    assert [one.talk_time for one in room.events(ConversationEnded)] == [10.0, 2.0]
    assert [one.wait_time for one in room.events(AgentConnected)] == [0.0, 5.0]
    (told,) = room.events(CustomerTransferred)
    assert (told.agent_id, told.queue_id, told.to_queue_id) == ("a-ann", QUEUE, SALES)
    room.check_clean()


def test_it_is_over_when_the_last_wrap_up_is(room, talk):
    item, leg = talk
    transfer(room, item)
    room.leg_ends(leg)
    second = room.connect(item)
    room.leg_ends(CALLER)
    room.leg_ends(second)
    end_wrap_up(room, "bea", item)
    assert item.interaction_id in room.picture.interactions, "the first agent is not done yet"
    assert room.assignments._own_segment(item.interaction_id, "a-ann") == (item, item.earlier[0])
    room.time.advance(40)
    assert room.picture.interactions == {}
    assert [(one.agent_id, one.by) for one in room.events(WrapUpEnded)] == [("a-bea", "agent"), ("a-ann", "timer")]
    room.check_clean()


def test_out_of_hold_only_the_agents_leg_is_hung_up(room, talk):
    item, leg = talk
    room.time.advance(10)
    room.hold(item, leg)
    room.time.advance(4)
    transfer(room, item)
    assert acts(room)[1:] == [("hang-up", LegId(leg))]
    room.leg_ends(leg)
    assert (item.earlier or [item.segment])[0].hold_time == 4.0
    assert (item.segment.talk_time, item.segment.held_since) == (10.0, None)
    assert room.assignments.what_next(SERVER, LegId(CALLER)) == "hold"
    room.check_clean()


@pytest.mark.parametrize(
    "cause, code",
    [
        (Cause.CLOSED, "queue-closed"),
        (Cause.FULL, "queue-full"),
        (Cause.TOO_LONG, "queue-full"),
        (Cause.NOBODY, "queue-unserved"),
    ],
)
def test_a_queue_that_takes_nobody_changes_nothing(room, talk, cause, code):
    item, _ = talk
    room.assignments.transfers.refusal = lambda item, queue: cause
    with pytest.raises(Conflict) as error:
        transfer(room, item)
    assert (error.value.code, item.phase, item.segment.transferred_to, acts(room)) == (code, Phase.TALKING, None, [])
    room.check_clean()


def test_he_hangs_up_while_he_waits_there(room, talk):
    item, leg = talk
    room.router.submit(routing.SetPresence(room.picture.agents["a-bea"].agent_id, routing.Presence.NOT_READY, "break"))
    transfer(room, item)
    room.leg_ends(leg)
    room.time.advance(8)
    room.leg_ends(CALLER)
    assert (item.outcome, item.visit.end) == (Outcome.ANSWERED, VisitEnd.ABANDONED)
    assert [(one.queue_id, one.wait_time) for one in room.events(VisitAbandoned)] == [(SALES, 8.0)]
    end_wrap_up(room, "ann", item)
    assert room.picture.interactions == {}
    room.check_clean()


def test_he_hangs_up_in_the_very_moment(room, talk):
    item, leg = talk
    transfer(room, item)
    room.part(item, leg, first=CALLER)
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    assert (item.segment.ended_by, item.outcome) == (EndedBy.AGENT, Outcome.ANSWERED)
    assert room.work_of("ann") == "wrap-up"
    room.check_clean()


def test_news_of_the_first_leg_that_comes_late_changes_nothing(room, talk):
    item, leg = talk
    room.assignments.holds.hold(item, item.segment)
    transfer(room, item)
    second = room.connect(item)
    room.fact(ports.LegsHeld(SERVER, item.leg_id, LegId(leg), room.time.now()))
    room.part(item, leg, first=leg)
    room.alert_ends(leg, ports.AlertFailure.LOST)
    room.leg_ends(leg)
    assert (item.phase, item.segment.segment_id, item.segment.held_since) == (Phase.TALKING, second, None)
    room.check_clean()


def test_the_same_agent_gets_him_again(room):
    room.picture.remove_agent(room.picture.agents["a-bea"])
    room.router.submit(routing.RemoveAgent("a-bea"))
    item = room.call()
    leg = room.connect(item)
    room.time.advance(3)
    transfer(room, item, QUEUE)
    room.leg_ends(leg)
    assert (item.phase, room.work_of("ann")) == (Phase.WAITING, "wrap-up")
    end_wrap_up(room, "ann", item)
    room.time.advance(1)
    assert item.alert is not None
    room.connect(item)
    assert [(one.is_open, one.agent_id) for one in parts(item)] == [(False, "a-ann"), (True, "a-ann")]
    assert item.part_of("a-ann") is item.segment
    room.check_clean()


def test_who_still_wraps_up_is_done_with_that_as_he_gets_him_again(room, talk):
    """After a gap he may talk again before his wrap-up was known to be over: one agent has one open part."""
    item, leg = talk
    transfer(room, item, QUEUE)
    room.leg_ends(leg)
    room.assignments.adopt_talk(item, "1780000001.000", "a-ann", room.time.now() + timedelta(seconds=2))
    room.router.submit(
        routing.AdoptWork("a-ann", item.interaction_id, item.visit.visit_id, QUEUE, state=routing.Work.HANDLING)
    )
    assert [one.is_open for one in parts(item)] == [False, True], "the router ends his wrap-up, too, not his talk"
    assert [one.by for one in room.events(WrapUpEnded)] == ["again"]
    assert (item.holders, room.work_of("ann")) == ({"a-ann"}, "handling")


def test_texts_of_each_go_to_his_own_part(room, talk):
    item, leg = talk
    transfer(room, item)
    room.leg_ends(leg)
    room.connect(item)
    room.assignments.texts_saved(item, item.part_of("a-ann"), "of ann", None, room.time.now())
    room.assignments.texts_saved(item, item.part_of("a-bea"), "of bea", None, room.time.now())
    assert [one.note for one in parts(item)] == ["of ann", "of bea"]


def test_he_is_sent_on_once_more(room, talk):
    item, leg = talk
    transfer(room, item)
    room.leg_ends(leg)
    second = room.connect(item)
    end_wrap_up(room, "ann", item)
    transfer(room, item, QUEUE)
    room.leg_ends(second)
    third = room.connect(item)
    assert [(one.agent_id, one.transferred_to) for one in parts(item)] == [
        ("a-ann", SALES),
        ("a-bea", QUEUE),
        ("a-ann", None),
    ]
    room.leg_ends(CALLER)
    room.leg_ends(third)
    for name in ("ann", "bea"):
        end_wrap_up(room, name, item)
    assert room.picture.interactions == {}
    room.check_clean()


def test_a_queue_without_wrap_up_leaves_the_first_agent_free_at_once(room):
    room.define(replace(room.picture.queues[QUEUE], wrap_up_time=0.0))
    item = room.call()
    leg = room.connect(item)
    transfer(room, item)
    room.leg_ends(leg)
    assert (room.work_of("ann"), item.holders) == ("idle", {"a-bea"})
    room.check_clean()


def test_a_rule_that_sent_him_on_before_he_talked_holds_again_where_he_is_sent(room):
    """Else he would wait there without end: it was of another wait."""
    room.define(replace(room.picture.queues[QUEUE], max_wait=60.0, when_too_long=Way(SALES)))
    overflow = Overflow(room.assignments, room.publisher, room.time, room.ids, lambda: ())
    ann, bea = (room.picture.agents[f"a-{name}"].agent_id for name in ("ann", "bea"))
    room.router.submit(routing.SetPresence(ann, routing.Presence.NOT_READY, "break"))
    item = room.call()
    room.time.advance(60)
    overflow.look()
    assert (item.visit.queue_id, item.sent_on) == (SALES, {(QUEUE, Cause.TOO_LONG)})
    leg = room.connect(item)
    room.router.submit(routing.SetPresence(bea, routing.Presence.NOT_READY, "break"))
    transfer(room, item, QUEUE)
    room.leg_ends(leg)
    for _ in range(59):
        room.time.advance(1)
        overflow.look()
    assert item.visit.queue_id == QUEUE
    room.time.advance(1)
    overflow.look()
    assert item.visit.queue_id == SALES
    room.check_clean()


def test_an_agent_who_is_gone_is_hung_up_where_the_two_still_talk_after_a_gap(room, talk):
    item, leg = talk
    room.router.submit(routing.SetPresence(room.picture.agents["a-bea"].agent_id, routing.Presence.NOT_READY, "break"))
    transfer(room, item)
    room.picture.remove_agent(room.picture.agents["a-ann"])
    room.telephony.acts.clear()
    assert room.assignments.transfers.part_again(item, agent_leg(leg, "agent-1001", peer=CALLER))
    assert room.telephony.acts == [("hang-up", LegId(leg))]


def test_nobody_is_redirected_while_the_next_agent_is_rung(room, talk):
    item, leg = talk
    transfer(room, item)
    assert item.alert is not None
    room.telephony.acts.clear()
    assert room.assignments.transfers.part_again(item, agent_leg(leg, "agent-1001", peer=CALLER))
    assert room.telephony.acts == [("hang-up", LegId(leg))]
    second = room.connect(item)
    assert not room.assignments.transfers.part_again(item, agent_leg(second, "agent-1002", peer=CALLER))


def test_it_is_told_first_and_carried_out_when_that_is_written(room, talk):
    """Killed in between, he talks on or waits in line by what was written; who left meanwhile is not put in line."""
    item, leg = talk
    carry_out = room.assignments.transfers.begin(item, item.segment, room.picture.queues[SALES])
    assert (item.phase, item.visit.queue_id, acts(room)) == (Phase.WAITING, SALES, [])
    assert item.alert is None
    room.part(item, leg, first=CALLER)
    room.leg_ends(CALLER)
    carry_out()
    assert acts(room) == [("let-wait", LegId(CALLER), LegId(leg), "agent-1001")], "his agent is parted all the same"
    assert (item.outcome, item.visit.end, room.engine.items) == (Outcome.ANSWERED, VisitEnd.ABANDONED, {})
    room.check_clean()
