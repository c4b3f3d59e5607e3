"""A device that is no longer nailed counts as any other: usable when registered, whatever becomes of its old leg."""

from datetime import UTC, datetime

from contactcenter.core.clock import ManualClock
from contactcenter.core.ids import AgentId, ServerId
from contactcenter.interactions import ports
from cti.acts import Acts
from cti.calls import Calls
from cti.nailed import NailedLegs
from tests.fakes import ami_events as e
from tests.fakes.ami_client import FakeAmiClient

SERVER = ServerId("pbx1")


async def test_a_device_that_rings_again_is_not_lost_with_its_nailed_leg():
    facts = []
    clock = ManualClock(datetime(2026, 6, 1, tzinfo=UTC))
    calls = Calls(SERVER)
    nailed = NailedLegs(SERVER, calls, clock, facts.append, lambda: "nailed-leg")
    client = FakeAmiClient()
    nailed.bind(client, Acts(SERVER, client, calls))
    device = ports.Device(AgentId("a1"), SERVER, "agent-1001", ports.LegMode.NAILED)
    nailed.prepare(device)
    nailed.watch(e.event("Newstate", Uniqueid="nailed-leg", ChannelState="6"))
    assert [fact.usable for fact in facts] == [True]

    nailed.forget(device)
    assert client.take("Hangup").fields["Channel"] == "nailed-leg"
    assert nailed.usable("agent-1001", True)
    nailed.watch(e.event("Hangup", Uniqueid="nailed-leg", Cause="16"))
    assert [fact.usable for fact in facts] == [True], "its end says nothing about the phone"
