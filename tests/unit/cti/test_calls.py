"""The fold of channel events, with messages as a real Asterisk writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import CallerPlace, DialResult
from cti.ami import Decoder, Message
from cti.calls import Calls, LegRecord, endpoint_of, number
from tests.fakes import ami_events as e

SERVER = ServerId("pbx-1")
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CALLER = e.channel("1780000000.1")
AGENT = e.agent("r000000000000000000000001")


def fold(calls: Calls, *messages: Message) -> list[ports.Fact]:
    return [fact for message in messages for fact in calls.feed(message, NOW)]


def talking() -> Calls:
    calls = Calls(SERVER)
    facts = fold(calls, e.new_channel(CALLER), e.new_channel(AGENT), e.enters(AGENT), e.enters(CALLER))
    assert isinstance(facts[-1], ports.LegsConnected)
    return calls


def test_inbound_channel_is_a_call() -> None:
    (fact,) = fold(Calls(SERVER), e.new_channel(CALLER))
    at = from_timestamp(e.AT)
    assert fact == ports.CallArrived(SERVER, "1780000000.1", "1780000000.1", "+4930901820", "Ada", "1000", at)


def test_instant_is_the_events_own_or_else_now() -> None:
    calls = Calls(SERVER)
    (own,) = fold(calls, e.new_channel(CALLER))
    assert own.at == from_timestamp(e.AT)
    (without,) = fold(calls, e.hangup(CALLER, at=None))
    assert without.at == NOW
    for nonsense in ("soon", "1e400", "nan"):
        (odd,) = fold(calls, e.event("Hangup", at=None, Timestamp=nonsense, Uniqueid="x", Cause="16"))
        assert odd.at == NOW


@pytest.mark.parametrize("unknown", ["", "<unknown>", "unknown", "anonymous", "Anonymous"])
def test_withheld_number_and_name_are_empty(unknown: str) -> None:
    (fact,) = fold(Calls(SERVER), e.new_channel({**CALLER, "CallerIDNum": unknown, "CallerIDName": unknown}))
    assert isinstance(fact, ports.CallArrived)
    assert (fact.caller_number, fact.caller_name) == ("", "")


HOSTILE = ["<script>alert(1)</script>", "O'Brien; DROP TABLE", "\u202egnp.exe", "a" * 900, "Event: Hangup", "x\n"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_carried_as_data(name: str) -> None:
    """The name comes through the wire's decoder, as from the PBX; it forges no header and is not changed."""
    lines = [("Event", "Newchannel"), *{**CALLER, "CallerIDName": name}.items()]
    wire = "".join(f"{key}: {value}\r\n" for key, value in lines) + "\r\n"
    (message,) = Decoder().feed(b"Asterisk Call Manager/9\r\n" + wire.encode())
    (fact,) = fold(Calls(SERVER), message)
    assert isinstance(fact, ports.CallArrived)
    assert fact.caller_name == name
    assert fact.leg_id == CALLER["Uniqueid"]


def test_only_the_inbound_context_makes_a_customer() -> None:
    assert fold(Calls(SERVER), e.new_channel({**CALLER, "Context": "from-office"})) == []
    assert fold(Calls(SERVER), e.new_channel({**AGENT, "Context": "cc-inbound"})) == [], "a phone is no customer"


def test_agents_leg_rings_and_is_answered_once() -> None:
    calls = Calls(SERVER)
    fold(calls, e.new_channel(AGENT))
    leg, at = LegId(AGENT["Uniqueid"]), from_timestamp(e.AT)
    assert fold(calls, e.new_state(AGENT, "5")) == [ports.LegRinging(SERVER, leg, at)]
    assert fold(calls, e.new_state(AGENT, "6"), e.new_state(AGENT, "6")) == [ports.LegAnswered(SERVER, leg, at)]


def test_customers_ringing_is_not_told() -> None:
    calls = Calls(SERVER)
    fold(calls, e.new_channel(CALLER))
    assert fold(calls, e.new_state(CALLER, "5")) == []


@pytest.mark.parametrize("order", [(CALLER, AGENT), (AGENT, CALLER)])
def test_connected_when_the_second_enters(order: tuple[dict[str, str], dict[str, str]]) -> None:
    calls = Calls(SERVER)
    fold(calls, e.new_channel(CALLER), e.new_channel(AGENT))
    assert fold(calls, e.enters(order[0])) == []
    (fact,) = fold(calls, e.enters(order[1]))
    assert fact == ports.LegsConnected(SERVER, CALLER["Uniqueid"], AGENT["Uniqueid"], from_timestamp(e.AT))


