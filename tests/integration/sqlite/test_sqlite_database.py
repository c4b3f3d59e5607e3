import asyncio
import contextlib
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from contactcenter.core import database as core
from contactcenter.core import sqlite_database as module
from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import Unavailable
from contactcenter.core.events import Envelope, Event, event, events_table, journal_table, metadata
from contactcenter.core.ids import SiteId
from contactcenter.core.publisher import events_after
from contactcenter.core.sqlite_database import SqliteDatabase
from tests.source import ROOT

NOW = ManualClock().now()


@event("test-thing-happened", subject="thing_id")
@dataclass(frozen=True, slots=True)
class ThingHappened(Event):
    """A thing happened."""

    thing_id: str


def opened(path):
    database = SqliteDatabase(path / "test.db", ManualClock(), SiteId("main"))
    metadata.create_all(database.engine, tables=[events_table, journal_table])
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)")
    return database


@pytest.fixture
async def database(tmp_path):
    made = opened(tmp_path)
    await made.open()
    yield made
    await made.close()


def add(name, *events):
    def work(tx):
        tx.connection.exec_driver_sql("INSERT INTO things VALUES (?)", (name,))
        for one in events:
            tx.record(ThingHappened(one))
        return name

    return work


def told(*names):
    return [Envelope(ThingHappened(name), NOW) for name in names]


async def things(database):
    return await database.read(lambda c: [row[0] for row in c.exec_driver_sql("SELECT name FROM things ORDER BY 1")])


async def journal(database, after=0):
    found = await database.read(lambda c: events_after(c, after, 1000))
    return [(one.seq, one.event.thing_id) for one in found]


def count_commits(database, delay=0.0):
    commits = []

    @sqlalchemy_event.listens_for(database.engine, "commit")
    def _on_commit(connection):
        time.sleep(delay)
        commits.append("commit")

    return commits


@contextlib.contextmanager
def busy_writer(database):
    """Keep the writer inside a unit, so that what is queued meanwhile becomes one batch."""
    release = threading.Event()
    database._queue.put(core.Unit(lambda tx: release.wait(5) and None, (), None))
    try:
        yield
    finally:
        release.set()


# ------------------------------------------------------------------ one commit


async def test_the_answer_comes_after_the_commit(database):
    order = count_commits(database, delay=0.05)
    await database.write(add("a"))
    order.append("answer")
    assert order == ["commit", "answer"]


async def test_units_queued_together_share_a_commit(database):
    commits = count_commits(database)
    with busy_writer(database):
        writes = [asyncio.ensure_future(database.write(add(f"t{n:02}", f"e{n:02}"))) for n in range(50)]
        await asyncio.sleep(0.05)
    await asyncio.gather(*writes)
    assert len(commits) <= 2  # the one that kept the writer busy, and all the others
    assert await journal(database) == [(n + 1, f"e{n:02}") for n in range(50)]


async def test_each_read_sees_what_is_committed_by_then_also_after_one_that_failed(database):
    """Reading connections stay open; a read half done must not leave its snapshot to the next."""

    def fail_half_way(connection):
        rows = connection.exec_driver_sql("SELECT name FROM things")
        raise LookupError(rows.fetchone()[0])

    count, kept = "SELECT count(*) FROM things", []
    for number in range(1, 3 * module.READERS + 1):
        await database.write(add(f"thing {number}"))
        assert await database.read(lambda c: c.exec_driver_sql(count).scalar()) == number
        with pytest.raises(LookupError, match="thing 1") as caught:
            await database.read(fail_half_way)
        kept.append(caught.value)  # and its frames, and their cursor


def thread_of(connection):
    connection.exec_driver_sql("SELECT name FROM things").all()
    return threading.current_thread().name


async def test_a_look_up_is_answered_in_the_loop_and_sees_what_is_committed_by_then(database):
    names = "SELECT name FROM things ORDER BY name"
    for number in range(3):
        await database.write(add(f"thing {number}"))
        found = await database.look_up(lambda c: c.exec_driver_sql(names).scalars().all())
        assert found == [f"thing {one}" for one in range(number + 1)]
    assert await database.look_up(thread_of) == threading.current_thread().name


@pytest.mark.parametrize(
    ("took", "read", "worked", "place"),
    [
        (1.0, 8, 0.0, "reader"),
        (1.0, 0, 0.0, "Main"),
        (0.004, 8, 0.0, "Main"),
        (1.0, 0, 0.021, "reader"),
        (1.0, 0, 0.019, "Main"),
    ],
    ids=["slow disk", "no processor", "quick disk", "much work", "some work"],
)
async def test_after_a_look_up_that_took_long_the_next_ones_leave_the_loop(
    database, monkeypatch, took, read, worked, place
):
    loop = asyncio.get_running_loop()
    now, spent = loop.time(), (0, 0.0)

    def slow(connection):
        nonlocal now, spent
        now, spent = now + took, (read, worked)
        return thread_of(connection)

    monkeypatch.setattr(module, "thread_spent", lambda: spent)
    monkeypatch.setattr(loop, "time", lambda: now)
    assert (await database.look_up(slow)).startswith("Main")
    assert (await database.look_up(thread_of)).startswith(place)
    now += module.SLOW_FOR
    assert (await database.look_up(thread_of)).startswith("Main")


def busy_error():
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


