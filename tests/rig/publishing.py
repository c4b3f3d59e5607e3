"""Writers, followers and subscribers of one journal, and the judge of what each of them saw.

Writers give real units of work to a real ``Database``: some raise half way, break a constraint, are slow, are given up
by whoever waits for them; others tell first and commit behind. Every change of a thing is one event with its new value,
so a unit that leaves a trace, or loses one, shows in the values. Followers read the journal page by page while it
grows, as ``/api/v1/events`` does. Subscribers hold a page of the real hub each, see the things their rights show, and
come back by (epoch, seq) after their line was cut, or as somebody new.

    played = await play(databases, events=2000, disconnects=10, seed=1)
    assert played.faults == []
"""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, String, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from agent_ui.hub import FEED_KEPT, LIVE, OUTBOX, Hub, Page
from agent_ui.protocol import Hello, Resume
from contactcenter.core.clock import ManualClock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.events import Envelope, Event, event
from contactcenter.core.ids import TeamId, UserId, seeded_ids
from contactcenter.core.permissions import ROLES, Principal, Right, Scope
from contactcenter.core.publisher import Publisher, events_after
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture

WRITERS, FOLLOWERS = 4, 3
THINGS, TEAMS = 60, 3
LONGEST_UNIT = 12  # events
SLOW = 0.004  # seconds a slow unit stands still in the midst of its commit

TABLES = MetaData()
things = Table(
    "published_things",
    TABLES,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
units = Table("published_units", TABLES, Column("unit_id", String(40), primary_key=True))

_NEXT = (
    update(things).where(things.c.name == bindparam("thing")).values(value=things.c.value + 1).returning(things.c.value)
)


@event("publishing-thing-changed", subject="name")
@dataclass(frozen=True, slots=True)
class ThingChanged(Event):
    """A thing has a new value: one more than before."""

    name: str
    value: int
    unit_id: str


class RolledBack(Exception):
    """A unit of work that gives up half way."""


def team(name: str) -> str:
    return f"team{int(name.rpartition('-')[2]) % TEAMS}"


@dataclass
class Played:
    """What happened. ``faults`` is empty when every promise was kept; ``counts`` tells how much was tried."""

    seed: int
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    rolled_back: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    told: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    told_without_rows: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def fault(self, text: str) -> None:
        if len(self.faults) < 20:
            self.faults.append(text)

    def figures(self) -> dict[str, Any]:
        return {"seed": self.seed, "seconds": round(self.seconds, 1), **dict(sorted(self.counts.items()))}


# ------------------------------------------------------------------ writers


class Writer:
    """One task that writes: ``number`` names its units and the thing only it tells about."""

    def __init__(self, number: int, database: Database, publisher: Publisher, played: Played) -> None:
        self.dice = random.Random(f"{played.seed} writer {number}")
        self.own = f"told-{number}"
        self.value = 0
        self.number, self.count = number, 0
        self.database, self.publisher, self.played = database, publisher, played

    async def write_until(self, total: int) -> None:
        while self.played.counts["events"] < total:
            self.count += 1
            unit_id = f"w{self.number}-{self.count}"
            if self.dice.random() < 0.2:
                self.tell(unit_id, fails=self.dice.random() < 0.2)
            else:
                await self.write(unit_id)
            await asyncio.sleep(self.dice.choice((0, 0, 0, 0.001, 0.003)))
        self.tell(f"w{self.number}-last", fails=False)

    def tell(self, unit_id: str, *, fails: bool) -> None:
        """Tell first, commit behind; the event stands also when the rows cannot be written."""
        self.value += 1
        fact = ThingChanged(self.own, self.value, unit_id)

        def work(tx: Transaction) -> None:
            tx.execute(insert(units), {"unit_id": unit_id})
            tx.execute(update(things).where(things.c.name == fact.name).values(value=fact.value))
            if fails:
                raise RolledBack(unit_id)

        self.publisher.announce(fact, work=work)
        self.played.told[unit_id] = [(fact.name, fact.value)]
        self.played.counts.update(("told", "events"))
        if fails:
            self.played.told_without_rows.add(unit_id)

    async def write(self, unit_id: str) -> None:
        count = self.dice.randint(1, LONGEST_UNIT)
        names = [f"thing-{self.dice.randrange(THINGS)}" for _ in range(count)]
        way = self.dice.choices(("whole", "raises", "breaks", "given-up"), (70, 15, 8, 7))[0]
        ends_at, slow_at = self.dice.randrange(count), self.dice.randrange(count) if self.dice.random() < 0.1 else -1

        def work(tx: Transaction) -> list[tuple[str, int]]:
            tx.execute(insert(units), {"unit_id": unit_id})
            done = []
            for step, name in enumerate(names):
                value = tx.execute(_NEXT, {"thing": name}).scalar_one()
                tx.record(ThingChanged(name, value, unit_id))
                done.append((name, value))
                if step == slow_at:
                    _stand_still(tx)
                if step == ends_at and way == "raises":
                    raise RolledBack(unit_id)
                if step == ends_at and way == "breaks":
                    tx.execute(insert(units), {"unit_id": unit_id})
            return done

        self.played.counts[way] += 1
        asked = asyncio.ensure_future(self.database.write(work))
        if way == "given-up":
            await self._give_up(unit_id, asked)
            return
        try:
            self.played.acknowledged[unit_id] = done = await asked
        except (RolledBack, IntegrityError):
            self.played.rolled_back.add(unit_id)
            return
        self.played.counts["events"] += len(done)

    async def _give_up(self, unit_id: str, asked: "asyncio.Future[Any]") -> None:
        """Whoever waits is cancelled: the unit is there as a whole or not at all."""
        self.played.unknown.add(unit_id)
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])


