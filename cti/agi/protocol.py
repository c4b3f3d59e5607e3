"""FastAGI on the wire, without I/O: bytes in, events out; commands to bytes.

A session is one request block (``agi_*: value`` lines, ended by an empty line), then commands of ours, each answered by
one line ``200 result=...``; a wrong command is answered 510, 520 (with lines of usage between) or, on a channel that is
gone, 511. The line ``HANGUP`` may stand between any two answers. Source: Asterisk's res_agi and
https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/. No sockets and no clock here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contactcenter.core.errors import Invalid

MAX_REQUEST_BYTES = 64 * 1024
MAX_LINE_BYTES = 16 * 1024
MAX_COMMAND_BYTES = 2000
"""Asterisk reads commands into a buffer of 2,048 bytes and takes the rest for the next command."""

_RESULT = re.compile(r"^result=(?P<result>[^\s(]*)(?: \((?P<data>.*)\))?(?: endpos=(?P<endpos>\d+))?", re.DOTALL)
_VARIABLE_NAME = re.compile(r"^_{0,2}[A-Za-z][A-Za-z0-9_]{0,79}$")
_FORBIDDEN = re.compile(r"[\r\n\x00]")


@dataclass(frozen=True, slots=True)
class Request:
    """The request block: names without their ``agi_`` prefix; of two lines with one name the first counts."""

    fields: Mapping[str, str]

    @property
    def path(self) -> str:
        """The script's path with one leading slash and without its query, for example ``/ivr``."""
        script = self.fields.get("network_script", "")
        return "/" + script.split("?", 1)[0].strip("/")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: ``code`` 200, 510, 511 or 520; ``data`` is what stood in brackets; ``endpos`` counts samples."""

    code: int
    result: str = ""
    data: str = ""
    endpos: int | None = None
    text: str = ""

    @property
    def number(self) -> int:
        """The result as a number; -1 when it is none."""
        return int(self.result) if re.fullmatch(r"-?\d{1,9}", self.result) else -1


@dataclass(frozen=True, slots=True)
class HangupNotice:
    """The caller's channel hung up; commands from now on find a dead channel."""


Event = Request | Answer | HangupNotice


class AgiProtocol:
    """The reading half of one session; owns the unparsed bytes.

    Memory is bounded: a request block above ``MAX_REQUEST_BYTES`` or a line above ``MAX_LINE_BYTES`` raises.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._request: dict[str, str] | None = {}
        self._request_bytes = 0
        self._usage: list[str] | None = None

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes as they come, split anywhere; return the events they complete, in order.

        Raises:
            Invalid: ``agi-line-too-long``, ``agi-request-too-large`` or ``agi-malformed``; the session is lost.
        """
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > MAX_LINE_BYTES:
            raise Invalid("agi-line-too-long")
        events = (self._line(line) for line in lines)
        return [event for event in events if event is not None]

    def _line(self, raw: bytes) -> Event | None:
        if len(raw) > MAX_LINE_BYTES:
            raise Invalid("agi-line-too-long")
        line = raw.decode("utf-8", "replace").rstrip("\r")
        if self._request is not None:
            return self._request_line(self._request, line, len(raw) + 1)
        return self._answer_line(line)

    def _request_line(self, fields: dict[str, str], line: str, size: int) -> Request | None:
        self._request_bytes += size
        if self._request_bytes > MAX_REQUEST_BYTES:
            raise Invalid("agi-request-too-large")
        if not line:
            self._request = None
            return Request(fields)
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise Invalid("agi-malformed")
        # The PBX writes its own fields before those a caller can influence, so the first of two is the true one.
        fields.setdefault(name[4:], value.removeprefix(" "))
        return None

    def _answer_line(self, line: str) -> Event | None:
        if self._usage is not None:
            return self._usage_line(self._usage, line)
        if line == "HANGUP":
            return HangupNotice()
        if line.startswith("520-"):
            self._usage = [line[4:]]
            return None
        return parse_answer(line)

    def _usage_line(self, usage: list[str], line: str) -> Answer | None:
        usage.append(line)
        if sum(map(len, usage)) > MAX_LINE_BYTES:
            raise Invalid("agi-line-too-long")
        if not line.startswith("520 "):
            return None
        self._usage = None
        return Answer(520, text="\n".join(usage))


def parse_answer(line: str) -> Answer | None:
    """Read one answer line; None for a 1xx line, which announces that the answer is still to come.

    Raises:
        Invalid: ``agi-malformed``.
    """
    code, text = line[:3], line[4:]
    if not (code.isascii() and code.isdigit()) or line[3:4] not in (" ", "-", ""):
        raise Invalid("agi-malformed")
    if code.startswith("1"):
        return None
    match = _RESULT.match(text)
    if match is None:
        return Answer(int(code), text=text)
    endpos = match["endpos"]
    return Answer(int(code), match["result"], match["data"] or "", int(endpos) if endpos else None, text)


def encode_command(words: str, *values: str | int) -> bytes:
    """Return the bytes of one command: ``words`` are ours and go as they are, each value is quoted.

    Raises:
        Invalid: ``agi-unsafe-value`` for CR, LF or NUL; ``agi-command-too-long`` above ``MAX_COMMAND_BYTES``.
    """
    line = " ".join([words, *(quote(str(value)) for value in values)])
    data = line.encode("utf-8", "replace") + b"\n"
    if len(data) > MAX_COMMAND_BYTES:
        raise Invalid("agi-command-too-long")
    return data


def quote(value: str) -> str:
    r"""Return ``value`` in double quotes, with ``\`` and ``"`` escaped, as res_agi's argument parser undoes it.

    Raises:
        Invalid: ``agi-unsafe-value``: CR, LF and NUL have no escape and would end the command.
    """
    if _FORBIDDEN.search(value):
        raise Invalid("agi-unsafe-value")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def set_variable(name: str, value: str) -> bytes:
    """Return the command that sets a channel variable.

    Raises:
        Invalid: ``agi-bad-variable-name`` unless ``name`` is a plain variable: a dialplan function such as
            ``SHELL(...)`` would be run by the PBX.
    """
    if not _VARIABLE_NAME.match(name):
        raise Invalid("agi-bad-variable-name")
    return encode_command(f"SET VARIABLE {name}", value)
