"""Our configuration in a real Asterisk: it boots, everything loads, each is who it should be, no right too many."""

import asyncio
import csv
import dataclasses
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.errors import Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti import dialplan_names as names
from cti.ami.client import AmiClient, AmiSettings
from cti.ami.link import LinkState
from cti.check import check
from cti.installation import Installation
from cti.pbx_process import PbxProcess
from cti.provision import EndpointKind, EndpointSettings, write_run_folder
from tests.integration.asterisk.ami_line import AmiLine, ami_line
from tests.integration.asterisk.conftest import DESK_SECRET, Pbx, ScriptedAgi, pbx_settings
from tests.integration.asterisk.sip_line import sip_line
from tests.integration.asterisk.test_dialplan import alert, bridged, reserve, waiting_caller

# What Asterisk says about files nobody needs; anything else at level ERROR is ours.
HARMLESS = ("acl.conf", "pjproject.conf")


def test_boot_leaves_no_errors(pbx: Pbx) -> None:
    boot = pbx.run_folder.messages.read_text().split("Asterisk Ready")[0]
    errors = [line for line in boot.splitlines() if " ERROR[" in line and not any(name in line for name in HARMLESS)]
    assert not [line for line in errors if "loader.c" in line or "config" in line], errors


@pytest.fixture
async def client(pbx: Pbx) -> AsyncIterator[AmiClient]:
    tasks = TaskSupervisor()
    live = asyncio.Event()
    made = AmiClient(
        AmiSettings("127.0.0.1", pbx.settings.ami_port, pbx.settings.ami_user, pbx.settings.ami_secret),
        on_message=lambda message: None,
        on_state=lambda state, reason: live.set() if state is LinkState.LIVE else None,
        tasks=tasks,
        rng=random.Random(1),
    )
    made.start()
    await asyncio.wait_for(live.wait(), 5)
    yield made
    await made.close()
    await tasks.close()


async def test_check_finds_everything(pbx: Pbx, client: AmiClient) -> None:
    lines = await check(client, pbx.settings)
    assert [line for line in lines if not line.ok] == []
    found = {line.name for line in lines}
    assert {f"module {name}" for name in names.MODULES} <= found
    assert {f"context {name}" for name in names.CONTEXTS} <= found
    assert {f"sound {name}" for name in names.SOUNDS} <= found
    assert {"endpoints", f"music {names.MUSIC_CLASS}", f"cel {names.CEL_FILE}", "right Redirect"} <= found
    assert [line.detail for line in lines if line.name == "calls to customers"] == ["over carrier"]


async def test_check_says_whether_customers_can_be_called(pbx: Pbx, client: AmiClient) -> None:
    settings = dataclasses.replace(pbx.settings, trunks=[], endpoints=[])
    told = {line.name: line for line in await check(client, settings)}
    assert (told["calls to customers"].ok, told["endpoints"].ok) == (True, True)
    assert told["calls to customers"].detail.startswith("none")
    told = {line.name: line for line in await check(client, dataclasses.replace(settings, outbound="provider"))}
    assert told["calls to customers"].detail == "over provider"
    assert told["endpoints"].detail == "missing: provider"


