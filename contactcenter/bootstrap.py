"""Composition root: the only module that sees every package, and the seam tests use.

``ContactCenter`` builds the rooms, binds the edges to their ports and starts everything in order; ``stop`` ends it in
the reverse order. Tests pass another clock, settings, or a telephony of their own.
"""

import asyncio
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from agent_ui.hub import Hub
from agent_ui.projections.live import checks_slot
from contactcenter.agents import store as agents_store
from contactcenter.agents.model import AgentChanged, PresenceState, RoutingProfileChanged, SkillChanged
from contactcenter.buses import bus_of
from contactcenter.callback_tickets import open_ticket
from contactcenter.core.bus_questions import Answerer
from contactcenter.core.clock import Clock, SystemClock
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.events import Envelope, Event
from contactcenter.core.ids import AgentId, InteractionId, PersonId, ServerId, SiteId, TimeOrderedIds, UserId
from contactcenter.core.migrations import require_current
from contactcenter.core.permissions import SYSTEM
from contactcenter.core.prepared import Query
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.customers.model import PersonChanged
from contactcenter.databases import database_of
from contactcenter.flow_files import FlowFiles, named_by
from contactcenter.foundation import SWITCH_INTERVAL, Foundation
from contactcenter.front import Front
from contactcenter.interactions import callback_store
from contactcenter.interactions import store as interactions_store
from contactcenter.interactions.announcements import Announcements
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.auditor import Auditor
from contactcenter.interactions.callbacks import CallbackRules
from contactcenter.interactions.callers import Callers
from contactcenter.interactions.calling_back import Callbacks
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture
from contactcenter.interactions.mirror import Site, Source
from contactcenter.interactions.mirror_link import PictureSender
from contactcenter.interactions.model import (
    AgentConnected,
    Direction,
    InteractionDiverted,
    InteractionQueued,
    VisitAbandoned,
)
from contactcenter.interactions.overflow import Overflow
from contactcenter.interactions.ports import LegMode
from contactcenter.interactions.recovery import Recovery
from contactcenter.interactions.work import OwnWork
from contactcenter.operation import Operation
from contactcenter.pbx_servers import PbxServers
from contactcenter.processes import LOST, Joined
from contactcenter.queues.model import DialedNumberChanged, QueueChanged
from contactcenter.reloading import Reloading
from contactcenter.remote_rooms import answers, channel_of
from contactcenter.rooms import Rooms
from contactcenter.settings import Settings
from contactcenter.site_servers import recorded_file, server_ids
from contactcenter.tickets.model import Ticket
from contactcenter.users.model import SessionEnded, UserChanged
from contactcenter.voicemails import Voicemails
from cti.managed_pbx import ManagedPbx
from cti.pbx_simulator.server import SimulatedPbx
from cti.site_telephony import AsteriskTelephony
from ivr.holding import HoldLoop
from ivr.prompts import PromptFiles, find_speaker
from ivr.runner import FlowRunner
from routing import commands as routing
from routing.eligibility import present
from routing.engine import Engine
from routing.estimates import Estimates
from routing.replay import passed_now
from routing.requirements import Profile
from routing.runtime import Router
from routing.why import explain_waiting

log = structlog.get_logger(__name__)

FLOWS = Path(__file__).resolve().parent.parent / "config" / "flows"
FOLLOWED = (
    *(AgentChanged, RoutingProfileChanged, QueueChanged, DialedNumberChanged, SkillChanged, UserChanged),
    PersonChanged,
)
"""Events of other processes that ``_on_event`` acts on, besides those about rights."""
PACES_EVERY = 1.0  # seconds between two looks at how fast lines move
RECOVERED = {
    "adopted": "found going on after a gap",
    "closed": "found over after a gap",
    "missed": "come and gone while nobody of ours was there",
    "unconfigured": "found open at a PBX that is no longer configured",
}


class RouterPresence:
    """agents' PresencePort: hands a choice to the router's inbox."""

    def __init__(self) -> None:
        self.router: Router
        self.assignments: Assignments

    async def set_presence(self, agent_id: AgentId, state: PresenceState, reason: str, actor: str) -> None:
        """See agents.ports.PresencePort."""
        if agent_id not in self.assignments.picture.agents:
            raise Conflict("agent-unknown", {"agent_id": agent_id})
        self.assignments.agent_states.actor = actor
        try:
            self.router.submit(routing.SetPresence(agent_id, routing.Presence(state.value), reason))
        finally:
            self.assignments.agent_states.actor = ""


