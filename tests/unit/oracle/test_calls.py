import pytest

from tests.oracle.calls import AlertOutcome, End, Layout, Outcome, judge
from tests.oracle.cel import Row

CUSTOMER, AGENT_1, AGENT_2 = "pbx-1795287762.0", "res-1", "res-2"
TRUNK = "PJSIP/trunk-00000000"
PHONES = {AGENT_1: "PJSIP/agent-101-00000001", AGENT_2: "PJSIP/agent-102-00000002"}


class Tape:
    """Writes CEL by hand; times are seconds after the call's arrival."""

    def __init__(self, account=True):
        self.rows = []
        self.account = account

    def note(self, at, event, uniqueid, context="cc-inbound", **extra):
        is_customer = uniqueid not in PHONES
        name = extra.pop("name", None) or PHONES.get(uniqueid, TRUNK)
        self.rows.append(
            Row(
                event=event,
                time=1000.0 + at,
                uniqueid=uniqueid,
                linkedid=extra.pop("linkedid", uniqueid),
                channel=name,
                caller_number=extra.pop("number", "" if not is_customer and event == "CHAN_START" else "+15550100"),
                exten="2000" if is_customer else "s",
                context=context,
                application="",
                peer="",
                user_event=extra.pop("user_event", ""),
                extra=extra,
                account=CUSTOMER if self.account and not is_customer and event != "CHAN_START" else "",
            )
        )

    def arrives(self, at=0.0, uniqueid=CUSTOMER, **given):
        self.note(at, "CHAN_START", uniqueid, **given)

    def picked_up(self, at, uniqueid=CUSTOMER):
        self.note(at, "ANSWER", uniqueid, "cc-ivr")

    def waits(self, at, uniqueid=CUSTOMER):
        self.note(at, "USER_DEFINED", uniqueid, "cc-hold", user_event="CCHold")

    def alerts(self, at, leg):
        self.note(at, "CHAN_START", leg, "cc-internal")

    def answers(self, at, leg):
        self.note(at, "ANSWER", leg, "cc-internal")

    def talks(self, since, until, leg, bridge="b1", customer=CUSTOMER):
        self.note(since, "BRIDGE_ENTER", customer, "cc-hold", bridge_id=bridge)
        self.note(since + 0.001, "BRIDGE_ENTER", leg, "cc-bridge", bridge_id=bridge, linkedid=customer)
        if until is not None:
            self.note(until, "BRIDGE_EXIT", leg, "cc-bridge", bridge_id=bridge, linkedid=customer)
            self.note(until + 0.001, "BRIDGE_EXIT", customer, "cc-hold", bridge_id=bridge)

    def ends(self, at, uniqueid=CUSTOMER, cause=16, source=None, context="cc-hold"):
        if source is None:
            source = TRUNK if uniqueid == CUSTOMER else ""
        self.note(at, "HANGUP", uniqueid, context, hangupcause=cause, hangupsource=source)

    def waiting(self):
        """A customer who came, was greeted and waits since second 2."""
        self.arrives()
        self.picked_up(0.1)
        self.waits(2)
        return self


def only(tape, **given):
    judgement = judge(tape.rows, **given)
    assert len(judgement.calls) == 1
    return judgement.calls[0]


def outcomes(call):
    return [(alert.uniqueid, alert.outcome) for alert in call.alerts]


def test_answered():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.answers(5, AGENT_1)
    tape.talks(5.1, 15.1, AGENT_1)
    tape.ends(15.2)
    tape.ends(15.3, AGENT_1, source=TRUNK)
    call = only(tape)
    assert (call.outcome, call.agent, call.end) == (Outcome.ANSWERED, "PJSIP/agent-101", End.SEEN)
    assert (call.uniqueid, call.linkedid, call.caller_number, call.dialed) == (CUSTOMER, CUSTOMER, "+15550100", "2000")
    assert (call.arrived_at, call.picked_up_at, call.queued_at) == (1000.0, 1000.1, 1002.0)
    assert call.answered_at == pytest.approx(1005.101)
    assert call.wait_time == pytest.approx(3.101)
    assert call.talk_time == pytest.approx(9.999)
    assert (call.ended_at, call.cause, call.hung_up_by_caller) == (1015.2, 16, True)
    assert outcomes(call) == [(AGENT_1, AlertOutcome.CONNECTED)]


