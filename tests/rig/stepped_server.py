"""The server with a clock that can be set while it runs: ``python -m tests.rig.stepped_server run ...``.

The file named by ``CONTACTCENTER_TEST_CLOCK`` holds the seconds by which the clock is off. Only what reads the clock
port is off; timers run by the loop's own time, as they do when a machine's clock is set.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contactcenter.core import clock

_FILE = Path(os.environ["CONTACTCENTER_TEST_CLOCK"])
_ASK_EVERY = 0.1
_offset, _asked_at = 0.0, 0.0


def _off_by() -> float:
    global _offset, _asked_at
    if time.monotonic() - _asked_at > _ASK_EVERY:
        _asked_at = time.monotonic()
        _offset = float(_FILE.read_text() or 0) if _FILE.exists() else 0.0
    return _offset


class SteppedClock:
    """The machine's clock, off by what the file says."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=_off_by())

    def timestamp(self) -> float:
        return time.time() + _off_by()


if __name__ == "__main__":
    clock.SystemClock.now = SteppedClock.now  # type: ignore[method-assign]
    clock.SystemClock.timestamp = SteppedClock.timestamp  # type: ignore[method-assign]
    from contactcenter.cli import main

    main()
