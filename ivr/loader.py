"""Flow files to flows: ``load_flow`` reads one, ``load_flows`` a folder, keeping what was good before.

A file is taken whole or not at all, and every error in it is told with file, line and reason. The format is described
in docs and by the flows in config/flows. Reading YAML safely is ``ivr.documents``; the nodes' keys are ``ivr.schema``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contactcenter.core.errors import Invalid
from ivr.documents import Problem, Problems, compose, read_text
from ivr.flow import Flow
from ivr.schema import NAME, FlowReader, Known

MAX_FLOWS = 500


class FlowError(Invalid):
    """A flow file is refused; ``problems`` are all its errors, ``fields`` the same for the wire."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        told = [{"file": one.file, "line": one.line, "reason": one.reason} for one in problems]
        super().__init__("flow-invalid", {"problems": told})
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows in force, by name, and what was found while reading them.

    ``stale`` names the flows that stand in their previous version because their file is refused now.
    """

    flows: Mapping[str, Flow] = field(default_factory=dict)
    errors: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    stale: frozenset[str] = frozenset()

    def find(self, name: str) -> Flow | None:
        """Return the flow called ``name``, or None."""
        return self.flows.get(name)


def load_flow(path: Path, known: Known | None = None) -> Flow:
    """Read one flow; its name is the file's, without extension.

    Raises:
        FlowError: with every error found.
    """
    flow, problems = check_flow(path, known)
    if flow is None:
        raise FlowError(sorted(problems.errors))
    return flow


def check_flow(path: Path, known: Known | None = None) -> tuple[Flow | None, Problems]:
    """Read one flow; None when ``problems.errors`` is not empty."""
    problems = Problems(path.name)
    if not NAME.fullmatch(path.stem):
        problems.error(0, f"the file's name {path.stem!r} cannot name a flow")
    text = read_text(path, problems)
    top = compose(text, problems) if text is not None else None
    flow = FlowReader(problems, known or Known()).flow(path.stem, top) if top is not None else None
    return (None if problems.errors else flow), problems


def load_flows(folder: Path, previous: Flows | None = None, known: Known | None = None) -> Flows:
    """Read every ``*.yaml`` of ``folder``. Never raises for a bad file: its flow stays as it was in ``previous``.

    A flow whose file is gone is gone. Where there was none before, one that only names what is not ``known`` is taken
    all the same: the rest of it serves callers.
    """
    before = previous.flows if previous else {}
    flows: dict[str, Flow] = {}
    errors: list[Problem] = []
    warnings: list[Problem] = []
    stale: set[str] = set()
    for path in _files(folder, errors):
        flow, problems = check_flow(path, known)
        errors += sorted(problems.errors)
        warnings += sorted(problems.warnings)
        if flow is None and path.stem in before:
            stale.add(path.stem)
            flow = before[path.stem]
        elif flow is None and known is not None:
            flow, _ = check_flow(path)
        if flow is not None:
            flows[path.stem] = flow
    return Flows(flows, tuple(errors), tuple(warnings), frozenset(stale))


def _files(folder: Path, errors: list[Problem]) -> list[Path]:
    if not folder.is_dir():
        errors.append(Problem(folder.name, 0, "no such folder"))
    paths = sorted(path for path in folder.glob("*.yaml") if path.is_file())
    if len(paths) > MAX_FLOWS:
        errors.append(Problem(folder.name, 0, f"more than {MAX_FLOWS} flows; the rest is left out"))
    return paths[:MAX_FLOWS]
