"""The telephony adapter against a client that only records: what is sent, in which order, what becomes of answers."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from contactcenter.core.clock import ManualClock, from_timestamp
from contactcenter.core.errors import Unavailable
from contactcenter.core.ids import AgentId, LegId, ReservationId, ServerId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import ports
from contactcenter.interactions.ports import AlertFailure, LegMode
from cti import telephony
from cti.acts import TRIES
from cti.alerts import State
from cti.ami import AmiClient, LinkState
from cti.calls import LegRecord
from cti.cel import CelNews
from cti.originates import caller_id
from cti.site_telephony import AsteriskTelephony
from cti.telephony import PbxTelephony
from tests.fakes import ami_events as e
from tests.fakes.ami_client import FakeAmiClient, Sent

SERVER = ServerId("pbx-1")
CALLER = e.channel("1780000000.1")
RES = ReservationId("r0000000000000000000000001")
AGENT = e.agent(RES)
Fact = TypeVar("Fact")


def order(mode: LegMode = LegMode.RING, name: str = "Ada", number: str = "+4930901820") -> ports.AlertOrder:
    device = ports.Device(AgentId("a1"), SERVER, "agent-1001", mode)
    return ports.AlertOrder(RES, device, LegId(CALLER["Uniqueid"]), number, name, 22.0, SERVER)


async def settle() -> None:
    """Let callbacks of answered futures run."""
    for _ in range(5):
        await asyncio.sleep(0)


class Line:
    """One PBX as the adapter sees it."""

    def __init__(self) -> None:
        self.client = FakeAmiClient()
        self.clock = ManualClock(datetime(2026, 6, 1, tzinfo=UTC))
        self.facts: list[ports.Fact] = []
        self.news = CelNews()
        self.asked_since: list[datetime | None] = []
        self.tasks = TaskSupervisor()
        self.pbx = PbxTelephony(SERVER, self.clock, self.tasks, self.facts.append, self.read_cel, lambda: "nailed-leg")
        self.later: list[Any] = []
        self.pbx.bind(self.client, lambda seconds, act: self.later.append(act))  # type: ignore[arg-type]

    async def no_such_channel(self, sent: Sent) -> None:
        """The PBX does not know the channel, however often it is asked."""
        sent.refuse()
        await settle()
        for _ in range(TRIES):
            self.later.pop()()
            self.client.take(sent.action).refuse()
            await settle()
        assert self.later == []

    async def read_cel(self, since: datetime | None) -> CelNews:
        self.asked_since.append(since)
        return self.news

    def told(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def failure(self) -> AlertFailure:
        (ended,) = self.told(ports.AlertEnded)
        assert ended.reservation_id == RES
        assert RES not in self.pbx.alerts
        return ended.failure

    def alert(self, mode: LegMode = LegMode.RING) -> tuple[Sent, Sent]:
        self.pbx.on_message(e.new_channel(CALLER))
        self.pbx.alert(order(mode))
        return self.client.take("Setvar"), self.client.take("Originate")

    async def ringing(self) -> None:
        for one in self.alert():
            one.succeed()
        self.pbx.on_message(e.new_channel(AGENT))
        self.pbx.on_message(e.new_state(AGENT, "5"))
        await settle()

    def originate_response(self, response: str, reason: str) -> None:
        self.pbx.on_message(
            e.event("OriginateResponse", Response=response, ActionID=RES, Reason=reason, Uniqueid="<null>")
        )

    def connect(self) -> None:
        self.pbx.on_message(e.new_state(AGENT, "6"))
        self.pbx.on_message(e.enters(AGENT))
        self.pbx.on_message(e.enters(CALLER))

    async def resync(self, *channels: Any, endpoints: Sequence[Any] = (), started: str = "10:00:00") -> None:
        """Answer what the adapter asks after LIVE."""
        await settle()
        self.client.take("CoreStatus").succeed(CoreStartupDate="2026-06-01", CoreStartupTime=started)
        self.client.take("CoreSettings").succeed(AsteriskVersion="22.10.0")
        self.client.take("PJSIPShowEndpoints").list(*endpoints)
        self.client.take("CoreShowChannels").list(*channels)
        await settle()

    async def come_up(self, *channels: Any, **more: Any) -> None:
        self.client.state = LinkState.LIVE
        self.pbx.on_state(LinkState.LIVE, "")
        await self.resync(*channels, **more)

    def go_down(self, reason: str = "link-lost") -> None:
        """As the real client does it: the state first, then what was on its way."""
        self.client.state = LinkState.DISCONNECTED
        self.pbx.on_state(LinkState.DISCONNECTED, reason)
        self.client.lose_all()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    yield made
    assert made.tasks.failures == {}
    await made.tasks.close()


def shown(headers: dict[str, str], **more: str) -> Any:
    return e.event("CoreShowChannel", **{**headers, "Duration": "00:00:10", "BridgeId": "", **more})


# ------------------------------------------------------------------ shape


@pytest.mark.parametrize("method", ["send", "send_many", "collect"])
def test_the_fake_has_the_real_ones_shape(method: str) -> None:
    real, fake = (inspect.signature(getattr(kind, method)) for kind in (AmiClient, FakeAmiClient))
    assert [(p.name, p.kind, p.default) for p in real.parameters.values()] == [
        (p.name, p.kind, p.default) for p in fake.parameters.values()
    ]


def test_the_port_is_whole() -> None:
    wanted = [name for name in vars(ports.Telephony) if not name.startswith("_")]
    assert wanted
    for name in wanted:
        real, port = (inspect.signature(getattr(kind, name)) for kind in (AsteriskTelephony, ports.Telephony))
        assert list(real.parameters) == list(port.parameters), name


# ------------------------------------------------------------------ alert


async def test_alert_sets_the_guard_and_rings_in_one_write(line: Line) -> None:
    guard, originate = line.alert()
    assert guard.write == originate.write
    assert line.client.sent.index(guard) < line.client.sent.index(originate)
    assert guard.fields == {"Channel": CALLER["Uniqueid"], "Variable": "CC_RES", "Value": RES}
    assert originate.action_id == RES
    assert originate.fields["ChannelId"] == RES
    assert originate.fields["Channel"] == "PJSIP/agent-1001"
    assert (originate.fields["Context"], originate.fields["Exten"]) == ("cc-bridge", "s")
    assert (originate.fields["Async"], originate.fields["Timeout"]) == ("true", "22000")
    assert originate.fields["Variable"] == [
        f"CC_RES={RES}",
        f"CALLER_CHAN={CALLER['Uniqueid']}",
        f"PJSIP_HEADER(add,X-CC-Reservation)={RES}",
    ]


async def test_auto_mode_asks_the_device_to_pick_up(line: Line) -> None:
    _, originate = line.alert(LegMode.AUTO)
    assert "PJSIP_HEADER(add,Call-Info)=answer-after=0" in originate.fields["Variable"]


async def test_answered_is_connected_and_nothing_more_is_told(line: Line) -> None:
    await line.ringing()
    line.connect()
    (connected,) = line.told(ports.LegsConnected)
    assert (connected.caller_leg, connected.agent_leg) == (CALLER["Uniqueid"], RES)
    line.originate_response("Success", "4")
    line.pbx.on_message(e.hangup(AGENT))
    assert line.told(ports.AlertEnded) == []
    assert line.pbx.alerts == {}


# ------------------------------------------------------------------ ends without a conversation


@pytest.mark.parametrize(
    "cause, failure",
    [
        ("17", AlertFailure.BUSY),
        ("19", AlertFailure.NO_ANSWER),
        ("21", AlertFailure.REJECTED),
        ("20", AlertFailure.UNREACHABLE),
        ("3", AlertFailure.UNREACHABLE),
    ],
)
async def test_a_clear_cause_ends_the_alert_at_once(line: Line, cause: str, failure: AlertFailure) -> None:
    await line.come_up()
    await line.ringing()
    line.pbx.on_message(e.hangup(AGENT, cause))
    assert line.failure() is failure
    line.originate_response("Failure", "5")
    assert len(line.told(ports.AlertEnded)) == 1
    kinds = [type(fact) for fact in line.facts]
    assert kinds.index(ports.AlertEnded) < kinds.index(ports.LegEnded), "the alert's end comes before its leg's"


async def test_an_unclear_cause_waits_for_the_originates_word(line: Line) -> None:
    await line.ringing()
    line.pbx.on_message(e.hangup(AGENT, "16"))
    assert line.told(ports.AlertEnded) == []
    line.originate_response("Failure", "3")
    assert line.failure() is AlertFailure.NO_ANSWER


async def test_the_originates_word_before_the_hangup(line: Line) -> None:
    await line.ringing()
    line.originate_response("Failure", "5")
    assert line.failure() is AlertFailure.BUSY


@pytest.mark.parametrize("cause, failure", [("17", AlertFailure.BUSY), ("21", AlertFailure.REJECTED)])
async def test_a_phone_that_refuses_at_once_is_told_without_a_reason_first(
    line: Line, cause: str, failure: AlertFailure
) -> None:
    """As Asterisk 22 tells a 486 or 603: OriginateResponse with Reason 0, then the leg's Hangup with the cause."""
    for one in line.alert():
        one.succeed()
    line.pbx.on_message(e.new_channel(AGENT))
    line.originate_response("Failure", "0")
    assert line.told(ports.AlertEnded) == []
    line.pbx.on_message(e.hangup(AGENT, cause))
    assert line.failure() is failure


