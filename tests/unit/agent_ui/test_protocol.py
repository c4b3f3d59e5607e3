"""Frames as they cross the wire; garbage is refused, never half understood."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_ui import protocol

GOOD = [
    ({"type": "hello", "page": "desktop", "instance": "i1"}, protocol.Hello("desktop", "i1")),
    (
        {"type": "hello", "page": "live", "instance": "i1", "protocol": 1, "resume": {"epoch": "e", "seq": 3}},
        protocol.Hello("live", "i1", 1, protocol.Resume("e", 3)),
    ),
    ({"type": "command", "id": "1", "name": "accept"}, protocol.Command("1", "accept")),
    ({"type": "ping", "sent": 12.5}, protocol.Ping(12.5)),
]


@pytest.mark.parametrize("frame, message", GOOD)
def test_frames_of_a_page(frame: dict[str, Any], message: protocol.ClientMessage) -> None:
    assert protocol.decode(json.dumps(frame)) == message
    assert protocol.decode(json.dumps(frame).encode()) == message


BAD: list[Any] = [
    "",
    "hello",
    "{",
    "[]",
    "null",
    "1",
    b"\xff\xfe",
    b'{"type":"command","id":"\xff","name":"x"}',
    {},
    {"type": "snapshot", "epoch": "e", "seq": 1, "now": "", "slots": {}},
    {"type": "hello"},
    {"type": "hello", "page": "desktop", "instance": ""},
    {"type": "hello", "page": "desktop", "instance": "x" * 65},
    {"type": "hello", "page": 1, "instance": "i"},
    {"type": "hello", "page": "desktop", "instance": "i", "user": "admin"},
    {"type": "hello", "page": "desktop", "instance": "i", "resume": {"epoch": "e", "seq": "3"}},
    {"type": "hello", "page": "desktop", "instance": "i", "resume": {"epoch": "e", "seq": 3.5}},
    {"type": "command", "name": "accept"},
    {"type": "command", "id": 7, "name": "accept"},
    {"type": "command", "id": "1", "name": "accept", "data": []},
    {"type": "command", "id": "1", "name": "accept", "principal": "admin"},
    {"type": "ping"},
    {"type": "ping", "sent": "now"},
    '{"type":"ping","sent":NaN}',
    '{"type":"ping","sent":"\ud800"}',
    "[" * 20_000,
    '{"type":"command","id":"1","name":"x","data":{"a":' + "[" * 20_000 + "]" * 20_000 + "}}",
]


@pytest.mark.parametrize("frame", BAD, ids=lambda frame: str(frame)[:40])
def test_garbage_is_a_decode_error(frame: Any) -> None:
    raw = json.dumps(frame) if isinstance(frame, dict) else frame
    with pytest.raises(msgspec.DecodeError):  # the socket catches only this
        protocol.decode(raw)


FRAME = b'{"type":"command","id":"1","name":"set-presence","data":{"state":"ready"}}'


@given(st.binary(max_size=200) | st.text(max_size=200), st.integers(0, len(FRAME)), st.binary(max_size=4))
def test_random_and_damaged_frames_never_raise_anything_else(raw: bytes | str, at: int, bad: bytes) -> None:
    for frame in (raw, FRAME[:at] + bad + FRAME[at + len(bad) :]):
        with contextlib.suppress(msgspec.DecodeError):
            protocol.decode(frame)


def test_instants_and_replies_on_the_wire() -> None:
    at = datetime(2026, 11, 21, 10, 44, 2, 123000, tzinfo=UTC)
    changes = json.loads(protocol.encode(protocol.Changes(2, 1, {"me": {"since": at}, "work:i": None})))
    assert changes == {
        "type": "changes",
        "seq": 2,
        "prev": 1,
        "slots": {"me": {"since": "2026-11-21T10:44:02.123000Z"}, "work:i": None},
    }
    ok = json.loads(protocol.encode(protocol.Reply("1", ok=True)))
    assert ok == {"type": "reply", "id": "1", "ok": True}
    failed = protocol.Reply("1", ok=False, error=protocol.Failure("invalid", {"text": "too-long"}))
    assert json.loads(protocol.encode(failed))["error"] == {"code": "invalid", "fields": {"text": "too-long"}}
    assert json.loads(protocol.encode(protocol.Goodbye("slow"))) == {"type": "goodbye", "reason": "slow"}
