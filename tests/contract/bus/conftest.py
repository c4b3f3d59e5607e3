"""Both kinds of bus, between several ends, with a server that can go away."""

import asyncio

import pytest

from contactcenter.core import redis_bus
from contactcenter.core.bus import Exchange, MemoryBus
from contactcenter.core.redis_bus import RedisBus
from contactcenter.core.tasks import TaskSupervisor
from tests.rig.redis import BINARY, RedisServer


@pytest.fixture(scope="session")
def redis_server():
    if BINARY is None:
        pytest.skip("no Redis server on this machine")
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def until(condition, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


class Network:
    """Makes ends of one bus, each as if in a process of its own, and takes the server away."""

    def __init__(self) -> None:
        self.made = []

    def make(self):
        raise NotImplementedError

    def bus(self):
        """Return an end that is not open yet."""
        self.made.append(self.make())
        return self.made[-1]

    async def opened(self):
        """Return an end over which messages go."""
        bus = self.bus()
        await bus.open()
        await until(lambda: not bus.degraded)
        return bus

    async def away(self):
        raise NotImplementedError

    async def back(self):
        raise NotImplementedError

    async def close(self):
        for bus in self.made:
            await bus.close()


class InMemory(Network):
    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()

    def make(self):
        return MemoryBus(self.exchange)

    async def away(self):
        self.exchange.cut()

    async def back(self):
        self.exchange.restore()


class OnRedis(Network):
    def __init__(self, server) -> None:
        super().__init__()
        self.server = server
        self.tasks = TaskSupervisor()

    def make(self):
        return RedisBus(self.server.url, self.tasks)

    async def away(self):
        await asyncio.to_thread(self.server.kill)
        await until(lambda: all(bus.degraded for bus in self.made))

    async def back(self):
        if self.server.process is None:
            await asyncio.to_thread(self.server.start)

    async def close(self):
        await super().close()
        await self.back()
        assert not self.tasks.under_way
        assert not self.tasks.failures


@pytest.fixture(params=["memory", "redis"])
async def network(request, monkeypatch):
    monkeypatch.setattr(redis_bus, "RETRY_PAUSE", 0.02)
    made = InMemory() if request.param == "memory" else OnRedis(request.getfixturevalue("redis_server"))
    yield made
    await made.close()