async def test_no_channel_could_be_made(line: Line) -> None:
    for one in line.alert():
        one.succeed()
    await settle()
    line.originate_response("Failure", "0")
    assert line.failure() is AlertFailure.UNREACHABLE


async def test_refused_originate(line: Line) -> None:
    guard, originate = line.alert()
    guard.succeed()
    originate.refuse("Invalid channel")
    await settle()
    assert line.failure() is AlertFailure.FAILED


async def test_late_leg_refused_by_the_guard_is_lost(line: Line) -> None:
    await line.ringing()
    line.pbx.on_message(e.new_state(AGENT, "6"))
    line.pbx.on_message(e.event("UserEvent", UserEvent="CCLost", **AGENT))
    line.pbx.on_message(e.hangup(AGENT, "16"))
    assert line.failure() is AlertFailure.LOST


async def test_picked_up_but_the_caller_had_gone(line: Line) -> None:
    await line.ringing()
    line.pbx.on_message(e.new_state(AGENT, "6"))
    line.pbx.on_message(e.hangup(AGENT, "16"))
    assert line.failure() is AlertFailure.CALLER_GONE


async def test_caller_gone_before_the_guard_was_set(line: Line) -> None:
    guard, originate = line.alert()
    originate.succeed()
    await line.no_such_channel(guard)
    line.pbx.on_message(e.new_channel(AGENT))
    line.pbx.on_message(e.hangup(AGENT, "16"))
    line.originate_response("Failure", "5")
    assert line.failure() is AlertFailure.CALLER_GONE


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_a_caller_nobody_told_the_end_of_left_when_his_record_says(line: Line, is_recorded: bool) -> None:
    left_at = line.clock.now() - timedelta(seconds=20)
    if is_recorded:
        line.news = CelNews([ports.EndedLeg(LegId(CALLER["Uniqueid"]), 16, left_at)])
    guard, _ = line.alert()
    await line.no_such_channel(guard)
    (ended,) = line.told(ports.LegEnded)
    at, cause = (left_at, 16) if is_recorded else (line.clock.now(), 0)
    assert (ended.leg_id, ended.at, ended.cause) == (CALLER["Uniqueid"], at, cause)


