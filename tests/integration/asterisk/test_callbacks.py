"""Customers who are called back, on a real Asterisk with SIPp's phones and on the simulated PBX alike.

The agent is rung first; the customer, over the trunk, once the agent is there and ``dial`` says so.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, CallerPlace, DialResult, LegMode
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Refuses, Rings
from tests.rig.simulated import Simulated
from tests.rig.sipp import desk_phones

ANSWERS, LEAVES, RINGS, BUSY, DECLINES, AWAY, UNKNOWN, NO_WAY = (f"+4930901{number}" for number in range(820, 828))
PHONES = {
    "agent-2001": Answers(after=0.05),
    "agent-2002": Refuses(486),
    "agent-2003": Rings(),
    ANSWERS: Answers(after=0.2),
    LEAVES: Answers(after=0.1, talk=0.3),
    RINGS: Rings(),
    BUSY: Refuses(486),
    DECLINES: Refuses(603, "Decline"),
    AWAY: Refuses(480, "Temporarily Unavailable"),
    UNKNOWN: Refuses(404, "Not Found"),
    NO_WAY: Refuses(503, "Service Unavailable"),
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
    async with desk_phones(tmp_path / "phones", PHONES, port=pbx.peer_port, media_port=free_ports(16)):
        yield


@pytest.fixture
async def line(pbx: Pbx, ami: AmiLine, agi: ScriptedAgi, phones: None) -> AsyncIterator[TelephonyLine]:
    async with telephony_line(pbx, cel=True) as made:
        yield made
        assert [one for one in made.facts if isinstance(one, ports.CallArrived)] == [], "nobody has called"
        ended = [one.reservation_id for one in made.facts if isinstance(one, ports.AlertEnded)]
        assert len(ended) == len(set(ended))


async def met(line: TelephonyLine, number: str, limit: float = 5.0) -> tuple[LegId, ReservationId]:
    """The agent is there, and hears nobody yet."""
    leg, reservation = line.call_back(number, "agent-2001", limit=limit)
    connected = await line.find(ports.LegsConnected, caller_leg=leg)
    assert connected.agent_leg == reservation
    return leg, reservation


async def gone(ami: AmiLine, limit: float = 3.0) -> None:
    """Until nothing is up any more."""
    async with asyncio.timeout(limit):
        while await ami.channels():
            await asyncio.sleep(0.02)


def calls_made(ami: AmiLine) -> int:
    """How often a customer was called."""
    return sum(one["Event"] == "Newchannel" and one["Context"] == names.INBOUND for one in ami.events)


async def test_agent_first_then_the_customer_who_answers(line: TelephonyLine, ami: AmiLine) -> None:
    leg, reservation = await met(line, ANSWERS)
    assert calls_made(ami) == 0
    line.site.dial(line.server_id, leg)
    reached = await line.find(ports.CustomerReached, leg_id=leg)
    assert calls_made(ami) == 1
    line.site.hang_up(line.server_id, LegId(reservation))
    parted = await line.find(ports.LegsParted, caller_leg=leg)
    assert (parted.agent_leg, parted.left_first) == (reservation, reservation)
    ended = await line.find(ports.LegEnded, leg_id=leg)
    assert reached.at < parted.at <= ended.at
    await gone(ami)
    assert not [one for one in line.facts if isinstance(one, ports.AlertEnded | ports.CustomerMissed)]


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_the_customer_is_put_on_hold_and_retrieved(line: TelephonyLine, ami: AmiLine, who: str) -> None:
    leg, reservation = await met(line, ANSWERS)
    line.site.dial(line.server_id, leg)
    await line.find(ports.CustomerReached, leg_id=leg)
    device = ports.Device(AgentId("a-agent-2001"), line.server_id, "agent-2001")
    for _ in range(2):
        line.facts.clear()
        line.site.hold(line.server_id, leg, LegId(reservation))
        held = await line.find(ports.LegsHeld, caller_leg=leg)
        assert held.agent_leg == reservation
        await ami.wait_place(leg, names.HOLD, "MusicOnHold")
        line.site.retrieve(line.server_id, LegId(reservation), device)
        await line.find(ports.LegsConnected, caller_leg=leg)
    assert not [one for one in line.facts if isinstance(one, ports.LegEnded | ports.LegsParted)]
    if who == "agent":
        line.site.hang_up(line.server_id, LegId(reservation))
        parted = await line.find(ports.LegsParted, caller_leg=leg)
        assert parted.left_first == reservation
    else:
        (phone,) = [one for one in await ami.channels() if one["Channel"].startswith("PJSIP/carrier")]
        await ami.send("Hangup", Channel=phone["Channel"])
        parted = await line.find(ports.LegsParted, caller_leg=leg)
        assert parted.left_first == leg
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("who", ["agent", "customer", "customer-who-waits"])
async def test_who_was_called_waits_for_another_agent(
    line: TelephonyLine, ami: AmiLine, who: str, is_held: bool
) -> None:
    """The leg that stands in for him is not ended by the end of his first conversation here, nor by a busy agent."""
    leg, reservation = await met(line, ANSWERS)
    line.site.dial(line.server_id, leg)
    await line.find(ports.CustomerReached, leg_id=leg)
    device = ports.Device(AgentId("a-agent-2001"), line.server_id, "agent-2001")
    if is_held:
        line.site.hold(line.server_id, leg, LegId(reservation))
        await line.find(ports.LegsHeld, caller_leg=leg)
        line.site.hang_up(line.server_id, LegId(reservation))
    else:
        line.site.let_wait(line.server_id, leg, LegId(reservation), device)
    await line.find(ports.LegEnded, leg_id=LegId(reservation))
    await ami.wait_place(leg, names.HOLD, "MusicOnHold")
    assert await line.failure(line.alert(leg, "agent-2002")) is AlertFailure.BUSY
    second = LegId("")
    if who != "customer-who-waits":
        second = LegId(line.alert(leg, "agent-2001"))
        await line.find(ports.LegsConnected, caller_leg=leg, agent_leg=second)
    assert not [one for one in line.facts if isinstance(one, ports.LegEnded) and one.leg_id == leg]
    if who == "agent":
        line.site.hang_up(line.server_id, second)
    else:
        (phone,) = [one for one in await ami.channels() if one["Channel"].startswith("PJSIP/carrier")]
        await ami.send("Hangup", Channel=phone["Channel"])
    await line.find(ports.LegEnded, leg_id=leg)
    if second:
        parted = await line.find(ports.LegsParted, caller_leg=leg, agent_leg=second)
        assert parted.left_first == (second if who == "agent" else leg)
    await gone(ami)


async def test_the_customer_hangs_up(line: TelephonyLine, ami: AmiLine) -> None:
    leg, reservation = await met(line, LEAVES)
    line.site.dial(line.server_id, leg)
    parted = await line.find(ports.LegsParted, caller_leg=leg)
    assert (parted.agent_leg, parted.left_first) == (reservation, leg)
    await line.find(ports.LegEnded, leg_id=leg)
    await line.find(ports.LegEnded, leg_id=reservation)
    await gone(ami)
    assert not [one for one in line.facts if isinstance(one, ports.CustomerMissed)]


@pytest.mark.parametrize(
    "number, result",
    [
        (BUSY, DialResult.BUSY),
        (DECLINES, DialResult.BUSY),
        (AWAY, DialResult.NO_ANSWER),
        (UNKNOWN, DialResult.UNREACHABLE),
        (NO_WAY, DialResult.UNREACHABLE),
        (RINGS, DialResult.NO_ANSWER),
    ],
)
async def test_who_does_not_answer(line: TelephonyLine, ami: AmiLine, number: str, result: DialResult) -> None:
    leg, reservation = await met(line, number, limit=1.0)
    line.site.dial(line.server_id, leg)
    missed = await line.find(ports.CustomerMissed, leg_id=leg)
    assert missed.result is result
    ended = await line.find(ports.LegEnded, leg_id=leg)
    assert line.facts.index(missed) < line.facts.index(ended)
    await line.find(ports.LegsParted, caller_leg=leg, agent_leg=reservation)
    await gone(ami)
    assert not [one for one in line.facts if isinstance(one, ports.CustomerReached)]


async def test_the_agent_hangs_up_while_it_rings(line: TelephonyLine, ami: AmiLine) -> None:
    leg, reservation = await met(line, RINGS)
    line.site.dial(line.server_id, leg)
    await ami.until(lambda: calls_made(ami) == 1)
    line.site.hang_up(line.server_id, LegId(reservation))
    missed = await line.find(ports.CustomerMissed, leg_id=leg)
    assert missed.result is DialResult.CANCELLED
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


async def test_the_agent_hangs_up_before_the_customer_is_called(line: TelephonyLine, ami: AmiLine) -> None:
    leg, reservation = await met(line, ANSWERS)
    line.site.hang_up(line.server_id, LegId(reservation))
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)
    line.site.dial(line.server_id, leg)
    await asyncio.sleep(0.3)
    assert calls_made(ami) == 0
    assert not [one for one in line.facts if isinstance(one, ports.CustomerMissed)]


async def test_whatever_is_asked_again_he_is_called_once(line: TelephonyLine, ami: AmiLine) -> None:
    leg, _ = await met(line, LEAVES)
    for _ in range(3):
        line.site.dial(line.server_id, leg)
    await line.find(ports.CustomerReached, leg_id=leg)
    while await ami.channels():
        line.site.dial(line.server_id, leg)  # also after he was reached, and while he hangs up
        await asyncio.sleep(0.05)
    assert calls_made(ami) == 1


async def test_asked_again_by_the_next_process_after_a_lost_answer(
    line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated
) -> None:
    leg, _ = await met(line, RINGS)
    line.site.dial(line.server_id, leg)
    line.client._lose("test")
    async with telephony_line(pbx, cel=True) as second:
        second.site.dial(second.server_id, leg)
        await ami.until(lambda: calls_made(ami) >= 1)
        await asyncio.sleep(0.3)
    assert calls_made(ami) == 1


@pytest.mark.parametrize(
    "endpoint, failure",
    [
        ("agent-2002", AlertFailure.BUSY),
        ("agent-2003", AlertFailure.NO_ANSWER),
        ("agent-9999", AlertFailure.UNREACHABLE),
    ],
)
async def test_an_agent_who_does_not_come_leaves_no_stand_in(
    line: TelephonyLine, ami: AmiLine, endpoint: str, failure: AlertFailure
) -> None:
    leg, reservation = line.call_back(ANSWERS, endpoint, ring_time=0.4)
    assert await line.failure(reservation) is failure
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)
    assert calls_made(ami) == 0


@pytest.mark.parametrize("is_early", [True, False])
async def test_a_revoked_alert_leaves_no_stand_in(line: TelephonyLine, ami: AmiLine, is_early: bool) -> None:
    leg, reservation = line.call_back(ANSWERS, "agent-2003")
    if not is_early:
        await line.find(ports.LegRinging, leg_id=reservation)
    line.site.revoke(reservation)
    assert await line.failure(reservation) is AlertFailure.REVOKED
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


async def test_an_id_in_use_makes_no_stand_in_and_blames_no_agent(line: TelephonyLine, ami: AmiLine) -> None:
    leg, reservation = await met(line, ANSWERS)
    device = ports.Device(AgentId("a-3"), line.server_id, "agent-2003")
    call = ports.CustomerCall(ANSWERS, "", 5.0)
    again = ReservationId(line.ids.new())
    line.site.alert(ports.AlertOrder(again, device, leg, ANSWERS, "Ada", 5.0, line.server_id, call))
    assert await line.failure(again) is AlertFailure.SERVER
    await asyncio.sleep(0.2)
    assert {leg, reservation} <= {one["Uniqueid"] for one in await ami.channels()}, "the conversation goes on"


async def test_a_nailed_leg_is_bridged_and_its_customer_hung_up_after_the_talk(
    line: TelephonyLine, ami: AmiLine
) -> None:
    device = ports.Device(AgentId("a-agent-2001"), line.server_id, "agent-2001", LegMode.NAILED)
    line.site.prepare(device)
    await line.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    (parked,) = [one["Uniqueid"] for one in await ami.channels() if "agent-2001" in one["Channel"]]
    leg, reservation = line.call_back(ANSWERS, "agent-2001", mode=LegMode.NAILED)
    await ami.wait_place(parked, names.ALERT_TONE, "Playback")
    line.site.connect(reservation)
    await line.find(ports.LegsConnected, caller_leg=leg, agent_leg=reservation)
    line.site.dial(line.server_id, leg)
    await line.find(ports.CustomerReached, leg_id=leg)
    line.site.hang_up(line.server_id, LegId(reservation))
    await line.find(ports.LegsParted, caller_leg=leg, agent_leg=reservation)
    await line.find(ports.LegEnded, leg_id=leg)
    await ami.wait_place(parked, names.PARK, "Wait")
    leg, reservation = line.call_back(ANSWERS, "agent-2001", mode=LegMode.NAILED)
    await ami.wait_place(parked, names.ALERT_TONE, "Playback")
    line.site.revoke(reservation)
    assert await line.failure(reservation) is AlertFailure.REVOKED
    await line.find(ports.LegEnded, leg_id=leg)
    line.site.release(device)
    await line.find(ports.LegEnded, leg_id=parked)
    await gone(ami)


async def test_the_picture_in_each_phase(line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated) -> None:
    async def picture() -> dict[LegId, ports.LiveLeg]:
        async with telephony_line(pbx) as other:
            return {one.leg_id: one for one in (await other.find(ports.Resynced)).legs}

    def told(legs: dict[LegId, ports.LiveLeg]) -> tuple[CallerPlace, LegId | None, bool]:
        customers = [one for one in legs.values() if one.is_customer]
        assert [one.leg_id for one in customers] == [leg]
        assert customers[0].caller_number == ANSWERS
        return customers[0].place, customers[0].peer, customers[0].is_reached

    leg, reservation = line.call_back(ANSWERS, "agent-2003")
    await line.find(ports.LegRinging, leg_id=reservation)
    assert told(await picture()) == (CallerPlace.STAND_IN, None, False)
    line.site.revoke(reservation)
    await line.find(ports.LegEnded, leg_id=leg)
    leg, reservation = await met(line, ANSWERS)
    agent = LegId(reservation)
    assert told(await picture()) == (CallerPlace.BRIDGED, agent, False)
    line.site.dial(line.server_id, leg)
    await ami.until(lambda: calls_made(ami) == 1)
    assert told(await picture()) == (CallerPlace.BRIDGED, agent, False)
    await line.find(ports.CustomerReached, leg_id=leg)
    await ami.event("BridgeEnter", Uniqueid=names.dialling_half(leg))
    legs = await picture()
    assert told(legs) == (CallerPlace.BRIDGED, agent, True)
    assert legs[agent].peer == leg


async def test_our_link_lost_and_back_while_an_agent_is_alerted(line: TelephonyLine, ami: AmiLine) -> None:
    """The alert ends unseen: what stood in for the customer goes as soon as it is seen again."""
    leg, reservation = line.call_back(ANSWERS, "agent-2003", ring_time=0.5)
    await line.find(ports.LegRinging, leg_id=reservation)
    line.client._lose("test")
    await ami.event("Hangup", Uniqueid=reservation)
    assert await line.failure(reservation) is not AlertFailure.SERVER
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


async def test_what_became_of_a_call_in_a_gap_is_in_the_records(line: TelephonyLine, ami: AmiLine) -> None:
    leg, _ = await met(line, LEAVES)
    line.site.dial(line.server_id, leg)
    began = time.time()
    line.client._lose("test")
    line.facts.clear()
    await ami.event("Hangup", Uniqueid=leg)
    ended = None
    async with asyncio.timeout(5):
        while ended is None:
            picture = await line.find(ports.Resynced)
            ended = next((one for one in picture.ended if one.leg_id == leg), None)
            if ended is None:  # the last line was not yet written
                line.facts.clear()
                line.site.resync(line.server_id)
    assert ended.place is CallerPlace.STAND_IN
    assert ended.reached_at is not None
    assert began - 0.5 < ended.reached_at.timestamp() < ended.at.timestamp()
    assert [one for one in picture.ended if one.arrival is not None] == []


async def test_the_number_he_sees(line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated) -> None:
    leg, _ = await met(line, RINGS)
    line.site.dial(line.server_id, leg)
    await ami.until(lambda: calls_made(ami) == 1)
    row = await ami.wait_place(names.dialling_half(leg), names.CALLBACK, "Dial")
    assert row["CallerIDNum"] == "+49305550"
