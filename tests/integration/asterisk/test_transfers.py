"""Blind transfer, on a real Asterisk with SIPp's phones and on the simulated PBX alike.

The customer waits on with music, the agent's leg is gone (a nailed one parked), and the next agent has the customer.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import LegMode
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.integration.asterisk.test_callbacks import ANSWERS, gone
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Behaviour, Refuses
from tests.rig.simulated import Simulated
from tests.rig.sipp import desk_phones

FIRST, NEXT, AT_ONCE, BUSY = (f"agent-200{number}" for number in range(1, 5))
PHONES: dict[str, Behaviour] = {
    FIRST: Answers(after=0.05),
    NEXT: Answers(after=0.05),
    AT_ONCE: Answers(after=0.0),
    BUSY: Refuses(486),
    ANSWERS: Answers(after=0.1),
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
        desk_phones(tmp_path / "phones", PHONES, port=pbx.peer_port, media_port=free_ports(16)),
        telephony_line(pbx) as made,
    ):
        yield made


def device(line: TelephonyLine, endpoint: str = FIRST, mode: LegMode = LegMode.RING) -> ports.Device:
    return ports.Device(AgentId(f"a-{endpoint}"), line.server_id, endpoint, mode)


def alert(line: TelephonyLine, caller: LegId, on: ports.Device) -> LegId:
    reservation = ReservationId(line.ids.new())
    line.site.alert(ports.AlertOrder(reservation, on, caller, "+4930901820", "Ada", 5.0, line.server_id))
    return LegId(reservation)


async def talk(line: TelephonyLine, ami: AmiLine) -> tuple[LegId, LegId]:
    caller = LegId(await waiting_caller(ami))
    agent = alert(line, caller, device(line))
    await line.find(ports.LegsConnected, agent_leg=agent)
    return caller, agent


def let_wait(line: TelephonyLine, caller: LegId, agent: LegId, on: ports.Device | None = None) -> None:
    line.site.let_wait(line.server_id, caller, agent, on or device(line))


async def waits(line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId) -> None:
    """The two were parted for good, and he hears music."""
    parted = await line.find(ports.LegsParted, caller_leg=caller)
    assert parted.agent_leg == agent
    await line.find(ports.LegEnded, leg_id=agent)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert agent not in {one["Uniqueid"] for one in await ami.channels()}


async def goes_to(line: TelephonyLine, caller: LegId, endpoint: str = NEXT) -> LegId:
    agent = alert(line, caller, device(line, endpoint))
    await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    return agent


async def customer_leaves(line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId) -> None:
    """Out of a talk with this agent: all is over, and nobody is left."""
    line.facts.clear()
    await ami.send("Hangup", Channel=caller)
    parted = await line.find(ports.LegsParted, caller_leg=caller)
    assert (parted.agent_leg, parted.left_first) == (agent, caller)
    await line.find(ports.LegEnded, leg_id=agent)
    await gone(ami)


async def talks_on(line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId, nailed_leg: str = "") -> None:
    """Nothing that is still under way parts them."""
    await asyncio.sleep(0.2)
    rooms = [one["BridgeId"] for one in await ami.channels() if one["Uniqueid"] in (caller, nailed_leg or agent)]
    assert len(rooms) == 2
    assert rooms[0] == rooms[1] != ""
    assert not [one for one in line.facts if isinstance(one, ports.LegsParted) and one.agent_leg == agent]


# ------------------------------------------------------------------ as it should be


async def test_he_waits_on_with_music_and_the_next_agent_has_him(
    line: TelephonyLine, ami: AmiLine, agi: ScriptedAgi
) -> None:
    caller, agent = await talk(line, ami)
    for endpoint in (NEXT, FIRST):
        line.facts.clear()
        agi.calls.clear()
        let_wait(line, caller, agent)
        await waits(line, ami, caller, agent)
        assert agi.steps() == ["next"], "he asked what comes, and was told to wait"
        agent = await goes_to(line, caller, endpoint)
    assert not [one for one in line.facts if isinstance(one, ports.LegsHeld | ports.AlertEnded)]
    await talks_on(line, ami, caller, agent)
    await customer_leaves(line, ami, caller, agent)


async def test_he_hangs_up_while_he_waits(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    let_wait(line, caller, agent)
    await waits(line, ami, caller, agent)
    await ami.send("Hangup", Channel=caller)
    await line.find(ports.LegEnded, leg_id=caller)
    await gone(ami)


async def nailed(line: TelephonyLine, ami: AmiLine) -> LegId:
    """Bring the first agent's leg up; it is parked."""
    line.site.prepare(device(line, mode=LegMode.NAILED))
    await line.find(ports.DeviceChanged, endpoint=FIRST, state="NAILED", usable=True)
    (leg,) = [LegId(one["Uniqueid"]) for one in await ami.channels() if FIRST in one["Channel"]]
    return leg


