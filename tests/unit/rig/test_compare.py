"""What the comparison of our rows with Asterisk's record forgives, and what it does not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.oracle.calls import Call, Outcome
from tests.oracle.channels import End
from tests.rig.compare import ENTRY, TOLERANCE, compare

BEGAN = 1_780_000_000.0
CALL = Call("1.0", "1.0", "+4930", "2000", BEGAN, BEGAN, True, BEGAN + 1, None, "", 0.0, BEGAN + 9, End.SEEN, 16, True,
            Outcome.ABANDONED, ())  # fmt: skip


def row(*, wait: float, ended: float = 9.0) -> dict[str, Any]:
    return {
        "linked_id": "1.0",
        "caller_number": "+4930",
        "dialed": "2000",
        "outcome": "abandoned",
        "arrived_at": at(0),
        "ended_at": at(ended),
        "visits": [{"wait_time": wait}],
        "segments": [],
        "legs": [{"id": "1.0", "kind": "customer"}],
    }


def at(seconds: float) -> str:
    return datetime.fromtimestamp(BEGAN + seconds, UTC).isoformat()


@pytest.mark.parametrize(
    ("wait", "ended", "differs"),
    [
        (8.0, 9.0, ""),
        (8.0 + ENTRY, 9.0, ""),  # Asterisk was that late at the waiting place
        (8.0 + ENTRY + TOLERANCE + 0.01, 9.0, "wait"),
        (8.0 - TOLERANCE - 0.01, 9.0, "wait"),  # we were late
        (8.0, 9.0 + TOLERANCE + 0.01, "ended"),
    ],
)
def test_a_wait_may_begin_earlier_and_nothing_else(wait: float, ended: float, differs: str) -> None:
    found = compare([row(wait=wait, ended=ended)], [CALL], {}).differences
    assert [one.split(": ")[1] for one in found] == ([differs] if differs else [])


def test_a_call_without_a_row_and_a_row_without_a_call_are_told() -> None:
    assert len(compare([], [CALL], {}).differences) == 1
    assert len(compare([row(wait=8.0)], [], {}).differences) == 1
