"""The store: units of work, one writer, group commit; what its two kinds, SQLite and Postgres, have in common.

A unit of work is a plain function ``work(tx)`` that reads and writes through SQLAlchemy Core and records events; its
rows and events are one commit. Units queue to one writer and share commits (each inside its own savepoint), so 100
small units cost one fsync. A unit that only brings images (``core/images``) runs no statement of its own: those of one
commit are written together.

Two ways in: ``write`` answers after the commit; ``write_behind`` is for what was already acted on (the router's tail):
it is committed within a few milliseconds and kept and tried again while the store refuses.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection, func, insert, select

from contactcenter.core.clock import Clock
from contactcenter.core.errors import Unavailable
from contactcenter.core.events import (
    LONGEST_SUBJECT,
    Envelope,
    Event,
    encode_data,
    events_table,
    journal_table,
    to_microseconds,
)
from contactcenter.core.ids import SiteId
from contactcenter.core.images import Image, row_statement, write_images

log = structlog.get_logger(__name__)
T = TypeVar("T")

LINGER: Final = 0.015  # seconds a batch of tail units waits for company: a commit costs more than what is in it
COMPANY: Final = 32  # units: with so many there nobody waits any longer
MAX_BATCH: Final = 500
RETRY_PAUSE: Final = 0.5
MAX_BACKLOG: Final = 200_000
ENDS: Final = "the server ends"
_EVENT_COLUMNS: Final = ("seq", "site_id", "at", "kind", "subject", "actor", "data")


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
        """Add an event to this commit. Raises ValueError for one whose subject no column holds."""
        if len(event.subject) > LONGEST_SUBJECT:
            raise ValueError(f"the subject of {event.kind} is too long")
        self.envelopes.append(Envelope(event, self.now, actor))


Work = Callable[[Transaction], T]
OnCommitted = Callable[[Sequence[Envelope], bool], None]
"""Called in the event loop after each commit, unit by unit: the numbered events, and whether they were told before."""


@dataclass(slots=True)
class Unit:
    """What waits for a commit: ``future`` is a caller's, None for the tail."""

    work: Callable[[Transaction], Any] | None
    envelopes: Sequence[Envelope]
    future: "asyncio.Future[Any] | None"
    result: Any = None
    error: BaseException | None = None
    numbered: list[Envelope] = field(default_factory=list)
    images: Sequence[Image] = ()


