"""Calls in progress: customers who talk and customers who wait, led by nudges; what a restart must not change."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import QueueSeed, Server, desk_agents, running_server
from tests.rig.sipp import Caller, Sipp, desk_phones


@dataclass(slots=True)
class LiveCalls:
    """``talking`` customers have an agent each, ``waiting`` ones none; numbers in the order they called."""

    server: Server
    customers: Sipp
    phones: Sipp
    talking: list[str]
    waiting: list[str]

    def hang_up(self, number: str) -> None:
        """This customer hangs up now."""
        sent = next(m for m in self.customers.messages() if m.first == "INVITE" and f"sip:{number}@" in m.text)
        self.customers.nudge(sent.call_id)

    def dropped(self) -> int:
        """How many customers were hung up by the PBX."""
        return sum(m.first == "BYE" and not m.sent for m in self.customers.messages())

    async def channels(self) -> int:
        """Channels up in Asterisk."""
        text = await self.server.console("core show channels count")
        return int(text.split()[0])

    def endpoints(self) -> dict[str, str]:
        """Agent id -> endpoint, as ``compare`` wants it."""
        return {agent_id: f"agent-{100 + int(login[4:])}" for login, agent_id in self.server.agent_ids.items()}


@contextlib.asynccontextmanager
async def live_calls(
    folder: Path,
    talking: int,
    waiting: int,
    *,
    wrap_up: float = 0.3,
    database: str = "",
    options: Sequence[str] = (),
) -> AsyncIterator[LiveCalls]:
    """A server with as many agents as talk; returns when everybody talks or waits."""
    port = free_ports(1)
    callers = [Caller(f"+493090{n:05}", "2000", f"Customer {n}") for n in range(talking + waiting)]
    async with (
        running_server(
            agents=desk_agents(talking, port),
            queues=[QueueSeed(wrap_up_time=wrap_up)],
            database=database,
            options=options,
        ) as server,
        desk_phones(
            folder / "phones",
            {},
            port=port,
            media_port=free_ports(4 * (2 * talking + waiting)),
            others=Answers(after=0.2),
        ) as desk,
    ):
        await server.ready()
        async with server.customers(folder / "customers", callers, rate=20) as customers:
            numbers = [caller.number for caller in callers]
            calls = LiveCalls(server, customers, desk, numbers[:talking], numbers[talking:])
            await until_phases(server, 30 + (talking + waiting) / 4, talking=talking, waiting=waiting)
            calls.talking = numbers_in(server, "talking")
            calls.waiting = numbers_in(server, "waiting")
            yield calls


def numbers_in(server: Server, phase: str) -> list[str]:
    """Customers whose stored phase is this one, oldest first."""
    rows = server.rows("select caller_number from interactions where phase = ? order by arrived_at", phase)
    return [row["caller_number"] for row in rows]


async def until_phases(server: Server, limit: float = 30, **wanted: int) -> None:
    """Wait until the rows hold as many open interactions in each phase. Raises TimeoutError."""
    async with asyncio.timeout(limit):
        while any(len(numbers_in(server, phase)) != count for phase, count in wanted.items()):
            await asyncio.sleep(0.1)


async def until_over(server: Server, limit: float = 30) -> None:
    """Wait until every interaction is over, wrap-up included."""
    async with asyncio.timeout(limit):
        while server.rows("select 1 from interactions where not is_over"):
            await asyncio.sleep(0.1)


async def until_answer(server: Server, status: int, limit: float) -> tuple[float, list[str]]:
    """Wait for /readyz to answer with a status; seconds it took, codes of what was degraded."""
    began = time.monotonic()
    while True:
        found, body = await server.ready_answer()
        if found == status:
            return time.monotonic() - began, [one["code"] for one in body["degraded"]]
        if time.monotonic() - began > limit:
            raise TimeoutError(f"/readyz is {found}, {body}")
        await asyncio.sleep(0.05)


async def live_picture(server: Server) -> dict[str, int]:
    """What a supervisor's page shows now: customers in line, agents talking."""
    page = await server.desktop("sofia", "live")
    try:
        return {
            "waiting": len(page.of("waiting")),
            "talking": sum(one["state"] == "talking" for one in page.of("agent")),
        }
    finally:
        await page.close()
