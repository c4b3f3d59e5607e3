"""Tables and queries of tickets, their notes and SLA policies."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    type_coerce,
    update,
)

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata, to_microseconds
from contactcenter.core.ids import PersonId, SiteId, TicketId
from contactcenter.core.paging import Page, Paging, cut
from contactcenter.core.permissions import Principal, Scope
from contactcenter.core.prepared import Prepared, Query
from contactcenter.tickets.model import ERASED, FIRST_NUMBER, SlaPolicy, Ticket, TicketNote, TicketState

policies_table = Table(
    "sla_policies",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("first_reply_time", Float, nullable=False),
    Column("solve_time", Float, nullable=False),
    Column("is_default", Boolean, nullable=False),
    UniqueConstraint("site_id", "name", name="sla_policies_name"),
)
tickets_table = Table(
    "tickets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("subject_key", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", String(40), nullable=False),
    Column("person_id", String(40), ForeignKey("people.id"), nullable=True),
    Column("interaction_id", String(40), nullable=True),
    Column("policy_id", String(40), ForeignKey("sla_policies.id"), nullable=True),
    Column("assignee_id", String(40), ForeignKey("users.id"), nullable=True),
    Column("team_id", String(40), ForeignKey("teams.id"), nullable=True),
    Column("reply_due_at", Instant, nullable=True),
    Column("solve_due_at", Instant, nullable=True),
    Column("replied_at", Instant, nullable=True),
    Column("solved_at", Instant, nullable=True),
    Column("closed_at", Instant, nullable=True),
    Column("due_at", Instant, nullable=True),
    Column("voicemail", String(120), nullable=False, server_default=text("''")),
    Column("voicemail_time", Float, nullable=True),
    UniqueConstraint("site_id", "number", name="tickets_number"),
    Index("tickets_person", "person_id"),
    Index("tickets_interaction", "interaction_id"),
    Index("tickets_due", "state", "due_at"),
    Index("tickets_assignee", "assignee_id"),
    Index("tickets_team", "team_id"),
)
ticket_notes_table = Table(
    "ticket_notes",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("ticket_id", String(40), ForeignKey("tickets.id"), nullable=False),
    Column("author_id", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("text", Text, nullable=False),
    Column("is_reply", Boolean, nullable=False),
    Index("ticket_notes_ticket", "ticket_id", "id"),
)
ticket_numbers_table = Table(
    "ticket_numbers",
    metadata,
    Column("site_id", String(40), primary_key=True),
    Column("last", Integer, nullable=False),
)
_tickets = tickets_table.c
_policies = policies_table.c
_PLAIN: Final = (
    "number",
    "subject",
    "opened_at",
    "opened_by",
    "person_id",
    "interaction_id",
    "policy_id",
    "assignee_id",
    "team_id",
    "reply_due_at",
    "solve_due_at",
    "replied_at",
    "solved_at",
    "closed_at",
    "voicemail",
    "voicemail_time",
)
PART: Final = 500
_LIVE: Final = (TicketState.OPEN.value, TicketState.PENDING.value)


def within(scope: Scope, principal: Principal, site_id: SiteId) -> ColumnElement[bool]:
    """Return the condition that keeps the tickets in reach.

    Assigned to or opened by oneself; with the scope of a team those of one's teams, and what the program opened for a
    caller (voicemails, callbacks that failed), which no team has.
    """
    if scope is Scope.ALL:
        return true()
    if scope is Scope.SITE:
        return _tickets.site_id == site_id
    own = or_(_tickets.assignee_id == principal.user_id, _tickets.opened_by == principal.user_id)
    if scope is not Scope.TEAM:
        return own
    of_caller = or_(_tickets.voicemail != "", _tickets.interaction_id.is_not(None))
    callers = and_(_tickets.opened_by == "", of_caller, _tickets.team_id.is_(None))
    return or_(own, _tickets.team_id.in_(principal.team_ids), and_(_tickets.site_id == site_id, callers))


def next_number(tx: Transaction, site_id: SiteId) -> int:
    """Return the site's next ticket number; within the commit that uses it, so none is given twice."""
    table = ticket_numbers_table
    last = tx.execute(select(table.c.last).where(table.c.site_id == site_id)).scalar()
    if last is None:
        tx.execute(insert(table), {"site_id": site_id, "last": FIRST_NUMBER})
        return FIRST_NUMBER
    tx.execute(update(table).where(table.c.site_id == site_id), {"last": last + 1})
    return int(last) + 1


