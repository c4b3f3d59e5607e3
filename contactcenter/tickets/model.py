"""Tickets: cases with two promises each, a first reply and a solution by a certain instant.

Rules: the state table below; a promise's instant is ``opened_at`` plus the policy's time (seconds); the promise that
runs next is the reply until somebody replied, then the solution until solved. Calendars and pauses are not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contactcenter.core.errors import Conflict, Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.ids import InteractionId, PersonId, SiteId, TeamId, TicketId, UserId

FIRST_NUMBER: Final = 10001
MAX_TIME: Final = 366 * 86_400.0
ERASED: Final = "erased:"
"""Before the name of a voicemail's file that is to be deleted: the person was erased."""


class TicketState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    PENDING = "pending"  # waits for the customer
    SOLVED = "solved"
    CLOSED = "closed"


class DueKind(StrEnum):
    """Which promise an instant belongs to."""

    REPLY = "reply"
    SOLVE = "solve"


NEXT_STATES: Final[Mapping[TicketState, frozenset[TicketState]]] = {
    TicketState.OPEN: frozenset({TicketState.PENDING, TicketState.SOLVED}),
    TicketState.PENDING: frozenset({TicketState.OPEN, TicketState.SOLVED}),
    TicketState.SOLVED: frozenset({TicketState.OPEN, TicketState.CLOSED}),
    TicketState.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """What is promised: seconds from opening to the first reply and to the solution."""

    policy_id: str
    site_id: SiteId
    name: str
    first_reply_time: float
    solve_time: float
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """One case. ``number`` is what people say; ``due_at`` and ``due_kind`` are the promise that runs next.

    ``voicemail``: the file of what a caller said, of ``voicemail_time`` seconds (None: not known); '' for none.
    """

    ticket_id: TicketId
    site_id: SiteId
    number: int
    subject: str
    state: TicketState
    opened_at: datetime
    opened_by: UserId
    person_id: PersonId | None = None
    interaction_id: InteractionId | None = None
    policy_id: str | None = None
    assignee_id: UserId | None = None
    team_id: TeamId | None = None
    reply_due_at: datetime | None = None
    solve_due_at: datetime | None = None
    replied_at: datetime | None = None
    solved_at: datetime | None = None
    closed_at: datetime | None = None
    voicemail: str = ""
    voicemail_time: float | None = None

    @property
    def has_voicemail(self) -> bool:
        """Whether there is something to hear."""
        return bool(self.voicemail) and not self.voicemail.startswith(ERASED)

    @property
    def due_kind(self) -> DueKind | None:
        """Which promise runs next; None when all are kept or over."""
        if self.state in {TicketState.SOLVED, TicketState.CLOSED}:
            return None
        if self.reply_due_at is not None and self.replied_at is None:
            return DueKind.REPLY
        return DueKind.SOLVE if self.solve_due_at is not None else None

    @property
    def due_at(self) -> datetime | None:
        """Until when it is to be kept."""
        return {DueKind.REPLY: self.reply_due_at, DueKind.SOLVE: self.solve_due_at, None: None}[self.due_kind]


@dataclass(frozen=True, slots=True)
class TicketNote:
    """A text on a ticket; ``is_reply`` when it is what the customer was told."""

    note_id: str
    author_id: UserId
    at: datetime
    text: str
    is_reply: bool


@event("ticket-opened", subject="ticket_id")
@dataclass(frozen=True, slots=True)
class TicketOpened(Event):
    """A case was opened, from an interaction if ``interaction_id`` is not ''."""

    ticket_id: TicketId
    person_id: str
    interaction_id: str
    policy_id: str


@event("ticket-changed", subject="ticket_id")
@dataclass(frozen=True, slots=True)
class TicketChanged(Event):
    """A case changed; ``fields`` names what, ``state`` is where it stands now."""

    ticket_id: TicketId
    state: str
    fields: tuple[str, ...]
    person_id: str = ""


@event("sla-policy-changed", subject="policy_id")
@dataclass(frozen=True, slots=True)
class SlaPolicyChanged(Event):
    """A policy was created or changed; tickets keep the promises they were opened with."""

    policy_id: str
    change: str


def under_policy(ticket: Ticket, policy: SlaPolicy | None) -> Ticket:
    """Return the ticket with its promises' instants."""
    if policy is None:
        return ticket
    return replace(
        ticket,
        policy_id=policy.policy_id,
        reply_due_at=ticket.opened_at + timedelta(seconds=policy.first_reply_time),
        solve_due_at=ticket.opened_at + timedelta(seconds=policy.solve_time),
    )


def move(ticket: Ticket, state: TicketState, now: datetime) -> Ticket:
    """Return the ticket in ``state``; the same state is no move. Raises Conflict for one the table does not allow."""
    if state is ticket.state:
        return ticket
    if state not in NEXT_STATES[ticket.state]:
        raise Conflict("ticket-state", {"state": ticket.state.value})
    solved_at = now if state is TicketState.SOLVED else ticket.solved_at if state is TicketState.CLOSED else None
    return replace(ticket, state=state, solved_at=solved_at, closed_at=now if state is TicketState.CLOSED else None)


def replied(ticket: Ticket, now: datetime) -> Ticket:
    """Return the ticket with its first reply given; later replies change nothing."""
    return ticket if ticket.replied_at is not None else replace(ticket, replied_at=now)


def check_policy(policy: SlaPolicy) -> None:
    """Raise Invalid unless the reply is promised first and both within a year."""
    if not 60 <= policy.first_reply_time <= policy.solve_time <= MAX_TIME:
        raise Invalid("invalid", {"first_reply_time": "out-of-range"})
