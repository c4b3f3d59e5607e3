"""The interactions room on a real database, with look-ups and use cases: what unit tests of rooms and screens drive."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from contactcenter.callback_tickets import open_ticket
from contactcenter.core.ids import InteractionId, LegId, PersonId, ServerId, TeamId
from contactcenter.core.permissions import Principal
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import callback_store, ports, store
from contactcenter.interactions.auditor import Auditor
from contactcenter.interactions.callbacks import CallbackRules
from contactcenter.interactions.callers import Callers
from contactcenter.interactions.calling_back import Callbacks
from contactcenter.interactions.live import LiveAgent
from contactcenter.interactions.model import Interaction
from contactcenter.interactions.recovery import Recovery
from contactcenter.interactions.work import OwnWork
from contactcenter.queues.model import Queue
from routing.replay import passed_now
from routing.why import explain_waiting
from tests.fakes.room import SERVER, Room, queue
from tests.fakes.virtual_time import VirtualTime
from tests.rig.rooms import Rooms


class Desk:
    """The interactions room on a real database; ``restart`` begins anew from what was written."""

    def __init__(self, rooms: Rooms, queues: Sequence[Queue] | None = None) -> None:
        self.rooms = rooms
        self.queues = queues or [queue()]
        self.time = VirtualTime()
        self.agents: list[LiveAgent] = []
        self.tasks = TaskSupervisor()
        self.seed = 0
        self.begin()

    def begin(self) -> None:
        self.seed += 1
        room = self.room = Room(time=self.time, publisher=self.rooms.publisher, queues=self.queues, seed=self.seed)
        self.recovery = Recovery(room.assignments, self.rooms.database, self.tasks)
        self.auditor = Auditor(
            room.assignments, self.recovery, room.engine, self.rooms.database, self.rooms.publisher, room.time
        )
        self.callers = Callers(
            self.rooms.database, self.rooms.customers, room.assignments, self.tasks, self._ticket_queries, room.time
        )
        room.assignments.lookup = lambda item: None  # tests look up when they want to
        self.service = OwnWork(
            self.rooms.database,
            room.time,
            room.assignments,
            self.callers,
            self.rooms.agents,
            self.rooms.customers,
            lambda one: explain_waiting(room.engine, one, room.time.timestamp()),
            lambda one: passed_now(room.engine, one),
            room.router.passed_over,
        )
        self.callbacks = self.service.callbacks = Callbacks(
            room.assignments,
            self.rooms.database,
            self.rooms.publisher,
            room.time,
            room.ids,
            self.tasks,
            self.rooms.customers.read_number,
            CallbackRules(countries=("DE",)),
            {SERVER},
            partial(open_ticket, self.rooms.database, self.rooms.tickets),
        )
        self.rooms.tickets.reach = self.service.check_reach

    def _ticket_queries(self, person_id: PersonId | None, interaction_id: InteractionId) -> Any:
        own, of_call = self.rooms.tickets.card_queries(person_id or "", interaction_id)
        return own.then(lambda tickets: []), of_call.then(lambda tickets: [])

    async def agent(self, login: str, extension: str, team: TeamId | None = None, **more: Any) -> Principal:
        """A signed-in agent with a row, ready at his phone."""
        principal = await self.rooms.agent(login, extension, team, **more)
        records = await self.rooms.database.read(self.rooms.agents.load_all)
        (found,) = [one for one in records if one.agent_id == principal.agent_id]
        self.take(found)
        return principal

    def take(self, found: Any) -> LiveAgent:
        """Ready at his phone on our PBX; those taken up earlier have been idle longer."""
        device = replace(found.device, server_id=SERVER)
        live = LiveAgent.of(replace(found, device=device))
        live.presence = "ready"
        self.agents.append(self.room.take_live(live, idle=100.0 - len(self.agents)))
        return live

    async def restart(self, *, usable: bool = True) -> list[Interaction]:
        """Our process died and came back: nothing is left but the rows. The PBX's picture is still to come."""
        await asyncio.gather(*self.tasks.under_way)
        await self.rooms.database.flush()
        self.room.router.close()
        self.begin()
        for live in self.agents:
            fresh = LiveAgent.of(live.record)
            fresh.presence, fresh.reason = live.presence, live.reason
            self.room.take_live(fresh, usable=False)
        self.callbacks.load(await self.rooms.database.read(callback_store.open_callbacks))
        items = await self.rooms.database.read(lambda c: self.recovery.load(c))
        self.recovery.take_up(items)
        return items

    def resync(
        self,
        *legs: ports.LiveLeg,
        ended: Sequence[ports.EndedLeg] = (),
        restarted: bool = False,
        server: ServerId = SERVER,
        **more: Any,
    ) -> None:
        devices = {live.device.endpoint: True for live in self.room.picture.agents.values()}
        self.room.fact(ports.Resynced(server, legs, devices, ended, restarted, self.time.now(), **more))
        self.room.fact(ports.LinkChanged(server, True, "", self.time.now()))

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        await self.rooms.database.flush()
        key = list(table.primary_key)[-1]
        found = await self.rooms.database.read(lambda c: c.execute(table.select().order_by(key)).mappings().all())
        return [dict(row) for row in found]

    async def one(self, table: Any) -> dict[str, Any]:
        (row,) = await self.rows(table)
        return row

    async def check_rows(self, item: Interaction) -> None:
        """The rows say what the live objects say."""
        stored = {row["id"]: row for row in await self.rows(store.interactions)}
        assert stored[item.interaction_id] == store.interaction_row(item)
        if item.visit is not None:
            visits = {row["id"]: row for row in await self.rows(store.visits)}
            assert visits[item.visit.visit_id] == store.visit_row(item, item.visit)
        if item.segment is not None:
            segments = {row["id"]: row for row in await self.rows(store.segments)}
            row = segments[item.segment.segment_id]
            image = store.segment_row(item, item.segment)
            assert {name: row[name] for name in image} == image


def customer(item: Interaction, place: ports.CallerPlace, peer: str | None = None, **more: Any) -> ports.LiveLeg:
    """The caller's leg as the PBX's picture shows it."""
    given: dict[str, Any] = {
        "endpoint": "carrier",
        "is_customer": True,
        "is_up": True,
        "caller_number": item.caller_number,
        "caller_name": item.caller_name,
        "dialed": item.dialed,
        "started_at": item.arrived_at,
        **more,
    }
    return ports.LiveLeg(
        leg_id=item.leg_id, linked_id=item.linked_id, place=place, peer=LegId(peer) if peer else None, **given
    )


def agent_leg(leg: str, endpoint: str, *, peer: str | None = None, up: bool = True) -> ports.LiveLeg:
    bridged = ports.CallerPlace.BRIDGED if peer else ports.CallerPlace.OTHER
    peer_leg = LegId(peer) if peer else None
    return ports.LiveLeg(LegId(leg), leg, endpoint, bridged, False, up, "", "", "", peer_leg, VirtualTime().now())


@asynccontextmanager
async def open_desk(rooms: Rooms) -> AsyncIterator[Desk]:
    """Yield a desk; at the end nothing may have failed that nobody was told of."""
    made = Desk(rooms)
    yield made
    assert rooms.database.failed_units == 0
    assert made.tasks.failures == {}
    await made.tasks.close()
