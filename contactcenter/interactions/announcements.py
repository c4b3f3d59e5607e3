"""What callers in line are told of it, and when: of each whom the queue lets be told, every so many seconds.

Asked by the loop that plays music to them. Nobody is told anything while an alert for him runs, or in any other phase
than waiting. What is remembered (who was told when) is of this run of the server only: after a restart nobody is told
anything sooner than the queue's time after it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from contactcenter.core.clock import Clock
from contactcenter.core.ids import InteractionId, LegId, QueueId, ServerId
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import SPARE, Picture
from contactcenter.interactions.model import Interaction, Phase, Visit
from contactcenter.queues.model import Announced, Queue

ROUND: Final = 30
"""Seconds of music between two questions, as the dialplan has them. Rounds are made shorter, never longer: so changed
settings, and those of a line he was moved to, hold for every caller within that time."""
KNOWN_FOR: Final = 1.0
"""Seconds for which the order of a line is taken as known: of a long line somebody is told many times a second."""


@dataclass(frozen=True, slots=True)
class LineNews:
    """What a caller is told: how many stand before him, and P50 and P90 of his wait in seconds; None: not that."""

    ahead: int | None
    wait: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class _Place:
    ahead: int
    ahead_of_kind: int  # as estimates count: those not alerting, VIP customers before one of them, else the others


class Announcements:
    """See ivr.holding.Announcer. Called in the event loop only."""

    def __init__(self, picture: Picture, figures: DayFigures, clock: Clock) -> None:
        self.count = 0
        self._picture = picture
        self._figures = figures
        self._clock = clock
        self._began_at = clock.now()
        self._told_at: dict[InteractionId, datetime] = {}
        self._orders: dict[QueueId, tuple[float, dict[InteractionId, _Place]]] = {}

    def take_due(self, server_id: ServerId, leg_id: LegId) -> LineNews | None:
        """Return what the caller is to be told now, which then counts as told; None: nothing."""
        found = self._find(server_id, leg_id)
        if found is None or not self.is_waiting(server_id, leg_id):
            return None
        item, visit, queue = found
        now = self._clock.now()
        if now < self._due_at(item, visit, queue):
            return None
        news = self._news(item, queue, now)
        if news.ahead is None and news.wait is None:
            return None
        self._remember(item, now)
        return news

    def is_waiting(self, server_id: ServerId, leg_id: LegId) -> bool:
        """Whether he waits in line and no alert for him runs."""
        item = self._picture.find_by_leg(server_id, leg_id)
        return item is not None and item.phase is Phase.WAITING and item.alert is None

    def round_time(self, server_id: ServerId, leg_id: LegId) -> int | None:
        """Return how many seconds of music come before he is to be asked about again; None: as always."""
        found = self._find(server_id, leg_id)
        if found is None:
            return None
        left = (self._due_at(*found) - self._clock.now()).total_seconds()
        return ceil(left) if 0 < left <= ROUND - 1 else None

    # ------------------------------------------------------------ when

    def _find(self, server_id: ServerId, leg_id: LegId) -> tuple[Interaction, Visit, Queue] | None:
        """Return a caller in line of a queue that lets callers be told."""
        item = self._picture.find_by_leg(server_id, leg_id)
        if item is None or item.visit is None or item.phase not in (Phase.WAITING, Phase.ALERTING):
            return None
        queue = self._picture.queues.get(item.visit.queue_id)
        return (item, item.visit, queue) if queue is not None and queue.announce_every else None

    def _due_at(self, item: Interaction, visit: Visit, queue: Queue) -> datetime:
        since = self._told_at.get(item.interaction_id) or max(visit.entered_at, self._began_at)
        return since + timedelta(seconds=queue.announce_every)

    def _remember(self, item: Interaction, now: datetime) -> None:
        self.count += 1
        if len(self._told_at) > SPARE + 2 * len(self._picture.interactions):
            self._told_at = {one: at for one, at in self._told_at.items() if one in self._picture.interactions}
        self._told_at[item.interaction_id] = now

    # ------------------------------------------------------------ what

    def _news(self, item: Interaction, queue: Queue, now: datetime) -> LineNews:
        place = self._place(item, queue.queue_id, now.timestamp())
        tells_place, tells_wait = queue.announce is not Announced.WAIT, queue.announce is not Announced.PLACE
        wait = self._figures.range(queue.queue_id, place.ahead_of_kind, vip=item.vip) if tells_wait else None
        return LineNews(place.ahead if tells_place else None, wait)

    def _place(self, item: Interaction, queue_id: QueueId, now: float) -> _Place:
        at, order = self._orders.get(queue_id, (now, {}))
        if not 0 <= now - at < KNOWN_FOR or item.interaction_id not in order:
            order = self._order(queue_id, now)
            self._orders[queue_id] = now, order
        return order[item.interaction_id]

    def _order(self, queue_id: QueueId, now: float) -> dict[InteractionId, _Place]:
        order: dict[InteractionId, _Place] = {}
        of_kind: Counter[bool] = Counter()  # by whether they are VIP customers
        for ahead, one in enumerate(self._picture.in_line(queue_id, now)):
            order[one.interaction_id] = _Place(ahead, of_kind[one.vip])
            of_kind[one.vip] += one.alert is None
        return order
