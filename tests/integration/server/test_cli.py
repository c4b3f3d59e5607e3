"""The command line: what it does, and that its errors say what happened and what to do."""

import asyncio
import json

import aiohttp
import pytest
import structlog

from contactcenter import cli
from tests.integration.server.conftest import command
from tests.rig.asterisk import PREFIX


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in this process: (exit code, stdout, stderr). ``DATA`` stands for the test's folder."""
    monkeypatch.setenv("CONTACTCENTER_PBX__PREFIX", str(PREFIX))

    def run(*arguments):
        words = [str(tmp_path / "data") if word == "DATA" else str(word) for word in arguments]
        monkeypatch.setattr("sys.argv", ["contactcenter", *words])
        try:
            cli.main()
            code = 0
        except SystemExit as leave:
            code = leave.code or 0
        told = capsys.readouterr()
        assert "Traceback" not in told.err + told.out
        return code, told.out, told.err

    yield run
    structlog.reset_defaults()


def test_init_makes_an_administrator_who_can_be_used(run):
    code, told, _ = run("init", "--data", "DATA", "--login", "boss")
    assert code == 0
    assert told.startswith("administrator: boss  password: ")
    code, _, error = run("init", "--data", "DATA")
    assert (code, error.split()[1]) == (1, "already-initialised")
    assert run("init", "--data", "DATA", "--if-empty") == (0, "", "")
    code, told, _ = run(
        "user", "add", "eva", "Eva Ehrlich", "--role", "supervisor", "--password", "long enough 1", "--data", "DATA"
    )
    assert code == 0
    assert told.startswith("user eva (supervisor) added: ")
    code, token, _ = run("token", "add", "boss", "--name", "wallboard", "--right", "live:view", "--data", "DATA")
    assert code == 0
    assert token.startswith("cct_")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("user", "add", "admin", "Twin", "--password", "long enough 1"), ["login", "taken"]),
        (("user", "add", "eva", "Eva", "--password", "short"), ["password"]),
        (("user", "add", "eva", "Eva", "--role", "emperor", "--password", "long enough 1"), ["role"]),
        (("token", "add", "nobody", "--name", "x", "--right", "live:view"), ["not-found", "nobody"]),
        (("token", "add", "eva", "--name", "x", "--right", "live:view"), ["forbidden", "tokens:write"]),
        (("token", "add", "admin", "--name", "x", "--right", "fly"), ["right-unknown", "fly", "live:view"]),
        (("run", "--traffic", "wild"), ["traffic-unknown", "light"]),
        (("run", "--pbx", "somewhere"), ["mode", "HOST:PORT"]),
        (("run", "--port", "70000"), ["port"]),
    ],
    ids=lambda given: "-".join(given[:2]) if isinstance(given, tuple) else None,
)
def test_errors_name_what_is_wrong(run, arguments, words):
    run("init", "--data", "DATA")
    if arguments[:3] == ("token", "add", "eva"):
        run("user", "add", "eva", "Eva Ehrlich", "--password", "long enough 1", "--data", "DATA")
    code, _, error = run(*arguments, "--data", "DATA")
    assert code in (1, 2)
    assert error.splitlines()[-1].startswith("contactcenter: ")  # what was logged before stands above it
    assert [word for word in words if word not in error] == [], error


@pytest.mark.parametrize("arguments", [("fly",), ("run", "--wings", "2"), ("user", "add"), ("run", "--port", "x")])
def test_wrong_words_are_told_without_a_traceback(run, arguments):
    code, _, error = run(*arguments)
    assert code == 2
    assert error.splitlines()[-1].startswith("contactcenter: ")  # what was logged before stands above it


@pytest.mark.parametrize(
    "name, value", [("LOG_LEVEL", "loud"), ("HTTP__PORT", "many"), ("PBX__SERVER_ID", "a b"), ("PBX__TRUNKS", "[{}]")]
)
def test_a_wrong_setting_is_named(run, monkeypatch, name, value):
    monkeypatch.setenv(f"CONTACTCENTER_{name}", value)
    code, _, error = run("migrate", "--data", "DATA")
    assert code == 2
    assert "settings are wrong" in error
    assert name.lower().replace("__", ".") in error.lower()


def test_options_are_proven_together_with_the_settings(run, monkeypatch):
    """A page served by HTTPS may open no plain WebSocket, wherever the two were set."""
    monkeypatch.setenv("CONTACTCENTER_PBX__WEBSOCKET", "ws://192.0.2.1:8088/ws")
    code, _, error = run("run", "--tls", "c.pem,k.pem", "--data", "DATA")
    assert code == 2
    assert "settings are wrong: " in error
    assert "pbx.websocket" in error
    assert "wss://" in error
    assert ": :" not in error


def test_an_option_leaves_the_other_settings_of_its_part(monkeypatch, tmp_path):
    monkeypatch.setenv("CONTACTCENTER_HTTP__ORIGINS", '["https://desk.example"]')
    monkeypatch.setenv("CONTACTCENTER_HTTP__PORT", "8081")
    monkeypatch.setenv("CONTACTCENTER_PBX__SERVER_ID", "pbx7")
    monkeypatch.setattr(cli, "_log", lambda level: None)
    settings = cli._settings(tmp_path, port=8082, mode="simulated")
    assert (settings.http.port, settings.http.origins) == (8082, ("https://desk.example",))
    assert (settings.pbx.mode, settings.pbx.server_id) == ("simulated", "pbx7")


def test_migrate_says_that_all_is_current_and_may_be_repeated(run):
    for _ in range(2):
        code, told, _ = run("migrate", "--data", "DATA")
        assert (code, told.split()[0], told.split()[-1]) == (0, "database", "current")


def test_check_names_what_is_missing_line_by_line(run):
    code, told, _ = run("check", "--data", "DATA")
    assert code == 1
    lines = told.splitlines()
    assert "WRONG database" in told
    assert "contactcenter migrate" in next(line for line in lines if "database" in line)
    assert any(line.startswith("WRONG Asterisk: not running") and "scripts/run" in line for line in lines)
    assert any(line.startswith("ok    call flows") for line in lines)


@pytest.mark.asyncio(loop_scope="module")
async def test_check_of_a_running_server(server):
    ended = await asyncio.to_thread(command, "check", "--data", server.data, env=server._env)
    lines = ended.stdout.splitlines()
    wrong = [line for line in lines if not line.startswith("ok ") and "front end" not in line]
    assert len(wrong) == 1, "the one flow that is bad, and that a number leads to"
    assert wrong[0].startswith("WRONG call flows: bad.yaml:3: ")
    assert any(line.startswith("ok    endpoints: 5 there") for line in lines), "three agents, two trunks"
    for name in ("database", "CEL file", "FastAGI", "AMI", "app_queue", "cc-hold", "music"):
        assert any(name in line for line in lines), name
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_made_beside_the_running_server_works_at_once(server):
    words = ("token", "add", "admin", "--name", "wallboard", "--right", "agents:read", "--data", server.data)
    ended = await asyncio.to_thread(command, *words)
    assert ended.returncode == 0, ended.stderr
    headers = {"Authorization": f"Bearer {ended.stdout.strip()}"}
    async with aiohttp.ClientSession(server.url, headers=headers) as client:
        async with client.get("/api/v1/agents") as answer:
            assert answer.status == 200, await answer.text()
            assert len(json.loads(await answer.text())["items"]) == 3
        async with client.get("/api/v1/users") as answer:
            assert answer.status == 403, "it has no more than it was given"
