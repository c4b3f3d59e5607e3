"""A whole site in virtual time: the program as it is put together, on a simulated PBX, under faults.

Real: composition root, AMI client and FastAGI server with their protocols, fold, router, assignments, recovery,
auditor, store (``InlineDatabase``), and the PBX's simulator as a program with its records. Drawn from the seed: who
calls and what he does, what phones do, delays and splits of the network, faults and when.
"""

import asyncio
import contextlib
import random
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

from contactcenter import bootstrap, databases, pbx_servers, rooms
from contactcenter.agents.model import PresenceState
from contactcenter.bootstrap import ContactCenter
from contactcenter.core.clock import ManualClock
from contactcenter.core.events import Envelope
from contactcenter.core.ids import seeded_ids
from contactcenter.core.permissions import SYSTEM
from contactcenter.interactions import audit, store
from contactcenter.interactions.audit import Code
from contactcenter.interactions.model import AuditFinding
from contactcenter.settings import Settings
from contactcenter.users.passwords import Passwords
from cti.ami.link import LinkState, LinkTiming
from cti.pbx_simulator.people import Customer, Dead, PicksUp, Reaction, Refuses
from cti.pbx_simulator.server import SimulatedPbx
from cti.provision import EndpointKind, EndpointSettings, PbxSettings, TrunkSettings
from tests.rig.rooms import FAST
from tests.rig.server import AgentSeed, Plan, QueueSeed, seed
from tests.simulation.inline_database import InlineDatabase
from tests.simulation.virtual_loop import VirtualClock, VirtualLoop

AMI, AGI = 5038, 4573
SECRET = "0123456789abcdef0123456789abcdef"
AGENTS = 4
NOBODY = "4711"
FLOWS = """start: queue
nodes:
  queue: {kind: enqueue, queue: support}
"""
CALLBACK = """start: back
prompts:
  bye: {sound: beep}
nodes:
  back: {kind: callback, queue: support, next: bye, impossible: queue}
  bye: {kind: hangup, prompts: bye}
  queue: {kind: enqueue, queue: support}
"""
MENU = """start: say
prompts:
  hello: {sound: beep}
nodes:
  say: {kind: say, prompts: [hello], next: place}
  place: {kind: set, priority: 2, next: queue}
  queue: {kind: enqueue, queue: support}
"""
QUIET = 75.0
"""Seconds after the last fault until everything must agree: reconnect, resync, two audits and what they heal."""


@lru_cache(maxsize=1)
def _template() -> tuple[Path, dict[str, str]]:
    """A data folder with agents, a queue and two numbers, made once."""
    data = Path(mkdtemp(prefix="cc-site-"))
    agents = [AgentSeed(f"a{n}", str(1000 + n), {}, f"sip:p{n}@127.0.0.1:5070") for n in range(AGENTS)]
    queue = QueueSeed(wrap_up_time=2.0, ring_time=8.0, announce_every=20.0)
    plan = Plan(agents, (queue,), {"2000": "direct", "1000": "menu", "3000": "back"})
    with mock.patch.object(bootstrap, "TimeOrderedIds", side_effect=lambda clock: seeded_ids(ManualClock(), 1)):
        ids = seed(data, plan)
    flows = data / "flows"
    flows.mkdir()
    (flows / "direct.yaml").write_text(FLOWS)
    (flows / "menu.yaml").write_text(MENU)
    (flows / "back.yaml").write_text(CALLBACK)
    return data, ids


