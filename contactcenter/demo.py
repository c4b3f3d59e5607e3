"""The demo: data to try the program with, customers who call on a second Asterisk, and the smoke run.

Nothing here is used by a production server; ``cli`` asks for it by name.
"""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from sqlalchemy import Connection, true

from agent_ui.hub import DESKTOP
from contactcenter.agents.model import DeviceKind, PresenceState
from contactcenter.bootstrap import ContactCenter
from contactcenter.core.clock import SystemClock
from contactcenter.core.errors import ContactCenterError, Unavailable
from contactcenter.core.ids import InteractionId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Scope
from contactcenter.core.web.access import Services
from contactcenter.customers import store as customers_store
from contactcenter.interactions.live import LiveAgent
from contactcenter.interactions.store import find
from contactcenter.seed import DEMO_PASSWORD, DemoPlan
from contactcenter.seed import seed_demo as seed
from contactcenter.settings import Settings
from cti.demo_traffic import (
    PHONE_PREFIX,
    DemoCall,
    DemoCaller,
    DemoSettings,
    DemoTraffic,
    Level,
    Traffic,
    TrafficSettings,
)
from cti.managed_pbx import DEMO_TRUNK, keep_numbers
from cti.pbx_simulator.server import SimulatedPbx
from cti.pbx_simulator.traffic import SimulatedTraffic

LEVELS: Final = tuple(level.value for level in Level)
DESK_AGENTS: Final = 3
LOGINS: Final = "demo-logins.txt"
SMOKE_TIME: Final = 60.0
PUT_BACK_TIME: Final = 20.0  # seconds between two looks at the agents whom nobody plays
SMOKE_CALLER: Final = DemoCaller("+493090182000", "Smoke Test")


