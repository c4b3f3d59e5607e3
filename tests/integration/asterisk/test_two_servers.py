"""Two real Asterisks joined by a trunk: callers on one, agents on the other, one telephony over both."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, LegMode
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine, ami_line
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.integration.asterisk.test_telephony_calls import PHONES
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.sipp import Sipp, desk_phones

CUSTOMER = "+4930901820"


@dataclass
class Two:
    """``a`` holds the callers, ``b`` the agents; ``ami`` and ``far`` look on at a and b."""

    a: TelephonyLine
    b: TelephonyLine
    ami: AmiLine
    far: AmiLine
    phones: Sipp

    def alert(self, caller: str, endpoint: str, *, mode: LegMode = LegMode.RING, ring_time: float = 5) -> ReservationId:
        reservation = ReservationId(self.a.ids.new())
        device = ports.Device(AgentId(f"a-{endpoint}"), self.b.server_id, endpoint, mode)
        order = ports.AlertOrder(reservation, device, LegId(caller), "+4930901820", "Ada", ring_time, self.a.server_id)
        self.a.site.alert(order)
        return reservation


@pytest.fixture
def pbx(two_servers: tuple[Pbx, Pbx]) -> Pbx:
    return two_servers[0]


@pytest.fixture
async def far(two_servers: tuple[Pbx, Pbx]) -> AsyncIterator[AmiLine]:
    settings = two_servers[1].settings
    async with ami_line(settings.ami_port, settings.ami_user, settings.ami_secret) as line:
        yield line


@pytest.fixture
async def two(
    two_servers: tuple[Pbx, Pbx], ami: AmiLine, far: AmiLine, agi: ScriptedAgi, tmp_path: Path
) -> AsyncIterator[Two]:
    first, second = two_servers
    async with contextlib.AsyncExitStack() as stack:
        phones = await stack.enter_async_context(
            desk_phones(tmp_path / "phones", PHONES, port=second.peer_port, media_port=free_ports(8))
        )
        lines = [await stack.enter_async_context(telephony_line(one, cel=True)) for one in (first, second)]
        a, b = lines
        b.site = a.site
        a.site.add(b.pbx)
        await a.find(ports.TrunkChanged, 15, to_server=b.server_id, usable=True)
        yield Two(a, b, ami, far, phones)


async def test_an_agent_on_the_other_server_answers_talks_and_is_hung_up(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    reservation = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegRinging, leg_id=reservation)
    connected = await two.a.find(ports.LegsConnected, caller_leg=caller)
    assert connected.agent_leg == reservation
    two.a.site.hang_up(two.a.server_id, LegId(reservation))
    parted = await two.a.find(ports.LegsParted, caller_leg=caller)
    assert (parted.agent_leg, parted.left_first) == (reservation, reservation)
    await two.a.find(ports.LegEnded, leg_id=reservation)
    await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert not [one for one in two.b.facts if isinstance(one, ports.CallArrived | ports.LegsConnected)]


@pytest.mark.parametrize(
    "endpoint, failure",
    [
        ("agent-2002", AlertFailure.BUSY),
        ("agent-2004", AlertFailure.REJECTED),
        ("agent-2005", AlertFailure.NO_ANSWER),
        ("agent-2007", AlertFailure.UNREACHABLE),
        ("agent-2010", AlertFailure.UNREACHABLE),  # not registered
        ("agent-2999", AlertFailure.UNREACHABLE),  # not there
    ],
)
async def test_a_phone_that_refuses(two: Two, endpoint: str, failure: AlertFailure) -> None:
    caller = await waiting_caller(two.ami)
    assert await two.a.failure(two.alert(caller, endpoint)) is failure
    again = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegsConnected, agent_leg=again)


async def test_nobody_answers_revoke_while_it_rings_then_the_next(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    reservation = two.alert(caller, "agent-2003", ring_time=0.4)
    assert await two.a.failure(reservation) is AlertFailure.NO_ANSWER
    reservation = two.alert(caller, "agent-2003")
    await two.a.find(ports.LegRinging, leg_id=reservation)
    two.a.site.revoke(reservation)
    assert await two.a.failure(reservation, seconds=1) is AlertFailure.REVOKED
    assert reservation not in {one["Uniqueid"] for one in await two.ami.channels()}
    following = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegsConnected, agent_leg=following)


async def test_the_phone_hangs_up_and_the_customer_hangs_up(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    by_phone = two.alert(caller, "agent-2006")
    parted = await two.a.find(ports.LegsParted, agent_leg=by_phone)
    assert parted.left_first == by_phone
    await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    by_customer = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegsConnected, agent_leg=by_customer)
    await two.ami.send("Hangup", Channel=caller)
    parted = await two.a.find(ports.LegsParted, agent_leg=by_customer)
    assert parted.left_first == caller
    await two.a.find(ports.LegEnded, leg_id=by_customer)
    async with asyncio.timeout(5):
        while await two.far.channels():
            await asyncio.sleep(0.02)


async def test_a_phone_that_is_to_pick_up_by_itself_is_told_over_the_trunk_and_knows_the_reservation(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    reservation = two.alert(caller, "agent-2001", mode=LegMode.AUTO)
    await two.a.find(ports.LegsConnected, agent_leg=reservation)
    (invite,) = [one for one in two.phones.messages() if not one.sent and one.first.startswith("INVITE")]
    assert f"X-CC-Reservation: {reservation}" in invite.text
    assert "Call-Info: answer-after=0" in invite.text
    assert "+4930901820" in invite.text, "the phone shows who calls"


async def test_a_nailed_leg_on_the_other_server(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    device = ports.Device(AgentId("a-agent-2001"), two.b.server_id, "agent-2001", LegMode.NAILED)
    two.a.site.prepare(device)
    await two.b.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    (leg,) = [one["Uniqueid"] for one in await two.far.channels()]
    reservation = two.alert(caller, "agent-2001", mode=LegMode.NAILED)
    await two.far.wait_place(leg, names.ALERT_TONE, "Playback")
    two.a.site.connect(reservation)
    await two.a.find(ports.LegsConnected, caller_leg=caller, agent_leg=reservation)
    two.a.site.hang_up(two.a.server_id, LegId(reservation))
    await two.a.find(ports.LegsParted, caller_leg=caller, agent_leg=reservation)
    await two.far.wait_place(leg, names.PARK, "Wait")
    await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    two.a.site.release(device)
    await two.b.find(ports.LegEnded, leg_id=leg)


@pytest.mark.parametrize("mode", [LegMode.RING, LegMode.NAILED])
async def test_hold_and_retrieve_over_the_trunk(two: Two, mode: LegMode) -> None:
    """Both stand on the caller's server; the far phone hears nothing, and its leg is named as before afterwards."""
    caller = await waiting_caller(two.ami)
    device = ports.Device(AgentId("a-agent-2001"), two.b.server_id, "agent-2001", mode)
    two.a.site.prepare(device)
    if mode is LegMode.NAILED:
        await two.b.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    reservation = two.alert(caller, "agent-2001", mode=mode)
    agent = LegId(reservation)
    if mode is LegMode.NAILED:
        two.a.site.connect(reservation)
    await two.a.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    for _ in range(2):
        two.a.facts.clear()
        two.a.site.hold(two.a.server_id, LegId(caller), agent)
        await two.a.find(ports.LegsHeld, caller_leg=caller, agent_leg=agent)
        await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
        two.a.site.retrieve(two.a.server_id, agent, device)
        await two.a.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    two.a.facts.clear()
    two.a.site.resync(two.a.server_id)
    legs = {one.leg_id: one for one in (await two.a.find(ports.Resynced)).legs}
    assert (legs[agent].endpoint, legs[agent].peer) == ("agent-2001", caller)
    assert not [one for one in two.b.facts if isinstance(one, ports.FarLegEnded)]
    two.a.site.hang_up(two.a.server_id, agent)
    await two.a.find(ports.LegsParted, caller_leg=caller, agent_leg=agent)
    await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    two.a.site.release(device)


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("mode", [LegMode.RING, LegMode.NAILED])
async def test_let_wait_over_the_trunk(two: Two, mode: LegMode, is_held: bool) -> None:
    """The leg over the trunk ends, and the far phone with it; one that is nailed goes back to its park."""
    caller = await waiting_caller(two.ami)
    device = ports.Device(AgentId("a-agent-2001"), two.b.server_id, "agent-2001", mode)
    two.a.site.prepare(device)
    if mode is LegMode.NAILED:
        await two.b.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    for _ in range(2):
        reservation = two.alert(caller, "agent-2001", mode=mode)
        agent = LegId(reservation)
        if mode is LegMode.NAILED:
            two.a.site.connect(reservation)
        await two.a.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
        if is_held:
            two.a.site.hold(two.a.server_id, LegId(caller), agent)
            await two.a.find(ports.LegsHeld, caller_leg=caller, agent_leg=agent)
            two.a.site.hang_up(two.a.server_id, agent)
        else:
            two.a.site.let_wait(two.a.server_id, LegId(caller), agent, device)
            await two.a.find(ports.LegsParted, caller_leg=caller, agent_leg=agent)
        await two.a.find(ports.LegEnded, leg_id=agent)
        await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
        async with asyncio.timeout(8):
            while len(await two.far.channels()) != (1 if mode is LegMode.NAILED else 0):
                await asyncio.sleep(0.05)
    two.a.site.release(device)


