"""CEL rows folded into channels: when each began, answered, waited, stood in which bridge and ended."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.oracle import cel
from tests.oracle.cel import Row


class End(StrEnum):
    """How sure a channel's end is."""

    SEEN = "seen"  # HANGUP was recorded
    RESTART = "restart"  # Asterisk was restarted meanwhile: over, time unknown
    OPEN = "open"  # nothing says that it ended


@dataclass(slots=True)
class Stay:
    """One stay of a channel in one bridge; ``until`` is None while it lasts."""

    bridge_id: str
    since: float
    until: float | None = None


@dataclass(slots=True)
class Channel:
    """One channel, keyed by its uniqueid. ``last_seen``: time of its last row (a restart's lower bound of the end)."""

    uniqueid: str
    name: str
    last_seen: float
    started_at: float | None = None
    start_context: str = ""
    exten: str = ""
    answered_at: float | None = None
    ended_at: float | None = None
    end: End = End.OPEN
    cause: int = 0
    hangup_source: str = ""
    account: str = ""
    numbers: set[str] = field(default_factory=set)
    linkedids: set[str] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """``PJSIP/agent-101-0000001f`` -> ``PJSIP/agent-101``."""
        return self.name.rpartition("-")[0] or self.name

    def closes_at(self, otherwise: float) -> float:
        """When it ended, or ``otherwise`` while it is open."""
        return otherwise if self.ended_at is None else self.ended_at


def fold(rows: Iterable[Row], restarts: Sequence[float] = ()) -> dict[str, Channel]:
    """Channels by uniqueid. ``restarts``: known times of Asterisk's restarts; others are seen by its own numbering."""
    channels: dict[str, Channel] = {}
    boots = sorted(restarts)
    numbers: dict[int, str] = {}
    for row in rows:
        while boots and row.time >= boots[0]:
            boots.pop(0)
            _restart(channels, numbers)
        if row.event == cel.CHAN_START and _is_new_boot(row.uniqueid, numbers):
            _restart(channels, numbers)
            _is_new_boot(row.uniqueid, numbers)
        _apply(channels, row)
    if boots:
        _restart(channels, numbers)
    return channels


def _is_new_boot(uniqueid: str, numbers: dict[int, str]) -> bool:
    """Asterisk numbers its channels from 0 on (``<systemname->epoch.number``): a number seen twice is a new process."""
    found = re.fullmatch(r"(?:.*-)?\d{9,}\.(\d+)", uniqueid)
    return found is not None and numbers.setdefault(int(found[1]), uniqueid) != uniqueid


def _restart(channels: dict[str, Channel], numbers: dict[int, str]) -> None:
    numbers.clear()
    last = max((channel.last_seen for channel in channels.values()), default=0.0)
    for channel in channels.values():
        if channel.end is End.OPEN:
            channel.end = End.RESTART
            _leave_bridges(channel, last)


def _apply(channels: dict[str, Channel], row: Row) -> None:
    channel = channels.setdefault(row.uniqueid, Channel(row.uniqueid, row.channel, row.time))
    channel.rows.append(row)
    channel.last_seen = max(channel.last_seen, row.time)
    channel.linkedids.add(row.linkedid)
    channel.account = channel.account or row.account
    if row.caller_number:
        channel.numbers.add(row.caller_number)
    _note(channel, row)


def _note(channel: Channel, row: Row) -> None:
    match row.event:
        case cel.CHAN_START:
            channel.started_at, channel.start_context, channel.exten = row.time, row.context, row.exten
        case cel.ANSWER if channel.answered_at is None:
            channel.answered_at = row.time
        case cel.BRIDGE_ENTER:
            channel.stays.append(Stay(row.bridge_id, row.time))
        case cel.BRIDGE_EXIT:
            _leave_bridges(channel, row.time, row.bridge_id)
        case cel.HANGUP:
            _hang_up(channel, row)


def _hang_up(channel: Channel, row: Row) -> None:
    channel.ended_at, channel.end = row.time, End.SEEN
    channel.cause = int(row.extra.get("hangupcause", 0))
    channel.hangup_source = str(row.extra.get("hangupsource", ""))
    _leave_bridges(channel, row.time)


def _leave_bridges(channel: Channel, at: float, bridge_id: str | None = None) -> None:
    for stay in channel.stays:
        if stay.until is None and bridge_id in (None, stay.bridge_id):
            stay.until = at


def shared_times(one: Channel, other: Channel) -> list[tuple[float, float | None]]:
    """When both stood in the same bridge, in order of time; an end of None lasts still."""
    found = []
    for mine in one.stays:
        for theirs in other.stays:
            since = max(mine.since, theirs.since)
            until = _earlier(mine.until, theirs.until)
            if mine.bridge_id == theirs.bridge_id and (until is None or until > since):
                found.append((since, until))
    return sorted(found, key=lambda span: span[0])


def _earlier(one: float | None, other: float | None) -> float | None:
    given = [time for time in (one, other) if time is not None]
    return min(given, default=None)
