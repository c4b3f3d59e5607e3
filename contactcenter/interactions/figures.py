"""Today's figures of each queue, from events alone. Pure; formulas as in STYLE's table of words.

offered = entered the queue today; answered, abandoned, flowed out = those of them; short abandons left within the
queue's threshold; service level = answered within T / (offered - short abandons), over visits that have ended; the
figure of the last 15 minutes counts visits that ended within them. What counts is when a thing happened, not when it
was told: calls that came and went while nobody of ours was there are told late, and out of order.
"""

from bisect import insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from contactcenter.core.ids import QueueId
from routing.estimates import Pace, Range

RECENT: Final = timedelta(minutes=15)
AT_ONCE: Final = Range(0.0, 0.0)


@dataclass(slots=True)
class QueueFigures:
    """Counts of visits since the day began."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    in_target: int = 0
    flowed_out: int = 0
    recent: deque[tuple[datetime, bool]] = field(default_factory=deque)  # (ended at, answered in target), oldest first

    def service_level(self) -> float | None:
        """Return the share in percent of ended visits answered within T, short abandons left out; None without any."""
        ended = self.answered + self.abandoned + self.flowed_out - self.short_abandoned
        return round(100 * self.in_target / ended, 1) if ended > 0 else None

    def service_level_recent(self, now: datetime) -> float | None:
        """Return the same over the last 15 minutes."""
        good, ended = self.recent_counts(now)
        return round(100 * good / ended, 1) if ended else None

    def recent_counts(self, now: datetime) -> tuple[int, int]:
        """Return how many visits of the last 15 minutes were answered in target, and how many ended."""
        while self.recent and self.recent[0][0] < now - RECENT:
            self.recent.popleft()
        return sum(in_target for _, in_target in self.recent), len(self.recent)


Wait = Range
"""Seconds: half wait less than the first, nine in ten less than the second."""
Paces = tuple[Pace | None, Pace | None]
"""How fast a queue's line moves, and that of its VIP customers; None: not known."""


def _rounded(seconds: float) -> float:
    """No finer than anybody can promise, and so that a screen does not change with every call: 5 s, 30 s from 2 min."""
    step = 5 if seconds < 120 else 30
    return float(step * max(1, round(seconds / step)))


class DayFigures:
    """Figures per queue for one day; ``roll`` begins the next. ``paces``: how fast each queue's lines move now."""

    def __init__(self, day_began_at: datetime) -> None:
        self.day_began_at = day_began_at
        self.paces: dict[QueueId, Paces] = {}
        self.queues: dict[QueueId, QueueFigures] = {}

    def of(self, queue_id: QueueId) -> QueueFigures:
        """Return a queue's figures."""
        return self.queues.setdefault(queue_id, QueueFigures())

    def wait(self, queue_id: QueueId, ahead: int, *, vip: bool) -> Range | None:
        """Return ``range`` as screens show it, rounded."""
        found = self.range(queue_id, ahead, vip=vip)
        return None if found is None else Range(*map(_rounded, found))

    def range(self, queue_id: QueueId, ahead: int, *, vip: bool) -> Range | None:
        """Return what somebody waits with so many of his kind before him in a queue; None: not known."""
        pace = self.paces.get(queue_id, (None, None))[vip]
        return None if pace is None else pace.range(ahead)

    def offered(self, queue_id: QueueId, at: datetime) -> None:
        """Count a visit that began at ``at``."""
        self.of(queue_id).offered += at >= self.day_began_at

    def answered(self, queue_id: QueueId, wait_time: float, target_time: float, at: datetime) -> None:
        """Count a visit an agent answered at ``at``, after ``wait_time`` seconds."""
        figures = self.of(queue_id)
        in_target = wait_time <= target_time
        if self._is_of_today(at, wait_time):
            figures.answered += 1
            figures.in_target += in_target
        insort(figures.recent, (at, in_target))

    def abandoned(self, queue_id: QueueId, wait_time: float, short_abandon_time: float, at: datetime) -> None:
        """Count a visit the customer gave up at ``at``, after ``wait_time`` seconds."""
        figures = self.of(queue_id)
        is_short, is_of_today = wait_time <= short_abandon_time, self._is_of_today(at, wait_time)
        figures.abandoned += is_of_today
        figures.short_abandoned += is_short and is_of_today
        if not is_short:
            insort(figures.recent, (at, False))

    def flowed_out(self, queue_id: QueueId, wait_time: float, at: datetime) -> None:
        """Count a visit that a rule of the queue ended at ``at``, after ``wait_time`` seconds."""
        figures = self.of(queue_id)
        figures.flowed_out += self._is_of_today(at, wait_time)
        insort(figures.recent, (at, False))

    def _is_of_today(self, ended_at: datetime, wait_time: float) -> bool:
        return ended_at - timedelta(seconds=wait_time) >= self.day_began_at

    def roll(self, day_begins_at: datetime) -> None:
        """Begin a new day."""
        self.day_began_at = day_begins_at
        self.queues = {queue_id: QueueFigures(recent=one.recent) for queue_id, one in self.queues.items()}

    def totals(self, queues: Mapping[QueueId, object]) -> QueueFigures:
        """Return the sum over the given queues (without the recent ones)."""
        chosen = [figures for queue_id, figures in self.queues.items() if queue_id in queues]
        return QueueFigures(
            sum(one.offered for one in chosen),
            sum(one.answered for one in chosen),
            sum(one.abandoned for one in chosen),
            sum(one.short_abandoned for one in chosen),
            sum(one.in_target for one in chosen),
            sum(one.flowed_out for one in chosen),
            deque(sorted(entry for one in chosen for entry in one.recent)),
        )
