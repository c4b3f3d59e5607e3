"""Days on which customers are put on hold, or transferred, at any moment, under faults: one right interaction a call.

A failing seed replays: ``FIRST=<seed> SEEDS=1 pytest tests/simulation/test_holds.py``.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.hold_site import HoldSite, TransferSite
from tests.simulation.judge import differences, unexplained
from tests.simulation.site import run

FIRST, SEEDS, GROUP = int(os.environ.get("FIRST", "0")), int(os.environ.get("SEEDS", "40")), 10


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, GROUP))
def test_holds_under_faults(first: int, tmp_path: Path) -> None:
    acts, held = Counter[str](), 0.0
    for number in range(first, min(first + GROUP, FIRST + SEEDS)):
        site = run(number, tmp_path / str(number), kind=HoldSite)
        told = f"seed {number}:\n" + "\n".join(site.happened)
        assert unexplained(site) == [], told
        assert differences(site) == [], told
        acts += site.acts
        held += sum(part["hold_time"] for row in site.final for part in row["segments"])
    assert held > 0, "nobody was on hold: nothing was tried"
    assert set(acts) >= {"hold", "retrieve"} or SEEDS < GROUP


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, GROUP))
def test_transfers_under_faults(first: int, tmp_path: Path) -> None:
    parts = 0
    for number in range(first, min(first + GROUP, FIRST + SEEDS)):
        site = run(number, tmp_path / str(number), kind=TransferSite)
        told = f"seed {number}:\n" + "\n".join(site.happened)
        assert unexplained(site) == [], told
        assert differences(site) == [], told
        parts += sum(len(row["segments"]) > 1 for row in site.final)
    assert parts > 0 or SEEDS < GROUP, "nobody was transferred"
