"""Composition root: the only module that sees every package, and the seam tests use.

``ContactCenter`` builds the rooms, binds the edges to their ports and starts everything in order; ``stop`` ends it in
the reverse order. Tests pass another clock, settings, or a telephony of their own.
"""

import asyncio
import random
import secrets
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from agent_ui.hub import Hub
from agent_ui.pages import DIST, Desk, error_page, page_routes
from agent_ui.phone_line import PhoneLines, phone_routes
from agent_ui.projections.live import checks_slot
from agent_ui.socket import SocketServer
from contactcenter.agents import store as agents_store
from contactcenter.agents.api import routes as agent_routes
from contactcenter.agents.model import Device, DeviceKind, PresenceState
from contactcenter.agents.service import AgentService
from contactcenter.core.clock import Clock, SystemClock
from contactcenter.core.database import Database
from contactcenter.core.errors import Conflict, TelephonyError, Unavailable
from contactcenter.core.events import Envelope, Event
from contactcenter.core.ids import AgentId, InteractionId, PersonId, ServerId, TimeOrderedIds, UserId
from contactcenter.core.migrations import require_current
from contactcenter.core.prepared import Query
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.core.texts import Texts, text_routes
from contactcenter.core.web.access import Services, WebSettings
from contactcenter.core.web.app import build_app, server_logger
from contactcenter.core.web.routes import Routes
from contactcenter.core.web.tls import Certificate, CertificateFiles
from contactcenter.customers.api import routes as customer_routes
from contactcenter.customers.model import PersonChanged
from contactcenter.customers.service import CustomerService
from contactcenter.databases import database_of
from contactcenter.flow_files import FlowFiles
from contactcenter.interactions import store as interactions_store
from contactcenter.interactions.api import routes as interaction_routes
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.auditor import Auditor
from contactcenter.interactions.callers import Callers
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import (
    AgentConnected,
    InteractionQueued,
    VisitAbandoned,
)
from contactcenter.interactions.ports import LegMode
from contactcenter.interactions.recovery import Recovery
from contactcenter.interactions.service import InteractionService
from contactcenter.operation import Operation, operation_routes
from contactcenter.phone_addresses import (
    connect_sources,
    media_settings,
    phone_settings,
    uses_line,
    websocket_from_here,
)
from contactcenter.queues.api import routes as queue_routes
from contactcenter.queues.service import QueueService
from contactcenter.reloading import Reloading
from contactcenter.settings import Settings
from contactcenter.tickets.api import routes as ticket_routes
from contactcenter.tickets.model import Ticket
from contactcenter.tickets.service import TicketService
from contactcenter.users.api import routes as user_routes
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.model import SessionEnded, TokenChanged
from contactcenter.users.passwords import Passwords
from contactcenter.users.principals import Principals
from contactcenter.users.service import UserService
from cti.agi.server import AgiServer
from cti.ami import AmiClient
from cti.ami.client import AmiSettings
from cti.cel import CelFile
from cti.dialplan_names import AMI_EVENTS
from cti.managed_pbx import ManagedPbx, Numbers, keep_numbers
from cti.pbx_simulator.server import SimulatedPbx
from cti.provision import EndpointKind, EndpointSettings, TrunkSettings
from cti.telephony import AsteriskTelephony, PbxTelephony
from ivr.prompts import PromptFiles, find_speaker, sounds_in
from ivr.runner import FlowRunner
from routing import commands as routing
from routing.engine import Engine
from routing.runtime import Router
from routing.why import explain_waiting

log = structlog.get_logger(__name__)

HERE = Path(__file__).resolve().parent
FLOWS = HERE.parent / "config" / "flows"
LOCALES = HERE / "locales"
SWITCH_INTERVAL = 0.0005  # seconds: the writer's thread must not hold up the loop (measured: it shortens the tails)
RECOVERED = {
    "adopted": "found going on after a gap",
    "closed": "found over after a gap",
    "missed": "come and gone while nobody of ours was there",
    "unconfigured": "found open at a PBX that is no longer configured",
}


@dataclass(slots=True)
class Foundation:
    """What every room stands on, made first."""

    settings: Settings
    clock: Clock
    ids: TimeOrderedIds
    tasks: TaskSupervisor
    database: Database
    publisher: Publisher


