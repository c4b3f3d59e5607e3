"""A bare AMI connection for tests: knows nothing of ours, keeps every event in the order of its coming."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable

Message = dict[str, str]


class AmiLine:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()
        self.events: list[Message] = []

    async def read(self) -> None:
        while True:
            try:
                raw = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            lines = [line for line in raw.decode(errors="replace").split("\r\n") if ": " in line]
            message = dict(line.split(": ", 1) for line in reversed(lines))
            if "Event" not in message:  # an OriginateResponse has both headers
                waiting = self._answers.pop(message.get("ActionID", ""), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            else:
                async with self._news:
                    self.events.append(message)
                    self._news.notify_all()

    async def send(self, action: str, **fields: str | list[str]) -> Message:
        number = str(next(self._numbers))
        self._answers[number] = asyncio.get_running_loop().create_future()
        lines = [f"Action: {action}", f"ActionID: {number}"]
        for name, value in fields.items():
            lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value)]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return await asyncio.wait_for(self._answers[number], 10)

    async def event(self, name: str, seconds: float = 8, after: int = 0, **fields: str) -> Message:
        """Return the first event of this name and these headers since position ``after``."""

        def found() -> Message | None:
            for message in self.events[after:]:
                if message.get("Event") == name and all(message.get(key) == value for key, value in fields.items()):
                    return message
            return None

        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(found)
        except TimeoutError:
            seen = [(m.get("Event"), m.get("UserEvent"), m.get("Uniqueid")) for m in self.events[after:]]
            raise AssertionError(f"no {name} {fields} in {seconds} s; seen {seen}") from None
        message = found()
        assert message is not None
        return message

    async def until(self, condition: Callable[[], bool], seconds: float = 8) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(condition)

    async def channels(self) -> list[Message]:
        """Return the channels that are up now, as CoreShowChannels tells them."""
        start = len(self.events)
        answer = await self.send("CoreShowChannels")
        done = await self.event("CoreShowChannelsComplete", after=start, ActionID=answer["ActionID"])
        listed = [m for m in self.events[start:] if m.get("Event") == "CoreShowChannel"]
        assert len(listed) == int(done["ListItems"])
        return listed

    async def variable(self, channel: str, name: str) -> str:
        return (await self.send("Getvar", Channel=channel, Variable=name)).get("Value", "")

    async def wait_place(self, uniqueid: str, context: str, application: str = "", seconds: float = 8) -> Message:
        """Wait until a channel stands in ``context`` (and runs ``application``)."""
        async with asyncio.timeout(seconds):
            while True:
                for one in await self.channels():
                    if (
                        one["Uniqueid"] == uniqueid
                        and one["Context"] == context
                        and one["Application"] in (application or one["Application"],)
                    ):
                        return one
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def ami_line(port: int, user: str, secret: str) -> AsyncIterator[AmiLine]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    line = AmiLine(reader, writer)
    reading = asyncio.get_running_loop().create_task(line.read())
    answer = await line.send("Login", Username=user, Secret=secret)
    assert answer["Response"] == "Success", answer
    try:
        yield line
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await reading