async def test_lost_answer_is_never_sent_again(line: Line) -> None:
    guard, originate = line.alert()
    guard.lose()
    originate.lose()
    await settle()
    assert line.told(ports.AlertEnded) == []
    assert line.client.names().count("Originate") == 1
    line.pbx.on_message(e.new_channel(AGENT))
    line.connect()
    assert len(line.told(ports.LegsConnected)) == 1


async def test_alert_on_a_link_that_is_down_blames_the_link_first(line: Line) -> None:
    line.client.refusal = Unavailable("pbx-not-reading")
    line.pbx.alert(order())
    down, ended = line.facts
    assert isinstance(down, ports.LinkChanged)
    assert (down.up, down.reason) == (False, "pbx-not-reading")
    assert isinstance(ended, ports.AlertEnded)
    line.client.refusal = None
    await line.resync()
    assert line.told(ports.LinkChanged)[-1].up, "it is up again after a picture"


# ------------------------------------------------------------------ revoke


async def test_revoke_disarms_then_asks_then_hangs_up(line: Line) -> None:
    await line.ringing()
    line.pbx.revoke(RES)
    assert line.client.names()[-1] == "Setvar"
    disarm = line.client.take("Setvar")
    assert disarm.fields == {"Channel": CALLER["Uniqueid"], "Variable": "CC_RES", "Value": "revoked"}
    disarm.succeed()
    await settle()
    ask = line.client.take("Getvar")
    assert ask.fields == {"Channel": CALLER["Uniqueid"], "Variable": "SHARED(CC_BRIDGED)"}
    ask.succeed(Variable="SHARED(CC_BRIDGED)", Value="")
    await settle()
    again = line.client.take("Getvar")
    assert again.fields == ask.fields, "a no may be what a channel that moved left behind"
    again.succeed(Variable="SHARED(CC_BRIDGED)", Value="")
    await settle()
    end = line.client.take("Hangup")
    assert end.fields["Channel"] == RES
    end.succeed()
    await settle()
    assert line.told(ports.AlertEnded) == [], "over only when its channel is gone"
    line.pbx.on_message(e.hangup(AGENT))
    assert line.failure() is AlertFailure.REVOKED


async def test_nothing_follows_an_act_without_its_answer(line: Line) -> None:
    await line.ringing()
    line.pbx.revoke(RES)
    await settle()
    assert line.client.names()[-1] == "Setvar"
    line.client.take("Setvar").lose()
    await settle()
    assert line.client.names()[-1] == "Setvar"
    line.pbx.revoke(RES)
    assert line.client.names()[-2:] == ["Setvar", "Setvar"], "repeated from where it stands"


@pytest.mark.parametrize("value, passed", [(RES, True), ("", False), ("r0000000000000000000000000", False)])
async def test_only_its_own_claim_counts(line: Line, value: str, passed: bool) -> None:
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    line.client.take("Getvar").succeed(Value=value)
    await settle()
    if not passed:
        line.client.take("Getvar").succeed(Value=value)
        await settle()
    assert (line.pbx.alerts[LegId(RES)].state is State.PASSED) is passed
    assert (line.client.names()[-1] == "Hangup") is not passed


async def passed(line: Line) -> None:
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    line.client.take("Getvar").succeed(Value=RES)
    await settle()


async def test_a_leg_that_had_passed_the_guard_connects(line: Line) -> None:
    await passed(line)
    line.connect()
    assert len(line.told(ports.LegsConnected)) == 1
    assert line.told(ports.AlertEnded) == []
    assert line.client.take("Setvar").fields == {"Channel": CALLER["Uniqueid"], "Variable": "CC_RES", "Value": RES}
    sent = len(line.client.names())
    line.pbx.revoke(RES)
    assert len(line.client.names()) == sent, "nothing is done to a conversation"


async def test_who_is_not_revoked_keeps_what_he_has(line: Line) -> None:
    await line.ringing()
    line.connect()
    assert line.client.names().count("Setvar") == 1, "the alert's own"


async def test_of_a_server_that_is_no_more_nothing_is_hung_up() -> None:
    AsteriskTelephony().hang_up(ServerId("gone"), LegId(RES))


async def test_a_leg_that_gave_its_claim_up_is_over(line: Line) -> None:
    """It claimed, saw the change of the reservation and turned back: the second look of the dialplan."""
    await passed(line)
    line.pbx.on_message(e.event("UserEvent", UserEvent="CCLost", **AGENT))
    line.pbx.on_message(e.hangup(AGENT))
    assert line.failure() is AlertFailure.REVOKED


async def test_a_leg_that_passed_and_never_connects_is_hung_up_at_the_next_revoke(line: Line) -> None:
    await passed(line)
    line.pbx.revoke(RES)
    assert line.client.take("Hangup").fields["Channel"] == RES


