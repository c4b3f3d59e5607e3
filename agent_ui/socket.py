"""The page's socket: one reader, one writer, a bounded outbox between hub and wire.

Authorised at the handshake (route) and again for every command: who holds the session is asked anew, so a revoked one
stops at once. What is not a frame of the protocol ends the connection with a reason, never with a traceback.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from aiohttp import WSMsgType, web

from agent_ui import commands, protocol
from agent_ui.hub import DESKTOP, LIVE, Hub, Page
from contactcenter.core.clock import Clock
from contactcenter.core.errors import ContactCenterError, Forbidden, Unauthenticated
from contactcenter.core.permissions import Principal, Right, require
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.core.web.access import Identity, Services

log = structlog.get_logger(__name__)

HELLO_TIME: Final = 10.0
CLOSE_TIME: Final = 2.0
ASK_EVERY: Final = 60.0
MAX_UNDER_WAY: Final = 32
_CLOSE_CODES: Final = {
    "replaced": protocol.CLOSE_REPLACED,
    "slow": protocol.CLOSE_SLOW,
    "signed-out": protocol.CLOSE_SIGNED_OUT,
    "protocol": protocol.CLOSE_PROTOCOL,
}
_PAGES: Final = {DESKTOP: Right.DESK, LIVE: Right.LIVE_VIEW}

WhoIs = Callable[[], Awaitable[Identity]]
"""Asks anew who holds the session or token of this socket; raises Unauthenticated when it is over."""
PageSettings = Callable[[Principal], Awaitable[dict[str, Any]]]


class SocketServer:
    """Serves the sockets of all pages."""

    def __init__(
        self, hub: Hub, services: Services, settings: PageSettings, clock: Clock, tasks: TaskSupervisor
    ) -> None:
        self._hub = hub
        self._services = services
        self._settings = settings
        self._clock = clock
        self._tasks = tasks

    async def serve(self, request: web.Request, who_is: WhoIs) -> web.WebSocketResponse:
        """Run one socket from handshake to close."""
        wire = web.WebSocketResponse(max_msg_size=protocol.MAX_FRAME, compress=False, autoping=True, timeout=CLOSE_TIME)
        await wire.prepare(request)
        page = await self._greet(wire, who_is)
        if page is None:
            return wire
        writer = self._tasks.spawn("socket-writer", _write(wire, page))
        watch = self._tasks.spawn("socket-watch", _cut_off(request, page, writer))
        asking = self._tasks.spawn("socket-identity", self._keep_identity(page, who_is))
        try:
            await self._read(wire, page, who_is)
        finally:
            self._hub.closed(page)
            asking.cancel()
            page.close("restart")
            await asyncio.wait([writer], timeout=CLOSE_TIME)
            writer.cancel()
            watch.cancel()
        return wire

    async def _greet(self, wire: web.WebSocketResponse, who_is: WhoIs) -> Page | None:
        """Wait for the hello; anything else, or nothing for a while, ends the connection."""
        try:
            async with asyncio.timeout(HELLO_TIME):
                frame = await wire.receive()
            hello = protocol.decode(frame.data) if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY) else None
            if not isinstance(hello, protocol.Hello) or hello.page not in _PAGES or hello.protocol != protocol.PROTOCOL:
                raise msgspec.DecodeError("hello of this protocol expected")
            settings = await self._settings(require_page((await who_is()).principal, hello.page))
            identity = await who_is()  # asked last: nothing lies between the answer and the page that hears of its end
            principal = require_page(identity.principal, hello.page)
            return self._hub.open(principal, hello, settings, identity.session_id or identity.token_id)
        except (TimeoutError, msgspec.DecodeError):
            await _refuse(wire, "protocol")
        except (Forbidden, Unauthenticated):
            await _refuse(wire, "signed-out")
        return None

    async def _keep_identity(self, page: Page, who_is: WhoIs) -> None:
        """Until the page goes: ask who he is; an end nobody told of, and other teams and rights, take effect."""
        while not page.goodbye:
            await asyncio.sleep(ASK_EVERY)
            try:
                principal = require_page((await who_is()).principal, page.name)
                if principal != page.principal:
                    self._hub.identified(page, principal, await self._settings(principal))
            except (Forbidden, Unauthenticated):
                page.close("signed-out")

    async def _read(self, wire: web.WebSocketResponse, page: Page, who_is: WhoIs) -> None:
        under_way: set[asyncio.Task[Any]] = set()
        async for frame in wire:
            page.seen_at = self._clock.timestamp()
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            try:
                message = protocol.decode(frame.data)
            except msgspec.DecodeError:
                page.close("protocol")
                continue
            if isinstance(message, protocol.Ping):
                page.send(protocol.Pong(message.sent, _iso(self._clock)))
            elif isinstance(message, protocol.Command) and len(under_way) < MAX_UNDER_WAY:
                task = self._tasks.spawn("socket-command", self._command(page, message, who_is))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            elif isinstance(message, protocol.Command):
                page.send(protocol.Reply(message.id, ok=False, error=protocol.Failure("rate-limited")))
            else:
                page.close("protocol")

    async def _command(self, page: Page, command: protocol.Command, who_is: WhoIs) -> None:
        """Carry one command out in its turn, or an older note could be stored after a newer one."""
        async with page.turn:
            await self._carry_out(page, command, who_is)

    async def _carry_out(self, page: Page, command: protocol.Command, who_is: WhoIs) -> None:
        try:
            principal = (await who_is()).principal
            data = await commands.carry_out(self._services, principal, command.name, command.data)
            page.send(protocol.Reply(command.id, ok=True, data=data))
        except Unauthenticated:
            page.close("signed-out")
        except ContactCenterError as error:
            page.send(protocol.Reply(command.id, ok=False, error=protocol.Failure(error.code, error.fields)))
        except Exception:
            log.exception("command-failed", command=command.name)
            page.send(protocol.Reply(command.id, ok=False, error=protocol.Failure("internal")))


def require_page(principal: Principal, name: str) -> Principal:
    """Return the principal if he may open the page. Raises Forbidden."""
    require(principal, _PAGES[name])
    return principal


async def _write(wire: web.WebSocketResponse, page: Page) -> None:
    """Send what is in the outbox until the page is told to go; a wire that breaks ends it."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            while page.outbox:
                await wire.send_frame(page.outbox.popleft(), WSMsgType.TEXT)
            if page.goodbye:
                await wire.close(code=_CLOSE_CODES.get(page.goodbye, 1001), message=page.goodbye.encode())
                return
            page.wake.clear()
            await page.wake.wait()


async def _cut_off(request: web.Request, page: Page, writer: "asyncio.Task[Any]") -> None:
    """End a connection whose page was told to go and does not read even that: its writer waits in a full socket."""
    await page.gone.wait()
    await asyncio.wait([writer], timeout=CLOSE_TIME)
    if not writer.done() and request.transport is not None:
        request.transport.abort()


async def _refuse(wire: web.WebSocketResponse, reason: str) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        await wire.send_str(protocol.encode(protocol.Goodbye(reason)).decode())
        await wire.close(code=_CLOSE_CODES[reason], message=reason.encode())


def _iso(clock: Clock) -> str:
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
