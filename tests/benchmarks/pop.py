"""From a customer's INVITE to his card in the DOM of a real Chromium, at 20 calls/s with 500 desktops.

A share of the calls dials a number whose queue only the browser's agent serves; his phone rings and the customer hangs
up 0.05 s after he hears music, so one page gets hundreds of pops, each after the one before is over. The other calls go
to 499 agents, are answered after 0.5 s and talk. Each flow is one enqueue node; every customer is known.

All clocks are this machine's: SIPp's message log (microseconds), Asterisk's event timestamps, the server's trace
(``traced.py``), the page's ``performance.timeOrigin + performance.now()`` (its offset is measured and told). The end is
the mutation after which the hero shows this interaction under the customer's name and the card carries it, too.
"""

import asyncio
import contextlib
import json
import re
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.benchmarks.desktops import open_desktops
from tests.benchmarks.lateness import lateness_beside
from tests.benchmarks.report import Report, cpu_seconds, tell
from tests.benchmarks.stores import KINDS, database
from tests.rig.browser import browser_pids, opened_page, running_browser
from tests.rig.messages import SipMessage
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves, Rings
from tests.rig.server import AgentSeed, QueueSeed, Server, running_server
from tests.rig.sipp import Caller, Sipp, desk_phones

SHARE = 0.27  # of the calls go to the browser
WATCHED, CROWD = "2001", "2000"
HOOK = Path(__file__).with_name("page.js")
P99 = {"sqlite": 30.0, "postgres": 50.0}
STATIONS = ("invite", "newchannel", "seen", "asked", "decided", "alerted", "sent", "frame", "hero", "card")
_FROM = re.compile(r"^From:.*?<sip:(\+?\d+)@", re.MULTILINE)


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--on", choices=KINDS, default="sqlite")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--desktops", type=int, default=499)
    parser.add_argument("--warm", type=float, default=5.0, help="seconds of calls before the measured ones")


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("pop", vars(given))
    asyncio.run(_measure(given, report))
    return report


async def _measure(given: Namespace, report: Report) -> None:
    ports = free_ports(2)
    crowd = [
        AgentSeed(f"a{n}", str(1000 + n), {"crowd": 1}, f"sip:p{n}@127.0.0.1:{ports}", name=f"Agent {n}")
        for n in range(given.desktops)
    ]
    watched = AgentSeed("watched", "9000", {"watched": 1}, f"sip:w@127.0.0.1:{ports + 1}", name="Wanda Watched")
    pops, others = callers(given)
    names = {one.number: f"Customer {n}" for n, one in enumerate([*pops, *others])}
    with tempfile.TemporaryDirectory(prefix="cc-pop-") as folder:
        work = Path(folder)
        async with (
            database(given.on) as url,
            running_server(
                agents=[*crowd, watched],
                database=url,
                queues=[QueueSeed(skills={"crowd": 1}), QueueSeed("watched", skills={"watched": 1})],
                numbers={CROWD: "direct", WATCHED: "watched"},
                customers=[{"name": name, "numbers": [number]} for number, name in names.items()],
                flows=flows(work),
                program="tests.benchmarks.traced",
                env={"CONTACTCENTER_TRACE": str(work / "trace.jsonl")},
            ) as server,
            desk_phones(work / "crowd", {}, port=ports, media_port=free_ports(4), others=Answers(after=0.5)),
            desk_phones(work / "watched", {}, port=ports + 1, media_port=free_ports(4), others=Rings()),
            open_desktops(server, [one.login for one in crowd]) as desktops,
            running_browser() as browser,
            opened_page(browser, base_url=server.url) as window,
        ):
            await open_desk(server, window.page)
            report.settings["page_clock_offset_ms"] = await clock_offset(window.page)
            tell(f"pop: {given.desktops} desktops and a browser are open")
            calls = given.warm * given.rate
            warm, warm_others = round(calls * SHARE), round(calls * (1 - SHARE))
            async with calling(server, work / "warm", pops[:warm], others[:warm_others], given.rate):
                pass
            await window.page.evaluate("seen.frames = []; seen.shown = []")
            spent = Spent({"server": [server.pid], "asterisk": [server.pbx_pid or 0], "desktops": [desktops.pid]})
            spent.add("chromium", browser_pids())
            async with (
                lateness_beside() as late,
                calling(server, work / "calls", pops[warm:], others[warm_others:], given.rate) as sent,
            ):
                spent.tell(report)
            shown = await window.page.evaluate("({frames: seen.frames, shown: seen.shown})")
            report.notes += window.errors[:5]
            await server.stop()
            invites = [invited(sipp.messages()) for sipp in sent]
            traced = read_trace(work / "trace.jsonl")
            legs = read_legs(server)
        report.settings["desktops_seen"] = desktops.counts
    tell_pops(report, samples(invites[0], names, legs, traced, shown))
    tell_decisions(report, invites[0] | invites[1], legs, traced)
    report.add("late", [{"ms": one} for one in late])
    report.percentiles("idle_process_woken_late", late, "ms")