async def test_revoke_while_the_caller_is_gone(line: Line) -> None:
    await line.ringing()
    line.pbx.on_message(e.hangup(CALLER))
    line.pbx.revoke(RES)
    line.client.take("Setvar").refuse()
    await settle()
    for _ in range(2):
        line.client.take("Getvar").refuse()
        await settle()
    line.client.take("Hangup").succeed()
    line.pbx.on_message(e.hangup(AGENT))
    assert line.failure() is AlertFailure.REVOKED


async def revoked_without_a_channel(line: Line) -> None:
    for one in line.alert():
        one.succeed()
    line.pbx.revoke(RES)
    line.client.take("Setvar", Value="revoked").succeed()
    await settle()
    for _ in range(2):
        line.client.take("Getvar").succeed(Value="")
        await settle()
    line.client.take("Hangup").refuse()
    await settle()


async def test_a_leg_that_appears_after_its_revoke_is_hung_up_at_once(line: Line) -> None:
    await revoked_without_a_channel(line)
    assert line.told(ports.AlertEnded) == [], "it may still be about to appear"
    line.pbx.on_message(e.new_channel(AGENT))
    line.client.take("Hangup").succeed()
    line.pbx.on_message(e.hangup(AGENT))
    assert line.failure() is AlertFailure.REVOKED


async def test_a_leg_that_never_appears_is_over_after_some_tries(line: Line) -> None:
    await revoked_without_a_channel(line)
    for _ in range(telephony.REVOKES_UNTIL_GONE - 1):
        assert line.told(ports.AlertEnded) == []
        line.pbx.revoke(RES)
        line.client.take("Hangup").refuse()
        await settle()
    assert line.failure() is AlertFailure.REVOKED


async def test_a_channel_that_was_seen_is_waited_for(line: Line) -> None:
    """The PBX does not know it any more, so its Hangup is on the way: nothing is made up before."""
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    for _ in range(2):
        line.client.take("Getvar").succeed(Value="")
        await settle()
    for _ in range(5):
        line.client.take("Hangup").refuse()
        await settle()
        line.pbx.revoke(RES)
    assert line.told(ports.AlertEnded) == []
    line.pbx.on_message(e.hangup(AGENT))
    assert line.failure() is AlertFailure.REVOKED


async def test_a_channel_whose_end_was_lost_is_over_after_some_tries(line: Line) -> None:
    """Each time it stays unknown for longer than any move takes, and yet no Hangup comes: its event was lost."""
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    for _ in range(2):
        line.client.take("Getvar").succeed(Value="")
        await settle()
    for number in range(telephony.REVOKES_UNTIL_GONE):
        assert line.told(ports.AlertEnded) == []
        await line.no_such_channel(line.client.take("Hangup"))
        if number + 1 < telephony.REVOKES_UNTIL_GONE:
            line.pbx.revoke(RES)
    assert line.failure() is AlertFailure.REVOKED


async def test_revoke_of_an_unknown_alert_does_nothing(line: Line) -> None:
    line.pbx.revoke(RES)
    assert line.client.sent == []


# ------------------------------------------------------------------ link and resync


async def test_the_picture_comes_before_up(line: Line) -> None:
    endpoint = e.event("EndpointList", ObjectName="agent-1001", DeviceState="Not in use")
    dead = e.event("EndpointList", ObjectName="agent-1002", DeviceState="Unavailable")
    trunk = e.event("EndpointList", ObjectName="carrier", DeviceState="Not in use")
    line.news = CelNews([ports.EndedLeg(LegId("1780000000.9"), 16, line.clock.now())])
    row = shown({**CALLER, "Context": "cc-hold"})
    await line.come_up(row, endpoints=[endpoint, dead, trunk])
    picture, up = line.facts
    assert isinstance(picture, ports.Resynced)
    assert picture.devices == {"agent-1001": True, "agent-1002": False}
    assert [leg.leg_id for leg in picture.legs] == [CALLER["Uniqueid"]]
    assert picture.ended == line.news.ended
    assert not picture.pbx_restarted
    began = line.pbx._started
    assert up == ports.LinkChanged(SERVER, up=True, reason="", at=line.clock.now(), pbx_started=began)
    assert not picture.is_cut
    assert line.asked_since == [None]
    assert line.pbx.version == "22.10.0"


async def test_a_picture_without_all_records_says_so(line: Line) -> None:
    line.news = CelNews(is_cut=True)
    await line.come_up()
    (picture,) = [fact for fact in line.facts if isinstance(fact, ports.Resynced)]
    assert picture.is_cut


@pytest.mark.parametrize(
    "began, restarted", [("2026-06-01 10:00:00", False), ("2026-05-31 10:00:00", True), ("", False)]
)
async def test_what_the_last_process_of_ours_knew_counts(line: Line, began: str, restarted: bool) -> None:
    heard_until = line.clock.now() - timedelta(hours=3)
    line.pbx.resume(heard_until, began)
    await line.come_up()
    (picture,) = line.told(ports.Resynced)
    assert (picture.pbx_restarted, picture.lost_at, line.asked_since) == (restarted, heard_until, [heard_until])
    lost_at = line.clock.now()
    line.go_down()
    await line.come_up()
    assert line.asked_since == [heard_until, lost_at]


