"""Pages of a long list by key: a cursor names the last row seen, so rows added meanwhile shift nothing.

Cursors are opaque to clients and never trusted: what comes back is decoded, its shape and types checked.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from contactcenter.core.errors import Invalid

T = TypeVar("T")
U = TypeVar("U")

MAX_LIMIT: Final = 200
MAX_CURSOR: Final = 1200
_MAX_INTEGER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page: at most ``limit`` rows (1..200) behind ``cursor``; None is the first page."""

    limit: int = 50
    cursor: str | None = None

    def key(self, *kinds: type) -> tuple[Any, ...] | None:
        """Return the sort key of the last row seen, of exactly these types. Raises Invalid for a foreign cursor."""
        if self.cursor is None:
            return None
        key = _decode(self.cursor)
        if len(key) != len(kinds) or any(type(part) is not kind for part, kind in zip(key, kinds, strict=True)):
            raise _bad_cursor()
        return tuple(key)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows and the cursor of the next page, None at the end."""

    items: Sequence[T]
    next: str | None = None

    def map(self, change: Callable[[T], U]) -> "Page[U]":
        """Return the same page with every item changed."""
        return Page([change(item) for item in self.items], self.next)


def cut(rows: Sequence[T], limit: int, key: Callable[[T], Sequence[str | int]]) -> Page[T]:
    """Make a page of rows that were asked for with ``limit + 1``: the extra row only tells that there is more."""
    items = rows[:limit]
    return Page(items, encode_cursor(key(items[-1])) if len(rows) > limit else None)


def encode_cursor(key: Sequence[str | int]) -> str:
    """Write a sort key as an opaque cursor."""
    return base64.urlsafe_b64encode(json.dumps(list(key), separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str) -> list[Any]:
    if len(cursor) > MAX_CURSOR or not cursor.isascii():
        raise _bad_cursor()
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad_cursor() from error
    if not isinstance(key, list) or not all(_is_plain(part) for part in key):
        raise _bad_cursor()
    return key


def _is_plain(part: Any) -> bool:
    if isinstance(part, str):
        return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in part)
    return isinstance(part, int) and abs(part) < _MAX_INTEGER


def _bad_cursor() -> Invalid:
    return Invalid("invalid", {"cursor": "bad-cursor"})
