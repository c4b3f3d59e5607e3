"""Reads the PBX's own records (cel_custom, one CSV line per event) for what ended while nobody listened."""

import asyncio
import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId
from contactcenter.interactions.ports import EndedLeg
from cti.dialplan_names import CEL_FIELDS

TAIL_BYTES: Final = 8 * 1024 * 1024
"""How far back to look on the first read; about 15,000 calls."""


class CelFile:
    """One CEL file, read on from the last offset; a shrunken file (rotated) is read from its start."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._offset: int | None = None

    async def ended(self) -> Sequence[EndedLeg]:
        """Return the legs whose HANGUP was written since the last call; none when the file cannot be read."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> list[EndedLeg]:
        if self.path is None:
            return []
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                known = self._offset if self._offset is not None and self._offset <= size else 0
                begin = max(known, size - TAIL_BYTES)
                file.seek(begin)
                data = file.read()
        except OSError:
            return []
        complete = data.rfind(b"\n") + 1
        self._offset = begin + complete
        return ended_legs(data[:complete].decode(errors="replace"))


def ended_legs(text: str) -> list[EndedLeg]:
    """Return the ended legs of complete CEL lines; a torn or foreign line is passed over."""
    rows = [_row(line) for line in text.split("\n")]  # not splitlines: a caller's number may hold U+2028
    found = [dict(zip(CEL_FIELDS, row, strict=True)) for row in rows if len(row) == len(CEL_FIELDS)]
    entered = {line["uniqueid"]: line["time"] for line in reversed(found) if line["event"] == "BRIDGE_ENTER"}
    hangups = [line for line in found if line["event"] == "HANGUP"]
    return [leg for line in hangups if (leg := _ended(line, entered.get(line["uniqueid"]))) is not None]


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


def _instant(seconds: str) -> datetime:
    return from_timestamp(float(seconds))
