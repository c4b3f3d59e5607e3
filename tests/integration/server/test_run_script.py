"""``scripts/run``: starts everything, ends everything, and finds a clean slate again, also after a SIGKILL."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.integration.server.conftest import command, processes_of
from tests.rig.asterisk import PREFIX
from tests.rig.certificates import make_certificate, make_key
from tests.rig.ports import free_ports
from tests.rig.server import ROOT

LIMIT = 120.0


def start(data, port, *options, folder=ROOT):
    env = {**os.environ, "ASTERISK_PREFIX": str(PREFIX)}
    command = [str(ROOT / "scripts/run"), "--data", str(data), "--port", str(port), *options]
    return subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def told(process, words):
    """Read stdout until a line holds these words."""
    async with asyncio.timeout(LIMIT):
        while line := await asyncio.to_thread(process.stdout.readline):
            if words in line:
                return line
    raise AssertionError(process.stderr.read())


async def signed_in(port):
    async with aiohttp.ClientSession(headers={"Origin": f"http://127.0.0.1:{port}"}) as client:
        body = {"login": "sofia", "password": "demo-password"}
        async with client.post(f"http://127.0.0.1:{port}/api/v1/session", json=body) as answer:
            return answer.status


async def ends(process, how=signal.SIGINT):
    process.send_signal(how)
    out, errors = await asyncio.to_thread(process.communicate, None, 30)
    return process.returncode, out + errors


@pytest.fixture
def data(tmp_path):
    """A folder whose Asterisk, if a failed test left one, is ended."""
    yield tmp_path / "data"
    for pid in processes_of(tmp_path):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(400)
async def test_start_end_and_start_again(data):
    if not (PREFIX / "asterisk").exists():
        pytest.skip(f"no Asterisk under {PREFIX}")
    port = free_ports(1)
    process = start(data, port, "--traffic", "light")
    assert f"http://127.0.0.1:{port}" in await told(process, "contactcenter is on")
    assert "sofia" in await told(process, "sofia")
    assert await signed_in(port) == 200
    code, words = await ends(process)
    assert (code, "Traceback" in words) == (0, False), words
    assert processes_of(data) == []

    process = start(data, port)
    await told(process, "contactcenter is on")
    process.kill()
    await asyncio.to_thread(process.communicate)
    assert len(processes_of(data)) == 1, "Asterisk goes on without us"

    for _ in range(2):  # the second finds nothing that the first left undone
        process = start(data, port, "--smoke")
        out, errors = await asyncio.to_thread(process.communicate, None, LIMIT)
        smoke = json.loads(out.splitlines()[-1])
        assert (process.returncode, smoke["ok"]) == (0, True), errors
    assert smoke["pbx"] == "asterisk"
    assert smoke["pbx_version"].startswith("22.") or "22." in smoke["pbx_version"]
    assert smoke["linkedid"] in Path(smoke["cel_file"]).read_text()
    assert smoke["seconds_to_first_pop"] > 0
    assert processes_of(data) == []
    print(json.dumps(smoke))


@pytest.mark.timeout(300)
async def test_without_any_asterisk(data):
    """The simulated PBX: smoke, a living demo, and ``check`` beside it."""
    process = start(data, free_ports(1), "--pbx", "simulated", "--smoke")
    out, errors = await asyncio.to_thread(process.communicate, None, LIMIT)
    smoke = json.loads(out.splitlines()[-1])
    assert (process.returncode, smoke["ok"], smoke["pbx"]) == (0, True, "simulated"), errors
    records = Path(smoke["cel_file"]).read_text()
    assert smoke["linkedid"] in records
    in_smoke = records.count("BRIDGE_ENTER")

    port = free_ports(1)
    process = start(data, port, "--pbx=simulated", "--traffic=busy")
    try:
        assert "simulated" in await told(process, "simulated")
        assert await signed_in(port) == 200
        async with asyncio.timeout(40):
            while Path(smoke["cel_file"]).read_text().count("BRIDGE_ENTER") == in_smoke:
                await asyncio.sleep(0.5)
        checked = await asyncio.to_thread(command, "check", "--data", data, "--pbx", "simulated")
        assert checked.returncode == 0, checked.stdout
        assert "ok    FastAGI" in checked.stdout
    finally:
        code, words = await ends(process)
    assert (code, "Traceback" in words) == (0, False), words
    assert processes_of(data) == []


async def test_auto_takes_the_simulated_one_where_no_asterisk_can_be_had(data, tmp_path, monkeypatch):
    blocked = tmp_path / "a-file"
    blocked.write_text("no folder can be made here")
    monkeypatch.setenv("CONTACTCENTER_PBX__PREFIX", str(blocked / "asterisk"))
    process = start(data, free_ports(1))
    line = await told(process, "simulated")
    code, words = await ends(process)
    assert "because no Asterisk could be had" in line
    assert (code, "Traceback" in words) == (0, False), words


async def test_unknown_options_are_told(data):
    process = start(data, 0, "--wings")
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 2
    assert "unknown option: --wings" in errors
    assert "usage:" in errors


@pytest.mark.parametrize("given", [("--redis", "redis://127.0.0.1:1"), ("--redis=redis://127.0.0.1:1",)])
async def test_processes_are_joined_over_a_database_of_several(data, given):
    process = start(data, 0, *given)
    _, errors = await asyncio.to_thread(process.communicate, None, LIMIT)
    assert process.returncode == 2
    assert "redis_url: several processes share a Postgres" in errors


@pytest.mark.parametrize("given", [("--tls",), ("--tls", "only.pem"), ("--tls=,key.pem",), ("--tls", "c.pem,")])
async def test_half_a_pair_of_files_is_told(data, given):
    process = start(data, 0, *given)
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 2
    assert "--tls needs CERT,KEY" in errors


@pytest.mark.timeout(200)
async def test_https_with_files_named_from_where_one_stands(data, tmp_path):
    if not (PREFIX / "asterisk").exists():
        pytest.skip(f"no Asterisk under {PREFIX}")
    make_certificate(tmp_path, make_key(tmp_path))
    port = free_ports(1)
    process = start(data, port, "--tls", "certificate.pem,key.pem", "--smoke", folder=tmp_path)
    out, errors = await asyncio.to_thread(process.communicate, None, LIMIT)
    assert (process.returncode, json.loads(out.splitlines()[-1])["ok"]) == (0, True), errors
    assert processes_of(data) == []
