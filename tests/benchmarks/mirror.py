"""What a second process costs: the bus alone, and from a decision in the router's process to the frame in another one.

Redis is a throw-away one; both ends are in this process, so the figures hold what both of them do. ``cpu`` is the
processor time of the sender alone for one interaction's change: packing its slot and numbering it.
"""

import asyncio
import time
from argparse import ArgumentParser, Namespace
from typing import Any

import msgspec

from agent_ui.hub import DESKTOP, Hub
from agent_ui.protocol import Hello
from contactcenter.core.clock import SystemClock
from contactcenter.core.ids import AgentId, SiteId, TeamId, UserId
from contactcenter.core.permissions import ROLES, Principal
from contactcenter.core.redis_bus import RedisBus
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import mirror
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture
from contactcenter.interactions.mirror import Site, Source
from contactcenter.interactions.mirror_link import PictureSender, receiver_of
from contactcenter.interactions.ports import AlertFailure
from tests.benchmarks.report import Report
from tests.fakes.room import Room
from tests.rig.redis import RedisServer

SITE = SiteId("main")


def options(parser: ArgumentParser) -> None:
    """Add the command line's options."""
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rate", type=int, default=500, help="messages a second")
    parser.add_argument("--calls", type=int, default=500)


def run(given: Namespace) -> Report:
    """Measure; without bars: the design document names none but the bus's in STACK (0.3 ms)."""
    report = Report("mirror", vars(given))
    server = RedisServer()
    server.start()
    try:
        asyncio.run(_measure(report, server.url, given))
    finally:
        server.remove()
    return report


async def _measure(report: Report, url: str, given: Namespace) -> None:
    tasks = TaskSupervisor()
    here, there = RedisBus(url, tasks), RedisBus(url, tasks)
    ready = [asyncio.Event(), asyncio.Event()]
    here.on_restored(ready[0].set)
    there.on_restored(ready[1].set)
    await asyncio.gather(here.open(), there.open())
    await asyncio.gather(*(one.wait() for one in ready))
    for size in (200, 4000):
        took = await _bus(here, there, size, given.messages, given.rate)
        report.percentiles(f"bus_{size}", took, "ms", {99: 1.0} if size == 200 else None)
        report.add(f"bus_{size}", ({"ms": one} for one in took))
    took, cpu = await _pops(here, there, tasks, given.calls)
    report.percentiles("decision_to_frame", took, "ms")
    report.figure("cpu", cpu, "us")
    report.add("decision_to_frame", ({"ms": one} for one in took))
    await here.close()
    await there.close()
    await tasks.close()


async def _bus(here: RedisBus, there: RedisBus, size: int, count: int, rate: int) -> list[float]:
    took: list[float] = []
    end = there.subscribe(f"bench:{size}", lambda message: took.append(1000 * (time.perf_counter() - _sent(message))))
    await asyncio.sleep(0.2)
    rest = b"x" * size
    for _ in range(count):
        here.publish(f"bench:{size}", msgspec.msgpack.encode((time.perf_counter(), rest)))
        await asyncio.sleep(1 / rate)
    await asyncio.sleep(0.2)
    end()
    return took


def _sent(message: bytes) -> float:
    return float(msgspec.msgpack.decode(message)[0])


async def _pops(here: RedisBus, there: RedisBus, tasks: TaskSupervisor, calls: int) -> tuple[list[float], float]:
    """Alert one agent again and again; measured until the frame stands in his desktop's outbox at the other end."""
    room = Room()
    room.agent("ann", 1)
    source = Source("a")
    site = Site([], [], {}, {}, {}, False, True, [], None, [], None)
    sender = PictureSender(here, room.picture, DayFigures(room.time.now()), lambda: site, room.time, source)
    sender.start(SITE)
    picture, clock = Picture(), SystemClock()
    receiver, figures = receiver_of(there, picture, SITE, "p2", clock)
    receiver.start()
    tasks.keep("sender", sender.keep)
    async with asyncio.timeout(10):
        await receiver.arrived.wait()
        while AgentId("a-ann") not in picture.agents:
            await asyncio.sleep(0.05)
    hub = Hub(picture, figures, clock, room.ids, list)
    rights = Principal(UserId("u-ann"), "ann", ROLES["agent"], AgentId("a-ann"), frozenset({TeamId("t-north")}))
    page = hub.open(rights, Hello(DESKTOP, "tab"), {})
    took, cpu = [], 0.0
    for number in range(calls):
        page.outbox.clear()
        page.wake.clear()
        began = time.perf_counter()
        item = room.call(f"1780000000.{number}")
        room.assignments.customer_found(item, _card(), None, 0, vip=False, is_news=False)
        while not any(b"work:" in frame for frame in page.outbox):
            page.wake.clear()
            await page.wake.wait()
        took.append(1000 * (time.perf_counter() - began))
        used = time.process_time()
        source.offer(f"item:{item.interaction_id}-again", mirror.pack(room.picture, f"item:{item.interaction_id}"))
        cpu += time.process_time() - used
        room.leg_ends(item.leg_id)
        for alert in room.telephony.alerts[-1:]:
            room.alert_ends(alert.reservation_id, AlertFailure.REVOKED)
        await asyncio.sleep(0.01)
    return took, 1e6 * cpu / calls


def _card() -> dict[str, Any]:
    history = [{"interaction_id": f"i{n}", "at": "2026-01-01T00:00:00Z", "queue": "Support"} for n in range(5)]
    person = {"person_id": "p1", "name": "Ada Lovelace", "organisation": None, "vip": False}
    return {"person": person, "number": "+49 30 1234567", "loading": False, "history": history, "call_tickets": []}
