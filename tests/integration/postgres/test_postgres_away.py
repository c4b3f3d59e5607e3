"""Postgres goes and comes back: what was acknowledged is there, what was told is there once, callers are told."""

import asyncio
import os
import signal
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contactcenter.core import database as core
from contactcenter.core import postgres_database as module
from contactcenter.core.clock import ManualClock
from contactcenter.core.database import Unit
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.events import Envelope
from contactcenter.core.ids import SiteId
from contactcenter.core.postgres_database import PostgresDatabase
from contactcenter.core.publisher import events_after
from tests.contract.database.conftest import OnPostgres
from tests.contract.database.test_units import NOW, ThingHappened, add, journal, things, told
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.postgres import Postgres

NUMBER = "+49301234567"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.02)
    monkeypatch.setattr(module, "PROBE_TIME", 60.0)
    monkeypatch.setattr(module, "WRITE_TIME", 1.0)
    monkeypatch.setattr(module, "READ_TIME", 1.0)
    monkeypatch.setattr(module, "LOOK_UP_TIME", 0.3)
    monkeypatch.setattr(module, "CONNECT_TIME", 1.0)


@pytest.fixture
def own(tmp_path):
    """A server of the test's own, to be ended."""
    server = Postgres(durable=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def kind_on_postgres(postgres):
    made = OnPostgres(postgres)
    yield made
    await made.close()


async def settled(database, seconds=15.0):
    async with asyncio.timeout(seconds):
        while database.degraded or database.pending:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_it_is_restarted(own, quick, how):
    kind = OnPostgres(own)
    database = await kind.open()
    heard = []
    database.on_committed = lambda envelopes, was_told: heard.extend(one.seq for one in envelopes)
    await database.write(add("before", "e1"))
    await asyncio.to_thread(own.stop, how)
    database.write_behind(told("e2"), lambda tx: add("kept")(tx) and None)
    with pytest.raises(Unavailable, match="store-unavailable"):
        await database.write(add("refused", "never"))
    with pytest.raises(Unavailable, match="store-unavailable"):
        await things(database)
    with pytest.raises(Unavailable, match="store-unavailable"):
        await database.look_up(lambda c: c.execute(text("SELECT 1")))
    assert database.degraded
    assert database.pending == 1
    database.write_behind(told("e3"))
    await asyncio.to_thread(own.start)
    await settled(database)
    await database.write(add("after", "e4"))
    assert await journal(database) == [(1, "e1"), (2, "e2"), (3, "e3"), (4, "e4")]
    assert heard == [1, 2, 3, 4]
    assert await things(database) == ["after", "before", "kept"]
    assert database.failed_units == 0
    await kind.close()


@pytest.mark.parametrize("passes_on", [False, True], ids=["before the commit", "after the commit"])
async def test_the_connection_is_lost_at_a_commit(postgres, quick, passes_on):
    """Nobody heard whether it was done: it is found out, and nothing is lost, doubled or told in the wrong order."""
    kind = OnPostgres(postgres)
    plain = await kind.open()
    async with CuttingProxy(postgres.port) as proxy:
        name = kind.url.rpartition("/")[2]
        database = PostgresDatabase(f"postgresql://cc@127.0.0.1:{proxy.port}/{name}", ManualClock(), SiteId("main"))
        await database.open()
        heard = []
        database.on_committed = lambda envelopes, was_told: heard.extend(
            (one.seq, one.event.thing_id, was_told) for one in envelopes
        )
        await database.write(add("first", "e1"))
        proxy.cut_at(b"COMMIT;", passes_on=passes_on)  # a transaction begins with READ COMMITTED
        database.write_behind(told("e2"), lambda tx: add("tail")(tx) and None)
        with pytest.raises(Unavailable, match="store-unavailable"):
            await database.write(add("caller", "e3"))
        assert proxy.cuts == 1
        database.write_behind(told("e4"))
        await settled(database)
        await database.write(add("last", "e5"))
        expected = ["e1", "e2", "e3", "e4", "e5"] if passes_on else ["e1", "e2", "e4", "e5"]
        assert await journal(plain) == [(number + 1, one) for number, one in enumerate(expected)]
        assert [(seq, one) for seq, one, _ in heard] == await journal(plain)
        assert [was_told for _, one, was_told in heard if one == "e3"] == [False] * passes_on
        assert await things(plain) == sorted(["first", "tail", "last", *(["caller"] if passes_on else [])])
        await database.close()
    await kind.close()


async def test_it_stands_still(own, quick):
    """A frozen server counts like one that is gone: everybody is answered in time."""
    kind = OnPostgres(own)
    database = await kind.open()
    await database.write(add("before", "e1"))
    await things(database)
    await database.look_up(lambda c: c.execute(text("SELECT 1")).scalar())
    pids = own.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        database.write_behind(told("e2"))
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await database.look_up(lambda c: c.execute(text("SELECT 1")).scalar())
        assert time.monotonic() - began < 3.0
        with pytest.raises(Unavailable):
            await database.write(add("refused", "never"))
        assert database.degraded
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    await settled(database)
    assert await journal(database) == [(1, "e1"), (2, "e2")]
    assert "refused" not in await things(database)
    await kind.close()


async def test_another_writer_stands_still_in_the_midst_of_a_commit(postgres, quick, monkeypatch):
    """The server ends its transaction, so the others' turn comes."""
    monkeypatch.setattr(module, "FROZEN_TIME", 1.0)
    monkeypatch.setattr(module, "WRITE_TIME", 10.0)
    kind = OnPostgres(postgres)
    database = await kind.open()
    frozen = kind.connect()
    begun = await frozen._engine.connect()
    await begun.execute(text(f"SELECT pg_advisory_xact_lock({module.WRITER_LOCK})"))
    async with asyncio.timeout(8):
        await database.write(add("in turn", "e1"))
    assert await journal(database) == [(1, "e1")]
    await begun.invalidate()
    await begun.close()
    await frozen.close()
    await kind.close()


async def test_a_value_of_the_wrong_kind_is_the_units_own_fault(postgres, quick):
    kind = OnPostgres(postgres)
    database = await kind.open()
    database.write_behind(
        told("e1"), lambda tx: tx.connection.exec_driver_sql("INSERT INTO things VALUES ($1)", (7,)) and None
    )
    async with asyncio.timeout(5):
        await database.write(add("later", "e2"))
    assert (database.degraded, database.failed_units) == ("", 1)
    assert await journal(database) == [(1, "e1"), (2, "e2")]
    await kind.close()


async def test_what_cannot_be_reached_is_named_without_the_password(quick):
    database = PostgresDatabase("postgresql://ann:secret@127.0.0.1:9/desk", ManualClock(), SiteId("main"))
    with pytest.raises(Unavailable, match="store-unavailable") as caught:
        await database.open()
    assert "secret" not in str(caught.value.fields) + database.place
    assert database.place == "postgresql://ann:***@127.0.0.1:9/desk"
    await database.close()


async def test_a_failed_statement_is_told_without_what_stood_in_its_row(postgres, quick, capsys):
    kind = OnPostgres(postgres)
    database = await kind.open()
    await database.write(add(NUMBER))
    database.write_behind((), lambda tx: add(NUMBER)(tx) and None)
    with pytest.raises(IntegrityError) as caught:
        await database.write(add(NUMBER))
    told_of_it = capsys.readouterr()
    for one in (str(caught.value), told_of_it.out + told_of_it.err):
        assert "duplicate key" in one
        assert "1234567" not in one
    await kind.close()


async def test_one_that_nobody_asks_anything_is_missed_too(own, quick, monkeypatch):
    monkeypatch.setattr(module, "PROBE_TIME", 0.1)
    kind = OnPostgres(own)
    database = await kind.open()
    await asyncio.to_thread(own.stop)
    async with asyncio.timeout(5):
        while not database.degraded:
            await asyncio.sleep(0.02)
    await asyncio.to_thread(own.start)
    await settled(database)
    await kind.close()


# ------------------------------------------------------------------ one server a site


async def test_a_second_server_of_the_site_is_refused_until_the_first_has_ended(kind_on_postgres):
    first, second = [kind_on_postgres.connect() for _ in range(2)]
    await kind_on_postgres.open()  # tables
    await first.claim("t1")
    with pytest.raises(Conflict, match="data-in-use"):
        await second.claim("t2")
    await first.open()
    await first.write(add("a", "e1"))
    await first.close()
    await second.claim("t2")
    await second.open()
    await second.write(add("b", "e2"))
    assert await journal(second) == [(1, "e1"), (2, "e2")]
    await second.close()


END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid()"
)


