"""Tells events to whoever in this process listens, and keeps the numbered stream for those who come later.

Two moments: ``announce`` tells at once and commits right behind (the router acts first; ARCHITECTURE law 4), while the
events of a ``Database.write`` are told after their commit. Either way each listener hears each event once, in order.
``on_numbered`` listeners hear only committed events, with their numbers; who was away reads on by ``events_after``.
What other processes of the site committed comes by ``hear`` (``core/follower``).
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, func, select

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Work
from contactcenter.core.events import Envelope, Event, decode, events_table
from contactcenter.core.images import Image

log = structlog.get_logger(__name__)
Listener = Callable[[Envelope], None]
T = TypeVar("T")


class Publisher:
    """Owns the listeners of one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._listeners: list[Listener] = []
        self._numbered: list[Callable[[Sequence[Envelope]], None]] = []
        self.failures = 0
        database.on_committed = self._committed

    def subscribe(self, listener: Listener) -> None:
        """Hear every event as soon as it counts; one of another process after its commit, with its number."""
        self._listeners.append(listener)

    def on_numbered(self, listener: Callable[[Sequence[Envelope]], None]) -> None:
        """Hear this process's committed events with their numbers, unit by unit, in order.

        The numbers of one call are contiguous; between two calls lie those of other processes.
        """
        self._numbered.append(listener)

    def announce(
        self, *events: Event, actor: str = "", work: Work[None] | None = None, images: Sequence[Image] = ()
    ) -> None:
        """Tell now, commit behind: ``images``, or what ``work`` writes, belong to the events: the same commit."""
        now = self._clock.now()
        envelopes = [Envelope(event, now, actor) for event in events]
        self._database.write_behind(envelopes, work, images)
        self._tell(envelopes)

    def hear(self, envelopes: Sequence[Envelope]) -> None:
        """Tell committed events of other processes, in order; ``on_numbered`` listeners hear only of our own."""
        self._tell(envelopes)

    def _committed(self, envelopes: Sequence[Envelope], told: bool) -> None:
        if not told:
            self._tell(envelopes)
        for listener in self._numbered:
            self._call(listener, envelopes)

    def _tell(self, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            for listener in self._listeners:
                self._call(listener, envelope)

    def _call(self, listener: Callable[[T], None], what: T) -> None:
        """A listener that fails harms no other, and not the caller whose answer follows."""
        try:
            listener(what)
        except Exception:
            self.failures += 1
            log.exception("listener-failed", listener=getattr(listener, "__qualname__", ""))


def events_after(connection: Connection, seq: int, limit: int) -> list[Envelope]:
    """Return up to ``limit`` committed events with numbers above ``seq``, in order."""
    table = events_table.c
    rows = connection.execute(select(events_table).where(table.seq > seq).order_by(table.seq).limit(limit))
    return [Envelope(decode(row.kind, row.data), row.at, row.actor, row.seq) for row in rows]


def rows_after(connection: Connection, seq: int, kinds: Collection[str], limit: int) -> tuple[int, Sequence[Any]]:
    """Return the newest number, and the first ``limit`` rows of ``kinds`` above ``seq`` up to it, in order, undecoded.

    The newest may be below ``seq``: on a standby that was behind and has taken over.
    """
    table = events_table.c
    # The number first: a row committed between the two questions is above it, and left to the next read.
    newest = connection.execute(select(func.max(table.seq))).scalar() or 0
    if newest <= seq:
        return newest, ()
    wanted = (table.seq > seq) & (table.seq <= newest) & table.kind.in_(sorted(kinds))
    return newest, connection.execute(select(events_table).where(wanted).order_by(table.seq).limit(limit)).all()