class Database(ABC):
    """One store of one site. Owns its writer and the last event number."""

    def __init__(self, clock: Clock, site_id: SiteId) -> None:
        self.site_id = site_id
        self.epoch = ""
        self.degraded = ""
        """Why it refuses what is written; '' while all is well."""
        self.failed_units = 0
        self.on_committed: OnCommitted = lambda envelopes, told: None
        self.on_fenced: Callable[[], None] = lambda: None
        """Called once, when another process has taken the site over: nothing of ours is committed any more."""
        self._clock = clock
        self._backlog: deque[Unit] = deque()
        self._taken = 0  # units in the commit under way
        self._seq = 0
        self._seq_at_open = 0
        self._unsettled: set[int] = set()  # the first number of each batch that is numbered, its outcome untold
        self._is_closing = False

    @property
    def seq(self) -> int:
        """Number of the last committed event."""
        return self._seq

    @property
    def seq_at_open(self) -> int:
        """Number of the last event committed before ``open``."""
        return self._seq_at_open

    @property
    def unsettled_from(self) -> int:
        """First number of our commits whose outcome was not told yet, 0 while there is none.

        It is set before the first of such rows can be read by anybody, and until ``on_committed`` was called with them
        or they were rolled back; through all the time a lost COMMIT is in doubt. From that number on nobody can tell by
        the number whose event it is: ours, or, when ours was rolled back, that of another process.
        """
        return min(self._unsettled, default=0)

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, as a person may read it; no password."""

    @property
    @abstractmethod
    def pending(self) -> int:
        """Units that wait for a commit."""

    @abstractmethod
    async def prepare(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction of its own, before ``open``: migrations, a look at what is there.

        Raises Unavailable ``store-unavailable``.
        """

    @abstractmethod
    async def claim(self, token: str) -> None:
        """Before ``open``: from now on this process alone serves the site; ``token`` is new at each start.

        Raises Conflict ``data-in-use`` while another one does. A file is the data folder's: its lock is enough.
        """

    @abstractmethod
    async def open(self) -> None:
        """Read the last number and start the writer. The tables must exist (``migrate``)."""

    @abstractmethod
    async def close(self) -> None:
        """Commit what is queued and end the writer. Also for one that was never opened."""

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in the writer and answer after its commit; its error is raised here and leaves no trace."""
        if self._is_closing:
            raise Unavailable("store-unavailable", {"reason": ENDS})
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(Unit(work, (), future))
        result: T = await future
        return result

    def write_behind(
        self, envelopes: Sequence[Envelope], work: Work[None] | None = None, images: Sequence[Image] = ()
    ) -> None:
        """Commit events already told, ``images`` and rows by ``work`` with them, soon and in order.

        Kept while the store refuses. The images must not change any more.
        """
        if self._is_closing:
            self.failed_units += 1
            log.warning("tail-unit-after-the-end", events=[envelope.event.kind for envelope in envelopes])
            return
        self._put(Unit(work, envelopes, None, images=images))

    async def flush(self) -> None:
        """Return when all that was queued before is committed."""
        await self.write(lambda tx: None)

    @abstractmethod
    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a query function on a reading connection."""

    @abstractmethod
    async def look_up(self, work: Callable[[Connection], T]) -> T:
        """Run a query of a few rows by their keys, for the path of a call: nothing slow is before it."""

    # ---------------------------------------------------------------- for the two kinds

    @abstractmethod
    def _put(self, unit: Unit) -> None:
        """Queue a unit for the writer."""

    @abstractmethod
    def _queued(self) -> list[Unit]:
        """Take everything from the queue."""

    @abstractmethod
    def _is_refusal(self, error: BaseException) -> bool:
        """Whether the store cannot take anything now (full, locked, away); any other fault is the unit's own."""

    def _without_values(self, error: BaseException) -> BaseException:
        """Return the error as it may be logged: no number or name of a row stands in it."""
        return error

    @abstractmethod
    def _tell(self, batch: list[Unit]) -> None:
        """Have ``_told`` called in the event loop."""

    def _read_position(self, connection: Connection) -> None:
        self._seq = self._seq_at_open = connection.execute(select(func.max(events_table.c.seq))).scalar() or 0
        self.epoch = self.epoch_now(connection) or self._found_journal(connection)

    def epoch_now(self, connection: Connection) -> str:
        """Return the journal's epoch as it is stored: a restore begins a new one beside processes that run."""
        row = connection.execute(select(journal_table.c.epoch).where(journal_table.c.site_id == self.site_id))
        return str(row.scalar() or "")

    def _found_journal(self, connection: Connection) -> str:
        epoch = f"{int(self._clock.timestamp() * 1000):x}"
        row = {"site_id": self.site_id, "epoch": epoch, "created_at": self._clock.now()}
        connection.execute(insert(journal_table), row)
        return epoch

    def _run_batch(self, connection: Connection, batch: list[Unit]) -> int:
        """Run the units and write their events inside the connection's transaction; return the last number."""
        # Read anew each time: another process may have written beside us (``user add``).
        cursor: Any = connection.connection.cursor()
        cursor.execute("SELECT max(seq) FROM events")
        first = cursor.fetchone()[0] or 0
        self._run_units(connection, batch)
        return self._number(connection, batch, first)

    def _run_units(self, connection: Connection, batch: list[Unit]) -> None:
        """Run the units in order. Images are written together, but before the next unit that may look at rows."""
        waiting: list[Unit] = []
        for unit in batch:
            unit.error = None
            if unit.work is None:
                unit.numbered = self._storable(unit.envelopes)
                waiting.append(unit)
            else:
                self._write_images(connection, waiting)
                waiting = []
                self._run_unit(connection, unit, unit.work)
        self._write_images(connection, waiting)

    def _write_images(self, connection: Connection, units: list[Unit]) -> None:
        """Write the units' images in one go; when one cannot be written, unit by unit, so that only its own is lost."""
        images = [image for unit in units for image in unit.images]
        if not images:
            return
        cursor: Any = connection.connection.cursor()
        cursor.execute("SAVEPOINT images")
        try:
            write_images(cursor, connection.dialect.name, images)
        except BaseException as error:
            if self._is_refusal(error):
                raise
            cursor.execute("ROLLBACK TO images")
            if len(units) == 1:
                units[0].error = self._without_values(error)
            for unit in units if len(units) > 1 else ():
                self._write_images(connection, [unit])
        cursor.execute("RELEASE images")

    def _run_unit(self, connection: Connection, unit: Unit, work: Callable[[Transaction], Any]) -> None:
        tx = Transaction(connection, self._clock)
        cursor: Any = connection.connection.cursor()
        cursor.execute("SAVEPOINT unit")
        try:
            write_images(cursor, connection.dialect.name, unit.images)
            unit.result = work(tx)
        except BaseException as error:
            if self._is_refusal(error):
                raise
            cursor.execute("ROLLBACK TO unit")
            unit.error, tx.envelopes = self._without_values(error), []
        cursor.execute("RELEASE unit")
        unit.numbered = [*self._storable(unit.envelopes), *tx.envelopes]

    def _storable(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        """Leave out what no table holds: it was told already, and one that is refused would keep all others waiting."""
        fit = [one for one in envelopes if len(one.event.subject) <= LONGEST_SUBJECT]
        if len(fit) < len(envelopes):
            self.failed_units += 1
            log.error("event-not-storable", kinds=[one.event.kind for one in envelopes if one not in fit])
        return fit

    def _number(self, connection: Connection, batch: list[Unit], seq: int) -> int:
        """Number the batch's events after ``seq`` and write them; return the last number."""
        rows = []
        for unit in batch:
            for index, envelope in enumerate(unit.numbered):
                seq += 1
                unit.numbered[index] = Envelope(envelope.event, envelope.at, envelope.actor, seq)
                rows.append(_row(self.site_id, unit.numbered[index]))
        if rows:
            self._unsettled.add(rows[0][0])
            cursor: Any = connection.connection.cursor()
            row_statement(connection.dialect.name, events_table, _EVENT_COLUMNS).run(cursor, rows)
        return seq

    def _refused(self, batch: list[Unit], error: BaseException) -> None:
        """Keep the tail for the next try and tell every caller that nothing of his was written."""
        self.degraded = self._reason(error)
        log.error("commit-refused", units=len(batch), error=self.degraded)
        self._settle(batch)
        late = self._queued()  # who came meanwhile would wait behind a long backlog
        waiting = [unit for unit in (*batch, *late) if unit.future is not None]
        self._backlog.extendleft(reversed([unit for unit in batch if unit.future is None]))
        self._backlog.extend(unit for unit in late if unit.future is None)
        self._taken = 0
        while len(self._backlog) > MAX_BACKLOG:
            self._backlog.popleft()
            self.failed_units += 1
        for unit in waiting:
            unit.error, unit.numbered = Unavailable("store-unavailable", {"reason": self.degraded}), []
        self._tell(waiting)

    def _settle(self, batch: list[Unit]) -> None:
        """The batch's numbers are told, or were never committed."""
        self._unsettled.discard(next((unit.numbered[0].seq for unit in batch if unit.numbered), 0))

    def _from_backlog(self) -> list[Unit]:
        """Take what goes first into the next commit: not all at once after a long absence, others wait as well."""
        return [self._backlog.popleft() for _ in range(min(MAX_BATCH, len(self._backlog)))]

    def _reason(self, error: BaseException) -> str:
        return str(error.__cause__ or error) or type(error).__name__

    def _answer_the_rest(self, units: Iterable[Unit]) -> None:
        """At the end: who is still waiting is told that nothing of his was written."""
        for unit in units:
            if unit.future is not None and not unit.future.done():
                unit.future.set_exception(Unavailable("store-unavailable", {"reason": ENDS}))

    def _told(self, batch: list[Unit]) -> None:
        for unit in batch:
            if unit.numbered:
                self.on_committed(unit.numbered, unit.future is None)
            if unit.future is not None and not unit.future.done():
                _answer(unit)
            elif unit.error is not None and unit.future is None:
                self.failed_units += 1
                log.error("tail-unit-failed", exc_info=unit.error)
        self._settle(batch)


def _answer(unit: Unit) -> None:
    assert unit.future is not None
    if unit.error is None:
        unit.future.set_result(unit.result)
    elif isinstance(unit.error, Exception):
        unit.future.set_exception(unit.error)
    else:
        unit.future.cancel()


def _row(site_id: SiteId, envelope: Envelope) -> tuple[Any, ...]:
    fact = envelope.event
    at = to_microseconds(envelope.at)
    return (envelope.seq, site_id, at, fact.kind, fact.subject, envelope.actor, encode_data(fact))