@pytest.mark.parametrize("first, second", [(CALLER, AGENT), (AGENT, CALLER)])
def test_who_leaves_first_ended_the_conversation(first: dict[str, str], second: dict[str, str]) -> None:
    calls = talking()
    (fact,) = fold(calls, e.leaves(first), e.leaves(second))
    assert isinstance(fact, ports.LegsParted)
    assert fact.left_first == first["Uniqueid"]
    assert (fact.caller_leg, fact.agent_leg) == (CALLER["Uniqueid"], AGENT["Uniqueid"])


def test_hangup_without_leave_parts_too() -> None:
    calls = talking()
    parted, ended = fold(calls, e.hangup(CALLER, "16"))
    assert isinstance(parted, ports.LegsParted)
    assert parted.left_first == CALLER["Uniqueid"]
    assert ended == ports.LegEnded(SERVER, CALLER["Uniqueid"], 16, from_timestamp(e.AT))
    assert fold(calls, e.leaves(AGENT)) == []


def test_lost_leave_before_another_bridge() -> None:
    """A channel stands in one bridge: entering a second is leaving the first, and the books stay clean."""
    calls = talking()
    (parted,) = fold(calls, e.enters(CALLER, "b-2"))
    assert isinstance(parted, ports.LegsParted)
    fold(calls, e.hangup(CALLER))
    third = e.agent("r3", "agent-1003")
    assert fold(calls, e.new_channel(third), e.enters(third, "b-1")) == []


def test_entering_the_same_bridge_twice_tells_nothing_new() -> None:
    calls = talking()
    fold(calls, e.enters(AGENT))
    assert len(fold(calls, e.leaves(AGENT))) == 1


def test_two_agents_in_one_bridge_part_one_by_one() -> None:
    calls = talking()
    other = e.agent("r2", "agent-1002")
    (joined,) = fold(calls, e.new_channel(other), e.enters(other))
    assert isinstance(joined, ports.LegsConnected)
    assert joined.agent_leg == "r2"
    (parted,) = fold(calls, e.leaves(AGENT))
    assert isinstance(parted, ports.LegsParted)
    assert parted.agent_leg == AGENT["Uniqueid"]


def test_two_agents_alone_are_no_conversation() -> None:
    calls = Calls(SERVER)
    other = e.agent("r2", "agent-1002")
    assert fold(calls, e.new_channel(AGENT), e.new_channel(other), e.enters(AGENT), e.enters(other)) == []


def test_rename_does_not_change_who_it_is() -> None:
    """A masquerade renames channels; the customer stays the customer, and his end is his."""
    calls = talking()
    fold(calls, e.event("Rename", Channel=CALLER["Channel"], Newname="PJSIP/carrier-ff<MASQ>", Uniqueid="1780000000.1"))
    assert calls.channels[LegId("1780000000.1")].name == "PJSIP/carrier-ff<MASQ>"
    parted, ended = fold(calls, e.hangup({**CALLER, "Channel": "PJSIP/carrier-ff<MASQ>"}))
    assert isinstance(parted, ports.LegsParted)
    assert isinstance(ended, ports.LegEnded)


def test_nailed_leg_speaks_for_its_reservation() -> None:
    calls = Calls(SERVER)
    calls.aliases[LegId("nailed-7")] = LegId("r-9")
    nailed = e.agent("nailed-7")
    fold(calls, e.new_channel(CALLER), e.new_channel(nailed), e.enters(nailed))
    (connected,) = fold(calls, e.enters(CALLER))
    assert isinstance(connected, ports.LegsConnected)
    assert connected.agent_leg == "r-9"
    (parted,) = fold(calls, e.leaves(nailed))
    assert isinstance(parted, ports.LegsParted)
    assert (parted.agent_leg, parted.left_first) == ("r-9", "r-9")


@pytest.mark.parametrize("kind", ["Newstate", "Rename", "BridgeEnter", "BridgeLeave"])
def test_events_of_unknown_channels_are_passed_over(kind: str) -> None:
    """What was up before we came is learnt from CoreShowChannels, not guessed."""
    assert fold(Calls(SERVER), e.event(kind, BridgeUniqueid="b", **{**CALLER, "ChannelState": "6"})) == []


