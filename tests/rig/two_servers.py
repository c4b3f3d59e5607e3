"""One server of ours with two Asterisks: its own (pbx1), and one that somebody else runs (pbx2), joined by a trunk."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contactcenter.agents.model import Device, DeviceKind, DeviceMode
from contactcenter.core.ids import DeviceId, ServerId
from contactcenter.settings import PbxSettings, ServerOptions, Settings
from contactcenter.site_servers import find_foreign, foreign_pbx
from cti.installation import find_or_install
from cti.pbx_process import PbxProcess
from cti.provision import write_run_folder
from tests.rig import sipp
from tests.rig.asterisk import PREFIX
from tests.rig.ports import free_ports
from tests.rig.server import QueueSeed, Server, desk_agents, running_server
from tests.rig.sipp import Caller

TRUNKS = 3  # groups of customers at the same moment
SECRET, SITE_SECRET = "Far1Secret2Of3The4Rig", "Trunk1Secret2Of3The4Rig"


@dataclass
class TwoServers:
    """``far`` is pbx2's process; agents ``desk1``... have phones ``p1``... behind one SIPp port."""

    server: Server
    far: PbxProcess
    trunk_ports: dict[str, list[int]]
    phones_port: int
    near_sip: int

    @contextlib.asynccontextmanager
    async def customers(self, on: str, folder: Path, callers: Sequence[Caller], **options: Any) -> AsyncIterator[Any]:
        """SIPp customers who ring one of the two."""
        media = free_ports(8 + 4 * len(callers))
        sip = self.near_sip if on == "pbx1" else self.far.settings.sip_port
        port = self.trunk_ports[on].pop()
        try:
            async with sipp.customers(folder, sip, callers, port=port, media_port=media, **options) as started:
                yield started
        finally:
            self.trunk_ports[on].append(port)

    async def until_joined(self, limit: float = 30) -> None:
        """Wait until nothing is degraded: both are linked, and each answers the other on the trunk."""
        async with asyncio.timeout(limit):
            while (await self.server.ready_answer())[1]["degraded"]:
                await asyncio.sleep(0.1)

    def kill_far(self) -> None:
        """SIGKILL pbx2."""
        assert self.far.pid is not None
        os.kill(self.far.pid, signal.SIGKILL)

    async def ready(self, *logins: str) -> None:
        """Make these agents ready, all others offline; returns when the router can use them."""
        for login in set(self.server.agent_ids) - set(logins):
            await self.server.ready(login, state="offline")
        await self.server.ready(*logins)
        await self.until(dict.fromkeys(logins, ("ready", "")))

    async def ready_too(self, login: str) -> None:
        """Make one more ready."""
        await self.server.ready(login)
        await self.until({login: ("ready", "")})

    async def degraded(self) -> dict[str, dict[str, Any]]:
        """What is not as it should be, with its fields."""
        async with (await self.server.login()).get("/readyz") as answer:
            return {one["code"]: one["fields"] for one in (await answer.json())["degraded"]}

    async def until(self, wanted: Mapping[str, tuple[str, str]], limit: float = 20) -> None:
        """Wait until a supervisor's page shows these agents in this state for this reason."""
        page = await self.server.desktop("sofia", "live")
        names = {self.server.agent_ids[login]: login for login in wanted}
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(limit):
                while {login: found.get(login) for login in wanted} != dict(wanted):
                    await asyncio.sleep(0.05)
                    tiles = [one for one in page.of("agent") if one["agent_id"] in names]
                    found = {names[one["agent_id"]]: (one["state"], one["reason"]) for one in tiles}
        except TimeoutError:
            raise AssertionError(f"{found} in place of {wanted}") from None
        finally:
            await page.close()


@contextlib.asynccontextmanager
async def two_servers(
    near: Sequence[str], far: Sequence[str], *, queue: QueueSeed | None = None
) -> AsyncIterator[TwoServers]:
    """Agents ``near`` have their phones on pbx1, ``far`` on pbx2; the extension of ``desk<n>`` is 100 + n."""
    phones, near_sip, http = free_ports(1), free_ports(1), free_ports(1)
    ami, sip, agi = (free_ports(1) for _ in range(3))
    trunks = {one: [free_ports(1) for _ in range(TRUNKS)] for one in ("pbx1", "pbx2")}
    data, run = Path(tempfile.mkdtemp(prefix="cc-two-")), Path(tempfile.mkdtemp(prefix="cc-far-"))
    options = {
        server: [{"name": f"customers-{port}", "host": "127.0.0.1", "port": port} for port in ports]
        for server, ports in trunks.items()
    }
    other = {
        "server_id": "pbx2",
        "ami": f"127.0.0.1:{ami}",
        "ami_secret": SECRET,
        "agi_port": agi,
        "sip": f"127.0.0.1:{sip}",
        "cel_file": str(run / "log/cel-custom/contactcenter.csv"),
        "trunks": options["pbx2"],
    }
    env = {
        "CONTACTCENTER_SERVERS": json.dumps([other]),
        "CONTACTCENTER_PBX__TRUNK_SECRET": SITE_SECRET,
        "CONTACTCENTER_PBX__SIP_PORT": str(near_sip),
        "CONTACTCENTER_PBX__TRUNKS": json.dumps(options["pbx1"]),
    }
    pbx = PbxSettings.model_validate({"trunk_secret": SITE_SECRET, "sip_port": near_sip, "trunks": options["pbx1"]})
    settings = Settings(data=data, pbx=pbx, servers=(ServerOptions.model_validate(other),))
    agents = desk_agents(max(int(one[4:]) for one in (*near, *far)), phones)
    devices = [_device(one, phones) for one in far]
    told = foreign_pbx(settings, find_foreign(settings, "pbx2"), devices, near_sip)
    told = replace(told, ami_port=ami, sip_port=sip, http_port=http, rtp_start=24000, rtp_end=24199,
                   recordings_dir=run / "recordings")  # fmt: skip
    installation = await find_or_install(PREFIX)
    process = PbxProcess(installation, told, write_run_folder(told, installation, run))
    await process.start()
    try:
        async with running_server(data, agents=agents, queues=[queue or QueueSeed()], env=env, start=False) as server:
            await asyncio.to_thread(_move, data, [server.agent_ids[login] for login in far])
            await server.start()
            yield TwoServers(server, process, trunks, phones, near_sip)
    finally:
        await process.stop()
        for folder in (data, run):
            shutil.rmtree(folder, ignore_errors=True)


def _move(data: Path, agents: Sequence[str]) -> None:
    """Put their devices on pbx2 before anybody looks: what the API changes later takes a while to reach the PBXs."""
    with contextlib.closing(sqlite3.connect(data / "contactcenter.db")) as rows, rows:
        for agent_id in agents:
            changed = rows.execute("update devices set server_id = 'pbx2' where agent_id = ?", [agent_id])
            assert changed.rowcount == 1


def _device(login: str, phones: int) -> Device:
    number = int(login[4:])
    where = f"sip:p{number}@127.0.0.1:{phones}"
    mode = DeviceMode.RING
    return Device(DeviceId(login), ServerId("pbx2"), f"agent-{100 + number}", DeviceKind.DESK, mode, "", where)
