"""Tables to a backup and back, on whatever database SQLAlchemy speaks to.

The tables are those our steps made up to the database's revision: a backup can be taken before an upgrade, and an older
one is loaded at its own revision and migrated afterwards. Whatever else lies beside them, on a Postgres shared with
others, is somebody else's: neither saved nor touched.

Two tables are left out. ``journal`` names the numbering of events (its epoch): restored numbers will be given out again
for other events, so the numbering is a new one and nobody's old (epoch, seq) is believed. ``sessions``: whoever signed
out since the backup would be signed in again.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import JSON, Connection, Engine, MetaData, Table, create_engine, insert, inspect, select, text
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from contactcenter.core.archive import BATCH, ArchiveReader, ArchiveWriter, Manifest, Rows, Tell
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.migrations import is_known, migrate, newest, revision_of
from contactcenter.core.postgres_database import is_refusal

LEFT_OUT: Final = frozenset({"journal", "sessions"})
_VERSION: Final = "alembic_version"

_LEANING: Final = text(
    """
    WITH ours AS (SELECT c.oid FROM pg_class c
                  WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(:names))
    SELECT DISTINCT v.oid::regclass::text FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class v ON v.oid = r.ev_class
    WHERE d.refobjid IN (SELECT oid FROM ours) AND v.oid NOT IN (SELECT oid FROM ours)
    UNION
    SELECT DISTINCT f.conrelid::regclass::text FROM pg_constraint f
    WHERE f.contype = 'f' AND f.confrelid IN (SELECT oid FROM ours) AND f.conrelid NOT IN (SELECT oid FROM ours)
    ORDER BY 1
    """
)
"""Views, and tables with foreign keys, that hang on tables of ours: https://www.postgresql.org/docs/current/catalogs.html"""


def dump(connection: Connection, writer: ArchiveWriter, created_at: str, tell: Tell) -> Manifest:
    """Write every table, parents before their children; ``connection`` sees one state while others write.

    Raises Unavailable ``migration-missing`` without tables, ``store-unavailable`` when they cannot be read; Conflict
    ``database-newer``: this program does not know which tables are the desk's.
    """
    try:
        revision = revision_of(connection)
        if revision is None:
            raise Unavailable("migration-missing", {"do": "contactcenter migrate"})
        for one in _tables(connection):
            if one.name not in LEFT_OUT:
                columns = [str(column.name) for column in one.columns]
                writer.write_table(str(one.name), columns, _batches(connection, one), tell)
    except DatabaseError as error:
        raise Unavailable("store-unavailable", {"reason": str(error.orig)}) from None
    return writer.finish(revision, created_at)


def _batches(connection: Connection, table: Table) -> Iterator[Rows]:
    query = select(table).order_by(*table.primary_key.columns)
    with connection.execution_options(yield_per=BATCH).execute(query) as result:
        for partition in result.partitions():
            yield [tuple(row) for row in partition]


def load(connection: Connection, reader: ArchiveReader, tell: Tell) -> None:
    """Fill a database without tables, in the caller's transaction, and bring it to the newest version.

    Raises Conflict ``backup-newer``, Invalid ``backup-damaged``, Unavailable ``store-unavailable``.
    """
    if not is_known(reader.manifest.revision):
        raise Conflict("backup-newer", {"revision": reader.manifest.revision})
    try:
        migrate(connection, reader.manifest.revision)
        _fill(connection, reader, tell)
        migrate(connection)
    except OperationalError as error:  # a full disk, for example
        raise Unavailable("store-unavailable", {"reason": str(error.orig)}) from None


