"""What is asked of a PBX for holds and transfers, and what its news mean then."""

import asyncio

import pytest

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import AgentId, LegId, ReservationId, ServerId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import LegMode
from cti.acts import Acts
from cti.ami import LinkState
from cti.calls import Calls
from cti.holds import Holds
from cti.nailed import NailedLegs, State, ToneAlert
from tests.fakes import ami_events as e
from tests.fakes.ami_client import FakeAmiClient
from tests.fakes.virtual_time import VirtualTime
from tests.unit.cti.test_telephony import AGENT, CALLER, RES

SERVER, FAR = ServerId("pbx1"), ServerId("pbx2")
CUSTOMER, LEG = LegId(CALLER["Uniqueid"]), LegId(RES)
DEVICE = ports.Device(AgentId("a1"), SERVER, "agent-1001")
KEPT = {"ExtraChannel": CUSTOMER, "ExtraContext": "cc-hold", "ExtraExten": "s", "ExtraPriority": "next"}


class Line:
    """Two who talk: holds and nailed legs of one PBX, with a client that keeps what is asked."""

    def __init__(self) -> None:
        self.client, self.calls, self.facts = FakeAmiClient(), Calls(SERVER), list[ports.Fact]()
        self.holds = Holds(SERVER, self.calls)
        time = VirtualTime()
        self.nailed = NailedLegs(SERVER, self.calls, time, self.facts.append, lambda: "nailed-leg")
        acts = Acts(SERVER, self.client, self.calls)
        self.holds.bind(acts)
        self.nailed.bind(self.client, acts)
        for message in (e.new_channel(CALLER), e.new_channel(AGENT), e.enters(AGENT), e.enters(CALLER)):
            self.calls.feed(message, time.now())

    def parted(self) -> ports.LegsParted | ports.LegsHeld:
        return self.holds.told(ports.LegsParted(SERVER, CUSTOMER, LEG, LEG, from_timestamp(e.AT)))


@pytest.fixture
async def line() -> Line:
    return Line()


async def test_a_hold_moves_both_and_is_no_end(line: Line) -> None:
    line.holds.hold(CUSTOMER, LEG)
    asked = line.client.take("Redirect").fields
    assert asked == {"Channel": LEG, "Context": "cc-park", "Exten": "s", "Priority": "1", **KEPT}
    assert isinstance(line.parted(), ports.LegsHeld)
    assert isinstance(line.parted(), ports.LegsParted), "the next one is"


@pytest.mark.parametrize("server_id, exten", [(SERVER, "s"), (FAR, "1001")])
async def test_a_transfer_moves_both_for_good(line: Line, server_id: ServerId, exten: str) -> None:
    device = ports.Device(AgentId("a1"), server_id, "agent-1001")
    line.holds.let_wait(CUSTOMER, LEG, device)
    asked = line.client.take("Redirect").fields
    assert asked == {"Channel": LEG, "Context": "cc-bridge", "Exten": exten, "Priority": "over", **KEPT}
    assert isinstance(line.parted(), ports.LegsParted)


async def test_a_transfer_waits_for_a_hold_that_is_under_way(line: Line) -> None:
    line.holds.hold(CUSTOMER, LEG)
    line.client.take("Redirect").succeed()
    line.holds.let_wait(CUSTOMER, LEG, DEVICE)
    assert line.client.names().count("Redirect") == 1, "Asterisk would lose a second one"
    assert isinstance(line.parted(), ports.LegsParted)
    asked = line.client.take("Redirect").fields
    assert asked == {"Channel": LEG, "Context": "cc-bridge", "Exten": "s", "Priority": "over"}


async def test_a_transfer_goes_on_when_the_hold_before_it_is_refused(line: Line) -> None:
    line.holds.hold(CUSTOMER, LEG)
    hold = line.client.take("Redirect")
    line.holds.let_wait(CUSTOMER, LEG, DEVICE)
    hold.refuse("Redirect failed")
    await asyncio.sleep(0)
    assert line.client.take("Redirect").fields["Priority"] == "over"


async def test_who_hangs_up_while_a_hold_is_under_way_holds_nobody(line: Line) -> None:
    line.holds.hold(CUSTOMER, LEG)
    line.holds.ends(LEG)
    assert isinstance(line.parted(), ports.LegsParted)


def nailed_talk(line: Line, state: State) -> None:
    device = ports.Device(AgentId("a1"), SERVER, "agent-1001", LegMode.NAILED)
    line.nailed.prepare(device)
    line.nailed.watch(e.event("Newstate", Uniqueid="nailed-leg", ChannelState="6"))
    order = ports.AlertOrder(ReservationId(RES), device, CUSTOMER, "+4930", "Ada", 5.0, SERVER)
    line.nailed.alerts[order.reservation_id] = ToneAlert(order, line.nailed.legs["agent-1001"], state)
    line.calls.aliases[LegId("nailed-leg")] = LEG
    line.nailed.connected(RES)
    line.facts.clear()


@pytest.mark.parametrize("state, restored", [(State.CONNECTING, []), (State.REVOKING, [RES])])
async def test_a_revoke_that_came_too_late_is_undone(line: Line, state: State, restored: list[str]) -> None:
    """Else he cannot be retrieved from hold: the guard is his reservation."""
    nailed_talk(line, state)
    assert [one.fields["Value"] for one in line.client.sent if one.action == "Setvar"] == restored


async def test_a_nailed_leg_lost_in_a_gap_is_told_by_the_picture_after_it(line: Line) -> None:
    nailed_talk(line, State.CONNECTING)
    line.nailed.adopt([], {})
    assert [one for one in line.facts if isinstance(one, ports.LegEnded)] == []


async def test_nothing_ends_in_the_books_while_the_link_is_down(line: Line) -> None:
    nailed_talk(line, State.CONNECTING)
    line.client.state = LinkState.DISCONNECTED
    line.nailed.hang_up(RES)
    assert line.facts == []
