"""YAML files of ours, read with distrust: every problem is collected with its line, none stops the reading.

Only plain mappings, lists and scalars are taken. Tags, anchors and aliases are refused (so nothing is constructed and
nothing multiplies), depth and size are bounded. Scalars stay text until a reader asks for a number, so YAML's own
guesses (``08:00`` as a number, ``no`` as false) never happen.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
_NULL = "tag:yaml.org,2002:null"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one line (counted from 1; 0 when the file as a whole is meant)."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(slots=True)
class Problems:
    """What was found in one file: errors refuse it, warnings do not."""

    file: str
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, where: Node | int, reason: str) -> None:
        self.errors.append(Problem(self.file, _line(where), reason))

    def warning(self, where: Node | int, reason: str) -> None:
        self.warnings.append(Problem(self.file, _line(where), reason))


def _line(where: Node | int) -> int:
    return where if isinstance(where, int) else int(where.start_mark.line) + 1


def read_text(path: Path, problems: Problems) -> str | None:
    """Return the file's text, or None with an error when it is unreadable, too large or not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        problems.error(0, f"cannot be read: {error.strerror}")
        return None
    if len(data) > MAX_BYTES:
        problems.error(0, f"larger than {MAX_BYTES // 1024} KiB")
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.error(data[: error.start].count(b"\n") + 1, "not UTF-8")
        return None


def compose(text: str, problems: Problems) -> MappingNode | None:
    """Return the document's top mapping, or None with errors."""
    try:
        if not _is_plain(text, problems):
            return None
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problems.error(line, f"not YAML: {error.problem or error.context}")
        return None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        problems.error(text[:position].count("\n") + 1, "not YAML: a character that is not allowed")
        return None
    if not isinstance(top, MappingNode):
        problems.error(1, "a flow is a mapping with the keys start and nodes")
        return None
    return top


def _is_plain(text: str, problems: Problems) -> bool:
    """Look at the event stream, which builds nothing, before anything is composed."""
    before, depth, documents = len(problems.errors), 0, 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        documents += isinstance(event, DocumentStartEvent)
        if depth > MAX_DEPTH:
            problems.error(line, f"nested deeper than {MAX_DEPTH} levels")
            return False
        if documents > 1:
            problems.error(line, "more than one document")
            return False
        if isinstance(event, AliasEvent):
            problems.error(line, f"aliases are refused (*{event.anchor})")
        elif isinstance(event, CollectionStartEvent | ScalarEvent):
            if event.anchor:
                problems.error(line, f"anchors are refused (&{event.anchor})")
            if event.tag:
                problems.error(line, f"tags are refused ({event.tag})")
    return len(problems.errors) == before


class Reader:
    """Turns composed nodes into values; what is wrong goes to ``problems`` and a harmless value comes back."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def pairs(self, node: Node, what: str) -> Iterator[tuple[str, Node, Node]]:
        """Yield (key, its node, value's node) of a mapping; a key seen before is an error and left out."""
        if not isinstance(node, MappingNode):
            self.problems.error(node, f"{what} must be a mapping")
            return
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            key = self.text(key_node, f"a key of {what}", longest=200)
            if not key:
                continue
            if key in seen:
                self.problems.error(key_node, f"{what} has {key!r} twice, first in line {seen[key]}")
                continue
            seen[key] = _line(key_node)
            yield key, key_node, value

    def entries(self, node: Node, what: str, required: Collection[str], optional: Collection[str]) -> dict[str, Node]:
        """Return a mapping's values by key; unknown and missing keys are errors."""
        found: dict[str, Node] = {}
        for key, key_node, value in self.pairs(node, what):
            if key in required or key in optional:
                found[key] = value
            else:
                known = ", ".join(sorted([*required, *optional]))
                self.problems.error(key_node, f"{what} has the unknown key {key!r}; known: {known}")
        if isinstance(node, MappingNode):
            for key in required:
                if key not in found:
                    self.problems.error(node, f"{what} lacks the key {key!r}")
        return found

    def text(self, node: Node, what: str, longest: int = 1000) -> str:
        """Return a scalar as its text, '' when it is none."""
        if not isinstance(node, ScalarNode) or node.tag == _NULL:
            self.problems.error(node, f"{what} must be a text")
        elif _CONTROL.search(node.value):
            self.problems.error(node, f"{what} has control characters")
        elif len(node.value) > longest:
            self.problems.error(node, f"{what} is longer than {longest} characters")
        else:
            return str(node.value)
        return ""

    def word(self, node: Node, what: str, pattern: re.Pattern[str]) -> str:
        """Return a scalar that matches ``pattern`` as a whole, else ''."""
        text = self.text(node, what)
        if text and not pattern.fullmatch(text):
            self.problems.error(node, f"{what} {text!r} has characters that are not allowed")
            return ""
        return text

    def number(self, node: Node, what: str, least: float, most: float) -> float:
        """Return a number within bounds, else ``least``."""
        text = self.text(node, what)
        if text and re.fullmatch(r"-?\d{1,9}(\.\d{1,6})?", text) and least <= float(text) <= most:
            return float(text)
        if text:
            self.problems.error(node, f"{what} must be a number from {least:g} to {most:g}, not {text!r}")
        return least

    def whole(self, node: Node, what: str, least: int, most: int) -> int:
        """Return a whole number within bounds, else ``least``."""
        number = self.number(node, what, least, most)
        if number != int(number):
            self.problems.error(node, f"{what} must be a whole number")
        return int(number)

    def flag(self, node: Node, what: str) -> bool:
        """Return whether the scalar is ``true``; anything but true and false is an error."""
        text = self.text(node, what)
        if text not in ("true", "false", ""):
            self.problems.error(node, f"{what} must be true or false, not {text!r}")
        return text == "true"

    def items(self, node: Node) -> list[Node]:
        """Return a list's nodes; a single scalar counts as a list of one."""
        return list(node.value) if isinstance(node, SequenceNode) else [node]
