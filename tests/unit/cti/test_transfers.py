"""What is asked of a PBX to let a customer wait for another agent, and asked again while he is being bridged."""

import pytest

from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import LegMode
from cti.acts import TRIES
from tests.fakes import ami_events as e
from tests.unit.cti.test_telephony import AGENT, CALLER, RES, Line, order, settle
from tests.unit.cti.test_telephony import line as line

CUSTOMER = LegId(CALLER["Uniqueid"])
NAILED = LegId("nailed-leg")
PARKED = e.agent(NAILED, ChannelState="6", Context="cc-park")
GOES_ON = {"ExtraChannel": CUSTOMER, "ExtraContext": "cc-hold", "ExtraExten": "s", "ExtraPriority": "next"}


async def talking(line: Line) -> None:
    await line.ringing()
    line.connect()
    line.facts.clear()


def let_wait(line: Line, mode: LegMode = LegMode.RING) -> None:
    line.pbx.holds.let_wait(CUSTOMER, LegId(RES), order(mode).device)


def redirects(line: Line) -> list[dict[str, str]]:
    return [one.fields for one in line.client.sent if one.action == "Redirect"]


async def test_one_act_parts_both(line: Line) -> None:
    await talking(line)
    let_wait(line)
    over = {"Channel": RES, "Context": "cc-bridge", "Exten": "s", "Priority": "over"}
    assert redirects(line) == [over | GOES_ON]
    assert "Hangup" not in line.client.names(), "the dialplan ends the leg"
    line.pbx.on_message(e.leaves(AGENT))
    (parted,) = line.told(ports.LegsParted)
    assert (parted.caller_leg, parted.agent_leg, parted.left_first) == (CUSTOMER, RES, RES)


async def test_over_the_trunk_the_extension_stays_the_agents(line: Line) -> None:
    await talking(line)
    device = ports.Device(order().device.agent_id, ServerId("pbx-2"), "agent-1001")
    line.pbx.holds.let_wait(CUSTOMER, LegId(RES), device)
    assert [(one["Channel"], one["Exten"], one["Priority"]) for one in redirects(line)] == [(RES, "1001", "over")]


async def test_a_nailed_leg_is_moved_by_its_own_id_and_is_free_for_the_next(line: Line) -> None:
    line.pbx.nailed.prepare(order(LegMode.NAILED).device)
    for message in (e.new_channel(PARKED), e.new_channel(CALLER), e.event("Newstate", **PARKED)):
        line.pbx.on_message(message)
    line.pbx.alert(order(LegMode.NAILED))
    line.pbx.connect(RES)
    for message in (e.enters(PARKED), e.enters(CALLER)):
        line.pbx.on_message(message)
    assert [fact.agent_leg for fact in line.told(ports.LegsConnected)] == [RES]
    before = len(redirects(line))
    let_wait(line, LegMode.NAILED)
    (asked,) = redirects(line)[before:]
    assert asked == {"Channel": NAILED, "Context": "cc-bridge", "Exten": "s", "Priority": "over"} | GOES_ON
    line.pbx.on_message(e.leaves(PARKED))
    assert [fact.agent_leg for fact in line.told(ports.LegsParted)] == [RES]
    assert [fact.leg_id for fact in line.told(ports.LegEnded)] == [RES]
    assert not line.pbx.nailed.owns(RES)


async def test_a_channel_that_is_moving_is_asked_again_as_for_a_hold(line: Line) -> None:
    """Else the first agent talks on while the next one is rung."""
    await talking(line)
    let_wait(line)
    line.client.take("Redirect").refuse()
    await settle()
    line.later.pop()()
    assert redirects(line)[0] == redirects(line)[1]
    line.client.take("Redirect").succeed()
    await settle()
    assert (line.later, len(redirects(line))) == ([], 2)


async def test_it_is_not_asked_without_end(line: Line) -> None:
    await talking(line)
    let_wait(line)
    line.client.take("Redirect").refuse()
    await settle()
    for _ in range(TRIES):
        line.later.pop()()
        line.client.take("Redirect").refuse()
        await settle()
    assert (line.later, len(redirects(line))) == ([], TRIES + 1)


@pytest.mark.parametrize("has_next", [False, True])
async def test_who_is_parted_meanwhile_is_left_alone(line: Line, has_next: bool) -> None:
    """He may be talking to the next agent: nobody takes him away again."""
    await talking(line)
    let_wait(line)
    line.client.take("Redirect").refuse()
    await settle()
    for headers in (AGENT, CALLER):
        line.pbx.on_message(e.leaves(headers))
    if has_next:
        second = e.agent("r0000000000000000000000002", "agent-1002")
        for message in (e.new_channel(second), e.enters(second, "b-2"), e.enters(CALLER, "b-2")):
            line.pbx.on_message(message)
    line.later.pop()()
    assert (line.later, len(redirects(line))) == ([], 1)
