"""``contactcenter check``: what is reachable and what is wrong, line by line, each with what to do."""

import asyncio
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from agent_ui.pages import DIST
from contactcenter.agents import store as agents_store
from contactcenter.agents.model import Device
from contactcenter.bootstrap import FLOWS, ContactCenter
from contactcenter.buses import bus_of
from contactcenter.check_line import Line
from contactcenter.core.errors import ContactCenterError, Invalid
from contactcenter.core.migrations import is_current
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.flow_files import known_names, named_by, problems_in_use, with_standard
from contactcenter.network_checks import network_lines
from contactcenter.pbx_servers import simulated_cel_file
from contactcenter.provisioning import own_sip_port
from contactcenter.queues.model import Queue
from contactcenter.settings import Settings
from contactcenter.site_servers import (
    ForeignServer,
    endpoint_settings,
    foreign_pbx,
    foreign_servers,
    is_own,
    managed_pbx,
    server_ids,
)
from cti import check as pbx_check
from cti.ami import AmiClient, LinkState
from cti.ami.client import AmiSettings
from cti.managed_pbx import kept_numbers
from cti.pbx_process import running_pid
from cti.provision import PbxSettings
from ivr.documents import Problem
from ivr.loader import Flows

CONNECT_TIME: Final = 10.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database tells; nothing when it has no tables yet."""

    devices: Sequence[Device] = ()
    queues: Sequence[Queue] = ()
    skills: Sequence[str] = ()
    dialed: Mapping[str, str] = field(default_factory=dict)
    is_current: bool = False


async def run_checks(settings: Settings) -> list[str]:
    """Return all lines."""
    center = ContactCenter(settings)
    stored = await _stored(center)
    own = sum(one.server_id == center.server_id for one in stored.devices)
    lines = [
        _folder(settings),
        Line(stored.is_current, "database", center.base.database.place, "run `python -m contactcenter migrate`"),
        *await _redis(settings),
        _flows(settings, stored),
        _pages(),
        *network_lines(settings, own, center.base.clock.timestamp()),
        *_strangers(settings, stored),
    ]
    return [str(line) for line in [*lines, *await _pbx(center, stored)]]


async def _redis(settings: Settings) -> list[Line]:
    if not settings.redis_url.get_secret_value():
        return []
    tasks = TaskSupervisor()
    bus, arrived = bus_of(settings, tasks), asyncio.Event()
    bus.on_restored(arrived.set)
    await bus.open()
    try:
        async with asyncio.timeout(CONNECT_TIME):
            await arrived.wait()
        return [Line(True, "Redis", "joins the processes of the site")]
    except TimeoutError:
        return [Line(False, "Redis", bus.degraded, "is it running, and redis_url right? pages of other processes wait")]
    finally:
        await bus.close()
        await tasks.close()


async def _stored(center: ContactCenter) -> Stored:
    database, rooms = center.base.database, center.rooms

    def look(connection: Connection) -> Stored:
        if not is_current(connection):
            return Stored()
        agents = rooms.agents.load_all(connection)
        return Stored(
            [one.device for one in agents],
            [one for one in rooms.queues.load_all(connection) if one.is_active],
            [one.name for one in agents_store.list_skills(connection)],
            {one.number: one.flow for one in rooms.queues.load_dialed(connection)},
            is_current=True,
        )

    return await database.prepare(look)


def _folder(settings: Settings) -> Line:
    path = settings.data.resolve()
    is_private = is_own(settings) is False or not path.stat().st_mode & 0o077
    return Line(
        is_private, "data folder", str(path) if is_private else f"{path} is open to others", f"chmod 700 {path}"
    )


def _flows(settings: Settings, stored: Stored) -> Line:
    folder = settings.flows or FLOWS
    queues = [(queue.queue_id, queue.name) for queue in stored.queues]
    flows = with_standard(folder, Flows(), known_names(queues, stored.skills) if stored.is_current else None)
    named = named_by(stored.dialed, stored.queues)
    in_use = problems_in_use(flows, named) if stored.is_current else flows.errors
    rest = [problem for problem in flows.errors if problem not in in_use]
    unused = f"; nothing leads to: {_told(rest)}" if rest else ""
    return Line(
        not in_use,
        "call flows",
        f"{_told(in_use) or f'{len(flows.flows)} in {folder}'}{unused}",
        "mend the lines named",
    )


def _told(problems: Iterable[Problem]) -> str:
    return "; ".join(map(str, problems))


def _pages() -> Line:
    built = (DIST / "manifest.json").exists()
    return Line(built, "front end", "built" if built else "not built", "run scripts/build-frontend")


async def _pbx(center: ContactCenter, stored: Stored) -> list[Line]:
    """Look at every server; with several, each line begins with the name of its own."""
    settings = center.base.settings
    try:
        found = {center.server_id: await _own_pbx(center, stored)} if is_own(settings) else {}
        for server in foreign_servers(settings):
            found[server.server_id] = await _foreign(center, server, stored)
    except Invalid as error:
        return [Line(False, "servers", str(error), "set pbx.sip to where the other servers reach the first one")]
    finally:
        await center.base.tasks.close()
    if len(found) == 1:
        return next(iter(found.values()))
    return [replace(line, name=f"{server_id}: {line.name}") for server_id, lines in found.items() for line in lines]


def _strangers(settings: Settings, stored: Stored) -> list[Line]:
    """Agents whose devices are on a server that is no longer one of the site's are never reached."""
    known = set(server_ids(settings))
    lost = sorted(one.endpoint for one in stored.devices if one.server_id not in known)
    if not lost:
        return []
    remedy = "give these agents a server_id of the site, or set their server among servers"
    return [Line(False, "agents' servers", f"on none of {', '.join(known)}: {', '.join(lost)}", remedy)]


