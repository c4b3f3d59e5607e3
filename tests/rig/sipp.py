"""SIPp (Debian's sip-tester, 3.6) as customers and desk phones, one process each, in a folder of its own.

Each is an async context manager that ends only the process it started. SIPp plays pcap files through a raw socket,
so sound needs root (or CAP_NET_RAW); signalling does not.
"""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig import messages, scenarios
from tests.rig.messages import SipMessage, Tail, first_times
from tests.rig.scenarios import NOBODY, WAITS, Behaviour, Leaves

HOST = "127.0.0.1"
LARGEST = 65_536  # bytes of a scenario; SIPp 3.6 reads no more and answers nobody


class SippError(RuntimeError):
    """SIPp did not start, or ended where it should not; the text holds its own words."""


def find_sipp() -> str:
    """Path of the program. Raises SippError when it is not installed."""
    found = shutil.which("sipp")
    if found is None:
        raise SippError("sipp is not installed (Debian: sip-tester)")
    return found


class Sipp:
    """One running SIPp process and its logs. Made by ``customers`` and ``desk_phones``."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def message_log(self) -> Path:
        return self.folder / "messages.log"

    def messages(self) -> list[SipMessage]:
        """What went over the wire so far."""
        return messages.read(self.message_log)

    def tail(self) -> Tail:
        """Return a reader of what is new since its last look."""
        return Tail(self.message_log)

    def nudge(self, call_id: str) -> None:
        """Make one call act at once: a customer or a talking phone hangs up, a ringing phone answers.

        A MESSAGE with the call's Call-ID, one datagram, no reply; SIPp acts within its 10 ms timer tick.
        """
        text = (
            f"MESSAGE sip:nudge@{HOST}:{self.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:9;branch=z9hG4bKnudge\r\nFrom: <sip:rig@{HOST}>;tag=rig\r\n"
            f"To: <sip:nudge@{HOST}>\r\nCall-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.sendto(text.encode(), (HOST, self.port))

    async def wait_message(
        self, first: str, *, sent: bool, cseq: str = "INVITE", count: int = 1, limit: float = 20
    ) -> dict[str, float]:
        """Wait until ``count`` calls have such a message; Call-ID -> time. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            while len(found := first_times(self.messages(), first, sent=sent, cseq=cseq)) < count:
                await asyncio.sleep(0.02)
        return found

    async def wait_ended(self, limit: float) -> int:
        """Wait until every call is over; 0 when all went as the scenario says, 1 when some did not.

        SIPp takes a BYE that comes in the millisecond between its own time limit and its own BYE for a failure,
        though it answers as it should: such calls do not count as failed here.
        """
        code = await asyncio.wait_for(self._process.wait(), limit)
        aborted = self.errors().count("borting call")
        is_crossing = 0 < aborted == self.errors().count("Aborting call on an unexpected BYE")
        return 0 if code == 1 and is_crossing else code

    def errors(self) -> str:
        """What SIPp complained about (unexpected messages, timeouts)."""
        path = self.folder / "errors.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def end(self) -> None:
        """End the process: SIGTERM, after 2 s SIGKILL. Calls in progress are simply left, like a phone unplugged."""
        for act in (self._process.terminate, self._process.kill):
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    act()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), 2)

    def kill(self) -> None:
        """SIGKILL now: the phone is dead in the middle of whatever it did."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


# ------------------------------------------------------------------ customers


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls where. ``name`` as bytes goes out raw in the From header, in front of ``<sip:``.

    ``begins``: seconds he waits, once SIPp has made his call, before he dials; for arrivals that are not evenly spaced.
    """

    number: str
    dialed: str
    name: str | bytes = ""
    begins: float = 0.0


