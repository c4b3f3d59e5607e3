"""Reads the PBX's own records (cel_custom, one CSV line per event) for what happened while nobody listened."""

import asyncio
import csv
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from glob import escape
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions import ports
from cti.calls import LegRecord, calls_in, device_of, known, place_of
from cti.dialplan_names import CEL_FIELDS, CEL_HOLD, CEL_REACHED

log = structlog.get_logger(__name__)

TAIL_BYTES: Final = 8 * 1024 * 1024
"""How far back to look when it is not known since when nobody listened; about 15,000 calls."""
MOST_BYTES: Final = 128 * 1024 * 1024
"""How much is read at the most: some 240,000 calls. What is left out is told (``CelNews.is_cut``)."""
PIECE: Final = 1024 * 1024
"""Bytes parsed at a time."""
COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst"})
MARGIN: Final = timedelta(seconds=60)
"""How much earlier than asked reading begins: the PBX's clock is not ours, and lines are not strictly in order."""
_NEAR: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class CelNews:
    """What the records tell: legs that ended, and what there is of those that did not.

    ``is_cut``: not all of what was asked for was read; calls of the beginning may be missing.
    """

    ended: Sequence[ports.EndedLeg] = ()
    up: Mapping[LegId, LegRecord] = field(default_factory=dict)
    is_cut: bool = False

    def unrecorded(self, told: Iterable[ports.LegEnded]) -> list[ports.EndedLeg]:
        """Return the legs whose end was told and is not recorded, or not yet."""
        recorded = {leg.leg_id for leg in self.ended}
        return [self._end(one.leg_id, one.cause, one.at) for one in told if one.leg_id not in recorded]

    def cut_off(self, told: Collection[LegId], died_at: datetime, until: datetime) -> list[ports.EndedLeg]:
        """Return what ended with the former run of the PBX, so that no end is written or told: customers' legs, those
        of agents who had met one, and those that stood in for a customer who had answered.

        What began after ``until`` may be of its present run, and not yet shown.
        """
        return [
            self._end(leg_id, 0, max(died_at, at))
            for leg_id, record in self.up.items()
            if leg_id not in told and (at := _in_call_since(record)) is not None and at <= until
        ]

    def _end(self, leg_id: LegId, cause: int, at: datetime) -> ports.EndedLeg:
        """Return an end that is not recorded, with what is recorded of the leg."""
        known = self.up.get(leg_id, LegRecord())
        place = ports.CallerPlace.HOLD if known.in_line is not None else ports.CallerPlace.OTHER
        if known.reached_at is not None:
            place = ports.CallerPlace.STAND_IN
        return ports.EndedLeg(
            leg_id,
            cause,
            at,
            known.endpoint,
            known.caller_leg,
            bridged_at=known.bridged_at,
            arrival=known.arrival,
            place=place,
            in_line=known.in_line,
            in_line_at=known.in_line_at,
            reached_at=known.reached_at,
            parted_at=known.parted_at,
        )


def _in_call_since(record: LegRecord) -> datetime | None:
    """Return when a customer called, or was reached, or an agent met one; None of any other leg."""
    if record.arrival is not None:
        return record.arrival.at
    if record.reached_at is not None:
        return record.reached_at
    return record.bridged_at if record.caller_leg is not None else None


class CelFile:
    """The CEL file of one PBX; ``path`` None when it cannot be had (a remote PBX).

    What was rotated away is read as well: files beside it that begin with its name and "." or "-", not compressed.
    """

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
        reading = CelReading(self._server_id)
        try:
            with ExitStack() as files:
                places, is_cut = _places(
                    _parts(files, self.path), None if since is None else (since - MARGIN).timestamp()
                )
                for file, place in reversed(places):
                    for lines in _pieces(file, place):
                        reading.feed(lines)
        except OSError as error:
            log.warning("cel-not-read", file=str(self.path), error=error.strerror)
            return CelNews()
        if is_cut:
            log.warning("cel-cut", file=str(self.path), since=since.isoformat() if since else "", most=MOST_BYTES)
        return reading.news(is_cut=is_cut) if places else CelNews(is_cut=is_cut)


