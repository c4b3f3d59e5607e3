"""Thousands of days on which callers are called back, under faults (SEEDS, FIRST): scripts/test --long callback_seeds.

A failing seed replays: ``FIRST=<seed> SEEDS=1 scripts/test --long callback_seeds``.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.callback_site import CallbackSite, broken
from tests.simulation.judge import unexplained
from tests.simulation.site import run

FIRST, SEEDS, GROUP = int(os.environ.get("FIRST", "1000")), int(os.environ.get("SEEDS", "2000")), 50

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, GROUP))
def test_every_promise_is_kept_once(first: int, tmp_path: Path) -> None:
    for number in range(first, min(first + GROUP, FIRST + SEEDS)):
        site = run(number, tmp_path / str(number), calls=40, faults=6, kind=CallbackSite)
        told = f"seed {number}:\n" + "\n".join(site.happened)
        assert broken(site) == [], told
        assert unexplained(site) == [], told
