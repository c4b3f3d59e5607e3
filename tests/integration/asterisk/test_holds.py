"""Hold and retrieve, on a real Asterisk with SIPp's phones and on the simulated PBX alike."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import CallerPlace
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Behaviour, Refuses
from tests.rig.simulated import Simulated
from tests.rig.sipp import desk_phones

PHONES: dict[str, Behaviour] = {
    "agent-2001": Answers(after=0.05),
    "agent-2002": Answers(after=0.05),
    "agent-2003": Answers(after=0.0),
    "agent-2004": Refuses(486),
}


@pytest.fixture
def pbx(either_pbx: Pbx | Simulated) -> Pbx | Simulated:
    return either_pbx


@pytest.fixture
async def line(pbx: Pbx | Simulated, ami: AmiLine, agi: ScriptedAgi, tmp_path: Path) -> AsyncIterator[TelephonyLine]:
    if isinstance(pbx, Simulated):
        pbx.put_phones(PHONES)
        async with telephony_line(pbx) as made:
            yield made
        return
    async with (
        desk_phones(tmp_path / "phones", PHONES, port=pbx.peer_port, media_port=free_ports(8)),
        telephony_line(pbx) as made,
    ):
        yield made


def device(line: TelephonyLine, mode: ports.LegMode = ports.LegMode.RING) -> ports.Device:
    return ports.Device(AgentId("a-agent-2001"), line.server_id, "agent-2001", mode)


async def talk(line: TelephonyLine, ami: AmiLine) -> tuple[LegId, LegId]:
    caller = LegId(await waiting_caller(ami))
    agent = LegId(line.alert(caller, "agent-2001"))
    await line.find(ports.LegsConnected, agent_leg=agent)
    return caller, agent


async def nail(line: TelephonyLine, ami: AmiLine) -> tuple[ports.Device, LegId]:
    """The agent's leg is up for good; returns the device and the leg."""
    nailed = device(line, ports.LegMode.NAILED)
    line.site.prepare(nailed)
    await line.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    (leg,) = [LegId(one["Uniqueid"]) for one in await ami.channels() if "agent-2001" in one["Channel"]]
    return nailed, leg


async def talk_nailed(line: TelephonyLine, ami: AmiLine, nailed: ports.Device, leg: LegId) -> tuple[LegId, LegId]:
    caller = LegId(await waiting_caller(ami))
    reservation = ReservationId(line.ids.new())
    line.site.alert(ports.AlertOrder(reservation, nailed, caller, "+4930901820", "Ada", 5.0, line.server_id))
    await ami.wait_place(leg, names.ALERT_TONE, "Playback")
    line.site.connect(reservation)
    await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=LegId(reservation))
    return caller, LegId(reservation)


async def held(line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId, leg: LegId) -> None:
    line.facts.clear()
    line.site.hold(line.server_id, caller, agent)
    assert (await line.find(ports.LegsHeld, caller_leg=caller)).agent_leg == agent
    await ami.wait_place(leg, names.PARK, "Wait")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert not [one for one in line.facts if isinstance(one, ports.LegsParted | ports.LegEnded)]


async def test_hold_and_retrieve_again_and_again(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    for _ in range(3):
        await held(line, ami, caller, agent, agent)
        line.site.retrieve(line.server_id, agent, device(line))
        assert (await line.find(ports.LegsConnected, caller_leg=caller)).agent_leg == agent
    line.facts.clear()
    line.site.hang_up(line.server_id, agent)
    parted = await line.find(ports.LegsParted, caller_leg=caller)
    assert parted.left_first == agent, "the last one was no hold"
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def test_hold_asked_twice_parts_once(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.hold(line.server_id, caller, agent)
    await held(line, ami, caller, agent, agent)
    line.site.hold(line.server_id, caller, agent)  # they are apart: nothing to part
    line.site.retrieve(line.server_id, agent, device(line))
    await line.find(ports.LegsConnected, caller_leg=caller)
    line.facts.clear()
    await ami.send("Hangup", Channel=caller)
    assert (await line.find(ports.LegsParted, caller_leg=caller)).left_first == caller


@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_either_hangs_up_while_on_hold(line: TelephonyLine, ami: AmiLine, who: str) -> None:
    caller, agent = await talk(line, ami)
    await held(line, ami, caller, agent, agent)
    gone, stays = (caller, agent) if who == "customer" else (agent, caller)
    await ami.send("Hangup", Channel=gone)
    await line.find(ports.LegEnded, leg_id=gone)
    assert stays in {one["Uniqueid"] for one in await ami.channels()}, "its owner ends it"
    line.site.hang_up(line.server_id, stays)
    await line.find(ports.LegEnded, leg_id=stays)


async def test_a_customer_who_left_cannot_be_retrieved(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    await held(line, ami, caller, agent, agent)
    await ami.send("Hangup", Channel=caller)
    line.site.retrieve(line.server_id, agent, device(line))
    await line.find(ports.LegEnded, leg_id=agent)


async def test_a_nailed_leg_holds_and_retrieves(line: TelephonyLine, ami: AmiLine) -> None:
    nailed, leg = await nail(line, ami)
    caller, agent = await talk_nailed(line, ami, nailed, leg)
    await held(line, ami, caller, agent, leg)
    line.site.retrieve(line.server_id, agent, nailed)
    await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    await held(line, ami, caller, agent, leg)
    line.site.hang_up(line.server_id, agent)
    await line.find(ports.LegEnded, leg_id=agent)
    await ami.wait_place(leg, names.PARK, "Wait")
    line.site.hang_up(line.server_id, caller)
    await line.find(ports.LegEnded, leg_id=caller)
    line.site.release(nailed)
    await line.find(ports.LegEnded, leg_id=leg)


async def test_a_nailed_leg_that_dies_while_on_hold(line: TelephonyLine, ami: AmiLine) -> None:
    nailed, leg = await nail(line, ami)
    caller, agent = await talk_nailed(line, ami, nailed, leg)
    await held(line, ami, caller, agent, leg)
    line.site.forget(nailed)
    await line.find(ports.LegEnded, leg_id=agent)


async def test_the_picture_of_a_second_link_shows_both_up_and_apart(
    line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated
) -> None:
    caller, agent = await talk(line, ami)
    await held(line, ami, caller, agent, agent)
    async with telephony_line(pbx) as second:
        legs = {leg.leg_id: leg for leg in (await second.find(ports.Resynced)).legs}
        assert (legs[caller].place, legs[caller].peer, legs[caller].is_customer) == (CallerPlace.HOLD, None, True)
        assert (legs[agent].peer, legs[agent].is_up, legs[agent].endpoint) == (None, True, "agent-2001")
        second.site.retrieve(second.server_id, agent, device(second))
        assert (await second.find(ports.LegsConnected, caller_leg=caller)).agent_leg == agent


async def test_a_nailed_leg_hangs_up_while_a_hold_is_under_way(line: TelephonyLine, ami: AmiLine) -> None:
    """The conversation is over, and is not told to be on hold: nobody would take its customer off it."""
    nailed, leg = await nail(line, ami)
    caller, agent = await talk_nailed(line, ami, nailed, leg)
    line.site.hold(line.server_id, caller, agent)
    line.site.hang_up(line.server_id, agent)
    await line.find(ports.LegsParted, caller_leg=caller)
    assert not [one for one in line.facts if isinstance(one, ports.LegsHeld)]
    await ami.wait_place(leg, names.PARK, "Wait")
