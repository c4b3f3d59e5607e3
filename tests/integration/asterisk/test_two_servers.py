"""Two real Asterisks joined by a trunk: callers on one, agents on the other, one telephony over both."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, LegMode
from cti import dialplan_names as names
from tests.integration.asterisk.ami_line import AmiLine, ami_line
from tests.integration.asterisk.conftest import Pbx, ScriptedAgi
from tests.integration.asterisk.telephony_line import TelephonyLine, telephony_line
from tests.integration.asterisk.test_dialplan import waiting_caller
from tests.integration.asterisk.test_telephony_calls import PHONES
from tests.rig.ports import free_ports
from tests.rig.sipp import Sipp, desk_phones


@dataclass
class Two:
    """``a`` holds the callers, ``b`` the agents; ``ami`` and ``far`` look on at a and b."""

    a: TelephonyLine
    b: TelephonyLine
    ami: AmiLine
    far: AmiLine
    phones: Sipp

    def alert(self, caller: str, endpoint: str, *, mode: LegMode = LegMode.RING, ring_time: float = 5) -> ReservationId:
        reservation = ReservationId(self.a.ids.new())
        device = ports.Device(AgentId(f"a-{endpoint}"), self.b.server_id, endpoint, mode)
        order = ports.AlertOrder(reservation, device, LegId(caller), "+4930901820", "Ada", ring_time, self.a.server_id)
        self.a.site.alert(order)
        return reservation


@pytest.fixture
def pbx(two_servers: tuple[Pbx, Pbx]) -> Pbx:
    return two_servers[0]


@pytest.fixture
async def far(two_servers: tuple[Pbx, Pbx]) -> AsyncIterator[AmiLine]:
    settings = two_servers[1].settings
    async with ami_line(settings.ami_port, settings.ami_user, settings.ami_secret) as line:
        yield line


@pytest.fixture
async def two(
    two_servers: tuple[Pbx, Pbx], ami: AmiLine, far: AmiLine, agi: ScriptedAgi, tmp_path: Path
) -> AsyncIterator[Two]:
    first, second = two_servers
    async with contextlib.AsyncExitStack() as stack:
        phones = await stack.enter_async_context(
            desk_phones(tmp_path / "phones", PHONES, port=second.peer_port, media_port=free_ports(8))
        )
        lines = [await stack.enter_async_context(telephony_line(one, cel=True)) for one in (first, second)]
        a, b = lines
        b.site = a.site
        a.site.add(b.pbx)
        yield Two(a, b, ami, far, phones)


async def test_an_agent_on_the_other_server_answers_talks_and_is_hung_up(two: Two) -> None:
    caller = await waiting_caller(two.ami)
    reservation = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegRinging, leg_id=reservation)
    connected = await two.a.find(ports.LegsConnected, caller_leg=caller)
    assert connected.agent_leg == reservation
    two.a.site.hang_up(two.a.server_id, LegId(reservation))
    parted = await two.a.find(ports.LegsParted, caller_leg=caller)
    assert (parted.agent_leg, parted.left_first) == (reservation, reservation)
    await two.a.find(ports.LegEnded, leg_id=reservation)
    await two.ami.wait_place(caller, names.HOLD, "MusicOnHold")
    assert not [one for one in two.b.facts if isinstance(one, ports.CallArrived | ports.LegsConnected)]


@pytest.mark.parametrize(
    "endpoint, failure",
    [
        ("agent-2002", AlertFailure.BUSY),
        ("agent-2004", AlertFailure.REJECTED),
        ("agent-2005", AlertFailure.NO_ANSWER),
        ("agent-2007", AlertFailure.UNREACHABLE),
    ],
)
async def test_a_phone_that_refuses(two: Two, endpoint: str, failure: AlertFailure) -> None:
    caller = await waiting_caller(two.ami)
    assert await two.a.failure(two.alert(caller, endpoint)) is failure
    again = two.alert(caller, "agent-2001")
    await two.a.find(ports.LegsConnected, agent_leg=again)
