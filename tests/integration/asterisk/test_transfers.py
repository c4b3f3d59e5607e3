"""An agent lets his customer wait for another, on a real Asterisk with SIPp's phones and on the simulated PBX alike."""

import asyncio

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.integration.asterisk.test_holds import device, held, line, nail, pbx, talk, talk_nailed
from tests.rig.simulated import Simulated

__all__ = ["line", "pbx"]

NEXT, AT_ONCE, BUSY = "agent-2002", "agent-2003", "agent-2004"


async def met_by_the_next(line: TelephonyLine, caller: LegId) -> LegId:
    agent = LegId(line.alert(caller, NEXT))
    await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    return agent


async def nobody_left(ami: AmiLine) -> None:
    async with asyncio.timeout(8):
        while await ami.channels():
            await asyncio.sleep(0.05)


async def test_he_waits_with_music_and_meets_the_next(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    parted = await line.find(ports.LegsParted, caller_leg=caller)
    assert parted.agent_leg == agent
    await line.find(ports.LegEnded, leg_id=agent)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    second = await met_by_the_next(line, caller)
    await ami.send("Hangup", Channel=caller)
    assert (await line.find(ports.LegsParted, agent_leg=second)).left_first == caller
    await line.find(ports.LegEnded, leg_id=second)
    await nobody_left(ami)


async def test_the_next_is_rung_in_the_same_moment(line: TelephonyLine, ami: AmiLine) -> None:
    """Told one after the other on one link: no leg sends for a customer who is then sent elsewhere."""
    for _ in range(5):
        caller, agent = await talk(line, ami)
        line.site.let_wait(line.server_id, caller, agent, device(line))
        second = LegId(line.alert(caller, NEXT))
        await line.find(ports.LegEnded, leg_id=agent)
        await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=second)
        await ami.send("Hangup", Channel=caller)
        await line.find(ports.LegEnded, leg_id=second)
    assert not [one for one in line.facts if isinstance(one, ports.AlertEnded)]
    await nobody_left(ami)


