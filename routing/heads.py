"""A sorted list of who stands first in many sorted lists, asked for the first that belong to a given set.

The numbers of the lists stand in the order of their first entries, apart from the entries themselves: so a search is a
filter over integers, some 25 ns for one that does not belong.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import compress, islice
from typing import Any, Final

from routing.profiles import numbers_of

Entry = tuple[Any, ...]
"""A sorting key that ends in an id, so that no two are equal, and the thing itself."""

Belongs = Callable[[int], object]
FEW: Final = 12
"""So many are sooner compared than looked for."""
SCAN: Final = 6
"""Where there is one in n, three are found after 3 n steps of 25 ns; to compare them takes 450 ns each."""


class Heads:
    """Each list's first entry under the list's number; ``bits``: the numbers of the lists that are not empty."""

    __slots__ = ("_entries", "_numbers", "_of", "bits")

    def __init__(self) -> None:
        self.bits = 0
        self._numbers: list[int] = []
        self._entries: list[Entry] = []
        self._of: dict[int, Entry] = {}

    def set(self, number: int, entry: Entry) -> None:
        """Let the list of this number begin with ``entry``."""
        before = self._of.get(number)
        if before is None:
            self.bits |= 1 << number
        else:
            self._remove(before)
        self._of[number] = entry
        place = bisect_left(self._entries, entry)
        self._entries.insert(place, entry)
        self._numbers.insert(place, number)

    def drop(self, number: int) -> None:
        """The list is empty."""
        self._remove(self._of.pop(number))
        self.bits ^= 1 << number

    def _remove(self, entry: Entry) -> None:
        place = bisect_left(self._entries, entry)
        del self._entries[place]
        del self._numbers[place]

    def among(self, bits: int, most: int) -> list[int]:
        """Return the numbers of the first ``most`` of the lists in ``bits``, in order of their first entries.

        Each list in ``bits`` must have one.
        """
        if bits.bit_count() <= FEW:
            return sorted(numbers_of(bits), key=self._of.__getitem__)[:most]
        is_set = map((1).__and__, map(bits.__rshift__, self._numbers))
        return list(islice(compress(self._numbers, is_set), most))

    def first(self, bits: int, belongs: Iterable[Belongs], most: int) -> list[int]:
        """Return the same of those in ``bits`` that pass each test; none out of ``bits`` passes all of them."""
        count, numbers = bits.bit_count(), self._numbers
        if SCAN * count * count < len(numbers):
            numbers = sorted(numbers_of(bits), key=self._of.__getitem__)
        found: Iterable[int] = numbers
        for test in belongs:
            found = filter(test, found)
        return list(islice(found, most))
