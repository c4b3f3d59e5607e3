"""The demo's customers and phones on a second real Asterisk."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactcenter.core.tasks import TaskSupervisor
from cti import demo_traffic
from cti import dialplan_names as names
from cti.demo_traffic import DemoCall, DemoCaller, DemoSettings, DemoTraffic, Level
from cti.installation import Installation
from cti.pbx_process import PbxProcess, free_ports
from cti.provision import EndpointKind, EndpointSettings, PbxSettings, write_run_folder
from tests.integration.asterisk.ami_line import AmiLine, ami_line
from tests.integration.asterisk.conftest import SECRET, ScriptedAgi, pbx_settings

CALLERS = [DemoCaller("+15550111", "Ann 'A' <x>"), DemoCaller("+15550112")]


@dataclasses.dataclass
class Stage:
    main: PbxSettings
    ami: AmiLine
    agi: ScriptedAgi
    traffic: DemoTraffic


@pytest.fixture
async def stage(installation: Installation, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Our Asterisk, the demo's one, a FastAGI server that says hold and, after a conversation, hang up."""
    tasks = TaskSupervisor()
    ami, sip, http = free_ports(3, low=15150, high=15174)
    level = getattr(request, "param", Level.NONE)
    demo = DemoSettings(
        ami_port=ami, sip_port=sip, http_port=http, ami_secret=SECRET, callers=CALLERS, level=level,
        rtp_start=15250, rtp_end=15299, menu_delay=1, talk_low=2, talk_high=3, no_answer_percent=0,
    )  # fmt: skip
    traffic = DemoTraffic(demo, installation, tmp_path / "demo", tasks)
    main, _ = pbx_settings(tmp_path / "main", "it-main", 15175, 15199)
    phone = EndpointSettings("agent-1", EndpointKind.DESK, contact_uri=traffic.agent_contact_uri(1))
    main = dataclasses.replace(main, trunks=[traffic.trunk], endpoints=[phone], rtp_start=15200, rtp_end=15249)
    process = PbxProcess(installation, main, write_run_folder(main, installation, tmp_path / "main"))
    agi = ScriptedAgi()
    agi.next["next"] = names.NEXT_HANGUP
    server = await asyncio.start_server(agi.serve, "127.0.0.1", main.agi_port)
    try:
        await process.start()
        await traffic.start(main)
        async with ami_line(main.ami_port, main.ami_user, main.ami_secret) as line:
            yield Stage(main, line, agi, traffic)
    finally:
        await traffic.stop()
        await process.stop()
        server.close()
        await tasks.close()


async def place(stage: Stage, plan: DemoCall) -> str:
    """Let a customer call once the demo's link is up; returns his Uniqueid on our Asterisk."""
    async with asyncio.timeout(5):
        while not stage.traffic.is_live:
            await asyncio.sleep(0.05)
    await stage.traffic.call(plan)
    arrived = await stage.ami.event("UserEvent", UserEvent=names.EVENT_ARRIVED)
    assert arrived["CallerIDNum"] == plan.caller.number
    assert arrived["Dialed"] == "1000"
    return arrived["Uniqueid"]


async def test_customer_presses_waits_talks_and_the_phone_ends_it(stage: Stage) -> None:
    stage.agi.first_commands = ["ANSWER", "WAIT FOR DIGIT 8000"]
    caller = await place(stage, DemoCall(CALLERS[0], "2", 1, 60, 30))
    await stage.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert stage.agi.answers[1].startswith("200 result=50")  # the digit 2
    await stage.ami.send("Setvar", Channel=caller, Variable="CC_RES", Value="res-demo")
    await stage.ami.send(
        "Originate",
        Channel="PJSIP/agent-1",
        Context=names.BRIDGE,
        Exten="s",
        Priority="1",
        CallerID="<+15550111>",
        ChannelId="res-demo",
        Variable=["CC_RES=res-demo", f"CALLER_CHAN={caller}"],
        Async="true",
    )
    await stage.ami.event("BridgeEnter", Uniqueid="res-demo", seconds=10)
    stage.agi.first_commands = []
    await stage.ami.event("Hangup", Uniqueid="res-demo", seconds=10)
    await stage.ami.event("Hangup", Uniqueid=caller, seconds=10)
    assert stage.agi.steps() == ["ivr", "next"]
    async with asyncio.timeout(5):
        while stage.traffic.calls_up:
            await asyncio.sleep(0.05)


async def test_customer_gives_up(stage: Stage) -> None:
    caller = await place(stage, DemoCall(CALLERS[1], "", 1, 1, 5))
    await stage.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    await stage.ami.event("Hangup", Uniqueid=caller, seconds=10)
    assert stage.agi.steps() == ["ivr"]


async def test_a_customer_who_is_called_back_answers_and_talks(stage: Stage) -> None:
    variables = {"CC_RES": "r", "__CC_STAND_IN": "stand-in", "CC_CALLED": CALLERS[0].number, "CC_SHOWN": "+49305550"}
    await stage.ami.send(
        "Originate",
        Channel=f"Local/{names.CALLBACK_DIAL}@{names.CALLBACK}/n",
        Context=names.CALLBACK,
        Exten=names.CALLBACK_PLACE,
        Priority="1",
        ChannelId="stand-in",
        OtherChannelId=names.dialling_half("stand-in"),
        Variable=[f"{name}={value}" for name, value in {**variables, "CC_RING": "10"}.items()],
        Async="true",
    )
    await stage.ami.wait_place("stand-in", names.CALLBACK, "Wait")
    await stage.ami.send("Setvar", Channel="stand-in", Variable="SHARED(CC_DIAL)", Value="1")
    reached = await stage.ami.event("UserEvent", UserEvent=names.EVENT_REACHED, seconds=10)
    assert reached["Leg"] == "stand-in"
    await stage.ami.event("Hangup", Uniqueid="stand-in", seconds=10)
    assert stage.agi.steps() == []


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demo_traffic.PACES, Level.BUSY, demo_traffic.Pace(mean_gap=0.02, at_once=2))


@pytest.mark.parametrize("stage", [Level.BUSY], indirect=True)
@pytest.mark.usefixtures("hurry")
async def test_customers_come_by_themselves_within_bounds(stage: Stage) -> None:
    def arrived() -> list[str]:
        return [event["CallerIDNum"] for event in stage.ami.events if event.get("UserEvent") == names.EVENT_ARRIVED]

    await stage.ami.until(lambda: len(arrived()) == 2, 30)
    await asyncio.sleep(0.5)
    assert sorted(arrived()) == ["+15550111", "+15550112"]  # nobody calls twice at a time
    assert stage.traffic.calls_up == 2
