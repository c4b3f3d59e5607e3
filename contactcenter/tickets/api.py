"""REST resources of tickets and SLA policies."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import (
    Body,
    Id,
    Instant,
    Label,
    Name,
    Out,
    PageOut,
    Paragraphs,
    SearchQuery,
    given,
    page_of,
)
from contactcenter.customers.service import CustomerService
from contactcenter.tickets.model import DueKind, SlaPolicy, Ticket, TicketNote, TicketState
from contactcenter.tickets.service import TicketFilter, TicketService

routes = Routes()
Seconds = Annotated[float, Field(ge=60, le=366 * 86_400, description="seconds")]


class TicketOut(Out):
    """A case; ``due_at`` is the promise that runs next, null when none does."""

    id: str
    number: int
    subject: str
    state: TicketState
    person_id: str | None
    interaction_id: str | None
    policy_id: str | None
    assignee_id: str | None
    team_id: str | None
    opened_at: Instant
    opened_by: str
    replied_at: Instant | None
    solved_at: Instant | None
    closed_at: Instant | None
    reply_due_at: Instant | None
    solve_due_at: Instant | None
    due_at: Instant | None
    due_kind: DueKind | None
    has_voicemail: bool
    voicemail_time: Annotated[float | None, Field(description="seconds; null: not known, or no voicemail")]


class TicketLine(TicketOut):
    """A case in a list; ``person`` is the customer's name, '' when there is none or out of reach."""

    person: str


class NoteOut(Out):
    """A text on a ticket."""

    id: str
    author_id: str
    at: Instant
    text: str
    is_reply: bool


class TicketWithNotes(TicketOut):
    """A case and what was written on it, oldest first."""

    notes: list[NoteOut]


class TicketPage(PageOut[TicketLine]):
    """Tickets."""


class PolicyOut(Out):
    """What is promised; times are seconds from opening."""

    id: str
    name: str
    first_reply_time: float
    solve_time: float
    is_default: bool


class TicketQuery(SearchQuery):
    """Which tickets: ``order`` newest, or due with the most urgent first (open ones with a promise only)."""

    state: TicketState | None = None
    person_id: Id | None = None
    interaction_id: Id | None = None
    order: Literal["newest", "due"] = "newest"


class TicketIn(Body):
    """A new case; without a policy the default one holds."""

    subject: Name
    person_id: Id | None = None
    interaction_id: Id | None = None
    policy_id: Id | None = None
    note: Paragraphs = ""


class TicketPatch(Body):
    """What to change of a case; ``note`` is added, with ``is_reply`` as what the customer was told."""

    state: TicketState = TicketState.OPEN
    subject: Name = ""
    note: Paragraphs = ""
    is_reply: bool = False


class PolicyIn(Body):
    """A policy to create or change."""

    name: Label
    first_reply_time: Seconds
    solve_time: Seconds
    is_default: bool = False


@routes.get("/api/v1/tickets", right=Right.TICKETS_READ, query=TicketQuery, returns=TicketPage, tag="tickets")
async def list_tickets(call: Call[None]) -> PageOut[TicketLine]:
    """List the tickets in reach."""
    service, query = call.services[TicketService], call.query
    if query.order == "due":
        page = await service.list_due(call.principal, query.paging)
    else:
        wanted = TicketFilter(query.state, query.q, query.person_id or "", query.interaction_id or "")
        page = await service.list_tickets(call.principal, query.paging, wanted)
    people = {one.person_id for one in page.items if one.person_id is not None}
    names = await call.services[CustomerService].names(call.principal, people)
    return page_of(page, TicketPage, lambda one: _line(one, names.get(one.person_id, "") if one.person_id else ""))


@routes.post("/api/v1/tickets", right=Right.TICKETS_WRITE, body=TicketIn, returns=TicketOut, status=201, tag="tickets")
async def open_ticket(call: Call[TicketIn]) -> TicketOut:
    """Open a case."""
    body = call.body
    ticket = await call.services[TicketService].open_ticket(
        call.principal,
        body.subject,
        person_id=body.person_id,
        interaction_id=body.interaction_id,
        policy_id=body.policy_id,
        note=body.note,
    )
    return ticket_out(ticket)