class Site:
    """One PBX, one server process at a time, and customers. ``happened`` is the run's own account."""

    dialed = ("2000", "2000", "1000", NOBODY)
    settings: Mapping[str, Any] = {}

    def __init__(self, loop: VirtualLoop, folder: Path, dice: random.Random) -> None:
        self.loop, self.folder, self.dice = loop, folder, dice
        self.clock = VirtualClock(loop)
        template, self.agent_ids = _template()
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.cel_file = folder / "cel.csv"
        self.pbx: SimulatedPbx
        self.center: ContactCenter | None = None
        self.restarts: list[float] = []
        self.happened: list[str] = []
        self.final: list[dict[str, Any]] = []
        self.lost_events = 0
        self.findings: list[Code] = []
        self.drop_share = 0.0
        loop.network.delay = lambda: 0.0003 + 0.002 * dice.random() ** 4
        loop.network.split = self._mangle

    def note(self, what: str) -> None:
        self.happened.append(f"{self.loop.virtual - 1_780_000_000:.3f} {what}")

    # ------------------------------------------------------------ the wire

    def _mangle(self, port: int, data: bytes) -> list[bytes]:
        """The PBX's events may be lost or told twice; what arrives is cut anywhere.

        Not BridgeEnter: a conversation it alone tells of, and that ends before two audits, is found by nobody.
        """
        if port == AMI and self.drop_share:
            kept = []
            for block in data.split(b"\r\n\r\n"):
                fate = self.dice.random() if block.startswith(b"Event: ") and b"ActionID" not in block else 1.0
                if fate < self.drop_share and not block.startswith(b"Event: BridgeEnter"):
                    self.lost_events += 1
                    self.note(f"lost {block.splitlines()[0].decode()}")
                    continue
                kept += [block, block] if block and fate < 2 * self.drop_share else [block]
            data = b"\r\n\r\n".join(kept)
        if len(data) > 2 and self.dice.random() < 0.3:
            at = self.dice.randrange(1, len(data))
            return [data[:at], data[at:]]
        return [data]

    # ------------------------------------------------------------ the PBX

    async def start_pbx(self) -> None:
        endpoints = [EndpointSettings(f"agent-{1000 + n}", EndpointKind.DESK, SECRET) for n in range(AGENTS)]
        settings = PbxSettings(
            "pbx1", AMI, SECRET, 5060, 8088, AGI, self.folder / "recordings",
            trunks=[TrunkSettings("demo", "127.0.0.1", 5061)], endpoints=endpoints, fallback_round=5,
        )  # fmt: skip
        self.pbx = SimulatedPbx(settings, self.cel_file, self.clock, bootstrap.TaskSupervisor(), self._phone)
        await self.pbx.start()

    def _phone(self, endpoint: str) -> Reaction:
        fate = self.dice.random()
        if fate < 0.05:
            return Dead()
        if fate < 0.12:
            return Refuses(self.dice.choice([17, 21]))
        talk = None if fate < 0.4 else 1 + 12 * self.dice.random()
        return PicksUp(0.3 + 6 * self.dice.random() ** 2, talk)

    async def restart_pbx(self) -> None:
        """It dies as by SIGKILL: nothing is said, nothing written."""
        self.note("pbx dies")
        self.pbx._hang_everybody_up = lambda: None  # type: ignore[method-assign]
        self.loop.network.cut(AMI)
        self.loop.network.cut(AGI)
        await self.pbx.stop()
        self.restarts.append(self.loop.virtual)
        await asyncio.sleep(0.2 + 3 * self.dice.random())
        await self.start_pbx()
        self.note("pbx is back")

    # ------------------------------------------------------------ our server

    async def start_server(self) -> None:
        pbx: dict[str, Any] = {"mode": f"127.0.0.1:{AMI}", "ami_secret": SECRET, "agi_port": AGI, "outbound": "demo"}
        settings = Settings(
            data=self.folder, flows=self.folder / "flows", timezone="UTC", pbx={**pbx, "cel_file": self.cel_file},
            **self.settings,
        )  # fmt: skip
        center = self.center = ContactCenter(settings, self.clock)
        center._serve = _nothing  # type: ignore[method-assign]
        await center.start()
        center.base.tasks.keep("audit", center.auditor.keep)
        center.base.tasks.keep("callbacks", center.callbacks.keep)
        center.base.publisher.subscribe(self._hear)
        self.note("server is there")

    def _hear(self, envelope: Envelope) -> None:
        if isinstance(envelope.event, AuditFinding):
            self.findings.append(Code(envelope.event.code))
            self.note(f"audit found {envelope.event.code}")

    def kill_server(self) -> None:
        center, self.center = self.center, None
        if center is None:
            return
        self.note("server is killed")
        database = center.base.database
        assert isinstance(database, InlineDatabase)
        database.die()
        center.router.close()
        for task in center.base.tasks.under_way:
            task.cancel()
        for server in center.pbxs.all.values():  # nothing of it dials again
            server.client._arm = lambda: None  # type: ignore[method-assign]
            if server.client._timer is not None:
                server.client._timer.cancel()
        for agi in center.pbxs._listening:
            if agi._server is not None:
                agi._server.close()
        self.loop.network.cut(AMI)
        self.loop.network.cut(AGI)

    async def restart_server(self) -> None:
        self.kill_server()
        await asyncio.sleep(0.05 + 8 * self.dice.random() ** 2)
        await self.start_server()

    async def ready(self) -> None:
        assert self.center is not None
        for agent_id in self.agent_ids.values():
            await self.center.rooms.agents.set_presence(SYSTEM, agent_id, PresenceState.READY)

    # ------------------------------------------------------------ the day

    async def calls(self, count: int) -> None:
        for number in range(count):
            await asyncio.sleep(self.dice.expovariate(1.2))
            customer = Customer(
                f"+4930{1_000_000 + number}", self.dice.choice(self.dialed), f"C{number}",
                patience=self.dice.choice([2.0, 15.0, 60.0, 120.0]), talk_time=1 + 15 * self.dice.random(),
            )  # fmt: skip
            if self.pbx.is_running:
                self.pbx.customer_calls(customer)

    async def faults(self, count: int) -> None:
        kinds: list[Callable[[], Awaitable[None]]] = [
            self.restart_server, self.restart_server, self.restart_pbx, self._cut_ami, self._lose_events,
            self._phone_gone,
        ]  # fmt: skip
        for _ in range(count):
            await asyncio.sleep(1 + 9 * self.dice.random())
            await self.dice.choice(kinds)()

    async def supervise(self) -> None:
        """Agents whom the router made not ready are put back, as their supervisor does."""
        while True:
            await asyncio.sleep(3.0)
            if self.center is None or not self.center._is_built or not self.center.picture.agents:
                continue
            for agent in list(self.center.picture.agents.values()):
                if agent.presence != "ready":
                    with contextlib.suppress(Exception):
                        await self.center.rooms.agents.set_presence(SYSTEM, agent.agent_id, PresenceState.READY)

    async def _cut_ami(self) -> None:
        self.note("ami is cut")
        self.loop.network.cut(AMI)

    async def _lose_events(self) -> None:
        self.drop_share = 0.03
        await asyncio.sleep(5)
        self.drop_share = 0.0

    async def _phone_gone(self) -> None:
        endpoint = f"agent-{1000 + self.dice.randrange(AGENTS)}"
        self.note(f"{endpoint} goes")
        self.pbx.register(endpoint, registered=False)
        await asyncio.sleep(5 * self.dice.random())
        if self.pbx.is_running:
            self.pbx.register(endpoint, registered=True)

    # ------------------------------------------------------------ what must hold

    def check(self) -> None:
        """At any moment: no agent is given more than he can take, nobody is in two places."""
        center = self.center
        if center is None or not center._is_built:
            return
        for agent in center.router.engine.agents.values():
            given = [one for one in agent.assignments.values() if one.state != "wrap-up"]
            assert len(given) <= 1, (agent.id, given)
        talking = [
            one.segment.agent_id
            for one in center.picture.interactions.values()
            if one.segment and one.phase == "talking"
        ]
        assert len(talking) == len(set(talking)), "one agent in two conversations"
        idle = audit.IdleRound().look(center.router.engine, self.clock.timestamp())
        assert idle == set(), f"somebody waits while an agent is free: {idle}"
        assert center.base.tasks.failures == {}, center.base.tasks.failures
        assert center.router.stats.failures == {}, center.router.stats.failures
        assert center.base.database.failed_units == 0

    async def reach_pbx(self) -> None:
        """Wait for the link: with FullyBooted among the lost events it begins anew only after its time for that."""
        assert self.center is not None
        end = self.loop.virtual + LinkTiming().boot_timeout + QUIET
        while any(one.client.state is not LinkState.LIVE for one in self.center.pbxs.all.values()):
            assert self.loop.virtual < end, "the link does not come back"
            await asyncio.sleep(1)

    def is_quiet(self) -> bool:
        """Whether nobody is on the line, nor will be."""
        return not self.pbx.exchange.channels

    def check_agrees(self) -> None:
        """Once all is quiet: nothing that an audit would find."""
        assert self.center is not None
        now, picture = self.clock.now(), self.center.picture
        found = audit.of_router(picture, self.center.router.engine, now, audit.IdleRound()) | audit.of_ages(
            picture, now
        )
        assert found == set(), found

    async def rows(self) -> list[dict[str, Any]]:
        """All interactions as the API tells them, as far as they are compared."""
        assert self.center is not None
        await self.center.base.database.flush()
        return await self.center.base.database.read(_rows)


