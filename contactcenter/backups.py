"""``contactcenter backup | restore``: the database to one file and back.

A backup is taken beside the running server. A restore wants the server stopped, loads into a file of its own beside the
database and puts it in its place at the very end, so that whatever goes wrong before leaves everything as it was.
"""

import contextlib
import os
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contactcenter.core import backup, database_file
from contactcenter.core.archive import ArchiveReader, ArchiveWriter, Manifest, reading
from contactcenter.core.clock import SystemClock
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.sqlite_database import open_engine
from contactcenter.data_lock import DataLock
from contactcenter.settings import Settings

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
    if not settings.database_file.exists():
        raise Unavailable("migration-missing", {"do": "contactcenter migrate"})
    if file.exists():
        raise Conflict("backup-file-exists", {"file": str(file)})
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
    try:
        manifest = _write(settings.database_file, part, Progress(say))
        database_file.name_anew(part, file)  # never over a file that came meanwhile
    except FileExistsError:
        raise Conflict("backup-file-exists", {"file": str(file)}) from None
    except OSError as error:
        raise Unavailable("backup-not-written", {"file": str(file), "reason": error.strerror or str(error)}) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return manifest


def _write(database: Path, part: Path, progress: Progress) -> Manifest:
    with database_file.open_new(part) as stream, database_file.snapshot(database) as connection:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            created_at = SystemClock().now().isoformat(timespec="seconds")
            manifest = backup.dump(connection, ArchiveWriter(archive), created_at, progress)
        stream.flush()
        os.fsync(stream.fileno())
    return manifest


def restore(settings: Settings, file: Path, say: Say, *, replace: bool) -> tuple[Manifest, Path | None]:
    """Make the database what ``file`` holds. Returns its manifest and where the former database is kept, if any.

    Raises Conflict ``data-in-use`` (a server runs), ``data-not-empty`` (unless ``replace``), ``backup-newer``; Invalid
    ``backup-damaged``; Unavailable ``store-unavailable``. After any of them, and after a kill, the database is as
    before.
    """
    database = settings.database_file
    with DataLock(settings.data), reading(file) as reader:
        has_data = database.exists() and not _is_empty(database)
        if has_data and not replace:
            raise Conflict("data-not-empty", {"data": str(settings.data)})
        new = database.with_name(f"{database.name}.restoring")
        database_file.discard(new)  # of a restore that was killed
        try:
            _load(new, reader, Progress(say))
            if database.exists():
                database_file.seal(database)
            now = SystemClock().now()
            aside = database.with_name(f"{database.name}.before-restore-{now:%Y%m%dT%H%M%S%fZ}") if has_data else None
            database_file.exchange(new, database, aside)
        except OSError as error:
            raise Unavailable("store-unavailable", {"reason": error.strerror or str(error)}) from None
        finally:
            database_file.discard(new)
        return reader.manifest, aside


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
