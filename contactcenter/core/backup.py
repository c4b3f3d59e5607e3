"""Tables to a backup and back, on whatever database SQLAlchemy speaks to.

The tables are those the database has, not those this program knows: a backup can be taken before an upgrade, and an
older one is loaded at its own revision and migrated afterwards.

Two tables are left out. ``journal`` names the numbering of events (its epoch): restored numbers will be given out again
for other events, so the numbering is a new one and nobody's old (epoch, seq) is believed. ``sessions``: whoever signed
out since the backup would be signed in again.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import JSON, Connection, Engine, MetaData, Table, insert, literal, select
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from contactcenter.core.archive import BATCH, ArchiveReader, ArchiveWriter, Manifest, Rows, Tell
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.migrations import is_known, migrate, revision_of

LEFT_OUT: Final = frozenset({"journal", "sessions"})
_VERSION: Final = "alembic_version"


def dump(connection: Connection, writer: ArchiveWriter, created_at: str, tell: Tell) -> Manifest:
    """Write every table, parents before their children; ``connection`` sees one state while others write.

    Raises Unavailable ``migration-missing`` without tables, ``store-unavailable`` when they cannot be read.
    """
    try:
        revision = revision_of(connection)
        if revision is None:
            raise Unavailable("migration-missing", {"do": "contactcenter migrate"})
        for table in _tables(connection):
            if table.name not in LEFT_OUT:
                columns = [str(column.name) for column in table.columns]
                writer.write_table(str(table.name), columns, _batches(connection, table), tell)
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
    except OperationalError:
        raise
    except (SQLAlchemyError, TypeError, OverflowError) as error:
        cause = getattr(error, "orig", None) or error
        raise reader.damaged(f"{table.name}: {cause}") from None


def _without_nul(value: Any) -> Any:
    """Postgres keeps no NUL in a text, SQLite does."""
    return value.replace("\x00", "") if isinstance(value, str) else value


def is_empty(engine: Engine) -> bool:
    """Tell whether no table holds a row; what cannot be read is not empty."""
    try:
        with engine.connect() as connection:
            return not has_rows(connection)
    except (DatabaseError, sqlite3.DatabaseError):
        return False


def has_rows(connection: Connection) -> bool:
    """Tell whether a table holds a row; a numbering of events is nothing to lose."""
    return any(_has_rows(connection, one) for one in _tables(connection) if one.name != "journal")


def make_room(connection: Connection, aside: str) -> None:
    """On Postgres: move every table into a schema named ``aside``; without a name, drop them."""
    found = MetaData()
    found.reflect(connection)
    if aside:
        connection.execute(CreateSchema(aside))
        quote = connection.dialect.identifier_preparer.quote
        for table in found.sorted_tables:
            connection.exec_driver_sql(f"ALTER TABLE {quote(table.name)} SET SCHEMA {quote(aside)}")
    else:
        found.drop_all(connection)


def _has_rows(connection: Connection, table: Table) -> bool:
    return connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None


def _tables(connection: Connection) -> list[Table]:
    """Return what the database has, parents first; JSON null and no value are the same in every column of ours."""
    found = MetaData()
    found.reflect(connection)
    tables = [table for table in found.sorted_tables if table.name != _VERSION]
    for column in (column for table in tables for column in table.columns):
        if isinstance(column.type, JSON):
            kind: Any = JSON(none_as_null=True)
            column.type = kind
    return tables