def test_unknown_event_is_nothing() -> None:
    assert fold(Calls(SERVER), e.event("VarSet", **CALLER), e.event("Hangupp", **CALLER)) == []


def test_end_of_an_unknown_channel_is_told() -> None:
    assert isinstance(fold(Calls(SERVER), e.hangup(CALLER))[0], ports.LegEnded)


@pytest.mark.parametrize("text, expected", [("16", 16), ("", 0), ("x", 0), ("-1", 0), ("１６", 0)])
def test_numbers_are_read_or_zero(text: str, expected: int) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("PJSIP/agent-1001-0000002a", "agent-1001"),
        ("Local/1000@cc-inbound-00000001;1", "1000@cc-inbound"),
        ("PJSIP", ""),
        ("", ""),
    ],
)
def test_endpoint_of_a_channels_name(name: str, expected: str) -> None:
    assert endpoint_of(name) == expected


@pytest.mark.parametrize(
    "state, usable",
    [
        ("NOT_INUSE", True),
        ("INUSE", True),
        ("RINGING", True),
        ("BUSY", True),
        ("UNAVAILABLE", False),
        ("INVALID", False),
    ],
)
def test_device_states(state: str, usable: bool) -> None:
    (fact,) = fold(Calls(SERVER), e.event("DeviceStateChange", Device="PJSIP/agent-1001", State=state))
    assert fact == ports.DeviceChanged(SERVER, "agent-1001", usable, state, from_timestamp(e.AT))


@pytest.mark.parametrize("device", ["PJSIP/carrier", "Queue:cc-fallback", "SIP/agent-1001", "Local/agent-1001"])
def test_other_devices_are_nobodys(device: str) -> None:
    assert fold(Calls(SERVER), e.event("DeviceStateChange", Device=device, State="UNAVAILABLE")) == []


# ------------------------------------------------------------------ CoreShowChannels


def shown(headers: dict[str, str], **more: str) -> Message:
    return e.event("CoreShowChannel", **{**headers, "Duration": "00:01:05", "BridgeId": "", **more})


def adopt(*rows: Message) -> tuple[Calls, dict[str, Any]]:
    calls = Calls(SERVER)
    fold(calls, e.new_channel(e.channel("old.1")))
    legs = calls.adopt(rows, NOW)
    return calls, {leg.leg_id: leg for leg in legs}


@pytest.mark.parametrize(
    "context, place",
    [
        ("cc-inbound", CallerPlace.FLOW),
        ("cc-ivr", CallerPlace.FLOW),
        ("cc-hold", CallerPlace.HOLD),
        ("cc-fallback", CallerPlace.FALLBACK),
    ],
)
def test_adopted_customer_stands_where_his_context_says(context: str, place: CallerPlace) -> None:
    calls, legs = adopt(shown({**CALLER, "Context": context, "ChannelState": "6"}))
    leg = legs["1780000000.1"]
    assert (leg.place, leg.is_customer, leg.is_up, leg.peer) == (place, True, True, None)
    assert (leg.caller_number, leg.caller_name, leg.dialed) == ("+4930901820", "Ada", "1000")
    assert leg.started_at == NOW - timedelta(seconds=65)
    assert set(calls.channels) == {"1780000000.1"}, "what is not shown is gone"


def test_the_records_tell_better_when_an_adopted_leg_began() -> None:
    began, met = NOW - timedelta(seconds=9.25), NOW - timedelta(seconds=3.5)
    rows = [
        shown({**CALLER, "Context": "cc-hold"}, BridgeId="b", Duration="00:00:09"),
        shown({**AGENT, "ChannelState": "6"}, BridgeId="", Duration="00:00:04"),
    ]
    caller, agent = (LegId(row.get("Uniqueid")) for row in rows)
    legs = Calls(SERVER).adopt(rows, NOW, {caller: LegRecord(began, met), agent: LegRecord(None, met)})
    assert [(leg.started_at, leg.bridged_at) for leg in legs] == [
        (began, met),
        (NOW - timedelta(seconds=4), None),  # in no bridge any more
    ]


