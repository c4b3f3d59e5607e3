"""The pure interpreter of flows: ``step(flow, state, input, now) -> (state, effects)``.

A step runs through nodes that need nothing from the caller (hours, set) until it must wait or the flow is over. So the
last effect is always one that waits (Play, ReadDigit, Record, AskBack) or ends (Enqueue, HangUp, GiveUp). Which input
fits which phase is the table ``_HANDLERS``; any other raises and changes nothing, since a state is never altered, only
replaced.

::

    phase     Started  PlayFinished      DigitPressed      TimedOut  Recorded  Promised  Hungup
    new       enter    -                 -                 -         -         -         over
    playing   -        go on/read/record interrupts        -         -         -         over
    reading   -        -                 choice / retry    retry     -         -         over
    recording -        -                 -                 -         go on     -         over
    asking    -        -                 -                 -         -         go on     over
    over      -        -                 -                 -         -         -         over
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from contactcenter.interactions.ports import EnqueueOrder
from ivr.nodes import DIGITS, Callback, Enqueue, HangUp, Hours, Menu, Node, Say, Set, Voicemail

MAX_STEPS = 100
"""Nodes and prompts one call may pass before the flow is taken to run in circles."""


# ------------------------------------------------------------------ the flow and its state


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a prompt's name stands for: ``texts`` by language, spoken ahead of time, and a built-in ``sound``."""

    name: str
    texts: Mapping[str, str] = field(default_factory=dict)
    sound: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """Named nodes and where to start. Every target exists (the loader sees to it)."""

    name: str
    start: str
    nodes: Mapping[str, Node]
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    language: str = ""


class Phase(StrEnum):
    """What a call in a flow waits for."""

    NEW = "new"
    PLAYING = "playing"
    READING = "reading"
    RECORDING = "recording"
    ASKING = "asking"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class State:
    """Where one call stands in its flow and what was collected on the way."""

    node: str = ""
    phase: Phase = Phase.NEW
    steps: int = 0
    tries: int = 0  # wrong or missing digits in the present menu
    typed: str = ""  # a digit pressed during a Say, kept for the menu behind it
    is_answered: bool = False
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)
    choices: tuple[str, ...] = ()


# ------------------------------------------------------------------ inputs


@dataclass(frozen=True, slots=True)
class Started:
    """The call is there; run the first node."""


@dataclass(frozen=True, slots=True)
class PlayFinished:
    """The prompts ended without a digit."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed ``digit``, during the prompts or after."""

    digit: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No digit came in the time of ReadDigit."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording ended; the caller is still there."""


@dataclass(frozen=True, slots=True)
class Promised:
    """Whether he will be called back."""

    is_promised: bool


@dataclass(frozen=True, slots=True)
class Hungup:
    """The caller is gone."""


Input = Started | PlayFinished | DigitPressed | TimedOut | Recorded | Promised | Hungup


# ------------------------------------------------------------------ effects


@dataclass(frozen=True, slots=True)
class Answer:
    """Pick up; comes before the first prompt only."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play prompts by name; wait for PlayFinished, or DigitPressed with one of ``interrupt``."""

    prompts: Sequence[str]
    interrupt: str = ""


@dataclass(frozen=True, slots=True)
class ReadDigit:
    """Wait ``timeout`` seconds for DigitPressed, else TimedOut."""

    timeout: float


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller for ``max_time`` seconds at most, until he is silent for ``silence``; wait for Recorded."""

    max_time: float
    silence: float


@dataclass(frozen=True, slots=True)
class AskBack:
    """Promise to call him back in his turn, as ordered; wait for Promised."""

    order: EnqueueOrder


@dataclass(frozen=True, slots=True)
class Queued:
    """Hand the call to a queue; the flow is over."""

    order: EnqueueOrder


@dataclass(frozen=True, slots=True)
class Ended:
    """Hang up; the flow is over."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The flow cannot go on; the caller belongs to the fallback. ``reason`` is a code."""

    reason: str


Effect = Answer | Play | ReadDigit | Record | AskBack | Queued | Ended | GaveUp


class IllegalInput(ValueError):
    """An input that the state does not wait for; nothing changed."""


# ------------------------------------------------------------------ the interpreter

_Outcome = tuple[State, list[Effect]]


def step(flow: Flow, state: State, event: Input, now: datetime) -> tuple[State, Sequence[Effect]]:
    """Take one input and return the new state and what is to be done, in order.

    Raises:
        IllegalInput: the state's phase does not wait for ``event``, or its digit is none.
    """
    if isinstance(event, Hungup):
        return replace(state, phase=Phase.OVER), []
    handler = _HANDLERS.get((state.phase, type(event)))
    if handler is None or (isinstance(event, DigitPressed) and not _is_digit(event.digit)):
        raise IllegalInput(f"{type(event).__name__} in phase {state.phase} at node {state.node!r}")
    return handler(flow, state, event, now)


def _is_digit(text: str) -> bool:
    return len(text) == 1 and text in DIGITS


def _started(flow: Flow, state: State, event: Input, now: datetime) -> _Outcome:
    return _run(flow, state, flow.start, now)