async def test_the_picture_after_a_gap_names_the_agent_at_the_far_end(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    reservation = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegsConnected, agent_leg=reservation)
    two.a.facts.clear()
    two.a.site.resync(two.a.server_id)
    picture = await two.a.find(ports.Resynced)
    (leg,) = [one for one in picture.legs if one.leg_id == reservation]
    assert (leg.endpoint, leg.peer, leg.is_customer) == ("agent-2001", caller, False)
    two.b.facts.clear()
    two.a.site.resync(two.b.server_id)
    far = await two.b.find(ports.Resynced)
    assert not [one for one in far.legs if one.is_customer], "nobody is a customer there"
    await two.ami.send("Hangup", Channel=caller)
    await two.a.find(ports.LegEnded, leg_id=caller)
    ended = None
    async with asyncio.timeout(5):
        while ended is None:
            news = await two.a.cel_file.news(None)
            ended = next((one for one in news.ended if one.leg_id == reservation), None)
    assert (ended.endpoint, ended.caller_leg) == ("agent-2001", caller)


@pytest.mark.parametrize("mode", [LegMode.RING, LegMode.NAILED])
async def test_a_customer_is_called_back_by_an_agent_of_the_other_server(
    two: Two, two_servers: tuple[Pbx, Pbx], tmp_path: Path, mode: LegMode
) -> None:
    """He is called from the server that stands in for him."""
    device = ports.Device(AgentId("a-agent-2001"), two.b.server_id, "agent-2001", mode)
    if mode is LegMode.NAILED:
        two.a.site.prepare(device)
        await two.b.find(ports.DeviceChanged, endpoint="agent-2001", state="NAILED", usable=True)
    customers = {CUSTOMER: Answers(after=0.1)}
    async with desk_phones(tmp_path / "c", customers, port=two_servers[0].peer_port, media_port=free_ports(8)):
        leg, reservation = LegId(two.a.ids.new()), ReservationId(two.a.ids.new())
        call = ports.CustomerCall(CUSTOMER, "", 5.0)
        two.a.site.alert(ports.AlertOrder(reservation, device, leg, CUSTOMER, "Ada", 5.0, two.a.server_id, call))
        if mode is LegMode.NAILED:
            (parked,) = [one["Uniqueid"] for one in await two.far.channels()]
            await two.far.wait_place(parked, names.ALERT_TONE, "Playback")
            two.a.site.connect(reservation)
        await two.a.find(ports.LegsConnected, caller_leg=leg, agent_leg=reservation)
        two.a.site.dial(two.a.server_id, leg)
        await two.a.find(ports.CustomerReached, leg_id=leg)
        two.a.site.hang_up(two.a.server_id, LegId(reservation))
        await two.a.find(ports.LegEnded, leg_id=leg)
        async with asyncio.timeout(5):
            while await two.ami.channels():
                await asyncio.sleep(0.02)
    two.a.site.release(device)
    assert not [one for one in (*two.a.facts, *two.b.facts) if isinstance(one, ports.CallArrived)]


