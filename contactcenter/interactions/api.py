"""REST resources of interactions: lists, one with its parts, and why."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints
from sqlalchemy import Row

from contactcenter.core.ids import PersonId
from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Body, Id, Instant, Line, Out, PageOut, PageQuery, Paragraphs
from contactcenter.customers.numbers import formatted
from contactcenter.customers.service import CustomerService
from contactcenter.interactions.audit import Audits, Healed
from contactcenter.interactions.live import Picture
from contactcenter.interactions.service import Detail, Filters, InteractionService

routes = Routes()


class InteractionsQuery(PageQuery):
    """Which interactions; fields left out do not narrow."""

    person_id: Id | None = None
    agent_id: Id | None = None
    queue_id: Id | None = None
    outcome: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,20}$")] | None = None


class VisitOut(Out):
    """One stay in a queue; ``wait_time`` seconds, null while it lasts."""

    id: str
    queue_id: str
    priority: int
    skills: dict[str, int]
    entered_at: Instant
    ended_at: Instant | None
    end: str | None
    wait_time: float | None


class SegmentOut(Out):
    """The part one agent handled; times in seconds."""

    id: str
    visit_id: str
    queue_id: str
    agent_id: str
    alerted_at: Instant
    answered_at: Instant
    ended_at: Instant | None
    ended_by: str | None
    talk_time: float | None
    hold_time: float
    holds: int
    transferred_to: str | None
    wrap_up_until: Instant | None
    wrap_up_ended_at: Instant | None
    disposition: str
    note: str


class LegOut(Out):
    """One channel: ``kind`` customer or agent, ``cause`` Q.850, ``result`` of an agent's alert."""

    id: str
    server_id: str
    kind: str
    agent_id: str | None
    started_at: Instant
    answered_at: Instant | None
    ended_at: Instant | None
    cause: int | None
    result: str


class InteractionOut(Out):
    """One customer contact with all its parts."""

    id: str
    medium: str
    direction: str
    server_id: str
    linked_id: str
    caller_number: str
    caller_name: str
    dialed: str
    phase: str
    choices: list[str]
    vip: bool
    person_id: str | None
    queue_id: str | None
    arrived_at: Instant
    ended_at: Instant | None
    outcome: str | None
    end_reason: str
    is_over: bool
    visits: list[VisitOut]
    segments: list[SegmentOut]
    legs: list[LegOut]


class InteractionLine(InteractionOut):
    """One contact in a list; ``person`` is the customer's name, '' when unknown or out of reach."""

    person: str
    caller: Annotated[str, Field(description="the caller's number as people write it")]


class InteractionPage(PageOut[InteractionLine]):
    """Some interactions, newest first."""


class WhyOut(Out):
    """``now``: the router's present account, null when it holds the interaction no more; ``decisions``: those kept."""

    interaction_id: str
    now: dict[str, Any] | None
    decisions: list[dict[str, Any]]


class PassedAgentOut(Out):
    """An agent who did not get it; ``reason`` as in docs/routing/rules.md, the rest what it is about.

    ``about``: the name of that skill, team, queue or agent. Names are '' where they are known no more.
    """

    agent_id: str
    name: str
    reason: str
    about: str
    skill: str = ""
    need: int = 0
    team: str = ""
    queue: str = ""
    medium: str = ""
    server: str = ""
    delay: str = ""
    window: str = ""


class WhyAgentsOut(Out):
    """``agents``: everybody but ``agent_id``, who got it at ``at``; null when that was too long ago.

    While it waits, ``agent_id`` is null and ``agents`` everybody, as it stands at ``at``.
    """

    interaction_id: str
    agent_id: str | None
    name: Annotated[str, Field(description="of agent_id")]
    at: Instant
    agents: list[PassedAgentOut] | None


class NoteIn(Body):
    """An agent's note on his own part of an interaction."""

    note: Paragraphs


class NoteSavedOut(Out):
    """When the note was kept."""

    saved_at: Instant


class WrapUpIn(Body):
    """The outcome of an agent's own part."""

    disposition: Annotated[Line, Field(max_length=60)] = ""
    note: Paragraphs | None = None
    then: Annotated[str, StringConstraints(pattern=r"^(ready|not-ready)$")] = "ready"
    reason: Annotated[Line, Field(max_length=60)] = ""


@routes.get(
    "/api/v1/interactions",
    right=Right.INTERACTIONS_READ,
    query=InteractionsQuery,
    returns=InteractionPage,
    tag="interactions",
)
async def list_interactions(call: Call[None]) -> InteractionPage:
    """List the interactions within reach, newest first."""
    query: InteractionsQuery = call.query
    filters = Filters(query.person_id, query.agent_id, query.queue_id, query.outcome)
    page = await call.services[InteractionService].search(call.principal, query.paging, filters)
    known = {PersonId(one.row.person_id) for one in page.items if one.row.person_id}
    names = await call.services[CustomerService].names(call.principal, known)
    return InteractionPage(items=[_line(one, names.get(one.row.person_id, "")) for one in page.items], next=page.next)


