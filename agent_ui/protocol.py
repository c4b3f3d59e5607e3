"""The desktop's wire protocol: one JSON text frame per message, ``type`` says which.

A page says ``hello`` and gets a ``snapshot`` of its slots, then ``changes`` numbered without gaps: each names the
number before it (``prev``). A page that reconnects with the (epoch, seq) it saw last gets the missed changes, or a
fresh snapshot when they are gone. A slot is replaced whole; ``null`` removes it. So old snapshot + changes == fresh
snapshot, whatever the slots hold.

Slots of page ``desktop``: ``me``, ``settings``, ``work:<interaction>``, ``card:<interaction>``.
Slots of page ``live``: ``totals``, ``checks``, ``queue:<id>``, ``agent:<id>``, ``waiting:<interaction>``.

The page sends ``ping`` every 2 s (from a Worker, so hidden tabs keep time) and gets ``pong``: round trip, clock offset
and proof of life in one. Instants are ISO 8601 UTC strings with milliseconds.
"""

from typing import Annotated, Any

import msgspec

PROTOCOL = 1
MAX_FRAME = 64 * 1024
CLOSE_REPLACED = 4001
CLOSE_SLOW = 4002
CLOSE_SIGNED_OUT = 4003
CLOSE_PROTOCOL = 4004


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a page left off."""

    epoch: str
    seq: int


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello", forbid_unknown_fields=True):
    """First frame of a page; ``instance`` is random per page load and tells two tabs apart."""

    page: str
    instance: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    protocol: int = PROTOCOL
    resume: Resume | None = None


class Command(msgspec.Struct, frozen=True, tag_field="type", tag="command", forbid_unknown_fields=True):
    """An act of the user; answered by one ``reply`` with the same ``id``."""

    id: str
    name: str
    data: dict[str, Any] = {}


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """Proof of life; ``sent`` is the page's own clock in milliseconds."""

    sent: float


ClientMessage = Hello | Command | Ping


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """Everything the page may see, as of ``seq``."""

    epoch: str
    seq: int
    now: str
    slots: dict[str, Any]


class Changes(msgspec.Struct, frozen=True, tag_field="type", tag="changes"):
    """Slots that changed since ``prev``."""

    seq: int
    prev: int
    slots: dict[str, Any]


class Failure(msgspec.Struct, frozen=True):
    """A coded error; the page has the text for each code."""

    code: str
    fields: dict[str, Any] = {}


class Reply(msgspec.Struct, frozen=True, tag_field="type", tag="reply", omit_defaults=True):
    """Outcome of a command."""

    id: str
    ok: bool
    data: dict[str, Any] = {}
    error: Failure | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """Answer to a ping, with the server's clock."""

    sent: float
    now: str


class Goodbye(msgspec.Struct, frozen=True, tag_field="type", tag="goodbye"):
    """Last frame: why the server closes (``replaced``, ``signed-out``, ``slow``, ``restart``, ``protocol``)."""

    reason: str


ServerMessage = Snapshot | Changes | Reply | Pong | Goodbye

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_encoder = msgspec.json.Encoder()


def decode(frame: str | bytes) -> ClientMessage:
    """Read one frame of a page. Raises msgspec.DecodeError (ValidationError included) for anything else."""
    try:
        return _decoder.decode(frame)
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(type(error).__name__) from None


def encode(message: ServerMessage) -> bytes:
    """Write one frame for a page."""
    return _encoder.encode(message)