def _stand_still(tx: Transaction) -> None:
    if tx.connection.dialect.name == "sqlite":  # its writer is a thread
        time.sleep(SLOW)
    else:
        tx.connection.exec_driver_sql(f"SELECT pg_sleep({SLOW})")


# ------------------------------------------------------------------ followers of the journal


class Follower:
    """Reads the journal on while it grows; some pages are lost on the way and asked for again."""

    def __init__(self, number: int, database: Database, disconnects: int, played: Played) -> None:
        self.dice = random.Random(f"{played.seed} follower {number}")
        self.name = f"follower {number}"
        self.database, self.disconnects, self.played = database, disconnects, played
        self.epoch, self.after = database.epoch, 0
        self.seen = hashlib.sha256()

    async def follow(self, over: asyncio.Event) -> None:
        while True:
            was_over = over.is_set()
            limit = self.dice.choice((1, 20, 500))
            found = await self.database.read(lambda c, limit=limit: events_after(c, self.after, limit))
            self._check(found)
            if was_over and not found:
                return
            if self.disconnects and self.dice.random() < 0.3:
                self.disconnects -= 1
                await asyncio.sleep(self.dice.random() * 0.05)  # the page is lost: asked again from where it was
                continue
            self._take(found)
            if len(found) < limit:
                await asyncio.sleep(self.dice.random() * 0.01)

    def _check(self, found: Sequence[Envelope]) -> None:
        numbers = [one.seq for one in found]
        if numbers != list(range(self.after + 1, self.after + 1 + len(found))):
            self.played.fault(f"{self.name}: after {self.after} came {numbers[:3]}...{numbers[-3:]}")
        if self.database.epoch != self.epoch:
            self.played.fault(f"{self.name}: epoch {self.epoch} became {self.database.epoch}")

    def _take(self, found: Sequence[Envelope]) -> None:
        for one in found:
            self.seen.update(_line(one))
        if found:
            self.after = found[-1].seq


def _line(one: Envelope) -> bytes:
    fact = one.event
    assert isinstance(fact, ThingChanged)
    return f"{one.seq} {fact.unit_id} {fact.name} {fact.value}\n".encode()


# ------------------------------------------------------------------ the hub and its subscribers


