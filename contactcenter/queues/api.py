"""REST resources of queues and dialed numbers."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from contactcenter.core.hours import HoursText
from contactcenter.core.ids import QueueId, SkillId, TeamId
from contactcenter.core.permissions import Right
from contactcenter.core.versions import Version
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import (
    Body,
    Code,
    Id,
    Label,
    Out,
    PageOut,
    PageQuery,
    VersionedOut,
    given,
    page_of,
)
from contactcenter.core.web.versions import RestoreIn, VersionOut, version_fields
from contactcenter.queues.model import Announced, DialedNumber, Disposition, Queue, Step, ValueStep, Way
from contactcenter.queues.preview import StepPreview
from contactcenter.queues.rules import ANNOUNCE_MOST, MAX_HOLIDAYS, MAX_STEPS, MAX_WAITING
from contactcenter.queues.service import QueueService, queue_of
from routing.commands import AgentRule, WorkOrder

routes = Routes()
NAMED: Final = 100
"""Agents named for each step of a preview; all are counted."""
Seconds = Annotated[float, Field(ge=0, le=86_400, description="seconds")]
Level = Annotated[int, Field(ge=1, le=10)]
Levels = Annotated[dict[Id, Level], Field(max_length=50)]
Written = Annotated[str, Field(max_length=20)]
Teams = Annotated[list[Id], Field(max_length=50)]


class DispositionBody(Body):
    """An outcome to pick in wrap-up."""

    code: Code
    label: Label
    is_active: bool = True


class DispositionOut(Out):
    """An outcome to pick in wrap-up."""

    code: str
    label: str
    is_active: bool


class StepBody(Body):
    """What is needed no more after so many seconds of waiting.

    ``levels``: skill id to the most still demanded, 0 drops the skill; ``teams`` are added to those allowed.
    """

    after: Annotated[float, Field(gt=0, le=86_400, description="seconds since it entered")]
    levels: Annotated[dict[Id, Annotated[int, Field(ge=0, le=10)]], Field(max_length=50)] = Field(default_factory=dict)
    teams: Teams = Field(default_factory=list)
    any_team: bool = False


class StepOut(Out):
    """What is needed no more after so many seconds of waiting."""

    after: float
    levels: dict[str, int]
    teams: list[str]
    any_team: bool


class ValueStepBody(Body):
    """From this yearly value of the customer on, so many points of priority."""

    value: Annotated[float, Field(ge=0, le=1e12)]
    points: Annotated[int, Field(ge=-1000, le=1000)]


class ValueStepOut(Out):
    """From this yearly value of the customer on, so many points of priority."""

    value: float
    points: int


class HoursBody(Body):
    """Opening hours: by weekday (mon ... sun) spans such as 08:00-17:30, on the clocks of ``timezone``.

    ``holidays``: days on which it does not open, as 2026-12-25, or 12-25 for every year.
    """

    timezone: Label
    week: Annotated[dict[Code, Annotated[list[Written], Field(max_length=20)]], Field(max_length=7)]
    holidays: Annotated[list[Written], Field(max_length=MAX_HOLIDAYS)] = Field(default_factory=list)


class HoursOut(Out):
    """Opening hours by weekday (mon ... sun)."""

    timezone: str
    week: dict[str, list[str]]
    holidays: list[str]


class WayBody(Body):
    """Where callers are sent: to a queue, or into a flow; one of the two."""

    queue_id: Id | None = None
    flow: Annotated[str, Field(max_length=60)] = ""


class WayOut(Out):
    """Where callers are sent: to a queue, or into a flow."""

    queue_id: str | None
    flow: str


class QueuePatch(Body):
    """What to change of a queue; fields left out stay, lists are replaced whole.

    ``skills``: id to least level, all needed; ``any_of``: of each group one is needed; ``teams``: empty is any team;
    ``preferred`` skills exclude nobody. ``hours`` null: always open; ``max_waiting`` and ``max_wait`` null: no limit; a
    ``when_...`` null: the flow that comes with the program, or, without anybody to serve them, they wait. What each
    rule does: docs/routing/rules.md.
    """

    name: Label = ""
    priority: Annotated[int, Field(ge=0, le=1000)] = 0
    target_time: Seconds = 20.0
    goal: Annotated[int, Field(ge=0, le=100)] = 80
    ring_time: Seconds = 20.0
    wrap_up_time: Seconds = 60.0
    wrap_up_extension: Seconds = 60.0
    wrap_up_limit: Seconds = 180.0
    short_abandon_time: Seconds = 5.0
    needs_disposition: bool = True
    is_active: bool = True
    skills: Levels = Field(default_factory=dict)
    dispositions: Annotated[list[DispositionBody], Field(max_length=100)] = Field(default_factory=list)
    order: WorkOrder = WorkOrder.BALANCED
    aging: Seconds = 60.0
    late_after: Annotated[Seconds | None, Field(description="seconds; null: real-time work is never late")] = 60.0
    late_guard: Seconds = 600.0
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    agent_rule: AgentRule = AgentRule.LEAST_FLEXIBLE
    idle_guard: Annotated[float, Field(ge=0, le=1000, description="times the mean idle time")] = 5.0
    preferred_wait: Seconds = 0.0
    vip_reserve: Annotated[int, Field(ge=0, le=10_000)] = 0
    any_of: Annotated[list[Levels], Field(max_length=MAX_STEPS)] = Field(default_factory=list)
    teams: Teams = Field(default_factory=list)
    preferred: Levels = Field(default_factory=dict)
    steps: Annotated[list[StepBody], Field(max_length=MAX_STEPS)] = Field(default_factory=list)
    interrupts: Annotated[list[Code], Field(max_length=10, description="media, never voice")] = Field(
        default_factory=list
    )
    value_steps: Annotated[list[ValueStepBody], Field(max_length=MAX_STEPS)] = Field(default_factory=list)
    hours: HoursBody | None = None
    when_closed: WayBody | None = None
    max_waiting: Annotated[int, Field(ge=0, le=MAX_WAITING)] | None = None
    when_full: WayBody | None = None
    max_wait: Annotated[float, Field(ge=1, le=86_400, description="seconds in all")] | None = None
    when_too_long: WayBody | None = None
    when_nobody: WayBody | None = None
    nobody_after: Seconds = 30.0
    announce_every: Annotated[
        float, Field(ge=0, le=ANNOUNCE_MOST, description="seconds, at least 20; 0: callers in line are told nothing")
    ] = 0.0
    announce: Announced = Announced.BOTH


class QueueIn(QueuePatch):
    """A new queue; what is left out gets the usual value."""

    name: Label


class QueueOut(VersionedOut):
    """A queue and its rules; times are seconds."""

    id: str
    name: str
    priority: int
    target_time: float
    goal: int
    ring_time: float
    wrap_up_time: float
    wrap_up_extension: float
    wrap_up_limit: float
    short_abandon_time: float
    needs_disposition: bool
    is_active: bool
    skills: dict[str, int]
    dispositions: list[DispositionOut]
    order: WorkOrder
    aging: float
    late_after: float | None
    late_guard: float
    weight: float
    agent_rule: AgentRule
    idle_guard: float
    preferred_wait: float
    vip_reserve: int
    any_of: list[dict[str, int]]
    teams: list[str]
    preferred: dict[str, int]
    steps: list[StepOut]
    interrupts: list[str]
    value_steps: list[ValueStepOut]
    hours: HoursOut | None
    when_closed: WayOut | None
    max_waiting: int | None
    when_full: WayOut | None
    max_wait: float | None
    when_too_long: WayOut | None
    when_nobody: WayOut | None
    nobody_after: float
    announce_every: float
    announce: Announced


class QueueVersionOut(VersionOut):
    """A queue as it was after a change."""

    settings: QueueOut


class QueueVersions(PageOut[QueueVersionOut]):
    """A queue's versions, the newest first."""


