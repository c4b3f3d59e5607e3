"""REST resources of dry runs: unsaved rules of a queue on a day that was, and the day itself as a trace."""

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from pydantic import Field

from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Out, Query
from contactcenter.dry_runs.model import DAYS_BACK
from contactcenter.dry_runs.service import DryRun, DryRunService, IsGone
from contactcenter.queues.api import QueuePatch, unsaved_values

routes = Routes()
LIMITS: Final = (
    "answered-at-once",
    "hours-and-limits-not-played",
    "callbacks-not-played",
    "present-settings",
    "devices-not-known",
    "servers-not-played",
    "knower-not-known",
)
"""What a played day leaves out of reality, whichever day it is; docs/routing/simulator.md explains each."""
Day = Annotated[
    datetime.date | None,
    Field(description=f"a day of the site's clocks, at most {DAYS_BACK} days back; left out: yesterday"),
]


class DryRunIn(QueuePatch):
    """Unsaved rules of a queue, and the day to play them on."""

    date: Day = None


class MeasuredOut(Out):
    """Figures of callers: shares in per cent, times in seconds, null where there is nothing to divide by.

    ``service_level``: answered within the queue's target / (offered - short abandons); ``abandon_rate``: (abandoned -
    short) / (offered - short); ``asa``: mean wait of the answered; ``occupancy``: handling / (handling + idle while
    ready), only of all queues together.
    """

    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    service_level: float | None
    abandon_rate: float | None
    asa: float | None
    longest_wait: float | None
    occupancy: float | None


class DifferenceOut(Out):
    """How much higher each figure is with the changed rules: points, or seconds."""

    service_level: float | None
    abandon_rate: float | None
    asa: float | None
    longest_wait: float | None
    occupancy: float | None


class ComparedOut(Out):
    """The same callers with the present and the changed rules, and what really became of them.

    ``is_like_real`` false: the day played with the present rules is far from what happened; do not trust the rest.
    """

    present: MeasuredOut
    changed: MeasuredOut
    difference: DifferenceOut
    real: MeasuredOut
    is_like_real: bool | None


class LeftOutOut(Out):
    """Callers who were not played as their queue, or a skill they asked for, is no more; agents who are not there."""

    queue_gone: int
    skill_gone: int
    agents_gone: int


class AssumedOut(Out):
    """Of how many callers patience or handle time were drawn; ``for_ever`` of them would never give up."""

    patience: int
    for_ever: int
    handle_time: int


class DryRunOut(Out):
    """What a day would have been. ``ignored``: changed settings that have no part in it; ``limits``: see the docs."""

    date: datetime.date
    callers: int
    agents: int
    queue: ComparedOut
    every: ComparedOut
    left_out: LeftOutOut
    assumed: AssumedOut
    ignored: list[str]
    limits: list[str]


class TraceQuery(Query):
    """Which day."""

    date: Day = None


@routes.post(
    "/api/v1/queues/{queue_id}/dry-run", right=Right.AGENTS_READ, body=DryRunIn, returns=DryRunOut, tag="queues"
)
async def dry_run_queue(call: Call[DryRunIn]) -> DryRunOut:
    """Play a day once with the present rules of a queue and once with unsaved ones."""
    body, service = call.body, call.services[DryRunService]
    values = unsaved_values(body)
    found = await service.dry_run(call.principal, call.path["queue_id"], values, body.date, _gone(call.request))
    return _out(found)


@routes.get(
    "/api/v1/routing/trace",
    right=Right.AGENTS_READ,
    query=TraceQuery,
    returns=str,
    media_type="application/jsonl",
    tag="queues",
)
async def read_trace(call: Call[None]) -> web.Response:
    """Download a day as a trace of the simulator, JSON lines."""
    query: TraceQuery = call.query
    day, lines = await call.services[DryRunService].trace(call.principal, query.date, _gone(call.request))
    name = {"Content-Disposition": f'attachment; filename="trace-{day.isoformat()}.jsonl"'}
    return web.Response(body=lines, content_type="application/jsonl", headers=name)


def _gone(request: web.Request) -> IsGone:
    return lambda: request.transport is None or request.transport.is_closing()


def _out(found: DryRun) -> DryRunOut:
    told: Mapping[str, Any] = msgspec.to_builtins(found.played)
    return DryRunOut(date=found.day, ignored=found.ignored, limits=list(LIMITS), **told)
