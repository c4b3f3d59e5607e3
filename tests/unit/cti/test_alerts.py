"""The table of an alert: every (state, signal) pair, and what its end is called."""

import itertools

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId, ServerId
from contactcenter.interactions.ports import AlertFailure, Device
from cti.alerts import REVOKING, TABLE, Act, AlertLeg, Signal, State

R, D, A, B, P, H, C, O = (  # noqa: E741 - the letters of the table below
    State.RINGING,
    State.DISARMING,
    State.ASKING,
    State.ASKING_AGAIN,
    State.PASSED,
    State.HANGING_UP,
    State.CONNECTED,
    State.OVER,
)
NO, DISARM, ASK, HANG_UP, REPORT = Act.NONE, Act.DISARM, Act.ASK, Act.HANG_UP, Act.REPORT

# (state, signal) -> (state, act); a pair that is not here changes nothing. Written by hand, not read from the code.
EXPECTED = {
    (R, Signal.REVOKE): (D, DISARM),
    (R, Signal.CONNECTED): (C, NO),
    (R, Signal.GONE): (O, REPORT),
    (D, Signal.REVOKE): (D, DISARM),
    (D, Signal.DISARMED): (A, ASK),
    (D, Signal.CONNECTED): (C, NO),
    (D, Signal.GONE): (O, REPORT),
    (A, Signal.REVOKE): (A, ASK),
    (A, Signal.HAD_PASSED): (P, NO),
    (A, Signal.HAD_NOT_PASSED): (B, ASK),
    (A, Signal.CONNECTED): (C, NO),
    (A, Signal.GONE): (O, REPORT),
    (B, Signal.REVOKE): (B, ASK),
    (B, Signal.HAD_PASSED): (P, NO),
    (B, Signal.HAD_NOT_PASSED): (H, HANG_UP),
    (B, Signal.CONNECTED): (C, NO),
    (B, Signal.GONE): (O, REPORT),
    (P, Signal.REVOKE): (H, HANG_UP),
    (P, Signal.CONNECTED): (C, NO),
    (P, Signal.GONE): (O, REPORT),
    (H, Signal.REVOKE): (H, HANG_UP),
    (H, Signal.CONNECTED): (C, NO),
    (H, Signal.GONE): (O, REPORT),
}


def leg(state: State = State.RINGING) -> AlertLeg:
    device = Device(AgentId("a1"), ServerId("pbx-1"), "agent-1001")
    return AlertLeg(ReservationId("r1"), device, LegId("c1"), state)


@pytest.mark.parametrize("state, signal", list(itertools.product(State, Signal)))
def test_every_pair(state: State, signal: Signal) -> None:
    one = leg(state)
    after, act = EXPECTED.get((state, signal), (state, Act.NONE))
    assert one.signal(signal) is act
    assert one.state is after


def test_the_table_has_no_row_that_is_not_expected() -> None:
    assert dict(TABLE) == EXPECTED


@pytest.mark.parametrize("state", [R, D, A, P, H])
def test_a_leg_may_die_in_every_state(state: State) -> None:
    one = leg(state)
    assert one.signal(Signal.GONE) is Act.REPORT


@pytest.mark.parametrize("signal", Signal)
def test_what_is_over_stays_over(signal: Signal) -> None:
    for state in (State.OVER, State.CONNECTED):
        one = leg(state)
        assert one.signal(signal) is Act.NONE
        assert one.state is state


def test_no_way_back_to_ringing_and_the_end_is_told_once() -> None:
    assert all(after is not State.RINGING for after, _ in TABLE.values())
    assert all((after is State.OVER) == (act is Act.REPORT) for after, act in TABLE.values())


@pytest.mark.parametrize("state", sorted(REVOKING))
def test_an_alert_that_was_being_taken_back_ends_as_revoked(state: State) -> None:
    one = leg(state)
    one.cause = 17
    one.signal(Signal.GONE)
    assert one.failure() is AlertFailure.REVOKED


@pytest.mark.parametrize(
    "cause, failure",
    [
        (17, AlertFailure.BUSY),
        (21, AlertFailure.REJECTED),
        (18, AlertFailure.NO_ANSWER),
        (19, AlertFailure.NO_ANSWER),
        (1, AlertFailure.UNREACHABLE),
        (3, AlertFailure.UNREACHABLE),
        (20, AlertFailure.UNREACHABLE),
        (27, AlertFailure.UNREACHABLE),
        (38, AlertFailure.UNREACHABLE),
        (41, AlertFailure.UNREACHABLE),
        (16, AlertFailure.FAILED),
        (0, AlertFailure.FAILED),
        (127, AlertFailure.FAILED),
    ],
)
def test_cause_of_a_leg_that_rang(cause: int, failure: AlertFailure) -> None:
    one = leg()
    one.has_leg, one.cause = True, cause
    assert one.failure() is failure


@pytest.mark.parametrize(
    "reason, failure",
    [
        (0, AlertFailure.UNREACHABLE),
        (3, AlertFailure.NO_ANSWER),
        (5, AlertFailure.BUSY),
        (8, AlertFailure.UNREACHABLE),
        (4, AlertFailure.FAILED),
        (None, AlertFailure.FAILED),
    ],
)
def test_reason_of_an_originate_without_a_leg(reason: int | None, failure: AlertFailure) -> None:
    one = leg()
    one.reason = reason
    assert one.failure() is failure


def test_an_unclear_hangup_takes_the_originates_word() -> None:
    one = leg()
    one.has_leg, one.cause, one.reason = True, 0, 3
    assert one.failure() is AlertFailure.NO_ANSWER


def test_refused_by_the_guard_is_lost_and_answered_without_a_caller_is_his_end() -> None:
    refused, answered, gone = leg(), leg(), leg()
    refused.has_leg = refused.was_answered = refused.is_refused = True
    answered.has_leg = answered.was_answered = True
    gone.caller_gone = True
    assert refused.failure() is AlertFailure.LOST
    assert answered.failure() is AlertFailure.CALLER_GONE
    assert gone.failure() is AlertFailure.CALLER_GONE


@pytest.mark.parametrize(
    "cause, answered, state, clear",
    [
        (17, False, State.RINGING, True),
        (16, False, State.RINGING, False),
        (0, False, State.RINGING, False),
        (16, True, State.RINGING, True),
        (16, False, State.HANGING_UP, True),
    ],
)
def test_when_a_hangup_alone_tells_why(cause: int, answered: bool, state: State, clear: bool) -> None:
    one = leg(state)
    one.cause, one.was_answered = cause, answered
    assert one.end_is_clear is clear