# ------------------------------------------------------------------ calls


def callers(given: Namespace) -> tuple[list[Caller], list[Caller]]:
    """Return those who call the browser's agent and the others; each call has a number of its own."""
    count = round((given.seconds + given.warm) * given.rate)
    numbers = [(f"+4930{23_000_000 + n}", int((n + 1) * SHARE) > int(n * SHARE)) for n in range(count)]
    pops = [Caller(number, WATCHED) for number, is_pop in numbers if is_pop]
    return pops, [Caller(number, CROWD) for number, is_pop in numbers if not is_pop]


def flows(folder: Path) -> Path:
    """Write the two flows of one enqueue node each."""
    place = folder / "flows"
    place.mkdir()
    for name, queue in (("direct", "support"), ("watched", "watched")):
        (place / f"{name}.yaml").write_text(f"start: queue\nnodes:\n  queue: {{kind: enqueue, queue: {queue}}}\n")
    return place


@contextlib.asynccontextmanager
async def calling(
    server: Server, folder: Path, pops: Sequence[Caller], others: Sequence[Caller], rate: float
) -> AsyncIterator[list[Sipp]]:
    """Let all of them call; the block is entered when every call is over."""
    limit = (len(pops) + len(others)) / rate + 30
    brief, long = {"leaves": Leaves(after=0.05)}, {"leaves": Leaves(after=2.5)}
    async with (
        server.customers(folder / "pops", pops, rate=rate * SHARE, media_port=33_000, **brief) as first,
        server.customers(folder / "others", others, rate=rate * (1 - SHARE), media_port=40_000, **long) as second,
    ):
        await asyncio.gather(first.wait_ended(limit), second.wait_ended(limit))
        await asyncio.sleep(1)
        yield [first, second]


class Spent:
    """CPU of groups of processes since its making: who shares the machine with whom."""

    def __init__(self, pids: dict[str, list[int]]) -> None:
        self._began = time.monotonic()
        self._before: dict[str, dict[int, float]] = {}
        for name, some in pids.items():
            self.add(name, some)

    def add(self, name: str, pids: list[int]) -> None:
        """Count these processes, too."""
        self._before[name] = {pid: cpu_seconds(pid) for pid in pids}

    def tell(self, report: Report) -> None:
        """Add each group's share of one core."""
        took = time.monotonic() - self._began
        for name, before in self._before.items():
            spent = sum(cpu_seconds(pid) - was for pid, was in before.items() if Path(f"/proc/{pid}").exists())
            report.figure(f"cores_{name}", spent / took, "cores")


# ------------------------------------------------------------------ the page


async def open_desk(server: Server, page: Page) -> None:
    """Open the watched agent's desk with the clock hooks and make him ready."""
    session = await server.login("watched")
    cookies = [{"name": one.key, "value": one.value, "url": server.url} for one in session.cookie_jar]
    await page.context.add_cookies(cookies)  # type: ignore[arg-type]
    await page.add_init_script(path=HOOK)
    await page.goto("/desk")
    await server.ready("watched")
    await page.wait_for_selector('[data-testid="hero"]', state="attached")
    await asyncio.sleep(2)


