"""Ranges of event numbers, for a reader who knows some of them already."""

from bisect import bisect_right


class NumberRanges:
    """Numbers of events, given in growing order. Neighbours become one range, so thousands of commits cost a few."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def __len__(self) -> int:
        """Return how many ranges there are."""
        return len(self._ranges)

    def __contains__(self, number: int) -> bool:
        """Tell whether ``number`` is in one of them."""
        index = bisect_right(self._ranges, number, key=lambda one: one[0]) - 1
        return index >= 0 and number <= self._ranges[index][1]

    def add(self, first: int, last: int) -> None:
        """Add ``first`` to ``last``, both included, above all that is there.

        Numbers there already were lost by the store (a standby that was behind took over) and are given anew: from
        ``first`` on the former ones are forgotten.
        """
        while self._ranges and self._ranges[-1][1] >= first:
            start, _ = self._ranges.pop()
            if start < first:
                self._ranges.append((start, first - 1))
        if self._ranges and self._ranges[-1][1] == first - 1:
            first, _ = self._ranges.pop()
        self._ranges.append((first, last))

    def past(self, position: int) -> int:
        """Return the last number that is reached from ``position`` without a gap; forget what is not above it."""
        done = 0
        for first, last in self._ranges:
            if first > position + 1:
                break
            position = max(position, last)
            done += 1
        del self._ranges[:done]
        return position
