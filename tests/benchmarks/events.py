"""Durable events a second into the journal, on SQLite or Postgres, with ordinary commits beside.

Events go the way the router's do (``write_behind``), as fast as they are committed, a bounded number on the way; 20
times a second somebody's use case writes a row and waits for its commit (``write``), as pages do. Every commit is
synchronous, the events table has its indexes. As in a day's journal, an interaction has some seven events while
hundreds of others have theirs. An event's latency is from handing it over to the answer of its commit. At the end the
table must hold every event once, without a gap in the numbers.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import uvloop
from sqlalchemy import Connection, text, update

import contactcenter.agents.store
import contactcenter.customers.store
import contactcenter.interactions.store
import contactcenter.queues.store
import contactcenter.tickets.store
import contactcenter.users.store  # noqa: F401 - the whole schema
from contactcenter.core.clock import Clock, SystemClock
from contactcenter.core.database import Database
from contactcenter.core.events import Envelope, journal_table
from contactcenter.core.garbage import Collector
from contactcenter.core.ids import AgentId, InteractionId, QueueId, ReservationId, TimeOrderedIds
from contactcenter.interactions.model import ReservationMade
from tests.benchmarks.report import Report
from tests.benchmarks.stores import KINDS, Store, store

ROWS_PER_SECOND = {"sqlite": 30_000, "postgres": 20_000}
ON_THE_WAY = {"sqlite": 200, "postgres": 150}  # what is there at once at these rates and 7 ms a commit
MILLISECONDS = 20.0
ROWS_PER_UNIT = 3
UNITS_PER_INTERACTION = 2
LIVE = 3000  # interactions at a time
ORDINARY = 20.0


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--on", choices=KINDS, default="sqlite")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--on-the-way", type=int, help="events handed over and not yet committed (by kind)")


def run(given: Namespace) -> Report:
    """Measure."""
    given.on_the_way = given.on_the_way or ON_THE_WAY[given.on]
    report = Report("events", vars(given))
    with tempfile.TemporaryDirectory(prefix="cc-events-") as folder:
        uvloop.run(_measure(given, report, Path(folder)))
    return report


async def _measure(given: Namespace, report: Report, folder: Path) -> None:
    async with store(given.on, folder) as one:
        report.settings["durability"] = one.settings
        report.notes.append(", ".join(f"{name}={value}" for name, value in one.settings.items()))
        await one.database.open()
        await _load(given, report, one)


async def _load(given: Namespace, report: Report, one: Store) -> None:
    database = one.database
    await _ordinary_write(database)  # its statement is compiled
    load = Load(database, given.on_the_way)
    Collector(lambda: False).begin(time.monotonic())  # as the server's process does
    beside = asyncio.get_running_loop().create_task(ordinary(database, report))
    syncs = await one.syncs()
    began, cpu = time.perf_counter(), time.process_time()
    await load.run(given.seconds)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    beside.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beside
    syncs = await one.syncs() - syncs
    holes = await database.read(lambda connection: missing(connection, load.committed))
    await database.close()
    for at, rows, latency in load.commits:
        report.sample(kind="commit", at=round(at - began, 5), rows=rows, oldest_ms=round(1000 * latency, 3))
    report.figure("rows_per_second", load.committed / took, "1/s", at_least=ROWS_PER_SECOND[given.on])
    report.percentiles("acknowledged", load.latencies, "ms", {99: MILLISECONDS})
    waits = [sample["ms"] for sample in report.samples if sample["kind"] == "ordinary"]
    report.percentiles("ordinary_commit", waits, "ms", {99: MILLISECONDS})
    report.figure("ordinary_commits_per_second", len(waits) / took, "1/s", at_least=0.9 * ORDINARY)
    report.figure("cpu_us_per_row", 1e6 * cpu / load.committed, "us")
    report.figure("syncs", syncs, "")
    report.figure("rows_missing", holes, "rows", at_most=0)


class Load:
    """Hands events over and notes when they are durable."""

    def __init__(self, database: Database, on_the_way: int) -> None:
        self.committed = 0
        self.latencies: list[float] = []  # milliseconds, one per unit
        self.commits: list[tuple[float, int, float]] = []
        self._database = database
        self._bound = on_the_way
        self._handed: deque[float] = deque()
        self._waiting = 0
        self._room = asyncio.Event()
        self._clock = SystemClock()
        self._traffic = Traffic(self._clock)
        database.on_committed = self._committed

    async def run(self, seconds: float) -> None:
        """Keep ``on_the_way`` events before the writer for so long; return when all are committed."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            while self._waiting < self._bound:
                self._hand_over()
            self._room.clear()
            await self._room.wait()
        await self._database.flush()

    def _hand_over(self) -> None:
        now = self._clock.now()
        events = [Envelope(event, now) for event in self._traffic.unit()]
        self._handed.append(time.perf_counter())
        self._waiting += ROWS_PER_UNIT
        self._database.write_behind(events)

    def _committed(self, envelopes: Sequence[Envelope], told: bool) -> None:
        if not told:
            return  # somebody's ordinary commit
        now = time.perf_counter()
        latency = now - self._handed.popleft()
        self.latencies.append(1000 * latency)
        self.committed += len(envelopes)
        self._waiting -= len(envelopes)
        if self.commits and now - self.commits[-1][0] < 0.0005:
            at, rows, oldest = self.commits[-1]
            self.commits[-1] = (at, rows + len(envelopes), max(oldest, latency))
        else:
            self.commits.append((now, len(envelopes), latency))
        self._room.set()


class Traffic:
    """Units of events as a router makes them: any of those interactions that live now goes on."""

    def __init__(self, clock: Clock) -> None:
        self._new = TimeOrderedIds(clock).new
        self._live = [[self._new(), 0] for _ in range(LIVE)]
        self._random = random.Random(1)
        self._expires_at = clock.now()
        self._why = {"rule": "longest-idle", "number": 1, "considered": 7, "candidates": 3}
        self._others = [(ReservationId(self._new()), AgentId(self._new()), QueueId(self._new())) for _ in range(LIVE)]

    def unit(self) -> list[ReservationMade]:
        """Return the next unit."""
        index = self._random.randrange(LIVE)
        one = self._live[index]
        one[1] += 1
        if one[1] == UNITS_PER_INTERACTION:
            self._live[index] = [self._new(), 0]
        ids, about = self._others[index], InteractionId(one[0])
        return [ReservationMade(about, *ids, self._expires_at, self._why) for _ in range(ROWS_PER_UNIT)]


async def ordinary(database: Database, report: Report) -> None:
    """For ever: a row written and waited for, as often as ``ORDINARY`` says."""
    while True:
        begin = time.perf_counter()
        await _ordinary_write(database)
        took = time.perf_counter() - begin
        report.sample(kind="ordinary", ms=round(1000 * took, 3))
        await asyncio.sleep(max(0.0, 1 / ORDINARY - took))


async def _ordinary_write(database: Database) -> None:
    await database.write(lambda tx: tx.execute(update(journal_table).values(created_at=tx.now)) and None)


def missing(connection: Connection, expected: int) -> int:
    """Return how many events are not there, or whose number is not the next."""
    count, first, last = connection.execute(text("SELECT count(*), min(seq), max(seq) FROM events")).one()
    return int(abs(expected - count) + abs(last - first + 1 - count))