async def test_a_look_tells_what_is_up_and_changes_nothing(line: Line) -> None:
    line.pbx.look()
    await settle()
    assert line.client.sent == [], "nobody is asked before the first picture"
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}))
    channels = dict(line.pbx.calls.channels)
    line.pbx.look()
    await settle()
    other = {**CALLER, "Uniqueid": "1780000000.99"}
    line.client.take("CoreShowChannels").list(shown({**other, "Context": "cc-hold"}))
    await settle()
    (seen,) = line.told(ports.Seen)
    assert ([leg.leg_id for leg in seen.legs], seen.at) == (["1780000000.99"], line.clock.now())
    assert line.pbx.calls.channels == channels
    assert len(line.told(ports.Resynced)) == 1


async def test_a_look_that_is_not_answered_tells_nothing(line: Line) -> None:
    await line.come_up()
    line.pbx.look()
    await settle()
    line.go_down()
    await settle()
    assert line.told(ports.Seen) == []


async def test_a_picture_may_be_asked_for_at_any_time(line: Line) -> None:
    line.client.state = LinkState.DISCONNECTED
    line.pbx.resync()
    await settle()
    assert line.client.sent == []
    await line.come_up()
    line.pbx.resync()
    assert [one.up for one in line.told(ports.LinkChanged)] == [True, False]
    await line.resync(shown({**CALLER, "Context": "cc-hold"}))
    assert [len(one.legs) for one in line.told(ports.Resynced)] == [0, 1]
    assert [one.up for one in line.told(ports.LinkChanged)] == [True, False, True], "nobody is alerted meanwhile"


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_who_hangs_up_while_the_picture_is_taken_is_in_the_next_one(line: Line, is_recorded: bool) -> None:
    """Told at once, his end would be that of the call we last knew, which went on while we were away."""
    line.pbx.on_message(e.new_channel(CALLER))
    line.client.state = LinkState.LIVE
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    leg_id = LegId(CALLER["Uniqueid"])
    recorded = ports.EndedLeg(leg_id, 16, line.clock.now(), bridged_at=line.clock.now())
    line.news = CelNews([recorded] if is_recorded else [])
    line.pbx.on_message(e.hangup(CALLER))
    await line.resync()
    assert line.told(ports.Resynced) == [], "the records were read before he left"
    await line.resync()
    (picture,) = line.told(ports.Resynced)
    told = recorded if is_recorded else ports.EndedLeg(leg_id, 16, from_timestamp(e.AT))
    kinds = [type(fact) for fact in line.facts]
    assert (picture.ended, kinds.index(ports.Resynced) < kinds.index(ports.LegEnded)) == ([told], True)
    line.pbx.on_message(e.new_channel(CALLER))
    line.pbx.on_message(e.hangup(CALLER))
    assert len(line.told(ports.LegEnded)) == 2, "from then on an end is told"


async def test_a_customer_who_is_neither_up_nor_recorded_as_gone_hangs_up_right_now(line: Line) -> None:
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}))
    line.go_down()
    line.news = CelNews(up={LegId("c.9"): LegRecord()})
    await line.come_up()
    assert len(line.told(ports.Resynced)) == 1, "his Hangup is on its way, and his record"
    line.pbx.on_message(e.hangup(CALLER))
    line.news = CelNews([ports.EndedLeg(LegId(CALLER["Uniqueid"]), 16, line.clock.now())])
    await line.resync()  # the records of this one were read before that
    await line.resync()
    assert [leg.leg_id for leg in line.told(ports.Resynced)[-1].ended] == [CALLER["Uniqueid"]]


async def test_who_was_in_a_conversation_when_the_link_broke_did_not_leave_that_one(line: Line) -> None:
    await line.come_up()
    await line.ringing()
    line.connect()
    line.go_down()
    line.client.state = LinkState.LIVE
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    line.pbx.on_message(e.hangup(CALLER))
    assert line.told(ports.LegsParted) == [], "his agent may have left long before"


async def test_an_end_heard_while_asterisk_boots_waits_for_the_picture(line: Line) -> None:
    """He may have talked while the link was down: events come before the picture is taken."""
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}))
    line.go_down()
    line.pbx.on_state(LinkState.BOOTING, "")
    line.pbx.on_message(e.hangup(CALLER))
    assert line.told(ports.LegEnded) == []
    await line.come_up()
    kinds = [type(fact) for fact in line.facts]
    assert ports.LegEnded not in kinds[: len(kinds) - kinds[::-1].index(ports.Resynced)]


async def test_an_audits_picture_keeps_no_end_back(line: Line) -> None:
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}))
    line.pbx.resync()
    await settle()
    line.pbx.on_message(e.hangup(CALLER))
    assert len(line.told(ports.LegEnded)) == 1
    await line.resync()
    assert len(line.told(ports.Resynced)) == 2, "one picture is enough: nothing went on unheard"


async def test_a_resync_whose_link_was_lost_and_came_back_is_none(line: Line) -> None:
    """It would adopt records that are older than the second gap, and say that the link is up before the younger one."""
    reading = asyncio.Event()

    async def slow(since: datetime | None) -> CelNews:
        await reading.wait()
        return CelNews()

    line.pbx._read_cel = slow
    for _ in range(2):
        line.client.state = LinkState.LIVE
        line.pbx.on_state(LinkState.LIVE, "")
        await settle()
        if not reading.is_set() and line.pbx._resyncs == 1:
            line.go_down()
    reading.set()
    await settle()
    assert line.client.names().count("CoreShowChannels") == 1
    await line.resync()
    assert len(line.told(ports.Resynced)) == 1


async def test_a_caller_whom_a_younger_picture_shows_is_not_gone(line: Line) -> None:
    guard, _ = line.alert()
    reading = asyncio.Event()

    async def slow(since: datetime | None) -> CelNews:
        await reading.wait()
        return CelNews()

    line.pbx._read_cel = slow
    await line.no_such_channel(guard)
    line.pbx.on_message(e.new_channel(CALLER))
    reading.set()
    await settle()
    assert line.told(ports.LegEnded) == []


