"""The picture's way over the bus: one sender in the router's process, a receiver in each other one.

The sender tells what was touched at the end of the same loop turn, the rest of what a picture shows (figures, links)
twice a second, and looks through everything now and then, so that nothing it was not told of stays behind. It tells
once a second that it lives. A receiver that misses a number, or hears nothing for ``SILENT_TIME``, asks for everything;
meanwhile its picture says that the PBXs' links are down because the router's process is away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec
import structlog

from contactcenter.core.bus import Bus
from contactcenter.core.clock import Clock
from contactcenter.core.ids import SiteId
from contactcenter.interactions import mirror
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Picture
from contactcenter.interactions.mirror import Gap, Replica, ShownFigures, Site, Source

log = structlog.get_logger(__name__)

INTERVAL: Final = 0.5  # seconds between two looks at figures and links, as the live pages have it
BEAT: Final = 2  # looks without news after which a beat is sent
SLICE: Final = 25  # things looked through in one loop turn
SWEEP: Final = 20  # looks between two sweeps through everything
SILENT_TIME: Final = 3.0
FORGET_TIME: Final = 30.0
"""Seconds of silence after which any sender is believed: one made by a clock that is behind looks older than it is, and
one that was replaced without knowing it has left by then, for its next commit told it."""
ASK_EVERY: Final = 1.0
MAX_ASKERS: Final = 32  # answered at a time: everything is a lot
AWAY: Final = "router-away"


def channel_of(site_id: SiteId) -> str:
    """Return the channel all receivers hear."""
    return f"cc:{site_id}:picture"


class PictureSender:
    """Tells the other processes what the picture holds. ``site`` makes what there is once."""

    def __init__(
        self, bus: Bus, picture: Picture, figures: DayFigures, site: Callable[[], Site], clock: Clock, source: Source
    ) -> None:
        self._bus = bus
        self._picture = picture
        self._figures = figures
        self._site = site
        self._clock = clock
        self._source = source
        self._askers: set[str] = set()
        self._touched: set[str] = set()
        self._channel = ""
        self._looks = self._quiet = 0

    def start(self, site_id: SiteId) -> None:
        """From now on tell what is touched, and everything to whoever asks: at once all there is, never a part."""
        self._channel = channel_of(site_id)
        for key in mirror.keys_of(self._picture):
            self._offer(key)
        self._offer_shared()
        self._source.take()  # nobody has it yet: whoever comes, or hears of this sender, asks
        self._picture.watch(self._touch)
        self._bus.subscribe(f"{self._channel}:asks", self._asked)

    def _touch(self, key: str) -> None:
        if not self._touched:
            asyncio.get_running_loop().call_soon(self._flush)
        self._touched.add(mirror.key_of(key))

    def _flush(self) -> None:
        touched, self._touched = self._touched, set()
        for key in touched:
            self._offer(key)
        self._tell()

    def _offer(self, key: str) -> None:
        slot = mirror.pack_site(self._site()) if key == "site" else mirror.pack(self._picture, key)
        self._source.offer(key, slot)

    def _tell(self) -> bool:
        news = self._source.take()
        if news is not None:
            self._bus.publish(self._channel, news)
        return news is not None

    def _asked(self, message: bytes) -> None:
        """Tell everything, to the one who asked: at the end of the loop turn, once however often he asked in it."""
        asker = message.decode(errors="replace")[:64]
        if len(self._askers) < MAX_ASKERS:
            if not self._askers:
                asyncio.get_running_loop().call_soon(self._answer)
            self._askers.add(asker)

    def _answer(self) -> None:
        askers, self._askers = self._askers, set()
        everything = self._source.everything()
        for asker in askers:
            self._bus.publish(f"{self._channel}:{asker}", everything)

    async def keep(self) -> None:
        """For ever: look at what changes without being touched."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Tell what changed since the last look, or that nothing did; now and then look through everything."""
        self._looks += 1
        if self._looks % SWEEP == 0:
            await self._sweep()
        self._offer_shared()
        self._quiet = 0 if self._tell() else self._quiet + 1
        if self._quiet >= BEAT:
            self._quiet = 0
            self._bus.publish(self._channel, self._source.beat())

    def _offer_shared(self) -> None:
        """Offer what is the same for all, and little."""
        queues = list(self._picture.queues)
        for key in ("site", *(f"queue:{one}" for one in queues)):
            self._offer(key)
        self._source.offer("figures", mirror.pack_figures(self._figures, queues, self._clock.now()))

    async def _sweep(self) -> None:
        """Offer every thing there is, and take back what is gone, a slice per loop turn."""
        keys = set(mirror.keys_of(self._picture))
        for kind in ("agent", "item", "queue"):
            keys |= self._source.keys(kind)
        for number, key in enumerate(keys, start=1):
            self._offer(key)
            if number % SLICE == 0:
                self._tell()
                await asyncio.sleep(0)
        self._tell()


