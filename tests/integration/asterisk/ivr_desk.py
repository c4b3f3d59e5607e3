"""Our FastAGI server and flow runner with a desk that only writes down; also run as a process of its own, to be killed.

As a process: ``python -m tests.integration.asterisk.ivr_desk PORT`` prints ``ready``, then one line per order.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from contactcenter.core.clock import SystemClock
from contactcenter.core.ids import LegId, QueueId, ServerId, VisitId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions.ports import CallArrived, EnqueueOrder, FlowExit, PlaceInLine
from cti.agi.server import AgiServer
from ivr.flow import Flow
from ivr.holding import HoldLoop
from ivr.loader import load_flows
from ivr.prompts import PromptFiles
from ivr.runner import FlowRunner

FLOWS = Path(__file__).parents[3] / "config" / "flows"
LINES = {"1000": "support", "2000": "direct"}


class WritingDesk:
    """A FlowDesk that remembers what it is told, with the time of each order on the monotonic clock."""

    def __init__(self) -> None:
        self.arrived: list[CallArrived] = []
        self.orders: dict[LegId, EnqueueOrder] = {}
        self.ordered_at: dict[LegId, float] = {}
        self.left: dict[LegId, FlowExit] = {}
        self.next = "hold"

    def call_arrived(self, fact: CallArrived) -> None:
        self.arrived.append(fact)

    def enqueue(self, server_id: ServerId, leg_id: LegId, order: EnqueueOrder) -> PlaceInLine:
        self.ordered_at[leg_id] = time.monotonic()
        self.orders[leg_id] = order
        return self.place(leg_id)

    def place(self, leg_id: LegId) -> PlaceInLine:
        order = self.orders[leg_id]
        return PlaceInLine(VisitId(f"visit-{leg_id}"), QueueId(order.queue), order.priority, order.skills)

    def flow_for(self, server_id: ServerId, leg_id: LegId, dialed: str) -> str | None:
        return LINES.get(dialed)

    def what_next(self, server_id: ServerId, leg_id: LegId) -> str:
        return self.next

    def flow_left(self, server_id: ServerId, leg_id: LegId, exit: FlowExit) -> None:
        self.left[leg_id] = exit


class NoAnnouncements:
    """Nobody is told anything here."""

    def take_due(self, server_id: ServerId, leg_id: LegId) -> None:
        """See Announcer."""

    round_time = take_due

    def is_waiting(self, server_id: ServerId, leg_id: LegId) -> bool:
        return True


class NoVoicemails:
    """The flows here record nobody."""

    def begin(self, server_id: ServerId, leg_id: LegId) -> Path:
        raise AssertionError

    def left(self, file: Path, seconds: float | None) -> None:
        raise AssertionError


class NoCallbacks:
    """Nobody is called back here."""

    async def ask(self, server_id: ServerId, leg_id: LegId, order: EnqueueOrder) -> bool:
        raise AssertionError


@contextlib.asynccontextmanager
async def ivr_desk(
    port: int, prompts: PromptFiles | None = None, flows: Mapping[str, Flow] | None = None
) -> AsyncIterator[tuple[WritingDesk, AgiServer]]:
    """Serve ``flows`` (None: the demo flows) on ``port``; ``prompts`` None plays the built-in sounds."""
    desk, tasks = WritingDesk(), TaskSupervisor()
    flows = flows or load_flows(FLOWS).flows
    files = prompts or PromptFiles(Path("unused"))
    await files.prepare(flows.values())
    hold = HoldLoop(desk, NoAnnouncements(), files)
    runner = FlowRunner(desk, flows.get, files, SystemClock(), NoVoicemails(), NoCallbacks(), hold)
    server = AgiServer(ServerId("it-1"), {"/ivr": runner.run_flow, "/next": hold.run_next}, tasks)
    await server.start(port=port)
    try:
        yield desk, server
    finally:
        await server.close()
        await tasks.close()


async def _main(port: int) -> None:
    async with ivr_desk(port):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
