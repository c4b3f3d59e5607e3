"""A database of either kind for a benchmark: as in production, durable, with every table, in a folder of its own."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from contactcenter.core.clock import SystemClock
from contactcenter.core.database import Database
from contactcenter.core.ids import SiteId
from contactcenter.core.migrations import migrate
from contactcenter.core.postgres_database import PostgresDatabase
from contactcenter.core.sqlite_database import SqliteDatabase
from tests.rig.postgres import Postgres

KINDS = ("sqlite", "postgres")


class Store:
    """The database, what it promises of the disk, and how often it has waited for one."""

    def __init__(self, database: Database, settings: dict[str, Any], url: str = "") -> None:
        self.database = database
        self.settings = settings
        self.url = url
        self._commits = 0

    def count_commits(self) -> None:
        """SQLite syncs its log once a commit; Postgres counts for itself."""
        if isinstance(self.database, SqliteDatabase):

            @sqlalchemy_event.listens_for(self.database.engine, "commit")
            def _on_commit(connection: Any) -> None:
                self._commits += 1

    async def syncs(self) -> int:
        """Return how often a log was synchronised so far."""
        if isinstance(self.database, SqliteDatabase):
            return self._commits
        found = await self.database.read(lambda c: c.execute(text("SELECT wal_sync FROM pg_stat_wal")).scalar_one())
        return int(found)


@contextlib.asynccontextmanager
async def store(kind: str, folder: Path) -> AsyncIterator[Store]:
    """Yield a migrated store, not yet opened; its database is closed by whoever opened it."""
    clock, site = SystemClock(), SiteId("main")
    if kind == "sqlite":
        database = SqliteDatabase(folder / "benchmark.db", clock, site)
        await database.prepare(migrate)
        made = Store(database, {"journal_mode": "WAL", "synchronous": "FULL"})
        made.count_commits()
        yield made
        return
    server = await asyncio.to_thread(Postgres, durable=True)
    try:
        await asyncio.to_thread(server.start)
        url = await asyncio.to_thread(server.database)
        on_server = PostgresDatabase(url, clock, site)
        await on_server.prepare(migrate)
        names = (
            "server_version",
            "shared_buffers",
            "fsync",
            "synchronous_commit",
            "wal_sync_method",
            "full_page_writes",
        )
        settings = await on_server.prepare(
            lambda c: {name: c.execute(text(f"SHOW {name}")).scalar_one() for name in names}
        )
        yield Store(on_server, settings, url)
    finally:
        await asyncio.to_thread(server.remove)


@contextlib.asynccontextmanager
async def database(kind: str) -> AsyncIterator[str]:
    """Yield the URL of an empty Postgres, or nothing for a file."""
    if kind == "sqlite":
        yield ""
        return
    server = Postgres(durable=True)
    try:
        await asyncio.to_thread(server.start)
        yield await asyncio.to_thread(server.database)
    finally:
        await asyncio.to_thread(server.remove)


def memory() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
