"""Tables and queries of interactions. Rows are images of the live objects, saved whole (``core/images``).

An image is taken (``*_row``) when the thing happens, in the event loop, and written a moment later by the writer; so a
row never shows half a change. Lists take the caller and his scope; there is no variant without.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    text,
    true,
    update,
)

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, events_table, metadata
from contactcenter.core.ids import AgentId, InteractionId, LegId, PersonId, ServerId
from contactcenter.core.images import FIXED
from contactcenter.core.permissions import Principal, Scope
from contactcenter.core.prepared import Prepared, Query
from contactcenter.interactions import callback_store
from contactcenter.interactions.model import (
    Alert,
    Direction,
    Interaction,
    InteractionArrived,
    InteractionEnded,
    PbxLinkChanged,
    Segment,
    Visit,
)

SETTLED: Final = timedelta(seconds=60)
LINKS_BACK: Final = 200
_HEARD: Final = (InteractionArrived.kind, InteractionEnded.kind, PbxLinkChanged.kind)

PART = 500
"""Ids in one statement, where there may be many."""
interactions = Table(
    "interactions",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("medium", String(20), nullable=False),
    Column("direction", String(10), nullable=False, info=FIXED),
    Column("server_id", String(40), nullable=False, info=FIXED),
    Column("leg_id", String(150), nullable=False),
    Column("linked_id", String(150), nullable=False),
    Column("caller_number", String(80), nullable=False),
    Column("caller_name", String(200), nullable=False),
    Column("dialed", String(80), nullable=False),
    Column("phase", String(20), nullable=False),
    Column("choices", JSON, nullable=False),
    Column("vip", Boolean, nullable=False),
    Column("person_id", String(26)),
    Column("queue_id", String(26)),
    Column("arrived_at", Instant, nullable=False, info=FIXED),
    Column("ended_at", Instant),
    Column("outcome", String(20)),
    Column("end_reason", String(80), nullable=False),
    Column("is_over", Boolean, nullable=False),
    Index("interactions_leg", "server_id", "leg_id", unique=True),
    Index("interactions_arrived", "arrived_at"),
    Index("interactions_person", "person_id", "arrived_at"),
    Index("interactions_open", "is_over", "arrived_at"),
)

visits = Table(
    "visits",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("interaction_id", String(26), nullable=False, info=FIXED),
    Column("queue_id", String(26), nullable=False, info=FIXED),
    Column("priority", Integer, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("entered_at", Instant, nullable=False, info=FIXED),
    Column("ended_at", Instant),
    Column("end", String(20)),
    Column("wait_time", Float),
    Index("visits_interaction", "interaction_id"),
    Index("visits_queue", "queue_id", "entered_at"),
)

segments = Table(
    "segments",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("interaction_id", String(26), nullable=False, info=FIXED),
    Column("visit_id", String(26), nullable=False),
    Column("queue_id", String(26), nullable=False),
    Column("agent_id", String(26), nullable=False, info=FIXED),
    Column("alerted_at", Instant, nullable=False),
    Column("answered_at", Instant, nullable=False, info=FIXED),
    Column("ended_at", Instant),
    Column("ended_by", String(20)),
    Column("talk_time", Float),
    Column("wrap_up_until", Instant),
    Column("wrap_up_ended_at", Instant),
    Column("extensions", Integer, nullable=False),
    Column("disposition", String(60), nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    Column("note_saved_at", Instant),
    Column("hold_time", Float, nullable=False, default=0.0, server_default=text("0")),
    Column("holds", Integer, nullable=False, default=0, server_default=text("0")),
    Column("held_since", Instant),
    Column("transferred_to", String(26)),
    Index("segments_interaction", "interaction_id"),
    Index("segments_agent", "agent_id", "answered_at"),
)

legs = Table(
    "legs",
    metadata,
    Column("server_id", String(40), primary_key=True),
    Column("id", String(150), primary_key=True),
    Column("interaction_id", String(26), nullable=False, info=FIXED),
    Column("kind", String(10), nullable=False),
    Column("agent_id", String(26)),
    Column("started_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("ended_at", Instant),
    Column("cause", Integer),
    Column("result", String(20), nullable=False, default=""),
    Index("legs_interaction", "interaction_id"),
)

_KEEP_TEXTS = {"disposition", "note", "note_saved_at"}  # written by use cases only, never by an image


def interaction_row(item: Interaction) -> dict[str, Any]:
    """Return the interaction's image as of now."""
    return {
        "id": item.interaction_id,
        "medium": "voice",
        "direction": item.direction.value,
        "server_id": item.server_id,
        "leg_id": item.leg_id,
        "linked_id": item.linked_id,
        "caller_number": _stored(item.caller_number, 80),
        "caller_name": _stored(item.caller_name, 200),
        "dialed": _stored(item.dialed, 80),
        "phase": item.phase.value,
        "choices": list(item.choices),
        "vip": item.vip,
        "person_id": item.person_id,
        "queue_id": item.visit.queue_id if item.visit else None,
        "arrived_at": item.arrived_at,
        "ended_at": item.ended_at,
        "outcome": item.outcome.value if item.outcome else None,
        "end_reason": item.end_reason,
        "is_over": item.is_over,
    }


