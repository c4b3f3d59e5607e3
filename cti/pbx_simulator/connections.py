"""The sockets of the simulated PBX: AMI clients that come, FastAGI servers that are called. No rule stands here."""

import asyncio
from typing import Final, Protocol, cast

from cti.ami.codec import Message
from cti.pbx_simulator.ami_session import BANNER, AmiSession
from cti.pbx_simulator.channels import Headers

MAX_UNREAD: Final = 8_388_608
"""Bytes a client may leave unread; then it is dropped, as a real PBX does."""


class Listener(Protocol):
    """Who hears of what the sockets bring."""

    def joined(self, connection: "AmiConnection") -> int:
        """A client has connected; return the number it goes by."""
        ...

    def acted(self, number: int, action: Message) -> None:
        """A client that is logged in sent an action."""
        ...

    def left(self, number: int) -> None:
        """A client is gone."""
        ...

    def agi_connected(self, connection: "AgiConnection", session: int) -> None:
        """A FastAGI server took the connection."""
        ...

    def agi_line(self, session: int, line: str) -> None:
        """A FastAGI server sent a command."""
        ...

    def agi_closed(self, session: int) -> None:
        """A FastAGI server ended its session, or was told to."""
        ...


class AmiConnection(asyncio.Protocol):
    """One AMI client's socket."""

    transport: asyncio.Transport

    def __init__(self, pbx: Listener, session: AmiSession) -> None:
        self._pbx = pbx
        self._session = session
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._number = self._pbx.joined(self)
        self.write(BANNER)

    def data_received(self, data: bytes) -> None:
        for one in self._session.feed(data):
            if isinstance(one, bytes):
                self.write(one)
            else:
                self._pbx.acted(self._number, one)
        if self._session.is_over:
            self.transport.close()

    def tell(self, headers: Headers, data: bytes) -> None:
        """Write an event if this client is told it; ``data`` is the event, encoded once for all."""
        if self._session.wants(headers):
            self.write(data)

    def write(self, data: bytes) -> None:
        """Write; a client that does not read is dropped."""
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()
        else:
            self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pbx.left(self._number)


class AgiConnection(asyncio.Protocol):
    """One session with a FastAGI server."""

    transport: asyncio.Transport

    def __init__(self, pbx: Listener, session: int, request: bytes) -> None:
        self._pbx = pbx
        self._session = session
        self._request = request
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)
        self._pbx.agi_connected(self, self._session)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._pbx.agi_line(self._session, line.decode("utf-8", "replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._pbx.agi_closed(self._session)
