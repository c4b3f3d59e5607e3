"""Inputs nobody would send, for every parser: valid ones, mutated. Each is made from its seed and number alone.

    found = run(TARGETS["ami"], seed=2026, count=1000)      # [] when nothing broke
    replay(TARGETS["ami"], seed=2026, number=17)            # the same input once more

A target takes one input and raises when a promise is broken: an exception that is not the parser's own kind, an answer
that depends on how the bytes were split, memory beyond its bound. An input that takes longer than ``HANG`` is one too.
"""

import gc
import json
import os
import random
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from agent_ui import protocol
from contactcenter.core.errors import Invalid
from cti.agi.protocol import MAX_LINE_BYTES, AgiProtocol, encode_command, set_variable
from cti.ami.codec import Decoder, encode_action
from ivr.loader import check_flow

ROOT = Path(__file__).resolve().parents[2]
HANG = 5.0  # seconds; the slowest valid input takes some milliseconds
MAX_INPUT = 60_000
MOST_FAULTS = 5


class Hang(BaseException):
    """One input took longer than ``HANG``."""


@dataclass(frozen=True, slots=True)
class Target:
    """``take`` gets an input and dice of its own, for where to split and what to do with it."""

    name: str
    samples: Callable[[], list[bytes]]
    words: tuple[bytes, ...]
    take: Callable[[bytes, random.Random], None]


# ------------------------------------------------------------------ inputs

ODD = (
    *(b"", b"\0", b"\r\n", b"\r\n\r\n", b"\n", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", "\u202e😀".encode(), b"\x85"),
    *(b"-1", b"0", b"9" * 400, b"1e999", b"NaN", b"null", b"true", b"[[[[[[[[", b"{{{{", b'"', b"'", b"\\", b"%n%s"),
    *(b"$(id)", b"../../../etc/passwd", b"'; DROP TABLE people; --", b"<script>", b"A" * 5000, b" " * 2000),
)


def make(target: Target, dice: random.Random) -> bytes:
    """Return a valid input with a few things done to it; now and then none, now and then nothing but noise."""
    samples = target.samples()
    if dice.random() < 0.02:
        return dice.randbytes(dice.randrange(200))
    data = bytearray(dice.choice(samples))
    for _ in range(dice.choice((0, 1, 1, 2, 3, 8))):
        _mutate(data, dice, target, samples)
    return bytes(data[:MAX_INPUT])


def _mutate(data: bytearray, dice: random.Random, target: Target, samples: list[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    end = min(len(data), at + dice.choice((1, 1, 4, 40, 400)))
    match dice.randrange(8):
        case 0:
            data[at:end] = bytes(byte ^ (1 << dice.randrange(8)) for byte in data[at:end])
        case 1:
            del data[at:end]
        case 2:
            data[at:at] = data[at:end] * dice.choice((1, 2, 2, 60))
        case 3:
            data[at:at] = dice.choice(ODD)
        case 4:
            data[at:end] = dice.choice(ODD)
        case 5:
            data[at:at] = dice.choice(target.words)
        case 6:
            other = dice.choice(samples)
            data[at:end] = other[dice.randrange(len(other) + 1) :][:400]
        case 7:
            del data[at:]


def split(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """Yield the bytes as a network might bring them."""
    at, is_slow = 0, dice.random() < 0.01
    while at < len(data):
        end = at + (1 if is_slow else dice.choice((1, 7, 300, 1000, 10_000, 100_000)))
        yield data[at:end]
        at = end


# ------------------------------------------------------------------ the Manager Interface

AMI_LINE, AMI_MESSAGE = 4096, 16_384


@cache
def _ami_samples() -> list[bytes]:
    found = []
    for path in sorted((ROOT / "tests/transcripts").glob("*.ami")):
        data = path.read_bytes()
        found += [data[at : at + 1500] for at in range(0, min(len(data), 30_000), 1500)]
    return [b"Asterisk Call Manager/9.0.0\r\n" + one for one in found]


def _take_ami(data: bytes, dice: random.Random) -> None:
    whole, parts = (Decoder(None, max_line=AMI_LINE, max_message=AMI_MESSAGE) for _ in range(2))
    expected, found = whole.feed(data), []
    for chunk in split(data, dice):
        found += parts.feed(chunk)
        held = len(parts._rest)
        assert held <= AMI_MESSAGE + AMI_LINE + len(chunk) + 4, f"{held} bytes are held"
    is_cut = whole.overlong or parts.overlong  # what is too long is noticed where a read ends
    assert is_cut or found == expected, "the messages depend on how the bytes were split"
    assert all(message.kind for message in found)
    _take_action(data, dice)


def _take_action(data: bytes, dice: random.Random) -> None:
    """Whatever stands in a value: it is refused, or it is one action with exactly our headers."""
    text = data[: dice.choice((5, 40, 1100))].decode("utf-8", "surrogateescape" if dice.random() < 0.2 else "replace")
    try:
        wire = encode_action("Originate", {"Channel": text, "Variable": [text[:9], "a=b"]}, "7")
    except Invalid:
        return
    (action,) = Decoder(None).feed(b"x\r\n" + wire.replace(b"Action: ", b"Event: ", 1))
    assert [name for name, _ in action.headers] == ["Event", "ActionID", "Channel", "Variable", "Variable"]
    assert action.get("Channel") == text


# ------------------------------------------------------------------ FastAGI


def _agi_samples() -> list[bytes]:
    fields = {
        "network": "yes",
        "network_script": "ivr?x=1",
        "channel": "PJSIP/rig-00000001",
        "uniqueid": "1780000000.1",
    }
    block = "".join(f"agi_{name}: {value}\n" for name, value in fields.items()).encode()
    usage = b"520-Invalid command syntax.  Proper usage follows:\n Usage: GET DATA\n520 End of proper usage.\n"
    answers = b'200 result=1 (some "data")\n200 result=0 endpos=1000\n100 Trying\nHANGUP\n511 dead\n510 what\n'
    return [block + b"\n" + answers, block + b"\n" + usage + answers, block.replace(b"\n", b"\r\n") + b"\r\n" + answers]


def _take_agi(data: bytes, dice: random.Random) -> None:
    outcomes = []
    for chunks in ([data], list(split(data, dice))):
        session, events = AgiProtocol(), []
        try:
            for chunk in chunks:
                events += session.receive(chunk)
                assert len(session._buffer) <= MAX_LINE_BYTES
        except Invalid as error:
            events.append(error.code)
        outcomes.append(events)
    one, other = outcomes
    is_lost = any(found and isinstance(found[-1], str) for found in outcomes)  # the session ends with its read
    assert is_lost or one == other, "the events depend on how the bytes were split"
    text = data[: dice.choice((5, 60, 3000))].decode("utf-8", "replace")
    for encode in (lambda: encode_command("STREAM FILE", text), lambda: set_variable(text[:8], text)):
        try:
            wire = encode()
        except Invalid:
            continue
        assert wire.count(b"\n") == 1
        assert b"\r" not in wire
        assert b"\0" not in wire


# ------------------------------------------------------------------ frames of a page


def _frame_samples() -> list[bytes]:
    frames = (
        {"type": "hello", "page": "desktop", "instance": "i1", "protocol": 1, "resume": {"epoch": "e", "seq": 3}},
        {"type": "command", "id": "1", "name": "save-note", "data": {"interaction_id": "01", "text": "née 😀"}},
        {"type": "command", "id": "2", "name": "finish-wrap-up", "data": {"disposition": "solved", "note": None}},
        {"type": "ping", "sent": 12.5},
    )
    return [json.dumps(frame, ensure_ascii=False).encode() for frame in frames]


def _take_frame(data: bytes, dice: random.Random) -> None:
    frame: str | bytes = data if dice.random() < 0.5 else data.decode("utf-8", "surrogateescape")
    try:
        message = protocol.decode(frame)
    except msgspec.DecodeError:
        return
    assert isinstance(message, protocol.Hello | protocol.Command | protocol.Ping)


# ------------------------------------------------------------------ flow files


@cache
def _flow_samples() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "config/flows").glob("*.yaml"))]


@cache
def _flow_file() -> Path:
    folder = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="cc-fuzz-", dir=folder)) / "fuzzed.yaml"


