"""Many agents' desktops in a process of their own: each signs in, opens its socket, becomes ready and pings every 2 s.

Run as ``python -m tests.benchmarks.desktops`` with one JSON line on stdin (``url``, ``password``, ``logins``); prints
``ready`` when all are, and when stdin ends, one JSON line: what the sockets got. ``open_desktops`` does all that.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.rig.server import PASSWORD, Server

ROOT = Path(__file__).resolve().parents[2]
PING_EVERY = 2.0
AT_ONCE = 20
LIMIT = 120.0


@dataclass
class Seen:
    """What all sockets of the process got."""

    frames: int = 0
    pops: int = 0
    closed: int = 0
    errors: list[str] = field(default_factory=list)


class Crowd:
    """The desktops of one process."""

    def __init__(self, url: str, password: str) -> None:
        self.seen = Seen()
        self._url = url
        self._password = password
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._alerting: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def open(self, http: aiohttp.ClientSession, login: str) -> None:
        """Sign one agent in, open his desktop and make him ready; the socket is read from then on."""
        async with self._slots:
            body = {"login": login, "password": self._password}
            async with http.post(f"{self._url}/api/v1/session", json=body) as answer:
                answer.raise_for_status()
                cookie = "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())
            headers = {"Origin": self._url, "Cookie": cookie}
            wire = await http.ws_connect(f"{self._url}/socket", headers=headers, compress=0, max_msg_size=0)
            await wire.send_json({"type": "hello", "page": "desktop", "instance": login})
            await wire.send_json({"type": "command", "id": "1", "name": "set-presence", "data": {"state": "ready"}})
            while (frame := json.loads((await wire.receive()).data)).get("type") != "reply":
                pass
            if not frame["ok"]:
                raise RuntimeError(f"{login}: {frame['error']}")
        for work in (self._read(wire), self._ping(wire)):
            self.tasks.add(asyncio.get_running_loop().create_task(work))

    async def _read(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in wire:
            self.seen.frames += 1
            if '"alerting"' in frame.data:
                self._popped(json.loads(frame.data))
        self.seen.closed += 1

    def _popped(self, message: dict[str, Any]) -> None:
        for key, slot in (message.get("slots") or {}).items():
            if slot and key.startswith("work:") and slot["state"] == "alerting" and key not in self._alerting:
                self._alerting.add(key)
                self.seen.pops += 1

    async def _ping(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(PING_EVERY * (id(wire) % 997) / 997)  # spread over the interval as real pages are
        while not wire.closed:
            await wire.send_json({"type": "ping", "sent": loop.time()})
            await asyncio.sleep(PING_EVERY)


async def main() -> None:
    """Open what stdin names, until stdin ends."""
    loop = asyncio.get_running_loop()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    crowd = Crowd(order["url"], order["password"])
    connector, jar = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as http:
        await asyncio.gather(*(crowd.open(http, login) for login in order["logins"]))
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        closed = crowd.seen.closed
        for task in crowd.tasks:
            task.cancel()
        await asyncio.gather(*crowd.tasks, return_exceptions=True)
    print(json.dumps({"frames": crowd.seen.frames, "pops": crowd.seen.pops, "closed": closed}), flush=True)


@dataclass
class Desktops:
    """The process seen from the benchmark; ``counts`` after its end."""

    pid: int
    counts: dict[str, int] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def open_desktops(server: Server, logins: Sequence[str]) -> AsyncIterator[Desktops]:
    """Desktops of these agents, open and ready, in a process of their own until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.desktops", cwd=ROOT, stdin=-1, stdout=-1
    )
    assert process.stdin is not None
    assert process.stdout is not None
    desktops = Desktops(process.pid)
    order = {"url": server.url, "password": PASSWORD, "logins": list(logins)}
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), LIMIT)
        if line.strip() != b"ready":
            raise RuntimeError("the desktops did not open")
        yield desktops
        process.stdin.close()
        desktops.counts = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main())
