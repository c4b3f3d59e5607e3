"""The AMI client: a thin asyncio shell over the codec and the link's machine, one object per Asterisk server.

It connects, logs in, waits for FullyBooted, hands every message to one callback in order, writes actions at once and
matches answers. It knows nothing of calls. What it never does: send an action a second time, run callbacks out of
order, or live on after ``close``. Why not panoramisk: docs/decisions/0002-own-ami-client.md.
"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import structlog

from contactcenter.core.errors import Invalid, Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti.ami.codec import Decoder, Fields, Message, encode_action
from cti.ami.in_flight import InFlight, ListHandler
from cti.ami.link import AUTH_FAILED, Due, Link, LinkState, LinkTiming, Signal

log = structlog.get_logger(__name__)

T = TypeVar("T")
Response = Message
OnMessage = Callable[[Message], None]
OnState = Callable[[LinkState, str], None]

_ALWAYS_WANTED = ("FullyBooted", "Shutdown")
_BANNER = "Asterisk Call Manager"
_CLOSE_TIME = 1.0
"""Seconds a polite end may take; a frozen PBX does not read our Logoff."""


@dataclass(frozen=True, slots=True)
class AmiSettings:
    """Where and as whom to log in. ``max_outbox`` bytes may wait for a PBX that does not read; above, Unavailable."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    tls: ssl.SSLContext | None = None
    action_timeout: float = 5.0
    max_outbox: int = 1_048_576
    timing: LinkTiming = field(default_factory=LinkTiming)


@dataclass(slots=True)
class Stats:
    """Counters since the client was made."""

    messages: int = 0
    callback_failures: int = 0
    connects: int = 0
    losses: int = 0


