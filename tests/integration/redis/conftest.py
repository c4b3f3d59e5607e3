import pytest

from contactcenter.core import redis_bus
from contactcenter.core.redis_bus import RedisBus
from contactcenter.core.tasks import TaskSupervisor
from tests.contract.bus.conftest import until
from tests.rig.redis import BINARY, RedisServer


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(redis_bus, "RETRY_PAUSE", 0.02)
    monkeypatch.setattr(redis_bus, "PING_TIME", 0.3)
    monkeypatch.setattr(redis_bus, "CONNECT_TIME", 0.3)


@pytest.fixture
def make_server():
    """Makes servers of the test's own, to be ended."""
    if BINARY is None:
        pytest.skip("no Redis server on this machine")
    made = []

    def make(password=""):
        made.append(RedisServer(password))
        return made[-1]

    yield make
    for server in made:
        server.remove()


@pytest.fixture
def server(make_server):
    made = make_server()
    made.start()
    return made


class End:
    """One open end of the bus, with what it heard and how often it was told that the way is there again."""

    def __init__(self, bus) -> None:
        self.bus = bus
        self.heard = []
        self.restored = 0
        bus.subscribe("news", self.heard.append)
        bus.on_restored(self._restored)

    def _restored(self) -> None:
        self.restored += 1

    def say(self, message):
        self.bus.publish("news", message)

    async def until_restored(self, times=1, seconds=10.0):
        await until(lambda: self.restored >= times and not self.bus.degraded, seconds)

    async def until_heard(self, message):
        await until(lambda: self.heard and self.heard[-1] == message)


@pytest.fixture
async def end(quick):
    """Opens ends: ``await end(url)``; with ``waits`` until messages go."""
    tasks = TaskSupervisor()
    made = []

    async def make(url, *, waits=True):
        one = End(RedisBus(url, tasks))
        made.append(one)
        await one.bus.open()
        if waits:
            await one.until_restored()
        return one

    yield make
    for one in made:
        await one.bus.close()
    assert not tasks.under_way
    assert not tasks.failures
