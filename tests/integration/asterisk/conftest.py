"""One real Asterisk for all tests of this folder: started once, every test begins and ends without channels."""

import asyncio
import concurrent.futures
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cti.installation import Installation, find_or_install
from cti.pbx_process import PbxProcess, free_ports
from cti.provision import (
    EndpointKind,
    EndpointSettings,
    PbxSettings,
    RunFolder,
    TrunkSettings,
    server_settings,
    write_run_folder,
)
from tests.integration.asterisk.ami_line import AmiLine, ami_line
from tests.rig.asterisk import PREFIX
from tests.rig.simulated import Simulated, simulated_pbx

SECRET = "b5Kq09ZtRw7LpXc2"
BROWSER_SECRET = "Browser1Secret99x"
DESK_SECRET = "Desk2Secret8888xx"


@dataclass(frozen=True)
class Pbx:
    """``peer_port``: where the trunk and the contacts of ``agent3``, ``agent-2001`` to ``-2008`` are expected (SIPp).

    Nobody is where the contact of ``agent-2009`` points to.
    """

    installation: Installation
    settings: PbxSettings
    run_folder: RunFolder
    process: PbxProcess
    peer_port: int


def run_apart(coroutine: Coroutine[object, object, object]) -> object:
    """Run to the end in a thread with a loop of its own: session fixtures must not touch the tests' loops."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="session")
def installation() -> Installation:
    if not (PREFIX / "asterisk").exists():
        pytest.skip(f"no Asterisk under {PREFIX}: scripts/install-asterisk {PREFIX}")
    found = run_apart(find_or_install(PREFIX))
    assert isinstance(found, Installation)
    return found


def pbx_settings(run: Path, server_id: str, low: int, high: int) -> tuple[PbxSettings, int]:
    ami, sip, http, agi, peer, dead = free_ports(6, low=low, high=high)
    phones = [f"agent-{number}" for number in range(2001, 2009)]
    settings = PbxSettings(
        server_id=server_id,
        ami_port=ami,
        ami_secret=SECRET,
        sip_port=sip,
        http_port=http,
        agi_port=agi,
        recordings_dir=run / "recordings",
        rtp_start=15200,
        rtp_end=15299,
        trunks=[TrunkSettings("carrier", "127.0.0.1", peer)],
        endpoints=[
            EndpointSettings("agent1", EndpointKind.BROWSER, BROWSER_SECRET),
            EndpointSettings("agent2", EndpointKind.DESK, DESK_SECRET),
            EndpointSettings("agent3", EndpointKind.DESK, contact_uri=f"sip:agent3@127.0.0.1:{peer}"),
            *(EndpointSettings(one, EndpointKind.DESK, contact_uri=f"sip:{one}@127.0.0.1:{peer}") for one in phones),
            EndpointSettings("agent-2009", EndpointKind.DESK, contact_uri=f"sip:agent-2009@127.0.0.1:{dead}"),
        ],
        fallback_round=1,
        fallback_rounds=3,
        ivr_guard=3,
    )
    return settings, peer


@pytest.fixture(scope="session")
def asterisk(installation: Installation) -> Iterator[Pbx]:
    with tempfile.TemporaryDirectory(prefix="cc-pbx-") as name:
        run = Path(name)
        settings, peer = pbx_settings(run, "it-1", 15100, 15149)
        folder = write_run_folder(settings, installation, run)
        process = PbxProcess(installation, settings, folder)
        run_apart(process.start())
        yield Pbx(installation, settings, folder, process, peer)
        run_apart(process.stop())


@pytest.fixture(scope="session")
def two_servers(installation: Installation) -> Iterator[tuple[Pbx, Pbx]]:
    """Two of them, joined by a trunk."""
    with tempfile.TemporaryDirectory(prefix="cc-two-") as name:
        made = [pbx_settings(Path(name) / one, one, low, low + 49) for one, low in (("it-a", 15300), ("it-b", 15350))]
        pbxs = []
        for (own, peer), (other, _), rtp in zip(made, made[::-1], (15400, 15500), strict=True):
            joined = server_settings(SECRET, own.server_id, other.server_id, "127.0.0.1", other.sip_port)
            absent = EndpointSettings("agent-2010", EndpointKind.DESK, DESK_SECRET)  # never registered
            endpoints = [*own.endpoints, absent]
            settings = replace(own, servers=[joined], endpoints=endpoints, rtp_start=rtp, rtp_end=rtp + 99)
            folder = write_run_folder(settings, installation, Path(name) / own.server_id)
            pbxs.append(Pbx(installation, settings, folder, PbxProcess(installation, settings, folder), peer))
        for one in pbxs:
            run_apart(one.process.start())
        for one in pbxs:  # the first asked before the second was there; it asks again after 10 s
            run_apart(one.process.console(f"pjsip qualify to-{one.settings.servers[0].server_id}"))
        yield pbxs[0], pbxs[1]
        for one in pbxs:
            run_apart(one.process.stop())


@pytest.fixture
def pbx(asterisk: Pbx) -> Pbx:
    return asterisk


@pytest.fixture(params=["asterisk", "simulated"])
async def either_pbx(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pbx | Simulated]:
    """The real one and the simulated one in turn, for what both must do alike."""
    if request.param == "asterisk":
        yield request.getfixturevalue("asterisk")
        return
    settings, _ = pbx_settings(tmp_path, "sim-1", 15150, 15199)
    async with simulated_pbx(settings, tmp_path) as made:
        yield made


@pytest.fixture
async def ami(pbx: Pbx) -> AsyncIterator[AmiLine]:
    async with ami_line(pbx.settings.ami_port, pbx.settings.ami_user, pbx.settings.ami_secret) as line:
        await line.event("FullyBooted")
        yield line
        for channel in await line.channels():
            await line.send("Hangup", Channel=channel["Channel"])
        async with asyncio.timeout(10):
            while await line.channels():
                await asyncio.sleep(0.05)


class ScriptedAgi:
    """A FastAGI server that answers what a test tells it: step -> CC_NEXT, or ``frozen``: accept and say nothing."""

    def __init__(self) -> None:
        self.next = {"ivr": "hold", "next": "hold"}
        self.first_commands: list[str] = []
        self.seconds = 0.0
        self.frozen = False
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.answers: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            block = (await reader.readuntil(b"\n\n")).decode()
            fields = dict(line.removeprefix("agi_").split(": ", 1) for line in block.splitlines() if ": " in line)
            step = fields["network_script"]
            self.calls.append((step, fields))
            while self.frozen:
                await asyncio.sleep(0.05)
            for command in [*self.first_commands, f"SET VARIABLE CC_NEXT {self.next[step]}"]:
                writer.write(f"{command}\n".encode())
                self.answers.append((await reader.readline()).decode())
                await asyncio.sleep(self.seconds)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def steps(self) -> list[str]:
        return [step for step, _ in self.calls]


@pytest.fixture
async def agi(pbx: Pbx) -> AsyncIterator[ScriptedAgi]:
    scripted = ScriptedAgi()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", pbx.settings.agi_port)
    yield scripted
    scripted.frozen = False
    server.close()
