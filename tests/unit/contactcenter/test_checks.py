"""``check`` looks at what the server would: agents' endpoints, trunks, CEL file, FastAGI; and changes nothing."""

import asyncio

import pytest
from pydantic import SecretStr

from contactcenter import checks
from contactcenter.agents.model import Device, DeviceKind, DeviceMode
from contactcenter.core.ids import DeviceId, ServerId
from contactcenter.settings import PbxSettings, Settings, TrunkOptions
from contactcenter.site_servers import find_foreign, foreign_pbx


def settings(folder, **pbx):
    return Settings(data=folder, pbx=PbxSettings(**pbx))


def device(endpoint, server="pbx1"):
    mode = DeviceMode.RING
    return Device(DeviceId(endpoint), ServerId(server), endpoint, DeviceKind.DESK, mode, "a-secret")


def test_a_foreign_pbx_is_asked_for_its_own_agents_and_trunks(tmp_path):
    given = settings(
        tmp_path, mode="192.0.2.1:5038", ami_secret=SecretStr("x"), trunks=(TrunkOptions(name="t", host="h"),)
    )
    wanted = foreign_pbx(given, find_foreign(given, "pbx1"), [device("agent-1001"), device("agent-1002", "pbx2")])
    assert [one.name for one in wanted.endpoints] == ["agent-1001"]
    assert [one.name for one in wanted.trunks] == ["t"], "no trunk of the demo"


@pytest.mark.parametrize("mode", ["auto", "127.0.0.1:1"])
async def test_looking_leaves_nothing_behind(tmp_path, mode):
    lines = await checks.run_checks(settings(tmp_path, mode=mode))
    assert any(line.startswith("WRONG") for line in lines)
    assert not (tmp_path / "pbx").exists()


def test_a_data_folder_open_to_others_is_told(tmp_path):
    tmp_path.chmod(0o755)
    assert not checks._folder(settings(tmp_path)).ok
    tmp_path.chmod(0o700)
    assert checks._folder(settings(tmp_path)).ok


def test_a_cel_file_must_be_there(tmp_path):
    path = tmp_path / "cel.csv"
    assert not checks._cel(path).ok
    path.touch()
    assert checks._cel(path).ok


async def test_somebody_must_listen_on_the_agi_port():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert (await checks._agi("127.0.0.1", port)).ok
    server.close()
    await server.wait_closed()
    assert not (await checks._agi("127.0.0.1", port)).ok


def test_the_data_folder_and_the_demo_logins_are_the_owners_own(tmp_path):
    from contactcenter import cli, demo

    cli._require_writable(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    (tmp_path / "old.txt").write_text("open")
    (tmp_path / "old.txt").chmod(0o644)
    demo._write_private(tmp_path / "old.txt", "password")
    assert (tmp_path / "old.txt").stat().st_mode & 0o777 == 0o600