@dataclass(frozen=True, slots=True)
class _Part:
    file: BinaryIO
    size: int
    written_at: float  # epoch seconds, of its last line
    is_compressed: bool


def _parts(files: ExitStack, path: Path) -> list[_Part]:
    """Open the file and what was rotated away, newest first; a part met under two names while it is renamed is one."""
    found: dict[tuple[int, int], _Part] = {}
    for one in (path, *path.parent.glob(f"{escape(path.name)}[.-]*")):
        try:
            file = files.enter_context(one.open("rb")) if one.is_file() else None
        except FileNotFoundError:  # renamed since: it is met under its other name
            file = None
        if file is not None:
            told = os.fstat(file.fileno())
            part = _Part(file, told.st_size, told.st_mtime, one != path and one.suffix in COMPRESSED)
            found.setdefault((told.st_dev, told.st_ino), part)
    current, *rotated = found.values() if found else [None]
    return [part for part in (current, *sorted(rotated, key=lambda part: -part.written_at)) if part is not None]


def _places(parts: Sequence[_Part], instant: float | None) -> tuple[list[tuple[BinaryIO, int]], bool]:
    """Return from where on to read which parts, newest first, and whether that is less than what was asked for."""
    budget = TAIL_BYTES if instant is None else MOST_BYTES
    places: list[tuple[BinaryIO, int]] = []
    for number, part in enumerate(parts):
        if number and instant is not None and part.written_at < instant:
            break
        if part.is_compressed:
            return places, instant is not None
        wanted = 0 if instant is None else _find(part.file, part.size, instant)
        place = max(wanted, part.size - budget)
        places.append((part.file, place))
        budget -= part.size - place
        if place > wanted:
            return places, instant is not None and not _is_before(part.file, place, instant)
        if wanted > 0:
            break
    return places, False


def _is_before(file: BinaryIO, place: int, instant: float) -> bool:
    at = _first_instant(file, place)
    return at is not None and at < instant


def _pieces(file: BinaryIO, place: int) -> Iterator[str]:
    """Yield whole lines from a place on, about ``PIECE`` at a time; half a line at the end is left for later."""
    file.seek(place)
    rest = b""
    while data := file.read(PIECE):
        data = rest + data
        complete = data.rfind(b"\n") + 1
        yield data[:complete].decode(errors="replace")
        rest = data[complete:] if len(data) - complete < PIECE else b""  # no line is that long


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
    """What the lines of one leg tell; not the lines themselves, as there may be a hundred thousand legs."""

    is_told: bool = False
    is_over: bool = False
    started_at: datetime | None = None
    arrival: ports.CallArrived | None = None
    first_bridged: str | None = None
    last_bridged: str | None = None
    endpoint: str = ""
    caller_leg: LegId | None = None
    in_line: ports.PlaceInLine | None = None
    in_line_at: str | None = None
    reached_at: str | None = None
    parted_at: str | None = None
    end: ports.EndedLeg | None = None

    def take(self, line: Line, server_id: ServerId) -> None:
        event = line["event"]
        if event == "CHAN_START":
            self.is_told = True
            self.started_at, self.arrival = _instant(line["time"]), _arrival(line, server_id)
        elif event == "HANGUP":
            self.is_over, self.end = True, _end(line)
        elif event == "BRIDGE_ENTER":
            self.is_told = True
            self.first_bridged = self.first_bridged or line["time"]
            self.last_bridged = line["time"]
            self.endpoint, self.caller_leg = _agents(line)
        elif event == "BRIDGE_EXIT":
            self.parted_at = line["time"]
        elif line["user_event"] == CEL_HOLD:
            place = ports.PlaceInLine.decode(_told_extra(line))
            # One who comes back to the music of the same visit keeps his instant.
            if place is not None and (self.in_line is None or self.in_line.visit_id != place.visit_id):
                self.is_told, self.in_line, self.in_line_at = True, place, line["time"]

    def record(self) -> LegRecord:
        bridged_at, in_line_at = _instant(self.last_bridged), _instant(self.in_line_at)
        return LegRecord(
            self.started_at,
            bridged_at,
            self.in_line,
            in_line_at,
            self.arrival,
            self.endpoint,
            self.caller_leg,
            _instant(self.reached_at),
            _instant(self.parted_at),
        )

    def ended(self) -> ports.EndedLeg | None:
        if self.end is None:
            return None
        return replace(
            self.end,
            bridged_at=_instant(self.first_bridged),
            arrival=self.arrival,
            in_line=self.in_line,
            in_line_at=_instant(self.in_line_at),
            reached_at=_instant(self.reached_at),
            parted_at=_instant(self.parted_at),
        )