async def _nothing() -> None:
    """There are no pages in here."""


def _rows(connection: Any) -> list[dict[str, Any]]:
    def iso(row: Any) -> dict[str, Any]:
        return {
            name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row._mapping.items()
        }

    found = [iso(row) for row in connection.execute(store.interactions.select().order_by(store.interactions.c.id))]
    ids = [one["id"] for one in found]
    for table in (store.visits, store.segments, store.legs):
        parts = [iso(row) for row in store.parts(connection, table, ids)]
        for one in found:
            one[table.name] = [part for part in parts if part["interaction_id"] == one["id"]]
    return found


Kind = TypeVar("Kind", bound=Site)


@contextlib.contextmanager
def in_here(number: int) -> Iterator[None]:
    """The program with what cannot be simulated replaced, and all its chance drawn from the seed."""
    chance = random.Random(number)
    with (
        mock.patch.object(databases, "SqliteDatabase", InlineDatabase),
        mock.patch.object(bootstrap, "find_speaker", return_value=None),
        mock.patch.object(rooms, "Passwords", return_value=Passwords(FAST)),
        mock.patch.object(
            bootstrap, "TimeOrderedIds", side_effect=lambda clock: seeded_ids(clock, chance.getrandbits(32))
        ),
        mock.patch.object(pbx_servers, "random", SimpleNamespace(Random=lambda: random.Random(chance.random()))),
    ):
        yield