@routes.get(
    "/api/v1/interactions/{interaction_id}",
    right=Right.INTERACTIONS_READ,
    returns=InteractionOut,
    tag="interactions",
)
async def get_interaction(call: Call[None]) -> InteractionOut:
    """Return one interaction with its visits, segments and legs."""
    found = await call.services[InteractionService].get(call.principal, call.path["interaction_id"])
    return interaction_out(found)


@routes.get(
    "/api/v1/interactions/{interaction_id}/why",
    right=Right.INTERACTIONS_READ,
    returns=WhyOut,
    tag="interactions",
)
async def why(call: Call[None]) -> WhyOut:
    """Explain why it waits, or who got it and why."""
    told = await call.services[InteractionService].why(call.principal, call.path["interaction_id"])
    return WhyOut(**told)


@routes.get(
    "/api/v1/interactions/{interaction_id}/why/agents",
    right=Right.INTERACTIONS_READ,
    returns=WhyAgentsOut,
    tag="interactions",
)
async def why_agents(call: Call[None]) -> WhyAgentsOut:
    """Tell why each agent does not have it, or did not get it when it was given last."""
    service = call.services[InteractionService]
    told = await service.why_agents(call.principal, call.path["interaction_id"])
    names, agents = _names(service.picture), told["agents"]
    if agents is not None:
        agents = [_passed(one, names) for one in agents]
    return WhyAgentsOut(**told | {"name": names["agent"].get(told["agent_id"], ""), "agents": agents})


@routes.put(
    "/api/v1/interactions/{interaction_id}/note",
    right=Right.INTERACTIONS_WRITE,
    body=NoteIn,
    returns=NoteSavedOut,
    tag="interactions",
)
async def save_note(call: Call[NoteIn]) -> NoteSavedOut:
    """Keep the note of one's own part; answered after it is stored."""
    service = call.services[InteractionService]
    return NoteSavedOut(saved_at=await service.save_note(call.principal, call.path["interaction_id"], call.body.note))


@routes.post(
    "/api/v1/interactions/{interaction_id}/wrap-up",
    right=Right.INTERACTIONS_WRITE,
    body=WrapUpIn,
    status=204,
    tag="interactions",
)
async def finish_wrap_up(call: Call[WrapUpIn]) -> None:
    """Name the outcome of one's own part and be done with it."""
    body = call.body
    await call.services[InteractionService].finish_wrap_up(
        call.principal, call.path["interaction_id"], body.disposition, body.note, body.then, body.reason
    )


_KINDS: Final = {"skill": "skill", "team": "team", "queue": "queue", "delay": "queue", "window": "agent"}
"""Of what kind the thing is that stands in a reason under the reason's own word."""


def _passed(one: Mapping[str, Any], names: Mapping[str, Mapping[Any, str]]) -> PassedAgentOut:
    kind = _KINDS.get(one["reason"])
    about = names[kind].get(one[one["reason"]], "") if kind else ""
    return PassedAgentOut(name=names["agent"].get(one["agent_id"], ""), about=about, **one)


def _names(picture: Picture) -> Mapping[str, Mapping[Any, str]]:
    records = [agent.record for agent in picture.agents.values()]
    return {
        "agent": {record.agent_id: record.name for record in records},
        "team": {record.team_id: record.team_name for record in records if record.team_id},
        "queue": {queue.queue_id: queue.name for queue in picture.queues.values()},
        "skill": picture.skill_labels,
    }


def interaction_out(detail: Detail) -> InteractionOut:
    """Return an interaction as the API shows it."""
    row = detail.row
    fields = {name: getattr(row, name) for name in InteractionOut.model_fields if hasattr(row, name)}
    return InteractionOut(
        **fields,
        visits=[VisitOut(**_fields(part, VisitOut)) for part in detail.visits],
        segments=[SegmentOut(**_fields(part, SegmentOut)) for part in detail.segments],
        legs=[LegOut(**_fields(part, LegOut)) for part in detail.legs],
    )


def _line(detail: Detail, person: str) -> InteractionLine:
    found = interaction_out(detail)
    return InteractionLine(person=person, caller=formatted(found.caller_number), **found.model_dump())


def _fields(row: Row[Any], kind: type[Out]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in kind.model_fields}


class FindingOut(Out):
    """What two audits in a row found, and was acted on at ``at``; ``about`` is an interaction's or a leg's id."""

    at: Instant
    code: str
    about: str
    server_id: str
    agent_id: str


class AuditOut(Out):
    """When the last audit was (null: none yet), and the latest findings, newest first."""

    audited_at: Instant | None
    items: list[FindingOut]


@routes.get("/api/v1/audit", right=Right.LIVE_VIEW, returns=AuditOut, tag="operation")
async def read_audit(call: Call[None]) -> AuditOut:
    """Tell what did not agree between us, the router, the store and the PBX, and was put right."""
    audited_at, last = call.services[Audits].report(call.principal)
    return AuditOut(audited_at=audited_at, items=[_finding(one) for one in last])


def _finding(one: Healed) -> FindingOut:
    found = one.finding
    return FindingOut(
        at=one.at,
        code=found.code.value,
        about=found.about,
        server_id=found.server_id or "",
        agent_id=found.agent_id or "",
    )
