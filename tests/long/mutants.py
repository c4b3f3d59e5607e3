"""Takes each guard away in a copy of the tree: its named test must turn red. Run: scripts/test --long mutants [-n 2]"""

from pathlib import Path

import pytest

from tests.mutants import Mutant, copy_tree, git_apply, mutants, run_tests

pytestmark = pytest.mark.timeout(900)
TESTS_FAILED = 1


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    copy_tree(folder)
    return folder


def test_without_mutants_every_named_test_is_green(tree: Path) -> None:
    done = run_tests(tree, *sorted({mutant.caught_by for mutant in mutants()}))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_mutant_is_caught(tree: Path, mutant: Mutant) -> None:
    assert not (said := git_apply(tree, mutant)), said
    try:
        done = run_tests(tree, mutant.caught_by)
    finally:
        git_apply(tree, mutant, "--reverse")
    # 1 = tests ran and failed; another code would be a test that does not exist or a tree that does not import
    assert done.returncode == TESTS_FAILED, f"{mutant.breaks}: survived {mutant.caught_by}\n{done.stdout[-2000:]}"
