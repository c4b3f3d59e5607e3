"""A site at work, with customers, agents at their desks and the list of what was acknowledged; and what befalls it.

``busy_site`` calls at a steady rate and lets agents write; each fault of ``FAULTS`` is one act, after which the site
must be ready again. ``BusySite.verdict`` waits until all calls are over and compares with Asterisk's own record and
with the list: one right interaction a call, nobody dropped, nothing acknowledged lost, nothing doubled.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.server.live_calls import until_over
from tests.oracle.calls import Call, Outcome, judge_file
from tests.rig.compare import TOLERANCE, compare, seconds
from tests.rig.desks import Ledger, staffed
from tests.rig.lateness import Lateness, watched_lateness
from tests.rig.manager_witness import ManagerWitness, manager_witness
from tests.rig.ports import free_ports
from tests.rig.postgres import Postgres
from tests.rig.redis import RedisServer
from tests.rig.scenarios import Answers
from tests.rig.server import AgentSeed, QueueSeed, Server, desk_agents, running_server
from tests.rig.sipp import Caller, Sipp, SippError, desk_phones

GROUP_TIME = 4.0  # seconds of customers that one SIPp carries
MOST_GROUPS = 4  # at once: callers in their hundreds would measure the machine, each start slower than the one before
READY_LIMIT = 90.0
UNWRITTEN = 0.5  # seconds before its end of which a killed Asterisk's record may know nothing
STALLED, FROZEN, FULL, STEPPED, AWAY = 30.0, 20.0, 10.0, 8.0, 6.0  # seconds a fault lasts
COUNTED = ("interactions", "without a call", "outcome", "agent", "talked", "number", "dialed")
INSTANTS = ("answered", "ended")
CLOCK_FILE = "CONTACTCENTER_TEST_CLOCK"
"""Names the file with the seconds by which the server's clock is off: see tests.rig.stepped_server."""


