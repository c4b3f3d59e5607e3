"""CPU of our process per full call, beside Asterisk's own in the same run. No sound goes to Asterisk.

A full call: customer's INVITE, flow with one enqueue node, an agent's desk phone (SIPp) rings and answers after 0.1 s,
both talk 1 to 2 s, one of them hangs up, the journal is written; the agent's desktop shows all of it on its socket.
CPU is utime + stime of each process (all threads) from before the first call until everything is committed, divided
by the calls that ended answered. The calls before (``warm``) are not counted.
"""

import asyncio
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.desktops import open_desktops
from tests.benchmarks.report import Report, cpu_seconds, tell
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves
from tests.rig.server import AgentSeed, QueueSeed, Server, running_server
from tests.rig.sipp import Caller, desk_phones

NUMBER = "2000"
MEDIA = 33_000
LEAVES = Leaves(after=2.0)
PATIENT, BRISK = Answers(after=0.1), Answers(after=0.1, talk=1.2)
SETTLE = 20.0
SHARE, MILLISECONDS = 0.7, 6.0


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--warm", type=int, default=150, help="calls before the measured ones")


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("call_cpu", vars(given))
    asyncio.run(_measure(given, report))
    return report


async def _measure(given: Namespace, report: Report) -> None:
    ports = free_ports(2)
    agents = [
        AgentSeed(f"a{n}", str(1000 + n), contact=f"sip:p{n}@127.0.0.1:{ports + n % 2}", name=f"Agent {n}")
        for n in range(given.agents)
    ]
    callers = people(round(given.rate * given.seconds))
    with tempfile.TemporaryDirectory(prefix="cc-cpu-") as folder:
        work = Path(folder)
        async with (
            running_server(agents=agents, queues=[QueueSeed()], customers=known(callers)) as server,
            desk_phones(work / "patient", {}, port=ports, media_port=free_ports(4), others=PATIENT),
            desk_phones(work / "brisk", {}, port=ports + 1, media_port=free_ports(4), others=BRISK),
            open_desktops(server, [one.login for one in agents]) as desktops,
        ):
            tell(f"call_cpu: {len(agents)} desktops open")
            await calls(server, work / "warm", callers[: given.warm], given.rate)
            await _counted(server, work / "calls", callers, given, report)
        report.figure("pops", desktops.counts["pops"], "pops", at_least=len(callers))


def people(count: int) -> list[Caller]:
    """One caller per call, every number its own."""
    return [Caller(f"+4930{23_000_000 + n}", NUMBER) for n in range(count)]


def known(callers: Sequence[Caller]) -> list[dict[str, object]]:
    """Half of the callers are customers we know."""
    return [{"name": f"Customer {n}", "numbers": [one.number]} for n, one in enumerate(callers) if n % 2]


async def calls(server: Server, folder: Path, callers: Sequence[Caller], rate: float) -> None:
    """Let all call; return when all is over and committed, or not within ``SETTLE`` seconds (the figures tell)."""
    before = over(server)
    async with server.customers(folder, callers, leaves=LEAVES, rate=rate, media_port=MEDIA) as sipp:
        await sipp.wait_ended(len(callers) / rate + 30)
    deadline = time.monotonic() + SETTLE
    while over(server) < before + len(callers) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)


def over(server: Server) -> int:
    """Interactions with nothing left to happen, as committed."""
    return int(server.rows("SELECT count(*) AS n FROM interactions WHERE is_over")[0]["n"])


async def _counted(server: Server, folder: Path, callers: Sequence[Caller], given: Namespace, report: Report) -> None:
    pids = {"ours": server.pid, "asterisk": server.pbx_pid or 0}
    since = time.time()
    watch = asyncio.get_running_loop().create_task(_watch(pids, report))
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    await calls(server, folder, callers, given.rate)
    spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    took = time.time() - since
    watch.cancel()
    query = "SELECT outcome, count(*) AS n FROM interactions WHERE arrived_at >= ? GROUP BY outcome"
    outcomes = {row["outcome"]: row["n"] for row in server.rows(query, since * 1e6)}
    full = outcomes.get("answered", 0)
    report.sample(kind="total", spent=spent, outcomes=outcomes, seconds=took)
    ours, theirs = (1000 * spent[name] / max(1, full) for name in ("ours", "asterisk"))
    report.figure("full_calls", full, "calls", at_least=0.99 * len(callers))
    report.figure("calls_per_second", len(callers) / took, "1/s")
    report.figure("asterisk_ms_per_call", theirs, "ms")
    report.figure("ours_ms_per_call", ours, "ms", at_most=MILLISECONDS)
    report.figure("ours_of_asterisk", ours / theirs, "ratio", at_most=SHARE)
    report.figure("server_memory", server.memory(), "MiB")


async def _watch(pids: dict[str, int], report: Report) -> None:
    """One sample a second."""
    while True:
        report.sample(kind="cpu", at=time.time(), **{name: cpu_seconds(pid) for name, pid in pids.items()})
        await asyncio.sleep(1)
