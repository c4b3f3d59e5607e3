"""A backup of one kind of database is restored on the other, and back, without a row changed."""

import asyncio

import pytest
from sqlalchemy import MetaData, select, text

from contactcenter import backups
from contactcenter.core import backup as core_backup
from contactcenter.core.clock import ManualClock, SystemClock
from contactcenter.core.errors import Conflict, Invalid, Unavailable
from contactcenter.core.ids import SiteId
from contactcenter.core.migrations import is_current
from contactcenter.core.postgres_database import PostgresDatabase
from contactcenter.core.sqlite_database import SqliteDatabase
from contactcenter.databases import database_of
from contactcenter.interactions import store
from contactcenter.settings import Settings
from tests.rig.server import AgentSeed, Plan, seed


def said(line):
    pass


def contents(settings):
    """Every row of every table, by table."""

    def look(connection):
        found = MetaData()
        found.reflect(connection)
        rows = {}
        for table in found.sorted_tables:
            ordered = select(table).order_by(*table.primary_key.columns)
            rows[table.name] = [tuple(row) for row in connection.execute(ordered)]
        return rows

    async def run():
        database = database_of(settings, SystemClock())
        try:
            return await database.prepare(look)
        finally:
            await database.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Settings of a desk on SQLite: people, queues, agents, and calls with every kind of value."""
    data = tmp_path_factory.mktemp("source")
    seed(data, Plan(agents=[AgentSeed("ann", "1001", {"german": 3}), AgentSeed("bob", "1002")]))
    settings = Settings(data=data)

    async def calls():
        database = database_of(settings, SystemClock())
        await database.open()
        for number in range(1200):  # more than a batch
            at = SystemClock().now()
            row = {
                "id": f"i{number:025}",
                "medium": "voice",
                "direction": "inbound",
                "server_id": "pbx1",
                "leg_id": f"{number}.1",
                "linked_id": f"{number}.1",
                "caller_number": "+49",
                "dialed": "2000",
                "caller_name": "na\x00me",
                "phase": "ended",
                "choices": ["a", "\u20ac"],
                "vip": bool(number % 2),
                "person_id": None,
                "queue_id": None,
                "arrived_at": at,
                "ended_at": at,
                "outcome": "answered",
                "end_reason": "",
                "is_over": True,
            }
            database.write_behind((), images=[(store.interactions, row)])
        await database.close()

    asyncio.run(calls())
    return settings


@pytest.fixture
def server(postgres, tmp_path):
    """Settings of a server on an empty Postgres."""
    (tmp_path / "server").mkdir()
    url = postgres.database()
    yield Settings(data=tmp_path / "server", database_url=url)
    postgres.drop(url)


def kept(rows):
    """What comes along: all but two tables, and no NUL, which Postgres has not."""
    return {
        name: [tuple(one.replace("\x00", "") if isinstance(one, str) else one for one in row) for row in found]
        for name, found in rows.items()
        if name not in ("sessions", "journal")
    }


def test_to_postgres_and_back(source, server, tmp_path):
    first = backups.back_up(source, tmp_path / "first.zip", said)
    assert backups.restore(server, tmp_path / "first.zip", said, replace=False) == (first, "")
    before, there = contents(source), contents(server)
    assert len(before["interactions"]) == 1200
    assert all(before[name] for name in ("users", "agents", "devices", "queues", "events"))
    assert kept(there) == kept(before)
    assert there["sessions"] == there["journal"] == []
    second = backups.back_up(server, tmp_path / "second.zip", said)
    assert [(one.name, one.rows) for one in second.tables] == [(one.name, one.rows) for one in first.tables]
    (tmp_path / "back").mkdir()
    back = Settings(data=tmp_path / "back")
    backups.restore(back, tmp_path / "second.zip", said, replace=False)
    assert kept(contents(back)) == kept(before)


def test_what_was_there_is_kept_in_a_schema(source, server, tmp_path):
    backups.back_up(source, tmp_path / "first.zip", said)
    backups.restore(server, tmp_path / "first.zip", said, replace=False)
    with pytest.raises(Conflict, match="data-not-empty"):
        backups.restore(server, tmp_path / "first.zip", said, replace=False)
    _, aside = backups.restore(server, tmp_path / "first.zip", said, replace=True)
    name = aside.removeprefix("schema ")

    async def count():
        database = database_of(server, SystemClock())
        try:
            return await database.prepare(
                lambda c: (
                    c.execute(text(f"SELECT count(*) FROM {name}.users")).scalar_one(),
                    c.execute(text("SELECT count(*) FROM users")).scalar_one(),
                    is_current(c),
                )
            )
        finally:
            await database.close()

    former, now, current = asyncio.run(count())
    assert former == now > 0
    assert current


def test_a_damaged_file_changes_nothing(source, server, tmp_path):
    file = tmp_path / "first.zip"
    backups.back_up(source, file, said)
    backups.restore(server, file, said, replace=False)
    before = contents(server)
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    with pytest.raises(Invalid, match="backup-damaged"):
        backups.restore(server, file, said, replace=True)
    assert contents(server) == before


async def told(settings, *statements):
    """What the last statement returned, as rows; run by somebody else who has rights in the same database."""
    database = database_of(settings, SystemClock())
    try:
        for statement in statements:
            found = await database.prepare(
                lambda connection, said=statement: (
                    result.all() if (result := connection.execute(text(said))).returns_rows else []
                )
            )
        return found
    finally:
        await database.close()


def run_beside(settings, *statements):
    return asyncio.run(told(settings, *statements))


def test_tables_of_others_are_neither_saved_nor_touched(source, server, tmp_path):
    backups.back_up(source, tmp_path / "first.zip", said)
    run_beside(server, "CREATE TABLE theirs (id integer primary key)", "INSERT INTO theirs VALUES (7)")
    first, aside = backups.restore(server, tmp_path / "first.zip", said, replace=False)
    assert aside == "", "nothing of ours was there"
    again = backups.back_up(server, tmp_path / "second.zip", said)
    assert [one.name for one in again.tables] == [one.name for one in first.tables]
    _, aside = backups.restore(server, tmp_path / "second.zip", said, replace=True)
    assert aside.startswith("schema ")
    assert run_beside(server, "SELECT id FROM theirs") == [(7,)]


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE VIEW report AS SELECT count(*) AS n FROM users", "report"),
        ("CREATE TABLE bonus (agent varchar(26) references agents(id))", "bonus"),
    ],
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_what_hangs_on_our_tables_is_named_and_nothing_is_changed(source, server, tmp_path, made, named, is_empty):
    backups.back_up(source, tmp_path / "first.zip", said)
    backups.restore(server, tmp_path / "first.zip", said, replace=False)
    if is_empty:
        names = ", ".join(contents(server).keys() - {"alembic_version"})
        run_beside(server, f"TRUNCATE {names}")
    run_beside(server, made)
    before = contents(server)
    with pytest.raises(Conflict) as refused:
        backups.restore(server, tmp_path / "first.zip", said, replace=True)
    assert (refused.value.code, refused.value.fields) == ("database-shared", {"objects": named})
    assert contents(server) == before


def test_somebody_elses_table_of_the_same_name_is_told(source, server, tmp_path):
    backups.back_up(source, tmp_path / "first.zip", said)
    run_beside(server, "CREATE TABLE users (id integer)")
    with pytest.raises(Conflict) as refused:
        backups.restore(server, tmp_path / "first.zip", said, replace=True)
    assert (refused.value.code, refused.value.fields) == ("database-shared", {"objects": "users"})


def test_a_database_of_a_newer_program_is_left_alone(source, server, tmp_path):
    backups.back_up(source, tmp_path / "first.zip", said)
    backups.restore(server, tmp_path / "first.zip", said, replace=False)
    run_beside(server, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match="database-newer"):
        backups.back_up(server, tmp_path / "second.zip", said)
    with pytest.raises(Conflict, match="database-newer"):
        backups.restore(server, tmp_path / "first.zip", said, replace=True)


def test_a_full_disk_is_not_the_backups_fault(source, server, tmp_path, monkeypatch):
    backups.back_up(source, tmp_path / "first.zip", said)

    real = core_backup.insert

    def insert(table):
        full = text("DO $$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$")
        return full if table.name == "interactions" else real(table)

    monkeypatch.setattr(core_backup, "insert", insert)
    with pytest.raises(Unavailable, match="store-unavailable"):
        backups.restore(server, tmp_path / "first.zip", said, replace=False)
    assert contents(server) == {}


def test_a_running_server_is_not_restored_over(source, server, tmp_path):
    backups.back_up(source, tmp_path / "first.zip", said)

    async def hold(then):
        database = PostgresDatabase(server.database_url.get_secret_value(), ManualClock(), SiteId("main"))
        await database.hold()
        try:
            await asyncio.to_thread(then)
        finally:
            await database.close()

    def restore():
        with pytest.raises(Conflict, match="data-in-use"):
            backups.restore(server, tmp_path / "first.zip", said, replace=True)

    asyncio.run(hold(restore))


def test_both_kinds_are_what_they_say(source, server):
    assert isinstance(database_of(source, SystemClock()), SqliteDatabase)
    assert isinstance(database_of(server, SystemClock()), PostgresDatabase)
