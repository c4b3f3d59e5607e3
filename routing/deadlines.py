"""The instants at which given work changes by itself: ends of reservations and wrap-ups, repeats of revokes."""

from heapq import heapify, heappop, heappush

from routing.agents import Assignment
from routing.commands import Work

_SLACK = 64


class Deadlines:
    """A heap of (instant, agent, interaction); an entry counts only while its assignment still has that instant.

    Equal instants come in order of the ids, so that a rebuilt engine fires them in the same order.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, str, int, Assignment]] = []
        self._number = 0
        self._limit = _SLACK

    def set(self, given: Assignment, at: float) -> None:
        """Let ``given`` be due at ``at`` instead of any instant before."""
        given.until = at
        self._number += 1
        heappush(self._heap, (at, given.agent.id, given.interaction_id, self._number, given))
        if len(self._heap) > self._limit:
            self._forget_stale()

    def next(self) -> float | None:
        """Return the next instant, or None when nothing is due ever."""
        heap = self._heap
        while heap and not _counts(heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> Assignment | None:
        """Return the next assignment whose instant is not after ``now``, or None."""
        at = self.next()
        if at is None or at > now:
            return None
        return heappop(self._heap)[4]

    def _forget_stale(self) -> None:
        self._heap = [entry for entry in self._heap if _counts(entry)]
        heapify(self._heap)
        self._limit = 2 * len(self._heap) + _SLACK


def _counts(entry: tuple[float, str, str, int, Assignment]) -> bool:
    given = entry[4]
    return given.until == entry[0] and given.state is not Work.IDLE
