"""The keys of a flow file: a composed YAML document to a ``Flow``, every error and warning collected with its line."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from yaml.nodes import MappingNode
from yaml.nodes import Node as YamlNode

from contactcenter.core.hours import DAYS, OpeningHours, Span, read_holiday, read_span, read_zone
from contactcenter.queues.model import name_key
from ivr.documents import Problems, Reader
from ivr.flow import Flow, Prompt
from ivr.nodes import DIGITS, Callback, Choice, Enqueue, HangUp, Hours, Menu, Node, Say, Set, Voicemail

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SOUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*){0,4}")
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z0-9]{2,8})?")
MAX_NODES = 500
MAX_PRIORITY = 1000
MAX_LEVEL = 100


@dataclass(frozen=True, slots=True)
class Known:
    """What a flow may refer to outside its file; None leaves a kind of reference unchecked. Queues in any case."""

    queues: Collection[str] | None = None
    skills: Collection[str] | None = None
    has_sound: Callable[[str], bool] | None = None


class FlowReader:
    """Reads one flow. Collects references on the way and checks them when all names are known."""

    def __init__(self, problems: Problems, known: Known) -> None:
        self._problems = problems
        self._known = known
        self._read = Reader(problems)
        self._targets: list[tuple[str, str, YamlNode]] = []  # from, to, where
        self._prompts_used: list[tuple[str, YamlNode]] = []
        self._node = ""
        self._kinds: Mapping[str, Callable[[YamlNode], Node | None]] = {
            "say": self._say,
            "menu": self._menu,
            "hours": self._hours,
            "set": self._set,
            "enqueue": self._enqueue,
            "callback": self._callback,
            "voicemail": self._voicemail,
            "hangup": self._hang_up,
        }

    def flow(self, name: str, top: MappingNode) -> Flow | None:
        """Return the flow; it is of use only when no error was collected."""
        entries = self._read.entries(top, "the flow", ["start", "nodes"], ["language", "prompts", "title"])
        if "title" in entries:
            self._read.text(entries["title"], "title")
        language = self._read.word(entries["language"], "language", _LANGUAGE) if "language" in entries else "en"
        prompts = self._prompts(entries["prompts"], language) if "prompts" in entries else {}
        start = self._target(entries["start"], "start") if "start" in entries else ""
        places = {key: key_node for key, key_node, _ in self._pairs_of(entries.get("nodes"))}
        nodes = self._nodes(entries.get("nodes"))
        self._check_prompts(prompts)
        self._check_targets(start, places)
        return Flow(name, start, nodes, prompts, language)

    # ---------------------------------------------------------------- prompts

    def _prompts(self, node: YamlNode, language: str) -> dict[str, Prompt]:
        prompts: dict[str, Prompt] = {}
        for name, key_node, value in self._read.pairs(node, "prompts"):
            self._read.word(key_node, "the prompt's name", NAME)
            prompts[name] = self._prompt(name, value, language)
        return prompts

    def _prompt(self, name: str, node: YamlNode, language: str) -> Prompt:
        what = f"prompt {name!r}"
        entries = self._read.entries(node, what, [], ["text", "sound"])
        if not entries and isinstance(node, MappingNode):
            self._problems.error(node, f"{what} needs a text or a sound")
        texts = self._texts(entries["text"], what, language) if "text" in entries else {}
        sound = self._sound(entries["sound"], what) if "sound" in entries else ""
        if texts and not sound:
            self._problems.warning(node, f"{what} has no sound, so it is silent where no speech can be made")
        return Prompt(name, texts, sound)

    def _texts(self, node: YamlNode, what: str, language: str) -> dict[str, str]:
        if not isinstance(node, MappingNode):
            return {language: self._read.text(node, f"the text of {what}")}
        texts = {}
        for key, key_node, value in self._read.pairs(node, f"the text of {what}"):
            self._read.word(key_node, "a language", _LANGUAGE)
            texts[key] = self._read.text(value, f"the {key} text of {what}")
        return texts

    def _sound(self, node: YamlNode, what: str) -> str:
        sound = self._read.word(node, f"the sound of {what}", _SOUND)
        if sound and self._known.has_sound is not None and not self._known.has_sound(sound):
            self._problems.error(node, f"the sound {sound!r} of {what} does not exist")
        return sound

    def _prompt_names(self, node: YamlNode, what: str) -> tuple[str, ...]:
        names = []
        for item in self._read.items(node):
            name = self._read.text(item, what)
            if name:
                self._prompts_used.append((name, item))
                names.append(name)
        if not names:
            self._problems.error(node, f"{what} must name at least one prompt")
        return tuple(names)

    def _check_prompts(self, prompts: Mapping[str, Prompt]) -> None:
        for name, where in self._prompts_used:
            if name not in prompts:
                self._problems.error(where, f"the prompt {name!r} does not exist")

    # ---------------------------------------------------------------- nodes and where they lead

    def _pairs_of(self, node: YamlNode | None) -> list[tuple[str, YamlNode, YamlNode]]:
        # A second look at the names must not tell of a doubled one again.
        quiet = Reader(Problems(self._problems.file))
        return list(quiet.pairs(node, "nodes")) if isinstance(node, MappingNode) else []

    def _nodes(self, node: YamlNode | None) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        if node is None:
            return nodes
        for name, key_node, value in self._read.pairs(node, "nodes"):
            self._read.word(key_node, "the node's name", NAME)
            self._node = name
            read = self._one(name, value)
            if read is not None:
                nodes[name] = read
        if len(nodes) > MAX_NODES:
            self._problems.error(node, f"more than {MAX_NODES} nodes")
        return nodes

    def _one(self, name: str, node: YamlNode) -> Node | None:
        if not isinstance(node, MappingNode):
            self._problems.error(node, f"node {name!r} must be a mapping")
            return None
        kinds = [value for key, value in node.value if key.value == "kind"]
        if not kinds:
            self._problems.error(node, f"node {name!r} lacks the key 'kind'")
            return None
        kind = self._read.text(kinds[0], "kind")
        if kind and kind not in self._kinds:
            self._problems.error(kinds[0], f"unknown kind {kind!r}; known: {', '.join(self._kinds)}")
        return self._kinds[kind](node) if kind in self._kinds else None

    def _entries(self, node: YamlNode, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, YamlNode]:
        return self._read.entries(node, f"node {self._node!r}", ["kind", *required], optional)

    def _target(self, node: YamlNode, what: str) -> str:
        target = self._read.text(node, what)
        if target:
            self._targets.append((self._node, target, node))
        return target

    def _check_targets(self, start: str, places: Mapping[str, YamlNode]) -> None:
        for _, target, where in self._targets:
            if target not in places:
                self._problems.error(where, f"the node {target!r} does not exist")
        reached, edge = {start}, {start}
        while edge:
            edge = {to for come_from, to, _ in self._targets if come_from in edge} - reached
            reached |= edge
        for name, where in places.items():
            if name not in reached:
                self._problems.warning(where, f"the node {name!r} is never reached")

    # ---------------------------------------------------------------- one method per kind

    def _say(self, node: YamlNode) -> Node | None:
        found = self._entries(node, ["prompts", "next"], ["interrupt"])
        interrupt = self._read.flag(found["interrupt"], "interrupt") if "interrupt" in found else True
        if not {"prompts", "next"} <= found.keys():
            return None
        return Say(self._prompt_names(found["prompts"], "prompts"), self._target(found["next"], "next"), interrupt)

    def _menu(self, node: YamlNode) -> Node | None:
        optional = ["timeout", "retries", "invalid_prompts", "timeout_prompts"]
        found = self._entries(node, ["prompts", "choices", "default"], optional)
        prompts = {key: self._prompt_names(value, key) for key, value in found.items() if key.endswith("prompts")}
        choices = self._choices(found["choices"]) if "choices" in found else {}
        default = self._target(found["default"], "default") if "default" in found else ""
        timeout = self._read.number(found["timeout"], "timeout", 1, 60) if "timeout" in found else 5.0
        retries = self._read.whole(found["retries"], "retries", 0, 9) if "retries" in found else 2
        return Menu(
            prompts.get("prompts", ()),
            choices,
            default,
            timeout,
            retries,
            prompts.get("invalid_prompts", ()),
            prompts.get("timeout_prompts", ()),
        )

    def _choices(self, node: YamlNode) -> dict[str, Choice]:
        choices: dict[str, Choice] = {}
        for digit, key_node, value in self._read.pairs(node, "choices"):
            if len(digit) != 1 or digit not in DIGITS:
                self._problems.error(key_node, f"{digit!r} is no key of a telephone")
                continue
            choices[digit] = self._choice(digit, value)
        if isinstance(node, MappingNode) and not node.value:
            self._problems.error(node, "choices is empty")
        return choices

    def _choice(self, digit: str, node: YamlNode) -> Choice:
        if not isinstance(node, MappingNode):
            return Choice(self._target(node, f"choice {digit}"))
        found = self._read.entries(node, f"choice {digit}", ["goto"], ["label"])
        label = self._read.text(found["label"], "label", longest=80) if "label" in found else ""
        return Choice(self._target(found["goto"], "goto") if "goto" in found else "", label)

    def _set(self, node: YamlNode) -> Node | None:
        found = self._entries(node, ["next"], ["priority", "skills"])
        if not found.keys() & {"priority", "skills"}:
            self._problems.warning(node, f"node {self._node!r} sets nothing")
        if "next" not in found:
            return None
        return Set(self._target(found["next"], "next"), self._priority(found), self._skills(found))

    def _enqueue(self, node: YamlNode) -> Node | None:
        found = self._entries(node, [], ["queue", "priority", "skills"])
        return Enqueue(self._queue(found), self._priority(found), self._skills(found))

    def _callback(self, node: YamlNode) -> Node | None:
        found = self._entries(node, ["next", "impossible"], ["queue", "priority", "skills"])
        queue, priority, skills = self._queue(found), self._priority(found), self._skills(found)
        if not found.keys() >= {"next", "impossible"}:
            return None
        following, impossible = (self._target(found[name], name) for name in ("next", "impossible"))
        return Callback(queue, following, impossible, priority, skills)

    def _queue(self, found: Mapping[str, YamlNode]) -> str:
        queue = self._read.word(found["queue"], "queue", NAME) if "queue" in found else ""
        if queue and self._known.queues is not None and name_key(queue) not in map(name_key, self._known.queues):
            self._problems.error(found["queue"], f"the queue {queue!r} does not exist")
        return queue

    def _voicemail(self, node: YamlNode) -> Node | None:
        found = self._entries(node, ["prompts", "next"], ["max_time", "silence"])
        prompts = self._prompt_names(found["prompts"], "prompts") if "prompts" in found else ()
        limits = {
            name: float(self._read.whole(found[name], name, least, most))
            for name, least, most in (("max_time", 5, 600), ("silence", 1, 30))
            if name in found
        }
        if "next" not in found:
            return None
        return Voicemail(prompts, self._target(found["next"], "next"), **limits)

    def _hang_up(self, node: YamlNode) -> Node | None:
        found = self._entries(node, [], ["prompts"])
        return HangUp(self._prompt_names(found["prompts"], "prompts") if "prompts" in found else ())

    def _priority(self, found: Mapping[str, YamlNode]) -> int | None:
        if "priority" not in found:
            return None
        return self._read.whole(found["priority"], "priority", 0, MAX_PRIORITY)

    def _skills(self, found: Mapping[str, YamlNode]) -> dict[str, int]:
        skills: dict[str, int] = {}
        for name, key_node, value in self._read.pairs(found["skills"], "skills") if "skills" in found else ():
            self._read.word(key_node, "a skill", NAME)
            if self._known.skills is not None and name not in self._known.skills:
                self._problems.error(key_node, f"the skill {name!r} does not exist")
            skills[name] = self._read.whole(value, f"the level of {name}", 1, MAX_LEVEL)
        return skills

    # ---------------------------------------------------------------- opening hours

    def _hours(self, node: YamlNode) -> Node | None:
        found = self._entries(node, ["timezone", "week", "open", "closed"], ["holidays"])
        zone = self._zone(found["timezone"]) if "timezone" in found else None
        week = self._week(found["week"]) if "week" in found else {}
        fixed, yearly = self._holidays(found["holidays"]) if "holidays" in found else (set(), set())
        opened = self._target(found["open"], "open") if "open" in found else ""
        closed = self._target(found["closed"], "closed") if "closed" in found else ""
        if zone is None:
            return None
        return Hours(OpeningHours(zone, week, frozenset(fixed), frozenset(yearly)), opened, closed)

    def _zone(self, node: YamlNode) -> ZoneInfo | None:
        name = self._read.text(node, "timezone")
        zone = read_zone(name) if name else None
        if name and zone is None:
            self._problems.error(node, f"unknown time zone {name!r}")
        return zone

    def _week(self, node: YamlNode) -> dict[int, tuple[Span, ...]]:
        week: dict[int, tuple[Span, ...]] = {}
        for key, key_node, value in self._read.pairs(node, "week"):
            spans = self._spans(value)
            for day in self._days(key, key_node):
                if day in week:
                    self._problems.error(key_node, f"{DAYS[day]} stands in week twice")
                week[day] = spans
        return week

    def _days(self, text: str, node: YamlNode) -> list[int]:
        first, _, last = text.partition("-")
        if first not in DAYS or (last or first) not in DAYS or text.endswith("-"):
            self._problems.error(node, f"{text!r} is no weekday or range of weekdays (mon, tue, ... or mon-fri)")
            return []
        start, end = DAYS.index(first), DAYS.index(last or first)
        return [(start + step) % 7 for step in range((end - start) % 7 + 1)]

    def _spans(self, node: YamlNode) -> tuple[Span, ...]:
        if getattr(node, "value", None) == "closed":
            return ()
        return tuple(span for item in self._read.items(node) if (span := self._span(item)) is not None)

    def _span(self, node: YamlNode) -> Span | None:
        text = self._read.text(node, "opening hours")
        span = read_span(text) if text else None
        if text and span is None and text[:5] == text[6:]:
            self._problems.error(node, f"opening hours {text!r} begin and end at the same time")
        elif text and span is None:
            self._problems.error(node, f"bad opening hours {text!r}; write for example 08:00-17:30, or closed")
        return span

    def _holidays(self, node: YamlNode) -> tuple[set[date], set[tuple[int, int]]]:
        fixed, yearly = set[date](), set[tuple[int, int]]()
        for item in self._read.items(node):
            text = self._read.text(item, "a holiday")
            day = read_holiday(text) if text else None
            if isinstance(day, date):
                fixed.add(day)
            elif day is not None:
                yearly.add(day)
            elif text:
                self._problems.error(item, f"bad holiday {text!r}; write 2026-12-25, or 12-25 for every year")
        return fixed, yearly
