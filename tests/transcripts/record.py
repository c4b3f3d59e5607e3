"""Records what a real Asterisk tells our AMI user, byte by byte, for the scenes below: ``NAME.ami`` beside this file.

    ASTERISK_PREFIX=... python -m tests.transcripts.record [NAME...]

One throw-away Asterisk on loopback for each scene, with our own configuration, phones and customers of SIPp. What tells
one machine or one day from another is replaced: instants and the numbers made of them begin at ``BEGIN``.
"""

import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cti import dialplan_names as names
from cti.installation import find_or_install
from cti.pbx_process import PbxProcess, free_ports
from cti.provision import (
    EndpointKind,
    EndpointSettings,
    PbxSettings,
    TrunkSettings,
    include_files,
    write_run_folder,
)
from tests.integration.asterisk.ami_line import AmiLine, Message, ami_line
from tests.integration.asterisk.conftest import ScriptedAgi
from tests.rig import ports
from tests.rig.asterisk import PREFIX
from tests.rig.rtp import Tone, write_pcap
from tests.rig.scenarios import Answers, Rings
from tests.rig.sipp import Caller, customers, desk_phones

HERE = Path(__file__).resolve().parent
BEGIN = 1_780_000_000
SECRET = "b5Kq09ZtRw7LpXc2"
AGENTS = ("agent-2001", "agent-2002", "agent-2003")
CUSTOMER = "+4930901820"
STAND_IN = "stand-in-1"
SPEECH = 4.0  # seconds: the halves of a Local channel vanish with the first sound
CONTEXT = "cc-recorder"
DIALPLAN = f"""
[{CONTEXT}]
; What our own dialplan does not use, though a phone or another application may: features, pick-up, Dial of a Local.
exten => features,1,Bridge(${{IMPORT(${{CALLER_CHAN}},CHANNEL(name))}},tT)
 same => n,Hangup(16)
exten => pickup,1,PickupChan(${{TARGET}})
 same => n,Hangup(16)
"""
FEATURES = "[general]\natxferdropcall=no\ntransferdigittimeout=3\n[featuremap]\natxfer => *2\nblindxfer => #1\n"


@dataclass
class Stage:
    """What a scene plays on."""

    ami: AmiLine
    folder: Path
    sip_port: int
    stack: contextlib.AsyncExitStack

    async def waiting(self) -> tuple[str, Callable[[], Awaitable[None]]]:
        """A customer who waits on music; returns his Uniqueid and what makes him hang up."""
        line = customers(
            self.folder / "customer",
            self.sip_port,
            [Caller(CUSTOMER, "1000", "Ada")],
            port=ports.free_ports(1),
            media_port=ports.free_ports(4),
        )
        sipp = await self.stack.enter_async_context(line)
        caller = (await self.ami.event("UserEvent", UserEvent=names.EVENT_ARRIVED))["Uniqueid"]
        await self.ami.wait_place(caller, names.HOLD, "MusicOnHold")

        async def leave() -> None:
            sipp.nudge(sipp.messages()[0].call_id)
            await self.ami.event("Hangup", Uniqueid=caller)

        return caller, leave

    async def rings(
        self, caller: str, channel: str, leg: str, *, place: str = f"{names.BRIDGE},s", **more: str
    ) -> None:
        context, exten = place.split(",")
        await self.ami.send("Setvar", Channel=caller, Variable=names.VAR_RESERVATION, Value=leg)
        variables = [f"{names.VAR_RESERVATION}={leg}", f"{names.VAR_CALLER}={caller}"]
        await self.ami.send(
            "Originate", Channel=channel, Context=context, Exten=exten, Priority="1", ChannelId=leg, Async="true",
            CallerID='"Ada" <+4930901820>', Account=caller,
            Variable=[*variables, *(f"{name}={value}" for name, value in more.items())],
        )  # fmt: skip

    async def connected(self, caller: str, endpoint: str, leg: str, place: str = f"{names.BRIDGE},s") -> None:
        await self.rings(caller, f"PJSIP/{endpoint}", leg, place=place)
        await self.ami.event("BridgeEnter", Uniqueid=leg)
        await asyncio.sleep(0.3)

    async def leg_of(self, endpoint: str, event: str = "Newchannel", state: str = "") -> Message:
        """The first event of a leg of this endpoint, which the PBX named itself."""

        def fits(one: Message) -> bool:
            name = one.get("Channel", "")
            is_state = not state or one.get("ChannelState") == state
            return one.get("Event") == event and name.startswith(f"PJSIP/{endpoint}-") and is_state

        await self.ami.until(lambda: any(map(fits, self.ami.events)))
        return next(filter(fits, self.ami.events))

    async def send(self, action: str, **fields: str) -> None:
        answer = await self.ami.send(action, **fields)
        assert answer["Response"] == "Success", answer

    async def hang_up(self, leg: str) -> None:
        await self.send("Hangup", Channel=leg, Cause="16")
        await self.ami.event("Hangup", Uniqueid=leg)


