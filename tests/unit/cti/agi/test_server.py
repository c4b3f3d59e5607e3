"""The server on a real loopback socket, the PBX played by a few lines."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from contactcenter.core.errors import ActionFailed, Invalid, Unavailable
from contactcenter.core.ids import ServerId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions.ports import CallEnded, CallSession
from cti.agi.server import AgiLimits, AgiServer

BLOCK = (
    b"agi_network_script: %s\nagi_channel: PJSIP/trunk-1\nagi_uniqueid: 17.1\nagi_callerid: unknown\n"
    b"agi_calleridname: Ann\nagi_extension: 100\nagi_context: cc-ivr\nagi_language: en\n\n"
)
CLOSED = (asyncio.IncompleteReadError, ConnectionResetError)
Run = Callable[[CallSession], Awaitable[None]]


class Pbx:
    """One AGI connection as Asterisk makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.guards: list[int] = []

    async def _line(self) -> str:
        return (await self.reader.readline()).decode().rstrip("\n")

    async def command(self, answer: str | None = "200 result=0") -> str:
        """Read one command and answer it; '' when the server closed. The PBX's clock is answered on the way."""
        line = await self._line()
        while line.startswith("SET AUTOHANGUP "):
            self.guards.append(int(line.rsplit(" ", 1)[1]))
            self.send("200 result=0")
            line = await self._line()
        if line and answer is not None:
            self.send(answer)
        return line

    def send(self, *lines: str) -> None:
        self.writer.write("".join(line + "\n" for line in lines).encode())


@asynccontextmanager
async def serving(handlers: Mapping[str, Run], limits: AgiLimits | None = None) -> AsyncIterator[AgiServer]:
    tasks = TaskSupervisor()
    server = AgiServer(ServerId("pbx1"), handlers, tasks, limits)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        await tasks.close()


@asynccontextmanager
async def calling(server: AgiServer, script: bytes | None = b"ivr") -> AsyncIterator[Pbx]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        if script is not None:
            writer.write(BLOCK % script)
        yield Pbx(reader, writer)
    finally:
        writer.close()


def failing_with(kind: type[BaseException], seen: list[BaseException], act: Run) -> Run:
    async def run(session: CallSession) -> None:
        try:
            await act(session)
        except kind as error:
            seen.append(error)
            raise

    return run


async def test_the_handler_of_the_path_gets_the_request_before_any_command() -> None:
    seen: list[CallSession] = []

    async def run(session: CallSession) -> None:
        seen.append(session)

    async with serving({"/ivr": run}) as server, calling(server) as pbx:
        assert await pbx.command() == ""
    (session,) = seen
    assert (session.server_id, session.leg_id) == ("pbx1", "17.1")
    assert session.request == {
        "caller_number": "",
        "caller_name": "Ann",
        "dialed": "100",
        "language": "en",
        "step": "ivr",
        "linked_id": "17.1",
        "channel": "PJSIP/trunk-1",
        "context": "cc-ivr",
    }
    assert server.active == 0


async def test_commands_and_what_they_return() -> None:
    got: list[object] = []

    async def run(session: CallSession) -> None:
        await session.answer()
        await session.answer()
        got.append(await session.play(["hello", "menu"], "12"))
        got.append(await session.read_digit(2.5))
        got.append(await session.read_digit(1))
        got.append(await session.record("/spool/x", 30, 3, "#"))
        got.append(await session.play(["short"], time_limit=20))
        await session.set_variable("CC_NEXT", "hold")

    async with serving({"/ivr": run}) as server, calling(server) as pbx:
        assert await pbx.command() == "ANSWER"
        assert await pbx.command("200 result=0 endpos=900") == 'STREAM FILE "hello" "12"'
        assert await pbx.command("200 result=50 endpos=100") == 'STREAM FILE "menu" "12"'
        assert await pbx.command("200 result=0") == "WAIT FOR DIGIT 2500"
        assert await pbx.command("200 result=35") == "WAIT FOR DIGIT 1000"
        assert (
            await pbx.command("200 result=35 (dtmf) endpos=16000") == 'RECORD FILE "/spool/x" "wav" "#" "30000" "s=3"'
        )
        assert await pbx.command("200 result=0 endpos=900") == 'STREAM FILE "short" ""'
        assert await pbx.command("200 result=1") == 'SET VARIABLE CC_NEXT "hold"'
        assert await pbx.command() == ""
    assert got == ["2", "", "#", 2.0, ""]
    # Each command that keeps the caller is under the PBX's own clock, a little above its own limit.
    assert pbx.guards == [10, 185, 185, 13, 11, 40, 25]
    assert server.counts.failed == 0


@pytest.mark.parametrize("answer", ["200 result=-1", "511 Command Not Permitted on a dead channel", "HANGUP"])
async def test_a_hangup_ends_the_call_quietly(answer: str) -> None:
    seen: list[BaseException] = []
    run = failing_with(CallEnded, seen, lambda session: session.read_digit(5))  # type: ignore[arg-type, return-value]
    async with serving({"/ivr": run}) as server, calling(server) as pbx:
        await pbx.command(answer)
        assert await pbx.command() == ""
    assert len(seen) == 1
    assert server.counts.failed == 0


