"""Reads the PBX's own records (cel_custom, one CSV line per event) for what happened while nobody listened."""

import asyncio
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions import ports
from cti.calls import AGENT_PREFIX, PLACES, LegRecord, device_of, endpoint_of, known
from cti.dialplan_names import CEL_FIELDS, CEL_HOLD, INBOUND

TAIL_BYTES: Final = 8 * 1024 * 1024
"""How far back to look when it is not known since when nobody listened; about 15,000 calls."""
MOST_BYTES: Final = 128 * 1024 * 1024
MARGIN: Final = timedelta(seconds=60)
"""How much earlier than asked reading begins: the PBX's clock is not ours, and lines are not strictly in order."""
_NEAR: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class CelNews:
    """What the records tell: legs that ended, and what there is of those that did not."""

    ended: Sequence[ports.EndedLeg] = ()
    up: Mapping[LegId, LegRecord] = field(default_factory=dict)


class CelFile:
    """The CEL file of one PBX; ``path`` None when it cannot be had (a remote PBX)."""

    def __init__(self, path: Path | None, server_id: ServerId) -> None:
        self.path = path
        self._server_id = server_id

    async def news(self, since: datetime | None) -> CelNews:
        """Return what was written since an instant (a little more than that); None: since not long ago.

        An instant and not a place in the file: it is known after a restart of ours, too, and a rotated file, or one
        that grew for days while all was well, is read no further back than needed.
        """
        return await asyncio.to_thread(self._read, since)

    def _read(self, since: datetime | None) -> CelNews:
        if self.path is None:
            return CelNews()
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                wanted = size - TAIL_BYTES if since is None else _find(file, size, (since - MARGIN).timestamp())
                file.seek(max(0, wanted, size - MOST_BYTES))
                data = file.read()
        except OSError:
            return CelNews()
        complete = data.rfind(b"\n") + 1
        return read_news(data[:complete].decode(errors="replace"), self._server_id)


def _find(file: BinaryIO, size: int, instant: float) -> int:
    """Return a place in front of every line at or after ``instant``, by halves: lines stand in the order of time."""
    low, high = 0, size
    while high - low > _NEAR:
        middle = (low + high) // 2
        at = _first_instant(file, middle)
        if at is not None and at < instant:
            low = middle
        else:
            high = middle
    return low


def _first_instant(file: BinaryIO, place: int) -> float | None:
    """Return the instant of the first whole line after ``place``; None when there is none nearby."""
    file.seek(place)
    lines = file.read(_NEAR).split(b"\n")[1:-1]
    return next((at.timestamp() for line in lines if (at := _line_instant(line)) is not None), None)


def _line_instant(line: bytes) -> datetime | None:
    row = _row(line.decode(errors="replace"))
    return _instant(row[CEL_FIELDS.index("time")]) if len(row) == len(CEL_FIELDS) else None


Line = dict[str, str]


@dataclass(slots=True)
class _Leg:
    """What the lines of one leg tell."""

    start: Line | None = None
    hangup: Line | None = None
    first_bridged: str | None = None
    last_bridged: str | None = None
    in_line: ports.PlaceInLine | None = None
    in_line_at: str | None = None

    def take(self, line: Line) -> None:
        event = line["event"]
        if event == "CHAN_START":
            self.start = line
        elif event == "HANGUP":
            self.hangup = line
        elif event == "BRIDGE_ENTER":
            self.first_bridged = self.first_bridged or line["time"]
            self.last_bridged = line["time"]
        elif line["user_event"] == CEL_HOLD:
            place = ports.PlaceInLine.decode(str((_extra(line) or {}).get("extra", "")))
            # One who comes back to the music of the same visit keeps his instant.
            if place is not None and (self.in_line is None or self.in_line.visit_id != place.visit_id):
                self.in_line, self.in_line_at = place, line["time"]

    @property
    def is_told(self) -> bool:
        return self.start is not None or self.last_bridged is not None or self.in_line is not None

    def record(self) -> LegRecord:
        started = _instant(self.start["time"]) if self.start else None
        return LegRecord(started, _instant(self.last_bridged), self.in_line, _instant(self.in_line_at))


def read_news(text: str, server_id: ServerId) -> CelNews:
    """Read complete CEL lines; a torn or foreign line is passed over."""
    legs: dict[str, _Leg] = {}
    for text_line in text.split("\n"):  # not splitlines: a caller's number may hold U+2028
        row = _row(text_line)
        if len(row) == len(CEL_FIELDS):
            line = dict(zip(CEL_FIELDS, row, strict=True))
            legs.setdefault(line["uniqueid"], _Leg()).take(line)
    ended = [found for leg in legs.values() if leg.hangup and (found := _ended(leg, leg.hangup, server_id))]
    up = {LegId(name): leg.record() for name, leg in legs.items() if leg.hangup is None and leg.is_told}
    return CelNews(sorted(ended, key=lambda leg: leg.at), up)


def _row(line: str) -> list[str]:
    """Read one line by itself, so that an open quote spoils no other."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _ended(leg: _Leg, hangup: Line, server_id: ServerId) -> ports.EndedLeg | None:
    at, extra = _instant(hangup["time"]), _extra(hangup)
    cause = extra.get("hangupcause", 0) if extra is not None else None
    if at is None or not isinstance(cause, int):
        return None
    return ports.EndedLeg(
        LegId(hangup["uniqueid"]),
        cause,
        at,
        device_of(hangup["channel"], hangup["uniqueid"], hangup["exten"]),
        LegId(hangup["account"]) if hangup["account"] else None,
        _instant(leg.first_bridged),
        _arrival(leg.start, server_id) if leg.start else None,
        PLACES.get(hangup["context"], ports.CallerPlace.OTHER),
        leg.in_line,
        _instant(leg.in_line_at),
    )


def _arrival(start: Line, server_id: ServerId) -> ports.CallArrived | None:
    """Return the call a customer's leg began; None for any other leg. The records have no caller's name."""
    at = _instant(start["time"])
    if start["context"] != INBOUND or endpoint_of(start["channel"]).startswith(AGENT_PREFIX) or at is None:
        return None
    number, leg_id = known(start["caller_number"]), LegId(start["uniqueid"])
    return ports.CallArrived(server_id, leg_id, start["linkedid"], number, "", start["exten"], at)


def _extra(line: Line) -> dict[str, object] | None:
    try:
        told = json.loads(line["extra"] or "{}")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _instant(seconds: str | None) -> datetime | None:
    try:
        return None if seconds is None else from_timestamp(float(seconds))
    except (ValueError, OverflowError, OSError):
        return None
