"""A log that cannot be written stops nobody."""

import contextlib
import io
from pathlib import Path

import pytest
import structlog

from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import SiteId
from contactcenter.core.logs import LogStream
from contactcenter.core.sqlite_database import SqliteDatabase
from tests.rig.tables import make_tables

FULL = Path("/dev/full")


@pytest.fixture
def full_log():
    if not FULL.exists():
        pytest.skip("no device that is always full")
    before = structlog.get_config()
    stream = FULL.open("w")
    log = LogStream(stream)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=log))
    yield log
    structlog.configure(**before)
    with contextlib.suppress(OSError):  # what it holds can never be written
        stream.close()


async def test_the_writer_outlives_a_disk_so_full_that_it_cannot_say_so(full_log, tmp_path):
    database = SqliteDatabase(tmp_path / "test.db", ManualClock(), SiteId("main"))
    make_tables(database.engine)
    await database.open()
    real, database._run_batch = database._run_batch, lambda *_: 1 / 0
    with pytest.raises(Unavailable):
        await database.write(lambda tx: None)
    assert full_log.lost
    database._run_batch = real
    assert await database.write(lambda tx: "kept") == "kept"
    await database.close()


def test_what_can_be_written_is():
    stream = io.StringIO()
    log = LogStream(stream)
    assert log.write("told\n") == 5
    log.flush()
    assert (stream.getvalue(), log.lost) == ("told\n", 0)
    stream.close()
    log.write("lost\n")
    assert log.lost == 1
