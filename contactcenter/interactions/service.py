"""Use cases of interactions: what may be read of past and present ones, and what an agent does with his own.

Every method takes the principal first and checks his right in one place.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row

from contactcenter.agents.service import AgentService
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, NotFound
from contactcenter.core.ids import InteractionId, PersonId
from contactcenter.core.paging import Page, Paging, cut
from contactcenter.core.permissions import Principal, Right, Scope, require
from contactcenter.customers.service import CustomerService
from contactcenter.interactions import callback_store, store
from contactcenter.interactions.callbacks import Callback
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import Interaction

END: Final = 6
"""Digits at the end of a number that every way of writing it has, one after the other."""
SLICE: Final = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of interactions is narrowed to; empty fields do not narrow."""

    person_id: str | None = None
    agent_id: str | None = None
    queue_id: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """One interaction with its parts, oldest first."""

    row: Row[Any]
    visits: Sequence[Row[Any]]
    segments: Sequence[Row[Any]]
    legs: Sequence[Row[Any]]


class InteractionService(ABC):
    """What may be read of interactions, and what an agent may do with his own.

    The acts are the router's process's (``work.OwnWork``); the other processes of a site hand them on to it.
    """

    def __init__(
        self, database: Database, clock: Clock, picture: Picture, agents: AgentService, customers: CustomerService
    ) -> None:
        self.picture = picture
        self._database = database
        self._clock = clock
        self._agents = agents
        self._customers = customers

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self._clock.now()

    # ------------------------------------------------------------ acts

    @abstractmethod
    async def accept(self, principal: Principal, interaction_id: str) -> None:
        """Take the alerting interaction on screen: a nailed leg, a simulated phone; others are picked up by hand."""

    @abstractmethod
    async def reject(self, principal: Principal, interaction_id: str) -> None:
        """Refuse the alerting interaction: the next agent is rung, this one becomes not ready."""

    @abstractmethod
    async def hang_up(self, principal: Principal, interaction_id: str) -> None:
        """End the conversation: the agent's leg is hung up, the customer's call ends with it."""

    @abstractmethod
    async def hold(self, principal: Principal, interaction_id: str) -> None:
        """Put the customer on hold: he hears music, the agent nothing."""

    @abstractmethod
    async def retrieve(self, principal: Principal, interaction_id: str) -> None:
        """Talk to the customer on hold again."""

    @abstractmethod
    async def transfer(self, principal: Principal, interaction_id: str, queue_id: str) -> None:
        """Send the customer, on hold or not, to a queue and begin the wrap-up: a new visit of the same interaction.

        Raises NotFound ``queue-unknown``; Conflict ``queue-closed``, ``queue-full``, ``queue-unserved`` when the queue
        takes nobody now: the conversation goes on.
        """

    @abstractmethod
    async def extend_wrap_up(self, principal: Principal, interaction_id: str) -> None:
        """Ask for more time, as often as the queue allows."""

    @abstractmethod
    async def save_note(self, principal: Principal, interaction_id: str, text: str) -> datetime:
        """Keep the agent's note; returns when it was saved, after its commit. Also after the wrap-up ended."""

    @abstractmethod
    async def finish_wrap_up(
        self, principal: Principal, interaction_id: str, disposition: str, note: str | None, then: str, reason: str
    ) -> None:
        """Name the outcome and be done: ``then`` is ``ready`` (take the next) or ``not-ready`` (with a reason).

        Everything is checked before anything is written. Once the wrap-up is over, ``ready`` calls nobody back.
        """

    @abstractmethod
    async def choose_person(self, principal: Principal, interaction_id: str, person_id: str) -> None:
        """The agent says who the caller is; the card follows. Raises NotFound for a person out of reach."""

    @abstractmethod
    async def refresh_card(self, interaction_id: str) -> None:
        """Read the card again because something on it changed."""

    @abstractmethod
    async def withdraw_callback(self, principal: Principal, callback_id: str) -> None:
        """Have nobody call this customer back any more: for supervisors.

        Raises NotFound for a promise there is none of, or that is over; Conflict ``callback-under-way`` while he is
        called, or talks.
        """

    @abstractmethod
    async def why(self, principal: Principal, interaction_id: str) -> dict[str, Any]:
        """Return why an interaction waits or who got it and why: the router's own account, now and kept."""

    @abstractmethod
    async def why_agents(self, principal: Principal, interaction_id: str) -> dict[str, Any]:
        """Return why each agent does not have it at present, while it waits (``agent_id`` None).

        Else why each other agent did not get it when it was given last, worked out by deciding once more: ``agents`` is
        None when that was too long ago, or before a restart. Raises NotFound ``never-given`` when it never was.
        """

    # ------------------------------------------------------------ reading

    async def search(self, principal: Principal, paging: Paging, filters: Filters) -> Page[Detail]:
        """Return interactions the caller may see, newest first."""
        scope = require(principal, Right.INTERACTIONS_READ)
        before = paging.key(str)

        def look(connection: Connection) -> Page[Detail]:
            rows = store.search(
                connection,
                self._visible(connection, principal, scope),
                before=before[0] if before else None,
                limit=paging.limit + 1,
                person_id=filters.person_id,
                agent_id=filters.agent_id,
                queue_id=filters.queue_id,
                outcome=filters.outcome,
            )
            return cut(_details(connection, rows), paging.limit, lambda one: (one.row.id,))

        return await self._database.read(look)

    async def list_callbacks(self, principal: Principal, paging: Paging, *, is_open: bool | None) -> Page[Callback]:
        """Return promises to call back, newest first: those that are open, those that are over, or all (None)."""
        require(principal, Right.LIVE_VIEW)
        before = paging.key(str)

        def look(connection: Connection) -> Page[Callback]:
            last, most = before[0] if before else None, paging.limit + 1
            found = callback_store.search(connection, is_open=is_open, before=last, limit=most)
            return cut(found, paging.limit, lambda one: (one.callback_id,))

        return await self._database.read(look)

    async def get(self, principal: Principal, interaction_id: str) -> Detail:
        """Return one interaction with its parts. Raises NotFound outside the caller's scope."""
        scope = require(principal, Right.INTERACTIONS_READ)

        def look(connection: Connection) -> Detail | None:
            row = store.find(connection, interaction_id, self._visible(connection, principal, scope))
            return _details(connection, [row])[0] if row is not None else None

        found = await self._database.read(look)
        if found is None:
            raise NotFound("not-found", {"interaction_id": interaction_id})
        return found

    async def check_reach(self, principal: Principal, interaction_id: str) -> None:
        """Raise NotFound unless the interaction exists and is in the agent's hand, or one he may read."""
        item = self.picture.interactions.get(InteractionId(interaction_id))
        if item is None or principal.agent_id is None or principal.agent_id not in item.holders:
            await self._database.flush()
            await self.get(principal, interaction_id)

    async def find_traces(self, numbers: Collection[str]) -> Collection[str]:
        """See customers.ports.Traces. Reads a slice at a time: the loop has calls to serve."""
        ends = tuple({number[-END:] for number in numbers})
        found: list[str] = []
        last = ""
        while ends:
            rows = await self._database.read(partial(store.nobodys_callers, after=last, limit=SLICE))
            alike = (row for row in rows if any(end in _digits(row.caller_number) for end in ends))
            found += [row.id for row in alike if self._customers.read_number(row.caller_number).e164 in numbers]
            if len(rows) < SLICE:
                break
            last = rows[-1].id
        return found

    def erase_traces(self, tx: Transaction, person_id: PersonId, contacts: Collection[str]) -> Collection[str]:
        """See customers.ports.Traces."""
        his = store.erase_person(tx, person_id, contacts)
        if his is None:
            raise Conflict("person-in-contact", {"person_id": person_id})
        return his

    def check_there(self) -> None:  # noqa: B027 - where the router is, there is nothing to check
        """Raise Unavailable ``router-away`` when acts could not be carried out now."""

    def held(self, principal: Principal, interaction_id: str) -> Interaction:
        """Return an interaction the agent is alerted for or handles. Raises NotFound for any other."""
        require(principal, Right.DESK)
        item = self.picture.interactions.get(InteractionId(interaction_id))
        if item is None or principal.agent_id is None or principal.agent_id not in item.holders:
            raise NotFound("not-found", {"interaction_id": interaction_id})
        return item

    def _visible(self, connection: Connection, principal: Principal, scope: Scope) -> Any:
        team = self._agents.agents_of_teams(connection, principal.team_ids) if scope is Scope.TEAM else []
        return store.visible(principal, scope, team)


def _details(connection: Connection, rows: Sequence[Row[Any]]) -> list[Detail]:
    ids = [row.id for row in rows]
    parts = {table.name: store.parts(connection, table, ids) for table in (store.visits, store.segments, store.legs)}

    def of(name: str, interaction_id: str) -> list[Row[Any]]:
        return [part for part in parts[name] if part.interaction_id == interaction_id]

    return [Detail(row, of("visits", row.id), of("segments", row.id), of("legs", row.id)) for row in rows]


def _digits(number: str) -> str:
    return "".join(char for char in number if char.isdigit())