def _stored(text: str, longest: int) -> str:
    """Return what a column takes of a text from outside; Postgres keeps no NUL."""
    return text.replace("\x00", "")[:longest]


def visit_row(item: Interaction, visit: Visit) -> dict[str, Any]:
    """Return the visit's image."""
    return {
        "id": visit.visit_id,
        "interaction_id": item.interaction_id,
        "queue_id": visit.queue_id,
        "priority": visit.priority,
        "skills": dict(visit.skills),
        "entered_at": visit.entered_at,
        "ended_at": visit.ended_at,
        "end": visit.end.value if visit.end else None,
        "wait_time": (visit.ended_at - visit.entered_at).total_seconds() if visit.ended_at else None,
    }


def segment_row(item: Interaction, segment: Segment) -> dict[str, Any]:
    """Return the segment's image without the agent's texts."""
    return {
        "id": segment.segment_id,
        "interaction_id": item.interaction_id,
        "visit_id": segment.visit_id,
        "queue_id": segment.queue_id,
        "agent_id": segment.agent_id,
        "alerted_at": segment.alerted_at,
        "answered_at": segment.answered_at,
        "ended_at": segment.ended_at,
        "ended_by": segment.ended_by.value if segment.ended_by else None,
        "talk_time": segment.talk_time,
        "hold_time": segment.hold_time,
        "holds": segment.holds,
        "held_since": segment.held_since,
        "transferred_to": segment.transferred_to,
        "wrap_up_until": segment.wrap_up_until,
        "wrap_up_ended_at": segment.wrap_up_ended_at,
        "extensions": segment.extensions,
    }


def customer_leg_row(item: Interaction) -> dict[str, Any]:
    """Return the image of the customer's leg while it is up."""
    return {
        "server_id": item.server_id,
        "id": item.leg_id,
        "interaction_id": item.interaction_id,
        "kind": "customer",
        "agent_id": None,
        "started_at": item.arrived_at,
    }


def agent_leg_row(item: Interaction, segment: Segment) -> dict[str, Any]:
    """Return the image of an agent's leg that was connected."""
    return {
        "server_id": item.server_id,
        "id": segment.segment_id,
        "interaction_id": item.interaction_id,
        "kind": "agent",
        "agent_id": segment.agent_id,
        "started_at": segment.alerted_at,
        "answered_at": segment.answered_at,
        "ended_at": segment.ended_at,
        "result": "answered",
    }


def alert_leg_row(item: Interaction, alert: Alert, at: datetime, failure: str) -> dict[str, Any]:
    """Return the image of an agent's leg that never was."""
    return {
        "server_id": item.server_id,
        "id": alert.reservation_id,
        "interaction_id": item.interaction_id,
        "kind": "agent",
        "agent_id": alert.agent_id,
        "started_at": alert.alerted_at,
        "ended_at": at,
        "result": failure,
    }


def save_texts(tx: Transaction, segment_id: str, agent_id: AgentId, texts: Mapping[str, Any]) -> bool:
    """Write an agent's disposition or note to his own segment; False when there is no such segment."""
    unknown = set(texts) - _KEEP_TEXTS
    if unknown:
        raise ValueError(f"not a text of a segment: {unknown}")
    own = and_(segments.c.id == segment_id, segments.c.agent_id == agent_id)
    return bool(tx.execute(update(segments).where(own).values(**texts)).rowcount)


# ------------------------------------------------------------------ reading


