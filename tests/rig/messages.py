"""SIPp's message log (``-trace_msg``): what went over the wire when, the judge of every latency from the INVITE on."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_MARK = re.compile(
    rb"^-{47} (\d{4}-\d\d-\d\d)[ \t]+(\d\d:\d\d:\d\d\.\d{6})\r?\n\w+ message (sent|received) [^\n]*\n\n?", re.MULTILINE
)
_FROM = re.compile(r"^From:[^\r\n]*?<sip:(\+?\d+)@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message. ``at``: epoch seconds, microsecond resolution. ``first``: method, or the status code as text."""

    at: float
    sent: bool
    first: str
    call_id: str
    cseq_method: str
    request_user: str
    text: str


def parse(log: bytes) -> Iterator[SipMessage]:
    """Messages in the order of the log; a half-written last one and what is not SIP are left out."""
    marks = list(_MARK.finditer(log))
    for mark, following in zip(marks, [*marks, None][1:], strict=True):
        body = log[mark.end() : following.start() if following else len(log)]
        message = _message(mark, body.decode("utf-8", "backslashreplace"))
        if message is not None:
            yield message


def read(path: Path) -> list[SipMessage]:
    """All messages of a log file; none when SIPp has not written any yet."""
    return list(parse(path.read_bytes())) if path.exists() else []


class Tail:
    """Follows a log while SIPp writes it. A message counts as whole when another follows or nothing more came."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def new(self) -> list[SipMessage]:
        """Return the messages that have become whole since the last look, in the order of the log."""
        grown = b""
        if self._path.exists():
            with self._path.open("rb") as log:
                log.seek(self._offset)
                grown = log.read()
        self._offset += len(grown)
        self._rest += grown
        end = len(self._rest) if not grown else max((one.start() for one in _MARK.finditer(self._rest)), default=0)
        whole, self._rest = self._rest[:end], self._rest[end:]
        return list(parse(whole))


def number_of(message: SipMessage) -> str:
    """Return the telephone number in the From header; '' when there is none."""
    found = _FROM.search(message.text)
    return found[1] if found else ""


def _message(mark: re.Match[bytes], text: str) -> SipMessage | None:
    head = text.lstrip("\r\n").partition("\r\n\r\n")[0]
    line, _, headers = head.partition("\r\n")
    call_id = _header(headers, "Call-ID")
    if not call_id:
        return None
    words = [*line.split(), "", ""]
    is_reply = words[0].startswith("SIP/2.0")
    user = re.match(r"sips?:([^@;>]*)@", words[1])
    return SipMessage(
        at=datetime.fromisoformat(f"{mark[1].decode()} {mark[2].decode()}").astimezone().timestamp(),
        sent=mark[3] == b"sent",
        first=words[1] if is_reply else words[0],
        call_id=call_id,
        cseq_method=_header(headers, "CSeq").partition(" ")[2],
        request_user=user[1] if user and not is_reply else "",
        text=text,
    )


def _header(headers: str, name: str) -> str:
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.*?)\r?$", headers, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def first_times(messages: Iterable[SipMessage], first: str, *, sent: bool, cseq: str = "INVITE") -> dict[str, float]:
    """Call-ID -> when such a message first appeared (later ones are retransmissions), in order of appearance."""
    times: dict[str, float] = {}
    for message in messages:
        if message.first == first and message.sent is sent and message.cseq_method == cseq:
            times.setdefault(message.call_id, message.at)
    return times
