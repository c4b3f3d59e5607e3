"""From a decision to the agent's INVITE, beside a bare AMI client in the same run, no browser on the machine.

Odd calls ring the queue our router serves: the decision is the instant kept with the reservation (the leg's
``started_at``, before the Originate is written). Even calls ring a queue nobody serves; for each a bare client (a
socket that writes AMI text) sends an Originate of the same fields from its reader thread as soon as it hears that the
call has arrived, and its decision is the instant before it writes. The INVITE is what the phones' SIPp logged, matched
by the id in a header. Callers leave after 0.4 s; the bare client hangs its leg up after 0.3 s.
"""

import asyncio
import contextlib
import re
import socket
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.benchmarks.report import Report, percentile, tell
from tests.rig.messages import SipMessage
from tests.rig.ports import free_ports
from tests.rig.scenarios import Leaves, Rings
from tests.rig.server import AgentSeed, QueueSeed, Server, running_server
from tests.rig.sipp import Caller, Sipp, desk_phones

OURS, THEIRS = "2000", "2002"
HEADER = "X-CC-Reservation"
BARE_AGENTS = 40
RATIO = 1.5
_ID = re.compile(rf"^{HEADER}:\s*(\S+)", re.MULTILINE)


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=10.0, help="calls a second, half of them ours")
    parser.add_argument("--agents", type=int, default=40)


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("alert", vars(given))
    asyncio.run(_measure(given, report))
    return report


async def _measure(given: Namespace, report: Report) -> None:
    port = free_ports(1)
    contact = f"@127.0.0.1:{port}"
    ours = [AgentSeed(f"a{n}", str(1000 + n), {"ours": 1}, f"sip:p{n}{contact}") for n in range(given.agents)]
    bare = [AgentSeed(f"b{n}", str(5000 + n), {}, f"sip:b{n}{contact}") for n in range(BARE_AGENTS)]
    count = round(given.seconds * given.rate)
    callers = [Caller(f"+4930{23_000_000 + n}", (OURS, THEIRS)[n % 2]) for n in range(count)]
    with tempfile.TemporaryDirectory(prefix="cc-alert-") as folder:
        work = Path(folder)
        async with (
            running_server(
                agents=[*ours, *bare],
                queues=[QueueSeed(skills={"ours": 1}), QueueSeed("nobody", skills={"nobody": 1})],
                numbers={OURS: "direct", THEIRS: "nobody"},
                flows=flows(work),
            ) as server,
            desk_phones(work / "phones", {}, port=port, media_port=free_ports(4), others=Rings()) as phones,
        ):
            await server.ready(*(one.login for one in ours))
            tell("alert: agents ready")
            with bare_client(server, [f"agent-{one.extension}" for one in bare]) as client:
                await call(server, work / "warm", callers[:20], given.rate)
                client.decided.clear()
                since = time.time()
                await call(server, work / "calls", callers, given.rate)
            decided = decisions(server, since)
            arrived = invites(phones)
    tell_ways(report, "ours", decided, arrived)
    tell_ways(report, "bare", client.decided, arrived)
    for percent in (50, 99):
        mine, theirs = (report.figures[f"{name}_p{percent}"].value or 0.0 for name in ("ours", "bare"))
        ratio = mine / theirs if theirs else None
        report.figure(f"ours_to_bare_p{percent}", ratio, "ratio", at_most=RATIO)


def flows(folder: Path) -> Path:
    """Write a flow of one enqueue node for each queue."""
    place = folder / "flows"
    place.mkdir()
    for name, queue in (("direct", "support"), ("nobody", "nobody")):
        (place / f"{name}.yaml").write_text(f"start: queue\nnodes:\n  queue: {{kind: enqueue, queue: {queue}}}\n")
    return place


async def call(server: Server, folder: Path, callers: list[Caller], rate: float) -> None:
    """Let all call; return when every call is over."""
    async with server.customers(folder, callers, rate=rate, leaves=Leaves(after=0.4), media_port=33_000) as sipp:
        await sipp.wait_ended(len(callers) / rate + 30)
    await asyncio.sleep(1)