def test_adopted_bridge_goes_on() -> None:
    calls, legs = adopt(
        shown({**CALLER, "Context": "cc-hold"}, BridgeId="b-7"), shown({**AGENT, "ChannelState": "6"}, BridgeId="b-7")
    )
    customer, agent = legs["1780000000.1"], legs[AGENT["Uniqueid"]]
    assert (customer.peer, customer.place) == (agent.leg_id, CallerPlace.BRIDGED)
    assert (agent.peer, agent.endpoint, agent.is_customer) == (customer.leg_id, "agent-1001", False)
    (parted,) = fold(calls, e.leaves(AGENT, "b-7"))
    assert isinstance(parted, ports.LegsParted)
    assert parted.left_first == AGENT["Uniqueid"]


def test_two_customers_in_one_bridge_are_no_peers() -> None:
    other = e.channel("1780000000.9", Context="cc-hold")
    _, legs = adopt(shown({**CALLER, "Context": "cc-hold"}, BridgeId="b"), shown(other, BridgeId="b"))
    assert [leg.peer for leg in legs.values()] == [None, None]


def test_foreign_channels_are_nobodys_customers() -> None:
    _, legs = adopt(shown({**CALLER, "Context": "from-office"}))
    assert not legs["1780000000.1"].is_customer
    assert legs["1780000000.1"].place is CallerPlace.OTHER


def test_ringing_agent_and_an_odd_duration() -> None:
    _, legs = adopt(shown({**AGENT, "ChannelState": "5"}, Duration="soon"))
    leg = legs[AGENT["Uniqueid"]]
    assert not leg.is_up
    assert leg.started_at == NOW


@pytest.mark.parametrize("lost", ["customer's", "agent's"])
def test_a_conversation_is_told_also_when_a_channels_first_event_was_lost(lost: str) -> None:
    calls = Calls(SERVER)
    waiting = {**CALLER, "Context": "cc-hold", "ChannelState": "6"}
    known = AGENT if lost == "customer's" else CALLER
    *_, met = fold(calls, e.new_channel(known), e.enters(AGENT), e.enters(waiting))
    assert met == ports.LegsConnected(SERVER, CALLER["Uniqueid"], AGENT["Uniqueid"], met.at)
    (_, ended) = fold(calls, e.hangup(CALLER))
    assert isinstance(ended, ports.LegEnded)
    assert list(calls.channels) == [AGENT["Uniqueid"]]


# ------------------------------------------------------------------ customers who are called back

STAND_IN = "r000000000000000000000002"
PLACE = e.channel(STAND_IN, Channel="Local/dial@cc-callback-00000007;1", ChannelState="0", Context="cc-callback")
DIALLING = e.channel(
    f"dial-{STAND_IN}", Channel="Local/dial@cc-callback-00000007;2", Context="cc-callback", Linkedid=STAND_IN
)
DIALLED = e.channel("1780000000.7", ChannelState="0", Linkedid=STAND_IN, CallerIDNum="dial", Exten="s")


def user_event(name: str, headers: dict[str, str], **more: str) -> Message:
    return e.event("UserEvent", UserEvent=name, Leg=STAND_IN, **headers, **more)


def called_back() -> tuple[Calls, list[ports.Fact]]:
    """His agent is there, he is being called."""
    calls = Calls(SERVER)
    fold(calls, e.new_channel(PLACE), e.new_channel(DIALLING), e.new_state(DIALLING, "6"), e.new_state(PLACE, "6"))
    return calls, fold(
        calls, e.new_channel(AGENT), e.enters(AGENT, "b-1"), e.enters(PLACE, "b-1"), e.new_channel(DIALLED)
    )


def test_who_stands_in_for_a_customer_meets_his_agent_and_nobody_has_called() -> None:
    calls, facts = called_back()
    (connected,) = facts
    assert connected == ports.LegsConnected(SERVER, LegId(STAND_IN), LegId(AGENT["Uniqueid"]), connected.at)
    assert [leg for leg, one in calls.channels.items() if one.is_customer] == [STAND_IN]
    assert calls.customer_beside(LegId(AGENT["Uniqueid"])) == STAND_IN
    assert fold(calls, e.enters(DIALLED, "b-2"), e.enters(DIALLING, "b-2")) == [], "that bridge is his own affair"
    (parted,) = fold(calls, e.leaves(PLACE, "b-1"))
    assert isinstance(parted, ports.LegsParted)


def test_a_caller_is_one_whose_call_begins_with_his_channel() -> None:
    """A leg that Dial() makes has its trunk's context as well."""
    assert fold(Calls(SERVER), e.new_channel(DIALLED)) == []
    (fact,) = fold(Calls(SERVER), e.new_channel({**DIALLED, "Linkedid": DIALLED["Uniqueid"]}))
    assert isinstance(fact, ports.CallArrived)