@dataclass
class BusySite:
    """Made by ``busy_site``. ``is_pbx_cut``: Asterisk died, so calls of that moment ended with it."""

    server: Server
    folder: Path
    agents: list[AgentSeed]
    rate: float
    dice: random.Random
    lateness: Lateness
    witness: ManagerWitness
    ledger: Ledger = field(default_factory=Ledger)
    happened: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    groups: list[Sipp] = field(default_factory=list)
    calls: int = 0
    asterisk_late: float = 0.0
    is_pbx_cut: bool = False
    pbx_died_at: list[float] = field(default_factory=list)
    is_clock_off: bool = False
    postgres: Postgres | None = None
    redis: RedisServer | None = None
    web: Server | None = None
    _calling: "asyncio.Task[None] | None" = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: list["asyncio.Task[None]"] = field(default_factory=list)

    # ------------------------------------------------------------ customers

    def open_the_lines(self) -> None:
        self._calling = asyncio.create_task(self._call_on())

    async def _call_on(self) -> None:
        count = round(GROUP_TIME * self.rate)
        while not self._stop.is_set():
            callers = [Caller(f"+4930{self.calls + index:07}", "2000") for index in range(count)]
            self.calls += count
            self._under_way.append(asyncio.create_task(self._one_group(self.folder / f"g{self.calls}", callers)))
            await asyncio.sleep(GROUP_TIME)
            while sum(not one.done() for one in self._under_way) >= MOST_GROUPS and not self._stop.is_set():
                await asyncio.sleep(0.1)

    async def _one_group(self, folder: Path, callers: list[Caller]) -> None:
        for attempt in range(3):
            try:
                await self._call(folder / str(attempt), callers)
                return
            except SippError as error:  # before its first call: somebody else took its port
                failed = error
        raise failed

    async def _call(self, folder: Path, callers: list[Caller]) -> None:
        async with self.server.customers(folder, callers, rate=self.rate) as customers:
            self.groups.append(customers)
            code = await customers.wait_ended(400)
            if code != 0 and not self.is_pbx_cut:
                self.faults.append(f"customers of {folder} ended with {code}: {customers.errors()[-300:]}")

    # ------------------------------------------------------------ faults and what must hold after each

    async def befall(self, name: str) -> None:
        """Let a fault happen, wait until the site is ready again, and look whether all that was kept is there."""
        began = time.monotonic()
        await FAULTS[name](self)
        await self.server.until_ready(READY_LIMIT)
        if self.web is not None:
            await self.web.until_ready(READY_LIMIT)
        took = round(time.monotonic() - began, 2)
        missing = await asyncio.to_thread(self.ledger.missing, self.server)
        self.happened.append(f"{name}: ready after {took} s, {self.calls} calls, kept {dict(self.ledger.counts)}")
        self.faults += [f"after {name}: {one}" for one in missing]

    async def work(self, shortest: float, longest: float) -> None:
        await asyncio.sleep(self.dice.uniform(shortest, longest))

    # ------------------------------------------------------------ the end

    async def close_the_lines(self) -> None:
        """No more customers; returns when nobody talks or waits any more."""
        self._stop.set()
        assert self._calling is not None
        await self._calling
        if not self.is_pbx_cut:
            await asyncio.gather(*self._under_way)
        await until_over(self.server, 120)
        for one in self._under_way:  # customers whose call Asterisk took with it wait for ever
            one.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def verdict(self) -> list[str]:
        """Return what is wrong; [] when every promise was kept."""
        judged, interactions = judge_file(self.server.cel_file).calls, await self.server.interactions()
        endpoints = {self.server.agent_ids[one.login]: f"agent-{one.extension}" for one in self.agents}
        self.asterisk_late = self.witness.lateness(judged)
        tolerance = TOLERANCE + max(self.lateness.forgiven, self.asterisk_late)
        told = compare(interactions, judged, endpoints, tolerance=tolerance, cut_calls=self.is_pbx_cut)
        names = (*COUNTED, *(() if self.is_clock_off else INSTANTS))
        wrong = [one for one in told.differences if any(f": {name}" in one or f" {name}," in one for name in names)]
        unwritten = self._unwritten(interactions)
        wrong = [one for one in wrong if not one.startswith(unwritten)]
        if not len(judged) == len(interactions) <= self.calls or (len(judged) != self.calls and not self.is_pbx_cut):
            wrong.append(f"{self.calls} calls, {len(judged)} in Asterisk's record, {len(interactions)} interactions")
        wrong += [] if self.is_pbx_cut else [_told(one) for one in judged if one.outcome is not Outcome.ANSWERED]
        wrong += [f"at the end: {one}" for one in await asyncio.to_thread(self.ledger.missing, self.server)]
        numbers = [row["seq"] for row in self.server.rows("select seq from events order by seq")]
        if numbers != list(range(1, len(numbers) + 1)):
            wrong.append("the journal's numbers have a hole")
        wrong = [*self.faults, *self.ledger.faults, *wrong]
        if wrong:  # beside the telephones' logs, for whoever looks into it
            events = self.server.rows("select seq, at, kind, subject, data from events order by seq")
            (self.folder / "rows.json").write_text(json.dumps([wrong, interactions, events], default=str, indent=1))
            shutil.copytree(self.server.pbx_run / "log", self.folder / "asterisk")
            shutil.copy(self.server.log_file, self.folder)
        return wrong

    def _unwritten(self, interactions: list[dict[str, Any]]) -> tuple[str, ...]:
        """Return the calls answered as Asterisk died: it told us by AMI, and its record went with it."""
        found = []
        for row in interactions:
            answered_at = seconds(row["segments"][0]["answered_at"]) if row["segments"] else None
            if answered_at and any(0 <= died_at - answered_at < UNWRITTEN for died_at in self.pbx_died_at):
                found.append(next(leg["id"] for leg in row["legs"] if leg["kind"] == "customer"))
        return tuple(found)

    def figures(self) -> dict[str, Any]:
        late = {"lateness": round(self.lateness.worst, 3), "asterisk late": round(self.asterisk_late, 3)}
        return {"calls": self.calls, **late, **self.ledger.figures()}


def _told(call: Call) -> str:
    return f"{call.uniqueid} ({call.caller_number}): dropped, {call.outcome}"


