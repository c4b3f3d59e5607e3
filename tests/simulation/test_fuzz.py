"""Mutated inputs for every parser, a few thousand of them; a million: ``scripts/test --long fuzz``."""

import pytest

from tests.rig.fuzzing import TARGETS, run

COUNTS = {"ami": 1500, "agi": 2000, "frames": 4000, "flows": 150}

pytestmark = pytest.mark.timeout(120, method="thread")  # the signal is the fuzzer's own


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_parser(name):
    assert run(TARGETS[name], seed=2026, count=COUNTS[name]) == []
