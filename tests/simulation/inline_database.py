"""The embedded database without its threads: a reader reads at once, the tail is committed after its linger.

``die`` is what a kill does: what was not committed never was.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from contactcenter.core.clock import Clock
from contactcenter.core.database import LINGER, Unit, Work
from contactcenter.core.events import Envelope
from contactcenter.core.ids import SiteId
from contactcenter.core.images import Image
from contactcenter.core.sqlite_database import SqliteDatabase, _asked

T = TypeVar("T")


class InlineDatabase(SqliteDatabase):
    """Same units, same commits, one thread."""

    def __init__(self, path: Path, clock: Clock, site_id: SiteId) -> None:
        super().__init__(path, clock, site_id)
        self.is_dead = False
        self._tail: list[Unit] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: Connection
        self._seeing: Connection

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writing, self._seeing = self._engine.connect(), self._read_engine.connect()
        with self._writing.begin():
            self._read_position(self._writing)
        driver: Any = self._writing.connection.driver_connection
        driver.execute("PRAGMA synchronous=OFF")  # a run is no test of the disk

    @property
    def pending(self) -> int:
        return len(self._tail)

    async def write(self, work: Work[T]) -> T:
        assert self._loop is not None
        future: asyncio.Future[Any] = self._loop.create_future()
        self._tail.append(Unit(work, (), future))
        self._write_tail()
        result: T = await future
        return result

    def write_behind(
        self, envelopes: Sequence[Envelope], work: Work[None] | None = None, images: Sequence[Image] = ()
    ) -> None:
        self._tail.append(Unit(work, envelopes, None, images=images))
        if self._timer is None and self._loop is not None and not self.is_dead:
            self._timer = self._loop.call_later(LINGER, self._write_tail)

    def _write_tail(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._tail = self._tail, []
        if batch and not self.is_dead:
            self._commit(self._writing, batch)

    async def read(self, work: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0.001)
        if self.is_dead:
            raise asyncio.CancelledError
        return _asked(self._seeing, work)

    async def look_up(self, work: Callable[[Connection], T]) -> T:
        return await self.read(work)

    def die(self) -> None:
        self.is_dead = True
        self._tail = []
        for connection in (self._writing, self._seeing):
            connection.close()
        self._engine.dispose()
        self._read_engine.dispose()

    async def close(self) -> None:
        self._write_tail()
        self.die()
