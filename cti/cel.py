"""Reads the PBX's own records (cel_custom, one CSV line per event) for what happened while nobody listened."""

import asyncio
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId
from contactcenter.interactions.ports import EndedLeg, PlaceInLine
from cti.calls import LegRecord
from cti.dialplan_names import CEL_FIELDS, CEL_HOLD

TAIL_BYTES: Final = 8 * 1024 * 1024
"""How far back to look on the first read; about 15,000 calls."""


@dataclass(frozen=True, slots=True)
class CelNews:
    """What the records tell since they were read last: legs that ended, and what there is of those that did not."""

    ended: Sequence[EndedLeg] = ()
    up: Mapping[LegId, LegRecord] = field(default_factory=dict)


class CelFile:
    """One CEL file, read on from the last offset; a shrunken file (rotated) is read from its start."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._offset: int | None = None

    async def news(self) -> CelNews:
        """Return what was written since the last call; nothing when the file cannot be read."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> CelNews:
        if self.path is None:
            return CelNews()
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                known = self._offset if self._offset is not None and self._offset <= size else 0
                begin = max(known, size - TAIL_BYTES)
                file.seek(begin)
                data = file.read()
        except OSError:
            return CelNews()
        complete = data.rfind(b"\n") + 1
        self._offset = begin + complete
        return read_news(data[:complete].decode(errors="replace"))


def read_news(text: str) -> CelNews:
    """Read complete CEL lines; a torn or foreign line is passed over."""
    rows = [_row(line) for line in text.split("\n")]  # not splitlines: a caller's number may hold U+2028
    found = [dict(zip(CEL_FIELDS, row, strict=True)) for row in rows if len(row) == len(CEL_FIELDS)]
    first_entered = {line["uniqueid"]: line["time"] for line in reversed(found) if line["event"] == "BRIDGE_ENTER"}
    hangups = [line for line in found if line["event"] == "HANGUP"]
    ended = [leg for line in hangups if (leg := _ended(line, first_entered.get(line["uniqueid"]))) is not None]
    over = {line["uniqueid"] for line in hangups}
    started = {line["uniqueid"]: line["time"] for line in found if line["event"] == "CHAN_START"}
    entered = {line["uniqueid"]: line["time"] for line in found if line["event"] == "BRIDGE_ENTER"}
    lines = _lines(found)
    nowhere = None, None
    up = {
        LegId(leg): LegRecord(
            _told_instant(started.get(leg)), _told_instant(entered.get(leg)), *lines.get(leg, nowhere)
        )
        for leg in (started.keys() | entered.keys() | lines.keys()) - over
    }
    return CelNews(ended, up)


def _lines(found: Sequence[dict[str, str]]) -> dict[str, tuple[PlaceInLine, datetime | None]]:
    """Return the line each caller was put into last, and when; one who comes back to the music keeps his instant."""
    lines: dict[str, tuple[PlaceInLine, datetime | None]] = {}
    for line in found:
        place = PlaceInLine.decode(_extra(line)) if line["user_event"] == CEL_HOLD else None
        before = lines.get(line["uniqueid"])
        if place is not None and (before is None or before[0].visit_id != place.visit_id):
            lines[line["uniqueid"]] = place, _told_instant(line["time"])
    return lines


def _extra(line: dict[str, str]) -> str:
    """Return what CELGenUserEvent was given beside its name."""
    try:
        return str(msgspec.json.decode(line["extra"] or "{}", type=dict[str, Any]).get("extra", ""))
    except msgspec.DecodeError:
        return ""


def _row(line: str) -> list[str]:
    """Read one line by itself, so that an open quote spoils no other."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _ended(line: dict[str, str], entered: str | None) -> EndedLeg | None:
    try:
        extra: dict[str, Any] = msgspec.json.decode(line["extra"] or "{}", type=dict[str, Any])
        return EndedLeg(
            LegId(line["uniqueid"]),
            int(extra.get("hangupcause", 0)),
            _instant(line["time"]),
            line["channel"].removeprefix("PJSIP/").rpartition("-")[0],
            LegId(line["account"]) if line["account"] else None,
            _instant(entered) if entered else None,
        )
    except (ValueError, TypeError, OverflowError, msgspec.DecodeError):
        return None


def _told_instant(seconds: str | None) -> datetime | None:
    try:
        return None if seconds is None else _instant(seconds)
    except (ValueError, OverflowError, OSError):
        return None


def _instant(seconds: str) -> datetime:
    return from_timestamp(float(seconds))
