"""Carries messages between the processes of one site: what one says, all who listen hear, each with his own copy.

At most once, and all hear a channel in the same order, which is that of each sender. Whoever is cut off misses what is
said meanwhile and is told when he is back: he then reads the database. The bus never carries truth or decisions; the
database does.

Here: what every bus does with its listeners, and the twin inside one process (the default, and for tests).
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)
Listener = Callable[[bytes], None]

MAX_QUEUED: Final = 10_000
MAX_QUEUED_BYTES: Final = 64_000_000
CLOSED: Final = "not open"
CUT: Final = "cut off"


class Outbox:
    """Messages that wait to go, in order; bounded in number and bytes."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, channel: str, message: bytes) -> bool:
        """Take one more; False when it does not fit."""
        size = len(message)
        if len(self._waiting) >= MAX_QUEUED or self._size + size > MAX_QUEUED_BYTES:
            return False
        self._waiting.append((channel, message))
        self._size += size
        return True

    def take(self, size: int = MAX_QUEUED_BYTES) -> list[tuple[str, bytes]]:
        """Hand out the oldest: up to ``size`` bytes, but at least one when there is one."""
        taken: list[tuple[str, bytes]] = []
        while self._waiting and (not taken or size >= len(self._waiting[0][1])):
            taken.append(self._waiting.popleft())
            size -= len(taken[-1][1])
            self._size -= len(taken[-1][1])
        return taken


class Bus(ABC):
    """One process's end of the bus. Owns its listeners; belongs to the thread of the event loop.

    ``reaches_others``: False where there is one process only, so nobody need publish. ``degraded``: why nothing is
    carried now, '' while all is well; never a secret. ``lost``: messages since the start that were not carried, or of
    which nobody knows; each is one ``publish``.
    """

    reaches_others = True

    def __init__(self) -> None:
        self.degraded = CLOSED
        self.lost = 0
        self._listeners: dict[str, dict[object, Listener]] = {}
        self._on_restored: list[Callable[[], None]] = []

    @abstractmethod
    async def open(self) -> None:
        """Begin to carry. Returns at once, also while the server is away: then ``degraded``, and tried on behind."""

    @abstractmethod
    async def close(self) -> None:
        """Let go what was published, as far as that is quickly done, and end; at most 2 s. Harmless when repeated."""

    @abstractmethod
    def publish(self, channel: str, message: bytes) -> None:
        """Say it to all who listen to ``channel``, in this process too.

        Never waits, never calls a listener itself, never raises for a server that is away. What cannot go now, or does
        not fit into what waits already (10,000 messages, 64 MB), is dropped and counted in ``lost``. Messages are
        small: one that takes seconds to be carried is taken for a frozen server.
        """

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        """Hear what is said on ``channel`` from now on; returns what ends this, at once and harmlessly repeated.

        What this process publishes afterwards, and what others say in answer to that, is heard. A listener that raises
        is logged and harms no other.
        """
        key = object()
        heard = self._listeners.setdefault(channel, {})
        heard[key] = listener
        if len(heard) == 1:
            self._joined(channel)

        def end() -> None:
            if heard.pop(key, None) is not None and not heard:
                del self._listeners[channel]
                self._left(channel)

        return end

    def on_restored(self, listener: Callable[[], None]) -> None:
        """Be told each time the way is there again, the first time too, once all subscriptions are in force.

        What was said before that moment was missed.
        """
        self._on_restored.append(listener)

    def _joined(self, channel: str) -> None:  # noqa: B027 - not every bus needs to know
        """Somebody listens to ``channel`` now, for the first time or again."""

    def _left(self, channel: str) -> None:  # noqa: B027
        """Nobody listens to ``channel`` any more."""

    def _restored(self) -> None:
        self.degraded = ""
        for listener in list(self._on_restored):
            self._call(listener)

    def _deliver(self, channel: str, message: bytes) -> None:
        heard = self._listeners.get(channel, {})
        for key, listener in list(heard.items()):
            if key in heard:  # not ended by one called before
                self._call(listener, message)

    def _call(self, listener: Callable[..., None], *message: bytes) -> None:
        try:
            listener(*message)
        except Exception:
            log.exception("bus-listener-failed", listener=getattr(listener, "__qualname__", ""))


class Exchange:
    """What several ``MemoryBus`` of one process share; each stands for a process, this for the server between them."""

    def __init__(self) -> None:
        self.is_cut = False
        self.members: list[MemoryBus] = []

    def cut(self) -> None:
        """The server is away."""
        self.is_cut = True
        for member in list(self.members):
            member.cut_off()

    def restore(self) -> None:
        """The server is there again."""
        self.is_cut = False
        for member in list(self.members):
            member.come_back()

    def carry(self, channel: str, message: bytes) -> None:
        """Hand a message to every member."""
        for member in list(self.members):
            member.hear(channel, message)


class MemoryBus(Bus):
    """A bus inside one process. Without an ``exchange`` shared with others it reaches nobody else."""

    def __init__(self, exchange: Exchange | None = None) -> None:
        super().__init__()
        self.reaches_others = exchange is not None
        self._exchange = exchange or Exchange()
        self._outbox = Outbox()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._exchange.members.append(self)
        self.degraded = CUT
        if not self._exchange.is_cut:
            self.come_back()

    async def close(self) -> None:
        if self in self._exchange.members:
            self._flush()
            self._exchange.members.remove(self)
        self.degraded = CLOSED

    def publish(self, channel: str, message: bytes) -> None:
        if self.degraded or self._loop is None or not self._outbox.put(channel, message):
            self.lost += 1
        elif len(self._outbox) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        for channel, message in self._outbox.take():
            self._exchange.carry(channel, message)

    def cut_off(self) -> None:
        """The exchange is away; what waits to go is lost."""
        self.degraded = CUT
        self.lost += len(self._outbox.take())

    def come_back(self) -> None:
        """The exchange is there again."""
        assert self._loop is not None
        self._loop.call_soon(self._back)

    def _back(self) -> None:
        if self.degraded == CUT and not self._exchange.is_cut:
            self._restored()

    def hear(self, channel: str, message: bytes) -> None:
        """The exchange brings a message."""
        if not self.degraded:
            self._deliver(channel, message)
