"""The browser phone's WebSocket under our own address: frames go to the PBX's WebSocket and back as they are.

One certificate then serves pages and phone, and the PBX's HTTP port is open to nobody else. Only a signed-in agent who
has a browser phone gets a line, and it ends with his session. The price: a restart of this server ends the connection,
the phone registers anew a second later and media goes on meanwhile; a proxy that leads straight to the PBX has not that
price (docs/install.md).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import aiohttp
import structlog
from aiohttp import ClientWebSocketResponse, WSMsgType, web

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
CONNECT_TIME: Final = 5.0
CLOSE_TIME: Final = 2.0
ASK_EVERY: Final = 60.0
SIGNED_OUT: Final = 4401

phone_routes = Routes()
Wire = web.WebSocketResponse | ClientWebSocketResponse


class PhoneLines:
    """The open lines by what their holder showed (session or token)."""

    def __init__(self, target: Callable[[ServerId], str], tasks: TaskSupervisor) -> None:
        """``target`` tells a PBX's WebSocket address, '' while there is none."""
        self._target = target
        self._tasks = tasks
        self._lines: dict[web.WebSocketResponse, str] = {}
        self._of_agent: Counter[AgentId] = Counter()

    @property
    def active(self) -> int:
        """Lines open now."""
        return len(self._lines)

    def close_credential(self, credential: str) -> None:
        """End every line opened with this session or token."""
        for wire, shown in list(self._lines.items()):
            if shown == credential:
                self._tasks.spawn("phone-line-end", wire.close(code=SIGNED_OUT, message=b"signed-out"))

    async def serve(
        self, request: web.Request, agent_id: AgentId, server_id: ServerId, credential: str
    ) -> web.WebSocketResponse:
        """Run one line to its end. Raises Unavailable when the PBX does not answer, RateLimited for too many lines."""
        if self._of_agent[agent_id] >= MAX_LINES:
            raise RateLimited("rate-limited", {"retry_after": CLOSE_TIME})
        self._of_agent[agent_id] += 1
        try:
            async with aiohttp.ClientSession() as session:
                return await self._join(request, await self._reach(session, server_id), credential)
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

    async def _join(self, request: web.Request, pbx: ClientWebSocketResponse, credential: str) -> web.WebSocketResponse:
        page = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=MAX_FRAME, compress=False, timeout=CLOSE_TIME, heartbeat=HEARTBEAT
        )
        await page.prepare(request)
        self._lines[page] = credential
        beside = [
            self._tasks.spawn("phone-line", _carry(pbx, page)),
            self._tasks.spawn("phone-line-identity", _keep_identity(request, page)),
        ]
        try:
            await _carry(page, pbx)
        finally:
            del self._lines[page]
            for task in beside:
                task.cancel()
        return page


async def _keep_identity(request: web.Request, page: web.WebSocketResponse) -> None:
    """Ask now and then who holds the line: an end nobody told of, and a right that is gone, take effect."""
    while True:
        await asyncio.sleep(ASK_EVERY)
        try:
            require((await identify_anew(request)).principal, Right.DESK)
        except (Forbidden, Unauthenticated):
            await page.close(code=SIGNED_OUT, message=b"signed-out")
            return


async def _carry(source: Wire, sink: Wire) -> None:
    """Pass frames on, each after the one before is taken: a slow reader holds up its own line only; then end both."""
    try:
        async for frame in source:
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