@pytest.mark.parametrize(
    "refusal", [busy_error(), OperationalError("SELECT", {}, busy_error())], ids=["driver's", "SQLAlchemy's"]
)
async def test_a_look_up_waits_for_no_lock_in_the_loop(database, refusal):
    """Another program may hold the file for itself: the thread waits for it, the loop goes on."""
    refusals = [refusal]

    def refused_once(connection):
        if refusals:
            raise refusals.pop()
        return thread_of(connection)

    assert await database.look_up(lambda c: c.exec_driver_sql("PRAGMA busy_timeout").scalar()) == 0
    assert (await database.look_up(refused_once)).startswith("reader")
    assert (await database.look_up(thread_of)).startswith("reader"), "for a while"


async def test_a_file_that_cannot_be_opened_at_once_is_the_threads_business(database, monkeypatch):
    def refused(*given, **named):
        raise busy_error()

    monkeypatch.setattr(module, "open_engine", refused)
    assert (await database.look_up(thread_of)).startswith("reader")


async def test_of_many_look_ups_one_is_made_in_a_loop_turn(database):
    turn, turns = 0, []

    def count():
        nonlocal turn
        turn += 1
        asyncio.get_running_loop().call_soon(count)

    asyncio.get_running_loop().call_soon(count)
    await asyncio.gather(*[database.look_up(lambda c: turns.append(turn)) for _ in range(10)])
    assert len(set(turns)) == 10


async def test_a_look_up_that_cannot_work_says_so(database):
    with pytest.raises(OperationalError, match="no such table"):
        await database.look_up(lambda c: c.exec_driver_sql("SELECT * FROM no_such_things").all())
    assert await database.look_up(thread_of) == threading.current_thread().name


# ------------------------------------------------------------------ the tail


async def test_the_tail_waits_for_company_and_a_caller_does_not(database, monkeypatch):
    monkeypatch.setattr(module, "LINGER", 30.0)
    commits = count_commits(database)
    for n in range(3):
        database.write_behind(told(f"e{n}"))
    async with asyncio.timeout(5):
        await database.write(add("a", "e3"))
    assert len(commits) == 1
    assert [name for _, name in await journal(database)] == ["e0", "e1", "e2", "e3"]


# ------------------------------------------------------------------ a disk that refuses


@contextlib.contextmanager
def locked(database):
    """Another process holds the write lock: every commit of ours is refused."""
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
async def impatient(database, monkeypatch):
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.02)
    await database.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout=1") and None)
    return database


async def test_a_refused_caller_is_told_and_the_tail_is_kept_and_tried_again(impatient):
    with locked(impatient):
        impatient.write_behind(told("e1"), lambda tx: add("kept")(tx) and None)
        with pytest.raises(Unavailable, match="store-unavailable"):
            await impatient.write(add("refused", "never"))
        assert "locked" in impatient.degraded
        assert (impatient.seq, impatient.pending) == (0, 1)
        impatient.write_behind(told("e2"))
    await asyncio.sleep(0.1)
    await impatient.write(add("after", "e3"))
    assert await journal(impatient) == [(1, "e1"), (2, "e2"), (3, "e3")]
    assert await things(impatient) == ["after", "kept"]
    assert (impatient.degraded, impatient.failed_units) == ("", 0)


async def test_the_backlog_is_bounded_and_what_falls_out_is_counted(impatient, monkeypatch):
    monkeypatch.setattr(core, "MAX_BACKLOG", 3)
    with locked(impatient):
        for n in range(5):
            impatient.write_behind(told(f"e{n}"))
        with pytest.raises(Unavailable):
            await impatient.write(add("x"))
    await asyncio.sleep(0.1)
    await impatient.flush()
    assert [name for _, name in await journal(impatient)] == ["e2", "e3", "e4"]
    assert impatient.failed_units == 2


async def test_a_full_disk_refuses_and_harms_nothing(database):
    def limit(tx):
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await database.write(add("a", "e1"))
    await database.write(limit)
    with pytest.raises(Unavailable, match="store-unavailable"):
        await database.write(add("b" * 20_000, "never"))
    assert "full" in database.degraded
    await database.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=1000000") and None)
    await database.write(add("c", "e2"))
    assert await journal(database) == [(1, "e1"), (2, "e2")]
    assert database.degraded == ""


# ------------------------------------------------------------------ after an end


KILLED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.sqlite.test_sqlite_database import add, opened

async def main():
    database = opened(Path(sys.argv[1]))
    await database.open()
    number = 0
    while True:
        number += 1
        await asyncio.gather(*(database.write(add(f"{number}-{n}", f"{number}-{n}")) for n in range(4)))
        print(number, flush=True)

asyncio.run(main())
"""


async def test_what_was_answered_survives_kill_9(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), str(ROOT), stdout=asyncio.subprocess.PIPE
    )
    answered = 0
    while answered < 40:
        answered = int(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = (await process.stdout.read()).split()
    await process.wait()
    answered = int(rest[-1]) if rest else answered
    survivor = opened(tmp_path)
    await survivor.open()
    kept = set(await things(survivor))
    assert {f"{number}-{n}" for number in range(1, answered + 1) for n in range(4)} <= kept
    found = await journal(survivor)
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    assert {name for _, name in found} == kept  # never a row without its event, nor an event without its row
    await survivor.close()