def test_abandoned_while_waiting():
    tape = Tape().waiting()
    tape.ends(8)
    call = only(tape)
    assert (call.outcome, call.wait_time, call.alerts) == (Outcome.ABANDONED, 6.0, ())


def test_busy_agent_then_another():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.ends(3.1, AGENT_1, cause=17)
    tape.alerts(3.2, AGENT_2)
    tape.answers(4, AGENT_2)
    tape.talks(4.1, 9.1, AGENT_2)
    tape.ends(9.2)
    tape.ends(9.2, AGENT_2)
    call = only(tape)
    assert (call.outcome, call.agent) == (Outcome.ANSWERED, "PJSIP/agent-102")
    assert outcomes(call) == [(AGENT_1, AlertOutcome.BUSY), (AGENT_2, AlertOutcome.CONNECTED)]


@pytest.mark.parametrize(
    "cause, outcome",
    [
        (19, AlertOutcome.NO_ANSWER),
        (21, AlertOutcome.REJECTED),
        (20, AlertOutcome.UNREACHABLE),
        (0, AlertOutcome.REVOKED),
        (38, AlertOutcome.FAILED),
    ],
)
def test_why_an_alert_failed(cause, outcome):
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.ends(9, AGENT_1, cause=cause)
    tape.ends(10)
    call = only(tape)
    assert call.outcome is Outcome.ABANDONED
    assert outcomes(call) == [(AGENT_1, outcome)]


def test_caller_hangs_up_during_the_alert():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.ends(4)
    tape.ends(4.05, AGENT_1, cause=0)
    call = only(tape)
    assert call.outcome is Outcome.ABANDONED
    assert outcomes(call) == [(AGENT_1, AlertOutcome.CALLER_GONE)]


@pytest.mark.parametrize(
    "cause, outcome", [(127, AlertOutcome.CALLER_GONE), (17, AlertOutcome.BUSY), (19, AlertOutcome.NO_ANSWER)]
)
def test_two_ends_in_one_moment_are_told_apart_by_the_cause(cause, outcome):
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.ends(4, AGENT_1, cause=cause)
    tape.ends(4.001, cause=127)
    assert outcomes(only(tape)) == [(AGENT_1, outcome)]


@pytest.mark.parametrize("customer_at", [3.999, 4.001])
def test_an_alert_that_the_pbx_ended_with_the_call_was_taken_back(customer_at):
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.ends(4, AGENT_1, cause=0)
    tape.ends(customer_at, cause=0, source="")
    assert outcomes(only(tape)) == [(AGENT_1, AlertOutcome.REVOKED)]


def test_caller_gone_while_the_bridge_forms():
    """The agent picked up, the caller's channel ended first: nobody talked."""
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.answers(4, AGENT_1)
    tape.ends(4.001)
    tape.ends(4.01, AGENT_1)
    call = only(tape)
    assert (call.outcome, call.answered_at, call.talk_time) == (Outcome.ABANDONED, None, 0.0)
    assert outcomes(call) == [(AGENT_1, AlertOutcome.CALLER_GONE)]


def test_agent_hangs_up_first_and_the_caller_goes_on():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.answers(4, AGENT_1)
    tape.talks(4, 10, AGENT_1)
    tape.ends(10, AGENT_1, source=PHONES[AGENT_1])
    tape.ends(25, source=PHONES[AGENT_1])
    call = only(tape)
    assert (call.outcome, call.ended_at, call.hung_up_by_caller) == (Outcome.ANSWERED, 1025.0, False)
    assert call.talk_time == pytest.approx(5.999)


