"""Patches that each take one guard away; reading, and applying them to a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.source import ROOT

FOLDER = ROOT / "tests/mutants"
LIMIT = 180.0


@dataclass(frozen=True)
class Mutant:
    """One patch: what it breaks, and the test that must turn red."""

    path: Path
    breaks: str
    caught_by: str

    @property
    def name(self) -> str:
        return self.path.stem


def mutants() -> list[Mutant]:
    """Every patch of the folder. Raises ValueError for one without its head."""
    return [_read(path) for path in sorted(FOLDER.glob("*.patch"))]


def _read(path: Path) -> Mutant:
    head = re.match(r"# breaks: (.+)\n# caught-by: (\S+::\S+)\n--- ", path.read_text())
    if head is None:
        raise ValueError(f"{path.name}: begins with '# breaks:' and '# caught-by:'")
    return Mutant(path, head[1], head[2])


def git_apply(folder: Path, mutant: Mutant, *options: str) -> str:
    """Apply a patch below ``folder``; return what git complains about."""
    command = ["git", "apply", "-p1", "--unidiff-zero", *options, str(mutant.path)]
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    return "" if done.returncode == 0 else done.stderr or "git apply failed"


def copy_tree(to: Path) -> None:
    """Copy the working tree, without what git ignores."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    built = ROOT / "agent_ui/static/dist"
    if built.is_dir():
        (to / "agent_ui/static").mkdir(parents=True, exist_ok=True)
        (to / "agent_ui/static/dist").symlink_to(built)


def run_tests(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests in a tree, stopping at the first red one. No bytecode: patches come quicker than its clock ticks."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": "false"}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = [sys.executable, "-m", "pytest", "-x", "--timeout", "30", *tests]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=LIMIT)
