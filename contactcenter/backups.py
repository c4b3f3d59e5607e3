"""``contactcenter backup | restore``: the database to one file and back.

A backup is taken beside the running server. A restore wants the server stopped, loads beside the former database (a
file of its own; on Postgres one transaction) and puts the new one in its place at the very end, so that whatever goes
wrong before leaves everything as it was. A backup of either kind of database is restored on either.
"""

import asyncio
import contextlib
import os
import secrets
import zipfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from contactcenter.core import backup, database_file
from contactcenter.core.archive import ArchiveReader, ArchiveWriter, Manifest, reading
from contactcenter.core.clock import SystemClock
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.ids import SiteId
from contactcenter.core.postgres_database import PostgresDatabase
from contactcenter.core.sqlite_database import open_engine
from contactcenter.data_lock import DataLock
from contactcenter.settings import Settings

T = TypeVar("T")

EACH: Final = 250_000
"""Rows between two words about a long table."""
Say = Callable[[str], None]


@dataclass(slots=True)
class Progress:
    """Tells how far it is: one line every ``EACH`` rows."""

    say: Say
    _told: dict[str, int] = field(default_factory=dict)

    def __call__(self, table: str, rows: int) -> None:
        """See ``archive.Tell``."""
        if rows // EACH > self._told.get(table, 0):
            self._told[table] = rows // EACH
            self.say(f"{table}: {rows} rows")


def back_up(settings: Settings, file: Path, say: Say) -> Manifest:
    """Write one consistent state of the database to ``file``, readable by its owner only.

    Raises Unavailable ``migration-missing``, ``backup-not-written``; Conflict ``backup-file-exists``.
    """
    if not settings.database_url.get_secret_value() and not settings.database_file.exists():
        raise Unavailable("migration-missing", {"do": "contactcenter migrate"})
    if file.exists():
        raise Conflict("backup-file-exists", {"file": str(file)})
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
    try:
        manifest = _write(settings, part, Progress(say))
        database_file.name_anew(part, file)  # never over a file that came meanwhile
    except FileExistsError:
        raise Conflict("backup-file-exists", {"file": str(file)}) from None
    except OSError as error:
        raise Unavailable("backup-not-written", {"file": str(file), "reason": error.strerror or str(error)}) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return manifest


def _write(settings: Settings, part: Path, progress: Progress) -> Manifest:
    with database_file.open_new(part) as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            manifest = _dump(settings, ArchiveWriter(archive), progress)
        stream.flush()
        os.fsync(stream.fileno())
    return manifest


def _dump(settings: Settings, writer: ArchiveWriter, progress: Progress) -> Manifest:
    created_at = SystemClock().now().isoformat(timespec="seconds")
    if settings.database_url.get_secret_value():

        async def dump(database: PostgresDatabase) -> Manifest:
            return await database.snapshot(lambda c: backup.dump(c, writer, created_at, progress))

        return _on_server(settings, dump)
    with database_file.snapshot(settings.database_file) as connection:
        return backup.dump(connection, writer, created_at, progress)


def _on_server(settings: Settings, work: Callable[[PostgresDatabase], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        database = PostgresDatabase(settings.database_url.get_secret_value(), SystemClock(), SiteId(settings.site_id))
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def restore(settings: Settings, file: Path, say: Say, *, replace: bool) -> tuple[Manifest, str]:
    """Make the database what ``file`` holds. Returns its manifest and where the former database is kept, '' if nowhere.

    Raises Conflict ``data-in-use`` (a server runs), ``data-not-empty`` (unless ``replace``), ``backup-newer``; Invalid
    ``backup-damaged``; Unavailable ``store-unavailable``. After any of them, and after a kill, the database is as
    before.
    """
    with DataLock(settings.data), reading(file) as reader:
        put_back = _restore_on_server if settings.database_url.get_secret_value() else _restore_file
        return reader.manifest, put_back(settings, reader, Progress(say), replace=replace)


def _restore_on_server(settings: Settings, reader: ArchiveReader, progress: Progress, *, replace: bool) -> str:
    """One transaction; the former tables are kept in a schema of their own."""
    aside = f"before_restore_{SystemClock().now():%Y%m%dt%H%M%S%fz}"

    async def load(database: PostgresDatabase) -> str:
        await database.hold()

        def work(connection: Connection) -> str:
            is_kept = backup.has_rows(connection)
            if is_kept and not replace:
                raise Conflict("data-not-empty", {"data": database.place})
            backup.make_room(connection, aside if is_kept else "")
            backup.load(connection, reader, progress)
            return f"schema {aside}" if is_kept else ""

        return await database.prepare(work)

    return _on_server(settings, load)


def _restore_file(settings: Settings, reader: ArchiveReader, progress: Progress, *, replace: bool) -> str:
    """Loaded into a file of its own, which takes the database's place at the very end."""
    database = settings.database_file
    has_data = database.exists() and not _is_empty(database)
    if has_data and not replace:
        raise Conflict("data-not-empty", {"data": str(settings.data)})
    new = database.with_name(f"{database.name}.restoring")
    database_file.discard(new)  # of a restore that was killed
    try:
        _load(new, reader, progress)
        if database.exists():
            database_file.seal(database)
        now = SystemClock().now()
        aside = database.with_name(f"{database.name}.before-restore-{now:%Y%m%dT%H%M%S%fZ}") if has_data else None
        database_file.exchange(new, database, aside)
    except OSError as error:
        raise Unavailable("store-unavailable", {"reason": error.strerror or str(error)}) from None
    finally:
        database_file.discard(new)
    return str(aside or "")


def _load(new: Path, reader: ArchiveReader, progress: Progress) -> None:
    database_file.open_new(new).close()
    engine = open_engine(new, readonly=False)
    try:
        with engine.begin() as connection:
            backup.load(connection, reader, progress)
    finally:
        engine.dispose()
    database_file.seal(new)
    database_file.give_to_owner(new)


def _is_empty(database: Path) -> bool:
    engine = open_engine(database, readonly=True)
    try:
        return backup.is_empty(engine)
    finally:
        engine.dispose()
