"""``contactcenter simulate``: days of a scenario or a trace under the router's rules and reference rules.

The simulator itself is ``routing.simulator``; here files are read and written and progress is told.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from contactcenter.core.errors import ContactCenterError, Unavailable
from routing.simulator.figures import Comparison, figures_of
from routing.simulator.pictures import picture
from routing.simulator.plans import Plan, PlanError
from routing.simulator.report import report
from routing.simulator.runs import OURS, Progress, compare, run_plan
from routing.simulator.scenario import Scenario, read_scenario
from routing.simulator.trace import line_of, read_trace

LONGEST_HOURS = 24 * 366
MOST_SEEDS = 10_000


class RuleName(StrEnum):
    """The rules one can ask for."""

    OURS = "ours"
    APP_QUEUE = "app-queue"
    STRICT = "strict"
    POOLED = "pooled"


Rules = Annotated[
    list[RuleName] | None, typer.Option("--rule", help="Repeat for several; the others are compared with the first.")
]


def simulate(
    scenario: Annotated[
        Path | None, typer.Option(help="A scenario file (YAML), for example config/scenarios/small.yaml.")
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="Callers and agents as they were: JSON lines.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write every decision about the trace to this file.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=LONGEST_HOURS, help="Length of a day of the scenario.")] = 8.0,
    seeds: Annotated[int, typer.Option(min=1, max=MOST_SEEDS, help="Days, each with callers of its own.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The first day's seed: the same gives the same callers.")] = 1,
    rule: Rules = None,
    within: Annotated[
        float | None, typer.Option(min=0, help="Seconds of the service level, in place of each queue's target.")
    ] = None,
    image: Annotated[Path | None, typer.Option("--picture", help="Draw the figures to this file (SVG).")] = None,
) -> None:
    """Simulate days of a contact center: ours beside reference rules, on the same callers."""
    if (scenario is None) == (trace is None):
        raise typer.BadParameter("give either --scenario or --trace")
    if out is not None and (trace is None or len(rule or [OURS]) > 1):
        raise typer.BadParameter("--out goes with --trace and one --rule")
    if trace is not None:
        plan = _plan(trace)
        with _progress() as progress:
            found = _traced(plan, [one.value for one in rule or [RuleName.OURS]], within, out, progress)
        title = trace.stem
    else:
        assert scenario is not None
        read = _scenario(scenario)
        with _progress() as progress:
            rules = [one.value for one in rule or RuleName]
            found = compare(read, rules, hours, range(seed, seed + seeds), within, progress)
        title = f"{scenario.stem}: {seeds} {'day' if seeds == 1 else 'days'} of {hours:g} h"
    print("\n".join([title, "", *report(found)]))
    if image is not None:
        _write(image, picture(found, title))


def _scenario(file: Path) -> Scenario:
    return read_scenario(_read(file), str(file))


def _plan(file: Path) -> Plan:
    return read_trace(_read(file).splitlines(), str(file))


def _traced(
    plan: Plan, rules: Sequence[str], within: float | None, out: Path | None, progress: Progress | None
) -> Comparison:
    if out is None:
        return {rule: [figures_of(run_plan(plan, rule, progress=progress), within)] for rule in rules}
    try:
        with out.open("wb") as stream:
            outcome = run_plan(plan, rules[0], None, lambda decision: _put(stream.write, decision), progress)
    except OSError as error:
        raise _not_written(out, error) from None
    return {rules[0]: [figures_of(outcome, within)]}


def _put(write: Callable[[bytes], int], decision: dict[str, Any]) -> None:
    write(line_of(decision))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PlanError(str(file), "-", f"cannot be read: {error.strerror}") from None


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_written(file, error) from None


def _not_written(file: Path, error: OSError) -> ContactCenterError:
    return Unavailable("file-not-written", {"file": str(file), "reason": error.strerror or type(error).__name__})


@contextmanager
def _progress(to: TextIO | None = None) -> Iterator[Progress | None]:
    """Yield what tells how far it is: one line of a terminal, which is gone at the end; nothing anywhere else."""
    stream = to or sys.stderr
    if not stream.isatty():
        yield None
        return
    try:
        yield lambda what, done, total: print(
            f"\r\x1b[K{what}: {done} of {total} callers", end="", file=stream, flush=True
        )
    finally:
        print("\r\x1b[K", end="", file=stream, flush=True)
