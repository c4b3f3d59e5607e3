"""Composition root of a web process: pages, REST and sockets beside the router's process, on the same Postgres.

What it shows of the present is the picture of the router's process, brought by the bus; what else it reads and writes
is the database's. What only the router can do is asked over the bus.
"""

import asyncio
import sys
from functools import partial
from typing import Any, Final

import structlog

from agent_ui.hub import Hub
from agent_ui.projections.live import checks_slot
from contactcenter.buses import bus_of
from contactcenter.core.bus_questions import Asker
from contactcenter.core.clock import Clock, SystemClock
from contactcenter.core.errors import Invalid
from contactcenter.core.events import Envelope
from contactcenter.core.ids import SiteId, TimeOrderedIds
from contactcenter.core.migrations import require_current
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.databases import database_of
from contactcenter.foundation import SWITCH_INTERVAL, Foundation
from contactcenter.front import Front
from contactcenter.interactions.audit import Audits
from contactcenter.interactions.live import Picture
from contactcenter.interactions.mirror import Replica, ShownFigures
from contactcenter.interactions.mirror_link import AWAY, PictureReceiver
from contactcenter.operation import Operation
from contactcenter.processes import LOST, Joined
from contactcenter.remote_rooms import RemoteInteractions, RemotePresence, channel_of
from contactcenter.rooms import Rooms
from contactcenter.settings import Settings
from contactcenter.site_servers import recorded_file

log = structlog.get_logger(__name__)

FIRST_PICTURE_TIME: Final = 10.0
"""Seconds the start waits for the router's process; then pages are served all the same, and say that it is away."""


class WebProcess:
    """One process without a router. Build, ``start``, ``stop``."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Raises Invalid ``postgres-and-redis-needed``: the embedded database is one process's."""
        if not (settings.database_url.get_secret_value() and settings.redis_url.get_secret_value()):
            raise Invalid("postgres-and-redis-needed")
        clock, tasks = clock or SystemClock(), TaskSupervisor()
        database, bus = database_of(settings, clock), bus_of(settings, tasks)
        publisher = Publisher(database, clock)
        self.base = Foundation(settings, clock, TimeOrderedIds(clock), tasks, database, publisher, bus)
        self.picture = Picture()
        self.figures = ShownFigures(clock.now())
        self._replica = Replica(self.picture, self.figures)
        self._audits = Audits()
        self._is_built = False

    async def start(self) -> None:
        """Start everything in order. Raises ContactCenterError with a reason people can act on."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        base = self.base
        await base.database.prepare(require_current)
        self._build()
        self.front.prove()
        await base.database.open()
        self._joined.start()
        self._receiver.start()
        await base.bus.open()
        base.tasks.keep("picture", self._receiver.keep)
        try:
            async with asyncio.timeout(FIRST_PICTURE_TIME):
                await self._receiver.arrived.wait()
        except TimeoutError:
            log.warning(AWAY, bus=base.bus.degraded)
        await self.front.start()

    def _build(self) -> None:
        base, site_id = self.base, SiteId(self.base.settings.site_id)
        self.operation = Operation(base.database, base.publisher, base.clock, self.picture, base.tasks)
        self.hub = Hub(self.picture, self.figures, base.clock, base.ids, self.operation.degraded)
        self.hub.checks = lambda: checks_slot(self._audits.at, self._audits.last)
        process = base.ids.new()
        self._asker = Asker(base.bus, channel_of(site_id), process)
        self._receiver = PictureReceiver(base.bus, self._replica, site_id, process, base.clock)
        self._receiver.on_site = self._site_told
        rooms = self.rooms = Rooms(base, RemotePresence(self._asker, self._is_there))
        self._joined = Joined(base, rooms, self.hub)
        self.interactions = RemoteInteractions(
            base.database, base.clock, self.picture, rooms.agents, rooms.customers, self._asker, self._is_there
        )
        rooms.tickets.reach = self.interactions.check_reach
        rooms.tickets.voicemail_file = partial(recorded_file, base.settings)
        rooms.customers.traces.insert(0, self.interactions)
        parts = (self.hub, self.interactions, self.operation, self._audits)
        self.front = Front(base, rooms, *parts, lambda: self._replica.site.own_port if self._replica.site else None)
        self.operation.conditions.append(lambda: self._receiver.is_current and self._replica.is_ready)
        self.operation.sources += [self._joined.degraded, self._degraded]
        self.operation.show("bus_lost", LOST, lambda: base.bus.lost)
        base.publisher.subscribe(self._on_event)
        self._is_built = True

    def _is_there(self) -> bool:
        """Whether the router's process is heard."""
        return self._receiver.is_current

    def _site_told(self) -> None:
        """Take what the screens do not read off the picture."""
        site = self._replica.site
        assert site is not None
        self._audits.at = site.audited_at
        self._audits.last.clear()
        self._audits.last.extend(site.healed)
        self.front.find_phones()

    def _degraded(self) -> list[dict[str, Any]]:
        """Return what the router's process told of itself, or that it is away."""
        if not self._receiver.is_current:
            return [{"code": AWAY, "since": None, "fields": {}}]
        return list(self._replica.site.degraded) if self._replica.site else []

    def _on_event(self, envelope: Envelope) -> None:
        self.front.on_event(envelope.event)

    @property
    def port(self) -> int:
        """The HTTP port listened on."""
        return self.front.port

    async def stop(self) -> None:
        """End everything this process started."""
        if self._is_built:
            await self.front.stop()
            self._asker.close()
        await self.base.bus.close()
        await self.base.tasks.close()
        await self.base.database.close()
        if self._is_built:
            self.rooms.passwords.close()