async def accepted(line: TelephonyLine, ami: AmiLine, caller: LegId, leg: LegId) -> LegId:
    """An alert on a nailed leg, accepted."""
    agent = alert(line, caller, device(line, mode=LegMode.NAILED))
    await ami.wait_place(leg, names.ALERT_TONE, "Playback")
    line.site.connect(ReservationId(agent))
    await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=agent)
    return agent


@pytest.mark.parametrize("is_held", [False, True])
async def test_a_nailed_leg_is_parked_and_serves_the_next(line: TelephonyLine, ami: AmiLine, is_held: bool) -> None:
    leg = await nailed(line, ami)
    caller = LegId(await waiting_caller(ami))
    agent = await accepted(line, ami, caller, leg)
    if is_held:  # then there is nothing to part: the agent's part of it ends
        line.site.hold(line.server_id, caller, agent)
        await line.find(ports.LegsHeld, caller_leg=caller, agent_leg=agent)
        line.site.hang_up(line.server_id, agent)
    else:
        let_wait(line, caller, agent, device(line, mode=LegMode.NAILED))
        await line.find(ports.LegsParted, caller_leg=caller, agent_leg=agent)
    await line.find(ports.LegEnded, leg_id=agent)
    await ami.wait_place(leg, names.PARK, "Wait")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    second = await goes_to(line, caller)
    other = LegId(await waiting_caller(ami))
    third = await accepted(line, ami, other, leg)
    await talks_on(line, ami, caller, second)
    await talks_on(line, ami, other, third, leg)
    for customer, last in ((caller, second), (other, third)):
        await ami.send("Hangup", Channel=customer)
        await line.find(ports.LegEnded, leg_id=last)
    await ami.wait_place(leg, names.PARK, "Wait")
    line.site.release(device(line, mode=LegMode.NAILED))
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


async def test_out_of_hold_he_hears_his_music_on(line: TelephonyLine, ami: AmiLine, agi: ScriptedAgi) -> None:
    caller, agent = await talk(line, ami)
    line.site.hold(line.server_id, caller, agent)
    await line.find(ports.LegsHeld, caller_leg=caller)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    line.site.hang_up(line.server_id, agent)
    await line.find(ports.LegEnded, leg_id=agent)
    assert agi.steps() == ["ivr", "next"], "once, for the hold"
    second = await goes_to(line, caller)
    await talks_on(line, ami, caller, second)
    await customer_leaves(line, ami, caller, second)


# ------------------------------------------------------------------ in one moment


