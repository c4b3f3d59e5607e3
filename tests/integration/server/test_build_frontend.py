"""scripts/build-frontend where node_modules is not this tree's own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.source import ROOT

NPM = """#!/bin/sh
rm -rf node_modules/*
"""
NODE = """#!/bin/sh
echo true
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with nothing built yet, packages beside it, and an npm that does what ``npm ci`` does first."""
    front = tmp_path / "tree/agent_ui/frontend"
    for folder in ("src", "css", "../templates", "../static/dist", "../../scripts"):
        (front / folder).mkdir(parents=True)
    for name in ("build.mjs", "tsconfig.json", "package.json", "package-lock.json"):
        (front / name).touch()
    shutil.copy(ROOT / "scripts/build-frontend", tmp_path / "tree/scripts")
    (tmp_path / "elsewhere/package").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, script in (("npm", NPM), ("node", NODE)):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def build(tree: Path) -> "subprocess.CompletedProcess[str]":
    path = f"{tree / 'bin'}:{os.environ['PATH']}"
    command = [tree / "tree/scripts/build-frontend"]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False)


def test_a_linked_folder_of_packages_is_left_alone(tree: Path) -> None:
    (tree / "tree/agent_ui/frontend/node_modules").symlink_to(tree / "elsewhere")
    done = build(tree)
    assert (done.returncode, done.stdout) == (1, "")
    assert "node_modules is a symbolic link" in done.stderr
    assert (tree / "elsewhere/package").is_dir()


def test_a_folder_of_its_own_is_filled_anew(tree: Path) -> None:
    (tree / "tree/agent_ui/frontend/node_modules/old").mkdir(parents=True)
    done = build(tree)
    assert done.returncode == 0, done.stderr
    assert not (tree / "tree/agent_ui/frontend/node_modules/old").exists()
