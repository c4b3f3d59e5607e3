"""Quick check of tests/mutants; scripts/test --long mutants runs them."""

import ast
import re
from functools import cache

import pytest

from tests.mutants import Mutant, git_apply, mutants
from tests.source import ROOT

ONLY_ADDS = re.compile(r"^@@ -\d+,0 \+", re.MULTILINE)
ONLY_TAKES_AWAY = re.compile(r"^@@ -\S+ \+\d+,0 @@", re.MULTILINE)


def test_there_are_enough() -> None:
    assert len(mutants()) >= 40


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_the_patch_applies_and_names_a_test(mutant: Mutant) -> None:
    assert not (said := git_apply(ROOT, mutant, "--check")), said
    assert not ONLY_TAKES_AWAY.search(mutant.path.read_text()), "git puts such lines back one line too late"
    assert not ONLY_ADDS.search(mutant.path.read_text()), "nothing tells where: it goes on applying elsewhere"
    path, *names = mutant.caught_by.split("::")
    assert set(names) <= names_of(path)


@cache
def names_of(path: str) -> set[str]:
    """Return what a test file defines."""
    return {node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if hasattr(node, "name")}
