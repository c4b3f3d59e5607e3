"""The shell on real sockets: what the contract tests do not provoke."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from contactcenter.core.clock import SystemClock
from contactcenter.core.errors import Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti.pbx_simulator.people import Customer
from cti.pbx_simulator.server import SimulatedPbx
from cti.provision import EndpointKind, EndpointSettings
from tests.rig.ports import free_ports
from tests.rig.simulated import simulated_pbx
from tests.unit.cti.pbx_simulator.stage import SETTINGS


def settings(**changes: object):
    port = free_ports(2)
    return replace(SETTINGS, ami_port=port, agi_port=port + 1, **changes)


async def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    mine = settings()
    async with simulated_pbx(mine, tmp_path):
        other = SimulatedPbx(mine, tmp_path / "other.csv", SystemClock(), TaskSupervisor())
        with pytest.raises(Unavailable, match="port-in-use"):
            await other.start()
        await other.stop()
        assert not (tmp_path / "other.csv").exists()


async def test_at_its_end_everybody_is_hung_up_and_the_records_say_so(tmp_path: Path) -> None:
    async with simulated_pbx(settings(), tmp_path) as made:
        leg = made.pbx.customer_calls(Customer("+4930901820", "2000"))
        await asyncio.sleep(0.05)
        assert leg in made.pbx.exchange.channels
    lines = made.run_folder.cel_file.read_text().splitlines()
    assert [line.split(",")[0] for line in lines if leg in line][-2:] == ['"HANGUP"', '"LINKEDID_END"']
    assert made.run_folder.cel_file.stat().st_mode & 0o077 == 0
    assert not made.pbx.is_running


async def test_agents_who_come_later(tmp_path: Path) -> None:
    phone = EndpointSettings("agent-7", EndpointKind.DESK, "Desk2Secret8888xx")
    async with simulated_pbx(settings(endpoints=[phone], trunks=[]), tmp_path) as made:
        made.pbx.provide(["agent-7", "agent-8"])
        made.pbx.register("agent-7", registered=False)
        states = dict(tuple(value for _, value in row) for row in made.pbx.exchange.devices.states())
        assert states == {"PJSIP/agent-7": "UNAVAILABLE", "PJSIP/agent-8": "NOT_INUSE"}


async def test_a_client_that_says_too_much_is_cut_off(tmp_path: Path) -> None:
    mine = settings()
    async with simulated_pbx(mine, tmp_path):
        reader, writer = await asyncio.open_connection("127.0.0.1", mine.ami_port)
        writer.write(b"x" * 300_000)
        banner = await reader.readline()
        assert banner == b"Asterisk Call Manager/11.0.0\r\n"
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):  # cut while we still wrote
                assert await reader.read() == b""
        writer.close()