def test_two_agents_race_and_one_is_lost():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.alerts(3, AGENT_2)
    tape.answers(4, AGENT_1)
    tape.answers(4, AGENT_2)
    tape.talks(4.01, 8, AGENT_2)
    tape.ends(4.02, AGENT_1)
    tape.ends(8)
    tape.ends(8, AGENT_2)
    call = only(tape)
    assert call.agent == "PJSIP/agent-102"
    assert outcomes(call) == [(AGENT_1, AlertOutcome.LOST), (AGENT_2, AlertOutcome.CONNECTED)]


def test_left_in_the_ivr():
    tape = Tape()
    tape.arrives()
    tape.picked_up(0.1)
    tape.ends(3, context="cc-ivr")
    call = only(tape)
    assert (call.outcome, call.queued, call.wait_time) == (Outcome.LEFT_IN_IVR, False, None)


def test_refused_by_the_pbx():
    tape = Tape()
    tape.arrives()
    tape.ends(0.1, cause=1, source="", context="cc-ivr")
    call = only(tape)
    assert (call.outcome, call.cause) == (Outcome.FAILED, 1)


def test_a_call_still_open():
    tape = Tape().waiting()
    call = only(tape)
    assert (call.outcome, call.end, call.ended_at) == (Outcome.OPEN, End.OPEN, None)


def test_waiting_is_seen_by_the_context_alone():
    """A log without the door's own event knows that he waited, not since when."""
    tape = Tape()
    tape.arrives()
    tape.picked_up(0.1)
    tape.ends(9)
    call = only(tape)
    assert (call.outcome, call.queued, call.queued_at) == (Outcome.ABANDONED, True, None)


def test_a_call_picked_up_at_the_waiting_place_waits_since_then():
    tape = Tape()
    tape.arrives()
    tape.note(1, "ANSWER", CUSTOMER, "cc-hold")
    tape.ends(9)
    assert only(tape).wait_time == 8.0


def test_restart_of_asterisk_ends_what_has_no_end():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.answers(4, AGENT_1)
    tape.talks(4, None, AGENT_1)
    tape.arrives(5, "pbx-1795287767.1", number="+15550101")
    tape.waits(6, "pbx-1795287767.1")
    tape.arrives(60, "pbx-1795287822.0", number="+15550102")  # number 0 again: a new process
    tape.ends(61, "pbx-1795287822.0", source=TRUNK, context="cc-ivr")
    talking, waiting, later = judge(tape.rows).calls
    assert (talking.outcome, talking.end, talking.ended_at) == (Outcome.ANSWERED, End.RESTART, None)
    assert talking.talk_time == pytest.approx(1.999)  # up to the last row before the restart
    assert (waiting.outcome, waiting.end) == (Outcome.FAILED, End.RESTART)
    assert later.end is End.SEEN


def test_a_known_restart_needs_no_later_call():
    tape = Tape().waiting()
    assert only(tape, restarts=[1030.0]).end is End.RESTART
    assert only(tape, restarts=[999.0]).end is End.OPEN


def test_two_conversations_and_hold_between_them():
    """A transfer: the same customer in two bridges with two agents; hold is no talk."""
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.talks(4, 10, AGENT_1)
    tape.ends(10, AGENT_1)
    tape.alerts(12, AGENT_2)
    tape.talks(14, 18, AGENT_2, bridge="b2")
    tape.ends(18, AGENT_2)
    tape.ends(18)
    call = only(tape)
    assert (call.agent, call.talk_time) == ("PJSIP/agent-101", pytest.approx(9.998))
    assert [alert.talk_time for alert in call.alerts] == [pytest.approx(5.999), pytest.approx(3.999)]
    assert [alert.uniqueid for alert in call.talks] == [AGENT_1, AGENT_2]
    assert call.wait_time == pytest.approx(2.001)
    assert call.later_waits == (pytest.approx(4.001), pytest.approx(0.0))


def test_a_wait_after_a_transfer_out_of_hold_begins_when_the_agent_goes():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.talks(4, 10, AGENT_1)
    tape.ends(12, AGENT_1)
    tape.ends(15)
    call = only(tape)
    assert (call.outcome, call.later_waits) == (Outcome.ANSWERED, (pytest.approx(3.0),))
    assert call.talks[0].parted_at == pytest.approx(1010.0)


