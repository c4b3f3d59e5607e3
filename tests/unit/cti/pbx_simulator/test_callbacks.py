"""A customer who is called back, in our own dialplan and in virtual time."""

import json

import pytest

from cti import dialplan_names as names
from cti.pbx_simulator.people import Dead, PicksUp, Reaction, Refuses, RingsOn
from tests.unit.cti.pbx_simulator.stage import Stage

CUSTOMER, LEG, RES = "+4930901820", "leg-1", "res-1"


def met(customer: Reaction, *, ring: int = 20) -> Stage:
    """The agent is there; his customer is not called yet."""
    stage = Stage({"agent-1": PicksUp(0.5), CUSTOMER: customer})
    stage.stands_in(LEG, RES, ring=ring)
    stage.rings(LEG, "agent-1", RES)
    stage.advance(1.0)
    assert stage.partners(LEG) == {RES}
    return stage


def dial(stage: Stage) -> None:
    answer = stage.answered("Setvar", Channel=LEG, Variable="SHARED(CC_DIAL)", Value="1")
    assert answer.get("Response") == "Success"


def called(stage: Stage) -> list[str]:
    return [one.get("Uniqueid") for one in stage.named("Newchannel", Context=names.INBOUND)]


def test_the_customer_is_called_when_the_word_is_given_and_not_before() -> None:
    stage = met(PicksUp(2.0))
    stage.advance(30.0)
    assert called(stage) == []
    dial(stage)
    stage.advance(0.2)
    (leg,) = called(stage)
    channel = stage.exchange.channels[leg]
    assert (channel.application, channel.linkedid, channel.caller_number) == (
        names.DIALLED_APPLICATION,
        LEG,
        "+49305550",
    )
    assert stage.named("UserEvent", UserEvent=names.EVENT_REACHED) == []
    stage.advance(2.0)
    assert stage.partners(leg) == {names.dialling_half(LEG)}
    (reached,) = stage.named("UserEvent", UserEvent=names.EVENT_REACHED)
    assert (reached.get("Leg"), reached.get("Uniqueid")) == (LEG, leg)
    (record,) = [one for one in stage.records if one["user_event"] == names.CEL_REACHED]
    assert json.loads(record["extra"]) == {"extra": LEG}


@pytest.mark.parametrize("who", ["agent", "customer"])
def test_either_side_hangs_up(who: str) -> None:
    stage = met(PicksUp(1.0))
    dial(stage)
    stage.advance(1.5)
    (leg,) = called(stage)
    stage.act("Hangup", Channel=RES if who == "agent" else leg)
    stage.advance(0.1)
    assert stage.exchange.channels == {}
    assert stage.named("UserEvent", UserEvent=names.EVENT_MISSED) == []


@pytest.mark.parametrize(
    "customer, status, cause",
    [
        (Refuses(17), "BUSY", "17"),
        (Refuses(21), "CHANUNAVAIL", "21"),
        (Refuses(1), "CHANUNAVAIL", "1"),
        (Refuses(34), "CONGESTION", "34"),
        (RingsOn(), "NOANSWER", "19"),
        (Dead(), "NOANSWER", "19"),
    ],
)
def test_who_does_not_answer_is_told_once_and_the_stand_in_ends(customer: Reaction, status: str, cause: str) -> None:
    stage = met(customer, ring=5)
    dial(stage)
    dial(stage)
    stage.advance(6.0)
    (missed,) = stage.named("UserEvent", UserEvent=names.EVENT_MISSED)
    assert (missed.get("Leg"), missed.get("Status"), missed.get("Cause")) == (LEG, status, cause)
    assert len(called(stage)) == 1
    assert stage.exchange.channels == {}
    kinds = [(one.kind, one.get("UserEvent") or one.get("Uniqueid")) for one in stage.events]
    assert kinds.index(("UserEvent", names.EVENT_MISSED)) < kinds.index(("Hangup", LEG))


def test_the_agent_hangs_up_while_it_rings() -> None:
    stage = met(RingsOn())
    dial(stage)
    stage.advance(1.0)
    stage.act("Hangup", Channel=RES)
    stage.advance(0.1)
    (missed,) = stage.named("UserEvent", UserEvent=names.EVENT_MISSED)
    assert missed.get("Status") == "CANCEL"
    assert stage.exchange.channels == {}


def test_an_agent_who_leaves_before_the_customer_is_called_is_no_missed_call() -> None:
    stage = met(RingsOn())
    stage.act("Hangup", Channel=RES)
    stage.advance(0.1)
    assert stage.named("UserEvent", UserEvent=names.EVENT_MISSED) == []
    assert stage.exchange.channels == {}


def test_a_trunk_that_is_not_there() -> None:
    stage = met(PicksUp(1.0))
    stage.exchange.devices.register("demo", registered=False)
    dial(stage)
    stage.advance(1.0)
    (missed,) = stage.named("UserEvent", UserEvent=names.EVENT_MISSED)
    assert missed.get("Status") == "CHANUNAVAIL"
    assert stage.exchange.channels == {}


def test_a_number_is_reduced_to_what_can_be_dialled() -> None:
    stage = Stage({"agent-1": PicksUp(0.5), "+49": PicksUp(1.0)})
    stage.stands_in(LEG, RES, number="+4${SHELL(id)}9&x")
    stage.rings(LEG, "agent-1", RES)
    stage.advance(1.0)
    dial(stage)
    stage.advance(1.5)
    assert len(stage.named("UserEvent", UserEvent=names.EVENT_REACHED)) == 1


def test_a_stand_in_that_nobody_wants_any_more_ends_by_itself() -> None:
    stage = Stage()
    stage.stands_in(LEG, RES)
    stage.advance(names.CALLBACK_SECONDS - 1.0)
    assert stage.place(LEG) == (names.CALLBACK, "Wait")
    stage.advance(1.1)
    assert stage.exchange.channels == {}