async def test_out_of_hold(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    await held(line, ami, caller, agent, agent)
    line.site.hang_up(line.server_id, agent)
    await line.find(ports.LegEnded, leg_id=agent)
    await met_by_the_next(line, caller)


async def test_while_a_hold_is_under_way(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.hold(line.server_id, caller, agent)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    await line.find(ports.LegEnded, leg_id=agent)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    await met_by_the_next(line, caller)


async def test_asked_twice(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    for _ in range(2):
        line.site.let_wait(line.server_id, caller, agent, device(line))
    await line.find(ports.LegEnded, leg_id=agent)
    await met_by_the_next(line, caller)


@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_either_leaves_in_the_same_moment(line: TelephonyLine, ami: AmiLine, who: str) -> None:
    caller, agent = await talk(line, ami)
    line.pbx.hang_up(caller if who == "customer" else agent)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    await line.find(ports.LegEnded, leg_id=agent)
    if who == "agent":
        await ami.wait_place(caller, names.HOLD, "MusicOnHold")
        await ami.send("Hangup", Channel=caller)
    await line.find(ports.LegEnded, leg_id=caller)
    await nobody_left(ami)


async def test_a_nailed_leg_is_parked_and_takes_the_next_call(line: TelephonyLine, ami: AmiLine) -> None:
    nailed, leg = await nail(line, ami)
    for _ in range(2):
        caller, agent = await talk_nailed(line, ami, nailed, leg)
        line.site.let_wait(line.server_id, caller, agent, nailed)
        await line.find(ports.LegsParted, caller_leg=caller, agent_leg=agent)
        await line.find(ports.LegEnded, leg_id=agent)
        await ami.wait_place(leg, names.PARK, "Wait")
        second = await met_by_the_next(line, caller)
        await ami.send("Hangup", Channel=caller)
        await line.find(ports.LegEnded, leg_id=second)
    line.site.release(nailed)
    await line.find(ports.LegEnded, leg_id=leg)


# ------------------------------------------------------------------ more of what may come in the same moment


async def waits(line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId) -> None:
    """The agent is gone, and the customer hears music."""
    await line.find(ports.LegEnded, leg_id=agent)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def talks_on(line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId) -> None:
    """Nothing that is still under way parts them; then all ends with the customer."""
    await asyncio.sleep(0.2)
    rooms = {one["Uniqueid"]: one["BridgeId"] for one in await ami.channels()}
    assert rooms[caller] == rooms[agent] != ""
    assert not [one for one in line.facts if isinstance(one, ports.LegsParted) and one.agent_leg == agent]
    await ami.send("Hangup", Channel=caller)
    assert (await line.find(ports.LegsParted, agent_leg=agent)).left_first == caller
    await line.find(ports.LegEnded, leg_id=agent)
    await nobody_left(ami)


async def test_he_asks_once_what_comes_and_is_told_to_wait(line: TelephonyLine, ami: AmiLine, agi: ScriptedAgi) -> None:
    caller, agent = await talk(line, ami)
    for _ in range(2):
        agi.calls.clear()
        line.site.let_wait(line.server_id, caller, agent, device(line))
        await waits(line, ami, caller, agent)
        assert agi.steps() == ["next"]
        agent = await met_by_the_next(line, caller)
    await talks_on(line, ami, caller, agent)


async def test_he_hangs_up_while_he_waits(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    await waits(line, ami, caller, agent)
    await ami.send("Hangup", Channel=caller)
    await line.find(ports.LegEnded, leg_id=caller)
    await nobody_left(ami)


async def test_asked_again_when_the_next_talks_to_him(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    second = await met_by_the_next(line, caller)
    line.site.let_wait(line.server_id, caller, agent, device(line))  # that leg is gone
    await talks_on(line, ami, caller, second)


async def test_asked_as_soon_as_they_are_connected(line: TelephonyLine, ami: AmiLine) -> None:
    def connected(fact: ports.Fact) -> None:
        if isinstance(fact, ports.LegsConnected) and fact.agent_leg not in kept:
            line.site.let_wait(line.server_id, caller, fact.agent_leg, device(line))

    caller, kept = LegId(await waiting_caller(ami)), set[LegId]()
    line.listener = connected
    for _ in range(5):
        agent = LegId(line.alert(caller, "agent-2001"))
        await waits(line, ami, caller, agent)
    kept.add(last := LegId(line.alert(caller, NEXT)))
    await line.find(ports.LegsConnected, agent_leg=last)
    await talks_on(line, ami, caller, last)


@pytest.mark.parametrize("is_hung_up_first", [True, False])
@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_either_phone_hangs_up_in_the_same_moment(
    line: TelephonyLine, ami: AmiLine, who: str, is_hung_up_first: bool
) -> None:
    """Over two links: which of the two the PBX hears first is its affair."""
    for _ in range(3):
        caller, agent = await talk(line, ami)
        hang_up = asyncio.ensure_future(ami.send("Hangup", Channel=caller if who == "customer" else agent))
        if is_hung_up_first:
            await asyncio.sleep(0)
        line.site.let_wait(line.server_id, caller, agent, device(line))
        await hang_up
        await line.find(ports.LegEnded, leg_id=agent)
        if who == "agent":
            await talks_on(line, ami, caller, await met_by_the_next(line, caller))
        await line.find(ports.LegEnded, leg_id=caller)
        await nobody_left(ami)


async def test_the_next_phone_picks_up_by_itself_at_once(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    for endpoint in (AT_ONCE, NEXT, AT_ONCE, "agent-2001"):
        on = ports.Device(AgentId(f"a-{endpoint}"), line.server_id, endpoint, ports.LegMode.AUTO)
        reservation = ReservationId(line.ids.new())
        line.site.let_wait(line.server_id, caller, agent, device(line))
        line.site.alert(ports.AlertOrder(reservation, on, caller, "+4930901820", "Ada", 5.0, line.server_id))
        await line.find(ports.LegEnded, leg_id=agent)
        agent = LegId(reservation)
        await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    await talks_on(line, ami, caller, agent)


async def test_the_next_phone_is_busy(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    assert await line.failure(line.alert(caller, BUSY)) is ports.AlertFailure.BUSY
    await waits(line, ami, caller, agent)
    await talks_on(line, ami, caller, await met_by_the_next(line, caller))


@pytest.mark.parametrize(
    "mode, is_coming_back",
    [(ports.LegMode.RING, False), (ports.LegMode.NAILED, False), (ports.LegMode.NAILED, True)],
)
async def test_out_of_hold_be_it_that_the_agent_is_just_coming_back(
    line: TelephonyLine, ami: AmiLine, mode: ports.LegMode, is_coming_back: bool
) -> None:
    on = device(line, mode)
    leg = LegId("")
    if mode is ports.LegMode.NAILED:
        on, leg = await nail(line, ami)
    for _ in range(3):
        caller, agent = await talk_nailed(line, ami, on, leg) if leg else await talk(line, ami)
        await held(line, ami, caller, agent, leg or agent)
        if is_coming_back:
            line.site.retrieve(line.server_id, agent, on)
        line.site.hang_up(line.server_id, agent)
        await line.find(ports.LegEnded, leg_id=agent)
        second = await met_by_the_next(line, caller)
        if leg:
            await ami.wait_place(leg, names.PARK, "Wait")
        await asyncio.sleep(0.2)
        rooms = {one["Uniqueid"]: one["BridgeId"] for one in await ami.channels()}
        assert rooms[caller] == rooms[second] != ""
        assert rooms.get(leg or agent, "") == ""
        await ami.send("Hangup", Channel=caller)
        await line.find(ports.LegEnded, leg_id=second)
    line.site.release(on)
    await nobody_left(ami)


async def test_the_picture_of_a_second_link_shows_him_waiting(
    line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated
) -> None:
    caller, agent = await talk(line, ami)
    line.site.let_wait(line.server_id, caller, agent, device(line))
    await waits(line, ami, caller, agent)
    async with telephony_line(pbx) as second:
        legs = {leg.leg_id: leg for leg in (await second.find(ports.Resynced)).legs}
        assert agent not in legs
        assert (legs[caller].place, legs[caller].peer) == (ports.CallerPlace.HOLD, None)
        await talks_on(second, ami, caller, await met_by_the_next(second, caller))