def list_tickets(
    connection: Connection,
    scope: Scope,
    principal: Principal,
    site_id: SiteId,
    paging: Paging,
    *,
    state: TicketState | None = None,
    query: str = "",
    person_id: str = "",
    interaction_id: str = "",
) -> Page[Ticket]:
    """Return tickets, the newest first, that match every filter given."""
    statement = select(tickets_table).where(within(scope, principal, site_id)).order_by(_tickets.id.desc())
    statement = _filtered(statement, state, query, person_id, interaction_id)
    after = paging.key(str)
    if after is not None:
        statement = statement.where(_tickets.id < after[0])
    tickets = [_ticket(row) for row in connection.execute(statement.limit(paging.limit + 1))]
    return cut(tickets, paging.limit, lambda ticket: (ticket.ticket_id,))


def list_due(
    connection: Connection, scope: Scope, principal: Principal, site_id: SiteId, paging: Paging
) -> Page[Ticket]:
    """Return live tickets with a promise running, the most urgent first."""
    statement = select(tickets_table).where(
        within(scope, principal, site_id), _tickets.state.in_(_LIVE), _tickets.due_at.is_not(None)
    )
    after = paging.key(int, str)
    if after is not None:
        statement = statement.where(tuple_(type_coerce(_tickets.due_at, BigInteger), _tickets.id) > tuple_(*after))
    ordered = statement.order_by(_tickets.due_at, _tickets.id).limit(paging.limit + 1)
    tickets = [_ticket(row) for row in connection.execute(ordered)]
    return cut(tickets, paging.limit, _due_key)


def _due_key(ticket: Ticket) -> tuple[int, str]:
    assert ticket.due_at is not None
    return to_microseconds(ticket.due_at), ticket.ticket_id


def _filtered(
    statement: Select[Any], state: TicketState | None, query: str, person_id: str, interaction_id: str
) -> Select[Any]:
    if state is not None:
        statement = statement.where(_tickets.state == state.value)
    if person_id:
        statement = statement.where(_tickets.person_id == person_id)
    if interaction_id:
        statement = statement.where(_tickets.interaction_id == interaction_id)
    return statement.where(_matches(query)) if query else statement


def _matches(query: str) -> ColumnElement[bool]:
    named = _tickets.subject_key.contains(query.casefold(), autoescape=True)
    digits = query.lstrip("#")
    if digits.isascii() and digits.isdigit() and len(digits) <= 9:
        return or_(named, _tickets.number == int(digits))
    return named


def find_ticket(
    connection: Connection, scope: Scope, principal: Principal, site_id: SiteId, ticket_id: str
) -> Ticket | None:
    """Return one ticket if the scope reaches it."""
    query = select(tickets_table).where(_tickets.id == ticket_id, within(scope, principal, site_id))
    row = connection.execute(query).one_or_none()
    return _ticket(row) if row else None


# On the path of a call.
_OPEN_OF = Prepared(
    select(tickets_table)
    .where(_tickets.person_id == bindparam("person_id"), or_(*(_tickets.state == state for state in _LIVE)))
    .order_by(_tickets.due_at.is_(None), _tickets.due_at, _tickets.id)
    .limit(bindparam("most", type_=Integer))
)
_OF_INTERACTION = Prepared(
    select(tickets_table).where(_tickets.interaction_id == bindparam("interaction_id")).order_by(_tickets.id)
)


def open_tickets_query(person_id: str, most: int) -> Query[list[Ticket]]:
    """Return the question for a person's live tickets, the most urgent first."""
    return Query(_OPEN_OF, {"person_id": person_id, "most": most}, _listed)


def call_tickets_query(interaction_id: str) -> Query[list[Ticket]]:
    """Return the question for the tickets opened from an interaction, oldest first."""
    return Query(_OF_INTERACTION, {"interaction_id": interaction_id}, _listed)


def _listed(rows: list[Any]) -> list[Ticket]:
    return [_ticket(row) for row in rows]


def save_ticket(tx: Transaction, ticket: Ticket, *, is_new: bool) -> None:
    """Store a ticket."""
    values: dict[str, Any] = {name: getattr(ticket, name) for name in _PLAIN}
    values |= {"state": ticket.state.value, "due_at": ticket.due_at, "subject_key": ticket.subject.casefold()[:200]}
    if is_new:
        tx.execute(insert(tickets_table), {"id": ticket.ticket_id, "site_id": ticket.site_id, **values})
    else:
        tx.execute(update(tickets_table).where(_tickets.id == ticket.ticket_id), values)