def _take_flow(data: bytes, dice: random.Random) -> None:
    path = _flow_file()
    path.write_bytes(data)
    flow, problems = check_flow(path)
    assert (flow is None) == bool(problems.errors)
    assert all(one.reason and one.line >= 0 for one in problems.errors)


TARGETS = {
    "ami": Target("ami", _ami_samples, (b": ", b"Event: ", b"Response: Success\r\n", b"ActionID: 1\r\n"), _take_ami),
    "agi": Target("agi", _agi_samples, (b"HANGUP\n", b"520-", b"200 result=", b"agi_", b"\n\n"), _take_agi),
    "frames": Target("frames", _frame_samples, (b'"type":"ping"', b"{}", b"[]", b":", b",", b"\\ud800"), _take_frame),
    "flows": Target(
        "flows",
        _flow_samples,
        (b"&a [*a]", b"<<: *a", b"!!python/object", b"- ", b"? ", b"|\n", b"goto: main"),
        _take_flow,
    ),
}


# ------------------------------------------------------------------ the run


def run(target: Target, *, seed: int, count: int, first: int = 0) -> list[str]:
    """Give the target ``count`` inputs; what broke, each with the number that makes it again."""
    found: list[str] = []
    for number in range(first, first + count):
        try:
            with _limited():
                replay(target, seed=seed, number=number)
        except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is a finding
            found.append(f"{target.name} seed {seed} number {number}: {type(error).__name__}: {str(error)[:300]}")
            if len(found) >= MOST_FAULTS:
                break
    return found


def replay(target: Target, *, seed: int, number: int) -> None:
    dice = random.Random(f"{seed}/{target.name}/{number}")
    target.take(make(target, dice), dice)


@contextmanager
def _limited() -> Iterator[None]:
    """Raise Hang in the main thread when it takes too long, of the processor: this machine may stand still itself."""

    def ring(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def memory() -> float:
    """Resident memory of this process now, MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2
