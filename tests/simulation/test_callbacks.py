"""Days on which callers are called back, under faults. ``FIRST=<seed> SEEDS=1 pytest tests/simulation/test_callbacks.py``
replays one; the long run is ``scripts/test --long callback_seeds``.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.callback_site import CallbackSite, broken
from tests.simulation.judge import unexplained
from tests.simulation.site import run

FIRST, SEEDS = int(os.environ.get("FIRST", "0")), int(os.environ.get("SEEDS", "30"))


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, 10))
def test_every_promise_is_kept_once(first: int, tmp_path: Path) -> None:
    kept = 0
    for number in range(first, min(first + 10, FIRST + SEEDS)):
        site = run(number, tmp_path / str(number), calls=25, faults=4, kind=CallbackSite)
        told = f"seed {number}:\n" + "\n".join(site.happened)
        assert broken(site) == [], told
        assert unexplained(site) == [], told
        kept += sum(one.state == "done" for one in site.promises)
    assert kept or SEEDS < 10, "nobody was called back: nothing was tried"
