"""The browser phone's WebSocket under our own address: frames go to the PBX's WebSocket and back as they are.

One certificate then serves pages and phone, and the PBX's HTTP port is open to nobody else. Only a signed-in agent who
has a browser phone gets a line, and it ends with his session. The price: a restart of this server ends the connection,
the phone registers anew a second later and media goes on meanwhile; a proxy that leads straight to the PBX has not that
price (docs/install.md).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

import aiohttp
import structlog
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from contactcenter.agents.model import DeviceKind
from contactcenter.agents.service import AgentService
from contactcenter.core.errors import Forbidden, NotFound, RateLimited, Unauthenticated, Unavailable
from contactcenter.core.ids import AgentId, ServerId
from contactcenter.core.permissions import Right, require
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.core.web.access import identify_anew
from contactcenter.core.web.routes import Call, Routes

log = structlog.get_logger(__name__)

SUBPROTOCOL: Final = "sip"  # RFC 7118
MAX_FRAME: Final = 64 * 1024
HEARTBEAT: Final = 20.0  # seconds: a proxy between takes a silent connection for a dead one, and so do we
MAX_LINES: Final = 3  # of one agent: a page that is loaded again may come before its former line is gone
MAX_ENDING: Final = 3  # beside these, lines of his that are being ended
CONNECT_TIME: Final = 5.0
CLOSE_TIME: Final = 2.0
ASK_EVERY: Final = 60.0
STOP_TIME: Final = 1.0  # seconds all lines have to end when the server does; a page that is gone answers no more
SIGNED_OUT: Final = 4401
TOO_MANY: Final = 4429

phone_routes = Routes()
Wire = web.WebSocketResponse | ClientWebSocketResponse


@dataclass(slots=True, eq=False)
class _Line:
    """One open line; ``credential`` is what its holder showed, ``used`` grows with each frame of any line's page."""

    agent_id: AgentId
    credential: str
    request: web.Request
    page: web.WebSocketResponse
    used: int
    is_ending: bool = False


