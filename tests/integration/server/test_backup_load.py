"""Backups of much, and of what changes meanwhile: no unit tests, they take seconds and a real disk."""

import asyncio
import threading
import tracemalloc

from sqlalchemy import insert, text

from contactcenter import backups
from contactcenter.core import database_file
from contactcenter.core.clock import ManualClock
from contactcenter.core.events import events_table
from contactcenter.core.ids import SiteId
from contactcenter.core.sqlite_database import SqliteDatabase, open_engine
from contactcenter.settings import Settings
from contactcenter.users.model import SessionEnded
from tests.integration.sqlite.test_backups import contents, said
from tests.rig.tables import make_tables


async def test_a_backup_beside_a_writer_is_one_state(tmp_path):
    """Each commit writes a skill and an event: whatever the moment, there are as many of one as of the other."""
    settings = Settings(data=tmp_path / "d")
    settings.data.mkdir()
    database = SqliteDatabase(settings.database_file, ManualClock(), SiteId("main"))
    make_tables(database.engine)
    await database.open()
    stop = threading.Event()

    def write(number):
        def work(tx):
            tx.record(SessionEnded(f"n{number}", "session", "signed-out"))
            tx.execute(text("INSERT INTO skills VALUES (:n, :n, '')"), {"n": f"n{number}"})

        return work

    async def keep_writing():
        number = 0
        while not stop.is_set():
            await asyncio.gather(*(database.write(write(number + n)) for n in range(40)))
            number += 40
        return number

    writer = asyncio.create_task(keep_writing())
    counts = []
    try:
        for number in range(4):
            await asyncio.sleep(0.1)
            file = tmp_path / f"{number}.zip"
            await asyncio.to_thread(backups.back_up, settings, file, said)
            copy = Settings(data=tmp_path / f"copy{number}")
            copy.data.mkdir()
            await asyncio.to_thread(backups.restore, copy, file, said, replace=False)
            found = contents(copy.database_file)
            assert {one.id for one in found["skills"]} == {one.subject for one in found["events"]}
            assert [one.seq for one in found["events"]] == list(range(1, len(found["events"]) + 1))
            counts.append(len(found["events"]))
    finally:
        stop.set()
        written = await writer
        await database.close()
    assert 0 < counts[0] < counts[-1] < written, "it was written while the backups were taken"


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """30,000 events are 10 MB of rows."""
    target = Settings(data=tmp_path / "target")
    target.data.mkdir()
    engine = open_engine(target.database_file, readonly=False)
    make_tables(engine)
    data = '{"text": "' + "x" * 250 + '"}'
    values = {"site_id": "main", "kind": "k", "subject": "s", "actor": "", "data": data}
    with engine.begin() as connection:
        rows = [{"seq": n, "at": ManualClock().now(), **values} for n in range(30_000)]
        connection.execute(insert(events_table), rows)
        del rows
    engine.dispose()
    copy = Settings(data=tmp_path / "copy")
    copy.data.mkdir()
    tracemalloc.start()
    try:
        lines = []
        backups.back_up(target, tmp_path / "b.zip", lines.append)
        backups.restore(copy, tmp_path / "b.zip", lines.append, replace=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000, peak
    with database_file.snapshot(copy.database_file) as connection:
        assert connection.execute(text("SELECT count(*), max(seq) FROM events")).one() == (30_000, 29_999)
