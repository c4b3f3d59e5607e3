"""The dialplan on a real Asterisk and on the simulated PBX alike: nobody is dropped, nobody is stolen."""

import asyncio
import itertools
import time

import pytest

from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.rig.simulated import Simulated

_NUMBERS = itertools.count(1)


@pytest.fixture
def pbx(either_pbx: Pbx | Simulated) -> Pbx | Simulated:
    return either_pbx


async def call(ami: AmiLine, dialed: str = "1000", caller: str = "") -> str:
    """A customer calls; returns the Uniqueid of the channel that runs our dialplan."""
    caller = caller or f"{next(_NUMBERS):03}-caller"
    answer = await ami.send(
        "Originate",
        Channel=f"Local/{dialed}@{names.INBOUND}/n",
        Context=names.PARK,
        Exten="s",
        Priority="1",
        CallerID="+15550001",
        ChannelId=f"far-{caller}",
        OtherChannelId=caller,
        Async="true",
    )
    assert answer["Response"] == "Success", answer
    return caller


async def alert(ami: AmiLine, caller: str, reservation: str, far: str = names.PARK, nailed: str = "0") -> None:
    """An agent's phone, which picks up at once, is connected by ``reservation``."""
    await ami.send(
        "Originate",
        Channel=f"Local/s@{far}/n",
        Context=names.BRIDGE,
        Exten="s",
        Priority="1",
        ChannelId=reservation,
        OtherChannelId=f"far-{reservation}",
        Variable=[f"CC_RES={reservation}", f"CALLER_CHAN={caller}", f"CC_NAILED={nailed}"],
        Async="true",
    )


async def reserve(ami: AmiLine, caller: str, reservation: str) -> None:
    answer = await ami.send("Setvar", Channel=caller, Variable="CC_RES", Value=reservation)
    assert answer["Response"] == "Success", answer


async def waiting_caller(ami: AmiLine) -> str:
    caller = await call(ami)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    return caller


async def until_asked(agi: ScriptedAgi, sessions: int) -> None:
    async with asyncio.timeout(8):
        while len(agi.steps()) < sessions:
            await asyncio.sleep(0.01)


async def bridged(ami: AmiLine, *legs: str) -> str:
    """Wait until all legs stand in one bridge; returns its id."""
    for leg in legs:
        await ami.event("BridgeEnter", Uniqueid=leg)
    rooms = {one["BridgeId"] for one in await ami.channels() if one["Uniqueid"] in legs}
    assert len(rooms) == 1
    room = rooms.pop()
    assert room
    return room