async def test_check_names_what_is_missing(pbx: Pbx, client: AmiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MODULES", ("app_queue", "app_nothing"))
    monkeypatch.setattr(names, "CONTEXTS", (names.HOLD, "cc-nowhere"))
    monkeypatch.setattr(names, "SOUNDS", (names.SOUND_BEEP, "no-such-sound"))
    more = [*pbx.settings.endpoints, EndpointSettings("agent9", EndpointKind.DESK, "x" * 16)]
    lines = await check(client, dataclasses.replace(pbx.settings, endpoints=more))
    wrong = {line.name: line for line in lines if not line.ok}
    assert set(wrong) == {"module app_nothing", "context cc-nowhere", "sound no-such-sound", "endpoints"}
    assert "agent9" in wrong["endpoints"].detail
    assert all(line.remedy for line in wrong.values())


@pytest.mark.parametrize("action", ["Command", "UpdateConfig", "CreateConfig", "AGI", "QueueAdd", "UserEvent"])
async def test_rights_we_do_not_need_are_refused(ami: AmiLine, action: str) -> None:
    assert (await ami.send(action))["Message"] == "Permission denied"


async def test_each_right_is_needed(installation: Installation, tmp_path: Path) -> None:
    """Taking any one write class away makes an action of ours fail."""
    needs = {"call": "Redirect", "originate": "Originate", "reporting": "ShowDialPlan", "system": "MixMonitor"}
    assert set(needs) == set(names.AMI_WRITE)
    settings, _ = pbx_settings(tmp_path, "it-2", 15150, 15199)
    secret = "q" * 20
    users = "".join(
        f"[without-{gone}]\nsecret={secret}\nread=system\nwrite={','.join(set(names.AMI_WRITE) - {gone})}\n"
        for gone in needs
    )
    folder = write_run_folder(settings, installation, tmp_path)
    with (folder.etc / "contactcenter_manager.conf").open("a") as file:
        file.write("\n" + users)
    process = PbxProcess(installation, settings, folder)
    await process.start()
    try:
        for gone, action in needs.items():
            async with ami_line(settings.ami_port, f"without-{gone}", secret) as line:
                assert (await line.send(action))["Message"] == "Permission denied", gone
    finally:
        await process.stop()


async def test_one_call_lets_exactly_the_wanted_events_through(ami: AmiLine, agi: ScriptedAgi) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-ev")
    await alert(ami, caller, "res-ev")
    await bridged(ami, caller, "res-ev")
    await ami.send("Hangup", Channel=caller)
    await ami.event("Hangup", Uniqueid="res-ev")
    await ami.event("Hangup", Uniqueid="far-res-ev")
    await ami.until(lambda: sum(event["Event"] == "Hangup" for event in ami.events) >= 4)  # in whatever order
    lists = {"CoreShowChannel", "CoreShowChannelsComplete"}
    seen = Counter(event["Event"] for event in ami.events if event["Event"] not in lists)
    assert set(seen) <= set(names.AMI_EVENTS)
    assert seen["UserEvent"] == 1  # arrived
    assert "DeviceStateChange" not in seen  # no agent's device took part
    assert (seen["Newchannel"], seen["Hangup"]) == (4, 4)
    assert (seen["BridgeEnter"], seen["BridgeLeave"]) == (2, 2)
    assert all("Timestamp" in event for event in ami.events if event["Event"] == "Newchannel")
    assert all(event["SystemName"] == "it-1" for event in ami.events if event["Event"] == "Newchannel")


async def test_cel_tells_the_call(ami: AmiLine, agi: ScriptedAgi, pbx: Pbx) -> None:
    caller = await waiting_caller(ami)
    await reserve(ami, caller, "res-cel")
    await alert(ami, caller, "res-cel")
    await bridged(ami, caller, "res-cel")
    await ami.send("Hangup", Channel=caller)
    await ami.event("Hangup", Uniqueid="res-cel")
    await ami.event("Hangup", Uniqueid="far-res-cel")

    def rows() -> list[dict[str, str]]:
        with pbx.run_folder.cel_file.open(newline="") as file:
            read = [dict(zip(names.CEL_FIELDS, row, strict=True)) for row in csv.reader(file)]
        return [row for row in read if row["uniqueid"] in {caller, "res-cel"}]

    async with asyncio.timeout(5):
        while sum(row["event"] == "HANGUP" for row in rows()) < 2:
            await asyncio.sleep(0.05)
    found = rows()
    of_caller = [row["event"] for row in found if row["uniqueid"] == caller and row["event"] != "LINKEDID_END"]
    assert of_caller == ["CHAN_START", names.CEL_HOLD, "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP"]
    entered = [json.loads(row["extra"])["bridge_id"] for row in found if row["event"] == "BRIDGE_ENTER"]
    assert len(entered) == 2
    assert len(set(entered)) == 1
    times = [float(row["time"]) for row in found if row["uniqueid"] == caller]
    assert times == sorted(times)
    assert all(len(row["time"].split(".")[1]) == 6 for row in found)
    hangup = next(row for row in found if row["event"] == "HANGUP" and row["uniqueid"] == caller)
    assert "hangupcause" in json.loads(hangup["extra"])
    assert (hangup["context"], hangup["exten"]) == (names.JOIN, "1000")


# ---------------------------------------------------------------- who is who on one address


async def test_trunk_is_known_by_its_port(pbx: Pbx, ami: AmiLine, agi: ScriptedAgi) -> None:
    async with sip_line(pbx.settings.sip_port, pbx.peer_port) as line:
        call_id = line.request("INVITE", "1000", "+15550100")
        status, _ = await line.answer(call_id)
        arrived = await ami.event("UserEvent", UserEvent=names.EVENT_ARRIVED)
        assert arrived["Channel"].startswith("PJSIP/carrier-")
        assert arrived["CallerIDNum"] == "+15550100"
        assert arrived["Uniqueid"] == arrived["Linkedid"]
        assert status == 200
        assert arrived["Uniqueid"].startswith("it-1-")


async def test_stranger_on_another_port_is_refused(pbx: Pbx, ami: AmiLine) -> None:
    async with sip_line(pbx.settings.sip_port) as line:
        status, _ = await line.answer(line.request("INVITE", "1000", "+15550100"))
        assert status == 401
    assert not [event for event in ami.events if event["Event"] == "Newchannel"]


@pytest.mark.parametrize("name", ["agent1", "agent2", "agent3", "carrier"])
async def test_nobody_speaks_as_a_phone_without_its_secret(pbx: Pbx, ami: AmiLine, name: str) -> None:
    async with sip_line(pbx.settings.sip_port) as line:
        status, _ = await line.answer(line.request("INVITE", "600", name))
        assert status == 401
    assert not [event for event in ami.events if event["Event"] == "Newchannel"]


async def test_phone_registers_from_the_trunks_address(pbx: Pbx, ami: AmiLine) -> None:
    async with sip_line(pbx.settings.sip_port) as line:
        assert await line.register("agent2", DESK_SECRET) == 200
        changed = await ami.event("ContactStatus", EndpointName="agent2")
        assert f"@127.0.0.1:{line.port}" in changed["URI"]


async def test_phone_with_a_wrong_secret_stays_out(pbx: Pbx, ami: AmiLine) -> None:
    async with sip_line(pbx.settings.sip_port) as line:
        assert await line.register("agent2", "x" * 16) == 401


BREAK = "%0d%0a%0D%0A"


@pytest.mark.parametrize(
    "dialed, caller",
    [
        ("1000", f"a{BREAK}Event%3a Hangup%0d%0aUniqueid%3a x".replace(" ", "%20")),
        (f"1000{BREAK}Event%3a%20Hangup", "+15550100"),
        ("1000", "+1555%00"),
        ("1000%7f", "+1555"),
    ],
)
async def test_escaped_line_breaks_forge_no_event(pbx: Pbx, ami: AmiLine, dialed: str, caller: str) -> None:
    """Asterisk itself writes such a caller's number into its events unchanged."""
    async with sip_line(pbx.settings.sip_port, pbx.peer_port) as line:
        status, _ = await line.answer(line.request("INVITE", dialed, caller))
        assert status == 404
    assert [event for event in ami.events if event.get("Event") != "FullyBooted"] == []


@pytest.mark.parametrize(
    "display, shown",
    [('"50%10 off; <b>x</b>"', "50%10 off; <b>x</b>"), ('"a\rEvent: Hangup"', "a\\rEvent: Hangup")],
)
async def test_odd_names_are_let_in_on_one_line(
    pbx: Pbx, ami: AmiLine, agi: ScriptedAgi, display: str, shown: str
) -> None:
    async with sip_line(pbx.settings.sip_port, pbx.peer_port) as line:
        status, _ = await line.answer(line.request("INVITE", "1000", "+15550100", display=display))
    assert status == 200
    assert (await ami.event("Newchannel"))["CallerIDName"] == shown


async def test_hostile_dialed_text_does_not_reach_the_flow(pbx: Pbx, ami: AmiLine, agi: ScriptedAgi) -> None:
    async with sip_line(pbx.settings.sip_port, pbx.peer_port) as line:
        await line.answer(line.request("INVITE", "1%2C2%29%24%7BSHELL%28id%29%7D", "+15550100"))
    arrived = await ami.event("UserEvent", UserEvent=names.EVENT_ARRIVED)
    assert arrived["Dialed"] == "12SHELLid"
    assert (await ami.wait_place(arrived["Uniqueid"], names.HOLD))["Exten"] == "12SHELLid"


# ---------------------------------------------------------------- the process


async def test_second_start_adopts_reloads_or_restarts(installation: Installation, tmp_path: Path) -> None:
    settings, _ = pbx_settings(tmp_path, "it-3", 15150, 15199)
    started: list[PbxProcess] = []

    async def start(**changes: object) -> PbxProcess:
        """A server that knows nothing of the ones before, as after a kill -9."""
        changed = dataclasses.replace(settings, **changes)  # type: ignore[arg-type]
        started.append(PbxProcess(installation, changed, write_run_folder(changed, installation, tmp_path)))
        await started[-1].start()
        return started[-1]

    try:
        first = await start()
        pid = first.pid
        second = await start()
        assert (second.was_adopted, second.pid) == (True, pid)
        more = [*settings.endpoints, EndpointSettings("agent8", EndpointKind.DESK, "x" * 16)]
        third = await start(endpoints=more)
        assert (third.was_adopted, third.pid) == (True, pid)
        assert "agent8" in await third.console("pjsip show endpoints")
        fourth = await start(rtp_end=settings.rtp_end - 1)
        assert not fourth.was_adopted
        assert fourth.pid not in {pid, None}
    finally:
        for process in started:
            await process.stop()
    assert not started[0].is_running


async def test_port_in_use_is_named(installation: Installation, tmp_path: Path) -> None:
    settings, _ = pbx_settings(tmp_path, "it-4", 15150, 15199)
    folder = write_run_folder(settings, installation, tmp_path)
    async with await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", settings.ami_port):
        with pytest.raises(Unavailable) as error:
            await PbxProcess(installation, settings, folder).start()
    assert error.value.code == "port-in-use"
    assert error.value.fields == {"use": "ami", "port": settings.ami_port}


async def test_foreign_pid_is_left_alone(installation: Installation, tmp_path: Path) -> None:
    settings, _ = pbx_settings(tmp_path, "it-5", 15150, 15199)
    folder = write_run_folder(settings, installation, tmp_path)
    bystander = await asyncio.create_subprocess_exec("sleep", "30")
    try:
        folder.pid_file.write_text(str(bystander.pid))
        process = PbxProcess(installation, settings, folder)
        assert process.pid is None
        await process.stop()
        assert bystander.returncode is None
    finally:
        bystander.kill()
        await bystander.wait()