async def test_asked_twice(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    for _ in range(2):
        let_wait(line, caller, agent)
    await waits(line, ami, caller, agent)
    let_wait(line, caller, agent)  # and once more: that leg is gone
    second = await goes_to(line, caller)
    let_wait(line, caller, agent)
    await talks_on(line, ami, caller, second)
    await customer_leaves(line, ami, caller, second)


async def test_asked_while_a_hold_is_under_way(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    line.site.hold(line.server_id, caller, agent)
    let_wait(line, caller, agent)
    await waits(line, ami, caller, agent)
    assert not [one for one in line.facts if isinstance(one, ports.LegsHeld)]
    second = await goes_to(line, caller)
    await talks_on(line, ami, caller, second)
    await customer_leaves(line, ami, caller, second)


async def test_asked_as_soon_as_they_are_connected(line: TelephonyLine, ami: AmiLine) -> None:
    def connected(fact: ports.Fact) -> None:
        if isinstance(fact, ports.LegsConnected) and not asked:
            asked.append(fact.agent_leg)
            let_wait(line, caller, fact.agent_leg)

    asked: list[LegId] = []
    caller = LegId(await waiting_caller(ami))
    line.listener = connected
    for _ in range(5):
        agent = alert(line, caller, device(line))
        await waits(line, ami, caller, agent)
        line.facts.clear()
        asked.clear()
    asked.append(agent)  # the next one keeps him
    second = await goes_to(line, caller)
    await talks_on(line, ami, caller, second)
    await customer_leaves(line, ami, caller, second)


@pytest.mark.parametrize("is_hung_up_first", [True, False])
async def test_he_hangs_up_in_the_same_moment(line: TelephonyLine, ami: AmiLine, is_hung_up_first: bool) -> None:
    for _ in range(3):
        caller, agent = await talk(line, ami)
        await in_one_moment(line, ami, caller, agent, who=caller, is_hung_up_first=is_hung_up_first)
        await line.find(ports.LegsParted, caller_leg=caller, agent_leg=agent)
        for leg in (caller, agent):
            await line.find(ports.LegEnded, leg_id=leg)
        await gone(ami)


@pytest.mark.parametrize("is_hung_up_first", [True, False])
async def test_the_agent_hangs_up_in_the_same_moment(line: TelephonyLine, ami: AmiLine, is_hung_up_first: bool) -> None:
    for _ in range(3):
        caller, agent = await talk(line, ami)
        await in_one_moment(line, ami, caller, agent, who=agent, is_hung_up_first=is_hung_up_first)
        await waits(line, ami, caller, agent)
        second = await goes_to(line, caller)
        await talks_on(line, ami, caller, second)
        await customer_leaves(line, ami, caller, second)


async def in_one_moment(
    line: TelephonyLine, ami: AmiLine, caller: LegId, agent: LegId, *, who: LegId, is_hung_up_first: bool
) -> None:
    """Over two links: which of the two the PBX hears first is its affair."""
    hang_up = ami.send("Hangup", Channel=who)
    if is_hung_up_first:
        sending = asyncio.ensure_future(hang_up)
        await asyncio.sleep(0)
        let_wait(line, caller, agent)
        await sending
    else:
        let_wait(line, caller, agent)
        await hang_up


@pytest.mark.parametrize("is_alerted_first", [False, True])
async def test_the_next_phone_answers_at_once(line: TelephonyLine, ami: AmiLine, is_alerted_first: bool) -> None:
    """The next agent is free, and his leg is on its way before the first one's is gone: nobody is left in silence."""
    caller, agent = await talk(line, ami)
    on, others = device(line, AT_ONCE, LegMode.AUTO), device(line, FIRST, LegMode.AUTO)
    for _ in range(4):
        line.facts.clear()
        if is_alerted_first:
            second = alert(line, caller, on)
            let_wait(line, caller, agent)
        else:
            let_wait(line, caller, agent)
            second = alert(line, caller, on)
        await line.find(ports.LegEnded, leg_id=agent)
        await line.find(ports.LegsConnected, caller_leg=caller, agent_leg=second)
        await talks_on(line, ami, caller, second)
        agent, on, others = second, others, on
    await customer_leaves(line, ami, caller, agent)


async def test_the_next_phone_is_busy(line: TelephonyLine, ami: AmiLine) -> None:
    caller, agent = await talk(line, ami)
    let_wait(line, caller, agent)
    busy = alert(line, caller, device(line, BUSY))
    assert await line.failure(ReservationId(busy)) is ports.AlertFailure.BUSY
    await waits(line, ami, caller, agent)
    await customer_leaves(line, ami, caller, await goes_to(line, caller))


# ------------------------------------------------------------------ a customer who was called back


async def called_back(line: TelephonyLine) -> tuple[LegId, LegId]:
    leg, reservation = line.call_back(ANSWERS, FIRST)
    await line.find(ports.LegsConnected, caller_leg=leg)
    line.site.dial(line.server_id, leg)
    await line.find(ports.CustomerReached, leg_id=leg)
    return leg, LegId(reservation)


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_who_was_called_back_is_not_hung_up(line: TelephonyLine, ami: AmiLine, who: str, is_held: bool) -> None:
    leg, agent = await called_back(line)
    if is_held:
        line.site.hold(line.server_id, leg, agent)
        await line.find(ports.LegsHeld, caller_leg=leg)
        line.site.hang_up(line.server_id, agent)
        await line.find(ports.LegEnded, leg_id=agent)
        await ami.wait_place(leg, names.HOLD, "MusicOnHold")
    else:
        let_wait(line, leg, agent)
        await waits(line, ami, leg, agent)
    busy = alert(line, leg, device(line, BUSY))
    assert await line.failure(ReservationId(busy)) is ports.AlertFailure.BUSY
    second = await goes_to(line, leg)
    await talks_on(line, ami, leg, second)
    assert not [one for one in line.facts if isinstance(one, ports.LegEnded) and one.leg_id == leg]
    line.facts.clear()
    if who == "agent":
        line.site.hang_up(line.server_id, second)
    else:
        (phone,) = [one for one in await ami.channels() if one["Channel"].startswith("PJSIP/carrier")]
        await ami.send("Hangup", Channel=phone["Channel"])
    parted = await line.find(ports.LegsParted, caller_leg=leg)
    assert (parted.agent_leg, parted.left_first) == (second, second if who == "agent" else leg)
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


async def test_who_was_called_back_hangs_up_while_he_waits(line: TelephonyLine, ami: AmiLine) -> None:
    leg, agent = await called_back(line)
    let_wait(line, leg, agent)
    await waits(line, ami, leg, agent)
    (phone,) = [one for one in await ami.channels() if one["Channel"].startswith("PJSIP/carrier")]
    await ami.send("Hangup", Channel=phone["Channel"])
    await line.find(ports.LegEnded, leg_id=leg)
    await gone(ami)


# ------------------------------------------------------------------ the whole picture


async def test_the_picture_of_a_second_link_shows_him_waiting(
    line: TelephonyLine, ami: AmiLine, pbx: Pbx | Simulated
) -> None:
    caller, agent = await talk(line, ami)
    let_wait(line, caller, agent)
    await waits(line, ami, caller, agent)
    async with telephony_line(pbx) as second:
        legs = {leg.leg_id: leg for leg in (await second.find(ports.Resynced)).legs}
        assert agent not in legs
        assert (legs[caller].place, legs[caller].peer) == (ports.CallerPlace.HOLD, None)
        last = await goes_to(second, caller)
        await customer_leaves(second, ami, caller, last)
