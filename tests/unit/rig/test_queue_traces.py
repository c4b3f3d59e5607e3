from dataclasses import replace

import pytest

from tests.rig.messages import SipMessage
from tests.rig.queue_traces import Alert, Plan, Seen, Side, TraceCall, Witness, languages_of, make_calls

PLAN = Plan(calls=2, agents=3, wrap_up_time=2)  # one and a half seconds on average
ENGLISH = TraceCall("+1", "en", 0.0, 10.0, 5.0)
SPANISH = TraceCall("+2", "es", 0.0, 10.0, 5.0)


def message(at, first, *, sent=False, call_id="c", number="+1", user="", cseq="INVITE"):
    return SipMessage(at, sent, first, call_id, cseq, user, f"{first}\nFrom: <sip:{number}@127.0.0.1>\n")


def side(calls, alerts):
    return Side(PLAN, calls, alerts)


def test_a_trace_is_made_of_its_seed_alone_and_is_as_heavy_as_was_asked():
    plan = Plan(calls=2000)
    calls = make_calls(plan)
    assert calls == make_calls(plan)
    assert calls != make_calls(replace(plan, seed=2))
    handle_time = plan.answer_after + plan.mean_wrap_up_time + sum(one.talk_time for one in calls) / len(calls)
    assert handle_time * len(calls) / calls[-1].begins == pytest.approx(plan.load * plan.agents, rel=0.1)
    assert min(one.patience for one in calls) >= plan.least_patience
    assert sum(one.patience for one in calls) / len(calls) == pytest.approx(plan.patience, rel=0.1)


def test_a_third_speaks_both():
    assert [languages_of(n) for n in range(4)] == [("en",), ("es",), ("en", "es"), ("en",)]


def test_service_level_counts_all_who_were_offered():
    calls = [
        Seen(ENGLISH, 10.0, 10.1, 12.9, 20.0),
        Seen(SPANISH, 10.0, 10.1, 13.1, 20.0),
        Seen(ENGLISH, 10.0, left_at=10.5),
        Seen(ENGLISH, 10.0, 10.1, 11.0, 20.0),
    ]
    told = side(calls, [])
    assert (told.service_level(3.0), told.abandoned) == (50.0, 25.0)


def test_who_waits_while_nobody_who_could_is_idle_is_not_left_waiting():
    alerts = [Alert(0, "+8", 0.0, 1.0, 15.0), Alert(2, "+9", 0.0, 1.0, 12.5)]
    waits = Seen(ENGLISH, 10.0, rung_at=14.0, left_at=30.0)
    assert side([waits], alerts).left_waiting() == [0.0], "agent 1 is idle and speaks none, agent 2 wraps up"


def test_the_longest_unbroken_time_beside_any_eligible_idle_agent_counts():
    alerts = [
        Alert(0, "+7", 0.0, 1.0, 9.5),  # idle from 11 to 12
        Alert(0, "+8", 12.0, 13.0, 40.0),
        Alert(2, "+9", 0.0, 1.0, 10.0),  # idle from 11.5 on
    ]
    waits = Seen(ENGLISH, 10.0, rung_at=14.25, left_at=30.0)
    gives_up = Seen(SPANISH, 10.0, left_at=11.0)
    assert side([waits, gives_up], alerts).left_waiting() == [3.25, 1.0]


def test_a_phone_that_was_only_rung_has_no_wrap_up():
    alerts = [Alert(0, "+7", 0.0, None, 11.0), Alert(2, "+9", 0.0)]
    assert side([Seen(ENGLISH, 10.0, rung_at=12.0)], alerts).left_waiting() == [1.0]


def test_pauses_are_those_between_a_call_and_one_that_had_waited_for_its_end():
    alerts = [
        Alert(0, "+1", 0.0, 1.0, 10.0),
        Alert(0, "+2", 11.75, 12.75, 20.0),
        Alert(1, "+3", 0.0, None, 9.0),
        Alert(1, "+2", 9.5, None, 9.75),
    ]
    calls = [Seen(ENGLISH, 0.0), Seen(SPANISH, 8.0)]
    assert side(calls, alerts).pauses() == [1.75]
    assert side([Seen(ENGLISH, 0.0), Seen(SPANISH, 10.5)], alerts).pauses() == [], "he came while the agent was free"


def test_a_witness_puts_customers_and_phones_together():
    witness = Witness([ENGLISH])
    assert witness.phone(message(0.01, "INVITE", call_id="p", user="p2")) is None, "read before the customer's own"
    assert witness.customer(message(0.0, "INVITE", sent=True)) is witness.seen["+1"]
    assert witness.customer(message(0.5, "INVITE", sent=True)) is None
    assert witness.connected == set()
    witness.customer(message(0.6, "ACK", sent=True))
    assert witness.connected == {"+1"}
    picked_up = witness.phone(message(1.0, "200", sent=True, call_id="p"))
    assert picked_up is not None
    assert (picked_up.agent, picked_up.number) == (2, "+1")
    witness.customer(message(6.0, "BYE", sent=True, cseq="BYE"))
    witness.phone(message(6.02, "BYE", call_id="p", cseq="BYE"))
    told = witness.side(replace(PLAN, calls=1))
    assert told.problems == []
    assert told.calls == [Seen(ENGLISH, 0.0, 0.01, 1.0, 6.0)]
    assert told.alerts == [Alert(2, "+1", 0.01, 1.0, 6.02)]


def test_what_must_not_be_is_told():
    witness = Witness([ENGLISH, SPANISH])
    witness.customer(message(0.0, "INVITE", sent=True))
    witness.phone(message(0.1, "INVITE", call_id="p", user="n1"))
    witness.phone(message(0.2, "200", sent=True, call_id="p"))
    witness.phone(message(0.1, "INVITE", call_id="q", user="n0"))
    witness.phone(message(0.3, "200", sent=True, call_id="q"))
    witness.phone(message(0.1, "INVITE", call_id="r", user="n0", number="+3"))
    assert sorted(witness.side(PLAN).problems) == [
        "+1 never ended",
        "+1 was answered twice",
        "+2 never called",
        "+3 rang a phone and never called",
        "phone 0 was never freed of +1",
        "phone 1 does not speak as +1 does",
        "phone 1 was never freed of +1",
    ]