class AmiClient:
    """One link to one Asterisk; made in the running loop, whose thread makes every call.

    ``on_message`` gets every event that answers no list action, in the order of the bytes, in the loop turn in which
    they arrived; when it raises, that is logged and counted and the next message follows. It must not block.
    ``on_state(state, reason)`` is called at every change of state; after LIVE the owner takes its picture
    (CoreShowChannels) and only then calls the link live to others. ``wanted`` names the events to decode, None all.
    """

    def __init__(
        self,
        settings: AmiSettings,
        *,
        on_message: OnMessage,
        on_state: OnState,
        tasks: TaskSupervisor,
        rng: random.Random,
        wanted: Iterable[str] | None = None,
    ) -> None:
        """Raise Invalid when the user name or the secret cannot be sent."""
        self._settings = settings
        self._on_message = on_message
        self._on_state = on_state
        self._tasks = tasks
        self._wanted = None if wanted is None else frozenset((*wanted, *_ALWAYS_WANTED))
        self._loop = asyncio.get_running_loop()
        self._link = Link(settings.timing, rng, self._loop.time())
        self._id_prefix = f"cc-{rng.getrandbits(32):08x}-"
        self._id_count = 0
        self._login_id = self._ping_id = ""
        self._wire: _Wire | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.in_flight = InFlight(self._loop)
        self.stats = Stats()
        self._login("check")

    @property
    def state(self) -> LinkState:
        """Where the link stands."""
        return self._link.state

    @property
    def decoder(self) -> Decoder | None:
        """The present connection's decoder, for its counters; None while there is no connection."""
        return self._wire.decoder if self._wire else None

    @property
    def reason(self) -> str:
        """Why the link was lost last; '' while it is live."""
        return self._link.reason

    def silent_for(self) -> float:
        """Seconds since the last byte, meaningful while the link is booting or live."""
        return self._link.silent_for(self._loop.time())

    def start(self) -> None:
        """Begin to connect; repeats until ``close``."""
        if self._timer is None and self.state is LinkState.DISCONNECTED:
            self._tick()

    async def close(self) -> None:
        """End the link for good: log off, fail what is on its way, never reconnect. Idempotent."""
        if self.state is LinkState.CLOSED:
            return
        wire, self._wire = self._wire, None
        self._step(Signal.CLOSED, "closed")
        self.in_flight.lose("closed")
        if wire is not None:
            await wire.end(encode_action("Logoff", {}, self._next_id()))
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.wait([self._dialling])

    # ------------------------------------------------------------------ actions

    def send(
        self, action: str, fields: Fields, *, action_id: str | None = None, timeout: float | None = None
    ) -> asyncio.Future[Response]:
        """Write one action now and return the future of its answer.

        The action is never written again. ``action_id`` (unique among those on their way) is echoed by Asterisk in the
        answer and in events such as OriginateResponse; default: one of ours. ``timeout``: seconds, else the settings'.
        The future raises ActionFailed (Asterisk refused) or OutcomeUnknown (time over or link lost: reconcile).

        Raises:
            Invalid: the action cannot be encoded, nothing was written.
            Unavailable: the link is not live, nothing was written.
        """
        return self.send_many([(action, fields)], action_ids=[action_id], timeout=timeout)[0]

    def send_many(
        self,
        actions: Sequence[tuple[str, Fields]],
        *,
        action_ids: Sequence[str | None] | None = None,
        timeout: float | None = None,
    ) -> list[asyncio.Future[Response]]:
        """Write several actions in one go, in order; all are checked before any is written. Otherwise as ``send``."""
        ids = [given or self._next_id() for given in (action_ids or [None] * len(actions))]
        self._write([(name, fields, one) for (name, fields), one in zip(actions, ids, strict=True)])
        limit = self._settings.action_timeout if timeout is None else timeout
        return [self.in_flight.expect(name, one, limit) for (name, _), one in zip(actions, ids, strict=True)]

    def collect(
        self,
        action: str,
        fields: Fields,
        until_event: str,
        *,
        timeout: float | None = None,
        on_complete: ListHandler | None = None,
    ) -> asyncio.Future[list[Message]]:
        """Write a list action (CoreShowChannels) now; the future holds its events up to, without, ``until_event``.

        These events do not reach ``on_message``. ``on_complete`` is called with them at the very place of the message
        order where the list ended, before any later event. ``timeout`` is for the whole list. Errors as ``send``.
        """
        action_id = self._next_id()
        self._write([(action, fields, action_id)])
        limit = self._settings.action_timeout if timeout is None else timeout
        return self.in_flight.expect_list(action, action_id, limit, until_event, on_complete)

    def _write(self, actions: Sequence[tuple[str, Fields, str]]) -> None:
        ids = {action_id for _, _, action_id in actions}
        if len(ids) < len(actions) or any(action_id in self.in_flight for action_id in ids):
            raise Invalid("ami-action-id-in-use")
        data = b"".join([encode_action(*action) for action in actions])
        if self._wire is None or self.state is not LinkState.LIVE:
            raise Unavailable("pbx-unavailable", {"state": str(self.state), "reason": self.reason})
        if self._wire.transport.get_write_buffer_size() + len(data) > self._settings.max_outbox:
            raise Unavailable("pbx-not-reading")
        self._wire.transport.write(data)

    def _next_id(self) -> str:
        self._id_count += 1
        return f"{self._id_prefix}{self._id_count}"

    # ------------------------------------------------------------------ messages

    def _received(self, wire: "_Wire", data: bytes) -> None:
        if wire is not self._wire:
            return  # a late read of a link already given up
        self._link.heard(self._loop.time())
        for message in wire.decoder.feed(data):
            self._take(message)
            if wire is not self._wire:
                return  # refused, or a callback closed the client
        if not self._login_id and wire.decoder.banner is not None:
            self._greeted(wire, wire.decoder.banner)

    def _greeted(self, wire: "_Wire", banner: str) -> None:
        if not banner.startswith(_BANNER):
            self._lose("not-ami")
            return
        self._login_id = self._next_id()
        wire.transport.write(self._login(self._login_id))

    def _login(self, action_id: str) -> bytes:
        fields = {"Username": self._settings.username, "Secret": self._settings.secret, "Events": "on"}
        return encode_action("Login", fields, action_id)

    def _take(self, message: Message) -> None:
        self.stats.messages += 1
        if message.is_response:
            self._answered(message)
        else:
            self._deliver(self._event, message)
        if message.kind == "FullyBooted" and self.state is LinkState.BOOTING:
            self._step(Signal.BOOTED)

    def _event(self, message: Message) -> None:
        if not self.in_flight.listed(message):
            self._on_message(message)

    def _answered(self, message: Message) -> None:
        action_id = message.get("ActionID")
        if action_id and action_id == self._ping_id:
            self._link.ponged()
            self._arm()  # the next ping is due before the limit this one had: a tick that late were taken for our stall
        elif action_id and action_id == self._login_id:
            self._logged_in(message.get("Response") == "Success")
        else:
            self.in_flight.answered(message)

    def _logged_in(self, is_success: bool) -> None:
        if not is_success:
            self._lose(AUTH_FAILED)
        elif self.state is LinkState.LOGGING_IN:
            self._step(Signal.LOGGED_IN)

    def _deliver(self, callback: Callable[[T], None], argument: T) -> None:
        try:
            callback(argument)
        except Exception:  # per message in an inbox loop: one bad message must not cost the link
            self.stats.callback_failures += 1
            log.exception("ami-callback-failed", host=self._settings.host)

    # ------------------------------------------------------------------ link

    def _tick(self) -> None:
        """Do what is due and arm the one timer for the next deadline."""
        self._timer = None
        due, reason = self._link.due(self._loop.time())
        if due is Due.DIAL:
            self._step(Signal.DIALLED)
            self._dialling = self._tasks.spawn("ami-dial", self._dial())
        elif due is Due.DROP:
            self._lose(reason)
        elif due is Due.PING:
            self._ping()
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._link.deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._tick)

    def _ping(self) -> None:
        self._link.pinged(self._loop.time())
        self._ping_id = self._next_id()
        if self._wire is not None:
            self._wire.transport.write(encode_action("Ping", {}, self._ping_id))

    async def _dial(self) -> None:
        host, port, tls = self._settings.host, self._settings.port, self._settings.tls
        try:
            await self._loop.create_connection(lambda: _Wire(self, Decoder(self._wanted)), host, port, ssl=tls)
        except OSError as error:
            log.info("ami-connect-failed", host=host, port=port, error=str(error))
            self._dialling = None
            self._lose("connect-failed")

    def _connected(self, wire: "_Wire") -> None:
        if self.state is not LinkState.CONNECTING:
            wire.transport.abort()
            return
        self._wire, self._login_id, self._ping_id = wire, "", ""
        self.stats.connects += 1
        self._step(Signal.CONNECTED)

    def _disconnected(self, wire: "_Wire") -> None:
        if wire is self._wire:
            self._lose("link-lost")

    def _lose(self, reason: str) -> None:
        """Give the present link up: end its socket, tell every owner of an action, plan the next try."""
        if self.state in (LinkState.DISCONNECTED, LinkState.CLOSED):
            return
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.transport.abort()
        if self._dialling is not None:
            self._dialling.cancel()
        self.stats.losses += 1
        self._step(Signal.LOST, reason)
        self.in_flight.lose(reason)

    def _step(self, signal: Signal, reason: str = "") -> None:
        state = self._link.step(signal, self._loop.time(), reason)
        self._arm()
        log.info("ami-link", host=self._settings.host, port=self._settings.port, state=str(state), reason=self.reason)
        self._deliver(lambda state: self._on_state(state, self.reason), state)


class _Wire(asyncio.Protocol):
    """One connection; thrown away with it, so that nothing of an old link reaches a new one."""

    transport: asyncio.Transport

    def __init__(self, client: AmiClient, decoder: Decoder) -> None:
        self._client = client
        self._ended = asyncio.Event()
        self.decoder = decoder

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._client._connected(self)

    def data_received(self, data: bytes) -> None:
        self._client._received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
        self._client._disconnected(self)

    async def end(self, farewell: bytes) -> None:
        """Close after ``farewell`` was written, by force when the peer does not read it in time."""
        self.transport.write(farewell)
        self.transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _CLOSE_TIME)
        self.transport.abort()
        await self._ended.wait()