async def seed_demo(center: ContactCenter) -> list[str]:
    """Make the demo's data; return lines that tell the logins."""
    settings = center.base.settings
    numbers = keep_numbers(settings.data, settings.http.port)
    services = Services()
    rooms = center.rooms
    for service in (rooms.users, rooms.agents, rooms.queues, rooms.customers, rooms.tickets):
        services.add(service)
    contact = f"sip:{PHONE_PREFIX}{{phone}}@127.0.0.1:{numbers.demo_sip_port}"
    plan = DemoPlan(desk_agents=DESK_AGENTS, desk_contact=contact)
    demo = await seed(services, center.base.database, center.base.clock, plan)
    logins = ", ".join(f"{login} ({role})" for login, role in demo.logins if not login.startswith("desk"))
    told = [f"demo logins: {logins}", f"password: {demo.password}"]
    _write_private(center.base.settings.data / LOGINS, "\n".join([*told, ""]))
    return [f"demo: {demo.people} customers, {demo.tickets} tickets", *told]


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, also when it was there before."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def logins_told(settings: Settings) -> list[str]:
    """Return the lines that tell the demo's logins; none when this data folder is not the demo's."""
    try:
        return (settings.data / LOGINS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def simulation_told(center: ContactCenter) -> list[str]:
    """Return the lines that tell that the phone system is simulated, and why; none when it is an Asterisk."""
    if center.simulated is None:
        return []
    reason = center.pbxs.simulated_because
    why = f" because no Asterisk could be had ({reason})" if reason else ""
    return [f"the phone system is simulated{why}: no sound, agents answer on their page"]


async def start_traffic(center: ContactCenter, level: str) -> Traffic | None:
    """Start the demo's customers and desk phones; None for level ``none``."""
    if level == Level.NONE.value:
        return None
    traffic = await _traffic(center, Level(level))
    center.base.tasks.keep("demo-agents", lambda: _keep_ready(center))
    return traffic


async def _keep_ready(center: ContactCenter) -> None:
    """For ever: agents whom nobody plays are ready again a while after the router took them out of the line."""
    while True:
        await put_back(center)
        await asyncio.sleep(PUT_BACK_TIME)


async def put_back(center: ContactCenter) -> None:
    """Make every desk agent ready whom nobody plays; one who is played chooses for himself."""
    for agent in _desk_agents(center):
        if agent.presence != "ready" and not _is_played(center, agent.device.endpoint):
            await center.rooms.agents.set_presence(SYSTEM, agent.agent_id, PresenceState.READY)


async def _traffic(center: ContactCenter, level: Level) -> Traffic:
    """Start the customers; from now on they can be called as well, and nobody over a real carrier in their name."""
    traffic = await _customers(center, level)
    if center.pbxs.own is not None:
        is_theirs = center.pbx is None or center.pbx.settings.outbound_trunk == DEMO_TRUNK
        center.pbxs.own.telephony.calls_out = is_theirs
    return traffic


async def _customers(center: ContactCenter, level: Level) -> Traffic:
    if center.simulated is not None:
        return await _simulated_traffic(center, center.simulated, level)
    if center.pbx is None or center.pbx.installation is None:
        raise Unavailable("traffic-needs-own-pbx", {})
    numbers = center.pbx.numbers
    settings = DemoSettings(
        ami_port=numbers.demo_ami_port,
        sip_port=numbers.demo_sip_port,
        http_port=numbers.demo_http_port,
        ami_secret=numbers.demo_secret,
        callers=await center.base.database.read(_callers),
        level=level,
        no_answer_percent=0 if level is Level.NONE else 8,
        rtp_start=numbers.rtp_start + 10_000,
        rtp_end=numbers.rtp_start + 10_999,
    )
    folder = center.base.settings.data.resolve() / "pbx" / "demo"
    traffic = DemoTraffic(settings, center.pbx.installation, folder, center.base.tasks)
    await traffic.start(center.pbx.settings)
    return traffic


async def _simulated_traffic(center: ContactCenter, pbx: SimulatedPbx, level: Level) -> Traffic:
    settings = TrafficSettings(callers=await center.base.database.read(_callers), level=level)
    return SimulatedTraffic(settings, pbx, center.base.tasks, lambda endpoint: _is_played(center, endpoint))


def _is_played(center: ContactCenter, endpoint: str) -> bool:
    """Whether somebody sits at this agent's desktop; without one a browser phone is nobody's."""
    agent = center.picture.find_by_endpoint(center.server_id, endpoint)
    return agent is not None and any(
        page.principal.agent_id == agent.agent_id and page.name == DESKTOP for page in center.hub.pages
    )


def _callers(connection: Connection) -> list[DemoCaller]:
    people = customers_store.list_people(connection, Scope.ALL, SYSTEM, Paging(100), "", "").items
    return [DemoCaller(person.numbers[0].value, person.name) for person in people if person.numbers] or [SMOKE_CALLER]


def _desk_agents(center: ContactCenter) -> list[LiveAgent]:
    return [agent for agent in center.picture.agents.values() if agent.record.device.kind is DeviceKind.DESK]


# ------------------------------------------------------------ smoke


async def smoke(settings: Settings, started_at: float | None) -> dict[str, Any]:
    """Start, let one customer call, see the pop on a connected desktop and the call in the log; end everything."""
    began = started_at or SystemClock().timestamp()
    center, traffic = ContactCenter(settings), None
    told: dict[str, Any] = {"ok": False}
    try:
        await center.start()
        traffic = await _traffic(center, Level.NONE)
        async with asyncio.timeout(SMOKE_TIME):
            told |= await _one_call(center, traffic, began)
    except (ContactCenterError, TimeoutError, aiohttp.ClientError) as error:
        told |= {"error": str(error) or type(error).__name__}
    finally:
        if traffic is not None:
            await traffic.stop()
        await center.stop()
    return told


async def _one_call(center: ContactCenter, traffic: Traffic, began: float) -> dict[str, Any]:
    # Whoever still wraps up what an earlier run left is not asked; the others must not take the call.
    agent, *others = sorted(_desk_agents(center), key=lambda one: one.work != "idle")
    for other in others:
        await center.rooms.agents.set_presence(SYSTEM, other.agent_id, PresenceState.OFFLINE)
    base = f"{center.base.settings.http.scheme}://127.0.0.1:{center.port}"
    ourselves = aiohttp.TCPConnector(ssl=False)  # a certificate names the address that people use
    async with aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True), connector=ourselves) as browser:
        body = {"login": f"desk{agent.record.extension}", "password": DEMO_PASSWORD}
        async with browser.post("/api/v1/session", json=body) as answer:
            answer.raise_for_status()
        async with browser.ws_connect("/socket", headers={"Origin": base}) as wire:
            await wire.send_json({"type": "hello", "page": "desktop", "instance": "smoke"})
            await wire.send_json({"type": "command", "id": "1", "name": "set-presence", "data": {"state": "ready"}})
            await _until(lambda: _is_free(agent) and traffic.is_live)
            await traffic.call(DemoCall(traffic.settings.callers[0], "2", 1, 30, 1))
            popped = await _popped(wire)
            seconds = SystemClock().timestamp() - began
            if center.simulated is not None:  # there is no hand but the page's to pick the phone up
                accept = {"type": "command", "id": "a", "name": "accept", "data": {"interaction_id": popped}}
                await wire.send_json(accept)
            logged = await _logged(center, popped)
            done = {"interaction_id": popped, "disposition": _disposition(center, popped)}
            await wire.send_json({"type": "command", "id": "2", "name": "finish-wrap-up", "data": done})
            await _until(lambda: _is_free(agent))
    pbx = center.telephony.servers[center.server_id]
    return {
        "ok": True,
        "seconds_to_first_pop": round(seconds, 2),
        "pbx": "asterisk" if center.simulated is None else "simulated",
        "pbx_version": pbx.version,
        "interaction": popped,
        "linkedid": logged,
        "cel_file": str(center.cel_file),
    }


def _is_free(agent: LiveAgent) -> bool:
    return agent.device_usable and agent.presence == "ready" and agent.work == "idle"


def _disposition(center: ContactCenter, interaction_id: str) -> str:
    """Return a disposition the interaction's queue knows; '' when it needs none."""
    item = center.picture.interactions.get(InteractionId(interaction_id))
    queue = center.picture.queues.get(item.visit.queue_id) if item is not None and item.visit is not None else None
    return next((one.code for one in queue.dispositions if one.is_active), "") if queue is not None else ""


async def _popped(wire: aiohttp.ClientWebSocketResponse) -> str:
    """Return the interaction of the first alert the desktop is shown."""
    async for frame in wire:
        message = msgspec.json.decode(frame.data)
        for key, slot in (message.get("slots") or {}).items():
            if key.startswith("work:") and slot and slot["state"] == "alerting":
                return str(slot["interaction_id"])
    raise Unavailable("socket-closed")


async def _logged(center: ContactCenter, interaction_id: str) -> str:
    """Wait until the call is over in the log; return its Linkedid."""
    while True:
        await asyncio.sleep(0.2)
        row = await center.base.database.read(lambda c: find(c, interaction_id, true()))
        if row is not None and row.outcome == "answered":
            return str(row.linked_id)


async def _until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - three owners; none tells when all agree
        await asyncio.sleep(0.05)
