from cti.pbx_simulator.people import RingsOn
from tests.unit.cti.pbx_simulator.stage import Stage


def test_a_phone_goes_and_comes() -> None:
    stage = Stage()
    for registered, contact, state in ((False, "Removed", "UNAVAILABLE"), (True, "Created", "NOT_INUSE")):
        stage.exchange.devices.register("agent-1", registered=registered)
        stage.drain()
        assert [one.get("ContactStatus") for one in stage.named("ContactStatus")][-1] == contact
        change = stage.named("DeviceStateChange")[-1]
        assert (change.get("Device"), change.get("State")) == ("PJSIP/agent-1", state)


def test_a_phone_that_is_away_is_not_rung() -> None:
    stage = Stage({"agent-1": RingsOn()})
    stage.exchange.devices.register("agent-1", registered=False)
    stage.alert(stage.waiting(), "agent-1", "res-1")
    assert not stage.named("Newchannel", Uniqueid="res-1")
    assert stage.named("OriginateResponse", Response="Failure", Reason="0")


def test_in_use_is_told_once_and_taken_back() -> None:
    stage = Stage({"agent-1": RingsOn()})
    stage.alert(stage.waiting(patience=100.0), "agent-1", "res-1", limit=3.0)
    stage.advance(4.0)
    states = [one.get("State") for one in stage.named("DeviceStateChange", Device="PJSIP/agent-1")]
    assert states == ["BUSY", "NOT_INUSE"]


def test_agents_come_and_go() -> None:
    stage = Stage()
    stage.exchange.devices.provide(["agent-2", "agent-4"])
    rows = {one.get("ObjectName"): one.get("DeviceState") for one in stage.act("PJSIPShowEndpoints")[1:-1]}
    assert rows == {"agent-2": "Not in use", "agent-4": "Not in use"}
    assert [one.get("EndpointName") for one in stage.named("ContactStatus")] == ["agent-4"]
    stage.exchange.devices.provide([])
    assert stage.answered("PJSIPShowEndpoints").get("Response") == "Error"
