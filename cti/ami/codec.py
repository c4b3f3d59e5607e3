"""The Asterisk Manager Interface on the wire: bytes to messages, actions to bytes. Pure, no I/O.

Rules: a line ends with CR LF, a message with an empty line, the first line of a connection is a banner. A bare LF is
part of a value, so text from outside that carries one cannot forge a header. Bytes are decoded only when a message is
complete: a UTF-8 character may arrive in two reads. What is malformed is counted and skipped, never raised.

Source: Asterisk 22, main/manager.c (128 headers and 1,024-byte lines for what it accepts).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from contactcenter.core.errors import Invalid

MAX_HEADERS = 128
"""Headers Asterisk accepts in one action, Action and ActionID included (AST_MAX_MANHEADERS)."""
MAX_LINE_BYTES = 1024
"""Bytes Asterisk accepts in one line of an action, CR LF included."""

FieldValue = str | int | Sequence[str]
Fields = Mapping[str, FieldValue]

_EOL = b"\r\n"
_END = b"\r\n\r\n"
_EVENT = b"Event: "
_ACTION_ID = b"\r\nActionID: "
_HEADER_NAME = re.compile(r"[A-Za-z0-9_()/.-]+")
_FORBIDDEN = re.compile(r"[\r\n\0]")
_RESERVED = frozenset({"action", "actionid"})
_RESPONSE = "Response"


class Message:
    """One event or answer; never changed after it was made.

    ``kind`` is the event's name, or ``Response`` for an answer. Header names are matched without regard to case. Of a
    repeated header ``get`` returns the first: in a UserEvent the channel's own headers come before the dialplan's text.
    """

    __slots__ = ("_fields", "_text", "kind")

    def __init__(self, text: str) -> None:
        """Take ``text``: lines of the form ``name: value``. Raises ValueError when one of them is not."""
        self._text = text  # pairs are not kept: twenty more objects a message would double the collector's work
        lines = reversed(text.split("\r\n"))
        fields = self._fields = {name.lower(): value for line in lines for name, value in [line.split(": ", 1)]}
        self.kind = fields.get("event") or ("" if "event" in fields or "response" not in fields else _RESPONSE)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Message":
        """Return the message with these headers; for tests and simulators."""
        return cls("\r\n".join(f"{name}: {value}" for name, value in pairs))

    @property
    def is_response(self) -> bool:
        """Whether this answers an action."""
        return self.kind == _RESPONSE

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of header ``name``, or ``default``."""
        return self._fields.get(name.lower(), default)

    def get_all(self, name: str) -> list[str]:
        """Return every value of header ``name`` (Variable, ChanVariable, Output) in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Every header as it came, in order."""
        return [(name, value) for line in self._text.split("\r\n") for name, _, value in [line.partition(": ")]]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Message({self.headers!r})"