class CelReading:
    """Reads complete lines, piece by piece; a torn or foreign line is passed over."""

    def __init__(self, server_id: ServerId) -> None:
        self._server_id = server_id
        self._legs: dict[str, _Leg] = {}

    def feed(self, text: str) -> None:
        """Take the next lines."""
        for text_line in text.split("\n"):  # not splitlines: a caller's number may hold U+2028
            row = _row(text_line)
            if len(row) == len(CEL_FIELDS):
                line = dict(zip(CEL_FIELDS, row, strict=True))
                self._legs.setdefault(line["uniqueid"], _Leg()).take(line, self._server_id)
                if line["user_event"] == CEL_REACHED:
                    self._reached(line)

    def _reached(self, line: Line) -> None:
        """A customer answered: his own leg says for whom it was made."""
        stand_in = self._legs.setdefault(_told_extra(line), _Leg())
        stand_in.reached_at = stand_in.reached_at or line["time"]

    def news(self, *, is_cut: bool = False) -> CelNews:
        """Return what was read so far."""
        ended = [found for leg in self._legs.values() if (found := leg.ended())]
        up = {LegId(name): leg.record() for name, leg in self._legs.items() if not leg.is_over and leg.is_told}
        return CelNews(sorted(ended, key=lambda leg: leg.at), up, is_cut)


def _row(line: str) -> list[str]:
    """Read one line by itself, so that an open quote spoils no other."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _end(hangup: Line) -> ports.EndedLeg | None:
    at, extra = _instant(hangup["time"]), _extra(hangup)
    cause = extra.get("hangupcause", 0) if extra is not None else None
    if at is None or not isinstance(cause, int):
        return None
    return ports.EndedLeg(
        LegId(hangup["uniqueid"]),
        cause,
        at,
        *_agents(hangup),
        place=place_of(hangup["channel"], hangup["context"]),
    )


def _agents(line: Line) -> tuple[str, LegId | None]:
    """Return where an agent's leg rings, and for whose call.

    Out of the bridge the customer's own leg has his agent's account code, which is his own Uniqueid: he is no agent.
    """
    endpoint, account = device_of(line["channel"], line["uniqueid"], line["exten"]), line["account"]
    return endpoint, LegId(account) if account not in ("", line["uniqueid"]) else None


def _arrival(start: Line, server_id: ServerId) -> ports.CallArrived | None:
    """Return the call a customer's leg began; None for any other leg. The records have no caller's name."""
    at = _instant(start["time"])
    if not calls_in(start["channel"], start["context"], start["uniqueid"], start["linkedid"]) or at is None:
        return None
    number, leg_id = known(start["caller_number"]), LegId(start["uniqueid"])
    return ports.CallArrived(server_id, leg_id, start["linkedid"], number, "", start["exten"], at)


def _extra(line: Line) -> dict[str, object] | None:
    try:
        told = json.loads(line["extra"] or "{}")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _told_extra(line: Line) -> str:
    """Return what CELGenUserEvent was given beside its name."""
    return str((_extra(line) or {}).get("extra", ""))


def _instant(seconds: str | None) -> datetime | None:
    try:
        return None if seconds is None else from_timestamp(float(seconds))
    except (ValueError, OverflowError, OSError):
        return None
