"""Postgres as the store, also of several processes: their commits take turns, so numbers are in the order of commits.

The same units as on SQLite, run by SQLAlchemy's asyncpg dialect in the event loop. A commit begins with a lock that
only one writer of the database holds: units of all processes run one batch after the other, as on SQLite, so what a
unit read is still so when it writes, and an event's number never comes before a lower one is committed. A process that
stands still inside a commit loses its transaction to the server's time limit.

Whoever serves the site holds a second lock for as long as his session lives, and writes his token into the journal. A
process that lost its session (the server was restarted, the way to it was cut) takes the lock again when it is back;
where another was quicker, the token of the next commit tells, and nothing is committed.

A connection lost while a commit was under way leaves three possible outcomes. The transaction's id tells them apart
after reconnecting (``pg_xact_status``); until then nothing else is committed, so no event is written twice or told in
the wrong order.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from asyncpg import PostgresError
from sqlalchemy import Connection, make_url, select, text, update
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi as driver
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from contactcenter.core.clock import Clock
from contactcenter.core.database import COMPANY, LINGER, MAX_BACKLOG, MAX_BATCH, RETRY_PAUSE, Database, Unit
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.events import events_table, journal_table
from contactcenter.core.ids import SiteId
from contactcenter.core.tasks import TaskSupervisor

log = structlog.get_logger(__name__)
T = TypeVar("T")

READERS: Final = 4
LOOKERS: Final = 2
CONNECT_TIME: Final = 5.0  # seconds
WRITE_TIME: Final = 15.0  # seconds a statement of the writer may take, its turn at the lock among them
READ_TIME: Final = 30.0
LOOK_UP_TIME: Final = 1.0  # an agent's phone rings meanwhile
CLOSE_TIME: Final = 2.0
PROBE_TIME: Final = 5.0
FROZEN_TIME: Final = 5.0  # seconds after which the server ends a transaction in which nothing happens
WRITER_LOCK: Final = 0x0CC_0001
"""Key of the advisory lock a commit holds; any number nobody else uses in this database."""

OWNER_LOCK: Final = 0x0CC_0002
"""Key of the lock that whoever serves a site holds. One for the database: not every table tells sites apart."""
FUTURE_TRANSACTION: Final = "22023"  # a server that never had the transaction: restored, or a standby that was behind
LOCK_TIME: Final = 15.0  # seconds a migration waits for its turn; what it then does may take as long as it must

_FAULTS: Final = (SQLAlchemyError, driver.Error, OSError, TimeoutError)
"""Whatever the driver or its connection raises; the raw driver's errors come through where we write by its cursor."""
_CLASSES: Final = frozenset({"08", "53", "57", "58"})
_STATES: Final = frozenset({"40001", "40P01", "55P03", "25006", "25P03", "XX001", "XX002"})
"""What the server says when it cannot take anything now: https://www.postgresql.org/docs/current/errcodes-appendix.html
(connection, resources, operator intervention, system; serialization, deadlock, lock, read-only, idle, damage)."""


