"""Callers and agents in our own dialplan, in virtual time: the guard, the fallback, the bridge, the records."""

import json

import pytest

from cti import dialplan_names as names
from cti.pbx_simulator.people import Customer, Dead, PicksUp, Refuses, RingsOn
from tests.unit.cti.pbx_simulator.stage import HOLD, Stage

ADA = Customer("+4930901820", "2000", "Ada", delay=0.0)


def talking(stage: Stage, **more: float) -> str:
    stage.phones["agent-1"] = PicksUp(1.0)
    caller = stage.waiting(**more)
    stage.alert(caller, "agent-1", "res-1")
    stage.advance(1.1)
    assert stage.partners(caller) == {"res-1"}
    return caller


def test_arrival_is_told_before_the_answer() -> None:
    stage = Stage()
    leg = stage.calls(ADA)
    (arrived,) = stage.named("UserEvent", UserEvent=names.EVENT_ARRIVED)
    assert (arrived.get("Uniqueid"), arrived.get("ChannelStateDesc"), arrived.get("Dialed")) == (leg, "Ring", "2000")
    kinds = [one.kind for one in stage.events]
    assert kinds.index("Newchannel") < kinds.index("UserEvent") < kinds.index("Newstate")
    assert stage.place(leg) == (names.HOLD, "MusicOnHold")
    assert "agi_extension: 2000\n" in stage.requests[0]


def test_music_asks_what_next_every_30_seconds() -> None:
    stage = Stage()
    stage.calls(Customer("+49", "2000", delay=0.0, patience=1000.0))
    stage.advance(95.0)
    assert [one.partition("network_script: ")[2][:4].strip() for one in stage.requests] == ["ivr", *["next"] * 3]


def test_who_is_connected_during_an_announcement_goes_on_at_next() -> None:
    stage = Stage({"agent-1": PicksUp(0.5)})
    caller = stage.waiting(patience=1000.0)
    stage.scripts["next"] = ["SET AUTOHANGUP 2", 'STREAM FILE "there-are" ""', HOLD]
    stage.advance(30.5)
    assert stage.place(caller) == (names.HOLD, "AGI")
    stage.alert(caller, "agent-1", "res-1")
    stage.advance(5.0)
    assert stage.partners(caller) == {"res-1"}
    stage.scripts["next"] = ["SET VARIABLE CC_NEXT hangup"]
    stage.act("Hangup", Channel="res-1", Cause="16")
    assert stage.exchange.channels == {}
    assert stage.named("UserEvent", UserEvent=names.EVENT_FALLBACK) == []


def test_a_session_tells_how_long_the_next_round_of_music_is() -> None:
    stage = Stage()
    stage.scripts["ivr"] = ["SET VARIABLE CC_MUSIC 20", HOLD]
    stage.calls(Customer("+49", "2000", delay=0.0, patience=1000.0))
    stage.advance(21.0)
    assert len(stage.requests) == 2
    stage.advance(28.0)
    assert len(stage.requests) == 2
    stage.advance(2.0)
    assert len(stage.requests) == 3


def test_two_things_told_never_have_the_same_instant() -> None:
    stage = Stage()
    talking(stage)
    stamps = [float(one.get("Timestamp")) for one in stage.events]
    assert stamps == sorted(set(stamps))


def test_reservation_connects_and_the_caller_goes_on_after_the_agent() -> None:
    stage = Stage()
    caller = talking(stage)
    assert [(one.get("Uniqueid"), one.get("Linkedid")) for one in stage.named("BridgeEnter")] == [
        ("res-1", "res-1"),
        (caller, caller),
    ]
    stage.scripts["next"] = ["SET VARIABLE CC_NEXT hangup"]
    stage.act("Hangup", Channel="res-1", Cause="16")
    assert stage.exchange.channels == {}
    assert [one.get("Uniqueid") for one in stage.named("BridgeLeave")] == ["res-1", caller]
    assert [(one.get("Uniqueid"), one.get("Cause")) for one in stage.named("Hangup")] == [
        ("res-1", "16"),
        (caller, "16"),
    ]


def test_a_late_second_leg_is_lost() -> None:
    stage = Stage({"agent-2": PicksUp(0.5)})
    caller = talking(stage)
    stage.rings(caller, "agent-2", "res-2")
    stage.advance(1.0)
    assert stage.partners(caller) == {"res-1"}
    assert stage.named("UserEvent", UserEvent=names.EVENT_LOST, Uniqueid="res-2")
    assert "res-2" not in stage.exchange.channels


def test_a_leg_that_was_disarmed_while_it_rang_is_lost() -> None:
    stage = Stage({"agent-1": PicksUp(1.0)})
    caller = stage.waiting()
    stage.alert(caller, "agent-1", "res-1")
    stage.act("Setvar", Channel=caller, Variable="CC_RES", Value="revoked")
    stage.advance(1.5)
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")
    assert stage.answered("Getvar", Channel=caller, Variable="SHARED(CC_BRIDGED)").get("Value") == ""


