"""Legs that stand in for customers who are to be called, against a client that only records."""

from collections.abc import AsyncIterator

import pytest

from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import AgentId, LegId, ReservationId
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, LegMode
from cti.ami import LinkState
from cti.site_telephony import AsteriskTelephony
from tests.fakes import ami_events as e
from tests.fakes.ami_client import Sent
from tests.unit.cti.test_telephony import AGENT, RES, SERVER, Line, settle, shown

LEG = LegId("s0000000000000000000000001")
PLACE = e.channel(LEG, Channel="Local/dial@cc-callback-00000007;1", ChannelState="0", Context="cc-callback")


class Site(Line):
    """The same PBX behind the port."""

    def __init__(self) -> None:
        super().__init__()
        self.site = AsteriskTelephony()
        self.site.add(self.pbx)

    def call_back(self, number: str = "+4930901820", shown: str = "+49305550", mode: LegMode = LegMode.RING) -> None:
        device = ports.Device(AgentId("a1"), SERVER, "agent-1001", mode)
        call = ports.CustomerCall(number, shown, 29.6)
        self.site.alert(ports.AlertOrder(RES, device, LEG, number, "Ada", 22.0, SERVER, call))

    def response(self, response: str, leg: str = LEG) -> None:
        self.pbx.on_message(e.event("OriginateResponse", Response=response, ActionID=leg, Uniqueid=leg, Reason="4"))

    async def standing(self) -> Sent:
        """The stand-in is there, its agent is rung; return what rings him."""
        self.call_back()
        self.client.take("Originate").succeed()
        self.pbx.on_message(e.new_channel(PLACE))
        self.pbx.on_message(e.new_state(PLACE, "6"))
        self.response("Success")
        await settle()
        return self.client.take("Originate")

    def wait(self) -> None:
        """Let the pause go by."""
        while self.later:
            self.later.pop(0)()

    def hung_up(self) -> list[str]:
        return [one.fields["Channel"] for one in self.client.sent if one.action == "Hangup"]


@pytest.fixture
async def line() -> AsyncIterator[Site]:
    made = Site()
    made.client.state = LinkState.LIVE
    yield made
    assert made.tasks.failures == {}
    await made.tasks.close()


async def test_the_agent_is_rung_once_somebody_stands_in_for_the_customer(line: Site) -> None:
    line.call_back()
    made = line.client.take("Originate")
    assert made.action_id == LEG
    assert made.fields == {
        "Channel": "Local/dial@cc-callback/n",
        "Context": "cc-callback",
        "Exten": "place",
        "Priority": "1",
        "Timeout": "5000",
        "CallerID": '"Ada" <+4930901820>',
        "Variable": [
            f"CC_RES={RES}",
            f"__CC_STAND_IN={LEG}",
            "CC_CALLED=+4930901820",
            "CC_SHOWN=+49305550",
            "CC_RING=30",
        ],
        "ChannelId": LEG,
        "OtherChannelId": f"dial-{LEG}",
        "Async": "true",
    }
    made.succeed()
    line.pbx.on_message(e.new_channel(PLACE))
    line.pbx.on_message(e.new_state(PLACE, "6"))
    assert line.client.names() == ["Originate"]
    line.response("Success")
    rings = line.client.take("Originate")
    assert (rings.fields["Channel"], rings.action_id) == ("PJSIP/agent-1001", RES)
    assert f"CALLER_CHAN={LEG}" in rings.fields["Variable"]
    assert "Setvar" not in line.client.names(), "it has its reservation already"
    line.response("Success")
    assert line.client.names().count("Originate") == 2, "once"


@pytest.mark.parametrize("number", ["+49\r\nAction: Logoff", "+49,CC_RES=x", "+4${SHELL(id)}9", "\u0664\u0669+49"])
async def test_nothing_but_plus_and_digits_is_dialled_or_shown(line: Site, number: str) -> None:
    line.call_back(number, number)
    variables = line.client.take("Originate").fields["Variable"]
    assert [one for one in variables if one.startswith(("CC_CALLED", "CC_SHOWN"))] == ["CC_CALLED=+49", "CC_SHOWN=+49"]


async def test_a_nailed_leg_hears_its_tone_once_he_stands_there(line: Site) -> None:
    line.call_back(mode=LegMode.NAILED)
    assert line.told(ports.AlertEnded) == []
    line.response("Success")
    assert line.failure() is AlertFailure.UNREACHABLE, "there is no nailed leg: only now anybody looked"
    assert line.hung_up() == [LEG]


async def test_they_meet_and_it_is_a_customers_leg_from_then_on(line: Site) -> None:
    await line.standing()
    line.pbx.on_message(e.new_channel(AGENT))
    line.pbx.on_message(e.enters(AGENT))
    line.pbx.on_message(e.enters(PLACE))
    (connected,) = line.told(ports.LegsConnected)
    assert (connected.caller_leg, connected.agent_leg) == (LEG, RES)
    line.pbx.on_message(e.hangup(AGENT))
    assert line.told(ports.AlertEnded) == []
    assert line.hung_up() == []


@pytest.mark.parametrize("cause, failure", [("17", AlertFailure.BUSY), ("19", AlertFailure.NO_ANSWER)])
async def test_an_agent_who_does_not_come_takes_it_with_him(line: Site, cause: str, failure: AlertFailure) -> None:
    await line.standing()
    line.pbx.on_message(e.new_channel(AGENT))
    line.pbx.on_message(e.hangup(AGENT, cause))
    assert line.failure() is failure
    assert line.hung_up() == [LEG]
    line.client.take("Hangup").succeed()
    line.pbx.on_message(e.hangup(PLACE))
    assert len(line.told(ports.AlertEnded)) == 1


