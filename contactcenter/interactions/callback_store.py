"""Table and queries of promises to call back. Rows are images of the live objects, saved whole (``core/images``)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Column, Connection, Index, Integer, Row, String, Table, or_, select, update

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.ids import CallbackId, InteractionId, PersonId, QueueId, ServerId
from contactcenter.core.images import FIXED
from contactcenter.interactions.callbacks import OVER, Callback, CallbackState, CallResult

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("asked_in", String(26), nullable=False, info=FIXED),
    Column("interaction_id", String(26)),
    Column("server_id", String(40), nullable=False, info=FIXED),
    Column("queue_id", String(26), nullable=False, info=FIXED),
    Column("person_id", String(26)),
    Column("number", String(30), nullable=False),
    Column("caller_number", String(80), nullable=False),
    Column("caller_name", String(200), nullable=False),
    Column("dialed", String(80), nullable=False, info=FIXED),
    Column("priority", Integer, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("result", String(20), nullable=False),
    Column("entered_at", Instant, nullable=False, info=FIXED),
    Column("asked_at", Instant, nullable=False, info=FIXED),
    Column("next_at", Instant),
    Column("dialed_at", Instant),
    Column("reached_at", Instant),
    Column("ended_at", Instant),
    Index("callbacks_state", "state", "asked_at"),
    Index("callbacks_asked_in", "asked_in"),
    Index("callbacks_person", "person_id"),
)


def callback_row(one: Callback) -> dict[str, Any]:
    """Return the promise's image as of now."""
    return {
        "id": one.callback_id,
        "asked_in": one.asked_in,
        "interaction_id": one.interaction_id,
        "server_id": one.server_id,
        "queue_id": one.queue_id,
        "person_id": one.person_id,
        "number": one.number,
        "caller_number": one.caller_number.replace("\x00", "")[:80],
        "caller_name": one.caller_name.replace("\x00", "")[:200],
        "dialed": one.dialed.replace("\x00", "")[:80],
        "priority": one.priority,
        "skills": dict(one.skills),
        "choices": list(one.choices),
        "state": one.state.value,
        "attempts": one.attempts,
        "result": one.result.value,
        "entered_at": one.entered_at,
        "asked_at": one.asked_at,
        "next_at": one.next_at,
        "dialed_at": one.dialed_at,
        "reached_at": one.reached_at,
        "ended_at": one.ended_at,
    }


def callback_of(row: Row[Any]) -> Callback:
    """Return the promise a row holds."""
    return Callback(
        CallbackId(row.id),
        InteractionId(row.asked_in),
        ServerId(row.server_id),
        QueueId(row.queue_id),
        row.number,
        row.caller_number,
        row.caller_name,
        row.dialed,
        row.entered_at,
        row.asked_at,
        row.priority,
        dict(row.skills),
        tuple(row.choices),
        PersonId(row.person_id) if row.person_id else None,
        CallbackState(row.state),
        InteractionId(row.interaction_id) if row.interaction_id else None,
        row.attempts,
        row.next_at,
        CallResult(row.result),
        row.dialed_at,
        row.reached_at,
        row.ended_at,
    )


_table = callbacks.c
_OPEN = _table.state.not_in([one.value for one in OVER])


def open_callbacks(connection: Connection) -> list[Callback]:
    """Return every promise that is not over, the oldest first."""
    rows = connection.execute(select(callbacks).where(_OPEN).order_by(_table.asked_at, _table.id))
    return [callback_of(row) for row in rows]


def search(
    connection: Connection, *, is_open: bool | None = None, before: str | None = None, limit: int = 50
) -> list[Callback]:
    """Return up to ``limit`` promises, newest first; ``before`` is the id the previous page ended with."""
    statement = select(callbacks).order_by(_table.id.desc()).limit(limit)
    if is_open is not None:
        statement = statement.where(_OPEN if is_open else ~_OPEN)
    if before:
        statement = statement.where(_table.id < before)
    return [callback_of(row) for row in connection.execute(statement)]


def is_open(tx: Transaction, person_id: PersonId, interaction_ids: Sequence[str]) -> bool:
    """Tell whether somebody is still to be called back: a person, or who called in one of these contacts."""
    statement = select(_table.id).where(_OPEN, _whose(person_id, interaction_ids)).limit(1)
    return tx.execute(statement).first() is not None


def erase(tx: Transaction, person_id: PersonId, interaction_ids: Sequence[str]) -> None:
    """Remove number and name of somebody from what was promised to him."""
    nothing = {"number": "", "caller_number": "", "caller_name": "", "person_id": None}
    tx.execute(update(callbacks).where(_whose(person_id, interaction_ids)), nothing)


def _whose(person_id: PersonId, interaction_ids: Sequence[str]) -> Any:
    his = (_table.asked_in.in_(interaction_ids), _table.interaction_id.in_(interaction_ids))
    return or_(_table.person_id == person_id, *his)
