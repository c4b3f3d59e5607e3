"""Conversations on hold: who asks, what came of it, and a leg that dies at each moment."""

from datetime import timedelta

import pytest

from contactcenter.core.ids import LegId
from contactcenter.interactions import ports
from contactcenter.interactions.model import (
    ConversationEnded,
    CustomerHeld,
    CustomerRetrieved,
    EndedBy,
    InteractionEnded,
    Outcome,
    Phase,
)
from tests.fakes.room import SERVER, Room

CALLER = "1780000000.1"


@pytest.fixture
def room():
    made = Room()
    made.agent("ann")
    return made


@pytest.fixture
def talk(room):
    item = room.call()
    return item, room.connect(item)


def asked(room, kind):
    return [act for act in room.telephony.acts if act[0] == kind]


def test_the_times_of_talk_and_hold_are_apart(room, talk):
    item, leg = talk
    room.time.advance(10)
    room.hold(item, leg)
    assert (item.phase, item.segment.held_since) == (Phase.HELD, room.time.now())
    room.time.advance(4)
    room.retrieve(item, leg)
    assert (item.phase, item.segment.held_since, item.segment.hold_time) == (Phase.TALKING, None, 4.0)
    room.time.advance(5)
    room.hold(item, leg)
    room.time.advance(2)
    room.retrieve(item, leg)
    room.time.advance(1)
    room.part(item, leg, first=CALLER)
    room.leg_ends(CALLER)
    assert (item.segment.talk_time, item.segment.hold_time, item.segment.holds) == (16.0, 6.0, 2)
    (over,) = room.events(ConversationEnded)
    assert (over.talk_time, over.hold_time) == (16.0, 6.0)
    assert [one.hold_time for one in room.events(CustomerRetrieved)] == [4.0, 2.0]
    assert len(room.events(CustomerHeld)) == 2
    assert (item.outcome, item.segment.ended_by, room.work_of("ann")) == (Outcome.ANSWERED, EndedBy.CUSTOMER, "wrap-up")
    room.check_clean()


def test_the_agent_works_on_all_the_while(room, talk):
    item, leg = talk
    room.hold(item, leg)
    assert room.work_of("ann") == "handling"
    second = room.call("1780000000.2")
    assert second.phase is Phase.WAITING
    room.retrieve(item, leg)
    assert room.work_of("ann") == "handling"


def test_nothing_is_on_hold_until_the_pbx_says_so(room, talk):
    item, _ = talk
    room.assignments.holds.hold(item, item.segment)
    assert (item.phase, item.segment.held_since) == (Phase.TALKING, None)
    assert room.events(CustomerHeld) == []


def test_asked_twice_it_is_done_once_and_again_when_it_came_to_nothing(room, talk):
    item, leg = talk
    room.assignments.holds.hold(item, item.segment)
    room.assignments.holds.hold(item, item.segment)
    assert asked(room, "hold") == [("hold", LegId(CALLER), LegId(leg))]
    room.time.advance(2.5)
    room.assignments.holds.hold(item, item.segment)
    assert len(asked(room, "hold")) == 2
    room.fact(ports.LegsHeld(SERVER, item.leg_id, LegId(leg), room.time.now()))
    room.assignments.holds.retrieve(item, item.segment)
    room.assignments.holds.retrieve(item, item.segment)
    assert asked(room, "retrieve") == [("retrieve", LegId(leg), "agent-1001")]


def test_he_stays_on_music_also_when_his_question_overtakes_the_news(room, talk):
    item, leg = talk
    assert room.assignments.what_next(SERVER, LegId(CALLER)) == "hangup", "his conversation ended by itself"
    room.assignments.holds.hold(item, item.segment)
    assert room.assignments.what_next(SERVER, LegId(CALLER)) == "hold"
    room.fact(ports.LegsHeld(SERVER, item.leg_id, LegId(leg), room.time.now()))
    room.time.advance(600)
    assert room.assignments.what_next(SERVER, LegId(CALLER)) == "hold"
    room.retrieve(item, leg)
    room.time.advance(5)
    assert room.assignments.what_next(SERVER, LegId(CALLER)) == "hangup"


def test_the_customer_hangs_up_while_on_hold(room, talk):
    item, leg = talk
    room.hold(item, leg)
    room.time.advance(7)
    room.leg_ends(CALLER)
    assert ("hang-up", LegId(leg)) in room.telephony.acts, "the agent hears nobody any more"
    assert (item.segment.ended_by, item.segment.hold_time, item.outcome) == (EndedBy.CUSTOMER, 7.0, Outcome.ANSWERED)
    room.leg_ends(leg)
    assert room.work_of("ann") == "wrap-up"
    assert len(room.events(ConversationEnded)) == len(room.events(InteractionEnded)) == 1
    room.check_clean()


@pytest.mark.parametrize("on_screen", [True, False])
def test_the_agent_hangs_up_while_the_customer_is_on_hold(room, talk, on_screen):
    item, leg = talk
    room.hold(item, leg)
    if on_screen:
        room.assignments.hang_up_on_screen(item, item.segment)
    room.leg_ends(leg)
    assert ("hang-up", LegId(CALLER)) in room.telephony.acts, "no bridge ends it for him"
    assert (item.phase, item.segment.ended_by) == (Phase.LEAVING, EndedBy.AGENT)
    room.leg_ends(CALLER)
    assert (item.outcome, room.work_of("ann")) == (Outcome.ANSWERED, "wrap-up")
    assert len(room.events(ConversationEnded)) == len(room.events(InteractionEnded)) == 1
    room.check_clean()


def test_the_customer_hangs_up_in_the_moment_of_the_hold(room, talk):
    item, leg = talk
    room.hold(item, leg)
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    assert (item.segment.hold_time, item.outcome) == (0.0, Outcome.ANSWERED)
    room.check_clean()


def test_he_hangs_up_while_he_is_being_retrieved(room, talk):
    item, leg = talk
    room.hold(item, leg)
    room.assignments.holds.retrieve(item, item.segment)
    room.leg_ends(CALLER)
    room.leg_ends(leg)
    assert (item.phase, item.segment.ended_by) == (Phase.ENDED, EndedBy.CUSTOMER)
    room.check_clean()


def test_a_leg_of_nobodys_hold_changes_nothing(room, talk):
    item, _ = talk
    room.fact(ports.LegsHeld(SERVER, LegId("1780000000.77"), LegId("x"), room.time.now()))
    room.fact(ports.LegsHeld(SERVER, LegId(CALLER), LegId("another"), room.time.now()))
    assert item.phase is Phase.TALKING
    room.check_clean()


def test_what_is_under_way_is_forgotten_in_time(room, talk):
    item, _ = talk
    room.assignments.holds.hold(item, item.segment)
    room.time.advance(60)
    other = room.agent("bea", 2)
    second = room.call("1780000000.2")
    room.connect(second)
    room.assignments.holds.hold(second, second.segment)
    assert (other.work, list(room.assignments.holds._asked)) == ("handling", [second.interaction_id])


def test_the_clock_of_a_pbx_that_is_behind_ours_counts_no_time_backwards(room, talk):
    item, leg = talk
    room.hold(item, leg)
    room.fact(ports.LegsConnected(SERVER, item.leg_id, LegId(leg), room.time.now() - timedelta(seconds=3)))
    assert (item.phase, item.segment.hold_time) == (Phase.TALKING, 0.0)
