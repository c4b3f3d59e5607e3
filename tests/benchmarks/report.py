"""What a benchmark hands over: figures with their bars, and every raw sample with the settings in a file.

The file (``$OUT/NAME.jsonl``) begins with one line of settings and machine, then one line per sample; each figure can
be computed again from it. The line that is printed holds the figures, the bars and whether each holds.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; without a bar it is told only."""

    value: float | None
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the bar is met; a value that could not be measured meets none."""
        if self.value is None:
            return self.at_most is None and self.at_least is None
        over = self.at_most is not None and self.value > self.at_most
        under = self.at_least is not None and self.value < self.at_least
        return not over and not under

    def line(self) -> dict[str, Any]:
        """The figure as it is printed."""
        bars = {name: bar for name in ("at_most", "at_least") if (bar := getattr(self, name)) is not None}
        value = None if self.value is None else float(f"{self.value:.4g}") if self.value < 1000 else round(self.value)
        return {"value": value, "unit": self.unit, **bars, **({"holds": self.holds} if bars else {})}


class Report:
    """Collects one run."""

    def __init__(self, name: str, settings: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.settings = dict(settings or {})
        self.figures: dict[str, Figure] = {}
        self.samples: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._noise = Noise()
        self._began_at = datetime.now(UTC)

    def figure(
        self,
        name: str,
        value: float | None,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Add a figure, with a bar or without."""
        self.figures[name] = Figure(value, unit, at_most, at_least)

    def percentiles(
        self,
        name: str,
        values: Sequence[float],
        unit: str,
        bars: Mapping[int, float] | None = None,
        *,
        most: bool = True,
    ) -> None:
        """Add p50, p99 (and whichever have a bar) of a series, and its maximum."""
        for percent in sorted({50, 99, *(bars or {})}):
            self.figure(f"{name}_p{percent}", percentile(values, percent), unit, at_most=(bars or {}).get(percent))
        if most:
            self.figure(f"{name}_max", max(values, default=None), unit)

    def sample(self, **row: Any) -> None:
        """Keep one raw sample."""
        self.samples.append(row)

    def add(self, kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep raw samples of one kind."""
        self.samples.extend({"kind": kind, **row} for row in rows)

    @property
    def holds(self) -> bool:
        """Whether every bar is met."""
        return all(figure.holds for figure in self.figures.values())

    def finish(self, out: Path) -> dict[str, Any]:
        """Write the samples to ``out`` and return the line to print."""
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{self.name}.jsonl"
        head = {
            "benchmark": self.name,
            "at": self._began_at.isoformat(timespec="seconds"),
            "settings": self.settings,
            "machine": {**machine(), **self._noise.told()},
        }
        if self.notes:
            head["notes"] = self.notes
        with path.open("w") as lines:
            for row in (head, *self.samples):
                lines.write(json.dumps(row, separators=(",", ":"), default=str) + "\n")
        figures = {name: figure.line() for name, figure in self.figures.items()}
        return {**head, "holds": self.holds, "figures": figures, "samples": str(path)}


def out_folder() -> Path:
    """Where samples go: ``$OUT``, else a folder of this run in the temporary one."""
    given = os.environ.get("OUT")
    return Path(given) if given else Path(tempfile.mkdtemp(prefix="cc-benchmark-"))


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that at least ``percent`` % of the values do not exceed (nearest rank)."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(0, int(rank) - 1)]


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in cpu.splitlines() if line.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().partition("MemTotal:")[2].split()[0])
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


class Noise:
    """How much of the machine was used while a benchmark ran, by everybody: a shared machine shows here."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._began = _jiffies()

    def told(self) -> dict[str, Any]:
        """Return the load at the beginning, and the shares of all cores that were busy and stolen since."""
        spent = [now - before for now, before in zip(_jiffies(), self._began, strict=True)]
        total = sum(spent) or 1
        idle = spent[3] + spent[4]
        busy, stolen = round((total - idle) / total, 3), round(spent[7] / total, 3)
        return {"load_before": round(self._load, 2), "busy_share": busy, "stolen_share": stolen}


def _jiffies() -> list[int]:
    return [int(one) for one in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process (all its threads) has used so far, user and system, in seconds (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tell(text: str) -> None:
    """Say what is going on; the one line of stdout is the result."""
    print(text, file=sys.stderr, flush=True)