class RouterPresence:
    """agents' PresencePort: hands a choice to the router's inbox."""

    def __init__(self) -> None:
        self.router: Router
        self.assignments: Assignments

    def set_presence(self, agent_id: AgentId, state: PresenceState, reason: str, actor: str) -> None:
        """See agents.ports.PresencePort."""
        if agent_id not in self.assignments.picture.agents:
            raise Conflict("agent-unknown", {"agent_id": agent_id})
        self.assignments.actor = actor
        try:
            self.router.submit(routing.SetPresence(agent_id, routing.Presence(state.value), reason))
        finally:
            self.assignments.actor = ""


class Rooms:
    """The rooms' services, bound to each other."""

    def __init__(self, base: Foundation) -> None:
        settings, server_id = base.settings, ServerId(base.settings.pbx.server_id)
        parts = (base.database, base.clock, base.ids)
        self.presence = RouterPresence()
        self.agents = AgentService(*parts, self.presence, server_id, new_secret=lambda: secrets.token_hex(16))
        self.queues = QueueService(*parts)
        self.customers = CustomerService(*parts, settings.region)
        self.passwords = Passwords()
        self.principals = Principals(base.database, base.clock, self.agents)
        self.users = UserService(*parts, self.passwords, SignInAttempts(), self.principals)
        self.tickets = TicketService(*parts, self.customers)