async def clock_offset(page: Page) -> float:
    """Return how far the page's clock is ahead of ours in milliseconds, as the quickest of 30 questions tells."""
    best = (float("inf"), 0.0)
    for _ in range(30):
        asked = time.time()
        theirs = await page.evaluate("seen.now()")
        answered = time.time()
        best = min(best, (answered - asked, theirs - 500 * (asked + answered)))
    return round(best[1], 3)


# ------------------------------------------------------------------ putting it together


def invited(messages: Iterable[SipMessage]) -> dict[str, float]:
    """Return caller's number -> when his first INVITE was sent."""
    times: dict[str, float] = {}
    for message in messages:
        if message.sent and message.first == "INVITE" and (found := _FROM.search(message.text)):
            times.setdefault(found[1], message.at)
    return times


def read_trace(path: Path) -> dict[str, dict[str, float]]:
    """Return leg -> station -> its first instant."""
    stations: dict[str, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        station, leg, at = json.loads(line)
        stations.setdefault(leg, {}).setdefault(station, at)
    return stations


def read_legs(server: Server) -> dict[str, tuple[str, str]]:
    """Return caller's number -> interaction and caller's leg."""
    rows = server.rows("SELECT caller_number, id, leg_id FROM interactions")
    return {row["caller_number"]: (row["id"], row["leg_id"]) for row in rows}


def samples(
    invites: dict[str, float],
    names: dict[str, str],
    legs: dict[str, tuple[str, str]],
    traced: dict[str, dict[str, float]],
    shown: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return one row per call to the browser: its stations as epoch seconds, as far as it got."""
    frames: dict[str, float] = {}
    for at, data in shown["frames"]:
        for key in json.loads(data)["slots"]:
            frames.setdefault(key.removeprefix("work:"), at / 1000)
    heroes: dict[tuple[str, str], float] = {}
    cards: dict[tuple[str, str], float] = {}
    for at, interaction, title, card in shown["shown"]:
        heroes.setdefault((interaction, title), at / 1000)
        if card == title:
            cards.setdefault((interaction, card), at / 1000)
    rows = []
    for number, invite in invites.items():
        interaction, leg = legs.get(number, ("", ""))
        mine = (interaction, names[number])
        server = traced.get(leg, {}) | traced.get(interaction, {})
        row = {"number": number, "interaction": interaction, "invite": invite, **server}
        page = {"frame": frames.get(interaction), "hero": heroes.get(mine), "card": cards.get(mine)}
        rows.append(row | {name: at for name, at in page.items() if at is not None})
    return rows


def tell_pops(report: Report, rows: list[dict[str, Any]]) -> None:
    """Add the whole way and its parts, in milliseconds."""
    report.add("pop", rows)
    whole = [row for row in rows if all(station in row for station in STATIONS)]
    report.figure("calls_to_the_browser", len(rows), "calls")
    report.figure("pops", len(whole), "pops", at_least=min(300, round(0.99 * len(rows))))
    waited = [row for row in whole if row["decided"] - row["asked"] > 0.05]
    report.figure("pops_that_waited_for_the_agent", len(waited), "pops")
    ways = [1000 * (row["card"] - row["invite"]) for row in whole]
    report.percentiles("invite_to_card", ways, "ms", {50: 15.0, 99: P99[report.settings["on"]]})
    report.percentiles("invite_to_hero", [1000 * (row["hero"] - row["invite"]) for row in whole], "ms")
    for begin, end in pairwise(STATIONS):
        parts = [1000 * (row[end] - row[begin]) for row in whole]
        report.percentiles(f"{begin}_to_{end}", parts, "ms", most=False)


def tell_decisions(
    report: Report,
    invites: dict[str, float],
    legs: dict[str, tuple[str, str]],
    traced: dict[str, dict[str, float]],
) -> None:
    """Add how long the process needs from the event that asks for an agent (the flow's request) to the decision."""
    mine = [traced.get(legs[number][1], {}) for number in invites if number in legs]
    took = [1000 * (one["decided"] - one["asked"]) for one in mine if {"asked", "decided"} <= one.keys()]
    report.add("decision", [{"ms": round(one, 4)} for one in took])
    report.figure("decisions", len(took), "decisions", at_least=0.99 * len(invites))
    report.percentiles("ring_event_to_decision", took, "ms", {99: 2.0})