class Decoder:
    """Bytes of one connection in, messages out; owned by one connection and thrown away with it.

    ``wanted`` names the events to decode; others are skipped by their first line unless they carry an ActionID (they
    belong to an answer). ``None`` decodes all. Held memory is bounded: ``max_message + max_line`` bytes and one chunk.

    Counters: ``decoded``, ``skipped`` (unwanted), ``malformed`` (lines without a colon, messages that are neither event
    nor answer), ``overlong`` (lines or messages beyond their limit, left out). ``banner`` is None until the first line.
    """

    def __init__(
        self, wanted: Iterable[str] | None = None, *, max_line: int = 65_536, max_message: int = 4_194_304
    ) -> None:
        self._wanted = None if wanted is None else frozenset(name.encode() for name in wanted)
        self._max_line = max_line
        self._max_message = max_message
        self._rest = bytearray()
        self._line_at = 0  # where the unfinished line starts in _rest
        self._skip_to = b""  # the end of the over-long thing being dropped
        self._skip_tail = b""
        self.banner: str | None = None
        self.decoded = self.skipped = self.malformed = self.overlong = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes, split anywhere; return the messages they complete, in order."""
        if self._skip_to:
            data = self._skip(data)
        if self.banner is None:
            data = self._greet(data)
        if self._rest:
            scan_from = max(0, len(self._rest) - 3)
            self._rest += data
            if self._rest.find(_END, scan_from) < 0:
                self._bound(scan_from + 2)
                return []
            data = bytes(self._rest)
            self._rest.clear()
        *blocks, rest = data.split(_END)
        if rest:
            self._rest += rest
            self._line_at = 0
            self._bound(0)
        return self._decode(blocks)

    def _decode(self, blocks: list[bytes]) -> list[Message]:
        wanted, messages = self._wanted, []
        for block in blocks:
            if len(block) > self._max_line:
                block = self._shorten(block)
            if wanted is not None and block.startswith(_EVENT):
                end = block.find(_EOL)
                if block[7 : end if end >= 0 else None] not in wanted and _ACTION_ID not in block:
                    self.skipped += 1
                    continue
            message = self._parse(block)
            if message is not None:
                messages.append(message)
        self.decoded += len(messages)
        return messages

    def _parse(self, block: bytes) -> Message | None:
        # CR and LF are ASCII, so replacing bad bytes in the whole block never crosses a line.
        text = block.decode("utf-8", "replace")
        try:
            message = Message(text)
        except ValueError:
            message = Message(self._mended(text))
        if message.kind:
            return message
        self.malformed += bool(block)
        return None

    def _mended(self, text: str) -> str:
        """Return the usable lines of a message that has at least one odd one."""
        mended = []
        for line in text.split("\r\n"):
            if ": " in line:
                mended.append(line)
            elif ":" in line:
                mended.append(line.replace(":", ": ", 1))
            elif line:
                self.malformed += 1
        return "\r\n".join(mended) or ": "

    def _greet(self, data: bytes) -> bytes:
        """Take the banner off the front; hold back what is not yet a whole line."""
        data = bytes(self._rest) + data
        self._rest.clear()
        end = data.find(_EOL)
        if end < 0:
            self._rest += data
            self._line_at = 0
            self._bound(0)
            return b""
        if b": " in data[:end]:  # no banner: the peer began with a message
            self.banner = ""
            return data
        self.banner = data[:end].decode("utf-8", "replace")
        return data[end + 2 :]

    def _bound(self, scan_from: int) -> None:
        """Keep the unfinished message within its limits: drop the long line, or the long message, to its end."""
        rest = self._rest
        end = rest.rfind(_EOL, max(scan_from - 1, self._line_at))
        if end >= 0:
            self._line_at = end + 2
        if self._line_at - 2 > self._max_message:
            self._begin_skip(_END, 0)
        elif len(rest) - self._line_at > self._max_line + 1:
            self._begin_skip(_EOL, self._line_at)

    def _begin_skip(self, marker: bytes, keep: int) -> None:
        self.overlong += 1
        self._skip_to = marker
        self._skip_tail = bytes(self._rest[max(keep, len(self._rest) - len(marker) + 1) :])
        del self._rest[keep:]

    def _skip(self, data: bytes) -> bytes:
        data = self._skip_tail + data
        at = data.find(self._skip_to)
        if at < 0:
            self._skip_tail = data[-len(self._skip_to) + 1 :]
            return b""
        at += len(self._skip_to)
        self._skip_to = self._skip_tail = b""
        return data[at:]

    def _shorten(self, block: bytes) -> bytes:
        """Leave out over-long lines of a complete block; an over-long block becomes empty."""
        lines = block.split(_EOL)
        kept = [line for line in lines if len(line) <= self._max_line]
        self.overlong += len(lines) - len(kept)
        block = _EOL.join(kept)
        if len(block) > self._max_message:
            self.overlong += 1
            return b""
        return block


def encode_action(name: str, fields: Fields, action_id: str) -> bytes:
    """Return action ``name`` as bytes for the wire; a list value repeats its header (Variable).

    Nothing is escaped or cut: AMI knows no escape, so what does not fit is refused.

    Raises:
        Invalid: CR, LF or NUL anywhere (it would be a second action), a header name that is not one, Action or ActionID
            among ``fields``, text that is not Unicode, more than 128 headers, a line above 1,024 bytes.
    """
    lines = [_line("Action", name), _line("ActionID", action_id)]
    for header, value in fields.items():
        if header.lower() in _RESERVED:
            raise Invalid("ami-reserved-header", {header: "ami-reserved-header"})
        values = (str(value),) if isinstance(value, str | int) else value
        lines += [_line(header, item) for item in values]
    if len(lines) > MAX_HEADERS:
        raise Invalid("ami-too-many-headers", {"headers": len(lines)})
    lines.append(_EOL)
    return b"".join(lines)


def _line(header: str, value: str) -> bytes:
    if not _HEADER_NAME.fullmatch(header):
        raise Invalid("ami-bad-header-name", {"header": header[:80]})
    if _FORBIDDEN.search(value):
        raise Invalid("ami-control-character", {header: "ami-control-character"})
    try:
        line = f"{header}: {value}\r\n".encode()
    except UnicodeEncodeError:
        raise Invalid("ami-not-text", {header: "ami-not-text"}) from None
    if len(line) > MAX_LINE_BYTES:
        raise Invalid("ami-line-too-long", {header: "ami-line-too-long"})
    return line
