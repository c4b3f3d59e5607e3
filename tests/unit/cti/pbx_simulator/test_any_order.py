"""Any actions in any order, at any time: each is answered once, nothing raises, and the picture stays consistent."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti import dialplan_names as names
from cti.pbx_simulator.people import Customer, Dead, PicksUp, Refuses, RingsOn
from tests.unit.cti.pbx_simulator.stage import AGENTS, HOLD, Stage

LEGS = (
    [f"sim-1780000000.{number}" for number in range(1, 5)] + [f"res-{number}" for number in range(1, 4)] + ["nope", ""]
)
TEXTS = ["", "s", "1", "2000", "01conf", "next", "-1", "²", "9" * 5000, "${SHELL(id)}", 'a" <b>', "TIMEOUT(absolute)"]
leg, text = st.sampled_from(LEGS), st.sampled_from(TEXTS)
context = st.sampled_from([*names.CONTEXTS, "nowhere"])
exten, priority = (
    st.sampled_from(["s", "2000", "01conf", "600", "place", "dial", ""]),
    st.sampled_from(["1", "next", "99", ""]),
)
place = {"Context": context, "Exten": exten, "Priority": priority}
reservation, agent = st.sampled_from(["res-1", "res-2", "res-3"]), st.sampled_from([*AGENTS, "agent-9"])
ACTIONS = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 30)),
    st.tuples(st.just("pass"), st.floats(0.0, 40.0)),
    st.tuples(st.just("alert"), leg, agent, reservation),
    st.tuples(st.just("stand-in"), leg, reservation),
    st.tuples(st.just("dial"), leg),
    st.tuples(st.just("register"), st.sampled_from([*AGENTS, "demo"]), st.booleans()),
    st.tuples(st.just("Hangup"), st.fixed_dictionaries({"Channel": leg, "Cause": text})),
    st.tuples(st.just("Redirect"), st.fixed_dictionaries({"Channel": leg, **place}, optional={"ExtraChannel": leg})),
    st.tuples(st.just("Bridge"), st.fixed_dictionaries({"Channel1": leg, "Channel2": leg})),
    st.tuples(st.just("Setvar"), st.fixed_dictionaries({"Channel": leg, "Variable": text, "Value": text})),
    st.tuples(
        st.just("Originate"),
        st.fixed_dictionaries(
            {
                "Channel": st.sampled_from(["PJSIP/agent-1", "Local/2000@cc-inbound", "Local/x@", "x", "PJSIP/"]),
                **place,
            },
            optional={"ChannelId": leg, "Timeout": text, "CallerID": text, "Variable": text},
        ),
    ),
)


def is_consistent(stage: Stage) -> None:
    channels = stage.exchange.channels
    for uniqueid, channel in channels.items():
        assert (channel.uniqueid, channel.is_gone) == (uniqueid, False)
        is_pending = stage.exchange.legs.is_pending(channel)
        assert (channel.wait is None) is is_pending, "the dialplan of all who are up has run as far as it can"
        if channel.bridge is not None:
            assert channel in channel.bridge.inside
            assert all(channels.get(one.uniqueid) is one for one in channel.bridge.inside)
            assert channel.bridge.name or len(channel.bridge.inside) == 2
        if channel.other_half is not None:
            assert channel.other_half.uniqueid in channels
    ended = [one.get("Uniqueid") for one in stage.named("Hangup")]
    begun = [one.get("Uniqueid") for one in stage.named("Newchannel")]
    assert len(begun) - len(ended) == len(channels)


@given(st.lists(ACTIONS, max_size=25))
@settings(max_examples=150, deadline=None)
def test_any_order(steps: list[tuple]) -> None:
    stage = Stage({"agent-1": PicksUp(1.0, 5.0), "agent-2": RingsOn(), "agent-3": Refuses(), "+49": PicksUp(1.0, 4.0)})
    for name, *given_ in steps:
        if name == "call":
            stage.calls(Customer("+49", "2000", delay=1.0, patience=given_[0], talk_time=3.0))
        elif name == "pass":
            stage.advance(given_[0])
        elif name == "alert":
            stage.alert(*given_, limit=10.0)
        elif name == "stand-in":
            stage.stands_in(*given_, number="+49", ring=3)
        elif name == "dial":
            stage.act("Setvar", Channel=given_[0], Variable="SHARED(CC_DIAL)", Value="1")
        elif name == "register":
            stage.exchange.devices.register(given_[0], registered=given_[1])
        else:
            replies = stage.act(name, **given_[0])
            assert [one.is_response for one in replies] == [True]
        is_consistent(stage)


@pytest.mark.parametrize("command", ["SET AUTOHANGUP x", "WAIT FOR DIGIT x", 'RECORD FILE a b c "x"', "GET DATA a b c"])
def test_a_number_that_is_none_in_a_session(command: str) -> None:
    stage = Stage({"agent-1": Dead()})
    stage.scripts["ivr"] = [command, HOLD]
    caller = stage.calls(Customer("+49", "2000"))
    assert stage.heard[0].startswith("520")
    assert stage.place(caller) == (names.HOLD, "MusicOnHold")