def run(number: int, folder: Path, calls: int = 25, faults: int = 4, kind: type[Kind] = Site) -> Kind:  # type: ignore[assignment]
    """Run one seed to its end; returns the site with nothing going on. Raises AssertionError for what must not be."""
    loop, dice = VirtualLoop(), random.Random(number)
    asyncio.set_event_loop(loop)
    site = kind(loop, folder, dice)
    try:
        with in_here(number):
            loop.run_until_complete(_day(site, calls, faults))
    finally:
        if site.pbx._records is not None:
            site.pbx._records.close()
        _end_all(loop)
        asyncio.set_event_loop(None)
        loop.close()
    return site


def _end_all(loop: VirtualLoop) -> None:
    """End what processes that were killed left behind."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))


async def _day(site: Site, calls: int, faults: int) -> None:
    await site.start_pbx()
    await site.start_server()
    await asyncio.sleep(1)
    await site.ready()
    watching = [asyncio.ensure_future(site.supervise()), asyncio.ensure_future(_watch(site))]
    await asyncio.gather(site.calls(calls), site.faults(faults))
    if site.center is None:
        await site.start_server()
    await site.reach_pbx()
    await asyncio.sleep(QUIET)
    site.check_agrees()
    end = site.loop.virtual + 400
    while not site.is_quiet() and site.loop.virtual < end:
        await asyncio.sleep(1)
    await asyncio.sleep(QUIET)
    for one in watching:
        one.cancel()
    failed = [one.exception() for one in watching if one.done() and not one.cancelled()]
    assert not failed, failed
    site.check_agrees()
    assert site.pbx.exchange.channels == {}, "somebody is still on the line"
    assert site.center is not None
    assert site.center.picture.interactions == {}, "something is still going on"
    site.final = await site.rows()
    await site.center.stop()
    await site.pbx.stop()


async def _watch(site: Site) -> None:
    while True:
        await asyncio.sleep(0.05)
        site.check()
