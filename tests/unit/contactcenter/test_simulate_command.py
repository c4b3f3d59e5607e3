"""``contactcenter simulate``: what it prints and writes, and that its errors say what happened."""

import io
import json

import pytest

from contactcenter import cli, simulate_command
from contactcenter.simulate_command import RuleName
from routing.simulator.runs import RULES
from tests.source import ROOT

SMALL = ROOT / "config/scenarios/small.yaml"
TRACE = """
{"type":"agent","id":"ann","skills":["sales"]}
{"type":"arrival","at":1,"queue":"sales","handle_time":100,"id":"c1","vip":true}
{"type":"arrival","at":2,"queue":"sales","handle_time":100,"id":"c2","patience":30}
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """(exit code, stdout, stderr); the test's folder is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "day.jsonl").write_text(TRACE)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["contactcenter", "simulate", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as leave:
            code = leave.code or 0
        told = capsys.readouterr()
        assert "Traceback" not in told.err + told.out
        return code, told.out, told.err

    return run


def test_the_words_of_the_command_line_are_the_rules():
    assert tuple(one.value for one in RuleName) == RULES


def test_a_scenario_under_all_rules_and_its_picture(run, tmp_path):
    code, told, error = run("--scenario", SMALL, "--hours", "1", "--seeds", "2", "--picture", "out.svg")
    assert (code, error) == (0, "")
    lines = told.splitlines()
    assert lines[0] == "small: 2 days of 1 h"
    assert [line.split()[0] for line in lines[3:7]] == list(RULES)
    assert "ours - app-queue" in told
    assert (tmp_path / "out.svg").read_text().startswith("<svg")
    assert run("--scenario", SMALL, "--hours", "1", "--seeds", "2")[1] == told


def test_the_first_rule_is_compared_with_the_others(run):
    _, told, _ = run("--scenario", SMALL, "--hours", "1", "--seeds", "2", "--rule", "strict", "--rule", "pooled")
    assert "strict - pooled" in told
    assert "ours" not in told


def test_a_trace_and_its_decisions(run, tmp_path):
    code, told, _ = run("--trace", "day.jsonl", "--out", "out.jsonl")
    assert code == 0
    assert told.splitlines()[3].split()[:3] == ["ours", "50.0", "100.0"]
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(one["type"], one["at"], one["interaction"]) for one in lines] == [
        ("reservation", 1, "c1"),
        ("answer", 1, "c1"),
        ("abandon", 32, "c2"),
        ("end", 101, "c1"),
    ]
    assert (lines[0]["agent"], lines[0]["wait"]) == ("ann", 0)
    assert lines[0]["rule"]


def test_a_trace_under_several_rules(run):
    _, told, _ = run("--trace", "day.jsonl", "--rule", "ours", "--rule", "strict")
    assert "ours - strict" in told


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        ((), 2, ["either --scenario or --trace"]),
        (("--scenario", SMALL, "--trace", "day.jsonl"), 2, ["either --scenario or --trace"]),
        (("--scenario", SMALL, "--out", "x"), 2, ["--out goes with --trace"]),
        (("--trace", "day.jsonl", "--out", "x", "--rule", "ours", "--rule", "strict"), 2, ["one --rule"]),
        (("--scenario", SMALL, "--rule", "best"), 2, ["best", "app-queue"]),
        (("--scenario", SMALL, "--hours", "0"), 2, ["hours"]),
        (("--scenario", "gone.yaml"), 1, ["simulation-file-invalid", "gone.yaml", "No such file"]),
        (("--scenario", "day.jsonl"), 1, ["simulation-file-invalid", "docs/routing/simulator.md"]),
        (("--trace", SMALL), 1, ["simulation-file-invalid", "line 1"]),
        (("--trace", "day.jsonl", "--out", "gone/out"), 1, ["file-not-written", "gone/out", "folder"]),
        (("--trace", "day.jsonl", "--picture", "gone/out"), 1, ["file-not-written", "gone/out", "folder"]),
        (("--trace", "chats.jsonl", "--rule", "strict"), 1, ["simulation-rule-unfit", "eve", "--rule ours"]),
    ],
)
def test_errors(run, tmp_path, arguments, code, words):
    (tmp_path / "chats.jsonl").write_text(TRACE + '{"type":"agent","id":"eve","capacity":{"chat":3}}')
    found, told, error = run(*arguments)
    assert (found, told if "--picture" not in arguments else "") == (code, "")
    assert error.startswith("contactcenter: ")
    for word in words:
        assert word in error


def test_progress_is_one_line_of_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    to = Terminal()
    with simulate_command._progress(to) as tell:
        tell("ours, seed 3", 0, 50)
    assert to.getvalue() == "\r\x1b[Kours, seed 3: 0 of 50 callers\r\x1b[K"