class PreviewIn(QueuePatch):
    """Unsaved rules: of the queue ``queue_id`` with these changes, or of a new one."""

    queue_id: Id | None = None
    medium: Code = "voice"


class RequirementOut(Out):
    """What is needed of an agent."""

    skills: dict[str, int]
    any_of: list[dict[str, int]]
    teams: list[str]


class PreviewAgentOut(Out):
    """An agent who matches."""

    id: str
    name: str


class PassedOut(Out):
    """Why so many agents are passed over; ``name``: id of the skill, team or queue, ``level``: a skill's least."""

    reason: str
    name: str
    level: int
    agents: int


class StepPreviewOut(Out):
    """Who matches an item that has waited ``after`` seconds: how many, and the first of them by name."""

    after: float
    requirement: RequirementOut
    matching: int
    agents: list[PreviewAgentOut]
    passed: list[PassedOut]


class DialedOut(Out):
    """A number customers dial and its flow."""

    number: str
    flow: str


class DialedIn(Body):
    """Where a number leads."""

    flow: Code


@routes.get("/api/v1/queues", right=Right.QUEUES_READ, returns=list[QueueOut], tag="queues")
async def list_queues(call: Call[None]) -> list[QueueOut]:
    """List the queues in reach."""
    return [queue_out(queue) for queue in await call.services[QueueService].list_queues(call.principal)]


