"""AMI actions: answers in Asterisk's own words, each read off a real one."""

import pytest

from cti import dialplan_names as names
from cti.pbx_simulator.people import PicksUp
from tests.unit.cti.pbx_simulator.stage import AGENTS, Stage

UNKNOWN = "Invalid/unknown command: Bogus. Use Action: ListCommands to show available commands."
PLACE = {"Context": names.HOLD, "Exten": "s", "Priority": "1"}


@pytest.mark.parametrize(
    "name, fields, message",
    [
        ("Bogus", {}, UNKNOWN),
        ("Hangup", {"Channel": "nope"}, "No such channel"),
        ("Hangup", {}, "No channel specified"),
        ("Setvar", {"Channel": "nope", "Variable": "X", "Value": "1"}, "No such channel"),
        ("Setvar", {"Value": "1"}, "No variable specified"),
        ("Getvar", {"Channel": "nope", "Variable": "X"}, "No such channel"),
        ("Redirect", {"Channel": "nope", **PLACE}, "Channel does not exist: nope"),
        ("Bridge", {"Channel1": "nope", "Channel2": "nope"}, "Channel1 does not exist: nope"),
        ("ModuleCheck", {"Module": "nope.so"}, "Module not loaded"),
        ("ShowDialPlan", {"Context": "nope"}, "Did not find context nope"),
        ("Status", {"Channel": "nope"}, "No such channel"),
        ("MixMonitor", {"Channel": "nope", "File": "x.wav"}, "No such channel"),
        ("Originate", {}, "Channel not specified"),
    ],
)
def test_refusals(name: str, fields: dict[str, str], message: str) -> None:
    (answer,) = Stage().act(name, **fields)
    assert (answer.get("Response"), answer.get("Message"), answer.get("ActionID")) == ("Error", message, "a1")


def test_a_redirect_without_a_place_moves_nobody() -> None:
    stage = Stage()
    caller = stage.waiting()
    assert stage.answered("Redirect", Channel=caller).get("Message") == "Context not specified"
    assert stage.answered("Redirect", Channel=caller, ExtraChannel="nope", **PLACE).get("Response") == "Error"
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")


@pytest.mark.parametrize(
    "name, fields, event, complete, count",
    [
        ("CoreShowChannels", {}, "CoreShowChannel", "CoreShowChannelsComplete", 1),
        ("PJSIPShowEndpoints", {}, "EndpointList", "EndpointListComplete", len(AGENTS) + 1),
        ("DeviceStateList", {}, "DeviceStateChange", "DeviceStateListComplete", len(AGENTS) + 1),
        ("ShowDialPlan", {"Context": names.ALERT_TONE}, "ListDialplan", "ShowDialPlanComplete", 3),
        ("Status", {}, "Status", "StatusComplete", 1),
    ],
)
def test_lists(name: str, fields: dict[str, str], event: str, complete: str, count: int) -> None:
    stage = Stage()
    stage.waiting()
    first, *rows, last = stage.act(name, **fields)
    assert (first.get("Response"), first.get("EventList")) == ("Success", "start")
    assert [row.kind for row in rows] == [event] * count
    assert (last.kind, last.get("EventList"), last.get("ListItems")) == (complete, "Complete", str(count))
    assert {one.get("ActionID") for one in (first, *rows, last)} == {"a1"}


def test_what_is_shown_of_a_channel() -> None:
    stage = Stage()
    caller = stage.waiting(patience=10_000.0)
    stage.advance(3725.0)
    (row,) = [one for one in stage.act("CoreShowChannels") if one.kind == "CoreShowChannel"]
    told = {name: row.get(name) for name in ("Uniqueid", "Context", "Application", "Duration", "BridgeId")}
    assert told == {
        "Uniqueid": caller, "Context": names.HOLD, "Application": "MusicOnHold", "Duration": "01:02:05", "BridgeId": "",
    }  # fmt: skip


def test_about_itself() -> None:
    stage = Stage()
    assert stage.answered("Ping").get("Ping") == "Pong"
    status = stage.answered("CoreStatus")
    assert (status.get("CoreStartupDate"), status.get("CoreCurrentCalls")) == ("2026-05-28", "0")
    assert stage.answered("CoreSettings").get("AsteriskVersion") == "22 (simulated)"
    assert stage.answered("ModuleCheck", Module="app_queue.so").get("Response") == "Success"
    assert "Originate" not in stage.answered("ListCommands").get("Message")


