"""Use cases of tickets and their policies."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Invalid, NotFound
from contactcenter.core.ids import Ids, InteractionId, PersonId, TeamId, TicketId
from contactcenter.core.paging import Page, Paging
from contactcenter.core.permissions import Principal, Right, require
from contactcenter.core.prepared import Query
from contactcenter.customers.service import CustomerService
from contactcenter.tickets import store
from contactcenter.tickets.model import (
    SlaPolicy,
    SlaPolicyChanged,
    Ticket,
    TicketChanged,
    TicketNote,
    TicketOpened,
    TicketState,
    check_policy,
    move,
    replied,
    under_policy,
)

InteractionReach = Callable[[Principal, str], Awaitable[None]]
"""Raises NotFound unless the interaction exists and the principal may refer to it."""
_CHANGEABLE = frozenset({"state", "subject", "note", "is_reply"})


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets; an empty filter keeps all in reach."""

    state: TicketState | None = None
    query: str = ""
    person_id: str = ""
    interaction_id: str = ""


class TicketService:
    """Tickets of one site."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, customers: CustomerService) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._customers = customers
        self.reach: InteractionReach = _out_of_reach  # the interactions room's, bound after construction
        self.voicemail_file: Callable[[str], Path | None] = lambda name: None  # where such a file is; bound likewise

    # ------------------------------------------------------------------ for the program itself

    def card_queries(
        self, person_id: str, interaction_id: str, most: int = 5
    ) -> tuple[Query[list[Ticket]], Query[list[Ticket]]]:
        """Return the questions for a person's live tickets, the most urgent first, and those opened from a call.

        For the program: the card's screen was checked for the interaction. ``''`` is nobody's id.
        """
        return store.open_tickets_query(person_id, most), store.call_tickets_query(interaction_id)

    async def find_traces(self, numbers: Collection[str]) -> Collection[str]:
        """See customers.ports.Traces; a ticket came by no number."""
        return ()

    def erase_traces(self, tx: Transaction, person_id: PersonId, contacts: Collection[str]) -> Collection[str]:
        """See customers.ports.Traces."""
        store.erase_person(tx, person_id, contacts)
        return ()

    async def voicemails(self) -> Mapping[str, bool]:
        """Return the names of all voicemails' files that tickets hold, and whether each is to be deleted."""
        return await self._database.read(store.voicemails)

    async def forget_voicemail(self, name: str) -> None:
        """The file of somebody who was erased is deleted."""
        await self._database.write(lambda tx: store.forget_voicemail(tx, name))

    # ------------------------------------------------------------------ tickets

    async def get_voicemail(self, principal: Principal, ticket_id: str) -> Path:
        """Return the file of a ticket's voicemail. Raises NotFound out of reach, or when there is none here."""
        ticket, _ = await self.get_ticket(principal, ticket_id)
        file = await asyncio.to_thread(self.voicemail_file, ticket.voicemail) if ticket.has_voicemail else None
        if file is None:
            raise NotFound("not-found", {"voicemail": "missing"})
        return file

    async def list_tickets(self, principal: Principal, paging: Paging, wanted: TicketFilter) -> Page[Ticket]:
        """Return the tickets in reach, the newest first."""
        scope, site = require(principal, Right.TICKETS_READ), self._database.site_id
        return await self._database.read(
            lambda c: store.list_tickets(
                c,
                scope,
                principal,
                site,
                paging,
                state=wanted.state,
                query=wanted.query,
                person_id=wanted.person_id,
                interaction_id=wanted.interaction_id,
            )
        )

    async def list_due(self, principal: Principal, paging: Paging) -> Page[Ticket]:
        """Return the live tickets in reach with a promise running, the most urgent first."""
        scope, site = require(principal, Right.TICKETS_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_due(c, scope, principal, site, paging))

    async def get_ticket(self, principal: Principal, ticket_id: str) -> tuple[Ticket, Sequence[TicketNote]]:
        """Return one ticket with its notes. Raises NotFound when out of reach."""
        scope, site = require(principal, Right.TICKETS_READ), self._database.site_id

        def look(connection: Connection) -> tuple[Ticket | None, Sequence[TicketNote]]:
            ticket = store.find_ticket(connection, scope, principal, site, ticket_id)
            return ticket, store.list_notes(connection, ticket.ticket_id) if ticket else ()

        ticket, notes = await self._database.read(look)
        return _found(ticket), notes

    async def open_ticket(
        self,
        principal: Principal,
        subject: str,
        *,
        person_id: str | None = None,
        interaction_id: str | None = None,
        policy_id: str | None = None,
        note: str = "",
        voicemail: str = "",
        voicemail_time: float | None = None,
    ) -> Ticket:
        """Open a case, assigned to the principal and his team, under the policy named or the site's default.

        Raises NotFound for a person or an interaction out of reach, Conflict ``person-erased`` for somebody erased
        meanwhile, Invalid for a policy that does not exist.
        """
        require(principal, Right.TICKETS_WRITE)
        if person_id:
            await self._customers.get_person(principal, person_id)
        if interaction_id:
            await self.reach(principal, interaction_id)
        site = self._database.site_id

        def work(tx: Transaction) -> Ticket:
            self._customers.check_not_erased(tx.connection, person_id)
            if voicemail and (known := store.find_voicemail(tx.connection, voicemail)) is not None:
                return known  # its first commit was in doubt
            fresh = Ticket(
                ticket_id=TicketId(self._ids.new()),
                site_id=site,
                number=store.next_number(tx, site),
                subject=subject,
                state=TicketState.OPEN,
                opened_at=tx.now,
                opened_by=principal.user_id,
                person_id=PersonId(person_id) if person_id else None,
                interaction_id=InteractionId(interaction_id) if interaction_id else None,
                assignee_id=principal.user_id or None,
                team_id=_team(principal),
                voicemail=voicemail,
                voicemail_time=voicemail_time,
            )
            ticket = under_policy(fresh, _policy(store.list_policies(tx.connection, site), policy_id))
            store.save_ticket(tx, ticket, is_new=True)
            self._add_note(tx, principal, ticket, note, is_reply=False)
            tx.record(_opened(ticket), principal.user_id)
            return ticket

        return await self._database.write(work)

    async def update_ticket(self, principal: Principal, ticket_id: str, changes: Mapping[str, Any]) -> Ticket:
        """Change ``state`` or ``subject``, add a ``note``; with ``is_reply`` the note is what the customer was told.

        Raises NotFound out of reach, Conflict ``ticket-state`` for a move the state table does not allow,
        ``person-erased`` for texts about somebody who was erased.
        """
        scope, site = require(principal, Right.TICKETS_WRITE), self._database.site_id
        unknown = sorted(set(changes) - _CHANGEABLE)
        if unknown:
            raise Invalid("invalid", dict.fromkeys(unknown, "extra-forbidden"))

        def work(tx: Transaction) -> Ticket:
            before = _found(store.find_ticket(tx.connection, scope, principal, site, ticket_id))
            if {"subject", "note"} & changes.keys():
                self._customers.check_not_erased(tx.connection, before.person_id)
            after = _changed(before, changes, tx)
            store.save_ticket(tx, after, is_new=False)
            self._add_note(tx, principal, after, changes.get("note", ""), is_reply=bool(changes.get("is_reply")))
            fact = TicketChanged(after.ticket_id, after.state.value, tuple(sorted(changes)), after.person_id or "")
            tx.record(fact, principal.user_id)
            return after

        return await self._database.write(work)

    def _add_note(self, tx: Transaction, principal: Principal, ticket: Ticket, text: str, *, is_reply: bool) -> None:
        if text.strip():
            note = TicketNote(self._ids.new(), principal.user_id, tx.now, text, is_reply)
            store.insert_note(tx, ticket.ticket_id, note)

    # ------------------------------------------------------------------ policies

    async def list_policies(self, principal: Principal) -> Sequence[SlaPolicy]:
        """Return the site's policies by name."""
        require(principal, Right.TICKETS_READ)
        return await self._database.read(lambda c: store.list_policies(c, self._database.site_id))

    async def save_policy(
        self,
        principal: Principal,
        name: str,
        first_reply_time: float,
        solve_time: float,
        *,
        is_default: bool = False,
        policy_id: str = "",
    ) -> SlaPolicy:
        """Create a policy, or change the one with ``policy_id``; open tickets keep their promises.

        Belongs to who configures the site, the right to write queues. Raises Conflict when the name is taken.
        """
        require(principal, Right.QUEUES_WRITE)
        site = self._database.site_id
        policy = SlaPolicy(policy_id or self._ids.new(), site, name, first_reply_time, solve_time, is_default)
        check_policy(policy)

        def work(tx: Transaction) -> SlaPolicy:
            known = {other.policy_id: other for other in store.list_policies(tx.connection, site)}
            if policy_id and policy_id not in known:
                raise NotFound("not-found")
            if any(other.name == name and other.policy_id != policy_id for other in known.values()):
                raise Conflict("name-taken", {"name": "taken"})
            store.save_policy(tx, policy, is_new=not policy_id)
            tx.record(SlaPolicyChanged(policy.policy_id, "updated" if policy_id else "created"), principal.user_id)
            return policy

        return await self._database.write(work)


