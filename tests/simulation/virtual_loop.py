"""An event loop whose time jumps to the next thing due, with a network of its own in memory. Nothing sleeps, no socket.

Everything that runs in it is real code; what it waits for comes after a delay drawn by ``Network.delay``. The same seed
gives the same run, message by message. Work for threads is done at once, in the loop.
"""

import asyncio
import selectors
from collections.abc import Callable
from datetime import datetime
from typing import Any

from contactcenter.core.clock import from_timestamp

BEGIN = 1_780_000_000.0


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: time passes instead."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing will ever happen again")
        if not ready and timeout:
            self.loop.virtual += timeout + 1e-6  # a float of such a size knows no smaller steps
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Also a Clock's source: ``time()`` is epoch seconds."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.virtual = BEGIN
        self.network = Network(self)
        super().__init__(selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.virtual

    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        return self.network.listen(factory, port)

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        await asyncio.sleep(self.network.delay())
        return self.network.connect(factory, port)

    def run_in_executor(self, executor: Any, function: Any, *arguments: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - as an executor hands it on
            future.set_exception(error)
        return future


class VirtualClock:
    """The loop's time as a Clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return from_timestamp(self._loop.virtual)

    def timestamp(self) -> float:
        return self._loop.virtual


class Network:
    """Listening ports and the connections to them. ``split`` may cut what is written into several reads."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.delay: Callable[[], float] = lambda: 0.0005
        self.split: Callable[[int, bytes], list[bytes]] = lambda port, data: [data]
        self._listeners: dict[int, Callable[[], Any]] = {}
        self.wires: dict[int, list[tuple[Wire, Wire]]] = {}

    def listen(self, factory: Callable[[], Any], port: int) -> "Listener":
        if port in self._listeners:
            raise OSError(98, "Address already in use")
        self._listeners[port] = factory
        return Listener(self, port)

    def silence(self, port: int) -> None:
        self._listeners.pop(port, None)

    def connect(self, factory: Callable[[], Any], port: int) -> tuple[Any, Any]:
        if port not in self._listeners:
            raise ConnectionRefusedError(111, f"nobody listens on {port}")
        ours, theirs = factory(), self._listeners[port]()
        near, far = Wire(self, port, ours, is_server=False), Wire(self, port, theirs, is_server=True)
        near.peer, far.peer = far, near
        self.wires.setdefault(port, []).append((near, far))
        self.loop.call_soon(theirs.connection_made, far)
        ours.connection_made(near)
        return near, ours

    def cut(self, port: int) -> None:
        """Break every connection to a port, as a pulled cable that both ends notice."""
        for near, far in self.wires.pop(port, []):
            near.lose()
            far.lose()


class Listener:
    """What ``create_server`` returns, as far as it is used."""

    def __init__(self, network: Network, port: int) -> None:
        self._network, self._port = network, port
        self.sockets = [self]

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def close(self) -> None:
        self._network.silence(self._port)

    async def wait_closed(self) -> None:
        """Nothing to wait for."""


class Wire(asyncio.Transport):
    """One end of a connection. What one end writes arrives at the other in order, some time later."""

    peer: "Wire"

    def __init__(self, network: Network, port: int, protocol: Any, *, is_server: bool) -> None:
        super().__init__()
        self._network, self._port, self._protocol, self._is_server = network, port, protocol, is_server
        self._arrives = 0.0
        self._closing = self._lost = False

    def write(self, data: Any) -> None:
        if self._closing or self._lost:
            return
        parts = self._network.split(self._port, bytes(data)) if self._is_server else [bytes(data)]
        for part in parts:
            self._later(self.peer._receive, part)

    def _later(self, callback: Callable[..., None], *arguments: Any) -> None:
        loop = self._network.loop
        self._arrives = max(self._arrives + 1e-6, loop.time() + self._network.delay())
        loop.call_at(self._arrives, callback, *arguments)

    def _receive(self, data: bytes) -> None:
        if not self._lost and not self._closing:
            self._protocol.data_received(data)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._later(self.peer.lose)
            self._network.loop.call_soon(self.lose)

    def abort(self) -> None:
        self.close()

    def lose(self) -> None:
        if not self._lost:
            self._lost = self._closing = True
            self._network.loop.call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default