class PictureReceiver:
    """Keeps a picture as the sender's is. ``process`` names this one among the receivers."""

    def __init__(self, bus: Bus, replica: Replica, site_id: SiteId, process: str, clock: Clock) -> None:
        self.is_current = False
        """Whether the picture is the router's of a moment ago."""
        self.arrived = asyncio.Event()
        """Set when there is a picture for the first time."""
        self.on_site: Callable[[], None] = lambda: None
        """Called when what there is once has come, or changed."""
        self._bus = bus
        self._replica = replica
        self._process = process
        self._clock = clock
        self._channel = channel_of(site_id)
        self._heard_at = 0.0
        self._asked_at = -ASK_EVERY

    def start(self) -> None:
        """From now on hear, and ask for everything each time the bus is there again."""
        self._bus.subscribe(self._channel, self._hear)
        self._bus.subscribe(f"{self._channel}:{self._process}", self._hear)
        self._bus.on_restored(self._ask)

    def _ask(self) -> None:
        self._asked_at = _time()
        self._bus.publish(f"{self._channel}:asks", self._process.encode())

    def _hear(self, message: bytes) -> None:
        replica = self._replica
        try:
            if not self.is_current and not mirror.is_everything(message):
                raise Gap  # after a silence nothing less will do
            touched = replica.apply(message)
        except Gap:
            self._ask_again()
            return
        except msgspec.DecodeError:
            log.warning("picture-not-understood", bytes=len(message))  # a sender of another version
            return
        if touched is None:
            return  # no sign of life: who sent it may have been replaced
        self._heard_at = _time()
        if replica.site is not None:
            self.is_current = True
            if any(key.startswith("link:") for key in touched):
                self.on_site()
            self.arrived.set()
        for key in touched:
            replica.picture.touch(key)

    def _ask_again(self) -> None:
        if _time() - self._asked_at >= ASK_EVERY:
            self._ask()

    async def keep(self) -> None:
        """For ever: notice silence, and ask until it ends."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.look()

    def look(self) -> None:
        """Notice that nothing was heard for long; ask as long as that lasts."""
        silence = _time() - self._heard_at
        if self.is_current and silence > SILENT_TIME:
            self._went_away()
        if silence > FORGET_TIME:
            self._replica.forget_sender()
        if not self.is_current:
            self._ask_again()

    def _went_away(self) -> None:
        log.warning("router-away", epoch=self._replica.epoch, seq=self._replica.seq)
        self.is_current = False
        picture, now = self._replica.picture, self._clock.now()
        for server_id, link in picture.links.items():
            picture.links[server_id] = replace(link, up=False, reason=AWAY, since=now)
            picture.touch(f"link:{server_id}")


def _time() -> float:
    """Return the loop's own time: nobody sets it."""
    return asyncio.get_running_loop().time()


def receiver_of(
    bus: Bus, picture: Picture, site_id: SiteId, process: str, clock: Clock
) -> tuple[PictureReceiver, ShownFigures]:
    """Return what keeps ``picture``, and the figures that go with it."""
    figures = ShownFigures(clock.now())
    return PictureReceiver(bus, Replica(picture, figures), site_id, process, clock), figures