async def test_arrival_is_told_before_answer(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await call(ami)
    arrived = await ami.event("UserEvent", UserEvent=names.EVENT_ARRIVED, Uniqueid=caller)
    assert arrived["ChannelStateDesc"] == "Ring"
    assert arrived["Exten"] == "1000"
    assert arrived["Dialed"] == "1000"
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert agi.steps() == ["ivr"]
    assert agi.calls[0][1]["extension"] == "1000"
    assert agi.calls[0][1]["uniqueid"] == caller


@pytest.mark.parametrize("dialed, kept", [("12${SHELL(id)}", "12SHELLid"), ("1)&2", "12"), ("+49-30.5", "+49305")])
async def test_dialed_text_is_reduced(ami: AmiLine, agi: ScriptedAgi, dialed: str, kept: str) -> None:
    caller = await call(ami, dialed)
    arrived = await ami.event("UserEvent", UserEvent=names.EVENT_ARRIVED, Uniqueid=caller)
    assert arrived["Dialed"] == kept
    assert (await ami.wait_place(caller, names.HOLD, "MusicOnHold"))["Exten"] == kept


async def test_no_server_goes_to_the_native_queue(ami: AmiLine) -> None:
    caller = await call(ami)
    await ami.event("UserEvent", UserEvent=names.EVENT_FALLBACK, Uniqueid=caller)
    place = await ami.wait_place(caller, names.FALLBACK, "Queue")
    assert place["ChannelStateDesc"] == "Up"


async def test_server_that_is_back_gets_the_caller_again(ami: AmiLine, pbx: Pbx | Simulated) -> None:
    caller = await call(ami)
    await ami.wait_place(caller, names.FALLBACK, "Queue")
    scripted = ScriptedAgi()
    async with await asyncio.start_server(scripted.serve, "127.0.0.1", pbx.settings.agi_port):
        await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert scripted.steps() == ["next"]


async def test_caller_in_the_native_queue_is_taken_by_redirect(ami: AmiLine) -> None:
    caller = await call(ami)
    await ami.wait_place(caller, names.FALLBACK, "Queue")
    await ami.send("Redirect", Channel=caller, Context=names.HOLD, Exten="s", Priority="1")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def test_nobody_back_ends_with_a_message(ami: AmiLine) -> None:
    caller = await call(ami)
    await ami.wait_place(caller, names.FALLBACK, "Record", seconds=20)


async def test_frozen_server_counts_like_a_dead_one(ami: AmiLine, agi: ScriptedAgi) -> None:
    agi.frozen = True
    caller = await call(ami)
    await ami.wait_place(caller, names.IVR, "AGI")
    await ami.event("UserEvent", UserEvent=names.EVENT_FALLBACK, Uniqueid=caller, seconds=names.AGI_SECONDS + 1.5)
    await ami.wait_place(caller, names.FALLBACK, "Queue")


async def test_flow_that_renews_its_time_may_last(ami: AmiLine, agi: ScriptedAgi) -> None:
    agi.first_commands = ["SET AUTOHANGUP 0", "NOOP", "NOOP", "NOOP"]
    agi.seconds = 1.0
    caller = await call(ami)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert not [event for event in ami.events if event.get("UserEvent") == names.EVENT_FALLBACK]


async def test_number_nobody_serves(ami: AmiLine, agi: ScriptedAgi) -> None:
    agi.next["ivr"] = names.NEXT_NO_SERVICE
    caller = await call(ami)
    ended = await ami.event("Hangup", Uniqueid=caller, seconds=15)
    assert ended["Cause"] == "1"
    assert not [event for event in ami.events if event.get("ChannelStateDesc") == "Up" and event["Uniqueid"] == caller]


async def test_reservation_connects(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-1a")
    await alert(ami, caller, "res-1a")
    await bridged(ami, caller, "res-1a")


async def test_late_second_leg_does_not_steal(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-2b")
    await alert(ami, caller, "res-2b")
    room = await bridged(ami, caller, "res-2b")
    await alert(ami, caller, "res-2a")
    await ami.event("UserEvent", UserEvent=names.EVENT_LOST, Uniqueid="res-2a", Reservation="res-2a")
    await ami.event("Hangup", Uniqueid="res-2a")
    assert await bridged(ami, caller, "res-2b") == room
    assert not [event for event in ami.events if event["Event"] == "BridgeLeave" and event["Uniqueid"] == caller]


async def test_leg_without_reservation_is_lost(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await alert(ami, caller, "res-3a")
    await ami.event("UserEvent", UserEvent=names.EVENT_LOST, Uniqueid="res-3a")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def test_ids_that_begin_alike_are_told_apart(ami: AmiLine, agi: ScriptedAgi) -> None:
    """``Bridge()`` finds a channel by the beginning of its Uniqueid: ...1 also finds ...12."""
    caller = await waiting_caller(ami)
    others = [await call(ami, caller=f"{caller}-{number}") for number in range(8)]
    for other in others:
        await ami.wait_place(other, names.HOLD, "MusicOnHold")
    await reserve(ami, caller, "res-12a")
    await alert(ami, caller, "res-12a")
    await bridged(ami, caller, "res-12a")


async def test_caller_who_left_loses_the_leg(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-4a")
    await ami.send("Hangup", Channel=caller)
    await ami.event("Hangup", Uniqueid=caller)
    await alert(ami, caller, "res-4a")
    await ami.event("UserEvent", UserEvent=names.EVENT_LOST, Uniqueid="res-4a")


async def test_caller_goes_on_after_the_agent(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-5a")
    await alert(ami, caller, "res-5a")
    await bridged(ami, caller, "res-5a")
    agi.next["next"] = names.NEXT_HANGUP
    await ami.send("Hangup", Channel="far-res-5a")
    ended = await ami.event("Hangup", Uniqueid=caller)
    assert agi.steps() == ["ivr", "next"]
    assert ended["Cause"] == "16"


async def test_caller_taken_out_of_a_flow_goes_on_at_next(ami: AmiLine, agi: ScriptedAgi) -> None:
    agi.first_commands = ["SET AUTOHANGUP 0", "WAIT FOR DIGIT 20000"]
    caller = await call(ami)
    await ami.wait_place(caller, names.IVR, "AGI")
    await reserve(ami, caller, "res-6a")
    await alert(ami, caller, "res-6a")
    await bridged(ami, caller, "res-6a")
    agi.first_commands = []
    await ami.send("Hangup", Channel="far-res-6a")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert agi.steps() == ["ivr", "next"]
    assert not [event for event in ami.events if event.get("UserEvent") == names.EVENT_FALLBACK]


async def test_connected_while_next_is_asked_stays_connected(ami: AmiLine, agi: ScriptedAgi) -> None:
    """The clock that guards an AGI must not cut a conversation that began meanwhile."""
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-7a")
    agi.frozen = True
    await ami.send("Redirect", Channel=caller, Context=names.HOLD, Exten="s", Priority="next")
    await ami.wait_place(caller, names.HOLD, "AGI")
    await alert(ami, caller, "res-7a")
    room = await bridged(ami, caller, "res-7a")
    await asyncio.sleep(names.AGI_SECONDS + 0.5)
    assert await bridged(ami, caller, "res-7a") == room


async def test_caller_taken_out_of_an_announcement_goes_on_at_next(ami: AmiLine, agi: ScriptedAgi) -> None:
    """Who is connected while /next plays to him stays so; once the agent is gone he is asked about, not in fallback."""
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-7b")
    agi.first_commands = ["SET AUTOHANGUP 2", 'STREAM FILE queue-periodic-announce ""']
    await ami.send("Redirect", Channel=caller, Context=names.HOLD, Exten="s", Priority="next")
    await ami.wait_place(caller, names.HOLD, "AGI")
    await alert(ami, caller, "res-7b")
    room = await bridged(ami, caller, "res-7b")
    await asyncio.sleep(2.5)
    assert await bridged(ami, caller, "res-7b") == room, "the clock of the session is not that of the conversation"
    agi.first_commands, agi.next["next"] = [], names.NEXT_HANGUP
    await ami.send("Hangup", Channel="far-res-7b")
    ended = await ami.event("Hangup", Uniqueid=caller)
    assert agi.steps() == ["ivr", "next", "next"]
    assert ended["Cause"] == "16"
    assert not [event for event in ami.events if event.get("UserEvent") == names.EVENT_FALLBACK]


async def test_a_round_of_music_is_as_long_as_its_session_says(ami: AmiLine, agi: ScriptedAgi) -> None:
    agi.first_commands = ["SET VARIABLE CC_MUSIC 1"]
    caller = await waiting_caller(ami)
    began = time.monotonic()
    await until_asked(agi, 3)
    assert 1.8 <= time.monotonic() - began < 4.0
    agi.first_commands = []
    await until_asked(agi, 4)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    await asyncio.sleep(2)
    assert agi.steps() == ["ivr", *["next"] * 3], "a session that says nothing leaves it to the dialplan"


async def test_the_leg_ends_with_its_conversation(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-8a")
    await alert(ami, caller, "res-8a")
    await bridged(ami, caller, "res-8a")
    await ami.send("Hangup", Channel=caller)
    await ami.event("Hangup", Uniqueid="res-8a")
    assert not [event for event in ami.events if event.get("UserEvent") == names.EVENT_LOST]


async def test_nailed_leg_returns_to_its_place(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-9a")
    await alert(ami, caller, "res-9a", nailed="1")
    await bridged(ami, caller, "res-9a")
    await ami.send("Hangup", Channel=caller)
    await ami.wait_place("res-9a", names.PARK, "Wait")
    await ami.send("Redirect", Channel="res-9a", Context=names.ALERT_TONE, Exten="s", Priority="1")
    await ami.wait_place("res-9a", names.ALERT_TONE, "Playback")
    await ami.wait_place("res-9a", names.PARK, "Wait")


async def test_two_legs_in_a_conference(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-10a")
    await alert(ami, caller, "res-10a")
    await bridged(ami, caller, "res-10a")
    start = len(ami.events)
    await ami.send(
        "Redirect",
        Channel=caller,
        Context=names.CONFERENCE,
        Exten="01conf",
        Priority="1",
        ExtraChannel="res-10a",
        ExtraContext=names.CONFERENCE,
        ExtraExten="01conf",
        ExtraPriority="1",
    )
    for leg in (caller, "res-10a"):
        await ami.event("BridgeEnter", after=start, Uniqueid=leg, BridgeType="base", BridgeTechnology="softmix")


async def test_second_originate_with_the_same_id_is_refused(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-11a")
    await alert(ami, caller, "res-11a")
    await bridged(ami, caller, "res-11a")
    await alert(ami, caller, "res-11a")
    refused = await ami.event("OriginateResponse", Response="Failure")
    assert refused["Reason"] == "0"


async def test_one_leg_redirected_out_of_a_bridge_ends_it_for_the_other(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-12b")
    await alert(ami, caller, "res-12b")
    await bridged(ami, caller, "res-12b")
    await ami.send("Redirect", Channel="res-12b", Context=names.PARK, Exten="s", Priority="1")
    await ami.wait_place("res-12b", names.PARK, "Wait")
    await ami.event("BridgeLeave", Uniqueid=caller)
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
