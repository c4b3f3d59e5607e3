"""The bus between processes, by Redis or Valkey pub/sub. Imported only where a server's URL is given.

Two connections, one to speak and one to hear, since a connection that hears may say nothing else. They live and die
together: whatever goes wrong with either ends both, the bus is degraded until both are there again, and only then are
listeners told. redis-py connects again by itself when told to send on a lost connection, which would hide that messages
were missed: here no connection is used a second time.

A server that stands still looks like a quiet one: both connections are pinged, and silence is a loss.
https://redis.io/docs/latest/develop/interact/pubsub/ ; channels are one space for all databases of a server.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog
from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from contactcenter.core.bus import CLOSED, CUT, Bus, Outbox
from contactcenter.core.errors import Invalid
from contactcenter.core.tasks import TaskSupervisor

log = structlog.get_logger(__name__)

CONNECT_TIME: Final = 2.0  # seconds, until both connections are there and subscribed
PING_TIME: Final = 2.0  # seconds from ping to ping; no answer to one until the next is a loss
RETRY_PAUSE: Final = 0.5
CLOSE_TIME: Final = 1.0  # seconds for what is queued; the end itself takes less
BATCH: Final = 262_144  # bytes sent in one go
IN_ONE_TURN: Final = 64  # messages heard before others of the loop have their turn
_TICKS: Final = 10

_FAULTS: Final = (RedisError, OSError, TimeoutError, ValueError)
"""Whatever redis-py raises for a server that is away or none, TLS and words that are not Redis among them."""


class _Wire:
    """One connection, used once. Owns what waits to be sent beside messages, and knows when it last heard anything."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._transport: asyncio.WriteTransport | None = None
        self._words: list[bytes] = []
        self._wake = asyncio.Event()
        self.heard_at = -math.inf

    async def connect(self) -> None:
        await self._connection.connect()  # type: ignore[no-untyped-call]
        if self._connection._writer is not None:
            self._transport = self._connection._writer.transport

    def pack(self, *words: str | bytes) -> list[bytes]:
        return self._connection.pack_command(*words)

    def say(self, *words: str | bytes) -> None:
        """Send a command soon, before any message that waits."""
        self._words += self.pack(*words)
        self.wake()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    async def write(self, more: Callable[[], Sequence[bytes]]) -> None:
        """For ever: send what was said and what ``more`` hands out."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while words := [*self._words, *more()]:
                self._words.clear()
                await self.send(words)

    async def send(self, words: list[bytes]) -> None:
        if not self._connection.is_connected:
            raise RedisConnectionError("Connection lost.")
        await self._connection.send_packed_command(words, check_health=False)

    async def read(self) -> Any:
        answer = await self._connection.read_response()
        self.heard_at = asyncio.get_running_loop().time()
        return answer

    async def ask(self, *words: str | bytes) -> Any:
        """Send a command and return its answer; only before anything else is under way."""
        await self.send(self.pack(*words))
        return await self.read()

    async def drop(self) -> None:
        """End it now, by a reset: what a frozen server has not taken yet is not to come after what is newer."""
        if self._transport is not None:
            self._transport.abort()
        with contextlib.suppress(*_FAULTS):
            await self._connection.disconnect(nowait=True)


class RedisBus(Bus):
    """One process's end of a bus on a Redis server. Raises Invalid ``redis-url-invalid``, without quoting the URL."""

    def __init__(self, url: str, tasks: TaskSupervisor) -> None:
        super().__init__()
        self._kind, self._options = _options(url)
        self._tasks = tasks
        self._outbox = Outbox()
        self._unanswered = 0  # messages sent whose receipt the server has not confirmed
        self._unconfirmed = 0  # subscriptions
        self._speaking: _Wire | None = None
        self._hearing: _Wire | None = None
        self._is_idle = asyncio.Event()
        self._told = ""
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self.degraded = "connecting"
        self._task = self._tasks.keep("bus", self._run, RETRY_PAUSE)

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                while not self.degraded and (self._outbox or self._unanswered):
                    self._is_idle.clear()
                    await self._is_idle.wait()
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_TIME / 2)
        self._cut_off(CLOSED)

    def publish(self, channel: str, message: bytes) -> None:
        if self._speaking is None or self._task is None or not self._outbox.put(channel, message):
            self.lost += 1
        else:
            self._speaking.wake()

    def _joined(self, channel: str) -> None:
        if self._hearing is not None:
            self._unconfirmed += 1
            self._hearing.say("SUBSCRIBE", channel)

    def _left(self, channel: str) -> None:
        if self._hearing is not None:
            self._hearing.say("UNSUBSCRIBE", channel)

    async def _run(self) -> None:
        """One pair of connections after the other, until cancelled."""
        while True:
            try:
                await self._session()
            except _FAULTS as error:
                self._away(error)
            await asyncio.sleep(RETRY_PAUSE)

    async def _session(self) -> None:
        speaking, hearing = _Wire(self._connection()), _Wire(self._connection())
        try:
            async with asyncio.timeout(CONNECT_TIME):
                await speaking.connect()
                await speaking.ask("PING")  # a server that stands still takes connections too
                asked = await self._listen(hearing)
            self._speaking, self._hearing, self._told = speaking, hearing, ""
            for channel in asked - self._listeners.keys():
                self._left(channel)
            log.info("bus-restored", lost=self.lost)
            self._restored()
            await self._until_one_ends(
                speaking.write(self._batch),
                hearing.write(list),
                self._receipts(speaking),
                self._hear(hearing),
                _watch(speaking, hearing),
            )
        finally:
            self._cut_off(CUT)
            await speaking.drop()
            await hearing.drop()

    async def _until_one_ends(self, *loops: Coroutine[Any, Any, None]) -> None:
        """Run all until one fails, and raise that.

        No TaskGroup: in Python 3.11 its failure leaves the task marked as cancelled, and the next time limit does not
        end as one; and a cancellation that meets a failure is lost.
        """
        tasks = [self._tasks.spawn("bus", _fault_of(loop)) for loop in loops]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in ended:
            if not task.cancelled() and task.exception() is None:  # anything else the supervisor tells
                raise task.result()

    async def _listen(self, hearing: _Wire) -> set[str]:
        """Connect and subscribe to all; returns what is in force. What is heard meanwhile counts as missed."""
        await hearing.connect()
        asked: set[str] = set()
        while True:
            new = self._listeners.keys() - asked
            words = [word for channel in new for word in hearing.pack("SUBSCRIBE", channel)]
            await hearing.send([*words, *hearing.pack("PING")])
            while not _is_pong(await hearing.read()):
                pass
            asked |= new
            if asked >= self._listeners.keys():
                return asked

    def _batch(self) -> list[bytes]:
        """Hand out what is to be sent now: nothing while a subscription is not in force, the answer could be missed."""
        if self._unconfirmed or self._speaking is None:
            return []
        taken = self._outbox.take(BATCH)
        self._unanswered += len(taken)
        return [word for channel, message in taken for word in self._speaking.pack("PUBLISH", channel, message)]

    async def _receipts(self, speaking: _Wire) -> None:
        while True:
            if isinstance(await speaking.read(), int):  # how many heard it; else it is a pong
                self._unanswered -= 1
                if not self._unanswered:
                    self._is_idle.set()

    async def _hear(self, hearing: _Wire) -> None:
        count = 0
        while True:
            answer = await hearing.read()
            if not isinstance(answer, list):
                continue
            if answer[0] == b"message":
                self._deliver(answer[1].decode(), answer[2])
                count += 1
                if count % IN_ONE_TURN == 0:
                    await asyncio.sleep(0)
            elif answer[0] == b"subscribe":
                self._unconfirmed -= 1
                if self._speaking is not None:
                    self._speaking.wake()

    def _cut_off(self, reason: str) -> None:
        """Nothing is carried from now on; what was on its way counts as lost."""
        self.degraded = reason
        self._speaking = self._hearing = None
        self.lost += self._unanswered + len(self._outbox.take())
        self._unanswered = self._unconfirmed = 0
        self._is_idle.set()

    def _away(self, error: BaseException) -> None:
        text = str(error) or (f"no answer within {CONNECT_TIME:g} s" if isinstance(error, TimeoutError) else "")
        password = str(self._options.get("password") or "")
        if password:  # a server that does not know a command may quote it
            text = text.replace(password, "***")
        self.degraded = f"{type(error).__name__}: {text}"
        if self.degraded != self._told:
            self._told = self.degraded
            log.warning("bus-away", reason=self.degraded, lost=self.lost)

    def _connection(self) -> AbstractConnection:
        return self._kind(**self._options)


