"""A server whose surroundings are wrong: it says what and where, in words people can act on, and ends or shows it."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys

import pytest

from tests.integration.server.conftest import command, processes_of
from tests.rig.asterisk import PREFIX
from tests.rig.ports import free_ports
from tests.rig.server import ROOT, running_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


def environment(**more):
    return {**os.environ, "CONTACTCENTER_PBX__PREFIX": str(PREFIX), **more}


async def run(*arguments, **more):
    """Run the command line beside the loop."""
    return await asyncio.to_thread(command, *arguments, env=environment(**more))


async def test_a_port_in_use(server, tmp_path):
    await run("init", "--data", tmp_path / "d")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = await run("run", "--data", tmp_path / "d", "--port", taken.getsockname()[1])
    assert ended.returncode == 1
    assert "http-port-unavailable" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert processes_of(tmp_path) == [], "what it started it ended"


async def test_a_second_server_on_the_same_data_folder(server):
    """Refused, and the first one's Asterisk and calls go on."""
    pbx = server.pbx_pid
    ended = await run("run", "--data", server.data, "--port", free_ports(1))
    assert ended.returncode == 1
    assert "data-in-use" in ended.stderr
    assert f"process: {server.pid}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert server.pbx_pid == pbx
    assert (await server.ready_answer())[0] == 200


@pytest.mark.parametrize("place", ["file", "file/below"])
async def test_a_data_folder_that_cannot_be(tmp_path, place):
    """A file in its place: root may write anywhere, so rights alone would prove nothing here."""
    (tmp_path / "file").write_text("")
    ended = await run("run", "--data", tmp_path / place)
    assert ended.returncode == 1
    assert "data-not-writable" in ended.stderr
    assert "--data" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_database_that_was_never_migrated(tmp_path):
    ended = await run("run", "--data", tmp_path)
    assert ended.returncode == 1
    assert "migration-missing" in ended.stderr
    assert "contactcenter migrate" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_wrong_ami_secret_is_told_by_readyz_and_by_check(server):
    port = server.numbers["ami_port"]
    wrong = {"CONTACTCENTER_PBX__AMI_SECRET": "wrong", "CONTACTCENTER_PBX__AGI_PORT": str(free_ports(1))}
    options = ["--pbx", f"127.0.0.1:{port}"]
    async with running_server(options=options, env=wrong, start=False) as other:
        await other.start(wait_ready=False)
        body = await until_told(other, "pbx-link-down")
        assert body["fields"] == {}, "the public is told codes only"
        supervisor = await other.login("sofia")
        async with supervisor.get("/readyz") as answer:
            told = (await answer.json())["degraded"]
        assert [one["fields"]["reason"] for one in told if one["code"] == "pbx-link-down"] == ["auth-failed"]
        checked = await run("check", "--data", other.data, *options, **wrong)
        assert checked.returncode == 1
        assert "refuses the login -> set pbx.ami_user and pbx.ami_secret" in checked.stdout
        assert "Traceback" not in checked.stderr + other.log()
        assert await other.stop() == 0


async def until_told(server, code, limit=60):
    """Wait until /readyz names something degraded; its entry."""
    async with asyncio.timeout(limit):
        while True:
            try:
                _, body = await server.ready_answer()
                found = [one for one in body["degraded"] if one["code"] == code]
                if found:
                    return found[0]
            except OSError:
                pass
            await asyncio.sleep(0.1)


class Babbler:
    """A manager port that talks nonsense: every connection gets other bytes, then waits or closes."""

    def __init__(self):
        dice = random.Random(7)
        self.connections = 0
        self.nonsense = [
            b"\x00\xff" * 500,
            b"Asterisk Call Manager/9.0.0\r\n" + b"x" * 3_000_000,
            b"Asterisk Call Manager/9.0.0\r\nno colon here\r\n\r\n: no name\r\n\r\n\r\n\r\nEvent\r\n\r\n",
            b"Asterisk Call Manager/9.0.0\r\nResponse: Success\r\nMessage: Authentication \xd0\r\nActionID: 1\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            dice.randbytes(20_000),
            b"Asterisk Call Manager/9.0.0\r\nResponse: Success\r\n" + b"Key: value\r\n" * 5_000 + b"\r\n",
        ]

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            writer.write(self.nonsense[self.connections % len(self.nonsense)])
            await writer.drain()
            await asyncio.wait_for(reader.read(100_000), 0.5)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()


async def test_a_manager_that_talks_nonsense_is_outlived():
    babbler = Babbler()
    wire = await asyncio.start_server(babbler.serve, "127.0.0.1", 0)
    port = wire.sockets[0].getsockname()[1]
    env = {"CONTACTCENTER_PBX__AMI_SECRET": "x", "CONTACTCENTER_PBX__AGI_PORT": str(free_ports(1))}
    async with running_server(options=["--pbx", f"127.0.0.1:{port}"], env=env, start=False) as server:
        await server.start(wait_ready=False)
        await until_told(server, "pbx-link-down")
        async with asyncio.timeout(60):
            while babbler.connections < 8:
                await asyncio.sleep(0.1)
        assert (await server.get("/healthz")).status == 200
        assert "Traceback" not in server.log()
        assert server.memory() < 300
        assert await server.stop() == 0
    wire.close()
    await wire.wait_closed()


async def test_ctrl_c_while_it_starts_leaves_nothing_behind(tmp_path):
    await run("init", "--data", tmp_path / "d")
    arguments = [sys.executable, "-m", "contactcenter", "run", "--data", str(tmp_path / "d"), "--port", "0"]
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    async with asyncio.timeout(60):
        while not processes_of(tmp_path / "d/pbx/run"):
            assert process.poll() is None, process.communicate()
            await asyncio.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert "Traceback" not in errors
    assert processes_of(tmp_path) == []
