"""Two processes of one site on one Postgres: each hears what the other committed, once, in order, and never itself."""

import asyncio
import random
from dataclasses import dataclass

import msgspec
import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncTransaction

from contactcenter.core import follower as module
from contactcenter.core import postgres_database
from contactcenter.core.bus import Bus
from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import Unavailable
from contactcenter.core.events import Event, event, events_table
from contactcenter.core.follower import Follower
from contactcenter.core.ids import SiteId
from contactcenter.core.postgres_database import PostgresDatabase
from contactcenter.core.publisher import Publisher, events_after
from tests.contract.database.conftest import OnPostgres
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.postgres import Postgres

FOR_EVER = 60.0


@event("test-page-turned", subject="page_id")
@dataclass(frozen=True, slots=True)
class PageTurned(Event):
    """Of interest to both."""

    page_id: str


@event("test-dust-fell", subject="dust_id")
@dataclass(frozen=True, slots=True)
class DustFell(Event):
    """Of interest to nobody."""

    dust_id: str


class FakeBus(Bus):
    """Brings every message to every listener, the own ones among them, unless it is cut."""

    def __init__(self, peers) -> None:
        self.reaches_others, self.degraded, self.lost = True, "", 0
        self.peers, self.listeners, self.restored, self.sent = peers, {}, [], []
        self.is_lost = lambda: False
        peers.append(self)

    async def open(self):
        pass

    async def close(self):
        pass

    def publish(self, channel, message):
        self.sent.append(msgspec.msgpack.decode(message))
        for peer in self.peers:
            if self.is_lost():
                self.lost += 1
            elif channel in peer.listeners:
                asyncio.get_running_loop().call_soon(peer.listeners[channel], message)

    def subscribe(self, channel, listener):
        self.listeners[channel] = listener
        return lambda: None

    def on_restored(self, listener):
        self.restored.append(listener)


