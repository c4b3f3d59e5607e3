"""Former versions of what administrators set: who made which change when, and the settings after it, whole.

A room keeps a version in the commit of each change, under the ``kind`` of the thing and its id; versions count from 1.
Of a thing that is older than this table the first change keeps what it was before, as ``found``. Settings are the
room's to write and read; users, agents and customers stand in them by their ids only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, Integer, Row, String, Table, func, insert, select

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.paging import Page, Paging, cut

versions_table = Table(
    "setting_versions",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("thing_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(40), nullable=False),
    Column("change", String(20), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
)
_versions = versions_table.c


@dataclass(frozen=True, slots=True)
class Version:
    """One kept version. ``actor`` is the user who made it ('' is the program), ``fields`` what it changed."""

    number: int
    at: datetime
    actor: str
    change: str
    fields: Sequence[str]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a thing: ``change`` is the word of its event."""

    kind: str
    thing_id: str
    change: str
    fields: Sequence[str] = ()


def keep(
    tx: Transaction, change: Change, settings: Mapping[str, Any], actor: str, before: Mapping[str, Any] | None = None
) -> int:
    """Keep the settings after a change and return the version's number; call it after the thing's row was written.

    ``before``: what the settings were, kept first when nothing is kept of this thing yet.
    """
    number = _last(tx.connection, change) + 1
    if number == 1 and before is not None:
        _insert(tx, Change(change.kind, change.thing_id, "found"), 1, before, "")
        number = 2
    _insert(tx, change, number, settings, actor)
    return number


def list_versions(connection: Connection, kind: str, thing_id: str, paging: Paging) -> Page[Version]:
    """Return the versions of a thing, the newest first."""
    query = select(versions_table).where(_versions.kind == kind, _versions.thing_id == thing_id)
    before = paging.key(int)
    if before is not None:
        query = query.where(_versions.version < before[0])
    rows = connection.execute(query.order_by(_versions.version.desc()).limit(paging.limit + 1))
    return cut(_all(rows), paging.limit, lambda version: (version.number,))


def find_version(connection: Connection, kind: str, thing_id: str, number: int) -> Version | None:
    """Return one version of a thing."""
    query = select(versions_table).where(
        _versions.kind == kind, _versions.thing_id == thing_id, _versions.version == number
    )
    found = _all(connection.execute(query))
    return found[0] if found else None


def differing(before: object, after: object, names: Iterable[str]) -> tuple[str, ...]:
    """Return which of these attributes differ, in order of the names."""
    return tuple(sorted(name for name in names if getattr(before, name) != getattr(after, name)))


def _last(connection: Connection, change: Change) -> int:
    query = select(func.max(_versions.version)).where(
        _versions.kind == change.kind, _versions.thing_id == change.thing_id
    )
    return connection.execute(query).scalar() or 0


def _insert(tx: Transaction, change: Change, number: int, settings: Mapping[str, Any], actor: str) -> None:
    row = {
        "kind": change.kind,
        "thing_id": change.thing_id,
        "version": number,
        "at": tx.now,
        "actor": actor,
        "change": change.change,
        "fields": list(change.fields),
        "settings": dict(settings),
    }
    tx.execute(insert(versions_table), row)


def _all(rows: Iterable[Row[Any]]) -> list[Version]:
    return [Version(row.version, row.at, row.actor, row.change, tuple(row.fields), row.settings) for row in rows]