def decisions(server: Server, since: float) -> dict[str, float]:
    """Return reservation -> when it was decided."""
    rows = server.rows("SELECT id, started_at FROM legs WHERE kind = 'agent' AND started_at >= ?", since * 1e6)
    return {row["id"]: row["started_at"] / 1e6 for row in rows}


def invites(phones: Sipp) -> dict[str, float]:
    """Return the id in the header -> when the INVITE came in at the phones."""
    return dict(_arrived(phones.messages()))


def _arrived(messages: Iterable[SipMessage]) -> Iterator[tuple[str, float]]:
    for message in messages:
        if message.first == "INVITE" and not message.sent and (found := _ID.search(message.text)):
            yield found[1], message.at


def tell_ways(report: Report, name: str, decided: dict[str, float], arrived: dict[str, float]) -> None:
    """Add one side's samples and percentiles."""
    ways = {one: 1000 * (arrived[one] - at) for one, at in decided.items() if one in arrived}
    report.add(name, [{"id": one, "decided": decided[one], "invite": arrived[one]} for one in ways])
    report.figure(f"{name}_calls", len(ways), "calls", at_least=0.95 * len(decided) if decided else 1)
    for percent in (50, 99):
        report.figure(f"{name}_p{percent}", percentile(list(ways.values()), percent), "ms")


# ------------------------------------------------------------------ the bare client


class BareClient:
    """As little as an AMI client can be: reads events line by line, writes an Originate per call that arrived."""

    def __init__(self, wire: socket.socket, endpoints: list[str]) -> None:
        self.decided: dict[str, float] = {}
        self._wire = wire
        self._endpoints = endpoints
        self._count = 0

    def read(self) -> None:
        """Read until the socket is closed."""
        rest = b""
        with contextlib.suppress(OSError):
            while data := self._wire.recv(65_536):
                *events, rest = (rest + data).split(b"\r\n\r\n")
                for event in events:
                    if b"UserEvent: CCArrived\r\n" in event and f"Dialed: {THEIRS}\r\n".encode() in event + b"\r\n":
                        self._ring(_field(event, b"Uniqueid"))

    def _ring(self, caller: str) -> None:
        self._count += 1
        one = f"bare-{self._count:08}-{caller}"
        endpoint = self._endpoints[self._count % len(self._endpoints)]
        self.decided[one] = time.time()
        variables = (f"CC_RES={one}", f"CC_CALLER={caller}", f"PJSIP_HEADER(add,{HEADER})={one}")
        lines = [
            *("Action: Originate", f"ActionID: {one}", f"Channel: PJSIP/{endpoint}", "Context: cc-bridge", "Exten: s"),
            *(
                "Priority: 1",
                "Timeout: 22000",
                "CallerID: +4930123456",
                "Async: true",
                f"ChannelId: {one}",
                f"Account: {caller}",
            ),
            *(f"Variable: {variable}" for variable in variables),
        ]
        self._wire.sendall("\r\n".join([*lines, "", ""]).encode())
        threading.Timer(0.3, self._hang_up, (one,)).start()

    def _hang_up(self, one: str) -> None:
        with contextlib.suppress(OSError):
            self._wire.sendall(f"Action: Hangup\r\nChannel: {one}\r\n\r\n".encode())


def _field(event: bytes, name: bytes) -> str:
    return event.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0].decode()


@contextlib.contextmanager
def bare_client(server: Server, endpoints: list[str]) -> Iterator[BareClient]:
    """A bare client signed in to the server's Asterisk, reading in a thread until the end of the block."""
    numbers = server.numbers
    with socket.create_connection(("127.0.0.1", numbers["ami_port"])) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        login = ("Action: Login", "Username: contactcenter", f"Secret: {numbers['ami_secret']}", "Events: on")
        wire.sendall("\r\n".join([*login, "", ""]).encode())
        client = BareClient(wire, endpoints)
        reader = threading.Thread(target=client.read)
        reader.start()
        yield client
        time.sleep(0.5)
        wire.shutdown(socket.SHUT_RDWR)
        reader.join(5)
