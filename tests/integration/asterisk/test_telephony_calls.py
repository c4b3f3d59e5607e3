"""Telephony's contract, on a real Asterisk with SIPp's phones and on the simulated PBX alike.

Every way an alert may end, and what is found after a gap.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, CallerPlace
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Refuses, Rings
from tests.rig.simulated import Simulated
from tests.rig.sipp import desk_phones

PHONES = {
    "agent-2001": Answers(after=0.05),
    "agent-2002": Refuses(486),
    "agent-2003": Rings(),
    "agent-2004": Refuses(603, "Decline"),
    "agent-2005": Refuses(480, "Temporarily Unavailable"),
    "agent-2006": Answers(after=0.05, talk=0.3),
    "agent-2007": Refuses(404, "Not Found"),
}


@pytest.fixture
def pbx(either_pbx: Pbx | Simulated) -> Pbx | Simulated:
    return either_pbx


@pytest.fixture
async def phones(pbx: Pbx | Simulated, tmp_path: Path) -> AsyncIterator[None]:
    if isinstance(pbx, Simulated):
        pbx.put_phones(PHONES)
        yield
        return
    async with desk_phones(tmp_path / "phones", PHONES, port=pbx.peer_port, media_port=free_ports(8)):
        yield


@pytest.fixture
async def line(pbx: Pbx, ami: AmiLine, agi: ScriptedAgi, phones: None) -> AsyncIterator[TelephonyLine]:
    async with telephony_line(pbx) as made:
        yield made


async def test_alert_answer_talk_and_the_agent_hangs_up(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    await line.find(ports.CallArrived, leg_id=caller)
    reservation = line.alert(caller, "agent-2001")
    await line.find(ports.LegRinging, leg_id=reservation)
    await line.find(ports.LegAnswered, leg_id=reservation)
    connected = await line.find(ports.LegsConnected, caller_leg=caller)
    assert connected.agent_leg == reservation
    line.site.hang_up(line.server_id, LegId(reservation))
    parted = await line.find(ports.LegsParted, caller_leg=caller)
    assert (parted.agent_leg, parted.left_first) == (reservation, reservation)
    ended = await line.find(ports.LegEnded, leg_id=reservation)
    assert ended.cause == 16
    assert not [fact for fact in line.facts if isinstance(fact, ports.AlertEnded)]
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def test_the_phone_hangs_up_and_the_customer_hangs_up(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    by_phone = line.alert(caller, "agent-2006")
    parted = await line.find(ports.LegsParted, agent_leg=by_phone)
    assert parted.left_first == by_phone
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    by_customer = line.alert(caller, "agent-2001")
    await line.find(ports.LegsConnected, agent_leg=by_customer)
    await ami.send("Hangup", Channel=caller)
    parted = await line.find(ports.LegsParted, agent_leg=by_customer)
    assert parted.left_first == caller
    await line.find(ports.LegEnded, leg_id=caller)
    await line.find(ports.LegEnded, leg_id=by_customer)


@pytest.mark.parametrize(
    "endpoint, failure",
    [
        ("agent-2002", AlertFailure.BUSY),
        ("agent-2004", AlertFailure.REJECTED),
        ("agent-2005", AlertFailure.NO_ANSWER),
        ("agent-2007", AlertFailure.UNREACHABLE),
    ],
)
async def test_a_phone_that_refuses(line: TelephonyLine, ami: AmiLine, endpoint: str, failure: AlertFailure) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, endpoint)
    assert await line.failure(reservation) is failure
    again = line.alert(caller, "agent-2001")
    await line.find(ports.LegsConnected, agent_leg=again)


async def test_nobody_answers_within_the_pbxs_own_limit(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2003", ring_time=0.4)
    assert await line.failure(reservation) is AlertFailure.NO_ANSWER
    following = line.alert(caller, "agent-2001")
    await line.find(ports.LegsConnected, agent_leg=following)


async def test_a_dead_phone(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2009", ring_time=1.0)
    assert await line.failure(reservation) in (AlertFailure.UNREACHABLE, AlertFailure.NO_ANSWER)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def test_an_endpoint_that_does_not_exist(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-9999")
    assert await line.failure(reservation) is AlertFailure.UNREACHABLE


async def test_revoke_then_the_next(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2003")
    await line.find(ports.LegRinging, leg_id=reservation)
    line.site.revoke(reservation)
    assert await line.failure(reservation, seconds=1) is AlertFailure.REVOKED
    assert reservation not in {one["Uniqueid"] for one in await ami.channels()}, "over means: its leg is gone"
    following = line.alert(caller, "agent-2001")
    await line.find(ports.LegsConnected, agent_leg=following)


async def test_revoke_before_the_leg_is_there(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2003")
    line.site.revoke(reservation)
    async with asyncio.timeout(3):
        while LegId(reservation) in line.pbx.alerts:
            line.site.revoke(reservation)  # the router says it again every 5 s
            await asyncio.sleep(0.05)
    assert await line.failure(reservation) is AlertFailure.REVOKED
    assert reservation not in {one["Uniqueid"] for one in await ami.channels()}


async def test_a_revoked_conversation_goes_on(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2001")
    await line.find(ports.LegsConnected, agent_leg=reservation)
    line.site.revoke(reservation)
    await asyncio.sleep(0.1)
    assert len(await ami.channels()) == 3, "the caller (a Local channel of two halves) and the agent"
    assert not [fact for fact in line.facts if isinstance(fact, ports.LegsParted)]


async def test_the_caller_hangs_up_while_it_rings(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2003")
    await line.find(ports.LegRinging, leg_id=reservation)
    await ami.send("Hangup", Channel=caller)
    await line.find(ports.LegEnded, leg_id=caller)
    line.site.revoke(reservation)  # as the router does
    assert await line.failure(reservation, seconds=1) is AlertFailure.REVOKED


async def test_a_nailed_leg_alerted_connected_and_parked_again(line: TelephonyLine, ami: AmiLine) -> None:
    caller = await waiting_caller(ami)
    device = ports.Device(AgentId("a-1"), line.server_id, "agent-2001", ports.LegMode.NAILED)
    line.site.prepare(device)
    await line.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    (leg,) = [one["Uniqueid"] for one in await ami.channels() if "agent-2001" in one["Channel"]]
    reservation = ReservationId(line.ids.new())
    line.site.alert(ports.AlertOrder(reservation, device, LegId(caller), "+4930901820", "Ada", 5.0, line.server_id))
    await ami.wait_place(leg, names.ALERT_TONE, "Playback")
    line.site.connect(reservation)
    await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=reservation)
    line.site.hang_up(line.server_id, LegId(reservation))
    parted = await line.find(ports.LegsParted, caller_leg=caller)
    assert parted.agent_leg == reservation
    await ami.wait_place(leg, names.PARK, "Wait")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    line.site.release(device)
    await line.find(ports.LegEnded, leg_id=leg)


async def test_alert_for_a_caller_who_is_gone(line: TelephonyLine, ami: AmiLine) -> None:
    reservation = line.alert("1780000000.404", "agent-2001")
    assert await line.failure(reservation) in (AlertFailure.CALLER_GONE, AlertFailure.LOST)


@pytest.mark.parametrize(
    "name", ['Eve" <sip:evil@x>;', "a\r\nAction: Logoff\r\n", "\u202eEvil ${SHELL(id)},x", "Ж" * 300]
)
async def test_hostile_names_reach_the_phone_as_text(line: TelephonyLine, ami: AmiLine, name: str) -> None:
    caller = await waiting_caller(ami)
    reservation = line.alert(caller, "agent-2001", name=name)
    await line.find(ports.LegsConnected, agent_leg=reservation)
    assert line.client.stats.losses == 0


async def test_the_picture_of_a_second_link(line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated) -> None:
    """What a process finds that starts while calls are up: who talks, who waits, whose phone rings."""
    talking, waiting, alerted = [await waiting_caller(ami) for _ in range(3)]
    answered = line.alert(talking, "agent-2001")
    await line.find(ports.LegsConnected, agent_leg=answered)
    ringing = line.alert(alerted, "agent-2003")
    await line.find(ports.LegRinging, leg_id=ringing)
    async with telephony_line(pbx) as second:
        picture = await second.find(ports.Resynced)
        legs = {leg.leg_id: leg for leg in picture.legs}
        assert (legs[LegId(talking)].peer, legs[LegId(talking)].place) == (answered, CallerPlace.BRIDGED)
        assert legs[LegId(answered)].peer == talking
        assert legs[LegId(answered)].endpoint == "agent-2001"
        for one in (waiting, alerted):
            assert (legs[LegId(one)].place, legs[LegId(one)].peer) == (CallerPlace.HOLD, None)
            assert legs[LegId(one)].is_customer
        assert (legs[LegId(ringing)].is_up, legs[LegId(ringing)].is_customer) == (False, False)
        assert picture.devices["agent-2001"] is True
        assert set(picture.devices) == {f"agent-{number}" for number in range(2001, 2010)}
        assert second.pbx.version.startswith("22")
        second.site.hang_up(second.server_id, LegId(answered))
        parted = await second.find(ports.LegsParted, caller_leg=talking)
        assert parted.left_first == answered


async def test_what_ended_in_a_gap_is_in_the_pbxs_records(
    line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated
) -> None:
    caller = await waiting_caller(ami)
    async with telephony_line(pbx, cel=True) as second:
        await second.find(ports.Resynced)
        second.client._lose("test")
        await second.find(ports.LinkChanged, up=False)
        await ami.send("Hangup", Channel=caller, Cause="16")
        await ami.event("Hangup", Uniqueid=caller)
        second.facts.clear()
        await second.find(ports.LinkChanged, up=True)
        picture = await second.find(ports.Resynced)
        assert caller not in {leg.leg_id for leg in picture.legs}
        (ended,) = [leg for leg in picture.ended if leg.leg_id == caller]
        assert ended.cause == 16