async def test_who_lost_his_session_takes_it_again(kind_on_postgres, quick, monkeypatch):
    monkeypatch.setattr(module, "PROBE_TIME", 0.05)
    await kind_on_postgres.open()
    first, second = [kind_on_postgres.connect() for _ in range(2)]
    await first.claim("t1")
    await first.open()
    await second.prepare(lambda c: c.execute(END_OTHERS))  # as when the server was restarted
    async with asyncio.timeout(20):
        while await second.prepare(lambda c: c.execute(HOLDERS).scalar_one()) == 0:
            await asyncio.sleep(0.02)
    with pytest.raises(Conflict, match="data-in-use"):
        await second.claim("t2")
    await settled(first)
    await first.write(add("a", "e1"))
    assert await journal(first) == [(1, "e1")]
    await first.close()
    await second.close()


async def test_who_lost_his_session_to_another_writes_nothing_more(kind_on_postgres, quick, monkeypatch):
    monkeypatch.setattr(module, "PROBE_TIME", 0.05)
    await kind_on_postgres.open()
    first, second = [kind_on_postgres.connect() for _ in range(2)]
    fenced = []
    first.on_fenced = lambda: fenced.append(True)
    await first.claim("t1")
    await first.open()

    async def no_way():
        raise OSError("no route")

    monkeypatch.setattr(first, "_take_site", no_way)
    await second.prepare(lambda c: c.execute(END_OTHERS))
    async with asyncio.timeout(20):
        while await second.prepare(lambda c: c.execute(HOLDERS).scalar_one()) > 0:
            await asyncio.sleep(0.02)
    await second.claim("t2")
    with pytest.raises(Unavailable, match="store-unavailable"):
        await first.write(add("late", "never"))
    first.write_behind(told("never"))
    async with asyncio.timeout(20):
        while not fenced:
            await asyncio.sleep(0.02)
    await second.open()
    await second.write(add("b", "e2"))
    assert fenced == [True]
    assert [name for _, name in await journal(second)] == ["e2"]
    await first.close()
    await second.close()


