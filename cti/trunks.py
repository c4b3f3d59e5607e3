"""The trunks from one PBX to the site's other servers, as that PBX sees them.

It asks each one every few seconds (pjsip's qualify) and tells what came of it as ContactStatus; the device state would
not do, which says nothing of a far end that is gone while calls are up. An alert that did not get through is news, too:
no other is sent that way until the PBX was asked again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.errors import TelephonyError
from contactcenter.core.ids import ServerId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.ami import AmiClient, Message

log = structlog.get_logger(__name__)

PAUSE: Final = 10.0  # seconds until a trunk over which an alert did not get through is tried again
_REACHED: Final = {"Reachable", "Avail"}


class Trunks:
    """Of one PBX. ``client`` is bound later, like the telephony's; ``on_change`` hears of every change, in order."""

    client: AmiClient

    def __init__(
        self, server_id: ServerId, clock: Clock, tasks: TaskSupervisor, on_change: Callable[[ports.TrunkChanged], None]
    ) -> None:
        self._server_id = server_id
        self._clock = clock
        self._tasks = tasks
        self._on_change = on_change

    def watch(self, message: Message) -> None:
        """Take an event: the far end answers, or not."""
        if message.kind == "ContactStatus":
            self._tell(message.get("EndpointName"), message.get("ContactStatus"))

    def look(self, endpoints: Sequence[Message]) -> None:
        """Ask after every trunk among the PBX's endpoints; the answer comes as a change."""
        for row in endpoints:
            name = row.get("ObjectName")
            if name.startswith(names.TRUNK_PREFIX):
                self._tasks.spawn(f"trunk-{self._server_id}-{name}", self._ask(name, 0.0))

    def fails(self, to_server: ServerId) -> None:
        """An alert did not get through: no other goes that way for a while, so that none chases the next."""
        self._change(to_server, usable=False)
        name = f"{names.TRUNK_PREFIX}{to_server}"
        self._tasks.spawn(f"trunk-{self._server_id}-{name}", self._ask(name, PAUSE))

    async def _ask(self, name: str, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            rows = await self.client.collect("PJSIPShowEndpoint", {"Endpoint": name}, "EndpointDetailComplete")
        except TelephonyError as error:  # no link: the resync asks
            log.info("trunk-not-told", server=self._server_id, endpoint=name, error=error.code)
            return
        states = [row.get("Status") for row in rows if row.kind == "ContactStatusDetail"]
        self._tell(name, next(iter(states), ""))

    def _tell(self, endpoint: str, status: str) -> None:
        if endpoint.startswith(names.TRUNK_PREFIX):
            self._change(ServerId(endpoint.removeprefix(names.TRUNK_PREFIX)), usable=status in _REACHED)

    def _change(self, to_server: ServerId, *, usable: bool) -> None:
        self._on_change(ports.TrunkChanged(self._server_id, to_server, usable, self._clock.now()))
