"""Who is calling, out of a million telephone numbers of 300,000 organisations, in one SQLite file.

Measures reading the number as the network writes it, the one query and the ranking: all of it, cold cache of the
program (every number is asked once), warm file. Numbers that nobody has are asked too.
"""

import random
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

import contactcenter.agents.store
import contactcenter.interactions.store
import contactcenter.queues.store
import contactcenter.tickets.store
import contactcenter.users.store  # noqa: F401 - the whole schema
from contactcenter.core.clock import SystemClock
from contactcenter.core.ids import SiteId, TimeOrderedIds
from contactcenter.core.sqlite_database import SqliteDatabase
from contactcenter.customers.service import CustomerService
from tests.benchmarks.report import Report
from tests.rig.tables import make_tables

NUMBERS = 1_000_000
ORGANISATIONS = 300_000
ASKED = 20_000
BARS = {"p99_ms": 1.0}


def national(index: int) -> str:
    """Return the index-th number, spread over the whole range as real ones are."""
    return f"30{(index * 7_919 + 1_000_003) % 90_000_000 + 10_000_000}"


def fill(connection: Connection) -> None:
    """Store the organisations and one person per number; every hundredth number is shared with the one before."""
    cursor = connection.connection.cursor()
    cursor.executemany(
        "INSERT INTO organisations (id, name, name_key, created_at) VALUES (?,?,?,0)",
        ((f"o{n}", f"Company {n}", f"company {n}") for n in range(ORGANISATIONS)),
    )
    cursor.executemany(
        "INSERT INTO people (id, name, name_key, title, organisation_id, is_vip, heed, language, note, currency,"
        " created_at) VALUES (?,?,?,'',?,0,'','de','','EUR',0)",
        ((f"p{n}", f"Person {n}", f"person {n}", f"o{n % ORGANISATIONS}") for n in range(NUMBERS)),
    )
    cursor.executemany(
        "INSERT INTO contact_points (id, kind, value, extension, person_id, organisation_id, contact_count)"
        " VALUES (?,'phone',?,'',?,?,0)",
        _points(),
    )


def _points() -> Iterator[tuple[str, str, str | None, str | None]]:
    for n in range(NUMBERS):
        line = n - 1 if n % 100 == 99 else n
        yield f"c{n}", f"+49{national(line)}", f"p{n}", None
    for n in range(ORGANISATIONS):
        yield f"m{n}", f"+4940{10_000_000 + n}", None, f"o{n}"


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


def measure(connection: Connection, service: CustomerService, count: int) -> tuple[list[float], list[float], int]:
    """Return seconds per look-up, of the clock and of the processor, and how many found somebody."""
    walls, works, found = [], [], 0
    for text in asked(random.Random(7), count):
        wall, work = time.perf_counter(), time.thread_time()
        candidates = service.find_by_number(connection, service.read_number(text))
        works.append(time.thread_time() - work)
        walls.append(time.perf_counter() - wall)
        found += bool(candidates.items)
    return walls, works, found


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--asked", type=int, default=ASKED)


def run(given: Namespace) -> Report:
    """Build the database, ask, tell."""
    report = Report("lookup", {**vars(given), "numbers": NUMBERS, "organisations": ORGANISATIONS})
    with tempfile.TemporaryDirectory(prefix="cc-lookup-") as folder:
        clock = SystemClock()
        database = SqliteDatabase(Path(folder) / "lookup.db", clock, SiteId("main"))
        make_tables(database.engine)
        with database.engine.begin() as connection:
            fill(connection)
        service = CustomerService(database, clock, TimeOrderedIds(clock))
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
            walls, works, found = measure(connection, service, given.asked)
        database.engine.dispose()
    for name, samples in (("lookup", walls), ("lookup_cpu", works)):
        milliseconds = [round(1000 * one, 4) for one in samples]
        for first in range(0, len(milliseconds), 1000):
            report.sample(kind=name, ms=milliseconds[first : first + 1000])
        report.percentiles(name, milliseconds, "ms", {99: BARS["p99_ms"]} if name == "lookup" else None)
    report.figure("found_share", found / len(walls), "ratio", at_least=0.85)
    return report
