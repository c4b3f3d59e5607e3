"""Use cases of dry runs: a day's trace, and what changed rules of a queue would have made of that day.

Here rows are read, a slice at a time, and handed on; the day is made and played by a process of its own (``player``),
one at a time for each process of pages.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import structlog

from contactcenter.agents.model import AgentRecord
from contactcenter.agents.service import AgentService
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import Conflict, Forbidden, Invalid, Unavailable
from contactcenter.core.permissions import Principal, Right, Scope, require
from contactcenter.dry_runs import store
from contactcenter.dry_runs.model import (
    DAYS_BACK,
    MOST_CALLERS,
    PLAYED,
    REFUSED,
    TIME_LIMIT,
    Ask,
    Offering,
    Played,
    Refused,
    Slice,
    encode,
)
from contactcenter.queues.model import Queue
from contactcenter.queues.service import QueueService

log = structlog.get_logger(__name__)
ROOT: Final = Path(__file__).resolve().parent.parent.parent
LOOK_EVERY: Final = 0.5
"""Seconds between two looks whether the asker is still there."""
REST: Final = 0.01
"""Seconds between two reads: they share the interpreter with the calls."""
CHUNK: Final = 65_536
IsGone = Callable[[], bool]
"""Tells that nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """The day that was played, what came of it, and which of the changes could have no part in it."""

    day: date
    played: Played
    ignored: list[str]


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of the site, from midnight to midnight of its clocks."""

    day: date
    began: datetime
    ended: datetime


class DryRunService:
    """Plays days of one site; ``timezone`` is the site's."""

    def __init__(
        self, database: Database, clock: Clock, queues: QueueService, agents: AgentService, timezone: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._queues = queues
        self._agents = agents
        self._zone = ZoneInfo(timezone)
        self._is_busy = False

    async def dry_run(
        self, principal: Principal, queue_id: str, values: Mapping[str, Any], day: date | None, is_gone: IsGone
    ) -> DryRun:
        """Return what a day would have been with unsaved ``values`` of a queue; ``day`` None: yesterday.

        Raises what ``QueueService.unsaved`` and ``trace`` raise.
        """
        _require_all(principal)
        chosen = self._day(day)
        before, changed = await self._queues.unsaved(principal, values, queue_id)
        answer = await self._computed(principal, "play", chosen, changed, is_gone)
        differing = [name for name in values if getattr(before, name) != getattr(changed, name)]
        return DryRun(chosen.day, msgspec.json.decode(answer, type=Played), sorted(set(differing) - PLAYED))

    async def trace(self, principal: Principal, day: date | None, is_gone: IsGone) -> tuple[date, bytes]:
        """Return a day and its trace, JSON lines as docs/routing/simulator.md has them.

        Raises Forbidden below the site's scope, Invalid for a day that is not over or too long ago; Conflict ``busy``,
        ``no-callers``, ``no-agents``, ``nobody-answered``, ``day-too-large``; Unavailable ``dry-run-too-long``,
        ``dry-run-failed``; ConnectionResetError when the asker is gone.
        """
        _require_all(principal)
        chosen = self._day(day)
        return chosen.day, await self._computed(principal, "trace", chosen, None, is_gone)

    def _day(self, day: date | None) -> _Day:
        today = self._clock.now().astimezone(self._zone).date()
        chosen = day or today - timedelta(days=1)
        if not today - timedelta(days=DAYS_BACK) <= chosen < today:
            raise Invalid("invalid", {"date": "out-of-range"})
        began, ended = (datetime.combine(one, time(), self._zone) for one in (chosen, chosen + timedelta(days=1)))
        return _Day(chosen, began, ended)

    # ------------------------------------------------------------ the other process

    async def _computed(
        self, principal: Principal, what: str, day: _Day, changed: Queue | None, is_gone: IsGone
    ) -> bytes:
        first, following = await self._database.read(lambda c: store.visits_of(c, day.began, day.ended, None))
        if not first and following is None:  # nothing to compute: no process is begun for it
            raise Conflict("no-callers", {"date": day.day.isoformat()})
        try:
            with self._turn():
                async with asyncio.timeout(TIME_LIMIT), _player(what) as process:
                    code, answer = await self._asked(process, principal, day, changed, is_gone)
        except TimeoutError:
            raise Unavailable("dry-run-too-long", {"limit": TIME_LIMIT}) from None
        if code == REFUSED:
            raise _refused(answer, day)
        if code != 0:
            raise Unavailable("dry-run-failed", {"exit": code})
        return answer

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._is_busy:
            raise Conflict("busy")
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    async def _asked(
        self,
        process: asyncio.subprocess.Process,
        principal: Principal,
        day: _Day,
        changed: Queue | None,
        is_gone: IsGone,
    ) -> tuple[int, bytes]:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async for line in self._rows(principal, day, changed):
                _check_there(is_gone)
                process.stdin.write(line + b"\n")
                await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            if is_gone():
                raise
            log.warning("dry-run-stopped-reading", error=str(error))  # its exit code says more
        process.stdin.close()
        answer = await _all_of(process.stdout, is_gone)
        code = await process.wait()
        if code not in (0, REFUSED):
            await _log_failure(process, code)
        return code, answer

    # ------------------------------------------------------------ rows

    async def _rows(self, principal: Principal, day: _Day, changed: Queue | None) -> AsyncIterator[bytes]:
        read, site = self._database.read, self._database.site_id
        queues = await self._queues.list_queues(principal)
        agents = await self._agents.list_serving(principal)
        skills = await read(lambda c: store.skills_of(c, site))
        began, ended = day.began.timestamp(), day.ended.timestamp()
        yield encode(
            Ask(day.day.isoformat(), began, ended, queues, [_offering(one) for one in agents], skills, changed)
        )
        numbers = await read(lambda c: store.numbers_of(c, day.began, day.ended))
        for first in range(0, len(agents), store.SLICE):
            some = [one.agent_id for one in agents[first : first + store.SLICE]]
            yield await read(partial(_presence_line, some, numbers))
            await asyncio.sleep(REST)
        async for line in self._visits(day):
            yield line

    async def _visits(self, day: _Day) -> AsyncIterator[bytes]:
        place: store.Place | None = None
        count = 0
        while True:
            line, count_here, place = await self._database.read(partial(_visits_line, day, place))
            yield line
            count += count_here
            if count > MOST_CALLERS:
                raise Conflict("day-too-large", {"limit": MOST_CALLERS})
            if place is None:
                return
            await asyncio.sleep(REST)


def _visits_line(day: _Day, place: store.Place | None, connection: Any) -> tuple[bytes, int, store.Place | None]:
    """Read and encode in the reader's thread: the loop has calls to serve."""
    found, following = store.visits_of(connection, day.began, day.ended, place)
    return encode(Slice(visits=found)), len(found), following


def _presence_line(agents: list[Any], numbers: tuple[int, int], connection: Any) -> bytes:
    return encode(Slice(presences=store.presences_of(connection, agents, numbers)))


def _offering(one: AgentRecord) -> Offering:
    return Offering(one.agent_id, one.skills, one.capacity, one.queues, one.team_id)


def _require_all(principal: Principal) -> None:
    """A day is everybody's: agents, queues and callers of the whole site."""
    for right in (Right.QUEUES_READ, Right.AGENTS_READ, Right.INTERACTIONS_READ):
        if require(principal, right) < Scope.SITE:
            raise Forbidden("forbidden", {"right": right.value})


@asynccontextmanager
async def _player(what: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the player; it does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "contactcenter.dry_runs.player",
        what,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _all_of(stream: asyncio.StreamReader, is_gone: IsGone) -> bytes:
    found: list[bytes] = []
    while True:
        try:
            async with asyncio.timeout(LOOK_EVERY):
                chunk = await stream.read(CHUNK)
        except TimeoutError:
            _check_there(is_gone)
            continue
        if not chunk:
            return b"".join(found)
        found.append(chunk)


def _check_there(is_gone: IsGone) -> None:
    if is_gone():
        raise ConnectionResetError("nobody waits for the answer")


async def _log_failure(process: asyncio.subprocess.Process, code: int) -> None:
    assert process.stderr is not None
    said = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
    log.error("dry-run-failed", exit=code, reason=said[-1] if said else "")


def _refused(answer: bytes, day: _Day) -> Conflict:
    fields = {"date": day.day.isoformat()}
    return {
        "no-callers": Conflict("no-callers", fields),
        "no-agents": Conflict("no-agents", fields),
        "nobody-answered": Conflict("nobody-answered", fields),
    }[msgspec.json.decode(answer, type=Refused).error]
