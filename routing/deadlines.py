"""The instants at which something changes by itself.

Reservations and wrap-ups end, revokes repeat, those who wait become late or need less.
"""

from heapq import heapify, heappop, heappush
from typing import TypeAlias

from routing.agents import Assignment
from routing.commands import Work
from routing.items import Item

Due: TypeAlias = Assignment | Item
_SLACK = 64


class Deadlines:
    """A heap of instants; an entry counts only while what it is of still has that instant as ``until``.

    Equal instants come in order: those of assignments, by agent and interaction, then those of items, by id. So a
    rebuilt engine fires them in the same order.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, bool, str, str, int, Due]] = []
        self._number = 0
        self._limit = _SLACK

    def set(self, due: Due, at: float) -> None:
        """Let ``due`` be due at ``at`` instead of any instant before."""
        due.until = at
        self._number += 1
        if isinstance(due, Assignment):
            heappush(self._heap, (at, False, due.agent.id, due.interaction_id, self._number, due))
        else:
            heappush(self._heap, (at, True, due.interaction_id, "", self._number, due))
        if len(self._heap) > self._limit:
            self._forget_stale()

    def next(self) -> float | None:
        """Return the next instant, or None when nothing is due ever."""
        heap = self._heap
        while heap and not _counts(heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> Due | None:
        """Return the next whose instant is not after ``now``, or None."""
        at = self.next()
        if at is None or at > now:
            return None
        return heappop(self._heap)[5]

    def _forget_stale(self) -> None:
        self._heap = [entry for entry in self._heap if _counts(entry)]
        heapify(self._heap)
        self._limit = 2 * len(self._heap) + _SLACK


def _counts(entry: tuple[float, bool, str, str, int, Due]) -> bool:
    due = entry[5]
    if isinstance(due, Item):
        return due.until == entry[0] and due.line is not None
    return due.until == entry[0] and due.state is not Work.IDLE