def test_variables_of_channels_and_of_all() -> None:
    stage = Stage()
    caller = stage.waiting()
    assert stage.answered("Setvar", Channel=caller, Variable="X", Value="a b").get("Response") == "Success"
    assert stage.answered("Getvar", Channel=caller, Variable="X").get("Value") == "a b"
    assert stage.answered("Getvar", Variable="X").get("Value") == ""
    stage.act("Setvar", Variable="G", Value="1")
    assert stage.answered("Getvar", Channel=caller, Variable="G").get("Value") == "1"


def test_one_leg_is_redirected_out_of_a_bridge() -> None:
    stage = Stage({"agent-1": PicksUp(0.1)})
    caller = stage.waiting(talk_time=100.0)
    stage.alert(caller, "agent-1", "res-1")
    stage.advance(1.0)
    stage.act("Redirect", Channel="res-1", Context=names.PARK, Exten="s", Priority="1")
    assert stage.place("res-1") == (names.PARK, "Wait")
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")
    stage.act("Bridge", Channel1="res-1", Channel2=caller)
    assert stage.partners("res-1") == {caller}


def test_both_halves_of_a_local_channel() -> None:
    stage = Stage()
    place = {"Context": names.PARK, "Exten": "s", "Priority": "1"}
    stage.act(
        "Originate", Channel=f"Local/1000@{names.INBOUND}/n", **place, ChannelId="near", OtherChannelId="far", Async="1"
    )
    assert (stage.place("near"), stage.place("far")) == ((names.PARK, "Wait"), (names.HOLD, "MusicOnHold"))
    assert stage.named("LocalBridge")[0].get("LocalTwoUniqueid") == "far"
    assert stage.named("OriginateResponse", Response="Success", Uniqueid="near")
    stage.act("Hangup", Channel="far")
    assert stage.exchange.channels == {}


def test_agents_call_each_other() -> None:
    stage = Stage({"agent-2": PicksUp(1.0, talk=4.0)})
    place = {"Context": names.PARK, "Exten": "s", "Priority": "1"}
    target = f"Local/agent-2@{names.INTERNAL}/n"
    stage.act("Originate", Channel=target, **place, ChannelId="near", OtherChannelId="far", Async="1")
    stage.advance(1.1)
    assert stage.place("near") == (names.PARK, "Wait")
    assert len(stage.partners("far")) == 1
    stage.advance(5.0)
    assert stage.exchange.channels == {}


@pytest.mark.parametrize("act", ["Hangup", "Redirect"])
def test_a_caller_who_is_gone_or_moved_is_rung_for_no_more(act: str) -> None:
    stage = Stage({"agent-2": PicksUp(5.0)})
    place = {"Context": names.PARK, "Exten": "s", "Priority": "1"}
    target = f"Local/agent-2@{names.INTERNAL}/n"
    stage.act("Originate", Channel=target, **place, ChannelId="near", OtherChannelId="far", Async="1")
    stage.advance(1.0)
    assert stage.named("Newstate", ChannelStateDesc="Ringing")
    stage.act(act, Channel="far", **PLACE)
    stage.advance(10.0)
    assert len(stage.named("Hangup", ChannelStateDesc="Ringing")) == 1
    assert set(stage.exchange.channels) == (set() if act == "Hangup" else {"near", "far"})


def test_a_leg_that_rings_cannot_be_moved() -> None:
    stage = Stage({"agent-1": PicksUp(5.0)})
    caller = stage.waiting()
    stage.alert(caller, "agent-1", "res-1")
    assert stage.answered("Redirect", Channel="res-1", **PLACE).get("Response") == "Error"
    assert stage.answered("Bridge", Channel1="res-1", Channel2=caller).get("Response") == "Error"
    stage.advance(6.0)
    assert stage.partners(caller) == {"res-1"}


def test_an_agent_calls_one_who_is_not_there() -> None:
    stage = Stage()
    stage.exchange.devices.register("agent-2", registered=False)
    place = {"Context": names.PARK, "Exten": "s", "Priority": "1"}
    target = f"Local/agent-2@{names.INTERNAL}/n"
    stage.act("Originate", Channel=target, **place, ChannelId="near", OtherChannelId="far", Async="1")
    assert stage.exchange.channels == {}
    assert stage.named("OriginateResponse", Response="Failure", Uniqueid="near")
