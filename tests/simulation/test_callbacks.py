"""Days on which callers are called back, under faults; scripts/test --long callback_seeds runs thousands.

A failing seed replays: ``FIRST=<seed> SEEDS=1 scripts/test --long callback_seeds``.
"""

from pathlib import Path

import pytest

from tests.simulation.callback_site import CallbackSite, broken
from tests.simulation.judge import unexplained
from tests.simulation.site import run

SEEDS, GROUP = 30, 10


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_every_promise_is_kept_once(first: int, tmp_path: Path) -> None:
    kept = 0
    for number in range(first, first + GROUP):
        site = run(number, tmp_path / str(number), calls=25, faults=4, kind=CallbackSite)
        told = f"seed {number}:\n" + "\n".join(site.happened)
        assert broken(site) == [], told
        assert unexplained(site) == [], told
        kept += sum(one.state == "done" for one in site.promises)
    assert kept, "nobody was called back: nothing was tried"
