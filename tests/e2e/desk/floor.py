"""The floor under test: who works there, who calls, and how calls are placed. One real server for all tests here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contactcenter.queues.model import Disposition
from tests.rig.ports import free_ports
from tests.rig.rtp import Digits, Ear, Silence, Sound, Tone, listening, write_pcap
from tests.rig.scenarios import WAITS, Answers, Leaves
from tests.rig.server import AgentSeed, QueueSeed, Server
from tests.rig.sipp import Caller, Sipp, call_media_port

CALLER_HERTZ = 440.0
OUTCOMES = (
    Disposition("solved", "Solved on the call"),
    Disposition("ticket", "Ticket opened"),
    Disposition("callback", "Callback promised"),
    Disposition("wrong-number", "Wrong number"),
)
MARTA = {
    "name": "Marta Köhler",
    "title": "Head of IT",
    "organisation": "Nordlicht GmbH",
    "numbers": ["+49 30 901820", "+49 171 3920010"],
    "emails": ["marta.koehler@nordlicht.example"],
    "is_vip": True,
    "heed": "Line at site 2 failed twice in November: call back the same day.",
    "language": "de",
    "value_per_year": 38_400,
    "since": datetime(2021, 3, 1, tzinfo=UTC),
}
PIET = {"name": "Piet de Vries", "organisation": "Studio Ahoi", "numbers": ["+49 40 66969 131"], "language": "en"}
DIETER = {"name": "Dieter Falk", "organisation": "Werft Nord AG", "numbers": ["+49 171 550 2291"], "language": "de"}
SUPPORT, QUICK = "1000", "3000"
QUICK_FLOW = "start: queue\nnodes:\n  queue: {kind: enqueue, queue: quick}\n"


def agents(phones_port: int) -> list[AgentSeed]:
    """Two with a browser phone, two with a desk phone; only Ines knows routers well enough."""
    desk = f"127.0.0.1:{phones_port}"
    return [
        AgentSeed("ines", "1001", {"german": 3, "routers": 3}, name="Ines Vogt"),
        AgentSeed("chen", "1002", {"german": 2, "sales": 3, "quick": 1}, name="Chen Wei"),
        AgentSeed("ben", "1003", {"german": 1, "sales": 2, "routers": 1}, f"sip:ben@{desk}", name="Ben Okafor"),
        AgentSeed("ida", "1004", {"german": 1, "quick": 1}, f"sip:ida@{desk}", name="Ida Santos"),
    ]


_SUPPORT = QueueSeed("Support", wrap_up_time=60.0, needs_disposition=True, skills={"german": 1}, dispositions=OUTCOMES)
QUEUES = (
    _SUPPORT,
    QueueSeed("Sales", priority=40, wrap_up_time=30.0, skills={"sales": 1}, dispositions=OUTCOMES),
    QueueSeed("Quick", priority=40, ring_time=5.0, wrap_up_time=30.0, skills={"quick": 1}, dispositions=OUTCOMES),
)
PHONES = {"ben": Answers(after=60), "ida": Answers(after=60)}
"""Desk phones ring until they are nudged."""


@dataclass
class Line:
    """One customer's call: the SIPp process that makes it, and an ear on what he hears."""

    sipp: Sipp
    ear: Ear
    folder: Path

    @property
    def call_id(self) -> str:
        return next(one.call_id for one in self.sipp.messages() if one.sent and one.first == "INVITE")

    def hang_up(self) -> None:
        self.sipp.nudge(self.call_id)

    async def end(self) -> None:
        """Hang up if the call is still up: SIPp itself would just be gone, and Asterisk would not know."""
        self.hang_up()
        with contextlib.suppress(TimeoutError):
            await self.sipp.wait_ended(3)


class Floor:
    """The server and what a test does with its customers and agents."""

    def __init__(self, server: Server, phones: Sipp, folder: Path) -> None:
        self.server = server
        self.phones = phones
        self._folder = folder
        self._calls = 0

    @contextlib.asynccontextmanager
    async def call(
        self,
        number: str = "+4930901820",
        dialed: str = SUPPORT,
        key: str = "2",
        *,
        name: str | bytes = "",
        leaves: Leaves = WAITS,
        tone: float = 0.0,
    ) -> AsyncIterator[Line]:
        """A customer calls, presses a key in the menu, and is as loud as 440 Hz for ``tone`` seconds from then on."""
        self._calls += 1
        folder = self._folder / f"call{self._calls}"
        folder.mkdir()
        sounds: list[Sound] = [Silence(0.3), *([Digits(key)] if key else []), Silence(0.3)]
        sound = write_pcap(folder / "voice.pcap", [*sounds, *([Tone(CALLER_HERTZ, tone)] if tone else [])])
        media_port = free_ports(16)
        async with (
            listening(call_media_port(media_port)) as ear,
            self.server.customers(
                folder, [Caller(number, dialed, name)], leaves=leaves, sound=sound, media_port=media_port
            ) as sipp,
        ):
            line = Line(sipp, ear, folder)
            try:
                yield line
            finally:
                await line.end()

    def pick_up(self) -> None:
        """The desk phone that rings last answers; one that talks hangs up."""
        ringing = [one.call_id for one in self.phones.messages() if not one.sent and one.first == "INVITE"]
        self.phones.nudge(ringing[-1])

    async def api(self, method: str, path: str, body: Any = None, login: str = "admin") -> Any:
        return await self.server.api(method, path, body, login=login)

    async def last_over(self) -> dict[str, Any]:
        """The latest interaction, once nothing is left to happen: a screen may know before the row."""
        async with asyncio.timeout(5):
            while not (last := (await self.api("GET", "/interactions?limit=1"))["items"][0])["is_over"]:
                await asyncio.sleep(0.05)
        return dict(last)

    async def clear(self) -> None:
        """Nobody calls, nobody is ready: what a failed test may have left behind is gone."""
        await self.server.console("channel request hangup all")
        await self.server.ready(*self.server.agent_ids, state="offline")
        logins = {agent_id: login for login, agent_id in self.server.agent_ids.items()}
        for item in (await self.api("GET", "/interactions?limit=5"))["items"]:
            for part in item["segments"]:
                if part["wrap_up_ended_at"] is None:
                    body = {"disposition": "solved", "then": "not-ready", "reason": "break"}
                    await self.api("POST", f"/interactions/{item['id']}/wrap-up", body, login=logins[part["agent_id"]])