Scene = Callable[[Stage], Awaitable[None]]


async def answered(stage: Stage) -> None:
    caller, leave = await stage.waiting()
    await stage.connected(caller, "agent-2001", "res-1")
    await leave()


async def abandoned(stage: Stage) -> None:
    caller, leave = await stage.waiting()
    await stage.rings(caller, "PJSIP/agent-2003", "res-1")
    await stage.ami.event("Newstate", Uniqueid="res-1", ChannelState="5")
    await leave()
    await stage.hang_up("res-1")


async def blind_transfer(stage: Stage) -> None:
    caller, leave = await stage.waiting()
    await stage.connected(caller, "agent-2001", "res-1")
    await stage.send("BlindTransfer", Channel="res-1", Context=CONTEXT, Exten="2002")
    second = (await stage.leg_of("agent-2002", "BridgeEnter"))["Uniqueid"]
    await asyncio.sleep(0.3)
    await leave()
    await stage.ami.event("Hangup", Uniqueid=second)


async def attended_transfer(stage: Stage) -> None:
    caller, leave = await stage.waiting()
    await stage.connected(caller, "agent-2001", "res-1", f"{CONTEXT},features")
    await stage.send("Atxfer", Channel="res-1", Context=CONTEXT, Exten="2002")
    second = (await stage.leg_of("agent-2002", "Newstate", "6"))["Uniqueid"]
    await asyncio.sleep(0.5)
    await stage.hang_up("res-1")
    await stage.ami.event("AttendedTransfer")
    await asyncio.sleep(0.5)
    await leave()
    await stage.ami.event("Hangup", Uniqueid=second)


async def conference(stage: Stage) -> None:
    caller, leave = await stage.waiting()
    await stage.connected(caller, "agent-2001", "res-1")
    place = {"Context": names.CONFERENCE, "Exten": "01conf", "Priority": "1"}
    extra = {f"Extra{name}": value for name, value in {"Channel": "res-1", **place}.items()}
    await stage.send("Redirect", Channel=caller, **place, **extra)
    await asyncio.sleep(0.4)
    await stage.rings(caller, "PJSIP/agent-2002", "res-2", place=f"{names.CONFERENCE},01conf")
    await stage.ami.event("BridgeEnter", Uniqueid="res-2")
    await asyncio.sleep(0.3)
    await stage.hang_up("res-1")
    await asyncio.sleep(0.3)
    await leave()
    await stage.hang_up("res-2")


async def local_channels(stage: Stage) -> None:
    """The agent is reached through a Local channel, whose two halves vanish once both ends talk."""
    caller, leave = await stage.waiting()
    await stage.rings(caller, f"Local/2001@{CONTEXT}", "res-1")
    await stage.ami.event("BridgeEnter", Uniqueid="res-1")
    leg = (await stage.leg_of("agent-2001", "BridgeEnter"))["Uniqueid"]
    await stage.ami.event("LocalOptimizationEnd")
    await asyncio.sleep(0.5)
    await leave()
    await stage.ami.event("Hangup", Uniqueid=leg)


async def masquerade(stage: Stage) -> None:
    """Another phone picks the ringing call up: its channel takes the place of the one that rang.

    Asterisk 22 tells no Rename of it: name and Uniqueid go along with the phone.
    """
    caller, leave = await stage.waiting()
    await stage.send("Redirect", Channel=caller, Context=CONTEXT, Exten="2003", Priority="1")
    target = await stage.leg_of("agent-2003", "Newstate", "5")
    await stage.rings(caller, "PJSIP/agent-2001", "res-1", place=f"{CONTEXT},pickup", TARGET=target["Channel"])
    await stage.ami.event("BridgeEnter", Uniqueid="res-1")
    await asyncio.sleep(0.3)
    await leave()
    await stage.ami.event("Hangup", Uniqueid="res-1")


