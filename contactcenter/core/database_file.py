"""The SQLite file as a whole: sealed (all of it in one file, on the disk) and put in another's place.

The write-ahead log belongs to the file it stands beside: left behind beside another one it would spoil that. So a file
is moved only when it is sealed.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

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

    At every moment one of the two whole files is at ``path``.
    """
    if aside is not None:
        os.link(path, aside)
        for one in _beside(path):  # only of a file that could not be sealed
            if one.exists():
                one.rename(aside.with_name(aside.name + one.name.removeprefix(path.name)))
    new.replace(path)
    _sync(path.parent)


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