@pytest.mark.parametrize("endpoint, failure", [("agent-2002", AlertFailure.BUSY), ("agent-2003", AlertFailure.REVOKED)])
async def test_an_agent_of_the_other_server_who_does_not_come_leaves_no_stand_in(
    two: Two, endpoint: str, failure: AlertFailure
) -> None:
    leg, reservation = LegId(two.a.ids.new()), ReservationId(two.a.ids.new())
    device = ports.Device(AgentId("a-1"), two.b.server_id, endpoint)
    call = ports.CustomerCall(CUSTOMER, "", 5.0)
    two.a.site.alert(ports.AlertOrder(reservation, device, leg, CUSTOMER, "Ada", 5.0, two.a.server_id, call))
    if failure is AlertFailure.REVOKED:
        await two.a.find(ports.LegRinging, leg_id=reservation)
        two.a.site.revoke(reservation)
    assert await two.a.failure(reservation) is failure
    await two.a.find(ports.LegEnded, leg_id=leg)


@pytest.mark.parametrize("dialed", ["2000", "s", "600", "agent-2999", "5551234567"])
async def test_nothing_but_agents_phones_can_be_dialed_over_the_trunk(two: Two, dialed: str) -> None:
    answer = await two.ami.send(
        "Originate",
        Channel=f"PJSIP/{dialed}@{names.TRUNK_PREFIX}{two.b.server_id}",
        Context=names.PARK,
        Exten="s",
        Priority="1",
        ChannelId=f"try-{dialed}",
        Async="true",
    )
    assert answer["Response"] == "Success"
    ended = await two.ami.event("Hangup", Uniqueid=f"try-{dialed}")
    assert ended["TechCause"] == "404"
    assert not [one for one in two.b.facts if isinstance(one, ports.CallArrived)]
