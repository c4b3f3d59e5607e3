"""An owner of an AmiClient for tests: keeps what it is told and waits for what a test needs."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable

from contactcenter.core.tasks import TaskSupervisor
from cti.ami import AmiClient, AmiSettings, LinkState, LinkTiming, Message

FAST = LinkTiming(
    retry_first=0.01, retry_cap=0.05, ping_interval=0.05, stale_after=0.3, login_timeout=0.5, own_stall=0.05
)


class Owner:
    """Collects messages, states and the order of both."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.states: list[tuple[LinkState, str]] = []
        self.on_each: Callable[[Message], None] | None = None
        self.on_live: Callable[[], None] | None = None
        self._changed = asyncio.Event()
        self.client: AmiClient

    def take(self, message: Message) -> None:
        self._changed.set()
        self.messages.append(message)
        if self.on_each is not None:
            self.on_each(message)

    def state(self, state: LinkState, reason: str) -> None:
        self._changed.set()
        self.states.append((state, reason))
        if state is LinkState.LIVE and self.on_live is not None:
            self.on_live()

    def named(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message.kind == kind]

    def count(self, state: LinkState) -> int:
        return sum(each is state for each, _ in self.states)

    async def until(self, condition: Callable[[], bool], limit: float = 5.0) -> None:
        """Return once ``condition`` holds; it is looked at after every change."""
        async with asyncio.timeout(limit):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    async def count_of(self, kind: str, count: int) -> None:
        await self.until(lambda: len(self.named(kind)) >= count)

    async def live(self, times: int = 1) -> None:
        await self.until(lambda: self.count(LinkState.LIVE) >= times)


@contextlib.asynccontextmanager
async def owned_client(
    port: int,
    *,
    username: str = "cc",
    secret: str = "secret",
    timing: LinkTiming = FAST,
    action_timeout: float = 1.0,
    wanted: Iterable[str] | None = None,
) -> AsyncIterator[Owner]:
    """Start a client for the length of a test."""
    owner, tasks = Owner(), TaskSupervisor()
    settings = AmiSettings("127.0.0.1", port, username, secret, action_timeout=action_timeout, timing=timing)
    owner.client = AmiClient(
        settings, on_message=owner.take, on_state=owner.state, tasks=tasks, rng=random.Random(7), wanted=wanted
    )
    owner.client.start()
    try:
        yield owner
    finally:
        await owner.client.close()
        await tasks.close()
        assert tasks.failures == {}