class ContactCenter:
    """One running server. Build, ``start``, ``stop``."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        tasks = TaskSupervisor()
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = database_of(settings, clock)
        self.base = Foundation(settings, clock, TimeOrderedIds(clock), tasks, database, Publisher(database, clock))
        self.rooms = Rooms(self.base)
        self.picture = Picture()
        self.figures = DayFigures(clock.now())
        self.server_id = ServerId(settings.pbx.server_id)
        self.telephony = AsteriskTelephony()
        self._provisioned: list[EndpointSettings] = []
        self.pbx: ManagedPbx | None = None
        self.simulated: SimulatedPbx | None = None
        self.simulated_because = ""
        self.client: AmiClient | None = None
        self.agi: AgiServer | None = None
        self.cel_file: Path | None = None
        self.certificate: Certificate | None = None
        self.phone_lines = PhoneLines(lambda: websocket_from_here(settings, self._websocket_port), tasks)
        self._runner: web.AppRunner | None = None
        self._is_built = False

    # ------------------------------------------------------------ start

    async def start(self) -> None:
        """Start everything in order. Raises ContactCenterError with a reason people can act on."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        database = self.base.database
        await database.prepare(require_current)
        await database.claim(self.base.ids.new())
        await database.open()
        self._build()
        self.certificate = self._certificate()
        await self._load()
        await self._start_pbx()
        await self._serve()

    def _build(self) -> None:
        """Bind the edges: router, assignments, telephony, screens."""
        base, loop = self.base, asyncio.get_running_loop()
        self.assignments = Assignments(self.picture, base.publisher, base.clock, base.ids, agents_store.save_presence)
        self.router = Router(Engine(base.ids.new), base.clock, loop, self._on_decision)
        self.assignments.router, self.assignments.telephony = self.router, self.telephony
        self.rooms.presence.router, self.rooms.presence.assignments = self.router, self.assignments
        self.recovery = Recovery(self.assignments, base.database, base.tasks)
        callers = Callers(
            base.database, self.rooms.customers, self.assignments, base.tasks, self._tickets_for_card, base.clock
        )
        self.interactions = InteractionService(
            base.database, base.clock, self.assignments, callers, self.rooms.agents, self.rooms.customers, self._explain
        )
        self.rooms.tickets.reach = self.interactions.check_reach
        self.operation = Operation(base.database, base.publisher, base.clock, self.picture, self.router, base.tasks)
        self.hub = Hub(self.picture, self.figures, base.clock, base.ids, self.operation.degraded)
        self._build_reloading()
        base.publisher.subscribe(self._on_event)
        self.auditor = Auditor(
            self.assignments, self.recovery, self.router.engine, base.database, base.publisher, base.clock
        )
        self.hub.checks = self._checks
        self.operation.show("audit_findings", "Findings two audits in a row made", lambda: self.auditor.confirmed)
        self.operation.show("audit_failures", "Findings whose healing failed", lambda: self.auditor.failures)
        self.operation.show("recovery_cut", "Gaps whose records were not read whole", lambda: self.recovery.cut)
        for name, text in RECOVERED.items():
            self.operation.show(
                f"recovery_{name}", f"Calls since the start: {text}", partial(getattr, self.recovery, name)
            )
        self._is_built = True

    def _build_reloading(self) -> None:
        settings, rooms = self.base.settings, self.rooms
        prompts = PromptFiles(settings.data.resolve() / "prompts", find_speaker())
        self.flow_files = FlowFiles(settings.flows or FLOWS, prompts, self.base.tasks)
        services = (rooms.agents, rooms.queues, rooms.users)
        self.reloading = Reloading(
            self.base.database, services, self.picture, self.router, self.telephony, self.flow_files
        )
        self.operation.sources.append(lambda: self.flow_files.degraded(self.picture.flows))

    def _on_decision(self, decision: routing.Decision) -> None:
        self.assignments.on_decision(decision)
        if isinstance(decision, routing.AgentRemoved):
            self.reloading.removed(decision.agent_id)

    def _explain(self, interaction_id: InteractionId) -> dict[str, Any]:
        return explain_waiting(self.router.engine, interaction_id, self.base.clock.timestamp())

    def _checks(self) -> dict[str, Any]:
        return checks_slot(self.auditor.audited_at, self.auditor.last)

    def _tickets_for_card(
        self, person_id: PersonId | None, interaction_id: InteractionId
    ) -> tuple[Query[list[dict[str, Any]]], Query[list[dict[str, Any]]]]:
        own, of_call = self.rooms.tickets.card_queries(person_id or "", interaction_id)
        return own.then(_ticket_views), of_call.then(_ticket_views)

    async def _load(self) -> None:
        """Read agents, queues, flows, today's figures and what was going on; give it all to the router."""
        base = self.base
        await self.reloading.apply()
        await self._load_figures()
        items = await base.database.read(lambda c: self.recovery.load(c))
        self.recovery.take_up(items)
        self.recovery.close_unconfigured([self.server_id])

    async def _load_figures(self) -> None:
        began = self._day_began()
        self.figures.roll(began)
        rows = await self.base.database.read(lambda c: interactions_store.day_figures(c, began))
        for row in rows:
            self.figures.offered(row.queue_id, row.entered_at)
            queue = self.picture.queues.get(row.queue_id)
            if queue is not None and row.end == "answered":
                self.figures.answered(row.queue_id, row.wait_time, queue.target_time, row.ended_at)
            elif queue is not None and row.end == "abandoned":
                self.figures.abandoned(row.queue_id, row.wait_time, queue.short_abandon_time, row.ended_at)

    def _day_began(self) -> datetime:
        local = self.base.clock.now().astimezone(ZoneInfo(self.base.settings.timezone))
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    # ------------------------------------------------------------ the exchange

    async def _start_pbx(self) -> None:
        settings, base = self.base.settings, self.base
        mode = settings.pbx.mode
        if mode in ("auto", "asterisk", "simulated"):
            numbers = keep_numbers(settings.data, settings.http.port)
            pbx = managed_pbx(settings, numbers)
            await self._start_agi("127.0.0.1", numbers.agi_port)
            self._provisioned = self._endpoints()
            await self._start_own_pbx(mode, pbx)
            ami = AmiSettings("127.0.0.1", numbers.ami_port, pbx.settings.ami_user, pbx.settings.ami_secret)
        else:
            host, _, port = mode.rpartition(":")
            await self._start_agi(settings.pbx.agi_host, settings.pbx.agi_port)
            ami = AmiSettings(host, int(port), settings.pbx.ami_user, settings.pbx.ami_secret.get_secret_value())
            self.cel_file = settings.pbx.cel_file
        cel = CelFile(self.cel_file, self.server_id)
        server = PbxTelephony(self.server_id, base.clock, base.tasks, self.assignments.on_fact, cel.news, base.ids.new)
        heard = await base.database.read(lambda c: interactions_store.heard_until(c, self.server_id))
        if heard is not None:
            server.resume(*heard)
        self.telephony.add(server)
        server.pick_up = self.simulated.pick_up if self.simulated is not None else None
        self.client = AmiClient(
            ami,
            on_message=server.on_message,
            on_state=server.on_state,
            tasks=base.tasks,
            rng=random.Random(),
            wanted=AMI_EVENTS,
        )
        server.bind(self.client)
        for agent in self.picture.agents.values():
            move = self.telephony.release if agent.presence == "offline" else self.telephony.prepare
            move(agent.device)
        self.client.start()
        self.reloading.provision = self._provision

    async def _start_own_pbx(self, mode: str, pbx: ManagedPbx) -> None:
        """Start our Asterisk; where it is not wanted, or ``auto`` cannot have it, the simulated PBX in its place."""
        if mode == "simulated":
            await self._start_simulated_pbx(pbx, "")
            return
        try:
            await pbx.start(self._provisioned)
        except Unavailable as error:
            if mode != "auto" or error.code != "asterisk-not-installable":
                raise
            await self._start_simulated_pbx(pbx, str(error.fields.get("reason", error.code)))
            return
        self.pbx = pbx
        pbx.keep_running(self.base.tasks)
        self._check_sounds(pbx)
        self.operation.sources.append(self._pbx_degraded)
        self.cel_file = pbx.run_folder.cel_file

    async def _start_simulated_pbx(self, pbx: ManagedPbx, reason: str) -> None:
        """``reason``: why it is not Asterisk; '' when it was asked for."""
        base = self.base
        self.cel_file = simulated_cel_file(base.settings)
        wanted = replace(pbx.settings, endpoints=tuple(self._provisioned))
        self.simulated = SimulatedPbx(wanted, self.cel_file, base.clock, base.tasks)
        await self.simulated.start()
        self.simulated_because = reason
        self.operation.is_stand_in = bool(reason)
        self.picture.is_simulated = True
        log.warning("pbx-simulated", reason=reason or "asked for")
        degraded = {"code": "pbx-simulated", "since": None, "fields": {"reason": reason}}
        self.operation.sources.append(lambda: [degraded])

    async def _start_agi(self, host: str, port: int) -> None:
        runner = FlowRunner(self.assignments, self.flow_files.find, self.flow_files.prompts, self.base.clock)
        handlers = {"/ivr": runner.run_flow, "/next": runner.run_next}
        self.agi = AgiServer(self.server_id, handlers, self.base.tasks)
        await self.agi.start(host, port)
        counts, active = self.agi.counts, self.agi
        self.operation.show("agi_active", "FastAGI sessions now", lambda: active.active)
        for name in ("sessions", "refused", "malformed", "failed"):
            self.operation.show(f"agi_{name}", f"FastAGI since the start: {name}", partial(getattr, counts, name))

    def _check_sounds(self, pbx: ManagedPbx) -> None:
        """From now on flows are looked at for sounds that the PBX has not."""
        if pbx.installation is not None:
            self.reloading.has_sound = sounds_in(pbx.installation.data_dir / "sounds")
            self.reloading.ask()

    def _pbx_degraded(self) -> list[dict[str, Any]]:
        reason = self.pbx.not_running if self.pbx is not None else ""
        return [{"code": "pbx-not-running", "since": None, "fields": {"reason": reason}}] if reason else []

    def _endpoints(self) -> list[EndpointSettings]:
        devices = [agent.record.device for agent in self.picture.agents.values()]
        return endpoint_settings([one for one in devices if one.server_id == self.server_id])

    async def _provision(self, moved: Collection[str]) -> None:
        """Make the PBX know the present endpoints; ask for the state of ``moved`` ones, as no event need come."""
        endpoints = self._endpoints()
        if self.pbx is not None and endpoints != self._provisioned:
            await self.pbx.provision(endpoints)
            self._provisioned = endpoints
        elif self.simulated is not None:
            self.simulated.provide(one.name for one in endpoints)
        server = self.telephony.servers.get(self.server_id)
        if server is None or self.client is None or not moved:
            return
        try:
            rows = await self.client.collect("PJSIPShowEndpoints", {}, "EndpointListComplete")
        except TelephonyError as error:  # no endpoint at all, or no link: then the resync tells
            log.info("devices-not-told", error=error.code)
            return
        for row in rows:
            if row.get("ObjectName") in moved:
                fact = server.calls.device(row.get("ObjectName"), row.get("DeviceState"), self.base.clock.now())
                self.assignments.on_fact(server.nailed.device_news(fact))

    # ------------------------------------------------------------ pages and API

    async def _serve(self) -> None:
        if not await asyncio.to_thread((DIST / "manifest.json").exists):
            raise Unavailable("front-end-missing", {"folder": str(DIST)})
        settings, base = self.base.settings, self.base
        services = Services()
        rooms, texts = self.rooms, Texts.load(LOCALES)
        phones = phone_settings(settings, self._websocket_port)
        desk = Desk(rooms.agents, rooms.users, settings.site_id)
        sockets = SocketServer(self.hub, services, desk.settings, base.clock, base.tasks)
        for service in (
            rooms.agents, rooms.queues, rooms.customers, rooms.users, rooms.tickets,
            self.interactions, self.operation, self.auditor, phones, self.phone_lines, sockets, self.hub, texts,
        ):  # fmt: skip
            services.add(service)
        routes = Routes()
        for part in (
            user_routes, agent_routes, queue_routes, customer_routes, ticket_routes, interaction_routes,
            operation_routes, page_routes, phone_routes, text_routes(texts),
        ):  # fmt: skip
            routes.include(part)
        web_settings = WebSettings(
            origins=settings.http.origins,
            connect_sources=connect_sources(phones),
            trusted_proxies=frozenset(settings.http.trusted_proxies),
            secure_cookies=settings.http.secure_cookies or self.certificate is not None,
        )
        self.app = build_app(routes, services, rooms.principals, base.ids, web_settings, error_page(texts))
        self._runner = web.AppRunner(self.app, access_log=None, logger=server_logger(), shutdown_timeout=2.0)
        await self._runner.setup()
        try:
            context = self.certificate.context if self.certificate else None
            await web.TCPSite(
                self._runner, settings.http.host, settings.http.port, reuse_address=True, ssl_context=context
            ).start()
        except OSError as error:
            raise Unavailable("http-port-unavailable", {"port": settings.http.port, "reason": str(error)}) from error
        base.tasks.keep("hub-live", self.hub.keep_live)
        base.tasks.keep("hub-waiting", self.hub.keep_waiting)
        base.tasks.keep("day", self._keep_day)
        base.tasks.keep("audit", self.auditor.keep)
        base.tasks.keep("reload", self.reloading.keep)
        base.tasks.keep("flow-files", lambda: self.flow_files.watch(self.reloading.ask))

    @property
    def port(self) -> int:
        """The HTTP port listened on."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    def _certificate(self) -> Certificate | None:
        """Prove the certificate before anything is promised; renewed files are taken while it is served."""
        http = self.base.settings.http
        if http.tls_certificate is None or http.tls_key is None:
            return None
        certificate = Certificate(CertificateFiles(http.tls_certificate, http.tls_key), self.base.clock)
        self.operation.sources.append(certificate.degraded)
        self.base.tasks.keep("certificate", certificate.keep)
        return certificate

    @property
    def _websocket_port(self) -> int | None:
        """Our Asterisk's, if it is ours."""
        return self.pbx.numbers.http_port if self.pbx else None

    async def _keep_day(self) -> None:
        """For ever: begin new figures when the day begins in the site's time zone."""
        while True:
            await asyncio.sleep(30)
            if self._day_began() > self.figures.day_began_at:
                self.figures.roll(self._day_began())

    # ------------------------------------------------------------ events that reach across rooms

    def _on_event(self, envelope: Envelope) -> None:
        event = envelope.event
        self._count(event, envelope.at)
        self.reloading.on_event(event)
        if isinstance(event, SessionEnded):
            self.hub.close_credential(event.session_id)
            self.phone_lines.close_credential(event.session_id)
            self.base.tasks.spawn("signed-out", self._signed_out(event.user_id))
        elif isinstance(event, TokenChanged) and event.change == "revoked":
            self.hub.close_credential(event.token_id)
            self.phone_lines.close_credential(event.token_id)
        elif isinstance(event, PersonChanged) and event.change != "created":
            self.base.tasks.spawn("cards", self.interactions.refresh_cards_of(event.person_id))

    async def _signed_out(self, user_id: UserId) -> None:
        """Whoever has no session left is rung no more; what he works on goes on."""
        agent = next((one for one in self.picture.agents.values() if one.record.user_id == user_id), None)
        while agent is not None and agent.work == "handling" and agent.device.mode is LegMode.NAILED:  # noqa: ASYNC110
            await asyncio.sleep(1.0)  # offline lets go the very leg that carries the conversation
        signed_in = await self.base.database.read(lambda c: self.rooms.users.is_signed_in(c, user_id))
        if agent is not None and not signed_in and agent.presence != PresenceState.OFFLINE.value:
            self.rooms.presence.set_presence(agent.agent_id, PresenceState.OFFLINE, "", user_id)

    def _count(self, event: Event, at: datetime) -> None:
        if isinstance(event, InteractionQueued):
            self.figures.offered(event.queue_id, event.entered_at)
        elif isinstance(event, AgentConnected):
            target = self.picture.queues[event.queue_id].target_time
            self.figures.answered(event.queue_id, event.wait_time, target, event.answered_at or at)
        elif isinstance(event, VisitAbandoned):
            short = self.picture.queues[event.queue_id].short_abandon_time
            self.figures.abandoned(event.queue_id, event.wait_time, short, event.left_at or at)

    # ------------------------------------------------------------ stop

    async def stop(self, *, keep_pbx: bool = False) -> None:
        """End everything this server started; ``keep_pbx`` leaves Asterisk running for the next start."""
        if self._runner is not None:
            for page in list(self.hub.pages):
                page.close("restart")
            await self.phone_lines.close()  # or the clean-up would wait for them until its patience ends
            await self._runner.cleanup()
        if self.client is not None:
            await self.client.close()
        if self.agi is not None:
            await self.agi.close()
        if self.pbx is not None and not keep_pbx:
            await self.pbx.stop()
        if self.simulated is not None:
            await self.simulated.stop()
        if self._is_built:
            self.router.close()
        await self.base.tasks.close()
        await self.base.database.close()
        self.rooms.passwords.close()


