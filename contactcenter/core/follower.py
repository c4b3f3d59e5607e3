"""Hears what other processes of the site committed, so that their events reach this process's listeners too.

The journal is the truth; a message on the bus (a doorbell) only says that it is worth reading. One that is lost costs
at most ``SAFETY`` seconds, never an event.

A gap cannot be: numbers are given under the writers' lock, in the order of commits, so whoever sees a number at read
committed sees all lower ones. Each event is told once, in the order of numbers; our own were told by their commit.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from contactcenter.core.bus import Bus
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import Unavailable
from contactcenter.core.events import Envelope, decode
from contactcenter.core.number_ranges import NumberRanges
from contactcenter.core.publisher import Publisher, rows_after

log = structlog.get_logger(__name__)

SAFETY: Final = 5.0  # seconds between two looks when no doorbell rings
SAFETY_DEGRADED: Final = 1.0  # the same while doorbells are not to be relied on
AWAY: Final = 1.0  # seconds between two tries while the store is away
HELD: Final = 0.1  # seconds between two looks at the own commit that holds us up: the store is not asked
FAR: Final = 10_000  # numbers behind: then a doorbell counts whatever it is about
PAGE: Final = 500  # rows

_doorbells = msgspec.msgpack.Decoder(tuple[str, int, list[str]])


class Follower:
    """Owns the position up to which events of other processes were told here; make it before ``database.open``.

    Own events are known by their numbers, which ``on_numbered`` brings. Between the moment in which the server commits
    them and that in which we hear of it they look like another's; and a batch rolled back by the server, of which we
    have not heard, leaves its numbers to others. So nothing is told, or passed over, from
    ``Database.unsettled_from`` on. This is enough: the number is set before COMMIT is sent, so whoever has read a row
    of ours finds, looking after the read, either the number still set or the row among the own ranges; both change in
    one turn of the event loop. A commit in doubt keeps it set until it is settled, and then it is ours or nobody's.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        bus: Bus,
        clock: Clock,
        sender: str,
        kinds: Collection[str],
    ) -> None:
        """``sender`` names this process, a new name at each start; ``kinds`` are the events it cares about."""
        self.channel = f"cc:{database.site_id}:events"
        self.told = -1
        """Number up to which all is told or passed over; -1 before ``keep``."""
        self.looked_at: datetime | None = None
        """When the journal was last read; None before."""
        self._database, self._publisher, self._bus, self._clock = database, publisher, bus, clock
        self._sender, self._kinds = sender, frozenset(kinds)
        self._own = NumberRanges()
        self._bell = asyncio.Event()
        self._held_at = 0  # the unsettled number that rows read wait for
        self._is_away = False
        self._unknown: set[str] = set()
        self._committed: set[str] = set()  # kinds, of the commit that is being told
        self._last = 0
        publisher.on_numbered(self._on_committed)
        bus.subscribe(self.channel, self._on_doorbell)
        bus.on_restored(self._bell.set)

    async def keep(self) -> None:
        """For ever: read and tell what is new, whenever a doorbell rings or it is time. Begins where ``open`` did."""
        if self.told < 0:
            self.told = self._own.past(self._database.seq_at_open)
        while True:
            if not self._held_at or self._database.unsettled_from != self._held_at:
                await self._look()
            await self._wait()

    # ---------------------------------------------------------------- doorbells

    def _on_committed(self, envelopes: Sequence[Envelope]) -> None:
        self._own.add(envelopes[0].seq, envelopes[-1].seq)
        if self.told >= 0:
            self.told = self._own.past(self.told)
        if self._held_at:
            self._bell.set()
        if not self._committed:  # units of one commit are told in one turn of the loop: one doorbell for all
            asyncio.get_running_loop().call_soon(self._ring_others)
        self._committed.update(one.event.kind for one in envelopes)
        self._last = envelopes[-1].seq

    def _ring_others(self) -> None:
        kinds, self._committed = sorted(self._committed), set()
        if self._bus.reaches_others:
            self._bus.publish(self.channel, msgspec.msgpack.encode((self._sender, self._last, kinds)))

    def _on_doorbell(self, message: bytes) -> None:
        try:
            sender, last, kinds = _doorbells.decode(message)
        except msgspec.MsgspecError as error:
            log.warning("doorbell-unreadable", error=str(error))
            return
        if sender != self._sender and (last - self.told > FAR or not self._kinds.isdisjoint(kinds)):
            self._bell.set()

    async def _wait(self) -> None:
        """Wait for a doorbell or for the time. Any number of them while a read was under way is one more read."""
        if self._is_away:
            await asyncio.sleep(AWAY)  # whatever rings
        else:
            seconds = HELD if self._held_at else SAFETY_DEGRADED if self._bus.degraded else SAFETY
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._bell.wait()
        self._bell.clear()

    # ---------------------------------------------------------------- reading and telling

    async def _look(self) -> None:
        """Read on to the end, or to a commit of our own whose outcome is open. The store away is looked for again."""
        is_more = True
        while is_more:
            after = self.told
            try:
                newest, rows = await self._database.read(partial(rows_after, seq=after, kinds=self._kinds, limit=PAGE))
            except Unavailable as error:
                if not self._is_away:
                    log.warning("journal-away", error=error.fields.get("reason", ""))
                self._is_away = True
                return
            self._is_away, self.looked_at = False, self._clock.now()
            is_more = self._tell(after, newest, rows)

    def _tell(self, after: int, newest: int, rows: Sequence[Any]) -> bool:
        """Tell the rows of others and move on; True when more is to be read at once."""
        if newest < after:  # a standby that was behind has taken over: its numbers go on from there
            log.error("journal-went-back", told=after, newest=newest)
            self.told = newest
        is_page = len(rows) == PAGE
        end = rows[-1].seq if is_page else newest
        unsettled = self._database.unsettled_from
        self._held_at = unsettled if 0 < unsettled <= end else 0
        if self._held_at:
            end = self._held_at - 1
        # ``told`` may have moved while we read, by own commits.
        foreign = [row for row in rows if self.told < row.seq <= end and row.seq not in self._own]
        self.told = self._own.past(max(self.told, end))
        self._publisher.hear([one for row in foreign if (one := self._envelope(row)) is not None])
        return is_page and not self._held_at

    def _envelope(self, row: Any) -> Envelope | None:
        """Return None for an event this program cannot read: a newer one's."""
        try:
            return Envelope(decode(row.kind, row.data), row.at, row.actor, row.seq)
        except (KeyError, msgspec.MsgspecError) as error:
            if row.kind not in self._unknown:
                self._unknown.add(row.kind)
                log.warning("event-not-readable", kind=row.kind, seq=row.seq, error=repr(error))
            return None
