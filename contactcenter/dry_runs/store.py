"""What was kept of a day, read a slice at a time by indexes: contacts by their arrival, presences by their agent.

The journal has no index by instant, and numbers follow instants but for what a store that refused got late: so the
first number of the day is searched for, and ``LATE`` allowed for.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, func, or_, select

from contactcenter.core.events import events_table
from contactcenter.core.ids import AgentId, SiteId, SkillId
from contactcenter.customers.store import people_table
from contactcenter.dry_runs.model import PresenceRow, VisitRow
from contactcenter.interactions.model import AgentPresenceChanged, Direction
from contactcenter.interactions.store import interactions, segments, visits
from contactcenter.queues.store import known

SLICE: Final = 250
"""Contacts, or agents, in one read: some milliseconds of a reader."""
MOST_CHANGES: Final = 100_000
"""Presence changes of one slice of agents; later ones are not read."""
LATE: Final = timedelta(hours=2)
"""How much later than it happened an event may be numbered."""
LONGEST_CALL: Final = timedelta(hours=12)
"""How long before its visit to a queue a contact may have begun."""
Place = tuple[datetime, str]

_contacts = interactions.c
_events = events_table.c


def skills_of(connection: Connection, site_id: SiteId) -> list[SkillId]:
    """Return the ids of every skill there is."""
    return sorted(known(connection, site_id).skills)


def visits_of(
    connection: Connection, began: datetime, ended: datetime, after: Place | None
) -> tuple[list[VisitRow], Place | None]:
    """Return the visits of the next contacts that may have one in the day, and the place to go on from; None: done."""
    query = select(
        *(_contacts[name] for name in ("id", "arrived_at", "medium", "vip")), people_table.c.value_per_year
    ).select_from(interactions.outerjoin(people_table, people_table.c.id == _contacts.person_id))
    callers = _contacts.direction == Direction.INBOUND.value
    query = query.where(callers, _contacts.arrived_at >= began - LONGEST_CALL, _contacts.arrived_at < ended)
    if after is not None:
        at, last = after
        later = and_(_contacts.arrived_at == at, _contacts.id > last)
        query = query.where(_contacts.arrived_at >= at, or_(_contacts.arrived_at > at, later))
    rows = connection.execute(query.order_by(_contacts.arrived_at, _contacts.id).limit(SLICE)).all()
    contacts = {row.id: row for row in rows}
    place = (rows[-1].arrived_at, rows[-1].id) if len(rows) == SLICE else None
    return _visits(connection, contacts), place


def _visits(connection: Connection, contacts: dict[str, Any]) -> list[VisitRow]:
    ids = list(contacts)
    spoken = select(
        *(segments.c[name] for name in ("visit_id", "agent_id", "answered_at", "ended_at", "wrap_up_ended_at"))
    ).where(segments.c.interaction_id.in_(ids))
    answers = {row.visit_id: row for row in connection.execute(spoken)}
    found = connection.execute(select(visits).where(visits.c.interaction_id.in_(ids)).order_by(visits.c.entered_at))
    return [_visit(row, contacts[row.interaction_id], answers.get(row.id)) for row in found]


def _visit(row: Row[Any], contact: Row[Any], answer: Row[Any] | None) -> VisitRow:
    return VisitRow(
        row.interaction_id,
        row.id,
        row.queue_id,
        row.entered_at.timestamp(),
        row.ended_at.timestamp() if row.ended_at else None,
        row.end,
        row.priority,
        row.skills,
        contact.medium,
        contact.vip,
        float(contact.value_per_year or 0),
        answer.agent_id if answer is not None else None,
        _handle_time(answer),
    )


def _handle_time(answer: Row[Any] | None) -> float | None:
    """Talk and wrap-up in seconds; None while the conversation goes on, or when its end is not known."""
    if answer is None or answer.ended_at is None:
        return None
    over_at: datetime = answer.wrap_up_ended_at or answer.ended_at
    answered_at: datetime = answer.answered_at
    return max(0.0, (over_at - answered_at).total_seconds())


# ------------------------------------------------------------------ presence


def numbers_of(connection: Connection, began: datetime, ended: datetime) -> tuple[int, int]:
    """Return the numbers between which every event of these instants is: from the first on, below the second."""
    return _first_at(connection, began - LATE), _first_at(connection, ended + LATE)


def _first_at(connection: Connection, at: datetime) -> int:
    """Return the number of the first event at ``at`` or later, by halving."""
    low, high = 1, (connection.execute(select(func.max(_events.seq))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(_events.seq, _events.at).where(_events.seq >= middle).order_by(_events.seq).limit(1)
        ).first()
        if row is None or row.at >= at:
            high = middle
        else:
            low = row.seq + 1
    return low


def presences_of(connection: Connection, agents: Sequence[AgentId], numbers: tuple[int, int]) -> list[PresenceRow]:
    """Return these agents' changes of presence between the numbers, and the last one of each before, in their order."""
    first, end = numbers
    told = select(_events.subject, _events.at, _events.data).where(_events.kind == AgentPresenceChanged.kind)
    found = []
    for agent in agents:
        before = told.where(_events.subject == agent, _events.seq < first).order_by(_events.seq.desc()).limit(1)
        found += [_presence(row) for row in connection.execute(before)]
    within = told.where(_events.subject.in_(list(agents)), _events.seq >= first, _events.seq < end)
    rows = connection.execute(within.order_by(_events.seq).limit(MOST_CHANGES))
    return found + [_presence(row) for row in rows]


def _presence(row: Any) -> PresenceRow:
    told = msgspec.json.decode(row.data)
    return PresenceRow(row.at.timestamp(), AgentId(row.subject), told["presence"])
