"""Seeds of a whole site under faults: every call is one right interaction, whatever broke meanwhile.

``SEEDS=200 pytest tests/simulation/test_site.py``; ``scripts/test --long site_seeds`` runs thousands.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.judge import differences, unexplained
from tests.simulation.site import run

SEEDS = int(os.environ.get("SEEDS", "200"))
GROUP = 10


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_days_under_faults(first: int, tmp_path: Path) -> None:
    for number in range(first, min(first + GROUP, SEEDS)):
        folder = tmp_path / str(number)
        site = run(number, folder)
        assert unexplained(site) == [], f"seed {number}:\n" + "\n".join(site.happened)
        assert differences(site) == [], f"seed {number}:\n" + "\n".join(site.happened)