def is_refusal(error: BaseException) -> bool:
    """Tell whether the server cannot take anything now (away, full, locked), as opposed to a statement's own fault."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    cause = error.__cause__
    if isinstance(error, driver.InterfaceError):
        return not isinstance(cause, ValueError)  # a value of the wrong kind is the statement's own fault
    if isinstance(error, OSError | TimeoutError | PoolTimeout) or isinstance(cause, OSError | TimeoutError):
        return True
    state = _state(error)
    return state[:2] in _CLASSES or state in _STATES


class PostgresDatabase(Database):
    """One Postgres database. Owns the writing task, its connection and the last event number."""

    def __init__(self, url: str, clock: Clock, site_id: SiteId) -> None:
        super().__init__(clock, site_id)
        self._url = _address(url)
        self._engine = _engine(
            self._url,
            1,
            WRITE_TIME,
            isolation_level="READ COMMITTED",  # what is read after the turn has come must be as it is then
            idle_in_transaction_session_timeout=f"{FROZEN_TIME:.0f}s",
            synchronous_commit="on",
        )
        self._making_engine = _engine(
            self._url, 1, None, isolation_level="READ COMMITTED", lock_timeout=f"{LOCK_TIME:.0f}s"
        )
        reading = {"isolation_level": "AUTOCOMMIT", "default_transaction_read_only": "on"}
        self._readers = _Askers(_engine(self._url, READERS, READ_TIME, **reading), READERS)
        self._lookers = _Askers(_engine(self._url, LOOKERS, LOOK_UP_TIME, **reading), LOOKERS)
        self._session_engine = _engine(self._url, 1, READ_TIME, isolation_level="AUTOCOMMIT")
        self._queue: deque[Unit] = deque()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._ends = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._doubt: tuple[str, list[Unit], int] | None = None
        self._token = ""
        self._session: AsyncConnection | None = None  # holds the site's lock
        self._is_fenced = False
        self._tasks = TaskSupervisor()
        self._writer: asyncio.Task[None] | None = None

    @property
    def place(self) -> str:
        return self._url.render_as_string(hide_password=True).replace("+asyncpg", "", 1)

    @property
    def pending(self) -> int:
        return len(self._queue) + len(self._backlog) + self._taken

    async def prepare(self, work: Callable[[Connection], T]) -> T:
        """See ``Database``. Holds the writers' lock: two processes that start together migrate one after the other."""

        def alone(connection: Connection) -> T:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (WRITER_LOCK,))
            return work(connection)

        try:
            async with self._making_engine.begin() as connection:
                return await connection.run_sync(alone)
        except _FAULTS as error:
            raise self._told_away(error) from error

    async def hold(self) -> None:
        """Keep servers of the site out, from now to ``close``.

        Raises Conflict ``data-in-use`` while one runs, Unavailable ``store-unavailable``.
        """
        try:
            await self._take_site()
        except _FAULTS as error:
            raise self._told_away(error) from error

    async def claim(self, token: str) -> None:
        """See ``Database``. Raises Unavailable ``store-unavailable`` too."""
        await self.hold()

        def sign(connection: Connection) -> None:
            self._read_position(connection)
            mine = update(journal_table).where(journal_table.c.site_id == self.site_id)
            connection.execute(mine.values(owner=token))

        await self.prepare(sign)
        self._token = token

    async def _take_site(self) -> None:
        session = await self._session_engine.connect()
        try:
            asked = await session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": OWNER_LOCK})
            is_taken = asked.scalar_one()
        except BaseException:
            await _drop(session)
            raise
        if not is_taken:
            await session.close()
            raise Conflict("data-in-use", {"data": self.place, "process": "another server"})
        self._session = session

    async def _keep_site(self) -> None:
        """Look whether the session that holds the site's lock lives; take it again as soon as it does not."""
        while True:
            await asyncio.sleep(PROBE_TIME if self._session is not None else RETRY_PAUSE)
            try:
                if self._session is None:
                    await self._take_site()
                    log.warning("site-lock-taken-again")
                    continue
                await self._session.execute(text("SELECT 1"))
            except Conflict:
                log.error("site-lock-held-by-another")  # should it have signed, the next commit is refused
            except _FAULTS as error:
                log.info("site-lock-lost", error=_reason(error))
                session, self._session = self._session, None
                if session is not None:
                    await _drop(session)

    async def open(self) -> None:
        await self.prepare(self._read_position)
        self._writer = self._tasks.spawn("writer", self._run())
        if self._token:
            self._tasks.keep("site-lock", self._keep_site)

    async def close(self) -> None:
        self._is_closing = True
        self._ends.set()
        self._arrived.set()
        self._hurry.set()
        if self._writer is not None:
            await self._writer
        await self._tasks.close()
        for connection in (self._connection, self._session):
            if connection is not None:
                await _drop(connection)
        await self._readers.close()
        await self._lookers.close()
        for engine in (self._engine, self._making_engine, self._session_engine):
            await _dispose(engine)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See ``Database``. Raises Unavailable ``store-unavailable``."""
        return await self._ask(self._readers, work)

    async def look_up(self, work: Callable[[Connection], T]) -> T:
        """See ``Database``; by connections nothing else uses. Raises Unavailable ``store-unavailable`` soon."""
        try:
            async with asyncio.timeout(LOOK_UP_TIME):
                return await self._ask(self._lookers, work)
        except TimeoutError as error:
            raise Unavailable("store-unavailable", {"reason": "no answer in time"}) from error

    async def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one state of the database while others write. Raises Unavailable ``store-unavailable``."""
        engine = self._session_engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(work)
        except _FAULTS as error:
            raise self._told_away(error) from error

    async def _ask(self, askers: "_Askers", work: Callable[[Connection], T]) -> T:
        """Ask once more on a new connection when an old one proves dead: a server started anew leaves those behind."""
        for is_last in (False, True):
            try:
                return await askers.ask(work)
            except _FAULTS as error:
                away = self._told_away(error)
                if is_last or away is error:
                    raise away from error
                await askers.forget()
        raise AssertionError("the last try returns or raises")

    def _told_away(self, error: BaseException) -> BaseException:
        if not self._is_refusal(error):
            return error
        return Unavailable("store-unavailable", {"reason": _reason(error)})

    # ---------------------------------------------------------------- the writer

    async def _run(self) -> None:
        while not self._is_over():
            if self._doubt is not None and not await self._is_settled():
                self._refuse_who_waits()
                await _set_within(self._ends, RETRY_PAUSE)
                continue
            batch = await self._take()
            if batch or not self._is_closing:
                await self._commit(batch)
            self._taken = 0
        self._answer_the_rest(self._queued())

    def _is_over(self) -> bool:
        """Whether the writer ends: nothing is left, or the server takes nothing and nobody can wait for it any more."""
        is_stuck = bool(self.degraded) or self._doubt is not None
        return self._is_closing and (is_stuck or not (self._queue or self._backlog))

    def _refuse_who_waits(self) -> None:
        """While a commit is in doubt: answer callers, keep the tail in its order."""
        late = self._queued()
        self._queue.extend(unit for unit in late if unit.future is None)
        self._refuse_callers([unit for unit in late if unit.future is not None])
        while len(self._queue) > MAX_BACKLOG:
            self._queue.popleft()
            self.failed_units += 1

    async def _take(self) -> list[Unit]:
        """Wait for work; then take all that is there. A pure tail waits ``LINGER`` for company, a caller never does.

        Nothing at all is taken every ``PROBE_TIME``: the commit then tells whether the server is still there.
        """
        if self.degraded and not self._is_closing:
            await _set_within(self._ends, RETRY_PAUSE)
        elif not (self._queue or self._backlog):
            await _set_within(self._arrived, PROBE_TIME)
        if self._queue and len(self._queue) < COMPANY:
            await _set_within(self._hurry, LINGER)
        self._arrived.clear()
        self._hurry.clear()
        batch = self._from_backlog()
        while self._queue and not self._backlog and len(batch) < MAX_BATCH:
            batch.append(self._queue.popleft())
        if self._queue:
            self._arrived.set()
        self._taken = len(batch)
        return batch

    async def _commit(self, batch: list[Unit]) -> None:
        transaction = ""  # its id, from the moment on in which a commit may have been heard

        def run(connection: Connection) -> tuple[str, int]:
            cursor: Any = connection.connection.cursor()
            cursor.execute("SELECT pg_current_xact_id()::text, pg_advisory_xact_lock($1)", (WRITER_LOCK,))
            found = cursor.fetchone()[0]
            if self._token:
                cursor.execute("SELECT owner FROM journal WHERE site_id = $1", (self.site_id,))
                if cursor.fetchone() != (self._token,):
                    raise _Fenced("another server serves the site now")
            return found, self._run_batch(connection, batch)

        seq = 0
        try:
            if self._connection is None:
                self._connection = await self._engine.connect()
            begun = await self._connection.begin()
            found, seq = await self._connection.run_sync(run)
            transaction = found
            await begun.commit()
        except Exception as error:  # noqa: BLE001 - the writer must outlive whatever a commit raises
            await self._drop_connection()
            if transaction:
                self._doubt = transaction, [unit for unit in batch if unit.future is None or unit.numbered], seq
                self.degraded = _reason(error)
                log.error("commit-in-doubt", units=len(batch), error=self.degraded)
                self._refuse_callers([unit for unit in batch if unit.future is not None])
            else:
                self._refused(batch, error)
            if isinstance(error, _Fenced) and not self._is_fenced:
                self._is_fenced = True
                self.on_fenced()
            return
        self._committed(batch, seq)

    def _committed(self, batch: list[Unit], seq: int) -> None:
        self._seq, self._taken = max(self._seq, seq), 0
        self.degraded = ""
        self._tell(batch)

    async def _is_settled(self) -> bool:
        """Ask what became of the commit in doubt; False while nobody can tell."""
        assert self._doubt is not None
        transaction, batch, seq = self._doubt

        def wait(connection: Connection) -> None:
            # The lock is free once the lost connection's transaction is over, whichever way it went.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (WRITER_LOCK,))

        def ask(connection: Connection) -> str | None:
            wait(connection)
            asked = connection.exec_driver_sql("SELECT pg_xact_status($1::text::xid8)", (transaction,))
            status: str | None = asked.scalar()
            return status

        try:
            try:
                async with self._engine.begin() as connection:
                    status = await connection.run_sync(ask)
            except _FAULTS as error:
                if self._is_refusal(error) or _state(error) != FUTURE_TRANSACTION:
                    raise
                status = None
            if status is None:  # too long ago, or a server that never had it: the events themselves tell
                async with self._engine.begin() as connection:
                    status = await connection.run_sync(lambda c: _found(c, batch))
        except Exception as error:  # noqa: BLE001 - away still; the writer must outlive whatever this raises
            self.degraded = _reason(error)
            return False
        log.warning("commit-settled", status=status, units=len(batch))
        self._doubt = None
        if status == "committed":
            self._committed(batch, seq)
        else:
            self._settle(batch)
            self._backlog.extendleft(reversed([unit for unit in batch if unit.future is None]))
        return True

    def _refuse_callers(self, units: list[Unit]) -> None:
        """Answer that the outcome is unknown or that nothing is written; their events are told when they turn up."""
        for unit in units:
            if unit.future is not None and not unit.future.done():
                unit.future.set_exception(Unavailable("store-unavailable", {"reason": self.degraded}))

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _drop(connection)

    def _queued(self) -> list[Unit]:
        found = list(self._queue)
        self._queue.clear()
        return found

    def _put(self, unit: Unit) -> None:
        self._queue.append(unit)
        self._arrived.set()
        if unit.future is not None or len(self._queue) >= COMPANY:
            self._hurry.set()

    def _is_refusal(self, error: BaseException) -> bool:
        return is_refusal(error)

    def _reason(self, error: BaseException) -> str:
        return _reason(error)

    def _without_values(self, error: BaseException) -> BaseException:
        """See ``Database``: the server's DETAIL quotes the row."""
        fault = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(fault, driver.Error):
            fault.args = (_reason(fault),)
            if isinstance(fault.__cause__, PostgresError):
                fault.__cause__.detail = None
        return error

    def _tell(self, batch: list[Unit]) -> None:
        self._told(batch)


