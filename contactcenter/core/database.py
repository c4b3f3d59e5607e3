"""The store: units of work, one writer, group commit.

A unit of work is a plain function ``work(tx)`` that reads and writes through SQLAlchemy Core and records events; its
rows and events are one commit. SQLite has one writing connection, owned by one thread: units queue to it and share
commits (each inside its own savepoint), so 100 small units cost one fsync. A unit that only brings images
(``core/images``) runs no statement of its own: those of one commit are written together. The same functions run under
``AsyncConnection.run_sync`` on a server database. Readers have connections of their own (WAL).

Two ways in: ``write`` answers after the commit; ``write_behind`` is for what was already acted on (the router's tail):
it is committed within a few milliseconds and kept and tried again while the disk refuses.
"""

import asyncio
import resource
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, func, insert, select
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from contactcenter.core.clock import Clock
from contactcenter.core.errors import ContactCenterError, Unavailable
from contactcenter.core.events import Envelope, Event, encode_data, events_table, journal_table, to_microseconds
from contactcenter.core.ids import SiteId
from contactcenter.core.images import Image, RowStatement, write_images

log = structlog.get_logger(__name__)
T = TypeVar("T")

LINGER: Final = 0.015  # seconds a batch of tail units waits for company: a commit costs more than what is in it
COMPANY: Final = 32  # units: with so many there nobody waits any longer
MAX_BATCH: Final = 500
RETRY_PAUSE: Final = 0.5
MAX_BACKLOG: Final = 200_000
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
_INSERT_EVENT: Final = RowStatement("INSERT INTO events (seq, site_id, at, kind, subject, actor, data)", 7)