@pytest.mark.parametrize("how", ["refused", "failure", "hangup"])
async def test_one_that_cannot_be_made_ends_the_alert_and_nobody_was_rung(line: Site, how: str) -> None:
    line.call_back()
    made = line.client.take("Originate")
    if how == "refused":
        made.refuse("Permission denied")
        await settle()
    elif how == "failure":
        line.response("Failure")
    else:
        line.pbx.on_message(e.new_channel(PLACE))
        line.pbx.on_message(e.hangup(PLACE))
        line.response("Failure")
    assert line.told(ports.AlertEnded) == [], "not at once, or the next try would follow at once"
    line.wait()
    assert line.failure() is AlertFailure.SERVER
    assert line.client.names() == ["Originate"]
    line.wait()
    assert len(line.told(ports.AlertEnded)) == 1


async def test_a_link_that_is_down_is_to_blame(line: Site) -> None:
    line.client.refusal = Unavailable("pbx-not-reading")
    line.call_back()
    (down,) = line.told(ports.LinkChanged)
    assert (down.up, line.failure()) == (False, AlertFailure.SERVER)
    line.client.refusal = None
    await line.resync()
    assert len(line.told(ports.AlertEnded)) == 1


@pytest.mark.parametrize("is_failing", [False, True])
async def test_revoked_before_its_agent_was_rung(line: Site, is_failing: bool) -> None:
    line.call_back()
    if is_failing:
        line.response("Failure")
    line.site.revoke(RES)
    assert line.failure() is AlertFailure.REVOKED
    line.response("Success")
    line.wait()
    assert line.client.names().count("Originate") == 1, "nobody is rung any more"
    assert len(line.told(ports.AlertEnded)) == 1
    assert line.hung_up() == ([] if is_failing else [LEG])


async def test_one_that_appears_after_its_alert_is_hung_up_at_once(line: Site) -> None:
    line.call_back()
    line.site.revoke(RES)
    line.client.take("Hangup").refuse("No such channel")
    await settle()
    line.pbx.on_message(e.new_channel(PLACE))
    assert line.hung_up() == [LEG, LEG]


async def test_one_that_was_hung_up_while_its_agent_is_rung_is_a_caller_who_left(line: Site) -> None:
    await line.standing()
    line.pbx.on_message(e.hangup(PLACE))
    line.wait()
    assert [one.leg_id for one in line.told(ports.LegEnded)] == [LEG]
    assert line.told(ports.AlertEnded) == [], "its owner takes the alert back"


async def test_the_same_id_twice_is_refused_and_leaves_the_first_alone(line: Site) -> None:
    await line.standing()
    device = ports.Device(AgentId("a2"), SERVER, "agent-1002")
    call = ports.CustomerCall("+49", "", 5.0)
    other = ReservationId("r0000000000000000000000009")
    line.site.alert(ports.AlertOrder(other, device, LEG, "+49", "", 22.0, SERVER, call))
    line.wait()
    (ended,) = line.told(ports.AlertEnded)
    assert (ended.reservation_id, ended.failure) == (other, AlertFailure.SERVER)
    assert line.hung_up() == []


# ------------------------------------------------------------------ after a gap


async def test_one_whose_alert_ended_in_the_gap_is_hung_up(line: Site) -> None:
    await line.standing()
    line.pbx.on_message(e.new_channel(AGENT))
    line.go_down()
    await settle()
    await line.come_up(shown({**PLACE, "ChannelState": "6"}))
    assert len(line.told(ports.AlertEnded)) == 1
    assert LEG in line.hung_up()


async def test_one_that_could_not_be_hung_up_when_its_alert_ended_is_later(line: Site) -> None:
    await line.standing()
    line.go_down()
    line.pbx.far_ended(RES)  # the agent's own server told that nobody rings any more
    assert len(line.told(ports.AlertEnded)) == 1
    assert line.hung_up() == []
    await line.come_up(shown({**PLACE, "ChannelState": "6"}))
    assert line.hung_up() == [LEG]


@pytest.mark.parametrize("is_there", [True, False])
async def test_one_of_which_nothing_was_heard_ends_its_alert(line: Site, is_there: bool) -> None:
    """Nobody is alerted while a picture is taken: it would be missing in it."""
    line.call_back()
    line.go_down()
    await settle()
    await line.come_up(*([shown({**PLACE, "ChannelState": "6"})] if is_there else []))
    line.wait()
    assert line.failure() is AlertFailure.SERVER
    assert set(line.hung_up()) == ({LEG} if is_there else set())
    assert line.client.names().count("Originate") == 1


async def test_one_that_met_its_agent_in_the_gap_goes_on(line: Site) -> None:
    await line.standing()
    line.pbx.on_message(e.new_channel(AGENT))
    line.go_down()
    await line.come_up(shown({**PLACE, "ChannelState": "6"}, BridgeId="b"), shown(AGENT, BridgeId="b"))
    assert line.told(ports.AlertEnded) == []
    assert line.hung_up() == []


# ------------------------------------------------------------------ the customer


async def test_the_word_to_call_is_a_variable_of_the_stand_in(line: Site) -> None:
    await line.standing()
    line.site.dial(SERVER, LEG)
    word = line.client.take("Setvar")
    assert word.fields == {"Channel": LEG, "Variable": "SHARED(CC_DIAL)", "Value": "1"}
    await line.no_such_channel(word)  # asked again while the channel is known, as it may be moving


async def test_the_word_for_one_who_is_gone_is_said_once(line: Site) -> None:
    line.site.dial(SERVER, LEG)
    line.client.take("Setvar").refuse()
    await settle()
    assert line.later == []


async def test_whether_anybody_can_be_called(line: Site) -> None:
    assert not line.site.calls_out(SERVER)
    line.pbx.calls_out = True
    assert line.site.calls_out(SERVER)
