"""An agent lets his customer wait for another, on a real Asterisk with SIPp's phones and on the simulated PBX alike."""

import asyncio

import pytest

from contactcenter.core.ids import LegId, ReservationId
from contactcenter.interactions import ports
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.telephony_line import TelephonyLine
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.integration.asterisk.test_holds import device, held, line, pbx, talk

__all__ = ["line", "pbx"]

NEXT = "agent-2002"


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
    nailed = device(line, ports.LegMode.NAILED)
    line.site.prepare(nailed)
    await line.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    (leg,) = [LegId(one["Uniqueid"]) for one in await ami.channels() if "agent-2001" in one["Channel"]]
    for _ in range(2):
        caller = LegId(await waiting_caller(ami))
        reservation = ReservationId(line.ids.new())
        agent = LegId(reservation)
        line.site.alert(ports.AlertOrder(reservation, nailed, caller, "+4930901820", "Ada", 5.0, line.server_id))
        await ami.wait_place(leg, names.ALERT_TONE, "Playback")
        line.site.connect(reservation)
        await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
        line.site.let_wait(line.server_id, caller, agent, nailed)
        await line.find(ports.LegsParted, caller_leg=caller, agent_leg=agent)
        await line.find(ports.LegEnded, leg_id=agent)
        await ami.wait_place(leg, names.PARK, "Wait")
        second = await met_by_the_next(line, caller)
        await ami.send("Hangup", Channel=caller)
        await line.find(ports.LegEnded, leg_id=second)
    line.site.release(nailed)
    await line.find(ports.LegEnded, leg_id=leg)
