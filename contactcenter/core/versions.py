"""Former versions of what administrators set: who made which change when, and the settings after it, whole.

A room keeps a version in the commit of each change, under the ``kind`` of the thing and its id; versions count from 1.
Of a thing that is older than this table the first change keeps what it was before, as ``found``. Settings are the
room's to write and read; users, agents and customers stand in them by their ids only.

The latest number is the thing's version: who changes what he read names it, and is refused when it is another by then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Connection, Integer, Row, String, Table, func, insert, select

from contactcenter.core.database import Transaction
from contactcenter.core.errors import Stale
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
    """What is done to a thing: ``change`` is the word of its event.

    ``of``: the version it was made of, None for whichever is there.
    """

    kind: str
    thing_id: str
    change: str
    fields: Sequence[str] = ()
    of: int | None = None


def number_of(kind: str, thing_id: ColumnElement[str]) -> ColumnElement[int]:
    """Return the column ``version`` of a select of things: the latest version's number, 0 when none is kept."""
    last = select(func.max(_versions.version)).where(_versions.kind == kind, _versions.thing_id == thing_id)
    return func.coalesce(last.scalar_subquery(), 0).label("version")


def check(connection: Connection, change: Change) -> None:
    """Raise Stale ``changed-meanwhile`` when the thing has another version than the change was made of.

    Call it in the unit that writes, before it does: units run one after the other, so nothing comes in between.
    """
    last = _last(connection, change) if change.of is not None else None
    if last == change.of:
        return
    query = select(versions_table).where(_versions.kind == change.kind, _versions.thing_id == change.thing_id)
    since = _all(connection.execute(query.where(_versions.version > change.of).order_by(_versions.version)))
    told: dict[str, Any] = {"version": last}
    if since:
        fields = sorted({name for version in since for name in version.fields})
        told |= {"by": since[-1].actor, "at": since[-1].at.isoformat(timespec="milliseconds"), "fields": fields}
    raise Stale("changed-meanwhile", told)


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