class Transaction:
    """What a unit of work sees: a connection inside the transaction, the instant, and a place for its events."""

    __slots__ = ("connection", "envelopes", "now")

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self.now = clock.now()
        self.envelopes: list[Envelope] = []

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Run a SQLAlchemy Core statement."""
        return self.connection.execute(statement, parameters)

    def record(self, event: Event, actor: str = "") -> None:
        """Add an event to this commit."""
        self.envelopes.append(Envelope(event, self.now, actor))


Work = Callable[[Transaction], T]
OnCommitted = Callable[[Sequence[Envelope], bool], None]
"""Called in the event loop after each commit, unit by unit: the numbered events, and whether they were told before."""


@dataclass(slots=True)
class _Unit:
    work: Callable[[Transaction], Any] | None
    envelopes: Sequence[Envelope]
    future: "asyncio.Future[Any] | None"
    result: Any = None
    error: BaseException | None = None
    numbered: list[Envelope] = field(default_factory=list)
    images: Sequence[Image] = ()


class SqliteDatabase:
    """One SQLite file. Owns the writer thread, its connection and the last event number."""

    def __init__(self, path: Path, clock: Clock, site_id: SiteId) -> None:
        self.path = path
        self.site_id = site_id
        self.epoch = ""
        self.degraded = ""
        self.failed_units = 0
        self.on_committed: OnCommitted = lambda envelopes, told: None
        self._clock = clock
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._backlog: deque[_Unit] = deque()
        self._taken = 0
        self._seq = 0
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

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations before ``open``."""
        return self._engine

    @property
    def seq(self) -> int:
        """Number of the last committed event."""
        return self._seq

    @property
    def pending(self) -> int:
        """Units that wait for a commit."""
        return self._queue.qsize() + len(self._backlog) + self._taken

    async def open(self) -> None:
        """Read the last number and start the writer. The tables must exist (``migrate``)."""
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(self._readers, self._read_position)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def _read_position(self) -> None:
        with self._engine.begin() as connection:
            self._seq = connection.execute(select(func.max(events_table.c.seq))).scalar() or 0
            row = connection.execute(select(journal_table.c.epoch).where(journal_table.c.site_id == self.site_id))
            self.epoch = row.scalar() or self._found_journal(connection)

    def _found_journal(self, connection: Connection) -> str:
        epoch = f"{int(self._clock.timestamp() * 1000):x}"
        row = {"site_id": self.site_id, "epoch": epoch, "created_at": self._clock.now()}
        connection.execute(insert(journal_table), row)
        return epoch

    async def close(self) -> None:
        """Commit what is queued and end the writer."""
        if self._thread is not None:
            self._queue.put(None)
            self._hurry.set()
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._readers.shutdown(wait=True)
        for connection in self._reading.values():
            connection.close()
        if self._here is not None:
            self._here.close()
            self._here.engine.dispose()
        self._engine.dispose()
        self._read_engine.dispose()

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in the writer and answer after its commit; its error is raised here and leaves no trace."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put(_Unit(work, (), future))
        self._hurry.set()
        result: T = await future
        return result

    def write_behind(
        self, envelopes: Sequence[Envelope], work: Work[None] | None = None, images: Sequence[Image] = ()
    ) -> None:
        """Commit events already told, ``images`` and rows by ``work`` with them, soon and in order.

        Kept while the disk refuses. The images must not change any more.
        """
        self._queue.put(_Unit(work, envelopes, None, images=images))
        if self._queue.qsize() >= COMPANY and not self._hurry.is_set():
            self._hurry.set()

    async def flush(self) -> None:
        """Return when all that was queued before is committed."""
        await self.write(lambda tx: None)

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
            if not _is_refusal(error):
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
            ended = False
            while not ended:
                batch, ended = self._take()
                if batch:
                    self._commit(connection, batch)

    def _take(self) -> tuple[list[_Unit], bool]:
        """Wait for work; then take all that is there. A pure tail waits ``LINGER`` for company, a caller never does.

        The wait is one for the whole batch: waking up for each unit would cost more than writing it.
        """
        batch = list(self._backlog)
        self._taken = len(batch)
        self._backlog.clear()
        unit = self._next(RETRY_PAUSE if batch else None)
        if unit is not None and self._queue.qsize() < COMPANY:
            self._hurry.wait(LINGER)
        self._hurry.clear()
        while unit is not None:
            batch.append(unit)
            self._taken = len(batch)
            unit = self._next(0) if len(batch) < MAX_BATCH else None
        return batch, self._closing

    def _next(self, timeout: float | None) -> _Unit | None:
        try:
            unit = self._queue.get(timeout=timeout) if timeout is None or timeout > 0 else self._queue.get_nowait()
        except Empty:
            return None
        if unit is None:
            self._closing = True
        return unit

    def _commit(self, connection: Connection, batch: list[_Unit]) -> None:
        try:
            with connection.begin():
                # Read anew each time: the command line may have written beside us (``user add``).
                cursor: Any = connection.connection.cursor()
                first = cursor.execute("SELECT max(seq) FROM events").fetchone()[0] or 0
                self._run_units(connection, batch)
                seq = self._number(cursor, batch, first)
        except Exception as error:  # noqa: BLE001 - the writer must outlive whatever a commit raises
            self._refused(batch, error)
            return
        self._seq, self._taken = seq, 0
        self.degraded = ""
        self._tell(batch)

    def _run_units(self, connection: Connection, batch: list[_Unit]) -> None:
        """Run the units in order. Images are written together, but before the next unit that may look at rows."""
        waiting: list[_Unit] = []
        for unit in batch:
            unit.error = None
            if unit.work is None:
                unit.numbered = list(unit.envelopes)
                waiting.append(unit)
            else:
                self._write_images(connection, waiting)
                waiting = []
                self._run_unit(connection, unit, unit.work)
        self._write_images(connection, waiting)

    def _write_images(self, connection: Connection, units: list[_Unit]) -> None:
        """Write the units' images in one go; when one cannot be written, unit by unit, so that only its own is lost."""
        images = [image for unit in units for image in unit.images]
        if not images:
            return
        cursor: Any = connection.connection.cursor()
        cursor.execute("SAVEPOINT images")
        try:
            write_images(cursor, images)
        except BaseException as error:
            if _is_refusal(error):
                raise
            cursor.execute("ROLLBACK TO images")
            if len(units) == 1:
                units[0].error = error
            for unit in units if len(units) > 1 else ():
                self._write_images(connection, [unit])
        cursor.execute("RELEASE images")

    def _run_unit(self, connection: Connection, unit: _Unit, work: Callable[[Transaction], Any]) -> None:
        tx = Transaction(connection, self._clock)
        cursor: Any = connection.connection.cursor()
        cursor.execute("SAVEPOINT unit")
        try:
            write_images(cursor, unit.images)
            unit.result = work(tx)
        except BaseException as error:
            if _is_refusal(error):
                raise
            cursor.execute("ROLLBACK TO unit")
            unit.error, tx.envelopes = error, []
        cursor.execute("RELEASE unit")
        unit.numbered = [*unit.envelopes, *tx.envelopes]

    def _number(self, cursor: sqlite3.Cursor, batch: list[_Unit], seq: int) -> int:
        """Number the batch's events after ``seq`` and write them; return the last number."""
        rows = []
        for unit in batch:
            for index, envelope in enumerate(unit.numbered):
                seq += 1
                unit.numbered[index] = Envelope(envelope.event, envelope.at, envelope.actor, seq)
                rows.append(_row(self.site_id, unit.numbered[index]))
        if rows:
            _INSERT_EVENT.run(cursor, rows)
        return seq

    def _refused(self, batch: list[_Unit], error: Exception) -> None:
        self.degraded = str(error.__cause__ or error)
        log.error("commit-refused", units=len(batch), error=self.degraded)
        waiting = [unit for unit in batch if unit.future is not None]
        self._backlog.extend(unit for unit in batch if unit.future is None)
        self._taken = 0
        while len(self._backlog) > MAX_BACKLOG:
            self._backlog.popleft()
            self.failed_units += 1
        for unit in waiting:
            unit.error, unit.numbered = Unavailable("store-unavailable", {"reason": self.degraded}), []
        self._tell(waiting)

    def _tell(self, batch: list[_Unit]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told, batch)

    def _told(self, batch: list[_Unit]) -> None:
        for unit in batch:
            if unit.numbered:
                self.on_committed(unit.numbered, unit.future is None)
            if unit.future is not None and not unit.future.done():
                _answer(unit)
            elif unit.error is not None:
                self.failed_units += 1
                log.error("tail-unit-failed", exc_info=unit.error)


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


def _is_refusal(error: BaseException) -> bool:
    """Whether the store cannot take anything now (full, locked, unreadable); any other fault is the unit's own."""
    cause = error.orig if isinstance(error, OperationalError) else error
    return isinstance(cause, sqlite3.OperationalError) and (cause.sqlite_errorcode & 0xFF) in _REFUSALS


def _answer(unit: _Unit) -> None:
    assert unit.future is not None
    if unit.error is None:
        unit.future.set_result(unit.result)
    elif isinstance(unit.error, (ContactCenterError, SQLAlchemyError, Exception)):
        unit.future.set_exception(unit.error)
    else:
        unit.future.cancel()


def _row(site_id: SiteId, envelope: Envelope) -> tuple[Any, ...]:
    fact = envelope.event
    at = to_microseconds(envelope.at)
    return (envelope.seq, site_id, at, fact.kind, fact.subject, envelope.actor, encode_data(fact))


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
