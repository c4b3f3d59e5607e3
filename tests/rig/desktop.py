"""A page on the desktop's socket, written from the protocol alone and spoken by the ``websockets`` library.

Nothing of ours is imported: what it understands is what any other implementation would. It keeps the slots as the
frames tell them and raises when a frame does not follow the one before.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class Refused(RuntimeError):
    """A command was answered with a coded error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']} {error.get('fields', {})}")
        self.code: str = error["code"]
        self.fields: dict[str, Any] = error.get("fields", {})


class Desktop:
    """One open page; made by ``open_page``. ``slots`` is what the page would show now."""

    def __init__(self, wire: ClientConnection, page: str, instance: str) -> None:
        self.page = page
        self.instance = instance
        self.slots: dict[str, Any] = {}
        self.epoch = ""
        self.seq = 0
        self.snapshots = 0
        self.goodbye = ""
        self.close_code: int | None = None
        self.history: list[tuple[float, dict[str, Any]]] = []
        self._wire = wire
        self._numbers = itertools.count(1)
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ for tests

    @property
    def me(self) -> dict[str, Any]:
        return self.slots.get("me") or {}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The present slots of a kind: ``work``, ``card``, ``waiting``..."""
        return [slot for key, slot in self.slots.items() if key.startswith(f"{kind}:")]

    async def command(self, name: str, **data: Any) -> dict[str, Any]:
        """Give a command; its reply's data. Raises Refused; EOFError, TimeoutError: nobody knows what became of it."""
        number = str(next(self._numbers))
        answer = self._replies[number] = asyncio.get_running_loop().create_future()
        await self.send({"type": "command", "id": number, "name": name, "data": data})
        reply = await asyncio.wait_for(answer, 10)
        if not reply["ok"]:
            raise Refused(reply["error"])
        return reply.get("data", {})

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send one frame: an object as JSON, text and bytes as they are."""
        await self._wire.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def until(self, condition: Callable[["Desktop"], Any], limit: float = 10) -> Any:
        """Wait until the slots fulfil a condition; what it returned. Raises TimeoutError, or EOFError when closed."""
        async with asyncio.timeout(limit):
            while not (found := condition(self)):
                if self._reader is not None and self._reader.done():
                    self._reader.result()
                    raise EOFError(f"socket closed: {self.goodbye or self.close_code}")
                self._news.clear()
                await self._news.wait()
        return found

    async def work(self, state: str, limit: float = 10) -> dict[str, Any]:
        """Wait for an interaction in a state on this page; its slot."""

        def look(page: Desktop) -> Any:
            return next((one for one in page.of("work") if one["state"] == state), None)

        return await self.until(look, limit)

    async def closed(self, limit: float = 10) -> int | None:
        """Wait until the server closed; the close code."""
        assert self._reader is not None
        await asyncio.wait_for(asyncio.shield(self._reader), limit)
        return self.close_code

    async def close(self) -> None:
        await self._wire.close()
        if self._reader is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    # ------------------------------------------------------------ the wire

    def start(self) -> None:
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            async for frame in self._wire:
                message = json.loads(frame)
                self.history.append((time.time(), message))
                self._take(message)
                self._news.set()
        except ConnectionClosed:
            pass
        finally:
            self.close_code = self._wire.close_code
            self._news.set()
            for waiting in self._replies.values():
                if not waiting.done():
                    waiting.set_exception(EOFError(f"socket closed: {self.goodbye or self.close_code}"))

    def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "snapshot":
                self.epoch, self.seq, self.slots = message["epoch"], message["seq"], dict(message["slots"])
                self.snapshots += 1
            case "changes":
                if message["prev"] != self.seq or message["seq"] <= self.seq:
                    raise AssertionError(f"gap: had {self.seq}, got {message['prev']} -> {message['seq']}")
                self.seq = message["seq"]
                self._apply(message["slots"])
            case "reply":
                waiting = self._replies.pop(message["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            case "goodbye":
                self.goodbye = message["reason"]

    def _apply(self, slots: dict[str, Any]) -> None:
        for key, slot in slots.items():
            if slot is None:
                self.slots.pop(key, None)
            else:
                self.slots[key] = slot


async def open_page(
    base: str,
    cookie: str,
    page: str = "desktop",
    *,
    instance: str = "",
    resume: tuple[str, int] | None = None,
    slots: dict[str, Any] | None = None,
    is_greeting: bool = True,
) -> Desktop:
    """Connect and say hello (or not); returns when the first frame is there. ``base``: ``http://host:port``.

    ``resume`` and ``slots``: where the page left off and what it shows.
    """
    address = base.replace("http", "ws", 1) + "/socket"
    wire = await connect(address, origin=base, additional_headers={"Cookie": cookie}, compression=None)  # type: ignore[arg-type]
    desktop = Desktop(wire, page, instance or secrets.token_hex(8))
    hello: dict[str, Any] = {"type": "hello", "page": page, "instance": desktop.instance}
    if resume is not None:
        hello["resume"] = {"epoch": resume[0], "seq": resume[1]}
        (desktop.epoch, desktop.seq), desktop.slots = resume, dict(slots or {})
    desktop.start()
    if is_greeting:
        await desktop.send(hello)
        await desktop.until(lambda one: one.history)
    return desktop
