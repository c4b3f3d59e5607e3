"""When a queue turns callers away, and where they go. Pure; docs/routing/rules.md ("Limits") is the same in words.

Whoever comes while the queue is closed, full, or without anybody to serve it, is sent on at once; whoever waits, once
he has waited too long or nobody is there any more. Each such rule sends the same caller on once only: brought back by
where it led, he stays, so no two queues can pass him to and fro.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from contactcenter.core.ids import QueueId
from contactcenter.queues.model import Queue, Way


class Cause(StrEnum):
    """Why a caller is sent on."""

    CLOSED = "closed"
    NOBODY = "nobody"
    FULL = "full"
    TOO_LONG = "too-long"


STANDARD: Final[Mapping[Cause, Way]] = {
    Cause.CLOSED: Way(flow="closed"),
    Cause.FULL: Way(flow="busy"),
    Cause.TOO_LONG: Way(flow="busy"),
}
"""Where those go for whom the queue names no way of its own: flows that come with the program."""

Used = Collection[tuple[QueueId, Cause]]
"""The rules that have sent a caller on already."""


def way_of(queue: Queue, cause: Cause) -> Way | None:
    """Return where the rule leads; None: it is not in use."""
    own = {
        Cause.CLOSED: queue.when_closed,
        Cause.NOBODY: queue.when_nobody,
        Cause.FULL: queue.when_full,
        Cause.TOO_LONG: queue.when_too_long,
    }
    return own[cause] or STANDARD.get(cause)


def is_open(queue: Queue, now: datetime) -> bool:
    """Tell whether the queue takes callers at ``now``."""
    hours = queue.hours.read() if queue.hours is not None else None
    return hours is None or hours.is_open(now)


def on_entry(
    queue: Queue,
    now: datetime,
    *,
    waiting: int,
    waited: float,
    is_served: bool,
    is_back: bool = False,
    used: Used = (),
) -> Cause | None:
    """Return why somebody may not enter, or None. ``waiting``: how many do, ``waited``: how long he has, elsewhere.

    ``is_back``: he stood in this very line before; closing time and the others in it are no reason then.
    """
    if not is_back and not is_open(queue, now) and _may(queue, Cause.CLOSED, used):
        return Cause.CLOSED
    if not is_served and not queue.nobody_after and _may(queue, Cause.NOBODY, used):
        return Cause.NOBODY
    is_full = queue.max_waiting is not None and waiting >= queue.max_waiting
    if not is_back and is_full and _may(queue, Cause.FULL, used):
        return Cause.FULL
    return _too_long(queue, waited, used)


def while_waiting(queue: Queue, *, waited: float, unserved_for: float | None, used: Used = ()) -> Cause | None:
    """Return why somebody may wait no longer, or None. ``unserved_for``: how long nobody has been there for him."""
    is_left = unserved_for is not None and unserved_for >= queue.nobody_after
    if is_left and _may(queue, Cause.NOBODY, used):
        return Cause.NOBODY
    return _too_long(queue, waited, used)


def _too_long(queue: Queue, waited: float, used: Used) -> Cause | None:
    is_over = queue.max_wait is not None and waited >= queue.max_wait
    return Cause.TOO_LONG if is_over and _may(queue, Cause.TOO_LONG, used) else None


def _may(queue: Queue, cause: Cause, used: Used) -> bool:
    return (queue.queue_id, cause) not in used and way_of(queue, cause) is not None