def visible(principal: Principal, scope: Scope, team_agents: Sequence[AgentId]) -> ColumnElement[bool]:
    """Return the condition for interactions the caller may see: own segments, the team's, or all.

    ``team_agents`` are the agents of the caller's teams; supervisors see waiting and abandoned calls too.
    """
    if scope >= Scope.SITE:
        return true()
    agents = [*team_agents] if scope is Scope.TEAM else [principal.agent_id] if principal.agent_id else []
    handled = exists().where(segments.c.interaction_id == interactions.c.id, segments.c.agent_id.in_(agents))
    nobody = ~exists().where(segments.c.interaction_id == interactions.c.id)
    if scope is Scope.TEAM:
        return or_(handled, nobody)
    return handled if agents else false()


def find(connection: Connection, interaction_id: str, condition: ColumnElement[bool]) -> Row[Any] | None:
    """Return one interaction's row if the condition lets the caller see it."""
    return connection.execute(select(interactions).where(interactions.c.id == interaction_id, condition)).first()


def search(
    connection: Connection,
    condition: ColumnElement[bool],
    *,
    before: str | None = None,
    limit: int = 50,
    person_id: str | None = None,
    agent_id: str | None = None,
    queue_id: str | None = None,
    outcome: str | None = None,
) -> Sequence[Row[Any]]:
    """Return up to ``limit`` interactions, newest first; ``before`` is the id the previous page ended with."""
    table = interactions.c
    statement = select(interactions).where(condition).order_by(table.id.desc()).limit(limit)
    if before:
        statement = statement.where(table.id < before)
    for column, value in ((table.person_id, person_id), (table.queue_id, queue_id), (table.outcome, outcome)):
        if value:
            statement = statement.where(column == value)
    if agent_id:
        by_agent = exists().where(segments.c.interaction_id == table.id, segments.c.agent_id == agent_id)
        statement = statement.where(by_agent)
    return connection.execute(statement).all()