@contextlib.asynccontextmanager
async def busy_site(
    folder: Path,
    *,
    agents: int,
    rate: float,
    seed: int,
    postgres: Postgres | None = None,
    redis: RedisServer | None = None,
    program: str = "contactcenter",
) -> AsyncIterator[BusySite]:
    """Start everything and open the lines; end everything.

    ``postgres``: in place of a file. ``redis``: a further process has pages too, where every other agent sits.
    """
    port, dice = free_ports(1), random.Random(seed)
    # SIPp reads a scenario of 64 KiB at most: the phones of a large site are alike but for these.
    phones = {f"p{n}": Answers(after=0.2 + 0.1 * (n % 4), talk=0.8 + 0.3 * (n % 4)) for n in range(1, 9)}
    seeded = desk_agents(agents, port)
    queue = QueueSeed(wrap_up_time=2.0)
    env = {CLOCK_FILE: str(folder / "clock")}
    database = await asyncio.to_thread(postgres.database) if postgres is not None else ""
    options = ("--redis", redis.url) if redis is not None else ()
    given: dict[str, Any] = {"database": database, "env": env, "program": program, "options": options}
    async with (
        watched_lateness() as lateness,
        running_server(agents=seeded, queues=[queue], **given) as server,
        desk_phones(
            folder / "phones", phones, port=port, media_port=free_ports(600), others=Answers(after=0.3, talk=1.2)
        ),
        manager_witness(server.numbers) as witness,
        contextlib.AsyncExitStack() as stack,
    ):
        site = BusySite(server, folder, seeded, rate, dice, lateness, witness, postgres=postgres, redis=redis)
        if redis is not None:
            site.web = await stack.enter_async_context(server.web_process())
        others = [site.web] if site.web is not None else []
        await stack.enter_async_context(staffed(server, site.ledger, seed, *others))
        site.open_the_lines()
        yield site


# ------------------------------------------------------------------ what befalls it


async def kill_server(site: BusySite) -> None:
    await site.server.kill()
    await site.server.start()


async def kill_asterisk(site: BusySite) -> None:
    site.is_pbx_cut = True
    pbx = site.server.pbx_pid
    assert pbx is not None
    os.kill(pbx, signal.SIGKILL)
    site.pbx_died_at.append(time.time())
    await _until(lambda: site.server.pbx_pid not in (None, pbx))


async def cut_ami(site: BusySite) -> None:
    """Asterisk ends our manager session, as a line that breaks does."""
    shown = await site.server.console("manager show connected")
    lines = [line.split() for line in shown.splitlines() if "127.0.0.1" in line]
    assert lines, shown
    before = _link_changes(site)
    for words in lines:
        await site.server.console(f"manager kick session {words[4]}")
    await _until(lambda: _link_changes(site) >= before + 2)  # down and up again


def _link_changes(site: BusySite) -> int:
    return len(site.server.rows("select seq from events where kind = 'pbx-link-changed'"))


async def stall_reader(site: BusySite) -> None:
    """Our process stands still: nobody reads what Asterisk writes, nobody answers FastAGI or a page."""
    await _stand_still(site.server.pid, STALLED)


async def freeze_asterisk(site: BusySite) -> None:
    pbx = site.server.pbx_pid
    assert pbx is not None
    await _stand_still(pbx, FROZEN)


async def fill_disk(site: BusySite) -> None:
    """No file of our process may grow: what a full disk looks like from inside. Its sockets go on."""
    pid = site.server.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        await asyncio.sleep(FULL)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def step_clock(site: BusySite) -> None:
    """The machine's clock jumps an hour ahead, then to half an hour ago, then is right again."""
    site.is_clock_off = True
    for offset in (3600.0, -1800.0, 0.0):
        (site.folder / "clock").write_text(str(offset))
        await asyncio.sleep(STEPPED)
        page = await site.server.desktop("sofia", "live")
        told = seconds(page.history[0][1]["now"])
        await page.close()
        assert told is not None
        assert abs(told - time.time() - offset) < 5, "the clock was not stepped"


async def restart_postgres(site: BusySite) -> None:
    """It ends in order, as for an update, and is away for a while."""
    assert site.postgres is not None
    await asyncio.to_thread(site.postgres.stop)
    await asyncio.sleep(AWAY)
    await asyncio.to_thread(site.postgres.start)


async def kill_redis(site: BusySite) -> None:
    """It dies with all it held, and is away for a while."""
    assert site.redis is not None
    await asyncio.to_thread(site.redis.stop, signal.SIGKILL)
    await asyncio.sleep(AWAY)
    await asyncio.to_thread(site.redis.start)


FAULTS: Mapping[str, Callable[[BusySite], Awaitable[None]]] = {
    "server killed": kill_server,
    "asterisk killed": kill_asterisk,
    "ami cut": cut_ami,
    "reader stalled": stall_reader,
    "asterisk frozen": freeze_asterisk,
    "disk full": fill_disk,
    "clock stepped": step_clock,
    "postgres restarted": restart_postgres,
    "redis restarted": kill_redis,
}
OF_POSTGRES = frozenset({"postgres restarted", "redis restarted"})
"""What only a site with server databases knows; and with what Redis joins, pages of a second process."""


async def _stand_still(pid: int, how_long: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(how_long)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _until(condition: Callable[[], bool], limit: float = 60) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.1)
