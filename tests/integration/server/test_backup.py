"""``backup`` and ``restore`` as commands: beside a running server, killed half-way, and what they say."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.integration.server.conftest import command
from tests.rig.server import ROOT

EVENTS = 300_000  # seconds of loading; the first word comes at 250,000


def rows(data, query):
    with contextlib.closing(sqlite3.connect(data / "contactcenter.db")) as connection:
        return connection.execute(query).fetchall()


def add_events(data, count):
    with contextlib.closing(sqlite3.connect(data / "contactcenter.db")) as connection:
        last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        lines = ((last + n, "main", n, "test", "subject", "", '{"n": 1}') for n in range(1, count + 1))
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
        connection.commit()


@pytest.mark.asyncio(loop_scope="module")
async def test_backup_beside_a_running_server_and_back_into_another_folder(server, tmp_path):
    file = tmp_path / "b.zip"
    taken = await asyncio.to_thread(command, "backup", file, "--data", server.data)
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.startswith(f"{file}: ")
    assert file.stat().st_mode & 0o777 == 0o600
    refused = await asyncio.to_thread(command, "restore", file, "--data", server.data, "--replace")
    assert (refused.returncode, refused.stderr.split()[1]) == (1, "data-in-use")
    restored = await asyncio.to_thread(command, "restore", file, "--data", tmp_path / "new")
    assert restored.returncode == 0, restored.stderr
    query = "SELECT id, name, extension FROM agents ORDER BY id"
    assert rows(tmp_path / "new", query) == [tuple(row) for row in server.rows(query)]
    assert (await server.ready_answer())[0] == 200


def test_errors_say_what_to_do(tmp_path):
    command("init", "--data", tmp_path / "d", "--login", "boss")
    told = command("backup", tmp_path / "none" / "b.zip", "--data", tmp_path / "d")
    assert (told.returncode, told.stderr.split()[1]) == (1, "backup-not-written")
    (tmp_path / "foreign").write_text("hello")
    told = command("restore", tmp_path / "foreign", "--data", tmp_path / "new")
    assert (told.returncode, told.stderr.split()[1]) == (1, "backup-damaged")
    assert "nothing was changed" in told.stderr
    assert command("backup", tmp_path / "b.zip", "--data", tmp_path / "d").returncode == 0
    told = command("restore", tmp_path / "b.zip", "--data", tmp_path / "d")
    assert (told.returncode, told.stderr.split()[1]) == (1, "data-not-empty")
    assert "--replace" in told.stderr
    told = command("restore", tmp_path / "b.zip", "--data", tmp_path / "d", "--replace")
    assert told.returncode == 0
    kept = told.stdout.splitlines()[-1]
    assert kept.startswith("the former database is kept: ")
    assert rows(tmp_path / "d", "SELECT login FROM users") == [("boss",)]
    with contextlib.closing(sqlite3.connect(kept.removeprefix("the former database is kept: "))) as old:
        assert old.execute("SELECT login FROM users").fetchall() == [("boss",)]


def test_a_killed_restore_leaves_the_old_data(tmp_path):
    command("init", "--data", tmp_path / "new", "--login", "fresh")
    add_events(tmp_path / "new", EVENTS)
    assert command("backup", tmp_path / "b.zip", "--data", tmp_path / "new").returncode == 0
    command("init", "--data", tmp_path / "d", "--login", "old")
    started = [sys.executable, "-m", "contactcenter", "restore", tmp_path / "b.zip", "--data", tmp_path / "d"]
    process = subprocess.Popen([*started, "--replace"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    told = process.stderr.readline()
    assert told == "events: 250000 rows\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert rows(tmp_path / "d", "SELECT login FROM users") == [("old",)]
    assert (tmp_path / "d/contactcenter.db.restoring").exists(), "it was in the midst of it"
    again = command("restore", tmp_path / "b.zip", "--data", tmp_path / "d", "--replace")
    assert again.returncode == 0, again.stderr
    assert rows(tmp_path / "d", "SELECT login FROM users") == [("fresh",)]
    assert rows(tmp_path / "d", "SELECT count(*) FROM events")[0][0] > EVENTS
    assert not (tmp_path / "d/contactcenter.db.restoring").exists()
