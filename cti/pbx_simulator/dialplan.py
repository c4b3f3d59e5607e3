"""An extensions.conf, read: contexts, extensions with patterns, priorities and labels. Pure.

Source: https://docs.asterisk.org, "Dialplan", "Pattern Matching".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_LINE: Final = re.compile(
    r"(?:exten\s*=>\s*(?P<exten>[^,]+),|same\s*=>\s*)(?P<priority>1|n)(?:\((?P<label>\w+)\))?,(?P<app>\w+)"
    r"\((?P<data>.*)\)\s*$"
)
_CONTEXT: Final = re.compile(r"\[(?P<name>[\w-]+)\]\s*$")
_CLASSES: Final = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


@dataclass(frozen=True, slots=True)
class Step:
    """One priority: an application and its arguments, not yet substituted."""

    application: str
    data: str
    label: str = ""


@dataclass(slots=True)
class Extension:
    """An extension or a pattern of them; ``steps[0]`` is priority 1."""

    name: str
    steps: list[Step] = field(default_factory=list)

    def matches(self, exten: str) -> bool:
        """Whether ``exten`` is handled here."""
        return _pattern(self.name[1:]).fullmatch(exten) is not None if self.name[0] == "_" else self.name == exten

    def priority(self, text: str) -> int | None:
        """Return the number of a priority given as a number or a label; None when there is no such."""
        if text.isdigit():
            return int(text) if 1 <= int(text) <= len(self.steps) else None
        return next((number for number, step in enumerate(self.steps, 1) if step.label == text), None)


def _pattern(text: str) -> re.Pattern[str]:
    pieces = re.findall(r"\[[^\]]*\]|.", text)
    return re.compile("".join(one if one[0] == "[" else _CLASSES.get(one, re.escape(one)) for one in pieces), re.DOTALL)


class Dialplan:
    """Contexts by name. A line that is not understood is a fault of the text: ValueError, at once."""

    def __init__(self, text: str) -> None:
        self.contexts: Mapping[str, Sequence[Extension]] = _read(text)

    def find(self, context: str, exten: str) -> Extension | None:
        """Return the extension that handles ``exten``; one named exactly goes before a pattern."""
        found = [one for one in self.contexts.get(context, ()) if one.matches(exten)]
        return min(found, key=lambda one: one.name[0] == "_", default=None)

    def step(self, context: str, exten: str, priority: int) -> Step | None:
        """Return what stands at a place; None behind its end."""
        extension = self.find(context, exten)
        return extension.steps[priority - 1] if extension and 1 <= priority <= len(extension.steps) else None


def _read(text: str) -> dict[str, list[Extension]]:
    contexts: dict[str, list[Extension]] = {}
    context = ""
    for line in text.split("\n"):
        if not (line := line.strip()) or line.startswith(";"):
            continue
        if (name := _CONTEXT.match(line)) is not None:
            context = name["name"]
            contexts[context] = []
            continue
        found = _LINE.match(line)
        if found is None or not context:
            raise ValueError(f"no line of a dialplan: {line}")
        if found["exten"]:
            contexts[context].append(Extension(found["exten"].strip()))
        contexts[context][-1].steps.append(Step(found["app"], found["data"], found["label"] or ""))
    return contexts