def managed_pbx(settings: Settings, numbers: Numbers) -> ManagedPbx:
    """Return the Asterisk of the data folder as the settings want it; nothing is started."""
    pbx = settings.pbx
    trunks = [TrunkSettings(one.name, one.host, one.port, one.any_port) for one in pbx.trunks]
    numbers = replace(numbers, sip_port=pbx.sip_port or numbers.sip_port, http_port=pbx.http_port or numbers.http_port)
    rtp = (pbx.rtp.first, pbx.rtp.last) if pbx.rtp else None
    addresses = (pbx.bind_address, pbx.external_address, media_settings(pbx), rtp, uses_line(settings))
    return ManagedPbx(settings.data, pbx.server_id, pbx.prefix, numbers, trunks, *addresses)


def simulated_cel_file(settings: Settings) -> Path:
    """Return where the simulated PBX of this data folder keeps its records."""
    return settings.data.resolve() / "pbx" / "simulated" / "cel.csv"


def endpoint_settings(devices: Iterable[Device]) -> list[EndpointSettings]:
    """Return what the PBX is told of agents' devices; one with a fixed contact needs no secret."""
    return [
        EndpointSettings(
            one.endpoint,
            EndpointKind.BROWSER if one.kind is DeviceKind.BROWSER else EndpointKind.DESK,
            "" if one.contact_uri else one.secret,
            one.contact_uri,
        )
        for one in devices
    ]


def _ticket_views(tickets: Iterable[Ticket]) -> list[dict[str, Any]]:
    return [_ticket_view(one) for one in tickets]


def _ticket_view(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.ticket_id,
        "number": ticket.number,
        "subject": ticket.subject,
        "state": ticket.state.value,
        "due_at": ticket.due_at,
        "due_kind": ticket.due_kind.value if ticket.due_kind else None,
    }
