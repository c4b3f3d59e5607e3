"""How the server is doing: health with reasons, metrics, and the numbered feed of events for integrators."""

import json
from collections.abc import Callable, Iterable
from itertools import permutations
from typing import Annotated, Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import Field

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.events import Envelope, encode_data
from contactcenter.core.permissions import Right, require
from contactcenter.core.publisher import Publisher, events_after
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Instant, Out, Query
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import AgentConnected, Direction, InteractionEnded

operation_routes = Routes()


class Operation:
    """Knows what is degraded and counts what happens."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        picture: Picture,
        tasks: TaskSupervisor,
    ) -> None:
        self.database = database
        self.sources: list[Callable[[], list[dict[str, Any]]]] = []
        """What else may be degraded, each asked every time; bootstrap adds them."""
        self.is_stand_in = False
        """Whether the PBX is a simulated one that nobody asked for: no customer's call can come in."""
        self.conditions: list[Callable[[], bool]] = []
        """What else must hold for calls to be served; bootstrap adds them."""
        self._clock = clock
        self._picture = picture
        self._tasks = tasks
        self._registry = CollectorRegistry()
        self._events = _EventsByKind()
        self._registry.register(self._events)
        self._outcomes = Counter(
            "contactcenter_interactions", "Ended, by outcome", ["outcome"], registry=self._registry
        )
        self._waits = Histogram(
            "contactcenter_wait_seconds",
            "Enter queue to agent answers, answered visits",
            buckets=(1, 2, 5, 10, 20, 40, 60, 120, 300),
            registry=self._registry,
        )
        self._gauges = {
            name: Gauge(f"contactcenter_{name}", text, registry=self._registry)
            for name, text in {
                "waiting": "Interactions in line",
                "agents_ready": "Agents whose presence is ready",
                "open_interactions": "Interactions not over",
                "commit_backlog": "Units that wait for a commit",
                "pbx_links_up": "PBX links that are up",
                "task_failures": "Background tasks that failed",
                "in_fallback": "Callers whose flow could not go on, in the PBX's own queue",
            }.items()
        }
        publisher.subscribe(self._count)

    def degraded(self) -> list[dict[str, Any]]:
        """Return what is not as it should be, each with a code, since when, and fields."""
        found = [
            {"code": "pbx-link-down", "since": link.since, "fields": {"server": link.server_id, "reason": link.reason}}
            for link in self._picture.links.values()
            if not link.up
        ]
        found += [
            {"code": "trunk-down", "since": None, "fields": {"server": one, "to": other}}
            for one, other in permutations([link.server_id for link in self._picture.links.values() if link.up], 2)
            if not self._picture.reaches(one, other)
        ]
        if not self._picture.links:
            found.append({"code": "pbx-connecting", "since": None, "fields": {}})
        return [*found, *self.degraded_besides()]

    def degraded_besides(self) -> list[dict[str, Any]]:
        """Return the same without the PBXs' links: those stand in the picture."""
        reason = self.database.degraded
        found = [{"code": "store-refuses", "since": None, "fields": {"reason": reason}}] if reason else []
        return [*found, *(one for source in self.sources for one in source())]

    @property
    def is_ready(self) -> bool:
        """Whether calls can be served and kept: a PBX is linked and the one asked for, the store takes what is written.

        Of several PBXs one is enough: what another one's loss means is told by ``degraded``.
        """
        links = self._picture.links.values()
        is_linked = any(link.up for link in links) and not self.is_stand_in
        return is_linked and not self.database.degraded and all(holds() for holds in self.conditions)

    def show(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a figure to the metrics, asked for each time they are read."""
        Gauge(f"contactcenter_{name}", text, registry=self._registry).set_function(value)

    def metrics(self) -> bytes:
        """Return everything in Prometheus' text format."""
        agents, links = self._picture.agents.values(), self._picture.links.values()
        now = {
            "waiting": sum(1 for _ in self._picture.waiting()),
            "agents_ready": sum(agent.presence == "ready" for agent in agents),
            "open_interactions": len(self._picture.interactions),
            "commit_backlog": self.database.pending,
            "pbx_links_up": sum(link.up for link in links),
            "task_failures": sum(self._tasks.failures.values()),
            "in_fallback": sum(one.in_fallback for one in self._picture.interactions.values()),
        }
        for name, value in now.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)

    def _count(self, envelope: Envelope) -> None:
        event = envelope.event
        self._events.count(event.kind)
        if isinstance(event, InteractionEnded):
            self._outcomes.labels(event.outcome.value).inc()
        elif isinstance(event, AgentConnected) and event.direction is Direction.INBOUND:
            self._waits.observe(event.wait_time)


class _EventsByKind(Collector):
    """Counts without a lock: there are ten events a call, all told in the event loop."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def count(self, kind: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily("contactcenter_events", "Events by kind", labels=["kind"])
        for kind, count in self._counts.items():
            family.add_metric([kind], count)
        yield family


class HealthOut(Out):
    """Whether the process lives."""

    status: str


class ReadyOut(Out):
    """Whether it can serve, and what is wrong: codes; their fields for those who may see the live page or metrics."""

    ready: bool
    degraded: list[dict[str, Any]]


class EventOut(Out):
    """One committed event; ``data`` holds ids and codes only."""

    seq: int
    at: Instant
    kind: str
    subject: str
    actor: str
    data: dict[str, Any]


class EventsOut(Out):
    """Events after a number; go on with ``after`` = the last ``seq``. A new journal has another ``epoch``."""

    epoch: str
    items: list[EventOut]


class EventsQuery(Query):
    """Where to go on."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


@operation_routes.get("/healthz", right=Right.PUBLIC, returns=HealthOut, tag="operation")
async def healthz(call: Call[None]) -> HealthOut:
    """Tell that the process lives."""
    return HealthOut(status="ok")


@operation_routes.get("/readyz", right=Right.PUBLIC, returns=ReadyOut, tag="operation")
async def readyz(call: Call[None]) -> web.Response:
    """Tell whether calls can be served; 503 when not. Something may be degraded while they are."""
    operation = call.services[Operation]
    is_insider = bool({Right.LIVE_VIEW, Right.METRICS_READ} & call.principal.rights.keys())
    told = [{"code": one["code"], "fields": one["fields"] if is_insider else {}} for one in operation.degraded()]
    body = ReadyOut(ready=operation.is_ready, degraded=told).model_dump_json()
    return web.Response(text=body, status=200 if operation.is_ready else 503, content_type="application/json")


@operation_routes.get("/metrics", right=Right.METRICS_READ, returns=str, media_type="text/plain", tag="operation")
async def metrics(call: Call[None]) -> web.Response:
    """Return Prometheus metrics."""
    return web.Response(body=call.services[Operation].metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})


@operation_routes.get("/api/v1/events", right=Right.EVENTS_READ, query=EventsQuery, returns=EventsOut, tag="operation")
async def list_events(call: Call[None]) -> EventsOut:
    """Return committed events in order, without gaps."""
    require(call.principal, Right.EVENTS_READ)
    database, query = call.services[Operation].database, call.query
    epoch, envelopes = await database.read(lambda c: (database.epoch_now(c), events_after(c, query.after, query.limit)))
    return EventsOut(epoch=epoch, items=[_event(one) for one in envelopes])


def _event(envelope: Envelope) -> EventOut:
    event = envelope.event
    data = json.loads(encode_data(event))
    return EventOut(
        seq=envelope.seq, at=envelope.at, kind=event.kind, subject=event.subject, actor=envelope.actor, data=data
    )
