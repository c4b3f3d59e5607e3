"""SIPp's message log (``-trace_msg``): what went over the wire when, the judge of every latency from the INVITE on."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_MARK = re.compile(
    rb"^-{47} (\d{4}-\d\d-\d\d)[ \t]+(\d\d:\d\d:\d\d\.\d{6})\r?\n\w+ message (sent|received) [^\n]*\n\n?", re.MULTILINE
)


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
