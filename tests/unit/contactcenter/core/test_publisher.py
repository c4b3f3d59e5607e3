from dataclasses import dataclass

import pytest
from sqlalchemy import insert

from contactcenter.core.clock import ManualClock
from contactcenter.core.events import Event, event, events_table, journal_table, metadata
from contactcenter.core.ids import SiteId
from contactcenter.core.publisher import Publisher, events_after
from contactcenter.core.sqlite_database import SqliteDatabase


@event("test-bell-rang", subject="bell_id")
@dataclass(frozen=True, slots=True)
class BellRang(Event):
    """A bell rang."""

    bell_id: str


@pytest.fixture
async def database(tmp_path):
    made = SqliteDatabase(tmp_path / "test.db", ManualClock(), SiteId("main"))
    metadata.create_all(made.engine, tables=[events_table, journal_table])
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def publisher(database):
    return Publisher(database, ManualClock())


def listen(publisher):
    told, numbered = [], []
    publisher.subscribe(lambda envelope: told.append(envelope.event.bell_id))
    publisher.on_numbered(lambda envelopes: numbered.extend((one.seq, one.event.bell_id) for one in envelopes))
    return told, numbered


async def test_an_announcement_is_told_at_once_and_numbered_behind(database, publisher):
    told, numbered = listen(publisher)
    publisher.announce(BellRang("b1"), BellRang("b2"), actor="u1")
    assert (told, numbered) == (["b1", "b2"], [])
    await database.flush()
    assert (told, numbered) == (["b1", "b2"], [(1, "b1"), (2, "b2")])


async def test_events_of_a_write_are_told_after_its_commit(database, publisher):
    told, numbered = listen(publisher)

    def work(tx):
        tx.record(BellRang("b1"))
        return list(told)

    assert await database.write(work) == []
    assert (told, numbered) == (["b1"], [(1, "b1")])


async def test_a_write_that_fails_tells_nobody(database, publisher):
    told, numbered = listen(publisher)

    def work(tx):
        tx.record(BellRang("b1"))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await database.write(work)
    assert (told, numbered) == ([], [])


async def test_a_listener_that_fails_harms_no_other_and_no_caller(database, publisher):
    def fails(anything):
        raise RuntimeError("a fault of ours")

    publisher.subscribe(fails)
    publisher.on_numbered(fails)
    told, numbered = listen(publisher)
    publisher.announce(BellRang("b1"))
    await database.write(lambda tx: tx.record(BellRang("b2")))
    assert told == ["b1", "b2"]
    assert numbered == [(1, "b1"), (2, "b2")]
    assert publisher.failures == 4


async def test_the_rows_of_an_announcement_are_of_the_same_commit(database, publisher):
    row = {"site_id": "other", "epoch": "e", "created_at": ManualClock().now()}
    publisher.announce(BellRang("b1"), work=lambda tx: tx.execute(insert(journal_table), row) and None)
    await database.flush()
    assert await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM journal").scalar()) == 2


async def test_who_comes_later_reads_from_his_number_on(database, publisher):
    for n in range(5):
        publisher.announce(BellRang(f"b{n}"), actor="u1")
    await database.flush()
    found = await database.read(lambda c: events_after(c, 2, 2))
    assert [(one.seq, one.event, one.actor) for one in found] == [(3, BellRang("b2"), "u1"), (4, BellRang("b3"), "u1")]
    assert found[0].at == ManualClock().now()