class Process:
    """One process of the site: what its plain listeners hear, and how often it asked the store."""

    def __init__(self, name, url, peers) -> None:
        self.name, self.count, self.heard, self.reads = name, 0, [], 0
        self.database = PostgresDatabase(url, ManualClock(), SiteId("main"))
        self.publisher = Publisher(self.database, ManualClock())
        self.bus = FakeBus(peers)
        kinds = [PageTurned.kind, "test-from-tomorrow"]
        self.follower = Follower(self.database, self.publisher, self.bus, ManualClock(), name, kinds)
        self.publisher.subscribe(lambda envelope: self.heard.append((envelope.seq, envelope.event.subject)))
        self.task = None

    async def start(self):
        await self.database.open()
        read = self.database.read

        async def counted(work):
            self.reads += 1
            return await read(work)

        self.database.read = counted
        self.task = asyncio.create_task(self.follower.keep())
        async with asyncio.timeout(5):
            while self.follower.looked_at is None:
                await asyncio.sleep(0.002)

    async def close(self):
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.database.close()

    def next(self):
        self.count += 1
        return PageTurned(f"{self.name}{self.count}")

    async def write(self, *events):
        facts = events or (self.next(),)
        await self.database.write(lambda tx: [tx.record(one) for one in facts] and None)

    def foreign(self):
        return [name for _, name in self.heard if not name.startswith(self.name)]

    def own(self):
        return [name for _, name in self.heard if name.startswith(self.name)]

    async def hears(self, *names, seconds=10.0):
        """Wait until it has heard so many of others, and a moment for one too many."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.foreign()) < len(names):
                    await asyncio.sleep(0.002)
        except TimeoutError:
            pass
        await asyncio.sleep(0.05)
        assert self.foreign() == list(names)


@pytest.fixture
def quick(monkeypatch):
    for name, seconds in (("RETRY_PAUSE", 0.02), ("WRITE_TIME", 2.0), ("READ_TIME", 2.0), ("CONNECT_TIME", 2.0)):
        monkeypatch.setattr(postgres_database, name, seconds)
    monkeypatch.setattr(module, "AWAY", 0.05)


@pytest.fixture
def bell_only(monkeypatch):
    monkeypatch.setattr(module, "SAFETY", FOR_EVER)
    monkeypatch.setattr(module, "SAFETY_DEGRADED", FOR_EVER)


class Site:
    """Makes the processes of one site."""

    def __init__(self, kind) -> None:
        self.kind, self.peers, self.made = kind, [], []

    async def process(self, name, url=""):
        made = Process(name, url or self.kind.url, self.peers)
        self.made.append(made)
        await made.start()
        return made


async def site_on(server):
    kind = OnPostgres(server)
    plain = await kind.open()  # makes the tables
    return Site(kind), plain


@pytest.fixture
async def site(postgres):
    made, _ = await site_on(postgres)
    yield made
    for process in made.made:
        await process.close()
    await made.kind.close()


@pytest.fixture
async def pair(site):
    return [await site.process("a"), await site.process("b")]


async def journal(process):
    found = await process.database.read(lambda c: events_after(c, 0, 100_000))
    return [(one.seq, one.event.subject) for one in found]


# ------------------------------------------------------------------ heard once, in order, never an own one


async def test_each_hears_what_the_other_committed_with_its_number(pair, bell_only):
    a, b = pair
    await a.write()
    await b.hears("a1")
    b.publisher.announce(b.next(), b.next(), actor="u1")
    await a.hears("b1", "b2")
    assert a.heard == [(1, "a1"), (2, "b1"), (3, "b2")]
    assert b.heard == [(1, "a1"), (0, "b1"), (0, "b2")]


async def test_numbered_listeners_hear_of_their_own_only(pair, bell_only):
    a, b = pair
    numbered = []
    b.publisher.on_numbered(lambda envelopes: numbered.extend(one.event.subject for one in envelopes))
    await a.write()
    await b.hears("a1")
    await b.write()
    assert numbered == ["b1"]


async def test_hundreds_of_commits_of_both_beside_each_other(pair, monkeypatch):
    monkeypatch.setattr(module, "SAFETY", 0.2)
    monkeypatch.setattr(module, "PAGE", 7)
    dice = random.Random(2026)
    for process in pair:
        process.bus.is_lost = lambda: dice.random() < 0.3

    async def work(process):
        for _ in range(150):
            if dice.random() < 0.5:
                process.publisher.announce(*(process.next() for _ in range(dice.randint(1, 3))))
            else:
                await process.write(*(process.next() for _ in range(dice.randint(1, 3))), DustFell(f"{process.name}-"))
            if dice.random() < 0.1:
                with pytest.raises(ZeroDivisionError):
                    await process.database.write(lambda tx: tx.record(PageTurned("never")) or 1 / 0)
            await asyncio.sleep(dice.choice((0, 0, 0.001, 0.004)))

    await asyncio.gather(*(work(process) for process in pair for _ in range(2)))
    for process in pair:
        await process.database.flush()
    written = [name for _, name in await journal(pair[0]) if not name.endswith("-")]
    for process in pair:
        await process.hears(*(name for name in written if not name.startswith(process.name)))
        assert sorted(one for one in process.own() if not one.endswith("-")) == sorted(
            name for name in written if name.startswith(process.name)
        )
        numbers = [seq for seq, name in process.heard if not name.startswith(process.name)]
        assert numbers == sorted(set(numbers))
        assert len(process.follower._own) < 50


async def test_what_was_committed_before_it_began_is_not_told(site, bell_only):
    a = await site.process("a")
    await a.write()
    b = await site.process("b")
    await a.write()
    await b.hears("a2")


async def test_own_commits_before_keep_are_not_told_again(site, bell_only):
    a = await site.process("a")
    b = Process("b", site.kind.url, site.peers)
    site.made.append(b)
    await b.database.open()
    await b.write()
    await a.write()
    b.task = asyncio.create_task(b.follower.keep())
    await b.hears("a1")
    assert b.own() == ["b1"]


# ------------------------------------------------------------------ doorbells


async def test_a_doorbell_is_one_a_commit_and_names_its_kinds(pair):
    a, _ = pair
    await asyncio.gather(a.write(DustFell("a"), PageTurned("ax")), a.write(PageTurned("ay")))
    last = a.database.seq
    assert a.bus.sent[-1] == ["a", last, ["test-dust-fell", "test-page-turned"]]
    assert len(a.bus.sent) == 1


async def test_none_is_sent_where_nobody_else_is_reached(pair):
    a, _ = pair
    a.bus.reaches_others = False
    await a.write()
    assert a.bus.sent == []


async def test_what_does_not_concern_us_is_not_read(pair, bell_only):
    a, b = pair
    before = a.reads, b.reads
    await a.write(DustFell("a"))
    await asyncio.sleep(0.05)
    assert (a.reads, b.reads) == before
    await a.write()
    await b.hears("a1")
    assert b.follower.told == 2


async def test_who_is_far_behind_moves_on_whatever_it_is_about(pair, bell_only, monkeypatch):
    monkeypatch.setattr(module, "FAR", 3)
    a, b = pair
    await a.write(*(DustFell("a") for _ in range(5)))
    async with asyncio.timeout(5):
        while b.follower.told < 5:
            await asyncio.sleep(0.002)
    assert b.heard == []


async def test_an_unreadable_doorbell_harms_nothing(pair, bell_only):
    a, b = pair
    b.bus.listeners[b.follower.channel](b"\xc1 what?")
    await a.write()
    await b.hears("a1")


async def test_many_doorbells_while_reading_are_one_more_read(pair, bell_only):
    a, b = pair
    gate, read = asyncio.Event(), b.database.read

    async def slow(work):
        answer = await read(work)
        await gate.wait()
        return answer

    b.database.read = slow
    await a.write()
    await asyncio.sleep(0.05)
    before = b.reads
    for _ in range(20):
        await a.write()
    gate.set()
    await b.hears(*(f"a{n}" for n in range(1, 22)))
    assert b.reads == before + 1


async def test_when_the_bus_is_back_it_reads(pair, bell_only):
    a, b = pair
    a.bus.is_lost = lambda: True
    await a.write()
    await asyncio.sleep(0.05)
    assert b.heard == []
    for listener in b.bus.restored:
        listener()
    await b.hears("a1")


@pytest.mark.parametrize("degraded", ["", "no connection"])
async def test_lost_doorbells_cost_the_safety_time(site, monkeypatch, degraded):
    monkeypatch.setattr(module, "SAFETY", FOR_EVER if degraded else 0.1)
    monkeypatch.setattr(module, "SAFETY_DEGRADED", 0.1 if degraded else FOR_EVER)
    monkeypatch.setattr(FakeBus, "degraded", property(lambda bus: degraded, lambda bus, value: None), raising=False)
    a, b = [await site.process(name) for name in "ab"]
    a.bus.is_lost = lambda: True
    for _ in range(3):
        await a.write()
    await b.hears("a1", "a2", "a3", seconds=3)


# ------------------------------------------------------------------ faults


async def test_the_store_goes_and_comes_back(quick, monkeypatch):
    monkeypatch.setattr(module, "SAFETY", 0.05)
    server = Postgres(durable=True)
    await asyncio.to_thread(server.start)
    try:
        site, _ = await site_on(server)
        a, b = [await site.process(name) for name in "ab"]
        await a.write()
        await b.hears("a1")
        await asyncio.to_thread(server.stop)
        a.publisher.announce(a.next())
        b.publisher.announce(b.next())
        with pytest.raises(Unavailable):
            await b.database.write(lambda tx: tx.record(PageTurned("b-refused")))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.start)
        await a.hears("b1")
        await b.hears("a1", "a2")
        await a.write()
        await b.hears("a1", "a2", "a3")
        assert b.own() == ["b1"]
        for process in site.made:
            await process.close()
        await site.kind.close()
    finally:
        server.remove()


async def test_an_event_of_a_newer_program_is_passed_over(pair, bell_only, capsys):
    a, b = pair

    def work(tx):
        row = {"site_id": "main", "at": tx.now, "subject": "a", "actor": "", "data": '{"shape": 1}'}
        for kind in ("test-from-tomorrow", PageTurned.kind, "test-from-tomorrow"):
            seq = tx.execute(text("SELECT coalesce(max(seq), 0) + 1 FROM events")).scalar()
            tx.execute(insert(events_table), {**row, "seq": seq, "kind": kind})

    await a.database.write(work)
    await a.write()
    await b.hears("a1")
    assert b.follower.told == 4
    logged = capsys.readouterr()
    assert (logged.out + logged.err).count("event-not-readable") == 2, "one line a kind"


@pytest.fixture
def commit_answered(monkeypatch):
    """Makes a gate for a process: its commits are done by the server, and answered when the gate is open."""
    commit, gates = AsyncTransaction.commit, {}

    async def late(transaction):
        await commit(transaction)
        for database, gate in gates.items():
            if transaction.connection is database._connection:
                await gate.wait()

    monkeypatch.setattr(AsyncTransaction, "commit", late)

    def gate_for(process):
        return gates.setdefault(process.database, asyncio.Event())

    yield gate_for
    for gate in gates.values():
        gate.set()


async def test_an_own_commit_on_its_way_is_not_taken_for_anothers(pair, bell_only, commit_answered):
    """The server has done it and others go on behind it, before we hear of it."""
    a, b = pair
    gate = commit_answered(a)
    await b.write()
    await a.hears("b1")
    writing = asyncio.create_task(a.write())
    async with asyncio.timeout(5):
        while len(await journal(b)) < 2:
            await asyncio.sleep(0.002)
    await b.write()
    await asyncio.sleep(0.2)
    assert a.heard == [(1, "b1")]
    gate.set()
    await writing
    await a.hears("b1", "b2")
    assert a.heard == [(1, "b1"), (2, "a1"), (3, "b2")]
    assert (a.database.unsettled_from, len(a.follower._own)) == (0, 0)


@pytest.mark.parametrize("passes_on", [False, True], ids=["before the commit", "after the commit"])
async def test_a_commit_in_doubt_is_told_once(site, postgres, quick, bell_only, monkeypatch, passes_on):
    async with CuttingProxy(postgres.port) as proxy:
        b = await site.process("b")
        a = await site.process("a", f"postgresql://cc@127.0.0.1:{proxy.port}/{site.kind.url.rpartition('/')[2]}")
        gate, settle = asyncio.Event(), a.database._is_settled

        async def settled_later():
            await gate.wait()
            return await settle()

        monkeypatch.setattr(a.database, "_is_settled", settled_later)
        await a.write()
        proxy.cut_at(b"COMMIT;", passes_on=passes_on)
        a.publisher.announce(a.next())
        with pytest.raises(Unavailable):
            await a.write()
        assert proxy.cuts == 1
        try:
            await b.write()
            await asyncio.sleep(0.2)
            reads = a.reads
            await b.write()
            await asyncio.sleep(0.2)
            assert a.own() == ["a1", "a2"], "told by its announcement"
            assert a.foreign() == []
            assert a.reads == reads, "nothing is read while nothing can be told"
        finally:
            gate.set()
        await a.hears("b1", "b2")
        await a.write()
        mine = ["a1", "a2", "a3", "a4"] if passes_on else ["a1", "a2", "a4"]
        assert a.own() == mine
        await b.hears(*mine)
        await a.close()


async def test_numbers_of_a_rolled_back_commit_go_to_another(pair, quick, bell_only, monkeypatch):
    """The server gave our transaction up and let another take its turn, before we heard of it."""
    a, b = pair
    await a.write()
    commit, gate, reached = AsyncTransaction.commit, asyncio.Event(), asyncio.Event()

    async def late(transaction):
        if transaction.connection is a.database._connection:
            reached.set()
            await gate.wait()
        await commit(transaction)

    monkeypatch.setattr(AsyncTransaction, "commit", late)
    a.publisher.announce(a.next())
    await reached.wait()
    ended = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    try:
        await b.database.read(lambda c: c.execute(ended).all())
        await b.write()
    finally:
        gate.set()
    await a.hears("b1")
    await a.database.flush()
    assert await journal(b) == [(1, "a1"), (2, "b1"), (3, "a2")]
    assert a.own() == ["a1", "a2"]
    await b.hears("a1", "a2")