async def called_back(stage: Stage) -> None:
    """An agent, and a leg that stands in for his customer; then the customer is called, answers and is hung up."""
    variables = {names.VAR_RESERVATION: "res-1", f"__{names.VAR_STAND_IN}": STAND_IN, names.VAR_CALLED: CUSTOMER}
    await stage.ami.send(
        "Originate", Channel=f"Local/{names.CALLBACK_DIAL}@{names.CALLBACK}/n", Context=names.CALLBACK,
        Exten=names.CALLBACK_PLACE, Priority="1", ChannelId=STAND_IN, OtherChannelId=names.dialling_half(STAND_IN),
        CallerID=f'"Ada" <{CUSTOMER}>', Async="true",
        Variable=[f"{name}={value}" for name, value in {**variables, names.VAR_RING: "10"}.items()],
    )  # fmt: skip
    await stage.ami.event("OriginateResponse", Uniqueid=STAND_IN)
    await stage.connected(STAND_IN, "agent-2001", "res-1")
    await stage.send("Setvar", Channel=STAND_IN, Variable=f"SHARED({names.SHARED_DIAL})", Value="1")
    await stage.ami.event("BridgeEnter", Uniqueid=names.dialling_half(STAND_IN))
    await asyncio.sleep(0.5)
    await stage.hang_up("res-1")


SCENES: Mapping[str, Scene] = {
    scene.__name__.replace("_", "-"): scene
    for scene in (
        *(answered, abandoned, blind_transfer, attended_transfer, conference, local_channels, masquerade),
        called_back,
    )
}


async def record(scene: Scene) -> bytes:
    """Play one scene; return what a second connection of our AMI user was sent meanwhile, scrubbed."""
    installation = await find_or_install(PREFIX)
    with tempfile.TemporaryDirectory(prefix="cc-rec-") as name:
        run = Path(name)
        ami, sip, http, agi, phones = free_ports(5, low=15200, high=15399)
        desks = [
            EndpointSettings(one, EndpointKind.DESK, contact_uri=f"sip:{one}@127.0.0.1:{phones}") for one in AGENTS
        ]
        settings = PbxSettings(
            server_id="recorded", ami_port=ami, ami_secret=SECRET, sip_port=sip, http_port=http, agi_port=agi,
            recordings_dir=run / "recordings", rtp_start=15400, rtp_end=15499, endpoints=desks,
            trunks=[TrunkSettings("carrier", "127.0.0.1", phones, any_port=True)],
        )  # fmt: skip
        extensions = "contactcenter_extensions.conf"
        dial = "".join(f"exten => {one[-4:]},1,Dial(PJSIP/{one},30,tT)\n same => n,Hangup(16)\n" for one in AGENTS)
        text = include_files(settings, installation)[extensions] + DIALPLAN + dial
        folder = write_run_folder(settings, installation, run, {extensions: text, "features.conf": FEATURES})
        process = PbxProcess(installation, settings, folder)
        await process.start()
        try:
            return await _play(scene, settings, run, phones)
        finally:
            await process.stop()


async def _play(scene: Scene, settings: PbxSettings, run: Path, phones_port: int) -> bytes:
    scripted = ScriptedAgi()
    speaks = Answers(after=0.1, sound=write_pcap(run / "speech.pcap", [Tone(440.0, SPEECH)]))
    phones = dict(zip((*AGENTS, CUSTOMER), (speaks, speaks, Rings(), speaks), strict=True))
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", settings.agi_port)
    async with (
        server,
        desk_phones(run / "phones", phones, port=phones_port, media_port=ports.free_ports(16)),
        ami_line(settings.ami_port, settings.ami_user, SECRET) as ami,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.ami_port)
        login = f"Action: Login\r\nActionID: 1\r\nUsername: {settings.ami_user}\r\nSecret: {SECRET}\r\n\r\n"
        writer.write(login.encode())
        await ami.event("FullyBooted")
        async with contextlib.AsyncExitStack() as stack:
            await scene(Stage(ami, run, settings.sip_port, stack))
        async with asyncio.timeout(10):
            while await ami.channels():
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        writer.write(b"Action: Logoff\r\nActionID: 2\r\n\r\n")
        data = await reader.read()
        writer.close()
        return scrub(data)


def scrub(data: bytes) -> bytes:
    """Move every instant so that the first is ``BEGIN``, also inside Uniqueids; put one port for all."""
    first = re.search(rb"Timestamp: (\d+)", data)
    assert first is not None
    shift = int(first[1]) - BEGIN

    def moved(found: re.Match[bytes]) -> bytes:
        return found[1] + str(int(found[2]) - shift).encode() + b"."

    data = re.sub(rb"(Timestamp: |recorded-)(\d{10})\.", moved, data)
    return re.sub(rb"127\.0\.0\.1:\d+", b"127.0.0.1:5060", data)


def main() -> None:
    """Record the scenes named, or all."""
    for name in sys.argv[1:] or SCENES:
        data = asyncio.run(record(SCENES[name]))
        (HERE / f"{name}.ami").write_bytes(data)
        print(name, len(data))


if __name__ == "__main__":
    main()