def _run(flow: Flow, state: State, target: str, now: datetime) -> _Outcome:
    """Enter ``target`` and what follows it until a node waits or ends."""
    while True:
        if state.steps >= MAX_STEPS:
            return replace(state, phase=Phase.OVER), [GaveUp("flow-loop")]
        state = replace(state, node=target, steps=state.steps + 1, tries=0)
        node = flow.nodes[target]
        if isinstance(node, Hours):
            target = node.open if node.hours.is_open(now) else node.closed
        elif isinstance(node, Set):
            state, target = _with_settings(state, node.priority, node.skills), node.next
        elif isinstance(node, Menu) and state.typed:
            way = node.choices.get(state.typed)
            state = replace(state, typed="")
            if way is None:
                return _play(state, node.prompts)
            state, target = _chosen(state, way.label), way.target
        else:
            return _wait(state, node)


def _wait(state: State, node: Say | Menu | Enqueue | Callback | Voicemail | HangUp) -> _Outcome:
    state = replace(state, typed="")
    if isinstance(node, Enqueue | Callback):
        return _ask_for_place(_with_settings(state, node.priority, node.skills), node)
    if isinstance(node, HangUp) and not node.prompts:
        return replace(state, phase=Phase.OVER), [Ended()]
    return _play(state, node.prompts, isinstance(node, Menu) or (isinstance(node, Say) and node.interrupt))


def _play(state: State, prompts: Sequence[str], interruptible: bool = True) -> _Outcome:
    answer: list[Effect] = [] if state.is_answered else [Answer()]
    play = Play(tuple(prompts), DIGITS if interruptible else "")
    return replace(state, phase=Phase.PLAYING, is_answered=True), [*answer, play]


def _ask_for_place(state: State, node: Enqueue | Callback) -> _Outcome:
    order = EnqueueOrder(node.queue, state.priority, dict(state.skills), state.choices)
    if isinstance(node, Callback):
        return replace(state, phase=Phase.ASKING), [AskBack(order)]
    return replace(state, phase=Phase.OVER), [Queued(order)]


def _played(flow: Flow, state: State, event: Input, now: datetime) -> _Outcome:
    node = flow.nodes[state.node]
    if isinstance(node, Menu):
        return replace(state, phase=Phase.READING), [ReadDigit(node.timeout)]
    if isinstance(node, Say):
        return _run(flow, state, node.next, now)
    if isinstance(node, Voicemail):
        return replace(state, phase=Phase.RECORDING), [Record(node.max_time, node.silence)]
    return replace(state, phase=Phase.OVER), [Ended()]


def _recorded(flow: Flow, state: State, event: Input, now: datetime) -> _Outcome:
    node = flow.nodes[state.node]
    assert isinstance(node, Voicemail)  # only that records
    return _run(flow, state, node.next, now)


def _promised(flow: Flow, state: State, event: Input, now: datetime) -> _Outcome:
    node = flow.nodes[state.node]
    assert isinstance(node, Callback)  # only that asks
    assert isinstance(event, Promised)
    return _run(flow, state, node.next if event.is_promised else node.impossible, now)


def _digit(flow: Flow, state: State, event: Input, now: datetime) -> _Outcome:
    assert isinstance(event, DigitPressed)
    node = flow.nodes[state.node]
    if isinstance(node, Menu):
        way = node.choices.get(event.digit)
        if way is None:
            return _again(flow, state, node, node.invalid_prompts, now)
        return _run(flow, _chosen(state, way.label), way.target, now)
    if isinstance(node, Say) and node.interrupt:
        return _run(flow, replace(state, typed=event.digit), node.next, now)
    raise IllegalInput(f"a digit during prompts that cannot be interrupted, at node {state.node!r}")


def _timed_out(flow: Flow, state: State, event: Input, now: datetime) -> _Outcome:
    node = flow.nodes[state.node]
    assert isinstance(node, Menu)  # only a menu reads
    return _again(flow, state, node, node.timeout_prompts, now)


def _again(flow: Flow, state: State, node: Menu, reproach: Sequence[str], now: datetime) -> _Outcome:
    if state.tries >= node.retries:
        return _run(flow, state, node.default, now)
    return _play(replace(state, tries=state.tries + 1), [*reproach, *node.prompts])


def _chosen(state: State, label: str) -> State:
    return replace(state, choices=(*state.choices, label)) if label else state


def _with_settings(state: State, priority: int | None, skills: Mapping[str, int]) -> State:
    """Set the priority; of two levels asked of one skill the higher counts."""
    levels = {**state.skills, **{name: max(level, state.skills.get(name, 0)) for name, level in skills.items()}}
    return replace(state, priority=state.priority if priority is None else priority, skills=levels)


_Handler = Callable[[Flow, State, Input, datetime], _Outcome]
_HANDLERS: Mapping[tuple[Phase, type], _Handler] = {
    (Phase.NEW, Started): _started,
    (Phase.PLAYING, PlayFinished): _played,
    (Phase.PLAYING, DigitPressed): _digit,
    (Phase.READING, DigitPressed): _digit,
    (Phase.READING, TimedOut): _timed_out,
    (Phase.RECORDING, Recorded): _recorded,
    (Phase.ASKING, Promised): _promised,
}
