from datetime import UTC, datetime, timedelta

import pytest

from contactcenter.core.clock import ManualClock, SystemClock, from_timestamp
from contactcenter.core.events import Instant, to_microseconds


def test_the_systems_clock_tells_aware_utc():
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now().timestamp() - clock.timestamp()) < 1


def test_a_manual_clock_stands_until_moved_and_never_runs_back():
    clock = ManualClock()
    start = clock.now()
    assert clock.now() == start
    clock.advance(1.5)
    assert clock.now() == start + timedelta(seconds=1.5)
    assert clock.timestamp() == clock.now().timestamp()
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_instants_are_stored_to_the_microsecond():
    at = datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)
    assert from_timestamp(at.timestamp()) == at
    stored = Instant().process_bind_param(at, None)
    assert stored == to_microseconds(at)
    assert Instant().process_result_value(stored, None) == at
    assert Instant().process_bind_param(None, None) is None
