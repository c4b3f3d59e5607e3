"""The router's picture and another process's replica of it, joined by a bus that loses what it is told to lose."""

import asyncio
from typing import Any

from contactcenter.core.bus import Exchange, MemoryBus
from contactcenter.core.ids import SiteId
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture
from contactcenter.interactions.mirror import Replica, ShownFigures, Site, Source
from contactcenter.interactions.mirror_link import PictureReceiver, PictureSender

SITE = SiteId("main")


async def turns(number: int = 12) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class LossyExchange(Exchange):
    """Carries all but the next ``losing`` messages."""

    losing = 0

    def carry(self, channel: str, message: bytes) -> None:
        if self.losing:
            self.losing -= 1
        else:
            super().carry(channel, message)


def site_of(picture: Picture, **more: Any) -> Site:
    """What there is once, as bootstrap makes it."""
    links = list(picture.links.values())
    trunks = [(one, other, is_up) for (one, other), is_up in picture.trunks.items()]
    given = {"is_ready": True, "degraded": [], "audited_at": None, "healed": [], "own_port": None, **more}
    own = (picture.skills, picture.skill_labels, picture.flows, picture.is_simulated)
    return Site(links, trunks, *own, **given)


class Mirrored:
    """``restart_sender`` and ``restart_receiver`` begin anew, as their processes would; time stands in ``clock``."""

    def __init__(self, picture: Picture, figures: DayFigures, clock: Any) -> None:
        self.exchange = LossyExchange()
        self.picture = picture
        self.figures = figures
        self.clock = clock
        self.runs = 0
        self.site: dict[str, Any] = {}
        self.bus: MemoryBus | None = None
        self.other_bus: MemoryBus | None = None

    async def restart_sender(self) -> None:
        if self.bus is not None:
            await self.bus.close()
            self.picture._watchers.remove(self.sender._touch)
        self.runs += 1
        self.bus = MemoryBus(self.exchange)
        self.source = Source(f"epoch-{self.runs:03}")
        parts = (self.figures, lambda: site_of(self.picture, **self.site), self.clock)
        self.sender = PictureSender(self.bus, self.picture, *parts, self.source)
        self.sender.start(SITE)
        await self.bus.open()
        await turns()

    async def restart_receiver(self) -> None:
        if self.other_bus is not None:
            await self.other_bus.close()
        self.runs += 1
        self.other_bus = MemoryBus(self.exchange)
        self.shown = Picture()
        self.shown_figures = ShownFigures(self.clock.now())
        self.replica = Replica(self.shown, self.shown_figures)
        self.receiver = PictureReceiver(self.other_bus, self.replica, SITE, f"process-{self.runs}", self.clock)
        self.receiver.start()
        await self.other_bus.open()
        await turns()

    async def look(self, seconds: float = 0.5) -> None:
        """Let time pass, then let both look, as they do twice a second."""
        self.clock.advance(seconds)
        await self.sender.look()
        await turns()
        self.receiver.look()
        await turns()
