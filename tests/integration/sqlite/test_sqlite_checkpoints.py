"""The log's way into the file: beside the writer, to the end also while he never rests, and again after a fault."""

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        except sqlite3.OperationalError:
            return 0  # not even the table


def pages(connection: sqlite3.Connection) -> int:
    """How long the log is."""
    return int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])


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


def test_a_fault_is_told_once_and_so_is_its_end(path: Path) -> None:
    class Full:
        def execute(self, statement: str) -> Any:
            raise sqlite3.OperationalError("database or disk is full")

    checkpoints = Checkpoints(path)
    with capture_logs() as told, opened(path) as beside:
        checkpoints.copy(Full())  # type: ignore[arg-type]
        checkpoints.copy(Full())  # type: ignore[arg-type]
        checkpoints.copy(beside)
        checkpoints.copy(beside)
    assert [one["event"] for one in told] == ["checkpoints-fail", "checkpoints-go-on"]


async def test_no_commit_copies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself would, in the commit that finds a thousand pages."""
    monkeypatch.setattr(sqlite_checkpoints, "EVERY", 1_000_000)
    with opened(path) as connection:
        connection.executescript(
            "CREATE TABLE t (n); CREATE TABLE events (seq INTEGER); CREATE TABLE journal (site_id, epoch, created_at);"
        )
    database = SqliteDatabase(path, ManualClock(), SiteId("main"))
    await database.open()
    for _ in range(2):
        await database.write(lambda tx: tx.execute(text("INSERT INTO t VALUES (zeroblob(3000000))")) and None)
    assert in_the_file(path) == 0
    await database.close()
    assert in_the_file(path) == 2