async def _foreign(center: ContactCenter, server: ForeignServer, stored: Stored) -> list[Line]:
    if not server.ami.secret:
        return [Line(False, "AMI", "pbx.ami_secret is not set", "set CONTACTCENTER_PBX__AMI_SECRET")]
    wanted = foreign_pbx(center.base.settings, server, stored.devices, own_sip_port(center.base.settings))
    lines = await _asterisk(center, server.ami, wanted)
    return [*lines, _cel(server.cel_file), await _agi(server.agi_host, server.agi_port)]


async def _own_pbx(center: ContactCenter, stored: Stored) -> list[Line]:
    settings, numbers = center.base.settings, kept_numbers(center.base.settings.data)
    own = managed_pbx(settings, numbers) if numbers is not None else None
    if own is None or numbers is None:
        return [_NOT_RUNNING]
    is_asterisk = running_pid(own.run_folder) is not None
    if not is_asterisk and not await _listens("127.0.0.1", numbers.ami_port):
        return [_NOT_RUNNING]
    devices = [one for one in stored.devices if one.server_id == center.server_id]
    wanted = replace(own.settings, endpoints=tuple(endpoint_settings(devices)))
    ami = AmiSettings("127.0.0.1", wanted.ami_port, wanted.ami_user, wanted.ami_secret)
    lines = await _asterisk(center, ami, wanted)
    cel_file = own.run_folder.cel_file if is_asterisk else simulated_cel_file(settings)
    return [*lines, _cel(cel_file), await _agi("127.0.0.1", numbers.agi_port)]


_NOT_RUNNING = Line(False, "Asterisk", "not running in the data folder", "start the server: scripts/run")


_NO_USE_WAITING: Final = {
    "auth-failed": ("refuses the login", "set pbx.ami_user and pbx.ami_secret"),
    "connect-failed": ("takes no connection", "is Asterisk running and reachable?"),
    "not-ami": ("is something else than AMI", "is it the port of manager.conf?"),
}
"""Why the client has no link -> what is said of it, and what to do."""


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_TIME):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _cel(path: Path | None) -> Line:
    """The file is read at each resync: what ended meanwhile is closed with its true time."""
    if path is None:
        return Line(
            True, "CEL file", "pbx.cel_file is not set: the end of a call that ends while we are away is unknown"
        )
    is_readable = os.access(path, os.R_OK)
    return Line(
        is_readable,
        "CEL file",
        f"{path}{'' if is_readable else ' cannot be read'}",
        "set pbx.cel_file; give the right to read",
    )


async def _agi(host: str, port: int) -> Line:
    where = f"{host}:{port}"
    if await _listens(host, port):
        return Line(True, "FastAGI", where)
    return Line(
        False, "FastAGI", f"nobody listens on {where}", "is the server running? is pbx.agi_port the same there?"
    )


async def _asterisk(center: ContactCenter, ami: AmiSettings, settings: PbxSettings) -> list[Line]:
    changed = asyncio.Event()
    client = AmiClient(
        ami,
        on_message=lambda message: None,
        on_state=lambda state, reason: changed.set(),
        tasks=center.base.tasks,
        rng=random.Random(),
    )
    client.start()
    where = f"{ami.host}:{ami.port}"
    try:
        async with asyncio.timeout(CONNECT_TIME):
            while client.state is not LinkState.LIVE:
                await changed.wait()
                changed.clear()
                if client.reason in _NO_USE_WAITING:
                    said, remedy = _NO_USE_WAITING[client.reason]
                    return [Line(False, "AMI", f"{where} {said}", remedy)]
        found = await pbx_check.check(client, settings)
        return [Line(True, "AMI", where), *(Line(one.ok, one.name, one.detail, one.remedy) for one in found)]
    except TimeoutError:
        return [Line(False, "AMI", f"{where}: {client.reason or 'no answer'}", "is Asterisk running and reachable?")]
    except ContactCenterError as error:
        return [Line(False, "AMI", str(error), "see the PBX's log")]
    finally:
        await client.close()
