"""Who is calling, out of a million telephone numbers of 300,000 organisations, on SQLite or Postgres.

Measures reading the number as the network writes it, the one query and the ranking: all of it, cold cache of the
program (every number is asked once), warm file. Numbers that nobody has are asked too. On Postgres every tenth look-up
is followed by a bare ``SELECT 1`` on the bare driver: what the way there and back costs on this machine in this moment.
"""

import random
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from sqlalchemy import Connection

import contactcenter.agents.store
import contactcenter.interactions.store
import contactcenter.queues.store
import contactcenter.tickets.store
import contactcenter.users.store  # noqa: F401 - the whole schema
from contactcenter.core.clock import SystemClock
from contactcenter.core.database import Database
from contactcenter.core.ids import TimeOrderedIds
from contactcenter.customers.service import CustomerService
from tests.benchmarks.report import Report
from tests.benchmarks.stores import KINDS, Store, memory, store

NUMBERS = 1_000_000
ORGANISATIONS = 300_000
ASKED = 20_000
BARS = {"p99_ms": 1.0}


def national(index: int) -> str:
    """Return the index-th number, spread over the whole range as real ones are."""
    return f"30{(index * 7_919 + 1_000_003) % 90_000_000 + 10_000_000}"


TABLES = {
    "organisations": ("id", "name", "name_key", "created_at"),
    "people": (
        *("id", "name", "name_key", "title", "organisation_id", "is_vip", "heed", "language", "note", "currency"),
        "created_at",
    ),
    "contact_points": ("id", "kind", "value", "extension", "person_id", "organisation_id", "contact_count"),
}


def rows(table: str) -> Iterator[tuple[Any, ...]]:
    """Yield the organisations, one person per number, the numbers; every hundredth is shared with the one before."""
    if table == "organisations":
        yield from ((f"o{n}", f"Company {n}", f"company {n}", 0) for n in range(ORGANISATIONS))
    elif table == "people":
        for n in range(NUMBERS):
            company = f"o{n % ORGANISATIONS}"
            yield f"p{n}", f"Person {n}", f"person {n}", "", company, False, "", "de", "", "EUR", 0
    else:
        for n in range(NUMBERS):
            line = n - 1 if n % 100 == 99 else n
            yield f"c{n}", "phone", f"+49{national(line)}", "", f"p{n}", None, 0
        for n in range(ORGANISATIONS):
            yield f"m{n}", "phone", f"+4940{10_000_000 + n}", "", None, f"o{n}", 0


async def fill(one: Store) -> None:
    """Store it all, as quickly as each kind of database can."""
    if one.url:
        connection = await asyncpg.connect(one.url)
        for table, columns in TABLES.items():
            await connection.copy_records_to_table(table, records=rows(table), columns=columns)
        await connection.execute("ANALYZE")
        await connection.close()
        return

    def insert(connection: Connection) -> None:
        cursor: Any = connection.connection.cursor()
        for table, columns in TABLES.items():
            marks = ",".join("?" * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows(table))

    await one.database.prepare(insert)


def asked(source: random.Random, count: int) -> Iterator[str]:
    """Yield numbers in the forms networks use: known ones, companies' own, and one in ten that nobody has."""
    for _ in range(count):
        number = national(source.randrange(NUMBERS))
        kind = source.random()
        if kind < 0.1:
            yield f"089{source.randrange(10**6, 10**7)}"
        elif kind < 0.2:
            yield f"+4940{10_000_000 + source.randrange(ORGANISATIONS)}"
        else:
            yield source.choice(["+49", "0049", "0"]) + number


async def measure(
    database: Database, service: CustomerService, count: int, bare: asyncpg.Connection | None
) -> tuple[list[float], list[float], list[float], int]:
    """Return seconds per look-up, of the clock and of the processor, per bare trip, and how many found somebody."""
    walls, works, trips, found = [], [], [], 0
    for number, text in enumerate(asked(random.Random(7), count)):
        wall, work = time.perf_counter(), time.thread_time()
        reading = service.read_number(text)
        candidates = await database.look_up(lambda c, reading=reading: service.find_by_number(c, reading))
        works.append(time.thread_time() - work)
        walls.append(time.perf_counter() - wall)
        found += bool(candidates.items)
        if bare is not None and number % 10 == 0:
            wall = time.perf_counter()
            await bare.fetchval("SELECT 1")
            trips.append(time.perf_counter() - wall)
    return walls, works, trips, found


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--on", choices=KINDS, default="sqlite")
    parser.add_argument("--asked", type=int, default=ASKED)


def run(given: Namespace) -> Report:
    """Build the database, ask, tell."""
    report = Report("lookup", {**vars(given), "numbers": NUMBERS, "organisations": ORGANISATIONS})
    with tempfile.TemporaryDirectory(prefix="cc-lookup-") as folder:
        uvloop.run(_run(given, report, Path(folder)))
    return report


async def _run(given: Namespace, report: Report, folder: Path) -> None:
    async with store(given.on, folder) as one:
        await fill(one)
        clock = SystemClock()
        service = CustomerService(one.database, clock, TimeOrderedIds(clock))
        await one.database.open()
        bare = await asyncpg.connect(one.url) if one.url else None
        await measure(one.database, service, 100, bare)  # connections made, statements prepared
        before = memory()
        walls, works, trips, found = await measure(one.database, service, given.asked, bare)
        report.figure("memory_growth", memory() - before, "MiB", at_most=8.0)
        await one.database.close()
        if bare is not None:
            await bare.close()
    for name, samples in (("lookup", walls), ("lookup_cpu", works), ("bare_round_trip", trips)):
        if not samples:
            continue
        milliseconds = [round(1000 * one, 4) for one in samples]
        for first in range(0, len(milliseconds), 1000):
            report.sample(kind=name, ms=milliseconds[first : first + 1000])
        report.percentiles(name, milliseconds, "ms", {99: BARS["p99_ms"]} if name == "lookup" else None)
    report.figure("found_share", found / len(walls), "ratio", at_least=0.85)
