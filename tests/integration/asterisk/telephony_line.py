"""Our telephony on a real Asterisk, with what it reported; phones are SIPp's."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, TypeVar

from contactcenter.core.clock import SystemClock
from contactcenter.core.ids import AgentId, LegId, ReservationId, ServerId, TimeOrderedIds
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import ports
from contactcenter.interactions.ports import LegMode
from cti.ami import AmiClient, AmiSettings
from cti.cel import CelFile, CelNews
from cti.dialplan_names import AMI_EVENTS
from cti.site_telephony import AsteriskTelephony
from cti.telephony import PbxTelephony
from tests.integration.asterisk.conftest import Pbx
from tests.rig.simulated import Simulated

Fact = TypeVar("Fact")


class RealTime:
    """The machine's clock and the running loop's timers in one."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self.call_at = self._loop.call_at
        self.time = self._loop.time

    def now(self) -> datetime:
        return self._clock.now()

    def timestamp(self) -> float:
        return self._clock.timestamp()


class TelephonyLine:
    """One PbxTelephony and its link. ``facts`` in order; ``on_fact`` may be replaced before the first."""

    def __init__(self, pbx: Pbx | Simulated, *, cel: bool = False) -> None:
        self.server_id = ServerId(pbx.settings.server_id)
        self.facts: list[ports.Fact] = []
        self.listener: Callable[[ports.Fact], None] = lambda fact: None
        self.tasks = TaskSupervisor()
        self.site = AsteriskTelephony()
        self.ids = TimeOrderedIds(SystemClock())
        self._news = asyncio.Event()
        self.cel_file = CelFile(pbx.run_folder.cel_file, self.server_id)
        read = self.cel_file.news if cel else _nothing
        clock = SystemClock()
        self.pbx = PbxTelephony(self.server_id, clock, self.tasks, self._take, read, self.ids.new)
        self.site.add(self.pbx)
        settings = pbx.settings
        self.client = AmiClient(
            AmiSettings("127.0.0.1", settings.ami_port, settings.ami_user, settings.ami_secret),
            on_message=self.pbx.on_message,
            on_state=self.pbx.on_state,
            tasks=self.tasks,
            rng=random.Random(1),
            wanted=AMI_EVENTS,
        )
        self.pbx.bind(self.client)

    def _take(self, fact: ports.Fact) -> None:
        self.facts.append(fact)
        self._news.set()
        self.listener(fact)

    async def find(self, kind: type[Fact], seconds: float = 8, **fields: Any) -> Fact:
        """The first fact of this kind with these fields, waited for."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._news.clear()
                    for fact in self.facts:
                        if isinstance(fact, kind) and all(getattr(fact, one) == value for one, value in fields.items()):
                            return fact
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} {fields}; seen {self.facts}") from None

    def alert(self, caller: str, endpoint: str, *, ring_time: float = 5.0, name: str = "Ada") -> ReservationId:
        reservation = ReservationId(self.ids.new())
        device = ports.Device(AgentId(f"a-{endpoint}"), self.server_id, endpoint)
        order = ports.AlertOrder(reservation, device, LegId(caller), "+4930901820", name, ring_time, self.server_id)
        self.site.alert(order)
        return reservation

    def call_back(
        self, number: str, endpoint: str, *, ring_time: float = 5.0, mode: LegMode = LegMode.RING, limit: float = 5.0
    ) -> tuple[LegId, ReservationId]:
        """Alert an agent for a customer who is to be called; who stands in for him, and the reservation."""
        leg, reservation = LegId(self.ids.new()), ReservationId(self.ids.new())
        device = ports.Device(AgentId(f"a-{endpoint}"), self.server_id, endpoint, mode)
        call = ports.CustomerCall(number, "+49305550", limit)
        self.site.alert(ports.AlertOrder(reservation, device, leg, number, "Ada", ring_time, self.server_id, call))
        return leg, reservation

    async def failure(self, reservation: ReservationId, seconds: float = 8) -> ports.AlertFailure:
        ended = await self.find(ports.AlertEnded, seconds, reservation_id=reservation)
        assert LegId(reservation) not in self.pbx.alerts
        return ended.failure


async def _nothing(since: datetime | None) -> CelNews:
    return CelNews()


@contextlib.asynccontextmanager
async def telephony_line(pbx: Pbx | Simulated, *, cel: bool = False) -> AsyncIterator[TelephonyLine]:
    line = TelephonyLine(pbx, cel=cel)
    line.client.start()
    await line.find(ports.LinkChanged, up=True)
    try:
        yield line
    finally:
        await line.client.close()
        assert line.client.stats.callback_failures == 0
        assert line.tasks.failures == {}
        await line.tasks.close()