async def test_a_pbx_where_somebody_always_hangs_up_has_a_picture(line: Line) -> None:
    line.client.state = LinkState.LIVE
    line.pbx.on_state(LinkState.LIVE, "")
    for _ in range(telephony.PICTURES):
        assert line.told(ports.Resynced) == []
        await settle()
        line.pbx.on_message(e.new_channel(CALLER))
        line.pbx.on_message(e.hangup(CALLER))
        await line.resync()
    assert len(line.told(ports.Resynced)) == 1


async def test_who_hangs_up_while_no_picture_can_be_had_is_gone(line: Line) -> None:
    line.pbx.on_message(e.new_channel(CALLER))
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    line.pbx.on_message(e.hangup(CALLER))
    for one in list(line.client.sent):
        one.lose()
    await settle()
    assert [fact.leg_id for fact in line.told(ports.LegEnded)] == [CALLER["Uniqueid"]]


async def test_pbx_without_endpoints_comes_up(line: Line) -> None:
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    line.client.take("CoreStatus").succeed(CoreStartupDate="d", CoreStartupTime="t")
    line.client.take("CoreSettings").refuse()
    line.client.take("PJSIPShowEndpoints").refuse("No endpoints found")
    line.client.take("CoreShowChannels").list()
    await settle()
    assert line.told(ports.Resynced)[0].devices == {}
    assert line.told(ports.LinkChanged)[-1].up


@pytest.mark.parametrize("broken", ["CoreStatus", "PJSIPShowEndpoints", "CoreShowChannels"])
async def test_a_picture_without_an_answer_is_asked_again(
    line: Line, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telephony, "RESYNC_PAUSE", 0)
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    line.client.take(broken).lose()
    for one in list(line.client.sent):
        if not one.future.done():
            one.list() if one.action in ("PJSIPShowEndpoints", "CoreShowChannels") else one.succeed()
    await settle()
    assert line.told(ports.Resynced) == []
    assert [(one.up, one.reason) for one in line.told(ports.LinkChanged)] == [(False, "resync-failed")]
    await line.resync()
    assert line.told(ports.LinkChanged)[-1].up


async def test_a_device_that_changed_during_the_resync_keeps_its_news(line: Line) -> None:
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    line.client.take("CoreStatus").succeed(CoreStartupDate="d", CoreStartupTime="t")
    line.client.take("CoreSettings").succeed()
    endpoint = e.event("EndpointList", ObjectName="agent-1001", DeviceState="Not in use")
    line.client.take("PJSIPShowEndpoints").list(endpoint)
    line.pbx.on_message(e.event("DeviceStateChange", Device="PJSIP/agent-1001", State="UNAVAILABLE"))
    line.client.take("CoreShowChannels").list()
    assert line.told(ports.Resynced)[0].devices == {"agent-1001": False}
    assert line.told(ports.DeviceChanged) == []


@pytest.mark.parametrize("state", [LinkState.BOOTING, LinkState.LIVE])
async def test_a_device_is_not_told_usable_before_it_can_be_rung(line: Line, state: LinkState) -> None:
    """Phones register while Asterisk boots: each would be rung at once, in vain, and again, as fast as we can."""
    line.pbx.on_state(state, "")
    line.pbx.on_message(e.event("DeviceStateChange", Device="PJSIP/agent-1001", State="UNAVAILABLE"))
    line.pbx.on_message(e.event("DeviceStateChange", Device="PJSIP/agent-1001", State="NOT_INUSE"))
    assert line.told(ports.DeviceChanged) == []
    await line.come_up()
    line.pbx.on_message(e.event("DeviceStateChange", Device="PJSIP/agent-1001", State="UNAVAILABLE"))
    assert [one.usable for one in line.told(ports.DeviceChanged)] == [False]


async def test_outage_is_one_fact_per_reason(line: Line) -> None:
    await line.come_up()
    line.go_down("link-lost")
    for _ in range(3):
        line.pbx.on_state(LinkState.CONNECTING, "link-lost")
        line.pbx.on_state(LinkState.DISCONNECTED, "connect-failed")
    told = [(one.up, one.reason) for one in line.told(ports.LinkChanged)]
    assert told == [(True, ""), (False, "link-lost"), (False, "connect-failed")]


async def test_link_down_is_told_before_alerts_fail(line: Line) -> None:
    await line.come_up()
    line.alert()
    line.go_down()
    await settle()
    assert isinstance(line.facts[-1], ports.LinkChanged)
    assert line.told(ports.AlertEnded) == [], "nobody knows yet what became of the leg"
    assert line.client.names().count("Originate") == 1


async def test_pbx_restart_is_seen_by_its_start_time(line: Line) -> None:
    await line.come_up(started="10:00:00")
    line.go_down()
    await line.come_up(started="10:00:00")
    line.go_down()
    await line.come_up(started="10:07:30")
    assert [one.pbx_restarted for one in line.told(ports.Resynced)] == [False, False, True]