def parts(connection: Connection, table: Table, interaction_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the visits, segments or legs of these interactions, oldest first."""
    started = {"visits": "entered_at", "segments": "answered_at", "legs": "started_at"}[table.name]
    chosen = table.c.interaction_id.in_(list(interaction_ids))
    return connection.execute(select(table).where(chosen).order_by(table.c[started], table.c.id)).all()


def find_segment(connection: Connection, segment_id: str) -> Row[Any] | None:
    """Return one segment's row."""
    return connection.execute(select(segments).where(segments.c.id == segment_id)).first()


def person_of(connection: Connection, interaction_id: str) -> str | None:
    """Return the person of a contact, None for nobody's."""
    table = interactions.c
    person_id: str | None = connection.execute(select(table.person_id).where(table.id == interaction_id)).scalar()
    return person_id


def nobodys_callers(connection: Connection, after: str, limit: int) -> Sequence[Any]:
    """Return (id, caller_number) of contacts that are nobody's and have a number, with ids above ``after``."""
    table = interactions.c
    nobodys = select(table.id, table.caller_number).where(table.person_id.is_(None), table.caller_number != "")
    return connection.execute(nobodys.where(table.id > after).order_by(table.id).limit(limit)).all()


def erase_person(tx: Transaction, person_id: PersonId, also: Collection[str]) -> Collection[str] | None:
    """Remove numbers, names and notes of a person's contacts and of those in ``also``; return the ids of all.

    Returns None, with nothing changed, while one of them goes on.
    """
    table = interactions.c
    his = set(tx.execute(select(table.id).where(table.person_id == person_id)).scalars()) | set(also)
    parts = [sorted(his)[first : first + PART] for first in range(0, len(his), PART)]
    for part in parts:
        goes_on = select(table.id).where(table.id.in_(part), table.is_over.is_(False))
        if tx.execute(goes_on.limit(1)).first() is not None or callback_store.is_open(tx, person_id, part):
            return None
    for part in parts:
        tx.execute(update(segments).where(segments.c.interaction_id.in_(part)), {"note": ""})
        tx.execute(update(interactions).where(table.id.in_(part)), {"caller_number": "", "caller_name": ""})
        callback_store.erase(tx, person_id, part)
    return his


def open_rows(connection: Connection) -> Sequence[Row[Any]]:
    """Return every interaction that is not over: what a restart has to take up again."""
    statement = select(interactions).where(interactions.c.is_over.is_(False)).order_by(interactions.c.arrived_at)
    return connection.execute(statement).all()


def heard_until(connection: Connection, server_id: ServerId) -> tuple[datetime, str] | None:
    """Return when a PBX was last heard by a process of ours, and the start of its run then; None if it never was.

    That is when it last had anything to say before the link went down; what the command line wrote, and a process that
    never got a link, tell nothing of it. One that had its link for less than ``SETTLED`` may have ended before it
    wrote down the calls it had missed: then what was heard before it counts.
    """
    table = events_table.c
    of_link = (table.subject == server_id, table.kind == PbxLinkChanged.kind)
    rows = connection.execute(
        select(table.seq, table.at, table.data).where(*of_link).order_by(table.seq.desc()).limit(LINKS_BACK)
    ).all()
    found, below = None, None
    for row in rows:
        told = json.loads(row.data)
        if told["up"]:
            heard = select(table.at).where(table.kind.in_(_HEARD), table.seq >= row.seq)
            if below is not None:
                heard = heard.where(table.seq < below)
            last = connection.execute(heard.order_by(table.seq.desc()).limit(1)).scalar_one()
            found = last, told.get("pbx_started", "")
            if last - row.at >= SETTLED:
                break
        below = row.seq
    return found


def known_legs(connection: Connection, server_id: ServerId, leg_ids: Sequence[LegId]) -> set[LegId]:
    """Return those of these callers' legs that have an interaction."""
    found: set[LegId] = set()
    for first in range(0, len(leg_ids), 500):
        some = interactions.c.leg_id.in_(leg_ids[first : first + 500])
        rows = connection.execute(select(interactions.c.leg_id).where(interactions.c.server_id == server_id, some))
        found.update(rows.scalars())
    return found


# On the path of a call.
_latest = segments.alias("latest")
_OWN = and_(interactions.c.person_id == bindparam("person_id"), interactions.c.id != bindparam("but"))
_LAST_SEGMENT = (
    select(_latest.c.id)
    .where(_latest.c.interaction_id == interactions.c.id)
    .order_by(_latest.c.answered_at.desc())
    .limit(1)
    .correlate(interactions)
    .scalar_subquery()
)
_LATEST_IDS = (
    select(interactions.c.id)
    .where(_OWN)
    .order_by(interactions.c.arrived_at.desc())
    .limit(bindparam("most", type_=Integer))
)
_HISTORY = Prepared(
    select(
        *(interactions.c[name] for name in ("id", "arrived_at", "medium", "direction", "outcome", "queue_id")),
        *(segments.c[name] for name in ("agent_id", "talk_time", "disposition", "note")),
    )
    .select_from(interactions.outerjoin(segments, segments.c.id == _LAST_SEGMENT))
    .where(interactions.c.id.in_(_LATEST_IDS))
    .order_by(interactions.c.id.desc())
)
_HISTORY_TOTAL = Prepared(
    select(func.count().label("total")).select_from(select(interactions.c.id).where(_OWN).limit(1000).subquery())
)


def history_queries(person_id: PersonId | None, limit: int, but: InteractionId) -> tuple[Query[list[Any]], Query[int]]:
    """Return the questions for a person's latest interactions with their last segment, and for their number."""
    whose = {"person_id": person_id or "", "but": but}
    latest: Query[list[Any]] = Query(_HISTORY, {**whose, "most": limit}, list)
    return latest, Query(_HISTORY_TOTAL, whose, lambda rows: int(rows[0].total))


def decisions(connection: Connection, interaction_id: InteractionId) -> list[dict[str, Any]]:
    """Return the reasons kept with each reservation of an interaction, oldest first."""
    table = events_table.c
    statement = (
        select(table.seq, table.at, table.data)
        .where(table.subject == interaction_id, table.kind == "reservation-made")
        .order_by(table.seq)
    )
    return [{"seq": row.seq, "at": row.at, **json.loads(row.data)} for row in connection.execute(statement)]


def day_figures(connection: Connection, since: Any) -> Sequence[Any]:
    """Return every caller's visit that began at or after ``since``: queue, begin, end and wait, for today's figures."""
    table = visits.c
    statement = select(table.queue_id, table.entered_at, table.ended_at, table.end, table.wait_time)
    of_caller = (table.interaction_id == interactions.c.id, interactions.c.direction == Direction.INBOUND.value)
    return connection.execute(statement.where(table.entered_at >= since, *of_caller)).all()
