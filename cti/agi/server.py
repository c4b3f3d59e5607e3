"""The FastAGI server of one PBX: each connection is one session in a bounded set, run by the handler of its path.

The flow's handler starts as soon as the request block is whole, with no command sent before. Whatever goes wrong in a
session, the caller does not pay: the session sets CC_NEXT=fallback when it still can, else the connection just closes,
and the dialplan takes an unset CC_NEXT for the fallback too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self, cast

import structlog

from contactcenter.core.errors import ContactCenterError, Invalid, Unavailable
from contactcenter.core.ids import ServerId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions.ports import CallEnded, CallSession
from cti.agi.protocol import AgiProtocol, Request
from cti.agi.session import AgiSession
from cti.dialplan_names import VAR_NEXT

log = structlog.get_logger(__name__)

Handler = Callable[[CallSession], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """Bounds of one server; times in seconds."""

    sessions: int = 2000
    request_time: float = 3.0
    session_time: float = 1800.0
    backlog: int = 512


@dataclass(slots=True)
class AgiCounts:
    """What the server has seen since its start."""

    sessions: int = 0
    refused: int = 0
    malformed: int = 0
    failed: int = 0


class AgiServer:
    """Listens for one PBX; ``handlers`` maps a script's path (``/ivr``) to what runs its sessions."""

    def __init__(
        self,
        server_id: ServerId,
        handlers: Mapping[str, Handler],
        tasks: TaskSupervisor,
        limits: AgiLimits | None = None,
    ) -> None:
        self.server_id = server_id
        self.counts = AgiCounts()
        self.limits = limits or AgiLimits()
        self._handlers = dict(handlers)
        self._tasks = tasks
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def active(self) -> int:
        """Number of connections open now."""
        return len(self._connections)

    @property
    def port(self) -> int:
        """The port listened on (of use when started with port 0)."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Begin to listen.

        Raises:
            Unavailable: ``agi-port-unavailable``: the port is in use or not ours to take.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self), host, port, backlog=self.limits.backlog, reuse_address=True
            )
        except OSError as error:
            raise Unavailable("agi-port-unavailable", {"host": host, "port": port, "reason": str(error)}) from error

    async def close(self) -> None:
        """Stop listening and end every session; their callers go to the fallback."""
        if self._server is not None:
            self._server.close()
        ended = [connection.cut() for connection in list(self._connections)]
        await asyncio.gather(*(task for task in ended if task is not None), return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    # ---------------------------------------------------------------- what connections ask of their server

    def _admit(self, connection: "_Connection") -> bool:
        if len(self._connections) >= self.limits.sessions:
            self.counts.refused += 1
            log.error("agi-sessions-full", limit=self.limits.sessions)
            return False
        self._connections.add(connection)
        return True

    def _release(self, connection: "_Connection") -> None:
        self._connections.discard(connection)

    def _begin(self, session: AgiSession, path: str, done: Callable[[], None]) -> asyncio.Task[None]:
        self.counts.sessions += 1
        return self._tasks.spawn("agi-session", self._serve(session, path, done))

    async def _serve(self, session: AgiSession, path: str, done: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(self.limits.session_time):
                await self._handle(session, path)
        except CallEnded:
            pass
        except Exception as error:  # noqa: BLE001 - one session is one message of the server's inbox (STYLE)
            self.counts.failed += 1
            _log_failure(session, path, error)
            await _to_fallback(session)
        finally:
            done()

    async def _handle(self, session: AgiSession, path: str) -> None:
        handler = self._handlers.get(path)
        if handler is None:
            raise Invalid("agi-unknown-script", {"path": path})
        await handler(session)


class _Connection(asyncio.Protocol):
    """One socket: bytes to events, events to its session. Ends when the session's task is done."""

    def __init__(self, server: AgiServer) -> None:
        self._server = server
        self._protocol = AgiProtocol()
        self._transport: asyncio.Transport | None = None
        self._session: AgiSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio and uvloop set TCP_NODELAY on every TCP transport by themselves (asserted by a test).
        self._transport = wire = cast(asyncio.Transport, transport)  # uvloop's are not instances of asyncio's class
        if not self._server._admit(self):
            wire.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._server.limits.request_time, self._late)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._protocol.receive(data):
                if isinstance(event, Request):
                    self._start(event)
                elif self._session is not None:
                    self._session.on_event(event)
        except Invalid as error:
            self._server.counts.malformed += 1
            log.warning("agi-malformed", code=error.code)
            self._abort(error)

    def _start(self, request: Request) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._session = AgiSession(self._server.server_id, request, self._write)
        self._task = self._server._begin(self._session, request.path, self._close)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _late(self) -> None:
        log.warning("agi-request-late", limit=self._server.limits.request_time)
        self._abort(Unavailable("agi-timeout"))

    def _abort(self, reason: Exception) -> None:
        if self._session is not None:
            self._session.end(reason)
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server._release(self)
        if self._session is not None:
            self._session.end(Unavailable("agi-connection-lost"))

    def cut(self) -> asyncio.Task[None] | None:
        """End the session from our side; the PBX sees the connection close."""
        self._abort(Unavailable("agi-server-closed"))
        if self._task is not None:
            self._task.cancel()
        return self._task


def _log_failure(session: AgiSession, path: str, error: Exception) -> None:
    if isinstance(error, ContactCenterError | TimeoutError):
        log.warning("agi-session-failed", leg_id=session.leg_id, path=path, error=str(error))
    else:
        log.error("agi-session-failed", leg_id=session.leg_id, path=path, exc_info=error)


async def _to_fallback(session: AgiSession) -> None:
    try:
        await session.set_variable(VAR_NEXT, "fallback")
    except (CallEnded, ContactCenterError):
        log.info("agi-fallback-unset", leg_id=session.leg_id)
