"""A tiny AMI server on loopback for tests of clients: it speaks the real protocol and misbehaves on request."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 10\r\nLastreload: 10\r\nStatus: Fully Booted\r\n\r\n"

Action = dict[str, str]
Handler = Callable[["Session", Action], None]


def block(*lines: str) -> bytes:
    """Return one message of ``lines``."""
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Session(asyncio.Protocol):
    """One client's connection; ``actions`` in the order read, ``raw`` every byte."""

    def __init__(self, server: "TinyAmi") -> None:
        self.server = server
        self.raw = b""
        self.actions: list[Action] = []
        self.closed = asyncio.Event()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.sessions.append(self)
        self.write(self.server.banner)

    def data_received(self, data: bytes) -> None:
        self.raw += data
        *blocks, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for text in blocks:
            action = dict(line.split(": ", 1) for line in text.decode().split("\r\n"))
            self.actions.append(action)
            self.server.handlers.get(action["Action"].lower(), answer_success)(self, action)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def respond(self, action: Action, *lines: str, response: str = "Success") -> None:
        self.write(block(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines))

    def cut(self) -> None:
        self.transport.abort()

    def named(self, name: str) -> list[Action]:
        return [action for action in self.actions if action["Action"] == name]


def answer_success(session: Session, action: Action) -> None:
    session.respond(action, "Message: done")


def ignore(session: Session, action: Action) -> None:
    """Never answer."""


def _login(session: Session, action: Action) -> None:
    if action["Secret"] != session.server.secret:
        session.respond(action, "Message: Authentication failed", response="Error")
        session.transport.close()
        return
    session.respond(action, "Message: Authentication accepted")
    if session.server.is_booted:
        session.write(BOOTED)


def _channels(session: Session, action: Action) -> None:
    session.respond(action, "EventList: start", "Message: Channels will follow")
    tag = f"ActionID: {action['ActionID']}"
    for name in session.server.channels:
        session.write(block("Event: CoreShowChannel", tag, f"Channel: {name}"))
    session.write(block("Event: CoreShowChannelsComplete", tag, "EventList: Complete", "ListItems: 0"))


def _command(session: Session, action: Action) -> None:
    session.respond(action, "Message: Command output follows", "Output: one", "Output: two")


def _user_event(session: Session, action: Action) -> None:
    session.respond(action, "Message: Event Sent")
    rest = [f"{name}: {value}" for name, value in action.items() if name != "Action"]
    session.write(block("Event: UserEvent", "Privilege: user,all", *rest))


def _unknown(session: Session, action: Action) -> None:
    session.respond(action, "Message: Invalid/unknown command", response="Error")


class TinyAmi:
    """The server: ``handlers`` by lower-case action name may be replaced by a test."""

    def __init__(self, banner: bytes = BANNER, secret: str = "secret") -> None:
        self.banner, self.secret = banner, secret
        self.is_booted = True
        self.channels: list[str] = []
        self.sessions: list[Session] = []
        self.port = 0
        self.handlers: dict[str, Handler] = {
            "login": _login,
            "coreshowchannels": _channels,
            "command": _command,
            "userevent": _user_event,
            "nosuchaction": _unknown,
        }
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Session(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every session."""
        if self._server is not None:
            self._server.close()
            for session in self.sessions:
                session.cut()
            await asyncio.gather(*(session.closed.wait() for session in self.sessions))
            await self._server.wait_closed()
            self._server = None

    @property
    def session(self) -> Session:
        return self.sessions[-1]


@contextlib.asynccontextmanager
async def tiny_ami(banner: bytes = BANNER) -> AsyncIterator[TinyAmi]:
    """Run a server for the length of a test."""
    server = TinyAmi(banner)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
