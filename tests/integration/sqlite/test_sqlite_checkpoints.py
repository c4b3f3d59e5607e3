"""The log's way into the file: beside the writer, to the end also while he never rests, and again after a fault."""

import asyncio
import contextlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from contactcenter.core import sqlite_checkpoints
from contactcenter.core.clock import ManualClock
from contactcenter.core.ids import SiteId
from contactcenter.core.sqlite_checkpoints import Checkpoints
from contactcenter.core.sqlite_database import SqliteDatabase


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        yield connection


def in_the_file(path: Path) -> int:
    """How many rows the file itself holds, without its log."""
    alone = shutil.copy(path, path.with_suffix(".alone"))
    with contextlib.closing(sqlite3.connect(alone)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
        except sqlite3.DatabaseError:
            return 0  # not even the table, or half of it all


def pages(connection: sqlite3.Connection) -> int:
    """How long the log is."""
    return int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])


async def opened_database(path: Path) -> SqliteDatabase:
    with opened(path) as connection:
        connection.executescript(
            "CREATE TABLE t (n); CREATE TABLE events (seq INTEGER); CREATE TABLE journal (site_id, epoch, created_at);"
        )
    database = SqliteDatabase(path, ManualClock(), SiteId("main"))
    await database.open()
    return database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def test_every_so_many_commits_are_copied_by_another_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "EVERY", 5)
    checkpoints = Checkpoints(path)
    with opened(path) as writer:
        writer.execute("CREATE TABLE t (n)")
        for number in range(4):
            writer.execute("INSERT INTO t VALUES (?)", (number,))
            checkpoints.committed(writer)
        assert checkpoints._thread is None, "a thread that nobody needs is not begun"
        writer.execute("INSERT INTO t VALUES (4)")
        checkpoints.committed(writer)
        until = time.monotonic() + 10
        while in_the_file(path) < 5:
            assert time.monotonic() < until
            time.sleep(0.001)
    thread = checkpoints._thread
    checkpoints.close()
    assert thread is not None
    assert not thread.is_alive()


def test_the_log_begins_anew_though_the_writer_never_rests(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "LONG", 50)
    monkeypatch.setattr(sqlite_checkpoints, "FEW", 10)
    checkpoints = Checkpoints(path)
    with opened(path) as writer, opened(path) as beside, opened(path) as reader:
        writer.execute("CREATE TABLE t (n)")
        for number in range(60):
            writer.execute("INSERT INTO t VALUES (?)", (number,))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        writer.execute("INSERT INTO t VALUES (60)")  # as in the middle of a pass: this one is left
        checkpoints.copy(beside)
        reader.execute("ROLLBACK")
        checkpoints.committed(writer)
        writer.execute("INSERT INTO t VALUES (61)")
        assert pages(beside) < 5
    assert in_the_file(path) == 62


def test_a_short_log_is_left_to_itself(path: Path) -> None:
    checkpoints = Checkpoints(path)
    with opened(path) as writer, opened(path) as beside:
        writer.execute("CREATE TABLE t (n)")
        checkpoints.copy(beside)
        asked: list[str] = []
        writer.set_trace_callback(asked.append)
        checkpoints.committed(writer)
        assert asked == []


def test_a_fault_is_told_once_and_so_is_its_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no fault ends the thread."""
    monkeypatch.setattr(sqlite_checkpoints, "EVERY", 1)
    faults = [sqlite3.OperationalError("disk is full"), sqlite3.DatabaseError("malformed"), None, None]
    passes: list[Exception | None] = []

    def copy(connection: sqlite3.Connection) -> None:
        passes.append(fault := faults[len(passes)])
        if fault is not None:
            raise fault

    checkpoints = Checkpoints(path)
    monkeypatch.setattr(checkpoints, "copy", copy)
    with capture_logs() as told, opened(path) as writer:
        for number in range(len(faults)):
            checkpoints.committed(writer)
            until = time.monotonic() + 10
            while len(passes) <= number or checkpoints._due.is_set():
                assert time.monotonic() < until
                time.sleep(0.001)
        checkpoints.close()
    assert [(one["event"], one["error"]) for one in told] == [
        ("checkpoints-fail", "disk is full"),
        ("checkpoints-fail", "malformed"),
        ("checkpoints-go-on", ""),
    ]


def test_a_reader_who_holds_much_back_does_not_make_a_commit_copy_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "LONG", 50)
    monkeypatch.setattr(sqlite_checkpoints, "FEW", 10)
    monkeypatch.setattr(sqlite_checkpoints, "MOST", 200)
    checkpoints = Checkpoints(path)
    with opened(path) as writer, opened(path) as beside, opened(path) as reader:
        writer.execute("CREATE TABLE t (n)")
        for rows, copied in ((100, 0), (200, 300)):  # a log as long as the second is ended all the same
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM t").fetchone()
            for number in range(rows):
                writer.execute("INSERT INTO t VALUES (?)", (number,))
            checkpoints.copy(beside)
            reader.execute("ROLLBACK")
            checkpoints.committed(writer)
            assert in_the_file(path) == copied


async def test_the_database_has_its_log_copied_and_leaves_nobody_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "EVERY", 5)
    database = await opened_database(path)
    for _ in range(5):
        await database.write(lambda tx: tx.execute(text("INSERT INTO t VALUES (1)")) and None)
    until = time.monotonic() + 10
    while in_the_file(path) < 5:
        assert time.monotonic() < until
        await asyncio.sleep(0.001)
    await database.close()
    assert [one.name for one in threading.enumerate() if one.name in ("checkpoints", "writer")] == []
    assert not path.with_name("a.db-wal").exists()


async def test_no_commit_copies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself would, in the commit that finds a thousand pages."""
    monkeypatch.setattr(sqlite_checkpoints, "EVERY", 1_000_000)
    database = await opened_database(path)
    for _ in range(2):
        await database.write(lambda tx: tx.execute(text("INSERT INTO t VALUES (zeroblob(3000000))")) and None)
    assert in_the_file(path) == 0
    await database.close()
    assert in_the_file(path) == 2