class PhoneLines:
    """The open lines. One too many ends the one of the same agent that was silent longest: a page that is gone."""

    def __init__(self, target: Callable[[ServerId], str], tasks: TaskSupervisor) -> None:
        """``target`` tells a PBX's WebSocket address, '' while there is none."""
        self._target = target
        self._tasks = tasks
        self._lines: set[_Line] = set()
        self._of_agent: Counter[AgentId] = Counter()  # also those that are not open yet
        self._frames = count()
        self._is_closed = False

    @property
    def active(self) -> int:
        """Lines open now."""
        return len(self._lines)

    def close_credential(self, credential: str) -> None:
        """End every line opened with this session or token."""
        for line in self._lines:
            if line.credential == credential:
                self._end(line, SIGNED_OUT, b"signed-out")

    async def close(self) -> None:
        """End every line and take no more: called before the HTTP server waits for its requests to end."""
        self._is_closed = True
        ending = [self._end(line, WSCloseCode.GOING_AWAY, b"restart") for line in self._lines]
        if ending:
            await asyncio.wait(ending, timeout=STOP_TIME)

    def _end(self, line: _Line, code: int, reason: bytes) -> asyncio.Task[None]:
        line.is_ending = True
        return self._tasks.spawn("phone-line-end", _close(line, code, reason))

    def _make_room(self, agent_id: AgentId) -> None:
        """End a line of this agent should he have too many. Raises RateLimited while none of them can go."""
        lines = [line for line in self._lines if line.agent_id == agent_id]
        ending = sum(line.is_ending for line in lines)
        if self._of_agent[agent_id] - ending < MAX_LINES:
            return
        silent = min((line for line in lines if not line.is_ending), key=lambda line: line.used, default=None)
        if silent is None or ending >= MAX_ENDING:
            raise RateLimited("rate-limited", {"retry_after": CLOSE_TIME})
        self._end(silent, TOO_MANY, b"too-many-lines")

    async def serve(
        self, request: web.Request, agent_id: AgentId, server_id: ServerId, credential: str
    ) -> web.WebSocketResponse:
        """Run one line to its end. Raises Unavailable when the PBX does not answer, RateLimited for too many."""
        self._make_room(agent_id)
        self._of_agent[agent_id] += 1
        try:
            async with aiohttp.ClientSession() as session:
                return await self._join(request, await self._reach(session, server_id), agent_id, credential)
        finally:
            self._of_agent[agent_id] -= 1
            if not self._of_agent[agent_id]:
                del self._of_agent[agent_id]

    async def _reach(self, session: aiohttp.ClientSession, server_id: ServerId) -> ClientWebSocketResponse:
        try:
            async with asyncio.timeout(CONNECT_TIME):
                return await session.ws_connect(
                    self._target(server_id),
                    protocols=(SUBPROTOCOL,),
                    max_msg_size=MAX_FRAME,
                    heartbeat=HEARTBEAT,
                    compress=0,
                )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.info("phone-line-not-reached", error=type(error).__name__)
            raise Unavailable("pbx-unavailable") from None

    async def _join(
        self, request: web.Request, pbx: ClientWebSocketResponse, agent_id: AgentId, credential: str
    ) -> web.WebSocketResponse:
        if self._is_closed:
            await pbx.close()
            raise Unavailable("pbx-unavailable")
        page = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=MAX_FRAME, compress=False, timeout=CLOSE_TIME, heartbeat=HEARTBEAT
        )
        await page.prepare(request)
        line = _Line(agent_id, credential, request, page, next(self._frames))
        self._lines.add(line)
        beside = [
            self._tasks.spawn("phone-line", _carry(pbx, page, lambda: None)),
            self._tasks.spawn("phone-line-identity", _keep_identity(request, page)),
        ]
        try:
            await _carry(page, pbx, lambda: self._was_used(line))
        finally:
            self._lines.discard(line)
            for task in beside:
                task.cancel()
        return page

    def _was_used(self, line: _Line) -> None:
        line.used = next(self._frames)


async def _close(line: _Line, code: int, reason: bytes) -> None:
    """Say why, and end it; one that takes nothing any more is cut."""
    try:
        async with asyncio.timeout(CLOSE_TIME):
            await line.page.close(code=code, message=reason)
    except TimeoutError:
        if line.request.transport is not None:
            line.request.transport.abort()


async def _keep_identity(request: web.Request, page: web.WebSocketResponse) -> None:
    """Ask now and then who holds the line: an end nobody told of, and a right that is gone, take effect."""
    while True:
        await asyncio.sleep(ASK_EVERY)
        try:
            require((await identify_anew(request)).principal, Right.DESK)
        except (Forbidden, Unauthenticated):
            await page.close(code=SIGNED_OUT, message=b"signed-out")
            return


async def _carry(source: Wire, sink: Wire, on_frame: Callable[[], None]) -> None:
    """Pass frames on, each after the one before is taken: a slow reader holds up its own line only; then end both."""
    try:
        async for frame in source:
            on_frame()
            if frame.type is WSMsgType.TEXT:
                await sink.send_str(frame.data)
            elif frame.type is WSMsgType.BINARY:
                await sink.send_bytes(frame.data)
    except ConnectionError:
        pass  # the other side is gone: so is the line
    finally:
        await sink.close()
        await source.close()


@phone_routes.socket("/phone", right=Right.DESK)
async def phone(call: Call[None]) -> web.WebSocketResponse:
    """Serve the line of one's own browser phone."""
    agent = await call.services[AgentService].own_agent(call.principal)
    if agent.device.kind is not DeviceKind.BROWSER or not agent.is_active:
        raise NotFound("not-found")
    credential = call.identity.session_id or call.identity.token_id
    lines = call.services[PhoneLines]
    return await lines.serve(call.request, agent.agent_id, agent.device.server_id, credential)
