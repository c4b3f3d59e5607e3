"""From the caller's INVITE to the agent's INVITE: our router beside Asterisk's own app_queue, in one run.

Odd calls dial a number whose flow is one enqueue node; even calls dial an extension that goes straight into a native
queue with as many members of its own (strategy least recent, no announcements, no wrap-up, the same music). Agents on
both sides are phones of the same kind in one SIPp; they answer after half a second, callers leave 2.5 s after the PBX
answered them. The PBX answers both before an agent does: native in front of Queue() without waiting for RTP, ours
behind the flow, while the agent is being rung. Both INVITEs' times are those of SIPp's message logs, matched by the
caller's number.
"""

import asyncio
import re
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from cti.dialplan_names import HEADER_RESERVATION
from tests.benchmarks.lateness import lateness_beside
from tests.benchmarks.pop import read_legs, read_trace
from tests.benchmarks.report import Report, cpu_seconds, tell
from tests.rig.messages import SipMessage, number_of
from tests.rig.native_queues import NativeMember, NativeQueue, add_native_queues
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves
from tests.rig.server import AgentSeed, QueueSeed, Server, running_server
from tests.rig.sipp import Caller, desk_phones

OURS, NATIVE = "2000", "3000"
RATIO = 1.3
STAGES = ("invite", "newchannel", "seen", "asked", "decided", "alerted", "leg", "rung")
_RESERVATION = re.compile(rf"^{HEADER_RESERVATION}:\s*(\S+)", re.MULTILINE)


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=5.0, help="calls a second, half of them ours")
    parser.add_argument("--agents", type=int, default=20, help="on each side")
    parser.add_argument("--stages", action="store_true", help="run the server with a trace and tell ours by its parts")


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("queue_latency", vars(given))
    asyncio.run(_measure(given, report))
    return report


async def _measure(given: Namespace, report: Report) -> None:
    port = free_ports(1)
    contact = f"@127.0.0.1:{port}"
    agents = [AgentSeed(f"a{n}", str(1000 + n), {}, f"sip:p{n}{contact}") for n in range(given.agents)]
    members = [NativeMember(f"native-{n}", f"sip:n{n}{contact}") for n in range(given.agents)]
    count = round(given.seconds * given.rate)
    callers = [Caller(f"+4930{23_000_000 + n}", (OURS, NATIVE)[n % 2]) for n in range(count)]
    with tempfile.TemporaryDirectory(prefix="cc-queue-") as folder:
        work = Path(folder)
        async with (
            running_server(
                agents=agents,
                queues=[QueueSeed()],
                numbers={OURS: "direct"},
                program="tests.benchmarks.traced" if given.stages else "contactcenter",
                env={"CONTACTCENTER_TRACE": str(work / "trace.jsonl")},
            ) as server,
            desk_phones(work / "phones", {}, port=port, media_port=free_ports(4), others=Answers(after=0.5)) as phones,
        ):
            await add_native_queues(server, [NativeQueue("native", NATIVE, members)])
            await server.ready()
            tell("queue_latency: agents ready")
            warm = [Caller(f"+4940{n:06}", (OURS, NATIVE)[n % 2]) for n in range(20)]
            await call(server, work / "warm", warm, given.rate)
            before = [cpu_seconds(pid) for pid in (server.pid, server.pbx_pid or 0)]
            async with lateness_beside() as late:
                sent = await call(server, work / "calls", callers, given.rate)
            spent = [cpu_seconds(pid) - was for pid, was in zip((server.pid, server.pbx_pid or 0), before, strict=True)]
            told = phones.messages()
            rung = invites(told, sent=False)
            if given.stages:
                await server.stop()
                tell_stages(report, sent, rung, reservations(told), read_legs(server), read_trace(work / "trace.jsonl"))
    for name, dialed in (("ours", OURS), ("native", NATIVE)):
        tell_ways(report, name, {one.number for one in callers if one.dialed == dialed}, sent, rung)
    for percent in (50, 99):
        mine, theirs = (report.figures[f"{name}_p{percent}"].value or 0.0 for name in ("ours", "native"))
        report.figure(f"ours_to_native_p{percent}", mine / theirs if theirs else None, "ratio", at_most=RATIO)
    for name, seconds in zip(("server", "asterisk"), spent, strict=True):
        report.figure(f"cpu_{name}", 1000 * seconds / count, "ms a call of either kind")
    report.percentiles("idle_process_woken_late", late, "ms")


async def call(server: Server, folder: Path, callers: list[Caller], rate: float) -> dict[str, float]:
    """Let all call; caller's number -> when his INVITE was sent. Returns when every call is over."""
    async with server.customers(folder, callers, rate=rate, leaves=Leaves(after=2.5), media_port=33_000) as sipp:
        await sipp.wait_ended(len(callers) / rate + 30)
    await asyncio.sleep(1)
    return invites(sipp.messages(), sent=True)


def invites(messages: Iterable[SipMessage], *, sent: bool) -> dict[str, float]:
    """Return caller's number -> when the first INVITE under it was sent, or came in."""
    times: dict[str, float] = {}
    for message in messages:
        if message.first == "INVITE" and message.sent is sent:
            times.setdefault(number_of(message), message.at)
    return times


def tell_ways(report: Report, name: str, numbers: set[str], sent: dict[str, float], rung: dict[str, float]) -> None:
    """Add one side's samples and percentiles; a call whose agent was never rung is missing, and the bar says so."""
    ways = {one: 1000 * (rung[one] - sent[one]) for one in sorted(numbers) if one in rung and one in sent}
    report.add(name, [{"number": one, "sent": sent[one], "rung": rung[one]} for one in ways])
    report.figure(f"{name}_calls", len(ways), "calls", at_least=len(numbers))
    report.percentiles(name, list(ways.values()), "ms")


# ------------------------------------------------------------------ where the time of ours goes


def reservations(messages: Iterable[SipMessage]) -> dict[str, str]:
    """Return caller's number -> the reservation his agent was first rung for, which is that leg's id."""
    found: dict[str, str] = {}
    for message in messages:
        if message.first == "INVITE" and not message.sent and (reservation := _RESERVATION.search(message.text)):
            found.setdefault(number_of(message), reservation[1])
    return found


def tell_stages(
    report: Report,
    sent: Mapping[str, float],
    rung: Mapping[str, float],
    reserved: Mapping[str, str],
    legs: Mapping[str, tuple[str, str]],
    traced: Mapping[str, Mapping[str, float]],
) -> None:
    """Add ours by its parts: the caller's and the agent's channel have the instants of Asterisk's own events."""
    rows = []
    for number, reservation in reserved.items():
        if number in sent and number in legs:
            leg = traced.get(reservation, {}).get("newchannel")
            ends = {"invite": sent[number], "rung": rung[number], **({"leg": leg} if leg else {})}
            rows.append({**traced.get(legs[number][1], {}), **ends})
    whole = [row for row in rows if all(stage in row for stage in STAGES)]
    report.add("stages", whole)
    report.figure("stages_calls", len(whole), "calls", at_least=round(0.95 * len(rows)) or 1)
    for begin, end in pairwise(STAGES):
        parts = [1000 * (row[end] - row[begin]) for row in whole]
        report.percentiles(f"{begin}_to_{end}", parts, "ms", most=False)
