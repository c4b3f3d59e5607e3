"""Rows of Asterisk's channel event log as cel_custom writes it: CSV, one record an event, only ever appended to.

Source of the events' meaning: https://docs.asterisk.org, "Channel Event Logging (CEL)".
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = (
    "event",
    "time",
    "uniqueid",
    "linkedid",
    "channel",
    "caller_number",
    "exten",
    "context",
    "application",
    "peer",
    "user_event",
    "extra",
    "account",
)
LEAST_COLUMNS = 12  # ``account`` came later; without it alerts that were not answered are joined by caller number

CHAN_START = "CHAN_START"
ANSWER = "ANSWER"
BRIDGE_ENTER = "BRIDGE_ENTER"
BRIDGE_EXIT = "BRIDGE_EXIT"
HANGUP = "HANGUP"
APP_START = "APP_START"
LINKEDID_END = "LINKEDID_END"
USER_DEFINED = "USER_DEFINED"


class BadRow(ValueError):
    """A complete record that is not a CEL row: the file is damaged or the columns are not COLUMNS."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event. ``time``: epoch seconds with microseconds. ``peer``: channel name of the bridged peer, if any."""

    event: str
    time: float
    uniqueid: str
    linkedid: str
    channel: str
    caller_number: str
    exten: str
    context: str
    application: str
    peer: str
    user_event: str
    extra: dict[str, Any]
    account: str = ""

    @property
    def bridge_id(self) -> str:
        return str(self.extra.get("bridge_id", ""))


def parse(text: str, columns: Sequence[str] = COLUMNS) -> Iterator[Row]:
    """Rows of complete records. Raises BadRow for one that is none."""
    for fields in csv.reader(io.StringIO(text, newline="")):
        if fields:
            yield _row(fields, columns)


def read(path: Path, offset: int = 0, columns: Sequence[str] = COLUMNS) -> tuple[list[Row], int]:
    """Rows from a byte offset on, and the offset behind the last complete record: a half-written one is left."""
    complete = _complete(path.read_bytes()[offset:])
    return list(parse(complete.decode("utf-8", "surrogateescape"), columns)), offset + len(complete)


def _complete(data: bytes) -> bytes:
    """Up to the last line end outside quotes: a quoted field may hold line ends of its own."""
    end = len(data)
    while (end := data.rfind(b"\n", 0, end)) >= 0:
        if data.count(b'"', 0, end) % 2 == 0:
            break
    return data[: end + 1]


def _row(fields: list[str], columns: Sequence[str]) -> Row:
    if not LEAST_COLUMNS <= len(fields) <= len(columns):
        raise BadRow(f"{len(fields)} fields, {len(columns)} expected: {fields}")
    named: dict[str, Any] = dict(zip(columns, fields, strict=False))
    try:
        named["time"] = float(named["time"])
        named["extra"] = _extra(named["extra"])
    except ValueError as error:
        raise BadRow(f"{error}: {fields}") from error
    if named["user_event"]:
        named["event"] = USER_DEFINED  # cel_custom's ``eventtype`` is the user's own name for such an event
    return Row(**named)


def _extra(text: str) -> dict[str, Any]:
    loaded = json.loads(text) if text else {}
    if not isinstance(loaded, dict):
        raise ValueError("extra is no JSON object")
    return loaded