class Board(Hub):
    """The real hub of one process, whose slots are the things; folded from the numbered events alone."""

    def __init__(self, database: Database, publisher: Publisher, clock: ManualClock, played: Played) -> None:
        super().__init__(Picture(), DayFigures(clock.now()), clock, seeded_ids(clock, 1), list)
        self.database, self.played, self.time = database, played, clock
        self.position = 0
        self.values: dict[str, int] = {}
        self.heard: list[int] = []
        self.told: Counter[tuple[str, str, int]] = Counter()
        self.last: int | None = None
        self._moved = asyncio.Event()
        publisher.on_numbered(self._on_numbered)
        publisher.subscribe(self._on_told)

    def _on_told(self, one: Envelope) -> None:
        fact = one.event
        assert isinstance(fact, ThingChanged)
        self.told[fact.unit_id, fact.name, fact.value] += 1

    def _on_numbered(self, envelopes: Sequence[Envelope]) -> None:
        self.heard += [one.seq for one in envelopes]
        if envelopes[0].seq == self.position + 1:  # else another process wrote in between: ``keep_up`` reads on
            self.fold(envelopes)

    async def keep_up(self) -> None:
        """For ever: read what other processes wrote."""
        while True:
            await asyncio.sleep(0.005)
            found = await self.database.read(lambda c: events_after(c, self.position, 500))
            self.fold([one for one in found if one.seq > self.position])

    def fold(self, envelopes: Sequence[Envelope]) -> None:
        changed = set()
        for one in envelopes:
            fact = one.event
            assert isinstance(fact, ThingChanged)
            if one.seq != self.position + 1:
                self.played.fault(f"hub: {one.seq} came after {self.position}")
            if fact.value != self.values.get(fact.name, 0) + 1:
                self.played.fault(f"{one.seq}: {fact.name} {self.values.get(fact.name, 0)} -> {fact.value}")
            self.position, self.values[fact.name] = one.seq, fact.value
            changed.add(fact.name)
        for page in self.pages:
            self._push(page, {name: self._thing(name) for name in changed if self._may_see(page, name)})
        if changed:
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Wait for the next change."""
        await self._moved.wait()

    async def reached(self, position: int) -> None:
        while self.position < position:
            await self._moved.wait()

    def finish(self, last: int) -> None:
        """Nothing comes after number ``last``."""
        self.last = last
        self._wake()

    @property
    def is_over(self) -> bool:
        return self.last is not None and self.position >= self.last

    def _thing(self, name: str) -> dict[str, Any]:
        return {"name": name, "value": self.values[name]}

    def _all_slots(self, page: Page) -> dict[str, Any]:
        seen = {name: self._thing(name) for name in self.values if self._may_see(page, name)}
        return {**dict.fromkeys(page.feed.slots), **seen}

    def _may_see(self, page: Page, name: str) -> bool:
        return may_see(page.principal, name)

    def fresh(self, principal: Principal) -> dict[str, Any]:
        """Return what somebody who opens a page just now is shown."""
        page = self.open(principal, Hello(LIVE, f"fresh-{self._ids.new()}"), {})
        shown = json.loads(page.outbox.popleft())
        page.close("restart")
        self.closed(page)
        return dict(shown["slots"])


def may_see(principal: Principal, name: str) -> bool:
    scope = principal.rights.get(Right.LIVE_VIEW)
    return scope is not None and (scope >= Scope.SITE or TeamId(team(name)) in principal.team_ids)


class Subscriber:
    """A page somewhere: it knows only what its frames told. Its line is cut at random, ``disconnects`` times."""

    WAYS: Mapping[str, int] = {
        "cut": 50,
        "reload": 10,
        "other-epoch": 5,
        "late": 5,
        "behind": 10,
        "slow": 5,
        "rights": 15,
    }

    def __init__(self, number: int, board: Board, disconnects: int, total: int, played: Played) -> None:
        self.dice = random.Random(f"{played.seed} subscriber {number}")
        self.number, self.board, self.played = number, board, played
        self.leaves_at = sorted(self.dice.randrange(total) for _ in range(disconnects))
        self.principal = self._principal(number % 4)
        self.instance, self.reloads = f"page-{number}-0", 0
        self.slots: dict[str, Any] = {}
        self.epoch, self.seq = "", -1
        self.page = self._open(None)

    def _principal(self, kind: int) -> Principal:
        """An administrator sees all, a supervisor one or two teams, an agent nothing."""
        role = ("administrator", "supervisor", "supervisor", "agent")[kind]
        teams = frozenset(TeamId(f"team{self.dice.randrange(TEAMS)}") for _ in range(kind))
        return Principal(UserId(f"user-{self.number}"), f"user{self.number}", ROLES[role], team_ids=teams)

    def _open(self, resume: Resume | None) -> Page:
        return self.board.open(self.principal, Hello(LIVE, self.instance, resume=resume), {})

    async def follow(self) -> None:
        for at in self.leaves_at:
            while self.board.position < at:
                await self._read_some()
            self.played.counts["disconnects"] += 1
            await self._leave(self.dice.choices(tuple(self.WAYS), tuple(self.WAYS.values()))[0])
            self._compare("coming back")
        while not self.board.is_over:
            await self._read_some()

    async def _read_some(self) -> None:
        if self.page.outbox:
            self._take(self.page.outbox, self.dice.randint(1, 30))
            await asyncio.sleep(0)
        else:
            await self.board.moved()

    async def _leave(self, way: str) -> None:
        """Frames still in the outbox are lost on the way; be away for a while; come back."""
        self.played.counts[f"left: {way}"] += 1
        if way == "rights":  # nobody left: what he may see changed
            self.principal = self._principal(self.dice.randrange(3))
            self.board.identified(self.page, self.principal, {})
            return
        if way in ("behind", "slow"):
            await self._read_nothing(OUTBOX if way == "slow" else self.dice.choice((10, 50, 400)))
        if way == "slow":
            self.page.close("slow")  # if the run ended before the outbox was full
        self.board.closed(self.page)
        await self.board.reached(min(self.board.position + self.dice.choice((0, 1, 30, 3000)), self.last))
        if way == "late":
            self.board.time.advance(FEED_KEPT + 1)
        if way == "reload":
            self.reloads += 1
            self.instance = f"page-{self.number}-{self.reloads}"
            self.epoch, self.seq, self.slots = "", -1, {}
        before, after = self.seq, Resume("another" if way == "other-epoch" else self.epoch, self.seq)
        self.page = self._open(after if self.epoch else None)
        first = json.loads(self.page.outbox[0])["type"] if self.page.outbox else "nothing"
        self.played.counts[f"first: {first}"] += 1
        if way not in ("cut", "behind") and first != "snapshot":
            self.played.fault(f"subscriber {self.number}: {way} at {before} was answered with {first}")

    async def _read_nothing(self, frames: int) -> None:
        """Stand still until so many frames wait, or the page is told to go."""
        while len(self.page.outbox) < frames and not self.page.goodbye and self.board.position < self.last:
            await self.board.moved()

    @property
    def last(self) -> int:
        return max(self.leaves_at, default=0)

    def _compare(self, when: str) -> None:
        self._take(self.page.outbox, len(self.page.outbox))
        fresh = self.board.fresh(self.principal)
        if self.slots != fresh:
            wrong = sorted(name for name in {*self.slots, *fresh} if self.slots.get(name) != fresh.get(name))
            self.played.fault(f"subscriber {self.number}, {when}: {wrong[:5]} differ from a fresh snapshot")
        hidden = [name for name in self.slots if not may_see(self.principal, name)]
        if hidden:
            self.played.fault(f"subscriber {self.number} sees {hidden[:5]}")

    def at_the_end(self) -> None:
        self._compare("at the end")

    def _take(self, outbox: deque[bytes], count: int) -> None:
        for _ in range(min(count, len(outbox))):
            frame = json.loads(outbox.popleft())
            self.played.counts["frames"] += 1
            if frame["type"] == "snapshot":
                self.epoch, self.seq, self.slots = frame["epoch"], frame["seq"], frame["slots"]
            elif frame["type"] == "changes":
                if (frame["prev"], frame["seq"]) != (self.seq, self.seq + 1):
                    self.played.fault(f"subscriber {self.number}: {frame['prev']} -> {frame['seq']} after {self.seq}")
                self.seq = frame["seq"]
                self._apply(frame["slots"])

    def _apply(self, slots: Mapping[str, Any]) -> None:
        for name, slot in slots.items():
            before = self.slots.pop(name, None)
            if slot is not None:
                self.slots[name] = slot
                if before is not None and slot["value"] <= before["value"]:
                    self.played.fault(f"subscriber {self.number}: {name} went {before['value']} -> {slot['value']}")


# ------------------------------------------------------------------ the play and its judge


async def make_things(database: Database) -> None:
    names = [*(f"thing-{number}" for number in range(THINGS)), *(f"told-{number}" for number in range(WRITERS))]
    await database.write(lambda tx: tx.execute(insert(things), [{"name": name, "value": 0} for name in names]) and None)


async def play(
    databases: Sequence[Database], *, events: int, disconnects: int, seed: int, subscribers: int = 8
) -> Played:
    """Write at least ``events`` events by four writers, spread over the databases: each is a process of its own.

    The databases are open, on one store, with ``TABLES`` and nothing in them.
    """
    played = Played(seed)
    began = time.monotonic()
    await make_things(databases[0])
    clock = ManualClock()
    publishers = [Publisher(database, clock) for database in databases]
    boards = [Board(*pair, clock, played) for pair in zip(databases, publishers, strict=True)]
    places = [number % len(databases) for number in range(max(WRITERS, FOLLOWERS, subscribers))]
    writers = [Writer(n, databases[places[n]], publishers[places[n]], played) for n in range(WRITERS)]
    followers = [Follower(n, databases[places[n]], disconnects, played) for n in range(FOLLOWERS)]
    readers = [Subscriber(n, boards[places[n]], disconnects, events, played) for n in range(subscribers)]
    over = asyncio.Event()
    keeping = [asyncio.create_task(board.keep_up()) for board in boards]
    following = [asyncio.create_task(one.follow(over)) for one in followers]
    reading = [asyncio.create_task(one.follow()) for one in readers]
    try:
        await asyncio.gather(*(writer.write_until(events) for writer in writers))
        for database in databases:
            await database.flush()
        over.set()
        await asyncio.gather(*following)
        total = followers[0].after
        for board in boards:
            board.finish(total)
        await asyncio.gather(*reading)
    finally:
        for task in (*keeping, *following, *reading):
            task.cancel()
        await asyncio.gather(*keeping, *following, *reading, return_exceptions=True)
    for one in readers:
        one.at_the_end()
    await _judge(databases[0], boards, followers, played)
    if any(publisher.failures for publisher in publishers):
        played.fault("a listener failed")
    played.seconds = time.monotonic() - began
    return played


async def _judge(database: Database, boards: Sequence[Board], followers: Sequence[Follower], played: Played) -> None:
    journal = await database.read(lambda c: events_after(c, 0, 10_000_000))
    rows = await database.read(lambda c: {row.name: row.value for row in c.execute(select(things))})
    kept = await database.read(lambda c: set(c.execute(select(units.c.unit_id)).scalars()))
    played.counts["numbers"] = len(journal)
    if [one.seq for one in journal] != list(range(1, len(journal) + 1)):
        played.fault("the journal's numbers have a hole")
    by_unit: dict[str, list[tuple[str, int]]] = {}
    places: dict[str, list[int]] = {}
    for one in journal:
        fact = one.event
        assert isinstance(fact, ThingChanged)
        by_unit.setdefault(fact.unit_id, []).append((fact.name, fact.value))
        places.setdefault(fact.unit_id, []).append(one.seq)
    _judge_units(by_unit, places, kept, played)
    folded = dict.fromkeys(rows, 0) | boards[0].values
    if rows != folded:
        played.fault(f"rows and events differ: {[name for name in rows if rows[name] != folded[name]][:5]}")
    seen = hashlib.sha256(b"".join(map(_line, journal))).hexdigest()
    for follower in followers:
        if follower.seen.hexdigest() != seen:
            played.fault(f"{follower.name} saw another journal")
    if sorted(number for board in boards for number in board.heard) != [one.seq for one in journal]:
        played.fault("not every number was heard once")
    for board in boards:
        if board.heard != sorted(board.heard):
            played.fault("numbers were heard out of order")
    told: Counter[tuple[str, str, int]] = sum((board.told for board in boards), Counter())
    if told != Counter((one, *change) for one, changes in by_unit.items() for change in changes):
        played.fault("not every event was told once")


def _judge_units(
    by_unit: Mapping[str, list[tuple[str, int]]], places: Mapping[str, list[int]], kept: set[str], played: Played
) -> None:
    for unit_id, changes in {**played.acknowledged, **played.told}.items():
        if by_unit.get(unit_id) != changes:
            played.fault(f"{unit_id}: acknowledged {changes}, in the journal {by_unit.get(unit_id)}")
    for unit_id, numbers in places.items():
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            played.fault(f"{unit_id}: its events are apart: {numbers}")
    if traces := played.rolled_back & (by_unit.keys() | kept):
        played.fault(f"rolled back, and there: {sorted(traces)[:5]}")
    if strangers := by_unit.keys() - played.acknowledged.keys() - played.told.keys() - played.unknown:
        played.fault(f"nobody wrote {sorted(strangers)[:5]}")
    if kept != by_unit.keys() - played.told_without_rows:
        played.fault(
            f"rows and events of units differ: {sorted(kept ^ (by_unit.keys() - played.told_without_rows))[:5]}"
        )