@routes.get("/api/v1/tickets/{ticket_id}", right=Right.TICKETS_READ, returns=TicketWithNotes, tag="tickets")
async def get_ticket(call: Call[None]) -> TicketWithNotes:
    """Read one case with its notes."""
    ticket, notes = await call.services[TicketService].get_ticket(call.principal, call.path["ticket_id"])
    return _with_notes(ticket, notes)


@routes.patch(
    "/api/v1/tickets/{ticket_id}", right=Right.TICKETS_WRITE, body=TicketPatch, returns=TicketOut, tag="tickets"
)
async def update_ticket(call: Call[TicketPatch]) -> TicketOut:
    """Change a case or add a note."""
    service = call.services[TicketService]
    return ticket_out(await service.update_ticket(call.principal, call.path["ticket_id"], given(call.body)))


@routes.get("/api/v1/tickets/{ticket_id}/voicemail", right=Right.TICKETS_READ, media_type="audio/wav", tag="tickets")
async def get_voicemail(call: Call[None]) -> web.FileResponse:
    """What the caller said, as a WAV file."""
    file = await call.services[TicketService].get_voicemail(call.principal, call.path["ticket_id"])
    return web.FileResponse(file, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


@routes.get("/api/v1/sla-policies", right=Right.TICKETS_READ, returns=list[PolicyOut], tag="tickets")
async def list_sla_policies(call: Call[None]) -> list[PolicyOut]:
    """List the SLA policies."""
    return [_policy_out(policy) for policy in await call.services[TicketService].list_policies(call.principal)]


@routes.post(
    "/api/v1/sla-policies", right=Right.QUEUES_WRITE, body=PolicyIn, returns=PolicyOut, status=201, tag="tickets"
)
async def create_sla_policy(call: Call[PolicyIn]) -> PolicyOut:
    """Create an SLA policy."""
    return await _save_policy(call, "")


@routes.put(
    "/api/v1/sla-policies/{policy_id}", right=Right.QUEUES_WRITE, body=PolicyIn, returns=PolicyOut, tag="tickets"
)
async def update_sla_policy(call: Call[PolicyIn]) -> PolicyOut:
    """Change an SLA policy; open tickets keep their promises."""
    return await _save_policy(call, call.path["policy_id"])


async def _save_policy(call: Call[PolicyIn], policy_id: str) -> PolicyOut:
    body = call.body
    saved = await call.services[TicketService].save_policy(
        call.principal,
        body.name,
        body.first_reply_time,
        body.solve_time,
        is_default=body.is_default,
        policy_id=policy_id,
    )
    return _policy_out(saved)


def ticket_out(ticket: Ticket) -> TicketOut:
    """Return a case for the API."""
    return TicketOut(**_same(ticket))


def _same(ticket: Ticket) -> dict[str, Any]:
    same = {name: getattr(ticket, name) for name in TicketOut.model_fields if name not in {"id", "has_voicemail"}}
    return {"id": ticket.ticket_id, "has_voicemail": ticket.has_voicemail, **same}


def _line(ticket: Ticket, person: str) -> TicketLine:
    return TicketLine(person=person, **ticket_out(ticket).model_dump())


def _with_notes(ticket: Ticket, notes: Sequence[TicketNote]) -> TicketWithNotes:
    written = [
        NoteOut(id=note.note_id, author_id=note.author_id, at=note.at, text=note.text, is_reply=note.is_reply)
        for note in notes
    ]
    return TicketWithNotes(notes=written, **_same(ticket))


def _policy_out(policy: SlaPolicy) -> PolicyOut:
    same = {name: getattr(policy, name) for name in PolicyOut.model_fields if name != "id"}
    return PolicyOut(id=policy.policy_id, **same)
