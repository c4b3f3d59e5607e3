"""SQLite as the store: one file, one writing connection, owned by one thread; readers have their own (WAL)."""

import asyncio
import contextlib
import resource
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from contactcenter.core.clock import Clock
from contactcenter.core.database import COMPANY, LINGER, MAX_BATCH, RETRY_PAUSE, Database, Unit
from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import SiteId
from contactcenter.core.sqlite_checkpoints import SHRINK, Checkpoints

T = TypeVar("T")

READERS: Final = 3
QUICK: Final = 0.005  # seconds: a look-up from memory takes 0.2 to 1 ms
LABORIOUS: Final = 0.02  # seconds of processor: ten times what a card takes on a busy machine
SLOW_FOR: Final = 10.0  # seconds
_REFUSALS: Final = frozenset(  # primary result codes, https://www.sqlite.org/rescode.html
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


class SqliteDatabase(Database):
    """One SQLite file. Owns the writer thread, its connection and the last event number."""

    def __init__(self, path: Path, clock: Clock, site_id: SiteId) -> None:
        super().__init__(clock, site_id)
        self.path = path
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._engine = open_engine(path, readonly=False)
        self._read_engine = open_engine(path, readonly=True)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._reading: dict[int, Connection] = {}  # by thread
        self._here: Connection | None = None  # for look-ups in the event loop
        self._slow_until = 0.0
        self._turn = asyncio.Lock()
        self._checkpoints = Checkpoints(path)

    @property
    def engine(self) -> Engine:
        """The writing engine."""
        return self._engine

    @property
    def place(self) -> str:
        return str(self.path)

    @property
    def pending(self) -> int:
        return self._queue.qsize() + len(self._backlog) + self._taken

    async def prepare(self, work: Callable[[Connection], T]) -> T:
        """See ``Database``. In a thread: making tables takes a while."""

        def run() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except OperationalError as error:
            raise Unavailable("store-unavailable", {"reason": str(error.orig)}) from error

    async def claim(self, token: str) -> None:
        """See ``Database``: whoever has the data folder's lock has the file."""

    async def open(self) -> None:
        await self.prepare(self._read_position)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        self._is_closing = True
        if self._thread is not None:
            self._queue.put(None)
            self._hurry.set()
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
            await asyncio.get_running_loop().run_in_executor(None, self._checkpoints.close)
            self._answer_the_rest(self._queued())
        self._readers.shutdown(wait=True)
        for connection in self._reading.values():
            connection.close()
        if self._here is not None:
            self._here.close()
            self._here.engine.dispose()
        self._engine.dispose()
        self._read_engine.dispose()

    def _queued(self) -> list[Unit]:
        found: list[Unit] = []
        with contextlib.suppress(Empty):
            while True:
                unit = self._queue.get_nowait()
                if unit is None:
                    self._closing = True
                else:
                    found.append(unit)
        return found

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a query function on a reading connection, in a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        """Run it on this thread's own connection: taking one from the pool each time costs as much as a short query."""
        thread = threading.get_ident()
        connection = self._reading.get(thread)
        if connection is None:
            connection = self._reading[thread] = self._read_engine.connect()
        return _asked(connection, work)

    async def look_up(self, work: Callable[[Connection], T]) -> T:
        """Run a query of a few rows by their keys right here, in the event loop, for as long as memory answers.

        On the path of a call a thread's turns cost more than what it reads (docs/decisions/0007). After one that took
        longer than ``QUICK``, by a disk or by its own work, look-ups are ``read`` for ``SLOW_FOR`` seconds. None waits
        for a lock.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began < self._slow_until:
            return await self.read(work)
        await self._turn.acquire()
        loop.call_soon(self._turn.release)  # one a loop turn: after a restart there are hundreds at once
        reads, seconds = thread_spent()
        began = loop.time()
        try:
            if self._here is None:
                self._here = open_engine(self.path, readonly=True, busy_time=0.0).connect()
            answer = _asked(self._here, work)
        except (OperationalError, sqlite3.OperationalError) as error:
            if not self._is_refusal(error):
                raise
            self._slow_until = began + SLOW_FOR
            return await self.read(work)
        if loop.time() - began > QUICK:
            reads_now, seconds_now = thread_spent()
            if reads_now > reads or seconds_now - seconds > LABORIOUS:
                self._slow_until = loop.time() + SLOW_FOR
        return answer

    # ---------------------------------------------------------------- writer thread

    def _run(self) -> None:
        with self._engine.connect() as connection:
            # What a savepoint would put back is kept in memory: beyond 64 KiB it would be a file, written page by page.
            for pragma in ("wal_autocheckpoint=0", f"journal_size_limit={SHRINK}", "temp_store=MEMORY"):
                connection.connection.cursor().execute(f"PRAGMA {pragma}")
            ended = False
            while not ended:
                batch, ended = self._take()
                if batch:
                    self._commit(connection, batch)
                    self._checkpoints.committed(connection.connection)

    def _take(self) -> tuple[list[Unit], bool]:
        """Wait for work; then take all that is there. A pure tail waits ``LINGER`` for company, a caller never does.

        The wait is one for the whole batch: waking up for each unit would cost more than writing it.
        """
        batch = self._from_backlog()
        self._taken = len(batch)
        if self._backlog:  # a whole batch: what came later waits for its turn
            if self.degraded:
                self._hurry.wait(RETRY_PAUSE)
                self._hurry.clear()
            return batch, self._is_closing and bool(self.degraded)
        pause = RETRY_PAUSE if self.degraded else 0.0
        unit = self._next(pause if batch else None)
        if unit is not None and self._queue.qsize() < COMPANY:
            self._hurry.wait(LINGER)
        self._hurry.clear()
        while unit is not None:
            batch.append(unit)
            self._taken = len(batch)
            unit = self._next(0) if len(batch) < MAX_BATCH else None
        return batch, self._closing

    def _next(self, timeout: float | None) -> Unit | None:
        try:
            unit = self._queue.get(timeout=timeout) if timeout is None or timeout > 0 else self._queue.get_nowait()
        except Empty:
            return None
        if unit is None:
            self._closing = True
        return unit

    def _commit(self, connection: Connection, batch: list[Unit]) -> None:
        try:
            with connection.begin():
                seq = self._run_batch(connection, batch)
        except Exception as error:  # noqa: BLE001 - the writer must outlive whatever a commit raises
            self._refused(batch, error)
            return
        self._seq, self._taken = seq, 0
        self.degraded = ""
        self._tell(batch)

    def _put(self, unit: Unit) -> None:
        self._queue.put(unit)
        if unit.future is not None or (self._queue.qsize() >= COMPANY and not self._hurry.is_set()):
            self._hurry.set()

    def _is_refusal(self, error: BaseException) -> bool:
        cause = error.orig if isinstance(error, OperationalError) else error
        return isinstance(cause, sqlite3.OperationalError) and (cause.sqlite_errorcode & 0xFF) in _REFUSALS

    def _tell(self, batch: list[Unit]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told, batch)


def thread_spent() -> tuple[int, float]:
    """Return what this thread has had read from disks (blocks of 512 bytes) and its seconds of processor."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_inblock, used.ru_utime + used.ru_stime


def _asked(connection: Connection, work: Callable[[Connection], T]) -> T:
    try:
        return work(connection)
    except BaseException:
        connection.invalidate()  # a cursor that somebody still holds would keep its snapshot
        raise
    finally:
        connection.rollback()


def open_engine(path: Path, *, readonly: bool, busy_time: float = 10.0) -> Engine:
    """Return an engine for the SQLite file; ``busy_time``: seconds a statement may wait for another program's lock."""
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=READERS if readonly else 1,
        max_overflow=0,
        hide_parameters=True,  # a failed statement is logged, a customer's number or a password's hash is not
        connect_args={
            "check_same_thread": False,
            "timeout": busy_time,
            "isolation_level": None,
            "cached_statements": 512,
        },
    )

    @sqlalchemy_event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, record: Any) -> None:
        pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
        for pragma in [*pragmas, *(["query_only=ON"] if readonly else [])]:
            connection.execute(f"PRAGMA {pragma}")

    if not readonly:
        # The driver's own transaction handling is off (isolation_level None): begin says IMMEDIATE, so a writer that
        # reads first can never fail at its first write.
        @sqlalchemy_event.listens_for(engine, "begin")
        def _on_begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
