"""The clock port: the only place that reads time.

Everything else takes ``now`` as an argument. Instants are aware UTC datetimes; the routing engine, which compares
millions of them, takes the same instant as float epoch seconds (``timestamp()``).
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...

    def timestamp(self) -> float:
        """Return the same instant as epoch seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def timestamp(self) -> float:
        return time.time()


class ManualClock:
    """A clock that stands still until it is moved; for tests and replays."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def timestamp(self) -> float:
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``; never back."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now += timedelta(seconds=seconds)


def from_timestamp(seconds: float) -> datetime:
    """Return the aware UTC instant of epoch ``seconds``."""
    return datetime.fromtimestamp(seconds, UTC)