def test_a_wait_after_a_nailed_leg_begins_when_they_part():
    """The leg goes on, and is at its end long after this call; a wait that lasts has no length."""
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.talks(4, 10, AGENT_1)
    assert only(tape).later_waits == (None,)
    tape.alerts(11, AGENT_2)
    tape.talks(14, 18, AGENT_2, bridge="b2")
    tape.ends(18.5)
    tape.ends(18.5, AGENT_2)
    tape.ends(30, AGENT_1)
    assert only(tape).later_waits == (pytest.approx(4.001), pytest.approx(0.0))


def test_a_conference_counts_its_time_once():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.alerts(3, AGENT_2)
    tape.talks(4, None, AGENT_1)
    tape.note(6, "BRIDGE_ENTER", AGENT_2, "cc-bridge", bridge_id="b1")
    tape.ends(14)
    tape.ends(14, AGENT_1)
    tape.ends(14, AGENT_2)
    assert only(tape).talk_time == pytest.approx(9.999)


def test_being_in_different_bridges_at_once_is_not_talking():
    tape = Tape().waiting()
    tape.alerts(3, AGENT_1)
    tape.note(4, "BRIDGE_ENTER", CUSTOMER, "cc-hold", bridge_id="b1")
    tape.note(4, "BRIDGE_ENTER", AGENT_1, "cc-bridge", bridge_id="b2")
    tape.ends(9)
    tape.ends(9, AGENT_1)
    assert only(tape).outcome is Outcome.ABANDONED


def test_a_leg_without_account_is_joined_by_the_callers_number():
    tape = Tape(account=False).waiting()
    tape.alerts(3, AGENT_1)
    tape.ends(4, AGENT_1, cause=17)
    tape.ends(9)
    assert outcomes(only(tape)) == [(AGENT_1, AlertOutcome.BUSY)]


def test_a_leg_that_fits_two_calls_is_a_stray():
    tape = Tape(account=False).waiting()
    tape.arrives(0.5, "pbx-1795287763.1")  # the same number, twice at once
    tape.alerts(3, AGENT_1)
    tape.ends(4, AGENT_1, cause=17)
    judgement = judge(tape.rows)
    assert [len(call.alerts) for call in judgement.calls] == [0, 0]
    assert [leg.uniqueid for leg in judgement.strays] == [AGENT_1]


def test_a_nailed_leg_serves_one_customer_after_the_other():
    second = "pbx-1795287800.9"
    tape = Tape(account=False)
    tape.alerts(-100, AGENT_1)
    tape.answers(-99, AGENT_1)
    tape.waiting()
    tape.talks(4, 8, AGENT_1)
    tape.ends(8)
    tape.arrives(20, second, number="+15550101")
    tape.talks(22, 25, AGENT_1, bridge="b2", customer=second)
    tape.ends(25, second, source=TRUNK)
    calls = judge(tape.rows).calls
    assert [call.outcome for call in calls] == [Outcome.ANSWERED, Outcome.ANSWERED]
    assert [call.talk_time for call in calls] == [pytest.approx(3.999), pytest.approx(2.999)]


def test_what_comes_through_other_contexts_is_no_customer():
    tape = Tape()
    tape.arrives(context="from-elsewhere")
    tape.alerts(1, AGENT_1)
    assert judge(tape.rows).calls == ()
    assert len(judge(tape.rows, Layout(inbound_contexts=frozenset({"from-elsewhere"}))).calls) == 1


def test_calls_stand_in_order_of_arrival():
    tape = Tape()
    tape.arrives(5, "pbx-1795287767.1")
    tape.arrives(1, "pbx-1795287763.0")
    assert [call.uniqueid for call in judge(tape.rows).calls] == ["pbx-1795287763.0", "pbx-1795287767.1"]


def test_rows_of_two_channels_may_be_written_out_of_order():
    """Number 4 logged before number 3 is no restart."""
    tape = Tape().waiting()
    tape.arrives(5, "pbx-1795287767.4")
    tape.arrives(5, "pbx-1795287767.3")
    assert {call.end for call in judge(tape.rows).calls} == {End.OPEN}