def test_the_claim_tells_who_passed_the_guard() -> None:
    stage = Stage()
    caller = talking(stage)
    assert stage.answered("Getvar", Channel=caller, Variable="SHARED(CC_BRIDGED)").get("Value") == "res-1"


def test_an_unguarded_bridge_would_steal() -> None:
    """What Bridge() does to a caller who talks: the reason for the guard."""
    stage = Stage({"agent-2": PicksUp(0.5)})
    caller = talking(stage)
    stage.alert(caller, "agent-2", "res-2")
    stage.advance(1.0)
    assert stage.partners(caller) == {"res-2"}
    assert "res-1" not in stage.exchange.channels


@pytest.mark.parametrize(
    "phone, cause, reason",
    [(Refuses(17), "17", "0"), (Refuses(21), "21", "0"), (RingsOn(), "19", "3"), (Dead(), "19", "3")],
)
def test_a_phone_that_does_not_answer(phone: Refuses | RingsOn | Dead, cause: str, reason: str) -> None:
    stage = Stage({"agent-1": phone})
    caller = stage.waiting()
    stage.alert(caller, "agent-1", "res-1", limit=5.0)
    stage.advance(6.0)
    (ended,) = stage.named("Hangup", Uniqueid="res-1")
    (response,) = stage.named("OriginateResponse", ActionID="a1")
    assert (ended.get("Cause"), response.get("Response"), response.get("Reason")) == (cause, "Failure", reason)
    assert bool(stage.named("Newstate", Uniqueid="res-1", ChannelStateDesc="Ringing")) is isinstance(phone, RingsOn)
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")


def test_an_endpoint_that_is_not_there_and_an_id_in_use() -> None:
    stage = Stage()
    caller = talking(stage)
    stage.rings(caller, "agent-9", "res-9")
    stage.rings(caller, "agent-2", "res-1")
    responses = stage.named("OriginateResponse", Response="Failure")
    assert [(one.get("Uniqueid"), one.get("Reason")) for one in responses] == [("res-9", "0"), ("res-1", "0")]
    assert len(stage.exchange.channels) == 2


def test_a_phone_is_picked_up_by_hand() -> None:
    stage = Stage({"agent-1": RingsOn()})
    caller = stage.waiting()
    stage.alert(caller, "agent-1", "res-1")
    stage.exchange.legs.pick_up("res-1")  # pressed before it rings
    assert stage.partners(caller) == set()
    stage.advance(0.2)
    assert stage.partners(caller) == {"res-1"}
    stage.exchange.legs.pick_up("res-1")  # once more: nothing
    stage.exchange.legs.pick_up("nobody")
    assert stage.partners(caller) == {"res-1"}


def test_a_device_that_answers_by_itself() -> None:
    stage = Stage({"agent-1": RingsOn()})
    caller = stage.waiting()
    stage.alert(caller, "agent-1", "res-1", **{"PJSIP_HEADER(add,Call-Info)": "answer-after=0"})
    stage.advance(0.2)
    assert stage.partners(caller) == {"res-1"}


def test_a_nailed_leg_returns_to_its_park() -> None:
    stage = Stage({"agent-1": PicksUp(0.1)})
    caller = stage.waiting()
    stage.alert(caller, "agent-1", "res-1", CC_NAILED="1")
    stage.advance(1.0)
    stage.act("Hangup", Channel=caller)
    assert stage.place("res-1") == (names.PARK, "Wait")
    stage.act("Redirect", Channel="res-1", Context=names.ALERT_TONE, Exten="s", Priority="1")
    assert stage.place("res-1") == (names.ALERT_TONE, "Playback")
    stage.advance(2.1)
    assert stage.place("res-1") == (names.PARK, "Wait")


# ------------------------------------------------------------ nobody steers


def test_nobody_listens_and_nobody_comes_back() -> None:
    stage = Stage()
    stage.scripts = {"ivr": None, "next": None}
    caller = stage.calls(Customer("+49", "2000", delay=0.0, patience=1000.0))
    assert stage.place(caller) == (names.FALLBACK, "Queue")
    stage.advance(20.1)  # two rounds of ten seconds
    assert stage.place(caller) == (names.FALLBACK, "Playback")
    stage.advance(30.0)
    assert caller not in stage.exchange.channels


def test_a_server_that_is_back_gets_the_caller_again() -> None:
    stage = Stage()
    stage.scripts["ivr"] = None
    caller = stage.calls(ADA)
    stage.advance(10.1)
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")