async def _watch(*wires: _Wire) -> None:
    """Ping all, for ever. Raises TimeoutError when one stays silent until the next ping.

    Time is counted in ticks, each after a turn of the loop: a process that stood still itself then hears what came.
    """
    loop = asyncio.get_running_loop()
    while True:
        asked_at = loop.time()
        for wire in wires:
            wire.say("PING")
        for _ in range(_TICKS):
            await asyncio.sleep(PING_TIME / _TICKS)
        if any(wire.heard_at < asked_at for wire in wires):
            raise TimeoutError(f"no answer within {PING_TIME:g} s")


async def _fault_of(loop: Coroutine[Any, Any, None]) -> BaseException:
    """Return the expected fault by which an endless loop ended."""
    try:
        await loop
    except _FAULTS as error:
        return error
    raise AssertionError("an endless loop ended")


def _options(url: str) -> tuple[type[AbstractConnection], dict[str, Any]]:
    try:
        options: dict[str, Any] = {**parse_url(url)}
        kind = options.pop("connection_class", Connection)
        options |= {
            "socket_timeout": None,  # the pings see to that, and CONNECT_TIME
            "socket_connect_timeout": None,
            "retry": Retry(NoBackoff(), 0),
            "retry_on_timeout": False,
            "retry_on_error": [],
            "health_check_interval": 0,
            "decode_responses": False,
            "protocol": 2,
            "driver_info": None,
        }
        kind(**options)
    except (ValueError, TypeError, RedisError):
        raise Invalid("redis-url-invalid") from None  # the cause may quote the password
    return kind, options


def _is_pong(answer: object) -> bool:
    return answer == b"PONG" or (isinstance(answer, list) and answer[:1] == [b"pong"])
