"""When a queue turns somebody away, and where he goes."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contactcenter.core.errors import Invalid
from contactcenter.core.hours import HoursText
from contactcenter.queues.limits import Cause, is_open, on_entry, way_of, while_waiting
from contactcenter.queues.model import Queue, Way
from contactcenter.queues.rules import Known, check_queue

QUEUE = Queue("q1", "main", "Support")
WEEKDAYS = HoursText("Europe/Berlin", dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("08:00-18:00",)), ("12-25",))
MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
OTHER = Way(queue_id="q2")
KNOWN = Known((), (), {"q1", "q2"})


def enters(queue, now=MONDAY_NOON, **more):
    return on_entry(queue, now, **{"waiting": 0, "waited": 0.0, "is_served": True, **more})


def test_without_limits_everybody_enters_and_stays():
    assert enters(QUEUE, waiting=10_000, waited=1e6, is_served=False) is None
    assert while_waiting(QUEUE, waited=1e6, unserved_for=1e6) is None


def test_hours():
    queue = replace(QUEUE, hours=WEEKDAYS)
    assert enters(queue) is None
    assert enters(queue, SUNDAY) is Cause.CLOSED
    assert (is_open(queue, MONDAY_NOON), is_open(queue, SUNDAY)) == (True, False)
    assert enters(queue, datetime(2026, 12, 25, 11, tzinfo=UTC)) is Cause.CLOSED  # a Friday
    assert while_waiting(queue, waited=1e6, unserved_for=None) is None  # who waits at closing time is served


@pytest.mark.parametrize("most, waiting, cause", [(3, 2, None), (3, 3, Cause.FULL), (0, 0, Cause.FULL)])
def test_size(most, waiting, cause):
    assert enters(replace(QUEUE, max_waiting=most), waiting=waiting) is cause


@pytest.mark.parametrize("waited, cause", [(59.9, None), (60.0, Cause.TOO_LONG)])
def test_the_longest_wait(waited, cause):
    queue = replace(QUEUE, max_wait=60.0)
    assert while_waiting(queue, waited=waited, unserved_for=None) is cause
    assert enters(queue, waited=waited) is cause


@pytest.mark.parametrize("unserved, cause", [(None, None), (29.9, None), (30.0, Cause.NOBODY)])
def test_nobody_there(unserved, cause):
    assert while_waiting(replace(QUEUE, when_nobody=OTHER), waited=0.0, unserved_for=unserved) is cause
    assert while_waiting(QUEUE, waited=0.0, unserved_for=unserved) is None


def test_nobody_there_at_once():
    queue = replace(QUEUE, when_nobody=OTHER, nobody_after=0.0)
    assert enters(queue, is_served=False) is Cause.NOBODY
    assert enters(queue, is_served=True) is None
    assert enters(replace(queue, nobody_after=5.0), is_served=False) is None


def test_a_rule_sends_the_same_caller_on_once():
    queue = replace(QUEUE, hours=WEEKDAYS, max_waiting=0, max_wait=1.0)
    used = set()
    found = []
    while (cause := enters(queue, SUNDAY, waited=5.0, used=used)) is not None:
        found.append(cause)
        used.add(("q1", cause))
    assert found == [Cause.CLOSED, Cause.FULL, Cause.TOO_LONG]


def test_ways_of_their_own_and_standard_ones():
    queue = replace(QUEUE, when_full=OTHER)
    assert way_of(queue, Cause.FULL) == OTHER
    assert way_of(queue, Cause.TOO_LONG) == Way(flow="busy")
    assert way_of(queue, Cause.CLOSED) == Way(flow="closed")
    assert way_of(queue, Cause.NOBODY) is None


@pytest.mark.parametrize(
    "values, fields",
    [
        ({"when_full": Way()}, {"when_full": "queue-or-flow"}),
        ({"when_full": Way("q2", "busy")}, {"when_full": "queue-or-flow"}),
        ({"when_nobody": Way("q1")}, {"when_nobody.queue_id": "the-same-queue"}),
        ({"when_nobody": Way("q3")}, {"when_nobody.queue_id": "unknown-queue"}),
        ({"when_closed": Way(flow="../x")}, {"when_closed.flow": "not-a-flow-name"}),
        ({"hours": HoursText("Mars", {"mon": ("08:00-09:00",)})}, {"hours.timezone": "unknown-timezone"}),
        ({"hours": HoursText("UTC", {"mon": ("8-9",)})}, {"hours.week.mon": "bad-hours"}),
        ({"hours": replace(WEEKDAYS, holidays=("12-25",) * 401)}, {"hours.holidays": "too-many"}),
        ({"max_waiting": -1}, {"max_waiting": "out-of-range"}),
        ({"max_wait": 0.5}, {"max_wait": "out-of-range"}),
        ({"nobody_after": -1.0}, {"nobody_after": "out-of-range"}),
        *[({"announce_every": one}, {"announce_every": "out-of-range"}) for one in (-1.0, 0.1, 19.9, 600.1, math.nan)],
        *[({"announce_every": one}, {}) for one in (0.0, 20.0, 600.0)],
        ({"hours": WEEKDAYS, "when_closed": OTHER, "max_waiting": 0, "when_full": Way(flow="busy")}, {}),
    ],
)  # fmt: skip
def test_what_is_refused(values, fields):
    queue = replace(QUEUE, **values)
    if not fields:
        check_queue(queue, KNOWN)
        return
    with pytest.raises(Invalid) as caught:
        check_queue(queue, KNOWN)
    assert caught.value.fields == fields
