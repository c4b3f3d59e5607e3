"""Who is calling: the look-up that starts with the first channel event, and the card it makes for the screens.

One look-up per call: candidates by number; then the person's card, history and tickets. The card is a
JSON-able dict (slot ``card:<interaction>``). Nobody is merged: several equal candidates are left to the agent.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import AgentId, InteractionId, PersonId, QueueId
from contactcenter.core.images import Image
from contactcenter.core.media import VOICE
from contactcenter.core.prepared import Query, run_together
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.customers.model import Because, Candidate, Candidates
from contactcenter.customers.service import Card, CustomerService, contacted
from contactcenter.interactions import store
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import Interaction

log = structlog.get_logger(__name__)

HISTORY: Final = 8
KNOWS_FOR: Final = timedelta(days=30)
"""How long an agent counts as one who knows the customer after a call with him."""
LOOK_AGAIN: Final = 2.0  # seconds

Rows = list[dict[str, Any]]
TicketQueries = Callable[[PersonId | None, InteractionId], tuple[Query[Rows], Query[Rows]]]
"""What the tickets room adds to a card: the person's open tickets by due time, and those opened in this call."""


class Callers:
    """Looks customers up for ``assignments``."""

    def __init__(
        self,
        database: Database,
        customers: CustomerService,
        assignments: Assignments,
        tasks: TaskSupervisor,
        ticket_queries: TicketQueries,
        clock: Clock,
    ) -> None:
        self._database = database
        self._customers = customers
        self._assignments = assignments
        self._tasks = tasks
        self._ticket_queries = ticket_queries
        self._clock = clock
        assignments.lookup = self.look_up

    def look_up(self, item: Interaction) -> None:
        """Start the look-up of a call; the call goes on meanwhile."""
        self._tasks.spawn("look-up", self._look_up(item))

    async def _look_up(self, item: Interaction) -> None:
        """While the database is away the card goes on loading: it is asked again for as long as the call lasts."""
        while True:
            try:
                await self.refresh(item)
                return
            except Unavailable as error:
                log.warning("look-up-failed", interaction=item.interaction_id, reason=error.fields.get("reason"))
            await asyncio.sleep(LOOK_AGAIN)
            if item.interaction_id not in self._assignments.picture.interactions:
                return

    async def refresh(self, item: Interaction, chosen: PersonId | None = None) -> None:
        """Read the card again: at arrival, when an agent chose a person, when a ticket was opened.

        A choice of nobody changes nothing, and neither does an answer that was overtaken by a choice.
        """
        before = item.person_id
        person_id = chosen or before
        since = self._clock.now() - KNOWS_FOR
        card, best, knower = await self._database.look_up(lambda one: self._read(one, item, person_id, since))
        found = PersonId(card["person"]["person_id"]) if card["person"] else None
        if found is None if chosen is not None else item.person_id != before:
            return
        person = card["person"] or {}
        news = found is not None and found != item.person_id
        contact = [] if found is None else self._contact(found, item)
        self._assignments.customer_found(
            item,
            card,
            found,
            best,
            bool(person.get("vip")),
            is_news=news,
            rows=contact,
            value=float(person.get("value_per_year") or 0),
            knower=knower,
        )

    def _contact(self, person_id: PersonId, item: Interaction) -> list[Image]:
        """Return what remembers the contact; whoever was in contact last comes first where a number is shared."""
        return contacted(person_id, self._customers.read_number(item.caller_number), self._clock.now())

    def _read(
        self, connection: Connection, item: Interaction, known: PersonId | None, since: datetime
    ) -> tuple[dict[str, Any], int, AgentId | None]:
        reading = self._customers.read_number(item.caller_number)
        candidates = self._customers.find_by_number(connection, reading)
        person_id, confidence, because = _choose(candidates, known)
        open_query, call_query = self._ticket_queries(person_id, item.interaction_id)
        person, rows, total, open_tickets = None, [], 0, []
        if person_id is None:  # every second caller, perhaps: nobody's card, history and tickets are not asked for
            call_tickets = call_query.run(connection)
        else:
            person, rows, total, open_tickets, call_tickets = run_together(
                connection,
                [
                    self._customers.card_query(person_id),
                    *store.history_queries(person_id, HISTORY, item.interaction_id),
                    open_query,
                    call_query,
                ],
            )
        card = {
            "person": person_view(person) if person else None,
            "confidence": confidence,
            "because": because,
            "candidates": [_candidate(one) for one in candidates.items[:10]],
            "open_tickets": open_tickets,
            "call_tickets": call_tickets,
            "history": [history_view(row, self._assignments.picture) for row in rows],
            "history_total": total,
            "number": reading.display,
            "withheld": reading.withheld,
            "loading": False,
        }
        return card, confidence, _knower(rows, since)


def _knower(rows: Sequence[Any], since: datetime) -> AgentId | None:
    """Return who spoke with the customer in his last answered call, if that was since then.

    He is looked for in the history that is read for the card anyway.
    """
    answered = (row for row in rows if row.agent_id and row.medium == VOICE)
    last = next(answered, None)
    return AgentId(last.agent_id) if last is not None and last.arrived_at >= since else None


def _choose(candidates: Candidates, known: PersonId | None) -> tuple[PersonId | None, int, str]:
    """Pick whose card it is; ``known``, when it is not whom the number tells, is whom an agent chose."""
    best = candidates.best
    if known is not None and (best is None or best.person_id != known):
        found = next((one for one in candidates.items if one.person_id == known), None)
        return known, found.confidence if found else 100, Because.CHOSEN.value
    if best is not None:
        return best.person_id, best.confidence, best.because.value
    shared = candidates.items[0].because.value if candidates.items else Because.NONE.value
    return None, 0, shared


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "person_id": one.person_id,
        "name": one.name,
        "organisation": one.organisation,
        "confidence": one.confidence,
        "because": one.because.value,
    }


def person_view(card: Card) -> dict[str, Any]:
    """Return the person as screens show him."""
    person = card.person
    organisation = person.organisation
    return {
        "person_id": person.person_id,
        "name": person.name,
        "initials": "".join(word[0] for word in person.name.split()[:2]).upper(),
        "title": person.title,
        "organisation": {"id": organisation.organisation_id, "name": organisation.name} if organisation else None,
        "vip": person.is_vip,
        "heed": person.heed,
        "language": person.language,
        "since": person.since,
        "numbers": list(card.numbers),
        "emails": person.emails,
        "note": person.note,
        "value_per_year": person.value_per_year,
        "currency": person.currency,
    }


def history_view(row: Any, picture: Picture) -> dict[str, Any]:
    """Return one past interaction as a line of the history."""
    agent = picture.agents.get(AgentId(row.agent_id)) if row.agent_id else None
    queue = picture.queues.get(QueueId(row.queue_id)) if row.queue_id else None
    labels = {one.code: one.label for one in queue.dispositions} if queue else {}
    return {
        "interaction_id": row.id,
        "at": row.arrived_at,
        "medium": row.medium,
        "direction": row.direction,
        "outcome": row.outcome,
        "agent": agent.record.name if agent else "",
        "queue": queue.name if queue else "",
        "talk_time": row.talk_time,
        "disposition": labels.get(row.disposition, row.disposition or ""),
        "note": (row.note or "").partition("\n")[0][:200],
    }