def test_a_frozen_server_counts_like_a_dead_one() -> None:
    stage = Stage()
    stage.scripts["ivr"] = ["FROZEN"]
    caller = stage.calls(ADA)
    stage.advance(2.9)
    assert stage.place(caller) == (names.IVR, "AGI")
    stage.advance(0.2)
    assert stage.place(caller) == (names.FALLBACK, "Queue")
    assert stage.heard == ["HANGUP"]


def test_a_number_nobody_serves() -> None:
    stage = Stage()
    stage.scripts["ivr"] = ["SET VARIABLE CC_NEXT noservice"]
    caller = stage.calls(ADA)
    stage.advance(2.1)
    (ended,) = stage.named("Hangup", Uniqueid=caller)
    assert ended.get("Cause") == "1"
    assert not stage.named("Newstate", Uniqueid=caller)


def test_the_clock_of_a_session_does_not_cut_the_conversation_that_began_meanwhile() -> None:
    stage = Stage({"agent-1": PicksUp(0.1)})
    caller = stage.waiting(patience=1000.0, talk_time=1000.0)
    stage.scripts["next"] = ["FROZEN"]
    stage.act("Redirect", Channel=caller, Context=names.HOLD, Exten="2000", Priority="next")
    assert stage.place(caller) == (names.HOLD, "AGI")
    stage.alert(caller, "agent-1", "res-1")
    stage.advance(10.0)
    assert stage.partners(caller) == {"res-1"}


# ------------------------------------------------------------ people


def test_a_customer_presses_talks_and_hangs_up() -> None:
    stage = Stage({"agent-1": PicksUp(1.0)})
    stage.scripts["ivr"] = ["ANSWER", "SET AUTOHANGUP 10", "WAIT FOR DIGIT 9000", HOLD]
    caller = stage.calls(Customer("+49", "1000", digits="2", delay=3.0, patience=20.0, talk_time=7.0))
    stage.advance(3.1)
    assert stage.heard[2].startswith("200 result=50")  # '2'
    stage.alert(caller, "agent-1", "res-1")
    stage.advance(8.0)
    assert stage.partners(caller) == {"res-1"}
    stage.advance(0.1)
    (row,) = [one for one in stage.records if one["event"] == "HANGUP" and one["uniqueid"] == caller]
    assert json.loads(row["extra"])["hangupsource"] == row["channel"]
    assert stage.exchange.channels == {}


def test_a_customer_gives_up() -> None:
    stage = Stage()
    caller = stage.waiting(patience=12.0)
    stage.advance(11.9)
    assert caller in stage.exchange.legs.customers
    stage.advance(0.2)
    assert stage.exchange.channels == {}
    assert dict(stage.exchange.legs.customers) == {}


def test_a_conference_and_back() -> None:
    stage = Stage()
    caller = talking(stage, talk_time=100.0)
    place = {"Context": names.CONFERENCE, "Exten": "01conf", "Priority": "1"}
    extra = {f"Extra{name}": value for name, value in place.items()}
    stage.act("Redirect", Channel=caller, ExtraChannel="res-1", **place, **extra)
    assert stage.partners(caller) == {"res-1"}
    assert {one.get("BridgeTechnology") for one in stage.named("BridgeEnter")[-2:]} == {"softmix"}
    stage.act("Hangup", Channel="res-1")
    assert stage.place(caller) == (names.CONFERENCE, "ConfBridge")
    stage.act("Redirect", Channel=caller, Context=names.HOLD, Exten="2000", Priority="1")
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")
    assert stage.exchange.conferences == {}


# ------------------------------------------------------------ records


def test_the_records_of_an_answered_call() -> None:
    stage = Stage()
    stage.scripts["ivr"] = [f"{HOLD}:visit=v1&queue=q1&priority=0"]
    caller = talking(stage, talk_time=5.0)
    stage.scripts["next"] = ["SET VARIABLE CC_NEXT hangup"]
    stage.advance(6.0)
    rows = [(one["event"], one["uniqueid"]) for one in stage.records]
    assert rows == [
        ("CHAN_START", caller),
        ("CCHold", caller),
        ("ANSWER", caller),
        ("CHAN_START", "res-1"),
        ("ANSWER", "res-1"),
        ("BRIDGE_ENTER", "res-1"),
        ("LINKEDID_END", "res-1"),
        ("BRIDGE_ENTER", caller),
        ("BRIDGE_EXIT", caller),
        ("BRIDGE_EXIT", "res-1"),
        ("HANGUP", caller),
        ("HANGUP", "res-1"),
        ("LINKEDID_END", "res-1"),
    ]
    hold = stage.records[1]
    assert (hold["user_event"], json.loads(hold["extra"])) == ("CCHold", {"extra": "visit=v1&queue=q1&priority=0"})
    assert stage.records[3]["account"] == "" != stage.records[4]["account"] == caller
    assert stage.records[7]["peer"] == stage.records[5]["channel"]
