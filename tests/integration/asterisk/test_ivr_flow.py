"""Flows on a real Asterisk, through our FastAGI server and the provisioned dialplan."""

import asyncio
import contextlib
import itertools
import math
import signal
import statistics
import sys
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions.ports import EnqueueOrder, FlowExit
from cti import dialplan_names as names
from cti.agi.server import _Connection
from cti.cel import CelFile
from ivr.announcements import EVERY
from ivr.flow import Flow, Prompt
from ivr.loader import load_flows
from ivr.nodes import Enqueue, Say
from ivr.prompts import PromptFiles, find_speaker, sounds_in
from ivr.schema import Known
from tests.integration.asterisk.ami_line import AmiLine
from tests.integration.asterisk.conftest import Pbx
from tests.integration.asterisk.ivr_desk import FLOWS, WritingDesk, ivr_desk

ROOT = Path(__file__).parents[3]
_NUMBERS = itertools.count(1)


async def call(ami: AmiLine, dialed: str, **fields: str) -> LegId:
    """A customer calls; returns the leg that runs our dialplan. The far half is the customer's telephone."""
    # Not the beginning of its other half's id: Asterisk refuses a ChannelId that begins a live one's.
    caller = f"near-ivr-{next(_NUMBERS)}"
    answer = await ami.send(
        "Originate",
        **{
            "Channel": f"Local/{dialed}@{names.INBOUND}/n",
            "Context": names.PARK,
            "Exten": "s",
            "Priority": "1",
            "CallerID": "Ann <+15550001>",
            "ChannelId": f"far-{caller}",
            "OtherChannelId": caller,
            "Async": "true",
        }
        | fields,
    )
    assert answer["Response"] == "Success", answer
    return LegId(caller)


async def press(ami: AmiLine, caller: LegId, digit: str) -> None:
    answer = await ami.send("PlayDTMF", Channel=f"far-{caller}", Digit=digit, Duration="100")
    assert answer["Response"] == "Success", answer


async def until(told: object, seconds: float = 8) -> None:
    async with asyncio.timeout(seconds):
        while not told():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def in_the_flow(ami: AmiLine, caller: LegId) -> None:
    """Return when the caller was answered by the flow and stands in its AGI."""
    await ami.event("Newstate", Uniqueid=caller, ChannelStateDesc="Up")
    await ami.wait_place(caller, names.IVR, "AGI")


async def next_of(ami: AmiLine, caller: LegId) -> str:
    return await ami.variable(caller, names.VAR_NEXT)


@pytest.fixture
async def desk(pbx: Pbx, ami: AmiLine) -> AsyncIterator[WritingDesk]:
    async with ivr_desk(pbx.settings.agi_port) as (writing, _):
        yield writing


async def test_greeting_menu_digit_queue_hold(ami: AmiLine, desk: WritingDesk) -> None:
    caller = await call(ami, "1000")
    await in_the_flow(ami, caller)
    await press(ami, caller, "2")
    await until(lambda: caller in desk.orders)
    assert desk.orders[caller] == EnqueueOrder("support", 1, {"routers": 2}, ("Router support",))
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert await next_of(ami, caller) == f"hold:{desk.place(caller).encode()}"
    (arrived,) = desk.arrived
    assert arrived.leg_id == caller
    assert (arrived.caller_number, arrived.caller_name, arrived.dialed) == ("+15550001", "Ann", "1000")
    assert desk.left == {}


async def test_the_pbxs_records_keep_the_place_in_line(pbx: Pbx, ami: AmiLine, desk: WritingDesk) -> None:
    caller = await call(ami, "1000")
    await in_the_flow(ami, caller)
    await press(ami, caller, "2")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")
    record = (await CelFile(pbx.run_folder.cel_file, ServerId(pbx.settings.server_id)).news(None)).up[caller]
    assert (record.in_line, desk.place(caller).skills) == (desk.place(caller), {"routers": 2})
    assert record.started_at is not None
    assert record.in_line_at is not None
    await ami.send("Redirect", Channel=caller, Context=names.HOLD, Exten="1000", Priority="1")
    await asyncio.sleep(0.5)
    again = (await CelFile(pbx.run_folder.cel_file, ServerId(pbx.settings.server_id)).news(None)).up[caller]
    assert (again.in_line, again.in_line_at) == (record.in_line, record.in_line_at)


async def test_a_wrong_digit_is_asked_again_and_prompts_are_interrupted(ami: AmiLine, desk: WritingDesk) -> None:
    caller = await call(ami, "1000")
    await in_the_flow(ami, caller)
    begun = time.monotonic()
    for digit in "9#1":
        await press(ami, caller, digit)
        await asyncio.sleep(0.4)
    await until(lambda: caller in desk.orders)
    assert desk.orders[caller].queue == "sales"
    assert time.monotonic() - begun < 3


async def test_a_spoken_text_is_played_to_its_end(pbx: Pbx, ami: AmiLine, tmp_path: Path) -> None:
    speaker = find_speaker()
    if speaker is None:
        pytest.skip("espeak-ng is not installed")
    prompts = {"hello": Prompt("hello", {"en": "One, two, three."})}
    flow = Flow("support", "a", {"a": Say(["hello"], "q"), "q": Enqueue("support")}, prompts, "en")
    async with ivr_desk(pbx.settings.agi_port, PromptFiles(tmp_path, speaker), {"support": flow}) as (writing, _):
        caller = await call(ami, "1000")
        await in_the_flow(ami, caller)
        begun = time.monotonic()
        await until(lambda: caller in writing.orders)
        with wave.open(str(next(tmp_path.glob("*.wav")))) as file:
            length = file.getnframes() / file.getframerate()
        assert length > 1
        assert length - 0.3 < time.monotonic() - begun < length + 1