def _fill(connection: Connection, reader: ArchiveReader, tell: Tell) -> None:
    manifest = reader.manifest
    tables = {table.name: table for table in _tables(connection) if table.name not in LEFT_OUT}
    if sorted(tables) != sorted(entry.name for entry in manifest.tables):
        raise reader.damaged(f"its tables are not those of {manifest.revision}")
    entries = {entry.name: entry for entry in manifest.tables}
    for name, table in tables.items():
        if sorted(entries[name].columns) != sorted(table.columns.keys()):
            raise reader.damaged(f"the columns of {name} are not those of {manifest.revision}")
        for rows in reader.batches(entries[name], tell):
            _insert(connection, table, entries[name].columns, rows, reader)


def _insert(connection: Connection, table: Table, columns: Sequence[str], rows: Rows, reader: ArchiveReader) -> None:
    try:
        if connection.dialect.name == "postgresql":
            rows = [[_without_nul(value) for value in row] for row in rows]
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
    except (SQLAlchemyError, TypeError, OverflowError) as error:
        if isinstance(error, OperationalError) or is_refusal(error):  # a full disk is not the backup's fault
            raise
        cause = getattr(error, "orig", None) or error
        raise reader.damaged(f"{table.name}: {cause}") from None


def _without_nul(value: Any) -> Any:
    """Postgres keeps no NUL in a text, SQLite does."""
    return value.replace("\x00", "") if isinstance(value, str) else value


def is_empty(engine: Engine) -> bool:
    """Tell whether no table holds a row; what cannot be read, or is not ours, is not empty."""
    try:
        with engine.connect() as connection:
            if revision_of(connection) is None:
                return not inspect(connection).get_table_names()
            return not has_rows(connection)
    except (DatabaseError, sqlite3.DatabaseError, Conflict):
        return False


def has_rows(connection: Connection) -> bool:
    """Tell whether a table of ours holds a row; a numbering of events is nothing to lose.

    Raises Conflict ``database-newer``.
    """
    names = (name for name in _names(connection) if name not in ("journal", _VERSION))
    return any(connection.exec_driver_sql(f'SELECT 1 FROM "{name}" LIMIT 1').first() for name in names)


def make_room(connection: Connection, aside: str) -> None:
    """On Postgres: move every table of ours into a schema named ``aside``; without a name, drop them.

    Raises Conflict ``database-shared`` while somebody's views or foreign keys hang on them (they would go on showing
    the former tables), and when tables of somebody else's bear our names.
    """
    names = _names(connection)
    in_the_way = connection.execute(_LEANING, {"names": names}).scalars().all()
    if not names:
        in_the_way = sorted(_made_at(newest() or "") & set(inspect(connection).get_table_names()))
    if in_the_way:
        raise Conflict("database-shared", {"objects": ", ".join(in_the_way)})
    if aside:
        connection.execute(CreateSchema(aside))
    quote = connection.dialect.identifier_preparer.quote
    for name in map(quote, names):
        move = f"ALTER TABLE {name} SET SCHEMA {quote(aside)}" if aside else f"DROP TABLE {name} CASCADE"
        connection.exec_driver_sql(move)


def _tables(connection: Connection) -> list[Table]:
    """Return what the database has of ours, parents first; JSON null and no value are the same in every column."""
    found = MetaData()
    found.reflect(connection, only=_names(connection), resolve_fks=False)
    tables = [table for table in found.sorted_tables if table.name != _VERSION]
    for column in (column for table in tables for column in table.columns):
        if isinstance(column.type, JSON):
            kind: Any = JSON(none_as_null=True)
            column.type = kind
    return tables


def _names(connection: Connection) -> list[str]:
    """Return the tables of ours that are there, that of the version among them.

    Raises Conflict ``database-newer``.
    """
    revision = revision_of(connection)
    if revision is None:
        return []
    if not is_known(revision):
        raise Conflict("database-newer", {"revision": revision})
    return sorted(_made_at(revision) & set(inspect(connection).get_table_names()))


@cache
def _made_at(revision: str) -> frozenset[str]:
    """Return the names of the tables our steps make up to ``revision``."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            migrate(connection, revision)
            return frozenset(inspect(connection).get_table_names())
    finally:
        engine.dispose()