class ContactCenter:
    """One running server. Build, ``start``, ``stop``."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        tasks = TaskSupervisor()
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = database_of(settings, clock)
        publisher, bus = Publisher(database, clock), bus_of(settings, tasks)
        self.base = Foundation(settings, clock, TimeOrderedIds(clock), tasks, database, publisher, bus)
        self.presence = RouterPresence()
        self.rooms = Rooms(self.base, self.presence)
        self.picture = Picture()
        self.figures = DayFigures(clock.now())
        self.server_id = ServerId(settings.pbx.server_id)
        self.telephony = AsteriskTelephony()
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
        self.front.prove()
        await self._load()
        await self._join()
        await self.pbxs.start()
        await self._serve()

    def _build(self) -> None:
        """Bind the edges: router, assignments, telephony, screens."""
        base, loop = self.base, asyncio.get_running_loop()
        self.assignments = Assignments(self.picture, base.publisher, base.clock, base.ids, agents_store.save_presence)
        engine = Engine(base.ids.new)
        self.estimates = Estimates(engine.agents, engine.items, engine.queues)
        self.router = Router(engine, base.clock, loop, self._on_decision)
        self.assignments.router, self.assignments.telephony = self.router, self.telephony
        self.presence.router, self.presence.assignments = self.router, self.assignments
        self.recovery = Recovery(self.assignments, base.database, base.tasks)
        callers = Callers(
            base.database, self.rooms.customers, self.assignments, base.tasks, self._tickets_for_card, base.clock
        )
        self.interactions = OwnWork(
            base.database,
            base.clock,
            self.assignments,
            callers,
            self.rooms.agents,
            self.rooms.customers,
            self._explain,
            lambda interaction_id: passed_now(self.router.engine, interaction_id),
            self.router.passed_over,
        )
        self._build_callbacks()
        self.overflow = Overflow(self.assignments, base.publisher, base.clock, base.ids, self._present, self._has_flow)
        self.rooms.tickets.reach = self.interactions.check_reach
        self.rooms.tickets.voicemail_file = partial(recorded_file, base.settings)
        self.rooms.customers.traces.insert(0, self.interactions)
        self.operation = Operation(base.database, base.publisher, base.clock, self.picture, base.tasks)
        self.hub = Hub(self.picture, self.figures, base.clock, base.ids, self.operation.degraded)
        self._build_reloading()
        self._build_pbxs()
        base.publisher.subscribe(self._on_event)
        self.auditor = Auditor(
            self.assignments, self.recovery, self.router.engine, base.database, base.publisher, base.clock
        )
        self.hub.checks = self._checks
        self._show_counts()
        self._build_join()
        parts = (self.hub, self.interactions, self.operation, self.auditor.audits)
        self.front = Front(base, self.rooms, *parts, lambda: self._websocket_port)
        self._is_built = True

    def _build_callbacks(self) -> None:
        base = self.base
        self.callbacks = Callbacks(
            self.assignments,
            base.database,
            base.publisher,
            base.clock,
            base.ids,
            base.tasks,
            self.rooms.customers.read_number,
            CallbackRules(**base.settings.callback_rules()),
            server_ids(base.settings),
            partial(open_ticket, base.database, self.rooms.tickets),
        )
        self.interactions.callbacks = self.callbacks

    def _show_counts(self) -> None:
        show = self.operation.show
        show("illegal_commands", "Commands the router refused as illegal", lambda: self.router.stats.illegal)
        show("audit_findings", "Findings two audits in a row made", lambda: self.auditor.confirmed)
        show("audit_failures", "Findings whose healing failed", lambda: self.auditor.failures)
        show("recovery_cut", "Gaps whose records were not read whole", lambda: self.recovery.cut)
        for name, text in RECOVERED.items():
            show(f"recovery_{name}", f"Calls since the start: {text}", partial(getattr, self.recovery, name))

    async def _join(self) -> None:
        """Let the other processes of the site hear and ask; not before the site is ours."""
        base, site_id = self.base, SiteId(self.base.settings.site_id)
        self._joined.start()
        if base.bus.reaches_others:
            self._sender.start(site_id)
            self._answerer.start()
            base.tasks.keep("picture", self._sender.keep)
        await base.bus.open()

    def _build_join(self) -> None:
        base, bus = self.base, self.base.bus
        self._joined = Joined(base, self.rooms, self.hub, FOLLOWED)
        self._sender = PictureSender(bus, self.picture, self.figures, self._site, base.clock, Source(base.ids.new()))
        handlers = answers(self.presence, self.interactions, base.database)
        self._answerer = Answerer(bus, channel_of(SiteId(base.settings.site_id)), handlers, base.tasks)
        self.operation.sources.append(self._joined.degraded)
        self.operation.show("bus_lost", LOST, lambda: bus.lost)

    def _site(self) -> Site:
        """Return what there is once, for the screens of other processes."""
        picture, audits = self.picture, self.auditor.audits
        return Site(
            list(picture.links.values()),
            [(one, other, is_up) for (one, other), is_up in picture.trunks.items()],
            picture.skills,
            picture.skill_labels,
            picture.flows,
            picture.is_simulated,
            self.operation.is_ready,
            self.operation.degraded_besides(),
            audits.at,
            list(audits.last),
            self._websocket_port,
        )

    def _build_reloading(self) -> None:
        settings, rooms = self.base.settings, self.rooms
        prompts = PromptFiles(settings.data.resolve() / "prompts", find_speaker())
        self.flow_files = FlowFiles(settings.flows or FLOWS, prompts, self.base.tasks)
        services = (rooms.agents, rooms.queues, rooms.users)
        self.reloading = Reloading(
            self.base.database, services, self.picture, self.router, self.telephony, self.flow_files
        )
        self.operation.sources.append(lambda: self.flow_files.degraded(self._named_flows()))

    def _named_flows(self) -> dict[str, str]:
        return named_by(self.picture.flows, self.picture.queues.values())

    def _build_pbxs(self) -> None:
        base, flows = self.base, self.flow_files
        rooms = (self.picture, self.interactions, self.rooms.tickets)
        self.voicemails = Voicemails(base.settings, base.database, base.clock, base.tasks, *rooms)
        announcements = Announcements(self.picture, self.figures, base.clock)
        self.operation.show("announcements", "Times a caller in line was told of it", lambda: announcements.count)
        hold = HoldLoop(self.assignments, announcements, flows.prompts)
        beside = (self.voicemails, self.callbacks, hold)
        runner = FlowRunner(self.assignments, flows.find, flows.prompts, base.clock, *beside)
        handlers = {"/ivr": runner.run_flow, "/next": hold.run_next}
        parts = (self.telephony, self.operation, self.reloading, handlers)
        self.pbxs = PbxServers(self.base, self.picture, self.assignments.on_fact, *parts)

    def _on_decision(self, decision: routing.Decision) -> None:
        self.assignments.on_decision(decision)
        self.estimates.take(decision, self.base.clock.timestamp())
        if isinstance(decision, routing.AgentRemoved):
            self.reloading.removed(decision.agent_id)

    def _has_flow(self, name: str) -> bool:
        return self.flow_files.find(name) is not None

    def _present(self) -> Collection[Profile]:
        return present(self.router.engine.agents.values())

    def _explain(self, interaction_id: InteractionId) -> dict[str, Any]:
        engine = self.router.engine
        told = explain_waiting(engine, interaction_id, self.base.clock.timestamp())
        item = engine.items[interaction_id]
        ahead = engine.matching.waiting.ahead_of(item, of_its_kind=True)
        wait = self.figures.wait(item.queue_id, ahead, vip=item.vip) if told["place"] is not None else None
        return {**told, "wait": None if wait is None else list(wait)}

    def _checks(self) -> dict[str, Any]:
        return checks_slot(self.auditor.audits.at, self.auditor.audits.last)

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
        self.callbacks.load(await base.database.read(callback_store.open_callbacks))
        items = await base.database.read(lambda c: self.recovery.load(c))
        self.recovery.take_up(items)
        self.recovery.close_unconfigured(server_ids(base.settings))

    async def _load_figures(self) -> None:
        began = self._day_began()
        self.figures.roll(began)
        rows = await self.base.database.read(lambda c: interactions_store.day_figures(c, began))
        for row in rows:
            self.figures.offered(row.queue_id, row.entered_at)
            queue = self.picture.queues.get(row.queue_id)
            if queue is not None and row.end == "answered":
                self.figures.answered(row.queue_id, row.wait_time, queue.target_time, row.ended_at)
            elif row.end == "flowed-out":
                self.figures.flowed_out(row.queue_id, row.wait_time, row.ended_at)
            elif queue is not None and row.end == "abandoned":
                self.figures.abandoned(row.queue_id, row.wait_time, queue.short_abandon_time, row.ended_at)

    def _day_began(self) -> datetime:
        local = self.base.clock.now().astimezone(ZoneInfo(self.base.settings.timezone))
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    # ------------------------------------------------------------ the PBXs

    @property
    def pbx(self) -> ManagedPbx | None:
        """The Asterisk that is ours, if there is one."""
        return self.pbxs.pbx if self._is_built else None

    @property
    def simulated(self) -> SimulatedPbx | None:
        """The simulated PBX, if it stands in for an Asterisk."""
        return self.pbxs.simulated if self._is_built else None

    @property
    def cel_file(self) -> Path | None:
        """The first server's records."""
        return self.pbxs.own.cel_file if self.pbxs.own is not None else None

    # ------------------------------------------------------------ pages and API

    async def _serve(self) -> None:
        base = self.base
        await self.front.start()
        base.tasks.spawn("signed-out", self._signed_out_meanwhile())
        base.tasks.keep("day", self._keep_day)
        base.tasks.keep("audit", self.auditor.keep)
        base.tasks.keep("limits", self.overflow.keep)
        base.tasks.keep("callbacks", self.callbacks.keep)
        base.tasks.keep("voicemails", self.voicemails.keep)
        base.tasks.keep("paces", self._keep_paces)
        base.tasks.keep("reload", self.reloading.keep)
        base.tasks.keep("reload-queues", self.reloading.keep_queues)
        base.tasks.keep("flow-files", lambda: self.flow_files.watch(self.reloading.ask))

    @property
    def port(self) -> int:
        """The HTTP port listened on."""
        return self.front.port

    @property
    def _websocket_port(self) -> int | None:
        """Our Asterisk's, if it is ours."""
        return self.pbx.numbers.http_port if self.pbx else None

    async def _keep_paces(self) -> None:
        """For ever: let the screens know how fast lines move."""
        while True:
            await asyncio.sleep(PACES_EVERY)
            now, pace = self.base.clock.timestamp(), self.estimates.pace
            self.figures.paces = {one: (pace(one, now), pace(one, now, vip=True)) for one in self.picture.queues}

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
        self.front.on_event(event)
        if isinstance(event, SessionEnded):
            self.base.tasks.spawn("signed-out", self._signed_out(event.user_id))
        elif isinstance(event, PersonChanged) and event.change == "erased":
            self.base.tasks.spawn("erased", self._erased(event.person_id))
        elif isinstance(event, PersonChanged) and event.change != "created":
            self.base.tasks.spawn("cards", self.interactions.refresh_cards_of(event.person_id))

    async def _erased(self, person_id: PersonId) -> None:
        """What was on its way to the store meanwhile may have brought him back: once more, behind it."""
        await self.interactions.refresh_cards_of(person_id)
        with suppress(Unavailable, Conflict):
            await self.base.database.flush()
            await self.rooms.customers.erase_person(SYSTEM, person_id)
            await self.voicemails.sweep()

    async def _signed_out(self, user_id: UserId) -> None:
        """Whoever has no session left is rung no more; what he works on goes on."""
        agent = next((one for one in self.picture.agents.values() if one.record.user_id == user_id), None)
        # Offline lets go the very leg that carries the conversation. Looked at each second rather than told: it ends in
        # many ways (either hangs up, the PBX restarts, his device gets another mode), and nobody waits for this.
        while agent is not None and agent.work == "handling" and agent.device.mode is LegMode.NAILED:  # noqa: ASYNC110
            await asyncio.sleep(1.0)
        signed_in = await self.base.database.read(lambda c: self.rooms.users.is_signed_in(c, user_id))
        if agent is not None and not signed_in and agent.presence != PresenceState.OFFLINE.value:
            await self.presence.set_presence(agent.agent_id, PresenceState.OFFLINE, "", user_id)

    async def _signed_out_meanwhile(self) -> None:
        """Treat whoever signed out while no process with a router ran as if it had just happened."""
        there = {one.record.user_id: one for one in self.picture.agents.values() if one.presence != "offline"}
        ended = await self.base.database.read(lambda c: self.rooms.users.last_ended(c, there.keys()))
        for user_id, at in ended.items():
            if at > there[user_id].presence_since:
                self.base.tasks.spawn("signed-out", self._signed_out(user_id))

    def _count(self, event: Event, at: datetime) -> None:
        if isinstance(event, (InteractionQueued, AgentConnected)) and event.direction is Direction.CALLBACK:
            return  # he was counted when he called
        if isinstance(event, InteractionQueued):
            self.figures.offered(event.queue_id, event.entered_at)
        elif isinstance(event, AgentConnected):
            target = self.picture.queues[event.queue_id].target_time
            self.figures.answered(event.queue_id, event.wait_time, target, event.answered_at or at)
        elif isinstance(event, InteractionDiverted) and event.visit_id:
            self.figures.flowed_out(event.queue_id, event.wait_time, event.left_at)
        elif isinstance(event, VisitAbandoned):
            short = self.picture.queues[event.queue_id].short_abandon_time
            self.figures.abandoned(event.queue_id, event.wait_time, short, event.left_at or at)

    # ------------------------------------------------------------ stop

    async def stop(self, *, keep_pbx: bool = False) -> None:
        """End everything this server started; ``keep_pbx`` leaves Asterisk running for the next start."""
        if self._is_built:
            await self.front.stop()
            await self._answerer.close()
            await self.pbxs.stop(keep_pbx=keep_pbx)
            self.router.close()
        await self.base.bus.close()
        await self.base.tasks.close()
        await self.base.database.close()
        self.rooms.passwords.close()


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
