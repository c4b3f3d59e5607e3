"""The SQLite file as a whole: sealed (all of it in one file, on the disk) and put in another's place.

Where a file system has no hard links, a file is copied or moved instead, with the same promises.

The write-ahead log belongs to the file it stands beside: left behind beside another one it would spoil that. So a file
is moved only when it is sealed.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import Connection

from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.sqlite_database import open_engine

PATIENCE: Final = 5.0
"""Seconds another program may take to end what it is in the midst of."""
_COMPANIONS: Final = ("-wal", "-shm", "-journal")
_BEYOND_REPAIR: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextmanager
def snapshot(path: Path) -> Iterator[Connection]:
    """Yield a connection that sees one state while others write. Raises Unavailable ``store-unavailable``."""
    engine = open_engine(path, readonly=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")  # our engines leave transactions to us
            yield connection
    except sqlite3.DatabaseError as error:
        raise Unavailable("store-unavailable", {"reason": str(error)}) from None
    finally:
        engine.dispose()


def discard(path: Path) -> None:
    """Remove the file and what stands beside it; idempotent."""
    for one in (path, *_beside(path)):
        one.unlink(missing_ok=True)


def seal(path: Path) -> None:
    """Bring everything into the one file and onto the disk; a file that is no database any more stays as it is.

    Raises Conflict ``data-in-use`` while another program is in the midst of something, Unavailable
    ``store-unavailable``.
    """
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
            is_busy = bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in _BEYOND_REPAIR:
            return
        raise Unavailable("store-unavailable", {"reason": str(error)}) from None
    if is_busy:
        raise Conflict("data-in-use", {"data": str(path.parent), "process": ""})
    _sync(path)


def exchange(new: Path, path: Path, aside: Path | None) -> None:
    """Put the sealed ``new`` in the place of ``path``, which is kept as ``aside`` if a name is given.

    At every moment one of the two whole files is at ``path``. Raises OSError, and ``path`` is as before.
    """
    if aside is not None:
        _keep(path, aside)
        for one in _beside(path):  # only of a file that could not be sealed
            if one.exists():
                one.rename(aside.with_name(aside.name + one.name.removeprefix(path.name)))
    new.replace(path)
    _sync(path.parent)


def _keep(path: Path, aside: Path) -> None:
    """Have the same under another name, too."""
    with contextlib.suppress(OSError):
        os.link(path, aside)
        return
    copy = open_new(aside)
    try:
        with path.open("rb") as source, copy:
            shutil.copyfileobj(source, copy)
        give_to_owner(aside)
        _sync(aside)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def name_anew(part: Path, file: Path) -> None:
    """Give a whole file its name. Raises FileExistsError rather than putting it over another; ``part`` may stay."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise
    except OSError:  # no hard links here: whoever makes the name has it, and may put a file over his own empty one
        open_new(file).close()
        try:
            part.replace(file)
        except OSError:
            file.unlink(missing_ok=True)
            raise


def open_new(path: Path) -> BinaryIO:
    """Open a file of one's own for writing. Raises FileExistsError also for a link somebody laid there."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def give_to_owner(path: Path) -> None:
    """Give what root made to the owner of its folder: the server runs as him, and could not open it."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        with contextlib.suppress(PermissionError):  # a file system without owners
            os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
