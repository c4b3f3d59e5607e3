"""Both kinds of database, empty or with all tables, for tests that hold of either."""

import asyncio
import contextlib
import threading

import asyncpg
import pytest
from sqlalchemy import MetaData, text

from contactcenter.core.clock import ManualClock
from contactcenter.core.database import Unit
from contactcenter.core.events import events_table, journal_table
from contactcenter.core.events import metadata as core_metadata
from contactcenter.core.ids import SiteId
from contactcenter.core.migrations import migrate
from contactcenter.core.postgres_database import WRITER_LOCK, PostgresDatabase
from contactcenter.core.sqlite_database import SqliteDatabase
from tests.rig.postgres import BINARIES, Postgres

SITE = SiteId("main")


@pytest.fixture(scope="session")
def postgres():
    if BINARIES is None:
        pytest.skip("no Postgres server on this machine")
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def tables(postgres):
    """Return the name of a database with all our tables, to be copied."""
    url = postgres.database()

    async def make():
        database = PostgresDatabase(url, ManualClock(), SITE)
        await database.prepare(migrate)
        await database.close()

    asyncio.run(make())
    return url.rpartition("/")[2]


class Kind:
    """One kind of database under test: makes it, opens it again, holds its writer up."""

    name = ""

    def __init__(self) -> None:
        self.opened = []

    def connect(self):
        raise NotImplementedError

    async def open(self, tables: MetaData | None = None):
        """Return an open database with the journal's tables, ``things`` and ``tables``."""
        database = self.connect()

        def make(connection):
            core_metadata.create_all(connection, tables=[events_table, journal_table])
            connection.execute(text("CREATE TABLE IF NOT EXISTS things (name VARCHAR(20000) PRIMARY KEY)"))
            if tables is not None:
                tables.create_all(connection)

        await database.prepare(make)
        await database.open()
        self.opened.append(database)
        return database

    async def close(self):
        for database in self.opened:
            await database.close()

    @contextlib.asynccontextmanager
    async def busy(self, database):
        """Hold the writer up, so that what is queued meanwhile becomes one batch; yields what lets it go on."""
        raise NotImplementedError
        yield


class Sqlite(Kind):
    name = "sqlite"

    def __init__(self, path) -> None:
        super().__init__()
        self.path = path / "test.db"

    def connect(self):
        return SqliteDatabase(self.path, ManualClock(), SITE)

    @contextlib.asynccontextmanager
    async def busy(self, database):
        release = threading.Event()
        database._queue.put(Unit(lambda tx: release.wait(5) and None, (), None))
        try:
            yield release.set
        finally:
            release.set()


class OnPostgres(Kind):
    name = "postgres"

    def __init__(self, server) -> None:
        super().__init__()
        self.server = server
        self.url = server.database()

    def connect(self):
        return PostgresDatabase(self.url, ManualClock(), SITE)

    async def close(self):
        await super().close()
        await asyncio.to_thread(self.server.drop, self.url)

    @contextlib.asynccontextmanager
    async def busy(self, database):
        """Another writer is in the midst of a commit, and ours has begun one and waits for its turn."""
        other = await asyncpg.connect(self.url)
        await other.execute(f"SELECT pg_advisory_lock({WRITER_LOCK})")
        database._put(Unit(lambda tx: None, (), None))
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            await asyncio.sleep(0.005)
        freed = False

        def release():
            nonlocal freed
            if not freed:
                freed = True
                other.terminate()

        try:
            yield release
        finally:
            release()


@pytest.fixture(params=["sqlite", "postgres"])
async def kind(request, tmp_path):
    made = Sqlite(tmp_path) if request.param == "sqlite" else OnPostgres(request.getfixturevalue("postgres"))
    yield made
    await made.close()


@pytest.fixture
async def database(kind, request):
    return await kind.open(getattr(request.module, "TABLES", None))


@pytest.fixture
async def busy(kind, database):
    """Keeps the writer from going on until it is called: what is queued meanwhile is one batch."""
    async with kind.busy(database) as release:
        yield release