def test_he_answers() -> None:
    calls, _ = called_back()
    at = from_timestamp(e.AT)
    reached = user_event("CCReached", DIALLED)
    assert fold(calls, reached) == [ports.CustomerReached(SERVER, LegId(STAND_IN), at)]


@pytest.mark.parametrize(
    "status, cause, result",
    [
        ("BUSY", "17", DialResult.BUSY),
        ("NOANSWER", "21", DialResult.BUSY),  # declined; told either way
        ("CHANUNAVAIL", "21", DialResult.BUSY),
        ("NOANSWER", "19", DialResult.NO_ANSWER),
        ("NOANSWER", "16", DialResult.NO_ANSWER),  # Dial's own time limit
        ("CHANUNAVAIL", "18", DialResult.NO_ANSWER),
        ("CHANUNAVAIL", "1", DialResult.UNREACHABLE),
        ("CHANUNAVAIL", "", DialResult.UNREACHABLE),
        ("CONGESTION", "34", DialResult.UNREACHABLE),
        ("INVALIDARGS", "0", DialResult.UNREACHABLE),
        ("CANCEL", "17", DialResult.CANCELLED),
        ("", "16", DialResult.CANCELLED),
    ],
)
def test_he_does_not_answer(status: str, cause: str, result: DialResult) -> None:
    calls, _ = called_back()
    missed = user_event("CCMissed", DIALLING, Status=status, Cause=cause)
    assert fold(calls, missed) == [ports.CustomerMissed(SERVER, LegId(STAND_IN), result, from_timestamp(e.AT))]


def test_other_user_events_are_nothing_here() -> None:
    assert fold(called_back()[0], user_event("CCArrived", DIALLED)) == []


def shown_callback(*, agents_bridge: str = "", customers_bridge: str | None = None) -> dict[str, Any]:
    """``customers_bridge``: None while nobody is called, '' while it rings."""
    up = {"ChannelState": "6"}
    rows = [
        shown({**PLACE, **up, "Exten": "place"}, BridgeId=agents_bridge, Application="Wait"),
        shown({**DIALLING, **up, "Exten": "dial"}, BridgeId=customers_bridge or "", Application="Dial"),
    ]
    if agents_bridge:
        rows.append(shown({**AGENT, **up}, BridgeId=agents_bridge, Application="Bridge"))
    if customers_bridge is not None:
        rows.append(shown({**DIALLED, **up}, BridgeId=customers_bridge, Application="AppDial"))
    return adopt(*rows)[1]


@pytest.mark.parametrize(
    "agents, customers, place, is_reached",
    [
        ("", None, CallerPlace.STAND_IN, False),
        ("b-1", None, CallerPlace.BRIDGED, False),
        ("b-1", "", CallerPlace.BRIDGED, False),
        ("b-1", "b-2", CallerPlace.BRIDGED, True),
        ("", "b-2", CallerPlace.STAND_IN, True),
    ],
)
def test_the_picture_of_one_who_is_called_back(
    agents: str, customers: str | None, place: CallerPlace, is_reached: bool
) -> None:
    legs = shown_callback(agents_bridge=agents, customers_bridge=customers)
    mine = legs[STAND_IN]
    assert (mine.place, mine.is_customer, mine.is_reached) == (place, True, is_reached)
    assert mine.peer == (AGENT["Uniqueid"] if agents else None)
    others = [leg for name, leg in legs.items() if name != STAND_IN]
    assert not [leg for leg in others if leg.is_customer or leg.is_reached or leg.place is CallerPlace.STAND_IN]


def test_the_records_tell_that_he_answered_before_his_bridge_forms() -> None:
    rows = [shown({**PLACE, "ChannelState": "6"}), shown({**DIALLING, "ChannelState": "6"})]
    records = {LegId(STAND_IN): LegRecord(reached_at=NOW)}
    assert [leg.is_reached for leg in Calls(SERVER).adopt(rows, NOW, records)] == [True, False]


def test_the_dialled_leg_whose_first_event_was_lost_is_no_customer() -> None:
    calls = Calls(SERVER)
    fold(calls, e.enters({**DIALLED, "ChannelState": "6"}, "b-2"))
    assert not calls.channels[LegId(DIALLED["Uniqueid"])].is_customer