@contextlib.asynccontextmanager
async def customers(
    folder: Path,
    pbx_port: int,
    callers: Sequence[Caller],
    *,
    port: int,
    media_port: int,
    leaves: Leaves = WAITS,
    sound: Path | None = None,
    rate: float = 10.0,
) -> AsyncIterator[Sipp]:
    """One call per caller, ``rate`` calls a second, from UDP ``port`` to the PBX's ``pbx_port`` on loopback.

    SIPp itself binds ``media_port`` and two above; call number n (from 0) announces RTP at ``call_media_port`` and
    plays it from there. Nobody binds that one, so an ear can listen there. All names must be plain text, or all the
    same: a hostile one stands in the scenario, because SIPp's injection file cannot hold every byte.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = _name_in_scenario(callers)
    _write_injection(folder / "callers.csv", callers)
    is_paced = any(caller.begins for caller in callers)
    _write_scenario(folder, scenarios.customer(leaves, name=name, sound=sound, paced=is_paced))
    pace = ["-r", "1", "-rp", str(max(1, round(1000 / rate)))]
    calls = ["-m", str(len(callers)), "-l", str(len(callers)), "-inf", "callers.csv"]
    command = [f"{HOST}:{pbx_port}", *pace, *calls]
    async with _running(folder, command, port, media_port) as sipp:
        yield sipp


def call_media_port(media_port: int, number: int = 0) -> int:
    """Where call ``number`` (from 0) of one SIPp process has its RTP: four ports a call, behind SIPp's own."""
    return media_port + 4 + 4 * number


def _is_plain(name: str | bytes) -> bool:
    return isinstance(name, str) and all(c.isalnum() or c in " .,'-+()" for c in name) and name.isascii()


def _name_in_scenario(callers: Sequence[Caller]) -> str:
    if all(_is_plain(caller.name) for caller in callers):
        return "[field1]"
    names = {caller.name for caller in callers}
    if len(names) > 1:
        raise ValueError("one SIPp process carries one hostile name: start one per name")
    return scenarios.display_name(names.pop())


def _write_injection(path: Path, callers: Sequence[Caller]) -> None:
    lines = ["SEQUENTIAL"]
    for caller in callers:
        name = f'"{caller.name!s}" ' if caller.name and _is_plain(caller.name) else ""
        lines.append(f"{caller.number};{name};{caller.dialed};{round(1000 * caller.begins)};")
    path.write_text("\n".join(lines) + "\n")


# ------------------------------------------------------------------ desk phones


@contextlib.asynccontextmanager
async def desk_phones(
    folder: Path, behaviours: Mapping[str, Behaviour], *, port: int, media_port: int, others: Behaviour = NOBODY
) -> AsyncIterator[Sipp]:
    """Phones on one UDP port, told apart by the user part of the URI: contact ``sip:USER@127.0.0.1:PORT``.

    ``others``: how every user behaves who is not named; hundreds of equal phones cost SIPp nothing that way.
    A dead phone is a port on which nothing was started; a phone that dies is ``Sipp.kill``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_scenario(folder, scenarios.phones(behaviours, others))
    async with _running(folder, [], port, media_port) as sipp:
        yield sipp


# ------------------------------------------------------------------ the process


def _write_scenario(folder: Path, text: str) -> None:
    if len(text.encode()) >= LARGEST:
        raise ValueError(f"SIPp loads no scenario of {len(text.encode())} bytes: name fewer, or answer by ``others``")
    (folder / "scenario.xml").write_text(text)


@contextlib.asynccontextmanager
async def _running(folder: Path, command: Sequence[str], port: int, media_port: int) -> AsyncIterator[Sipp]:
    with (folder / "screen.log").open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            find_sipp(),
            *command,
            *_options(port, media_port),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=screen,
            stderr=asyncio.subprocess.STDOUT,
        )
    sipp = Sipp(process, folder, port)
    try:
        await _listening(sipp, media_port)
        yield sipp
    finally:
        await sipp.end()


def _options(port: int, media_port: int) -> list[str]:
    addresses = ["-i", HOST, "-mi", HOST, "-bind_local", "-p", str(port), "-mp", str(media_port)]
    traces = ["-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file", "errors.log"]
    return ["-sf", "scenario.xml", "-nostdin", "-skip_rlimit", "-timer_resol", "1", *addresses, *traces]


async def _listening(sipp: Sipp, media_port: int, limit: float = 20) -> None:
    """Return when SIPp owns its ports (or is already done). Raises SippError when it could not start."""
    async with asyncio.timeout(limit):
        while not {sipp.port, media_port, media_port + 2} <= _owned_ports(sipp.pid):
            if (code := sipp._process.returncode) is not None:
                if code in (0, 1):  # every call is over already
                    return
                screen = (sipp.folder / "screen.log").read_text(errors="replace")
                raise SippError(f"sipp ended with {code}: {sipp.errors() or screen[-2000:]}")
            await asyncio.sleep(0.01)


def _owned_ports(pid: int) -> set[int]:
    """UDP ports that a process has bound (proc(5)); none when it is gone."""
    inodes = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes}
