"""Legs over the trunk between two servers: what is sent, whose they are, what becomes of those that do not arrive."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import LegId, ReservationId, ServerId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, LegMode
from cti import trunks
from cti.calls import Calls
from cti.originates import originate_of
from cti.site_telephony import AsteriskTelephony
from tests.fakes import ami_events as e
from tests.unit.cti.test_telephony import CALLER, RES, SERVER, Line, settle
from tests.unit.cti.test_telephony import line as line
from tests.unit.cti.test_telephony import order as near_order

OTHER = ServerId("pbx-2")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OURS = {**e.agent(RES), "Channel": "PJSIP/to-pbx-2-00000001", "Context": "cc-server", "Exten": "s"}


def order(mode: LegMode = LegMode.RING) -> ports.AlertOrder:
    near = near_order(mode)
    return replace(near, device=replace(near.device, server_id=OTHER))


async def ringing(line: Line) -> None:
    line.pbx.on_message(e.new_channel(CALLER))
    line.pbx.alert(order())
    line.client.take("Setvar").succeed()
    line.client.take("Originate").succeed()
    line.pbx.on_message(e.new_channel(OURS))
    await settle()


def changes(line: Line) -> list[tuple[str, bool]]:
    return [(one.to_server, one.usable) for one in line.told(ports.TrunkChanged)]


# ------------------------------------------------------------------ what is sent


def test_the_callers_server_rings_over_the_trunk_and_the_extension_names_the_agent() -> None:
    sent = originate_of(order())
    assert (sent["Channel"], sent["Exten"], sent["ChannelId"]) == ("PJSIP/agent-1001@to-pbx-2", "1001", RES)
    assert f"PJSIP_HEADER(add,X-CC-Reservation)={RES}" in sent["Variable"]
    assert originate_of(near_order())["Exten"] == "s"


def test_a_phone_that_picks_up_by_itself_is_told_at_the_far_end() -> None:
    assert "PJSIP_HEADER(add,X-CC-Auto)=1" in originate_of(order(LegMode.AUTO))["Variable"]
    assert not [one for one in originate_of(order(LegMode.AUTO))["Variable"] if "Call-Info" in one]


async def test_a_nailed_leg_sounds_where_it_is_parked_and_is_connected_from_the_callers_server(line: Line) -> None:
    site, far = AsteriskTelephony(), Line()
    far.pbx.server_id = far.pbx.nailed._server_id = OTHER
    for one in (line.pbx, far.pbx):
        site.add(one)
    device = order(LegMode.NAILED).device
    site.prepare(device)
    leg = far.client.take("Originate").fields["ChannelId"]
    far.pbx.nailed.legs[device.endpoint].is_up = True
    site.alert(order(LegMode.NAILED))
    assert far.client.take("Redirect").fields["Context"] == "cc-alert-tone"
    site.connect(RES)
    line.client.take("Setvar")
    assert f"PJSIP_HEADER(add,X-CC-Leg)={leg}" in line.client.take("Originate").fields["Variable"]
    assert not far.pbx.owns(RES)
    await far.tasks.close()


# ------------------------------------------------------------------ whose legs they are


def test_the_leg_we_sent_is_an_agents_and_the_one_that_comes_in_nobodys() -> None:
    near, far = Calls(SERVER), Calls(OTHER)
    near.feed(e.new_channel(CALLER), NOW)
    near.feed(e.new_channel(OURS), NOW)
    facts = [*near.feed(e.enters(OURS), NOW), *near.feed(e.enters(CALLER), NOW)]
    assert [(one.caller_leg, one.agent_leg) for one in facts] == [(CALLER["Uniqueid"], RES)]  # type: ignore[union-attr]
    came = {**OURS, "Channel": "PJSIP/to-pbx-1-00000001", "Uniqueid": "pbx-2-1.1", "Exten": "agent-1001"}
    phone = {**e.agent("pbx-2-1.2"), "Linkedid": "pbx-2-1.1"}
    facts = [fact for one in (came, phone) for fact in far.feed(e.new_channel(one), NOW)]
    facts += [fact for one in (came, phone) for fact in far.feed(e.enters(one), NOW)]
    assert facts == [], "no customer arrives, nobody is connected"


def test_the_end_at_the_far_side_names_the_reservation() -> None:
    far = Calls(OTHER)
    came = {**OURS, "Channel": "PJSIP/to-pbx-1-00000001", "Uniqueid": "pbx-2-1.1", "AccountCode": RES}
    far.feed(e.new_channel(came), NOW)
    facts = far.feed(e.event("Hangup", **came, Cause="16"), NOW)
    assert [one.reservation_id for one in facts if isinstance(one, ports.FarLegEnded)] == [RES]


def test_in_the_whole_picture_the_extension_tells_the_agent() -> None:
    shown = {**OURS, "Context": "cc-bridge", "Exten": "1001", "Duration": "00:00:05", "ChannelState": "6"}
    (leg,) = Calls(SERVER).adopt([e.event("CoreShowChannel", **shown, BridgeId="")], NOW)
    assert (leg.endpoint, leg.is_customer, leg.serves) == ("agent-1001", False, None)


# ------------------------------------------------------------------ what does not get through


@pytest.mark.parametrize(
    "status, failure",
    [
        ("401", AlertFailure.SERVER),
        ("503", AlertFailure.SERVER),
        ("403", AlertFailure.REJECTED),
        ("404", AlertFailure.REJECTED),
    ],
)
async def test_a_status_that_no_phone_gives_is_the_trunks(line: Line, status: str, failure: AlertFailure) -> None:
    await ringing(line)
    line.pbx.on_message(e.event("Hangup", **OURS, Cause="21", TechCause=status))
    assert line.failure() is failure
    assert changes(line) == ([(OTHER, False)] if failure is AlertFailure.SERVER else [])


async def test_the_trunk_is_asked_after_before_it_is_used_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunks, "PAUSE", 0.0)
    await ringing(line)
    line.pbx.on_message(e.event("Hangup", **OURS, Cause="21", TechCause="401"))
    await settle()
    asked = line.client.take("PJSIPShowEndpoint")
    assert asked.fields == {"Endpoint": "to-pbx-2"}
    asked.list(e.event("ContactStatusDetail", AOR="to-pbx-2", Status="Reachable"))
    await settle()
    assert changes(line) == [(OTHER, False), (OTHER, True)]


async def test_who_was_not_rung_over_a_trunk_that_is_gone_is_given_up_at_once(line: Line) -> None:
    await ringing(line)
    gone = {"EndpointName": "to-pbx-2", "AOR": "to-pbx-2"}
    line.pbx.on_message(e.event("ContactStatus", **gone, ContactStatus="Unreachable"))
    assert line.client.take("Setvar").fields["Value"] == "revoked"
    assert changes(line) == [(OTHER, False)]


async def test_a_phone_that_rings_goes_on_ringing_when_the_trunk_stops_answering(line: Line) -> None:
    await ringing(line)
    line.pbx.on_message(e.new_state(OURS, "5"))
    line.pbx.on_message(e.event("ContactStatus", EndpointName="to-pbx-2", ContactStatus="Unreachable"))
    assert not [one for one in line.client.sent if one.action == "Setvar" and not one.future.done()]


async def test_phones_are_no_trunks(line: Line) -> None:
    line.pbx.on_message(e.event("ContactStatus", EndpointName="agent-1001", ContactStatus="Removed"))
    assert changes(line) == []


@pytest.mark.parametrize("is_live", [True, False])
async def test_an_alert_whose_far_leg_ended_is_over_when_the_callers_server_cannot_tell(
    line: Line, is_live: bool
) -> None:
    site = AsteriskTelephony()
    site.add(line.pbx)
    await ringing(line)
    line.pbx._is_live = is_live
    line.pbx.on_far_end(ReservationId(RES))
    assert (LegId(RES) in line.pbx.alerts) is is_live


async def test_an_order_that_cannot_be_sent_is_the_servers_fault(line: Line) -> None:
    line.pbx.on_message(e.new_channel(CALLER))
    line.client.refusal = Unavailable("pbx-not-reading")
    line.pbx.alert(order())
    assert line.failure() is AlertFailure.SERVER