def _changed(ticket: Ticket, changes: Mapping[str, Any], tx: Transaction) -> Ticket:
    after = move(ticket, TicketState(changes["state"]), tx.now) if "state" in changes else ticket
    if ticket.state is TicketState.CLOSED and set(changes) - {"state"}:
        raise Conflict("ticket-state", {"state": ticket.state.value})
    if changes.get("is_reply"):
        if not str(changes.get("note", "")).strip():
            raise Invalid("invalid", {"note": "missing"})
        after = replied(after, tx.now)
    return replace(after, subject=changes["subject"]) if "subject" in changes else after


def _policy(known: Sequence[SlaPolicy], policy_id: str | None) -> SlaPolicy | None:
    if policy_id is None:
        return next((policy for policy in known if policy.is_default), None)
    for policy in known:
        if policy.policy_id == policy_id:
            return policy
    raise Invalid("invalid", {"policy_id": "unknown"})


async def _out_of_reach(principal: Principal, interaction_id: str) -> None:
    raise NotFound("not-found", {"interaction_id": interaction_id})


def _team(principal: Principal) -> TeamId | None:
    return min(principal.team_ids) if principal.team_ids else None


def _opened(ticket: Ticket) -> TicketOpened:
    return TicketOpened(ticket.ticket_id, ticket.person_id or "", ticket.interaction_id or "", ticket.policy_id or "")


def _found(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise NotFound("not-found")
    return ticket
