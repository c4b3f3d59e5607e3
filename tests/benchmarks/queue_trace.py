"""The same trace of calls through our router and through app_queue, in the same minutes of one real Asterisk.

Poisson arrivals in two languages, each caller with a patience and a talk time; a staff a side of which some speak one
language, some both. app_queue has a queue for each language, strategy least recent, members of both languages with
penalty 1; ours has a queue for each that asks for the skill. Phones answer after the same second on both sides, wrap-up
is as long on average: app_queue counts it by the clock's whole seconds, of its 2 s an agent has about 1.5, which ours
is given; ``pause_between_calls`` tells what came of it where somebody waited. Times are a thirtieth or so of a real
day's; the second after which app_queue looks again is not.

Service level: answered (the phone's 200 OK) within ``--within`` seconds of the caller's INVITE / all offered. A call
waits beside an idle agent while an agent who speaks its language has no call and no wrap-up, by the phones' logs.
"""

import asyncio
import tempfile
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.report import Report, tell
from tests.rig.queue_traces import Plan, Side, play_trace

MARGIN = 2.0  # points of service level
IDLE_MOST = 0.5  # seconds: signalling both ways, and what a shared machine holds up


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    plan = Plan()
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--calls", type=int, default=plan.calls, help="on each side")
    parser.add_argument("--agents", type=int, default=plan.agents, help="on each side")
    parser.add_argument("--load", type=float, default=plan.load, help="work offered / staff")
    parser.add_argument("--within", type=float, default=3.0, help="seconds of the service level")


def run(given: Namespace) -> Report:
    """Measure."""
    plan = Plan(seed=given.seed, calls=given.calls, agents=given.agents, load=given.load)
    report = Report("queue_trace", {**asdict(plan), "within": given.within, "rate": round(plan.rate, 3)})
    tell(f"queue_trace: {plan.calls} calls a side at {plan.rate:.2f}/s")
    with tempfile.TemporaryDirectory(prefix="cc-trace-") as folder:
        sides = asyncio.run(play_trace(plan, Path(folder)))
    for name, side in sides.items():
        tell_side(report, name, side, given.within)
    lost = report.figures["native_service_level"].value or 0.0, report.figures["ours_service_level"].value or 0.0
    report.figure("service_level_below_native", lost[0] - lost[1], "points", at_most=MARGIN)
    return report


def tell_side(report: Report, name: str, side: Side, within: float) -> None:
    """Add one side's samples and figures; bars only where they are ours."""
    is_ours = name == "ours"
    beside = side.left_waiting()
    report.add(
        name, [{**asdict(one), "beside_idle": round(idle, 4)} for one, idle in zip(side.calls, beside, strict=True)]
    )
    report.add(f"{name}_alert", (asdict(one) for one in side.alerts))
    report.notes += [f"{name}: {one}" for one in side.problems[:10]]
    report.figure(f"{name}_calls", len(side.calls), "calls", at_least=side.plan.calls)
    report.figure(f"{name}_problems", len(side.problems), "problems", at_most=0 if is_ours else None)
    report.figure(f"{name}_service_level", side.service_level(within), "%")
    answered = side.answered
    report.figure(f"{name}_speed_of_answer", sum(answered) / len(answered) if answered else None, "s")
    report.percentiles(f"{name}_wait_of_answered", answered, "s")
    report.figure(f"{name}_abandoned", side.abandoned, "%")
    report.figure(f"{name}_waited_beside_idle_max", max(beside), "s", at_most=IDLE_MOST if is_ours else None)
    pauses = side.pauses()
    report.figure(f"{name}_pause_between_calls", sum(pauses) / len(pauses) if pauses else None, "s")
