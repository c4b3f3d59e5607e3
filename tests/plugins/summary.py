"""The end of every run: what was left out and why, seconds per folder, the slowest tests.

With ``CI=true`` a run in which something was left out (skipped, deselected, expected to fail) is a failed run.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import pytest

SLOWEST = 20


class Summary:
    """Collects reports; under xdist only the controlling process shows them."""

    def __init__(self) -> None:
        self.left_out: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            self.left_out["deselected", "by the command line"].add(item.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.left_out["skipped", _reason(report.longrepr)].add(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if hasattr(report, "wasxfail"):
            self.left_out["xfailed" if report.skipped else "xpassed", report.wasxfail].add(report.nodeid)
        elif report.skipped:
            self.left_out["skipped", _reason(report.longrepr)].add(report.nodeid)

    def folders(self) -> dict[str, tuple[int, float]]:
        """Return (tests, seconds) of every folder, two levels deep."""
        found: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        for nodeid, seconds in self.seconds.items():
            parts = PurePosixPath(nodeid.partition("::")[0]).parent.parts[:3]
            count, total = found["/".join(parts)]
            found["/".join(parts)] = count + 1, total + seconds
        return found

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        write("")
        for folder, (count, seconds) in sorted(self.folders().items()):
            write(f"{seconds:8.1f} s  {count:5d} tests  {folder}")
        slowest = sorted(self.seconds.items(), key=lambda pair: -pair[1])[:SLOWEST]
        write(f"the {len(slowest)} slowest:")
        for nodeid, seconds in slowest:
            write(f"{seconds:8.2f} s  {nodeid}")
        for (how, why), names in sorted(self.left_out.items()):
            write(f"{how.upper()} {len(names)}: {why}")
            for name in sorted(names)[:5]:
                write(f"    {name}")
            if len(names) > 5:
                write(f"    and {len(names) - 5} more")
        if not self.left_out:
            write("nothing was skipped, deselected or expected to fail")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """What a worker left out while collecting reaches us here only."""
        for how, why, names in getattr(node, "workeroutput", {}).get("left_out", []):
            self.left_out[how, why].update(names)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if hasattr(session.config, "workeroutput"):
            told = [(how, why, sorted(names)) for (how, why), names in self.left_out.items()]
            session.config.workeroutput["left_out"] = told
        elif self.left_out and os.environ.get("CI") == "true" and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _reason(longrepr: object) -> str:
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return text.removeprefix("Skipped: ")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Summary(), "contactcenter-summary")