async def test_a_call_that_goes_straight_to_the_queue_is_not_answered_by_the_flow(
    ami: AmiLine, desk: WritingDesk
) -> None:
    caller = await call(ami, "2000")
    await until(lambda: caller in desk.orders)
    assert desk.orders[caller] == EnqueueOrder("support")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


async def test_nobody_is_served_at_an_unknown_number(ami: AmiLine, desk: WritingDesk) -> None:
    caller = await call(ami, "4711")
    gone = await ami.event("Hangup", Uniqueid=caller)
    assert gone["Cause"] == "1"
    assert desk.left == {caller: FlowExit.NO_SERVICE}


async def test_a_hangup_in_the_menu_ends_the_session_and_orders_nothing(pbx: Pbx, ami: AmiLine) -> None:
    async with ivr_desk(pbx.settings.agi_port) as (writing, server):
        caller = await call(ami, "1000")
        await in_the_flow(ami, caller)
        await ami.send("Hangup", Channel=f"far-{caller}")
        await ami.event("Hangup", Uniqueid=caller)
        await until(lambda: server.active == 0, 3)
        assert (writing.orders, writing.left, server.counts.failed) == ({}, {}, 0)


async def test_a_hostile_caller_name_forges_nothing(ami: AmiLine, desk: WritingDesk) -> None:
    name = 'x${SHELL(id)}\\" <b>' + "\u202e" + "y" * 300
    caller = await call(ami, "2000", CallerID=f'"{name}" <+15550001>')
    await until(lambda: caller in desk.orders)
    (arrived,) = desk.arrived
    assert (arrived.leg_id, arrived.dialed) == (caller, "2000")
    await ami.wait_place(caller, names.HOLD, "MusicOnHold")


def test_the_built_in_sounds_of_the_demo_flows_exist(pbx: Pbx) -> None:
    has_sound = sounds_in(pbx.installation.data_dir / "sounds")
    assert not has_sound("no-such-sound")
    assert load_flows(FLOWS, known=Known(has_sound=has_sound)).errors == ()


def test_the_pbx_has_its_own_words_for_announcements(pbx: Pbx) -> None:
    has_sound = sounds_in(pbx.installation.data_dir / "sounds")
    assert {sound for one in EVERY for sound in one.sounds if not has_sound(sound)} == set()


# ------------------------------------------------------------------ a server that dies or freezes


@contextlib.asynccontextmanager
async def server_process(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.asterisk.ivr_desk", str(port), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(15):
            while b"ready" not in await process.stdout.readline():
                assert process.returncode is None
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_server_killed_in_the_middle_of_the_flow_leaves_the_caller_in_the_fallback(
    pbx: Pbx, ami: AmiLine
) -> None:
    async with server_process(pbx.settings.agi_port) as process:
        caller = await call(ami, "1000")
        await in_the_flow(ami, caller)
        process.kill()
        await ami.event("UserEvent", UserEvent=names.EVENT_FALLBACK, Uniqueid=caller)
        await ami.wait_place(caller, names.FALLBACK, "Queue")
        # Asterisk calls this end of a session a SUCCESS: that CC_NEXT was emptied before it is what saves the caller.
        assert await next_of(ami, caller) == ""
    async with ivr_desk(pbx.settings.agi_port):
        await ami.wait_place(caller, names.HOLD, "MusicOnHold")
        assert await next_of(ami, caller) == "hold"


async def test_a_server_frozen_in_the_middle_of_the_flow_loses_the_caller_to_the_fallback(
    pbx: Pbx, ami: AmiLine
) -> None:
    async with server_process(pbx.settings.agi_port) as process:
        caller = await call(ami, "1000")
        await in_the_flow(ami, caller)
        await press(ami, caller, "9")
        process.send_signal(signal.SIGSTOP)
        left = await ami.variable(caller, "TIMEOUT(absolute)")
        assert 0 < float(left) <= 190
        # The clock is the PBX's own; it is put forward here instead of waited for.
        await ami.send("Setvar", Channel=caller, Variable="TIMEOUT(absolute)", Value="1")
        await ami.event("UserEvent", UserEvent=names.EVENT_FALLBACK, Uniqueid=caller)


# ------------------------------------------------------------------ speed


async def test_time_from_connect_to_enqueue(ami: AmiLine, desk: WritingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[float] = []
    made = _Connection.connection_made

    def noted(self: _Connection, transport: asyncio.BaseTransport) -> None:
        connected.append(time.monotonic())
        made(self, transport)

    monkeypatch.setattr(_Connection, "connection_made", noted)
    spans = []
    for _ in range(60):
        caller = await call(ami, "2000")
        await ami.wait_place(caller, names.HOLD, "MusicOnHold")
        spans.append((desk.ordered_at[caller] - connected[-1]) * 1000)
        await ami.send("Hangup", Channel=caller)
    p50, p99 = statistics.median(spans), sorted(spans)[math.ceil(len(spans) * 0.99) - 1]
    sys.__stdout__ and sys.__stdout__.write(f"\nAGI connect -> enqueue(): p50 {p50:.2f} ms, p99 {p99:.2f} ms\n")
    assert p50 < 20
