"""Makes the pages that list what the source declares: errors, events, phases of a call.  Run: python -m tests.docs"""

import ast
import dataclasses
import importlib
import inspect
import re
from collections import defaultdict
from pathlib import Path

from contactcenter.core import errors
from contactcenter.core.events import Event, kinds
from contactcenter.interactions.model import PHASES, Phase, Step
from tests.source import ROOT, modules

ERRORS, EVENTS, PHASES_PAGE = ROOT / "docs/errors.md", ROOT / "docs/events.md", ROOT / "docs/phases.md"
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CLASSES = {name for name, value in vars(errors).items() if inspect.isclass(value)} | {"Failure"}


def error_codes() -> dict[str, dict[str, set[str]]]:
    """Return code -> error class -> modules that raise it."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for module in modules():
        for name, call in module.calls:
            kind = "a class of its own" if name == "super().__init__" else name.rpartition(".")[2]
            code = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
            if kind in {*_CLASSES, "a class of its own"} and isinstance(code, str) and _KEBAB.fullmatch(code):
                found[code][kind].add(module.name)
    return found


def errors_page() -> str:
    lines = [
        "# Error codes",
        "",
        "Codes are stable. What a person reads is a translated text found by the code; what a program gets is",
        '`{"error": {"code", "fields"}}` with the status of the class (`contactcenter/core/web/errors.py`).',
        "Made from the source by `python -m tests.docs`; do not edit.",
        "",
        "| code | class | raised in |",
        "|---|---|---|",
    ]
    for code, classes in sorted(error_codes().items()):
        where = sorted({name for names in classes.values() for name in names})
        lines.append(f"| `{code}` | {', '.join(sorted(classes))} | {', '.join(where)} |")
    return "\n".join(lines) + "\n"


def all_events() -> dict[str, type[Event]]:
    """Import every room's model and return the registered events."""
    for module in modules():
        if "@event(" in module.text and module.path.endswith("model.py"):
            importlib.import_module(module.name)
    return {kind: cls for kind, cls in kinds().items() if not cls.__module__.startswith(("tests", "test_"))}


def events_page() -> str:
    lines = [
        "# Events",
        "",
        "What the journal (`events` table) holds, each numbered in commit order. Events hold ids and codes only, never",
        "a number, a name or a text. Made from the source by `python -m tests.docs`; do not edit.",
        "",
        "| kind | about | fields | meaning |",
        "|---|---|---|---|",
    ]
    for kind, cls in sorted(all_events().items()):
        names = ", ".join(f"`{one.name}`" for one in dataclasses.fields(cls))  # type: ignore[arg-type]
        meaning = (inspect.getdoc(cls) or "").splitlines()[0].replace("|", "\\|")
        lines.append(f"| `{kind}` | `{cls.subject_field}` | {names} | {meaning} |")
    return "\n".join(lines) + "\n"


def phases_page() -> str:
    words = dict(re.findall(r'^    [A-Z_]+ = "([a-z-]+)"  # (.+)$', inspect.getsource(Phase), re.MULTILINE))
    lines = [
        "# The phases of a call",
        "",
        "An interaction is in exactly one phase; a step that has no row here is refused, counted, and changes nothing",
        "(`contactcenter/interactions/model.py`). Made from the source by `python -m tests.docs`; do not edit.",
        "",
        f"| phase | | {' | '.join(f'`{step}`' for step in Step)} |",
        f"|---|---|{'---|' * len(Step)}",
    ]
    for phase in Phase:
        following = (PHASES.get((phase, step), "") for step in Step)
        lines.append(f"| `{phase}` | {words.get(phase, '')} | {' | '.join(following)} |")
    lines += [
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> flow",
        *(f"    {phase} --> {after}: {step}" for (phase, step), after in PHASES.items() if phase is not after),
        "    ended --> [*]",
        "```",
        "",
        "A leg dies: the customer's is `caller-left` in every phase. The agent's is `parted` while he talks or holds;",
        "while it rings the router tries the next agent, `alert-over`. Where no bridge ties the two together, on hold,",
        "the other leg is hung up by us.",
    ]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(ERRORS, errors_page())
    write(EVENTS, events_page())
    write(PHASES_PAGE, phases_page())