async def test_a_lost_connection_is_unavailable() -> None:
    seen: list[BaseException] = []
    run = failing_with(Unavailable, seen, lambda session: session.answer())
    async with serving({"/ivr": run}) as server:
        async with calling(server) as pbx:
            await pbx.command(None)
        while not server.counts.failed:
            await asyncio.sleep(0)
    assert [error.code for error in seen if isinstance(error, Unavailable)] == ["agi-connection-lost"]


async def test_a_fault_in_one_session_sends_its_caller_to_the_fallback_and_harms_no_other() -> None:
    async def run(session: CallSession) -> None:
        raise KeyError("a fault of ours")

    async def good(session: CallSession) -> None:
        await session.set_variable("CC_NEXT", "hold")

    async with serving({"/ivr": run, "/next": good}) as server:
        async with calling(server) as pbx:
            assert await pbx.command() == 'SET VARIABLE CC_NEXT "fallback"'
            assert await pbx.command() == ""
        async with calling(server, b"next") as pbx:
            assert await pbx.command() == 'SET VARIABLE CC_NEXT "hold"'
    assert (server.counts.sessions, server.counts.failed) == (2, 1)


async def test_a_refused_command_and_an_unsafe_value() -> None:
    seen: list[BaseException] = []

    async def act(session: CallSession) -> None:
        with pytest.raises(Invalid):
            await session.set_variable("CC_NEXT", "hold\nHANGUP")
        await session.answer()

    async with serving({"/ivr": failing_with(ActionFailed, seen, act)}) as server, calling(server) as pbx:
        assert await pbx.command("510 Invalid or unknown command") == "ANSWER"
        assert await pbx.command() == 'SET VARIABLE CC_NEXT "fallback"'
    assert len(seen) == 1


async def test_an_unknown_script_goes_to_the_fallback() -> None:
    async with serving({}) as server, calling(server, b"etc/passwd") as pbx:
        assert await pbx.command() == 'SET VARIABLE CC_NEXT "fallback"'


async def test_malformed_bytes_close_the_connection() -> None:
    async with serving({}) as server, calling(server, None) as pbx:
        pbx.send("GET / HTTP/1.1")
        with pytest.raises(CLOSED):
            await pbx.reader.readexactly(1)
        assert server.counts.malformed == 1


async def test_who_sends_no_request_in_time_is_cut_off() -> None:
    async with serving({}, AgiLimits(request_time=0.02)) as server, calling(server, None) as pbx:
        with pytest.raises(CLOSED):
            await pbx.reader.readexactly(1)


async def test_a_command_without_answer_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cti.agi.session.COMMAND_TIME", 0.02)
    seen: list[BaseException] = []
    run = failing_with(Unavailable, seen, lambda session: session.read_digit(0.01))  # type: ignore[arg-type, return-value]
    async with serving({"/ivr": run}) as server, calling(server) as pbx:
        assert await pbx.command(None) == "WAIT FOR DIGIT 10"
        assert await pbx.command() == ""
    assert [str(error) for error in seen] == ["agi-timeout"]


async def test_a_session_that_lasts_too_long_goes_to_the_fallback() -> None:
    async def run(session: CallSession) -> None:
        await asyncio.Event().wait()

    async with serving({"/ivr": run}, AgiLimits(session_time=0.02)) as server, calling(server) as pbx:
        assert await pbx.command() == 'SET VARIABLE CC_NEXT "fallback"'


async def test_the_number_of_sessions_is_bounded_and_room_is_given_back() -> None:
    async def run(session: CallSession) -> None:
        await session.read_digit(5)

    async with serving({"/ivr": run}, AgiLimits(sessions=2)) as server:
        async with calling(server) as one, calling(server) as two:
            assert await one.command(None) == await two.command(None) == "WAIT FOR DIGIT 5000"
            async with calling(server, None) as three:
                with pytest.raises(CLOSED):
                    await three.reader.readexactly(1)
            assert (server.active, server.counts.refused) == (2, 1)
            one.send("200 result=0")
            assert await one.command() == ""
        async with calling(server) as four:
            assert await four.command() == "WAIT FOR DIGIT 5000"


async def test_closing_the_server_ends_running_sessions() -> None:
    ended = asyncio.Event()

    async def run(session: CallSession) -> None:
        try:
            await session.read_digit(50)
        finally:
            ended.set()

    async with serving({"/ivr": run}) as server, calling(server) as pbx:
        await pbx.command(None)
        await server.close()
        assert ended.is_set()
        assert server.counts.failed == 0


async def test_a_port_in_use_is_told_as_such() -> None:
    async with serving({}) as server:
        other = AgiServer(ServerId("pbx2"), {}, TaskSupervisor())
        with pytest.raises(Unavailable, match="agi-port-unavailable"):
            await other.start(port=server.port)


async def test_small_writes_are_not_delayed() -> None:
    seen: list[int] = []

    async def run(session: CallSession) -> None:
        transport = next(iter(server._connections))._transport
        assert transport is not None
        sock = transport.get_extra_info("socket")
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async with serving({"/ivr": run}) as server, calling(server) as pbx:
        assert await pbx.command() == ""
    assert seen
    assert seen[0] != 0