def insert_note(tx: Transaction, ticket_id: TicketId, note: TicketNote) -> None:
    """Store a note."""
    row = {
        "id": note.note_id,
        "ticket_id": ticket_id,
        "author_id": note.author_id,
        "at": note.at,
        "text": note.text,
        "is_reply": note.is_reply,
    }
    tx.execute(insert(ticket_notes_table), row)


def erase_person(tx: Transaction, person_id: PersonId, contacts: Collection[str]) -> None:
    """Remove the texts of a person's tickets, and of nobody's that came of his contacts; numbers and times stay."""
    his = set(tx.execute(select(_tickets.id).where(_tickets.person_id == person_id)).scalars())
    for part in _parts(contacts):
        nobodys = select(_tickets.id).where(_tickets.person_id.is_(None), _tickets.interaction_id.in_(part))
        his |= set(tx.execute(nobodys).scalars())
    for part in _parts(his):
        tx.execute(update(ticket_notes_table).where(ticket_notes_table.c.ticket_id.in_(part)), {"text": ""})
        tx.execute(update(tickets_table).where(_tickets.id.in_(part)), {"subject": "", "subject_key": ""})
        heard = (_tickets.id.in_(part), _tickets.voicemail != "", ~_tickets.voicemail.startswith(ERASED))
        tx.execute(update(tickets_table).where(*heard).values(voicemail=literal(ERASED) + _tickets.voicemail))


def voicemails(connection: Connection) -> dict[str, bool]:
    """Return the files of voicemails that tickets name, and whether each is to be deleted."""
    names = connection.execute(select(_tickets.voicemail).where(_tickets.voicemail != "")).scalars()
    return {name.removeprefix(ERASED): name.startswith(ERASED) for name in names}


def find_voicemail(connection: Connection, name: str) -> Ticket | None:
    """Return the ticket that has this voicemail."""
    row = connection.execute(select(tickets_table).where(_tickets.voicemail == name)).first()
    return _ticket(row) if row is not None else None


def forget_voicemail(tx: Transaction, name: str) -> None:
    """The file of somebody erased is gone."""
    tx.execute(
        update(tickets_table).where(_tickets.voicemail == ERASED + name), {"voicemail": "", "voicemail_time": None}
    )


def _parts(ids: Collection[str]) -> Iterator[list[str]]:
    """Yield ids in the numbers one statement takes."""
    ordered = sorted(ids)
    yield from (ordered[first : first + PART] for first in range(0, len(ordered), PART))


def list_notes(connection: Connection, ticket_id: TicketId) -> list[TicketNote]:
    """Return a ticket's notes, oldest first; ask for the ticket in scope before."""
    table = ticket_notes_table.c
    query = select(ticket_notes_table).where(table.ticket_id == ticket_id).order_by(table.id)
    return [TicketNote(r.id, r.author_id, r.at, r.text, r.is_reply) for r in connection.execute(query)]


def _ticket(row: Any) -> Ticket:
    plain = {name: getattr(row, name) for name in _PLAIN}
    return Ticket(TicketId(row.id), SiteId(row.site_id), state=TicketState(row.state), **plain)


# ------------------------------------------------------------------ policies


def list_policies(connection: Connection, site_id: SiteId) -> Sequence[SlaPolicy]:
    """Return the site's policies by name; they have no owner."""
    query = select(policies_table).where(_policies.site_id == site_id).order_by(_policies.name)
    return [
        SlaPolicy(r.id, SiteId(r.site_id), r.name, r.first_reply_time, r.solve_time, r.is_default)
        for r in connection.execute(query)
    ]


def save_policy(tx: Transaction, policy: SlaPolicy, *, is_new: bool) -> None:
    """Store a policy; a default one is the only default of its site."""
    if policy.is_default:
        tx.execute(update(policies_table).where(_policies.site_id == policy.site_id), {"is_default": False})
    values = {
        "name": policy.name,
        "first_reply_time": policy.first_reply_time,
        "solve_time": policy.solve_time,
        "is_default": policy.is_default,
    }
    if is_new:
        tx.execute(insert(policies_table), {"id": policy.policy_id, "site_id": policy.site_id, **values})
    else:
        tx.execute(update(policies_table).where(_policies.id == policy.policy_id), values)
