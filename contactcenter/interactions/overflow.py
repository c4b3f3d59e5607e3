"""Keeps the queues' limits: whom a queue does not take as he comes, and who has waited in it for long enough.

What the limits say is pure (``queues.limits``); this looks, each second, and carries it out. Nobody is sent on while an
alert for him runs (when it fails, the next look does it), nor while his PBX is away or its picture not yet taken: he
may talk, or be gone.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.ids import Ids, InteractionId, QueueId, VisitId
from contactcenter.core.publisher import Publisher
from contactcenter.interactions import ports
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.model import Interaction, InteractionDiverted, Phase, Visit
from contactcenter.interactions.servers import needs_of
from contactcenter.queues.limits import Cause, on_entry, way_of, while_waiting
from contactcenter.queues.model import Queue, Way
from contactcenter.queues.rules import rules_of
from routing.commands import VOICE, Requirement
from routing.eligibility import is_served
from routing.requirements import Profile

log = structlog.get_logger(__name__)
LOOK_EVERY: Final = 1.0  # seconds: how late a wait may be ended

MOST: Final = 50  # sent on at one look, so that no call waits for it

Present = Callable[[], Collection[Profile]]
"""Returns the router's profiles of everybody signed in."""


class Overflow:
    """Sends callers on. Called in the event loop only; ``keep`` runs for ever."""

    def __init__(
        self,
        assignments: Assignments,
        publisher: Publisher,
        clock: Clock,
        ids: Ids,
        present: Present,
        has_flow: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self._assignments = assignments
        self._picture = assignments.picture
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._present = present
        self.has_flow = has_flow
        self._unserved: dict[InteractionId, datetime] = {}  # since when nobody has been there for him
        self._missing: set[tuple[QueueId, Way]] = set()  # ways that lead nowhere, told once
        assignments.admit = self.admit
        assignments.transfers.refusal = self.refusal

    async def keep(self) -> None:
        """For ever: end waits that are over."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()

    # ------------------------------------------------------------ who comes

    def admit(self, item: Interaction, place: ports.PlaceInLine) -> ports.PlaceInLine | ports.Diverted:
        """Return where a caller who is to enter a line really goes: this one, another, or a flow."""
        found, events = self._find(item, place, self._clock.now())
        self._publisher.announce(*events)
        return found

    def _find(
        self, item: Interaction, place: ports.PlaceInLine, now: datetime
    ) -> tuple[ports.PlaceInLine | ports.Diverted, list[InteractionDiverted]]:
        since = item.waits_since or item.placed_since or now
        events: list[InteractionDiverted] = []
        while True:
            queue = self._picture.queues[place.queue_id]
            cause = on_entry(
                queue,
                now,
                waiting=self._waiting(queue),
                waited=(now - since).total_seconds(),
                is_served=self._would_be_served(item, queue, place),
                is_back=item.visit is not None and item.visit.queue_id == queue.queue_id,
                used=item.sent_on,
            )
            way = self._way(queue, cause)
            if cause is None or way is None:
                return place, events
            item.sent_on |= {(queue.queue_id, cause)}
            events.append(_diverted(item, queue, "", cause, way, since, now))
            if way.queue_id is None:
                item.sent_to, item.sent_from, item.chosen_before = way.flow, queue.queue_id, item.choices
                item.placed_since = item.placed_since or item.waits_since
                item.waits_since = None
                return ports.Diverted(way.flow), events
            place = replace(place, queue_id=way.queue_id)

    def refusal(self, item: Interaction, queue: Queue) -> Cause | None:
        """Return why a queue takes nobody now whom an agent sends there, or None."""
        place = ports.PlaceInLine(VisitId(""), queue.queue_id, 0, {})
        is_served = self._would_be_served(item, queue, place)
        return on_entry(queue, self._clock.now(), waiting=self._waiting(queue), waited=0.0, is_served=is_served)

    def _waiting(self, queue: Queue) -> int:
        if queue.max_waiting is None:
            return 0
        return sum(one.is_on_line for one in self._picture.waiting(queue.queue_id))

    def _would_be_served(self, item: Interaction, queue: Queue, place: ports.PlaceInLine) -> bool:
        if queue.when_nobody is None or queue.nobody_after:
            return True  # nothing hangs on it yet
        visit = Visit(place.visit_id, place.queue_id, self._clock.now(), place.priority, place.skills)
        return is_served(self._present(), rules_of(queue), VOICE, needs_of(item, visit, self._picture))

    # ------------------------------------------------------------ who waits

    def look(self) -> None:
        """Send on whoever may wait no longer, so many at a time."""
        now = self._clock.now()
        there = self._present() if any(one.when_nobody for one in self._picture.queues.values()) else ()
        served: dict[tuple[QueueId, Requirement], bool] = {}  # asked once a look
        unserved: dict[InteractionId, datetime] = {}
        left = MOST
        for item in list(self._picture.waiting()):
            visit, link = item.visit, self._picture.links.get(item.server_id)
            queue = self._picture.queues.get(visit.queue_id) if visit is not None else None
            if visit is None or queue is None or (queue.max_wait is None and queue.when_nobody is None):
                continue
            if not item.is_on_line:
                continue  # he is to be called back
            if link is not None and not link.up:
                continue
            if queue.when_nobody is not None:
                needs = needs_of(item, visit, self._picture)
                key = (queue.queue_id, needs)
                if key not in served:
                    served[key] = is_served(there, rules_of(queue), VOICE, needs)
                if not served[key]:
                    unserved[item.interaction_id] = self._unserved.get(item.interaction_id, now)
            if item.phase is Phase.WAITING and left:
                left -= self._judge(item, visit, queue, unserved.get(item.interaction_id), now)
        self._unserved = unserved

    def _judge(self, item: Interaction, visit: Visit, queue: Queue, since: datetime | None, now: datetime) -> bool:
        """Return whether he was sent on."""
        cause = while_waiting(
            queue,
            waited=(now - visit.entered_at).total_seconds(),
            unserved_for=(now - since).total_seconds() if since is not None else None,
            used=item.sent_on,
        )
        way = self._way(queue, cause)
        if cause is None or way is None:
            return False
        item.sent_on |= {(queue.queue_id, cause)}
        diverted = _diverted(item, queue, visit.visit_id, cause, way, visit.entered_at, now)
        if way.queue_id is None:
            item.sent_to, item.sent_from, item.chosen_before = way.flow, queue.queue_id, item.choices
            self._assignments.move_on(item, diverted, None)
            return True
        item.placed_since = visit.entered_at
        new = ports.PlaceInLine(VisitId(self._ids.new()), way.queue_id, visit.priority, visit.skills)
        found, events = self._find(item, new, now)
        place = found if isinstance(found, ports.PlaceInLine) else None
        if place is not None and place.queue_id == queue.queue_id:
            return False  # where it led, he was sent straight back
        self._assignments.move_on(item, diverted, place)
        self._publisher.announce(*events)
        return True

    # ------------------------------------------------------------ ways

    def _way(self, queue: Queue, cause: Cause | None) -> Way | None:
        """Return where the rule leads; a queue or a flow that is no more leads nowhere: he stays."""
        way = way_of(queue, cause) if cause is not None else None
        if way is None:
            return None
        target = self._picture.queues.get(way.queue_id) if way.queue_id is not None else None
        if (target is not None and target.is_active) or (way.queue_id is None and self.has_flow(way.flow)):
            return way
        if (queue.queue_id, way) not in self._missing:
            self._missing.add((queue.queue_id, way))
            log.error("way-leads-nowhere", queue=queue.queue_id, to=way.queue_id or way.flow, cause=cause)
        return None


def _diverted(
    item: Interaction, queue: Queue, visit_id: str, cause: Cause, way: Way, since: datetime, now: datetime
) -> InteractionDiverted:
    waited = (now - since).total_seconds()
    return InteractionDiverted(
        item.interaction_id, queue.queue_id, visit_id, cause, way.queue_id or "", way.flow, waited, now
    )
