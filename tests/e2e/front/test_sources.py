"""The front end's own checks: types, unit tests, no markup made of data, no inline script or style."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
FRONT = ROOT / "agent_ui/frontend"


def npm(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["npm", "run", "--silent", *command], cwd=FRONT, capture_output=True, text=True, timeout=120)


def test_types_hold(built: None) -> None:
    ran = npm("check")
    assert ran.returncode == 0, ran.stdout


def test_unit_tests_of_slots_times_and_texts(built: None) -> None:
    ran = npm("test")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_data_never_becomes_markup() -> None:
    words = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", ".style."]
    bad = re.compile("|".join([*map(re.escape, words), "new Function", 'setAttribute."style']))
    found = [
        f"{path.name}: {line}"
        for path in (FRONT / "src").rglob("*.ts")
        for line in path.read_text().splitlines()
        if bad.search(line)
    ]
    assert found == []


def test_templates_have_no_inline_script_or_style() -> None:
    bad = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|\|\s*safe")
    found = [path.name for path in (ROOT / "agent_ui/templates").glob("*.html") if bad.search(path.read_text())]
    assert found == []


def test_the_stylesheet_needs_nothing_from_elsewhere(built: None) -> None:
    css = (ROOT / "agent_ui/static/dist/app.css").read_text()
    assert not re.search(r"url\((?!\"?\./fonts/|\"?fonts/)", css), re.findall(r"url\([^)]{0,60}", css)[:5]
    assert "@import" not in css


def test_the_lock_file_names_no_registry() -> None:
    text = (FRONT / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert text.count('"integrity"') > 10