class _Fenced(Exception):
    """Another process has signed the journal."""


class _Askers:
    """Connections that stay open, each asked by one at a time: a pool's way to one costs as much as a short query."""

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engine = engine
        self._turns = asyncio.Semaphore(size)
        self._idle: list[AsyncConnection] = []

    async def ask(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one of them. Raises what the driver raises; the connection is not used again then."""

        def run(connection: Connection) -> T:
            try:
                return work(connection)
            finally:
                if connection.in_transaction():
                    connection.rollback()

        async with self._turns:
            connection = self._idle.pop() if self._idle else await self._engine.connect()
            try:
                answer = await connection.run_sync(run)
            except BaseException:
                await _drop(connection)
                raise
            self._idle.append(connection)
            return answer

    async def forget(self) -> None:
        """Drop all that are not being asked."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await _drop(connection)

    async def close(self) -> None:
        """End them."""
        await self.forget()
        await _dispose(self._engine)


async def _drop(connection: AsyncConnection) -> None:
    """Have the connection cut; nothing is asked of the server, which may be away."""
    held = connection.sync_connection
    wire = None if held is None or held.closed or held.invalidated else held.connection.driver_connection
    if wire is not None:
        wire.terminate()  # SQLAlchemy's own way would first say goodbye, for 2 s
    try:
        await connection.invalidate()
        await connection.close()
    except _FAULTS as error:  # it is gone either way
        log.info("connection-dropped", error=_reason(error))


async def _set_within(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _state(error: BaseException) -> str:
    """Return the server's SQLSTATE, '' for what it did not say."""
    return str(getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None) or "")


def _found(connection: Connection, batch: list[Unit]) -> str:
    """Tell by its first event whether a batch was committed; one without events counts as not."""
    first = next((one for unit in batch for one in unit.numbered), None)
    if first is None:
        return "aborted"
    table = events_table.c
    there = connection.execute(select(table.kind, table.subject, table.at).where(table.seq == first.seq)).one_or_none()
    wanted = (first.event.kind, first.event.subject, first.at)
    return "committed" if there is not None and tuple(there) == wanted else "aborted"


def _reason(error: BaseException) -> str:
    """Return what the driver says, without the detail, which may quote a row."""
    told = str(error.orig if isinstance(error, DBAPIError) else error).partition("\nDETAIL:")[0]
    return told or type(error).__name__


def _address(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+asyncpg")


async def _dispose(engine: AsyncEngine) -> None:
    """End the connections nobody uses; the driver says goodbye, and would wait for the answer for ever."""
    try:
        async with asyncio.timeout(CLOSE_TIME):
            await engine.dispose()
    except TimeoutError:
        log.info("connection-not-closed")


def _engine(
    url: URL, size: int, seconds: float | None, isolation_level: str | None = None, **server: str
) -> AsyncEngine:
    """Return a pool of ``size`` connections; ``seconds``: what a statement may take; ``server``: settings there.

    A machine that vanished without a word is given up by the server after some 10 s, and with it what it locked.
    """
    alive = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
    more: dict[str, Any] = {} if isolation_level is None else {"isolation_level": isolation_level}
    return create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=seconds or READ_TIME,
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_TIME,
            "command_timeout": seconds,
            "server_settings": {"application_name": "contactcenter", "jit": "off", **alive, **server},
        },
        **more,
    )