@routes.post("/api/v1/queues", right=Right.QUEUES_WRITE, body=QueueIn, returns=QueueOut, status=201, tag="queues")
async def create_queue(call: Call[QueueIn]) -> QueueOut:
    """Create a queue."""
    return queue_out(await call.services[QueueService].create_queue(call.principal, _values(call.body)))


@routes.post(
    "/api/v1/queues/preview", right=Right.AGENTS_READ, body=PreviewIn, returns=list[StepPreviewOut], tag="queues"
)
async def preview_queue(call: Call[PreviewIn]) -> list[StepPreviewOut]:
    """Tell which agents in reach unsaved rules would match, as an item enters and at each relaxation step."""
    body, service = call.body, call.services[QueueService]
    steps = await service.preview_queue(call.principal, unsaved_values(body), body.queue_id or "", body.medium)
    return [_step_preview(step) for step in steps]


@routes.get("/api/v1/queues/{queue_id}", right=Right.QUEUES_READ, returns=QueueOut, tag="queues")
async def get_queue(call: Call[None]) -> QueueOut:
    """Read one queue."""
    return queue_out(await call.services[QueueService].get_queue(call.principal, call.path["queue_id"]))


@routes.patch(
    "/api/v1/queues/{queue_id}",
    right=Right.QUEUES_WRITE,
    body=QueuePatch,
    returns=QueueOut,
    tag="queues",
    guarded=True,
)
async def update_queue(call: Call[QueuePatch]) -> QueueOut:
    """Change a queue."""
    service = call.services[QueueService]
    changed = await service.update_queue(call.principal, call.path["queue_id"], _values(call.body), call.version)
    return queue_out(changed)


@routes.get(
    "/api/v1/queues/{queue_id}/history",
    right=Right.QUEUES_WRITE,
    query=PageQuery,
    returns=QueueVersions,
    tag="queues",
)
async def list_queue_versions(call: Call[None]) -> PageOut[QueueVersionOut]:
    """List what a queue was after each change, the newest first."""
    service = call.services[QueueService]
    page = await service.queue_history(call.principal, call.path["queue_id"], call.query.paging)
    return page_of(page, QueueVersions, _version_out)


@routes.post(
    "/api/v1/queues/{queue_id}/restore",
    right=Right.QUEUES_WRITE,
    body=RestoreIn,
    returns=QueueOut,
    tag="queues",
    guarded=True,
)
async def restore_queue(call: Call[RestoreIn]) -> QueueOut:
    """Set a queue as it was in a former version."""
    service, queue_id = call.services[QueueService], call.path["queue_id"]
    return queue_out(await service.restore_queue(call.principal, queue_id, call.body.version, call.version))


@routes.get("/api/v1/dialed-numbers", right=Right.QUEUES_READ, returns=list[DialedOut], tag="queues")
async def list_dialed_numbers(call: Call[None]) -> list[DialedOut]:
    """List the numbers customers dial."""
    return [_dialed_out(dialed) for dialed in await call.services[QueueService].list_dialed(call.principal)]


@routes.put("/api/v1/dialed-numbers/{number}", right=Right.QUEUES_WRITE, body=DialedIn, returns=DialedOut, tag="queues")
async def save_dialed_number(call: Call[DialedIn]) -> DialedOut:
    """Let a number lead to a flow."""
    service = call.services[QueueService]
    return _dialed_out(await service.save_dialed(call.principal, call.path["number"], call.body.flow))


