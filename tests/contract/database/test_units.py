"""Units of work, their commits and their numbers: the same on either database."""

import asyncio
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import Conflict, Unavailable
from contactcenter.core.events import Envelope, Event, event
from contactcenter.core.publisher import events_after

NOW = ManualClock().now()


@event("contract-thing-happened", subject="thing_id")
@dataclass(frozen=True, slots=True)
class ThingHappened(Event):
    """A thing happened."""

    thing_id: str


def add(name, *events):
    def work(tx):
        tx.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})
        for one in events:
            tx.record(ThingHappened(one))
        return name

    return work


def told(*names):
    return [Envelope(ThingHappened(name), NOW) for name in names]


async def things(database):
    return await database.read(lambda c: [row[0] for row in c.execute(text("SELECT name FROM things ORDER BY 1"))])


async def journal(database, after=0):
    found = await database.read(lambda c: events_after(c, after, 1000))
    return [(one.seq, one.event.thing_id) for one in found]


async def test_rows_and_events_are_one_commit(database):
    assert await database.write(add("a", "e1", "e2")) == "a"
    assert await things(database) == ["a"]
    assert await journal(database) == [(1, "e1"), (2, "e2")]
    assert database.seq == 2


async def test_a_unit_that_fails_leaves_no_trace_and_harms_no_other_of_its_batch(database, busy):
    def bad(tx):
        add("half", "half")(tx)
        raise Conflict("not-now")

    writes = [asyncio.ensure_future(database.write(work)) for work in (add("a", "e1"), bad, add("b", "e2"))]
    await asyncio.sleep(0)
    busy()
    first, second, third = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, third) == ("a", "b")
    assert isinstance(second, Conflict)
    assert await things(database) == ["a", "b"]
    assert await journal(database) == [(1, "e1"), (2, "e2")]


async def test_a_broken_constraint_is_the_units_own_error(database):
    await database.write(add("a"))
    with pytest.raises(IntegrityError):
        await database.write(add("a", "never"))
    assert await database.write(add("b")) == "b"
    assert await journal(database) == []


async def test_readers_cannot_write(database):
    with pytest.raises(Exception, match=r"read.?only"):
        await database.read(lambda c: c.exec_driver_sql("INSERT INTO things VALUES ('x')"))


async def test_what_was_told_is_written_behind_in_order_with_its_rows(database):
    for n in range(5):
        database.write_behind(told(f"e{n}"), lambda tx, n=n: add(f"t{n}")(tx) and None)
    await database.flush()
    assert await journal(database) == [(n + 1, f"e{n}") for n in range(5)]
    assert await things(database) == [f"t{n}" for n in range(5)]


async def test_rows_of_the_tail_that_fail_are_counted_and_the_told_event_stands(database):
    def bad(tx):
        raise ValueError("a fault of ours")

    database.write_behind(told("e1"), bad)
    await database.flush()
    assert await journal(database) == [(1, "e1")]
    assert database.failed_units == 1


async def test_everybody_hears_numbers_once_and_in_order(database):
    heard = []
    database.on_committed = lambda envelopes, was_told: heard.extend((one.seq, was_told) for one in envelopes)
    database.write_behind(told("e1", "e2"))
    await database.write(add("a", "e3"))
    database.write_behind(told("e4"))
    await database.flush()
    assert heard == [(1, True), (2, True), (3, False), (4, True)]


async def test_numbers_go_on_after_a_restart_and_the_epoch_stays(kind):
    first = await kind.open()
    await first.write(add("a", "e1", "e2"))
    first.write_behind(told("e3"))
    await first.close()  # commits what is queued
    second = await kind.open()
    await second.write(add("b", "e4"))
    assert await journal(second) == [(1, "e1"), (2, "e2"), (3, "e3"), (4, "e4")]
    assert second.epoch == first.epoch != ""


async def test_another_process_may_write_beside_us(kind, database):
    """``user add`` opens the same file: numbers go on without a gap, and neither writer dies."""
    beside = await kind.open()
    for number in range(3):
        await database.write(add(f"ours {number}", "a"))
        await beside.write(add(f"theirs {number}", "b"))
    found = await database.read(lambda connection: events_after(connection, 0, 100))
    assert [envelope.seq for envelope in found] == list(range(1, 7))


async def test_the_writer_outlives_whatever_a_commit_raises(database, monkeypatch):
    def broken(*_):
        raise RuntimeError("not a fault of the store")

    monkeypatch.setattr(database, "_number", broken)
    with pytest.raises(Unavailable):
        await database.write(add("first"))
    monkeypatch.undo()
    assert await database.write(add("second")) == "second"


async def test_a_statement_of_the_tail_that_can_never_work_is_set_aside(database):
    """A lasting fault of one unit is its own: it is not taken for a full disk and tried for ever."""
    database.write_behind((), lambda tx: tx.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)"))
    assert await asyncio.wait_for(database.write(add("later")), 5) == "later"
    assert database.degraded == ""


async def test_an_event_no_table_holds_is_its_own_units_fault(database):
    """One that was told already is left out and counted; tried again for ever it would keep all others waiting."""
    long = "x" * 151
    with pytest.raises(ValueError, match="too long"):
        await database.write(add("refused", long))
    database.write_behind(told("e1", long, "e2"))
    assert await database.write(add("a", "e3")) == "a"
    assert await journal(database) == [(1, "e1"), (2, "e2"), (3, "e3")]
    assert (await things(database), database.failed_units, database.degraded) == (["a"], 1, "")


async def test_after_the_end_nothing_is_taken(kind):
    database = await kind.open()
    await database.close()
    kind.opened.clear()
    with pytest.raises(Unavailable, match="store-unavailable"):
        await database.write(add("late", "never"))
    database.write_behind(told("never"))
    assert database.failed_units == 1


async def test_a_number_is_unsettled_until_it_is_told(database):
    seen = []
    database.on_committed = lambda envelopes, was_told: seen.append((envelopes[0].seq, database.unsettled_from))
    before = database.unsettled_from
    await database.write(add("a", "e1", "e2"))
    with pytest.raises(IntegrityError):
        await database.write(add("a", "never"))
    database.write_behind(told("e3"))
    await database.flush()
    assert (before, seen, database.unsettled_from) == (0, [(1, 1), (3, 3)], 0)


async def test_the_position_at_its_beginning_stays(kind, database):
    await database.write(add("a", "e1", "e2"))
    later = await kind.open()
    await later.write(add("b", "e3"))
    assert (database.seq_at_open, later.seq_at_open, later.seq) == (0, 2, 3)
