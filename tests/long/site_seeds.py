"""Ten thousand days of a whole site under faults (SEEDS, FIRST): scripts/test --long site_seeds [-n 2].

A failing seed replays: ``FIRST=<seed> SEEDS=1 scripts/test --long site_seeds``.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.judge import differences, unexplained
from tests.simulation.site import run

FIRST, SEEDS, GROUP = int(os.environ.get("FIRST", "1000")), int(os.environ.get("SEEDS", "10000")), 50

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, GROUP))
def test_days_under_faults(first: int, tmp_path: Path) -> None:
    for number in range(first, min(first + GROUP, FIRST + SEEDS)):
        site = run(number, tmp_path / str(number), calls=40, faults=6)
        assert unexplained(site) == [], f"seed {number}:\n" + "\n".join(site.happened)
        assert differences(site) == [], f"seed {number}:\n" + "\n".join(site.happened)