async def test_a_pbx_that_restarted_took_the_calls_it_wrote_no_end_of(line: Line) -> None:
    await line.come_up(started="10:00:00")
    line.go_down()
    lost_at = line.clock.now()
    line.clock.advance(3)
    arrival = ports.CallArrived(SERVER, LegId("c.1"), "c.1", "+49301", "", "1000", lost_at - timedelta(seconds=5))
    young = replace(arrival, leg_id=LegId("c.2"), at=lost_at + timedelta(seconds=1))
    newest = replace(arrival, leg_id=LegId("c.3"), at=line.clock.now())  # of the present run, and not yet shown
    up = {one.leg_id: LegRecord(arrival=one) for one in (arrival, young, newest)}
    here = replace(arrival, leg_id=LegId(CALLER["Uniqueid"]))
    line.news = CelNews(up={**up, LegId("a.1"): LegRecord(), here.leg_id: LegRecord(arrival=here)})
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}), started="10:07:30")
    picture = line.told(ports.Resynced)[-1]
    assert [(leg.leg_id, leg.at) for leg in picture.cut_off] == [("c.1", lost_at), ("c.2", young.at)]
    line.go_down()
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}), started="10:07:30")
    assert line.told(ports.Resynced)[-1].cut_off == (), "only a restart ends calls"


async def test_a_picture_says_when_it_was_asked_for(line: Line) -> None:
    line.client.state = LinkState.LIVE
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    asked_at = line.clock.now()
    line.clock.advance(2)
    await line.resync()
    (picture,) = line.told(ports.Resynced)
    assert (picture.asked_at, picture.at) == (asked_at, line.clock.now())


async def test_after_a_gap_a_leg_that_is_gone_is_over(line: Line) -> None:
    await line.come_up()
    await line.ringing()
    line.go_down()
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}))
    assert line.failure() is AlertFailure.FAILED
    assert line.client.names().count("Originate") == 1


async def test_after_a_gap_a_leg_that_was_answered_is_connected(line: Line) -> None:
    await line.come_up()
    await line.ringing()
    line.go_down()
    rows = [shown({**CALLER, "Context": "cc-hold"}, BridgeId="b"), shown({**AGENT, "ChannelState": "6"}, BridgeId="b")]
    await line.come_up(*rows)
    picture = line.told(ports.Resynced)[-1]
    assert {leg.leg_id: leg.peer for leg in picture.legs} == {CALLER["Uniqueid"]: RES, RES: CALLER["Uniqueid"]}
    assert line.pbx.alerts == {}
    assert line.told(ports.AlertEnded) == []


async def test_after_a_gap_a_ringing_leg_goes_on_and_a_revoke_too(line: Line) -> None:
    await line.come_up()
    await line.ringing()
    line.go_down()
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}), shown({**AGENT, "ChannelState": "5"}))
    assert line.pbx.alerts[LegId(RES)].state is State.RINGING
    line.pbx.revoke(RES)
    line.go_down()
    await line.come_up(shown({**CALLER, "Context": "cc-hold"}), shown({**AGENT, "ChannelState": "5"}))
    assert line.client.take("Setvar").fields["Value"] == "revoked"


async def test_a_second_link_up_makes_the_first_resync_stop(line: Line) -> None:
    line.pbx.on_state(LinkState.LIVE, "")
    await settle()
    line.go_down()
    await line.come_up()
    await settle()
    assert line.client.names().count("CoreShowChannels") == 2
    assert len(line.told(ports.Resynced)) == 1


# ------------------------------------------------------------------ single legs


async def test_hang_up_and_redirect(line: Line) -> None:
    site = AsteriskTelephony()
    site.add(line.pbx)
    line.pbx.on_message(e.new_channel(CALLER))
    await line.come_up(shown({**CALLER, "Exten": "1000"}))
    leg = LegId(CALLER["Uniqueid"])
    site.hang_up(SERVER, leg)
    assert line.client.take("Hangup").fields["Channel"] == leg
    site.return_to_hold(SERVER, leg)
    assert line.client.take("Redirect").fields == {
        "Channel": leg,
        "Context": "cc-hold",
        "Exten": "1000",
        "Priority": "1",
    }
    line.client.take("Redirect").refuse()
    site.return_to_flow(SERVER, leg)
    assert line.client.take("Redirect").fields["Context"] == "cc-ivr"
    line.client.state = LinkState.DISCONNECTED
    site.hang_up(SERVER, leg)  # nothing to send to, nothing raised


@pytest.mark.parametrize("exten", ["", "s", "h", "10;00", "1" * 41, "a b"])
async def test_an_odd_extension_is_not_put_into_the_dialplan(line: Line, exten: str) -> None:
    await line.come_up(shown({**CALLER, "Exten": exten}))
    line.pbx.redirect(LegId(CALLER["Uniqueid"]), "cc-hold")
    assert line.client.take("Redirect").fields["Exten"] == "s"


async def test_the_site_rings_on_the_devices_server(line: Line) -> None:
    site, other = AsteriskTelephony(), Line()
    other.pbx.server_id = ServerId("pbx-2")
    site.add(other.pbx)
    site.add(line.pbx)
    site.alert(order())
    assert other.client.sent == []
    site.revoke(RES)
    assert line.client.names() == ["Setvar", "Originate", "Setvar"]
    site.connect(RES)
    assert line.client.names() == ["Setvar", "Originate", "Setvar"]


# ------------------------------------------------------------------ text from outside


