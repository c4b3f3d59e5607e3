"""Figures of a day: of what the simulator played, of what really happened, and the two compared. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from contactcenter.core.ids import QueueId
from contactcenter.dry_runs.days import ABANDONED, ANSWERED, Real
from contactcenter.dry_runs.model import Compared, Difference, Measured
from contactcenter.queues.model import Queue
from routing.simulator.day import Outcome

POINTS_OFF: Final = 10.0
"""Points of service level or abandon rate by which a played day may differ from the real one and be like it."""
Queues = Mapping[QueueId, Queue]


def measured(callers: Iterable[Real], queues: Queues, occupancy: float | None = None) -> Measured:
    """Return the figures of callers, each by target and short abandons of his queue."""
    offered = answered = abandoned = short = within = 0
    waits, longest = 0.0, 0.0
    for one in callers:
        queue = queues[one.queue_id]
        offered += 1
        longest = max(longest, one.wait)
        if one.end == ANSWERED:
            answered += 1
            waits += one.wait
            within += one.wait <= queue.target_time
        elif one.end == ABANDONED:
            abandoned += 1
            short += one.wait <= queue.short_abandon_time
    return Measured(
        offered,
        answered,
        abandoned,
        short,
        service_level=_percent(within, offered - short),
        abandon_rate=_percent(abandoned - short, offered - short),
        asa=round(waits / answered, 1) if answered else None,
        longest_wait=round(longest, 1) if offered else None,
        occupancy=occupancy,
    )


def became(outcome: Outcome) -> list[Real]:
    """Return what became of the callers of a played day; who was never served nor gave up has no end."""
    found = []
    for caller, wait, agent in zip(outcome.plan.callers, outcome.waits, outcome.agents, strict=True):
        end = ANSWERED if agent >= 0 else "" if math.isnan(wait) else ABANDONED
        found.append(Real(QueueId(caller.queue), 0.0 if math.isnan(wait) else wait, end))
    return found


def occupancy_of(outcome: Outcome) -> float | None:
    """Return the occupancy of all agents, per cent."""
    handling = sum(outcome.handling)
    staffed = handling + sum(outcome.idle)
    return round(100 * handling / staffed, 1) if staffed else None


def compared(present: Measured, changed: Measured, real: Measured) -> Compared:
    """Return what the change would have done, and whether the model can be believed."""
    difference = Difference(
        *(_minus(getattr(changed, name), getattr(present, name)) for name in Difference.__struct_fields__)
    )
    return Compared(present, changed, difference, real, _is_like(present, real))


def _is_like(present: Measured, real: Measured) -> bool | None:
    pairs = ((present.service_level, real.service_level), (present.abandon_rate, real.abandon_rate))
    known = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    return max(known) <= POINTS_OFF if known else None


def of_queue(callers: Sequence[Real], queue_id: QueueId) -> list[Real]:
    """Return the callers of one queue."""
    return [one for one in callers if one.queue_id == queue_id]


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole > 0 else None


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else round(one - other, 1)
