"""Days on which the engine and the rules written the slow way decide the same, a hundred thousand steps and more.

    scripts/test --long router_oracle            (DAYS=60, STEPS=2000, FIRST=1000 by default)

A seed that fails prints itself and its latest commands: ``FIRST=<seed> DAYS=1 scripts/test --long router_oracle``.
"""

import json
import os

import pytest

from tests.simulation.test_router_oracle import play

DAYS, STEPS = int(os.environ.get("DAYS", "60")), int(os.environ.get("STEPS", "2000"))
FIRST = int(os.environ.get("FIRST", "1000"))

pytestmark = pytest.mark.timeout(60 + STEPS / 50)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + DAYS))
def test_a_day(seed: int) -> None:
    day = play(seed, STEPS)
    print(json.dumps({"seed": seed, "steps": day.steps, **day.counts}))
