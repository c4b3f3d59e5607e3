"""The call flows in force: read from their files, and again when a file changes or what they name comes or goes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from contactcenter.core.tasks import TaskSupervisor
from contactcenter.queues.model import Queue
from ivr.announcements import Sentence
from ivr.documents import Problem
from ivr.flow import Flow
from ivr.loader import Flows, load_flows
from ivr.prompts import PromptFiles
from ivr.schema import Known

log = structlog.get_logger(__name__)

WATCH_SECONDS: Final = 2.0
SPEECH_WAITED_FOR: Final = 0.2  # seconds; queues and agents that changed too are not kept waiting for long texts
STANDARD: Final = Path(__file__).parents[1] / "config" / "flows" / "standard"
"""The flows that come with the program, to which queues send callers; a file of the same name stands in front."""
Stamp = tuple[tuple[str, int, int], ...]


class FlowFiles:
    """One folder of flows. ``find`` answers with the flow in force; a call under way keeps the one it began with."""

    def __init__(self, folder: Path, prompts: PromptFiles, tasks: TaskSupervisor) -> None:
        self.folder = folder
        self.prompts = prompts
        self.flows = Flows()
        self._tasks = tasks
        self._seen: tuple[Stamp, Known] | None = None
        self._spoken: asyncio.Task[None] | None = None
        self._besides: asyncio.Task[int] | None = None

    def find(self, name: str) -> Flow | None:
        """Return the flow in force under a name."""
        return self.flows.find(name)

    async def read(self, known: Known) -> None:
        """Read the folder unless nothing changed since; a refused file leaves its flow as it was."""
        seen = (await asyncio.to_thread(stamp, self.folder), known)
        if seen == self._seen:
            return
        flows = await asyncio.to_thread(with_standard, self.folder, self.flows, known)
        for problem in flows.errors:
            if problem not in self.flows.errors:
                log.error("flow-invalid", file=str(problem.file), line=problem.line, reason=problem.reason)
        is_first, self._seen = self._seen is None, seen
        if is_first:  # calls do not wait for speech; later a flow is in force once its texts are spoken
            self.flows = flows
        self._spoken = self._tasks.spawn("prompts", self._speak(flows, seen))
        if not is_first:
            await asyncio.wait({self._spoken}, timeout=SPEECH_WAITED_FOR)

    async def _speak(self, flows: Flows, seen: tuple[Stamp, Known]) -> None:
        """Take flows once their texts are spoken, unless the folder was read again meanwhile."""
        await self.prompts.prepare(flows.flows.values())
        if self._seen == seen:
            self.flows = flows

    def speak(self, sentences: Iterable[Sentence]) -> None:
        """Have sentences spoken that no flow has, in the background and one at a time; those that are, not again."""
        if self._besides is None or self._besides.done():
            texts = {pair for one in sentences for pair in one.texts.items()}
            self._besides = self._tasks.spawn("sentences", self.prompts.speak(texts, at_once=1))

    async def watch(self, changed: Callable[[], None]) -> None:
        """For ever: tell when a file is not what was read."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = await asyncio.to_thread(stamp, self.folder)
            if self._seen is None or now != self._seen[0]:
                changed()

    def degraded(self, named: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return what is wrong with the flows that are ``named`` (by whom), for health and screens."""
        return [
            {
                "code": "flow-invalid",
                "since": None,
                "fields": {"file": one.file, "line": one.line, "reason": one.reason},
            }
            for one in problems_in_use(self.flows, named)
        ]


def with_standard(folder: Path, previous: Flows, known: Known | None) -> Flows:
    """Read the folder's flows, with the standard ones behind them."""
    own, standard = load_flows(folder, previous, known), load_flows(STANDARD, known=known)
    return Flows({**standard.flows, **own.flows}, [*own.errors, *standard.errors], own.warnings, own.stale)


def named_by(dialed: Mapping[str, str], queues: Iterable[Queue]) -> dict[str, str]:
    """Return the flows that numbers (number -> flow) and active queues lead to, each with one who names it."""
    found = {flow: f"the number {number}" for number, flow in dialed.items()}
    for queue in queues:
        ways = (queue.when_closed, queue.when_full, queue.when_too_long, queue.when_nobody) if queue.is_active else ()
        found |= {way.flow: f"the queue {queue.name}" for way in ways if way is not None and way.flow}
    return found


def problems_in_use(flows: Flows, named: Mapping[str, str]) -> list[Problem]:
    """Return the problems of flows that are named, one without a file among them, and of the folder itself."""
    wrong = {Path(problem.file).stem for problem in flows.errors}
    found = [one for one in flows.errors if not one.file.endswith(".yaml") or Path(one.file).stem in named]
    return found + [
        Problem(f"{name}.yaml", 0, f"no such file, but {who} leads to it")
        for name, who in sorted(named.items())
        if name not in flows.flows and name not in wrong
    ]


def known_names(
    queues: Iterable[tuple[str, str]], skills: Iterable[str], has_sound: Callable[[str], bool] | None = None
) -> Known:
    """Return what flows may name: queues (id, name), skills by name, and the PBX's own sounds where they are known."""
    return Known(frozenset(name for queue in queues for name in queue), frozenset(skills), has_sound)


def stamp(folder: Path) -> Stamp:
    """Return what changes with the folder's flow files: name, time of change and size of each."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path.name, status.st_mtime_ns, status.st_size))
    return tuple(found)