@routes.delete("/api/v1/dialed-numbers/{number}", right=Right.QUEUES_WRITE, tag="queues")
async def delete_dialed_number(call: Call[None]) -> None:
    """Let a number lead nowhere."""
    await call.services[QueueService].delete_dialed(call.principal, call.path["number"])


def unsaved_values(body: QueuePatch) -> dict[str, Any]:
    """Return the settings of a queue that a body names; what it asks besides is left out."""
    return {name: value for name, value in _values(body).items() if name in QueuePatch.model_fields}


def _values(body: QueuePatch) -> dict[str, Any]:
    values: dict[str, Any] = given(body)
    return values | {name: read(getattr(body, name)) for name, read in _READ.items() if name in values}


_WAYS: Final = ("when_closed", "when_full", "when_too_long", "when_nobody")
_READ: Mapping[str, Callable[[Any], Any]] = {
    "dispositions": lambda items: tuple(Disposition(one.code, one.label, one.is_active) for one in items),
    "any_of": tuple,
    "teams": tuple,
    "steps": lambda items: tuple(_step(one) for one in items),
    "interrupts": tuple,
    "value_steps": lambda items: tuple(ValueStep(one.value, one.points) for one in items),
    "hours": lambda body: _hours(body),
    **dict.fromkeys(_WAYS, lambda body: _way(body)),
}


def _hours(body: HoursBody | None) -> HoursText | None:
    if body is None:
        return None
    return HoursText(body.timezone, {day: tuple(spans) for day, spans in body.week.items()}, tuple(body.holidays))


def _way(body: WayBody | None) -> Way | None:
    return None if body is None else Way(QueueId(body.queue_id) if body.queue_id else None, body.flow)


def _step(body: StepBody) -> Step:
    levels = {SkillId(skill): level for skill, level in body.levels.items()}
    return Step(body.after, levels, tuple(TeamId(team) for team in body.teams), body.any_team)


_APART = {"id", "dispositions", "steps", "value_steps", "any_of", "teams", "interrupts", "hours", *_WAYS}


def queue_out(queue: Queue) -> QueueOut:
    """Return a queue for the API."""
    same = {name: getattr(queue, name) for name in QueueOut.model_fields if name not in _APART}
    same |= {name: _way_out(getattr(queue, name)) for name in _WAYS}
    return QueueOut(
        id=queue.queue_id,
        dispositions=[_disposition(item) for item in queue.dispositions],
        any_of=[{str(skill): level for skill, level in group.items()} for group in queue.any_of],
        teams=list(queue.teams),
        steps=[_step_out(step) for step in queue.steps],
        interrupts=list(queue.interrupts),
        value_steps=[ValueStepOut(value=value, points=points) for value, points in queue.value_steps],
        hours=_hours_out(queue.hours),
        **same,
    )


def _hours_out(hours: HoursText | None) -> HoursOut | None:
    if hours is None:
        return None
    week = {day: list(spans) for day, spans in hours.week.items()}
    return HoursOut(timezone=hours.timezone, week=week, holidays=list(hours.holidays))


def _way_out(way: Way | None) -> WayOut | None:
    return None if way is None else WayOut(queue_id=way.queue_id, flow=way.flow)


def _step_out(step: Step) -> StepOut:
    levels = {str(skill): level for skill, level in step.levels.items()}
    return StepOut(after=step.after, levels=levels, teams=list(step.teams), any_team=step.any_team)


def _step_preview(step: StepPreview) -> StepPreviewOut:
    need = step.requirement
    return StepPreviewOut(
        after=step.after,
        requirement=RequirementOut(
            skills=dict(need.skills), any_of=[dict(group) for group in need.any_of], teams=list(need.teams)
        ),
        matching=len(step.matching),
        agents=[PreviewAgentOut(id=agent_id, name=name) for agent_id, name in step.matching[:NAMED]],
        passed=[PassedOut(reason=p.reason, name=p.name, level=p.level, agents=p.agents) for p in step.passed],
    )


def _version_out(version: Version) -> QueueVersionOut:
    return QueueVersionOut(**version_fields(version), settings=queue_out(queue_of(version)))


def _disposition(item: Disposition) -> DispositionOut:
    return DispositionOut(code=item.code, label=item.label, is_active=item.is_active)


def _dialed_out(dialed: DialedNumber) -> DialedOut:
    return DialedOut(number=dialed.number, flow=dialed.flow)