@pytest.mark.parametrize(
    "name, number, expected",
    [
        ("Ada", "+4930901820", '"Ada" <+4930901820>'),
        ("", "+4930901820", '"+4930901820" <+4930901820>'),
        ("", "", '"" <>'),
        ('Eve"\\<sip:x@y>', "1;2", '"Evesip:x@y" <12>'),
        ("a\r\nAction: Logoff", "1\r\n2", '"aAction: Logoff" <12>'),
        ("\u202eevil\u2066\u200f\ufeff", "1", '"evil" <1>'),
        ("\u2028line\x85\x9b", "1", '"line" <1>'),
        ("half \ud83d", "1", '"half" <1>'),
        ("x" * 1000, "1" * 1000, f'"{"x" * 60}" <{"1" * 40}>'),
        ("${SHELL(id)}", "${X}", '"{SHELL(id)}" <X>'),
        ("Ада Łовелас 爱达", "+7", '"Ада Łовелас 爱达" <+7>'),
    ],
)
def test_caller_id_is_safe(name: str, number: str, expected: str) -> None:
    assert caller_id(name, number) == expected


@pytest.mark.parametrize("name", ["x\r\nAction: Logoff", "\ud800", "😀" * 500, "\x00"])
async def test_no_caller_can_stop_his_own_call(line: Line, name: str) -> None:
    line.pbx.alert(order(name=name, number=name))
    assert line.client.names() == ["Setvar", "Originate"]


async def test_a_gap_begins_when_the_link_broke_whatever_was_tried_since(line: Line) -> None:
    await line.come_up()
    broke_at = line.clock.now()
    line.go_down()
    line.clock.advance(3)
    line.pbx.on_state(LinkState.DISCONNECTED, "connect-failed")
    line.clock.advance(3)
    await line.come_up(started="10:00:30")
    assert {one.at for one in line.told(ports.LinkChanged) if not one.up} == {broke_at}
    assert (line.told(ports.Resynced)[-1].pbx_restarted, line.told(ports.Resynced)[-1].lost_at) == (True, broke_at)


async def test_a_caller_the_pbx_does_not_know_is_gone(line: Line) -> None:
    """Should the news of his hang-up have been lost, the next agent must not ring for nobody."""
    await line.come_up()
    guard, originate = line.alert()
    originate.succeed()
    await line.no_such_channel(guard)
    assert [fact.leg_id for fact in line.told(ports.LegEnded)] == [CALLER["Uniqueid"]]


async def test_a_caller_on_his_way_into_the_bridge_is_not_taken_for_gone(line: Line) -> None:
    """Asterisk refuses an act on a channel it is moving; believed, that hung up a conversation as it began."""
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    line.client.take("Getvar").refuse()
    await settle()
    assert "Hangup" not in line.client.names()
    (again,) = line.later
    again()
    line.client.take("Getvar").succeed(Value=RES)
    await settle()
    line.connect()
    assert len(line.told(ports.LegsConnected)) == 1
    assert "Hangup" not in line.client.names()


async def test_what_a_caller_left_behind_as_he_moved_is_not_believed(line: Line) -> None:
    """Found before the move and read after it, the claim is empty though the conversation begins."""
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    line.client.take("Getvar").succeed(Value="")
    await settle()
    line.client.take("Getvar").succeed(Value=RES)
    await settle()
    line.connect()
    assert len(line.told(ports.LegsConnected)) == 1
    assert "Hangup" not in line.client.names()


async def test_the_guard_of_a_caller_on_the_move_is_set_again(line: Line) -> None:
    await line.come_up()
    guard, originate = line.alert()
    originate.succeed()
    guard.refuse()
    await settle()
    (again,) = line.later
    again()
    sent = line.client.take("Setvar")
    assert sent.fields == guard.fields
    sent.succeed()
    await settle()
    assert line.told(ports.LegEnded) == []


async def test_a_guard_that_is_no_longer_wanted_is_not_set_late(line: Line) -> None:
    """Else it would undo the guard of whoever is rung next."""
    await line.come_up()
    guard, originate = line.alert()
    originate.succeed()
    guard.refuse()
    await settle()
    line.pbx.revoke(RES)
    before = line.client.names()
    (again,) = line.later
    again()
    assert line.client.names() == before


async def test_a_leg_that_connected_meanwhile_is_not_hung_up_late(line: Line) -> None:
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").succeed()
    await settle()
    for _ in range(2):
        line.client.take("Getvar").succeed(Value="")
        await settle()
    line.client.take("Hangup").refuse()
    await settle()
    line.connect()
    (again,) = line.later
    again()
    assert line.client.names().count("Hangup") == 1


async def test_an_agents_own_hang_up_is_sent_once(line: Line) -> None:
    """The conversation it was meant for may be another one 20 ms later."""
    await line.come_up()
    line.pbx.on_message(e.new_channel(AGENT))
    line.pbx.hang_up(LegId(RES))
    line.client.take("Hangup").refuse()
    await settle()
    assert line.later == []


async def test_another_refusal_is_believed_at_once(line: Line) -> None:
    await line.ringing()
    line.pbx.revoke(RES)
    line.client.take("Setvar").refuse("Permission denied")
    await settle()
    assert line.later == []
    assert line.client.take("Getvar")


async def test_an_alert_nobody_knows_is_over_when_it_is_revoked(line: Line) -> None:
    """Else its agent and its caller would wait for the answer for ever."""
    whole = AsteriskTelephony()
    whole.add(line.pbx)
    whole.revoke(RES)
    assert line.failure() is AlertFailure.REVOKED


async def test_a_phone_that_can_be_picked_up_from_here_is_picked_up_while_it_rings(line: Line) -> None:
    picked_up: list[LegId] = []
    await line.ringing()
    line.pbx.connect(RES)  # a phone with hands of its own: nothing
    line.pbx.pick_up = picked_up.append
    line.pbx.connect(RES)
    assert picked_up == [RES]
    line.connect()
    line.pbx.connect(RES)
    assert picked_up == [RES]