HOLDERS = text(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {module.OWNER_LOCK} AND granted")


async def test_two_sites_are_not_served_from_one_database(kind_on_postgres):
    await kind_on_postgres.open()
    other = PostgresDatabase(kind_on_postgres.url, ManualClock(), SiteId("other"))
    first = kind_on_postgres.connect()
    await first.hold()
    with pytest.raises(Conflict, match="data-in-use"):
        await other.claim("t2")
    await first.close()
    await other.close()


async def test_a_commit_in_doubt_on_a_server_that_never_had_it_is_done_again(kind_on_postgres, quick):
    """It was restored, or a standby that was behind has taken over: its transactions' ids are lower."""
    database = await kind_on_postgres.open()
    done, lost = [], []
    database.on_committed = lambda envelopes, was_told: done.extend(one.seq for one in envelopes)
    await database.write(add("a", "e1"))
    await database._drop_connection()  # as when it was lost
    written = Unit(None, (), None, numbered=[Envelope(ThingHappened("e1"), NOW, "", 1)])
    database._doubt = ("999999999999", [written], 1)
    assert await database._is_settled()
    assert database._doubt is None
    unwritten = Unit(None, told("e2"), None, numbered=[Envelope(ThingHappened("e2"), NOW, "", 2)])
    database._doubt = ("999999999999", [unwritten], 2)
    assert await database._is_settled()
    await database.flush()
    assert await journal(database) == [(1, "e1"), (2, "e2")]
    assert (done, lost) == ([1, 1, 2], [])


async def test_a_long_backlog_is_written_piece_by_piece(own, quick):
    """In one piece it held the loop for seconds, and its transaction was ended by the server's patience."""
    kind = OnPostgres(own)
    database = await kind.open()
    await asyncio.to_thread(own.stop)
    for number in range(3000):
        database.write_behind(told(f"e{number}"))
    with pytest.raises(Unavailable):
        await database.write(add("refused"))
    sizes, run = [], database._run_batch
    database._run_batch = lambda connection, batch: (sizes.append(len(batch)), run(connection, batch))[1]
    await asyncio.to_thread(own.start)
    await settled(database, 60)
    assert max(sizes) <= core.MAX_BATCH
    found = await database.read(lambda c: events_after(c, 0, 5000))
    assert [one.event.thing_id for one in found] == [f"e{number}" for number in range(3000)]
    await kind.close()


async def test_the_end_waits_for_nobody_while_the_server_is_away(own, quick):
    kind = OnPostgres(own)
    database = await kind.open()
    await asyncio.to_thread(own.stop)
    for number in range(2000):
        database.write_behind(told(f"e{number}"))
    began = time.monotonic()
    await database.close()
    assert time.monotonic() - began < 10
    with pytest.raises(Unavailable, match="store-unavailable"):
        await database.write(add("late"))
    kind.opened.clear()
