"""One PBX's part of the Telephony port: alerts, revokes, hang-ups, and the whole picture after a gap.

Thin shell: ``cti.calls`` folds what the PBX tells, ``cti.alerts`` holds the table of each alert, this module sends what
they ask for over one ``AmiClient`` per PBX and reports facts in order. Nothing here waits: answers come as callbacks.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.errors import (
    ActionFailed,
    ContactCenterError,
    OutcomeUnknown,
    TelephonyError,
    Unavailable,
)
from contactcenter.core.ids import LegId, ReservationId, ServerId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.acts import Acts, Later, call_later
from cti.alerts import REVOKING, Act, AlertLeg, Signal, State
from cti.ami import AmiClient, LinkState, Message
from cti.calls import Calls, number
from cti.cel import CelNews
from cti.holds import Holds
from cti.nailed import NailedLegs
from cti.originates import originate_of
from cti.stand_ins import StandIns
from cti.trunks import Trunks

log = structlog.get_logger(__name__)

REVOKES_UNTIL_GONE: Final = 3  # a leg the PBX does not know, asked for this often, never came to be
PICTURES: Final = 4  # taken at the most until nobody hangs up while one is taken
PICTURES_TIME: Final = timedelta(seconds=1)  # nobody is alerted meanwhile
RESYNC_PAUSE: Final = 2.0  # seconds until a PBX that did not give its picture is asked again
T = TypeVar("T")
CelReader = Callable[[datetime | None], Awaitable[CelNews]]


class PbxTelephony:
    """One PBX. Owns its alerts and its fold; the link is bound by ``bind`` because it needs us as listener."""

    def __init__(
        self,
        server_id: ServerId,
        clock: Clock,
        tasks: TaskSupervisor,
        on_fact: ports.OnFact,
        read_cel: CelReader,
        new_id: Callable[[], str],
    ) -> None:
        self.server_id = server_id
        self.calls = Calls(server_id)
        self.nailed = NailedLegs(server_id, self.calls, clock, self._tell, new_id)
        self.stand_ins = StandIns(server_id, self.calls, self._no_stand_in)
        self.holds = Holds(server_id, self.calls)
        self.trunks = Trunks(server_id, clock, tasks, self._trunk_changed)
        self.alerts: dict[LegId, AlertLeg] = {}
        self.version = ""
        self.pick_up: Callable[[LegId], None] | None = None
        """How a ringing phone is picked up for its agent, where the PBX can do that (a simulated one)."""
        self.on_far_end: Callable[[ReservationId], None] = lambda reservation_id: None
        self.on_alert_ended: Callable[[ReservationId], None] = self.stand_ins.alert_ended
        self.calls_out = False
        """Whether it has a trunk customers can be called over."""
        self._client: AmiClient
        self._acts: Acts
        self._clock = clock
        self._tasks = tasks
        self._on_fact = on_fact
        self._read_cel = read_cel
        self._started = ""
        self._is_live = False
        self._told: tuple[bool, str] | None = None  # what was last reported of the link
        self._lost_at: datetime | None = None  # when it was last up
        self._heard_until: datetime | None = None  # by the process of ours before this one
        self._resyncs = 0
        self._device_news: dict[str, bool] = {}  # what came in while the picture was being taken
        self._has_gap = False  # what was going on may have gone on unheard: ends wait for the picture
        self._ended_meanwhile: list[ports.LegEnded] = []

    def bind(self, client: AmiClient, later: Later = call_later) -> None:
        """Give the link; its ``on_message`` and ``on_state`` are ours."""
        self._client = self.trunks.client = client
        self._acts = Acts(self.server_id, client, self.calls, later)
        self.nailed.bind(client, self._acts)
        self.holds.bind(self._acts)
        self.stand_ins.bind(client, self._acts, later)

    def resume(self, heard_until: datetime, started: str) -> None:
        """Before the first link: when the last process of ours heard this PBX last, and which run of it that was."""
        self._heard_until, self._started = heard_until, started

    # ------------------------------------------------------------ from the PBX

    def on_message(self, message: Message) -> None:
        """Take one event of the PBX."""
        facts = self.calls.feed(message, self._clock.now())
        self._watch(message)
        for fact in facts:
            self._report(fact)
        self.nailed.watch(message)
        self.stand_ins.watch(message)
        self.trunks.watch(message)

    def _report(self, fact: ports.Fact) -> None:
        if isinstance(fact, ports.LegsConnected):
            self._connected(fact.agent_leg)
            self.stand_ins.connected(fact.caller_leg)
        elif isinstance(fact, ports.LegsParted):
            fact = self.holds.told(fact)
        elif isinstance(fact, ports.FarLegEnded):
            self.on_far_end(fact.reservation_id)
        elif isinstance(fact, ports.DeviceChanged):
            fact = self.nailed.device_news(fact)
            if not self._is_live:  # nobody can be rung: the picture will tell
                self._device_news[fact.endpoint] = fact.usable
                return
        elif isinstance(fact, ports.LegEnded) and self._has_gap:
            self._ended_meanwhile.append(fact)  # what he had before he left, the picture tells
            return
        self._on_fact(fact)
        if isinstance(fact, ports.LegsParted):
            self.nailed.parted(fact.agent_leg)

    def _tell(self, fact: ports.Fact) -> None:
        """Report a fact; an alert's end takes with it what was made for the alert."""
        if isinstance(fact, ports.AlertEnded):
            self.on_alert_ended(fact.reservation_id)
        self._on_fact(fact)

    def _watch(self, message: Message) -> None:
        """See what an event means to a running alert."""
        if message.kind == "OriginateResponse":
            self._originate_response(message)
            return
        alert = self.alerts.get(LegId(message.get("Uniqueid")))
        if alert is None:
            return
        if message.kind == "Newchannel":
            alert.has_leg = True
            if alert.state is State.HANGING_UP:
                self._do(alert, Act.HANG_UP)
        elif message.kind == "Newstate":
            alert.has_rung = True
            alert.was_answered = alert.was_answered or message.get("ChannelState") == "6"
        elif message.kind == "UserEvent" and message.get("UserEvent") == names.EVENT_LOST:
            alert.is_refused = True
        elif message.kind == "Hangup":
            alert.cause, alert.has_ended = number(message.get("Cause")), True
            alert.sip_status = number(message.get("TechCause"))
            if alert.end_is_clear or alert.reason is not None:
                self._signal(alert, Signal.GONE)

    def _originate_response(self, message: Message) -> None:
        alert = self.alerts.get(LegId(message.get("ActionID")))
        if alert is not None and message.get("Response") == "Failure":
            alert.reason = number(message.get("Reason"))
            if alert.is_over:
                self._signal(alert, Signal.GONE)

    def _connected(self, agent_leg: LegId) -> None:
        self.nailed.connected(agent_leg)
        alert = self.alerts.pop(agent_leg, None)
        if alert is not None:
            alert.signal(Signal.CONNECTED)
            if alert.was_revoked:  # too late: he is that agent's, also when he is to be retrieved from hold
                fields = _variable(alert.caller_leg, names.VAR_RESERVATION, alert.reservation_id)
                self._acts.send("Setvar", fields, _seen)

    def on_state(self, state: LinkState, reason: str) -> None:
        """Take a change of the link: down is told at once, up only after the whole picture was taken."""
        if state is LinkState.LIVE:
            self._has_gap = True
            self._start_resync()
        elif self._is_live or state is LinkState.DISCONNECTED:
            self._has_gap = True  # also while Asterisk boots, when events come already
            self.calls.forget_bridges()
            self.holds.forget()
            self._tell_link(up=False, reason=reason)

    def _tell_link(self, *, up: bool, reason: str) -> None:
        """Report the link once per change: an outage of hours is one fact, not one per try."""
        now = self._clock.now()
        if self._is_live and not up:
            self._lost_at = now
        self._is_live = up
        if self._told != (up, reason):
            self._told = (up, reason)
            at = now if up or self._lost_at is None else self._lost_at
            started = self._started if up else ""
            self._on_fact(ports.LinkChanged(self.server_id, up=up, reason=reason, at=at, pbx_started=started))

    @property
    def _gap_began(self) -> datetime | None:
        return self._lost_at or self._heard_until

    def _start_resync(self) -> None:
        self._resyncs += 1
        self._device_news.clear()
        self._tasks.spawn(f"resync-{self.server_id}", self._resync(self._resyncs))

    async def _resync(self, turn: int) -> None:
        """Take the whole picture; a PBX that does not give it is asked again for as long as the link stands."""
        while self._is_turn(turn):
            try:
                await self._take_picture(turn)
                return
            except TelephonyError as error:
                log.warning("resync-failed", server=self.server_id, error=error.code)
            if self._is_turn(turn):
                self._tell_ends()
                self._tell_link(up=False, reason="resync-failed")
                await asyncio.sleep(RESYNC_PAUSE)

    def _is_turn(self, turn: int) -> bool:
        """Whether this resync is the latest, and its link stands."""
        return turn == self._resyncs and self._client.state is LinkState.LIVE

    def _tell_ends(self) -> None:
        ended, self._ended_meanwhile = self._ended_meanwhile, []
        for fact in ended:
            self._on_fact(fact)

    async def _take_picture(self, turn: int) -> None:
        """Take it again while somebody hangs up meanwhile: of him the records, read before, know only half."""
        until = self._clock.now() + PICTURES_TIME
        for left in reversed(range(PICTURES if self._has_gap else 1)):
            if await self._try_picture(turn, is_last=left == 0 or self._clock.now() >= until):
                break
        if self._is_turn(turn) and not self._is_live:
            raise OutcomeUnknown("picture-not-taken")

    async def _try_picture(self, turn: int, *, is_last: bool) -> bool:
        """Take it once and adopt it, but for one in which somebody hung up and that is not the last; False for that."""
        before, is_whole = len(self._ended_meanwhile), True
        news = await self._read_cel(self._gap_began)
        if not self._is_turn(turn):
            return True  # the link was lost and is back: a younger resync takes it, with younger records
        asked_at = self._clock.now()
        status = self._client.send("CoreStatus", {})
        settings = self._client.send("CoreSettings", {})
        endpoints = self._client.collect("PJSIPShowEndpoints", {}, "EndpointListComplete")

        def complete(shown: Sequence[Message]) -> None:
            nonlocal is_whole
            is_whole = is_last or (len(self._ended_meanwhile) == before and not self._is_missing(shown, news))
            if is_whole and self._is_turn(turn):
                self._adopt(shown, news, status, endpoints, asked_at)

        await self._client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete", on_complete=complete)
        await status
        if not _refused(endpoints):
            await endpoints
        if not _refused(settings):
            self.version = (await settings).get("AsteriskVersion")
        return is_whole

    def _is_missing(self, shown: Sequence[Message], news: CelNews) -> bool:
        """Whether a customer we know is neither up nor recorded as gone: he hangs up right now, his news is coming."""
        there = {row.get("Uniqueid") for row in shown} | {leg.leg_id for leg in news.ended}
        known = (leg_id for leg_id, channel in self.calls.channels.items() if channel.is_customer)
        return bool(news.ended or news.up) and any(leg_id not in there for leg_id in known)

    def _adopt(
        self,
        shown: Sequence[Message],
        news: CelNews,
        status: "asyncio.Future[Message]",
        endpoints: "asyncio.Future[list[Message]]",
        asked_at: datetime,
    ) -> None:
        rows = [] if _refused(endpoints) else _result(endpoints)  # a PBX without endpoints refuses to list them
        started = _result(status)
        if rows is None or started is None:
            return
        now = self._clock.now()
        is_restarted = self._began(" ".join(started.get(name) for name in ("CoreStartupDate", "CoreStartupTime")))
        legs = self.calls.adopt(shown, now, news.up)
        registered = {**self._devices(rows, now), **self._device_news}
        self.nailed.adopt(legs, registered)
        devices = {endpoint: self.nailed.usable(endpoint, usable) for endpoint, usable in registered.items()}
        self._reconcile_alerts({leg.leg_id: leg for leg in legs})
        self.stand_ins.adopt({leg.leg_id: leg for leg in legs})
        told = self._without_parking(legs)
        gap = self._gap_began
        known = {leg.leg_id for leg in legs} | {fact.leg_id for fact in self._ended_meanwhile}
        cut_off = news.cut_off(known, gap or now, asked_at - ports.CLOCKS_APART) if is_restarted else ()
        ended = [*news.ended, *news.unrecorded(self._ended_meanwhile)]
        self._on_fact(
            ports.Resynced(self.server_id, told, devices, ended, is_restarted, now, gap, news.is_cut, asked_at, cut_off)
        )
        self._has_gap = False
        self._tell_ends()  # of calls the picture ended they change nothing
        self.trunks.look(rows)
        self._tell_link(up=True, reason="")

    def _trunk_changed(self, fact: ports.TrunkChanged) -> None:
        """Who rings over a trunk that is gone rings nowhere: nobody is to wait for it until his ring time is over."""
        self._on_fact(fact)
        for alert in list(self.alerts.values()) if not fact.usable else ():
            if alert.device.server_id == fact.to_server and not alert.has_rung:
                self.revoke(alert.reservation_id)

    def look(self) -> None:
        """Have what is up told among the events; our own fold stays as it is."""
        if self._is_live:
            self._tasks.spawn(f"look-{self.server_id}", self._look())

    async def _look(self) -> None:
        try:
            await self._client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete", on_complete=self._tell_seen)
        except TelephonyError as error:
            log.info("look-failed", server=self.server_id, error=error.code)

    def _tell_seen(self, shown: Sequence[Message]) -> None:
        if self._is_live:
            now = self._clock.now()
            self._on_fact(ports.Seen(self.server_id, self._without_parking(self.calls.shown(shown, now)), now))

    def _without_parking(self, legs: Sequence[ports.LiveLeg]) -> list[ports.LiveLeg]:
        """Leave out nailed legs that ring to be parked: they are for nobody's call, and rightly so."""
        parking = {nailed.leg_id for nailed in self.nailed.legs.values() if not nailed.is_up}
        return [leg for leg in legs if leg.leg_id not in parking]

    def resync(self) -> None:
        """Take the whole picture anew, exactly as after a gap: nobody is alerted while it is being taken.

        An alert placed meanwhile would be missing in it, and so count as over while its phone rings.
        """
        if self._is_live and self._client.state is LinkState.LIVE:
            self._tell_link(up=False, reason="audit")
            self._start_resync()

    def _began(self, started: str) -> bool:
        """Remember when the PBX began; True when it has been restarted since we last saw it."""
        before, self._started = self._started, started
        return bool(before) and before != started

    def _devices(self, rows: Sequence[Message], now: datetime) -> dict[str, bool]:
        names_and_states = [(row.get("ObjectName"), row.get("DeviceState")) for row in rows]
        return {
            name: self.calls.device(name, state, now).usable
            for name, state in names_and_states
            if name.startswith(names.AGENT_PREFIX)
        }

    def _reconcile_alerts(self, legs: Mapping[LegId, ports.LiveLeg]) -> None:
        """After a gap: an alert whose leg is up and bridged connected, one still ringing goes on, others are over."""
        for alert in list(self.alerts.values()):
            leg = legs.get(LegId(alert.reservation_id))
            if leg is None:
                self._signal(alert, Signal.GONE)
            elif leg.peer is not None:
                self._connected(leg.leg_id)
            elif alert.state in REVOKING:
                self._signal(alert, Signal.REVOKE)

    def far_ended(self, reservation_id: ReservationId) -> None:
        """The agent's server has no leg for this alert any more, and we, who rang, are away: it reaches no caller."""
        alert = self.alerts.get(LegId(reservation_id))
        if alert is not None and not self._is_live:
            self._signal(alert, Signal.GONE)

    # ------------------------------------------------------------ alerts

    def alert(self, order: ports.AlertOrder, nailed_leg: LegId | None = None) -> None:
        """Set the guard on the caller, then ring the device; both leave in one write. A stand-in has its guard already.

        A device of another server is rung over the trunk, or its ``nailed_leg`` there bridged.
        """
        if order.device.mode is ports.LegMode.NAILED and nailed_leg is None:
            self.nailed.alert(order)
            return
        leg_id = LegId(order.reservation_id)
        is_over_trunk = order.device.server_id != self.server_id
        alert = AlertLeg(order.reservation_id, order.device, order.caller_leg, is_over_trunk=is_over_trunk)
        self.alerts[leg_id] = alert
        guard = ("Setvar", _variable(order.caller_leg, names.VAR_RESERVATION, order.reservation_id))
        guards = [guard] if order.call is None else []
        try:
            *set_guards, originate = self._client.send_many(
                [*guards, ("Originate", originate_of(order, nailed_leg))],
                action_ids=[*(None for _ in guards), order.reservation_id],
            )
        except ContactCenterError as error:
            alert.is_unsent = True
            self._not_sent(error)
            self._signal(alert, Signal.GONE)
            return
        for set_guard in set_guards:
            self._acts.follow(
                *guard,
                set_guard,
                lambda future: self._guard_set(alert, future),
                lambda: alert.state is State.RINGING,
            )
        originate.add_done_callback(lambda future: self._originate_queued(alert, future))

    def stand_in(self, order: ports.AlertOrder, call: ports.CustomerCall) -> None:
        """Have the leg made that stands in for the customer; the agent is alerted as soon as it is there."""
        try:
            self.stand_ins.make(order, call)
        except ContactCenterError as error:
            self._not_sent(error)
            self._no_stand_in(order.reservation_id)

    def _no_stand_in(self, reservation_id: ReservationId) -> None:
        self._tell(ports.AlertEnded(reservation_id, ports.AlertFailure.SERVER, self._clock.now()))

    def _not_sent(self, error: ContactCenterError) -> None:
        """Nothing can be sent: no agent is to blame and none is tried until a new picture was taken."""
        log.warning("alert-not-sent", server=self.server_id, error=error.code)
        if isinstance(error, Unavailable):
            self._link_fails(error.code)

    def _link_fails(self, reason: str) -> None:
        self._tell_link(up=False, reason=reason)
        if self._client.state is LinkState.LIVE:
            self._start_resync()

    def _guard_set(self, alert: AlertLeg, future: "asyncio.Future[Message]") -> None:
        if isinstance(_error(future), ActionFailed):
            alert.caller_gone = True
            self._caller_gone(alert.caller_leg)

    def _caller_gone(self, leg_id: LegId) -> None:
        """The PBX knows no such channel: should the news of its end have been lost, nobody rings for it again."""
        if self.calls.channels.pop(leg_id, None) is None:  # his hang-up was heard
            self._on_fact(ports.LegEnded(self.server_id, leg_id, 0, self._clock.now()))
        else:
            self._tasks.spawn(f"gone-{leg_id}", self._tell_gone(leg_id, self._clock.now()))

    async def _tell_gone(self, leg_id: LegId, at: datetime) -> None:
        """He may have left up to two audits ago: his record knows when."""
        news = await self._read_cel(at)
        if leg_id in self.calls.channels:
            return  # a picture taken meanwhile shows him
        told = next((leg for leg in news.ended if leg.leg_id == leg_id), None)
        self._on_fact(
            ports.LegEnded(self.server_id, leg_id, told.cause if told else 0, min(told.at, at) if told else at)
        )

    def _originate_queued(self, alert: AlertLeg, future: "asyncio.Future[Message]") -> None:
        """A refused Originate is over; one without an answer is not known and never sent again: the resync tells."""
        if isinstance(_error(future), ActionFailed):
            self._signal(alert, Signal.GONE)

    def owns(self, reservation_id: ReservationId) -> bool:
        """Tell whether an alert is under way here."""
        return LegId(reservation_id) in self.alerts or self.nailed.is_alerting(reservation_id)

    def report_over(self, reservation_id: ReservationId) -> None:
        """Answer for an alert nobody knows."""
        self._tell(ports.AlertEnded(reservation_id, ports.AlertFailure.REVOKED, self._clock.now()))

    def revoke(self, reservation_id: ReservationId) -> None:
        """Take an alert back; repeated calls go on from where it stands."""
        self.nailed.revoke(reservation_id)
        alert = self.alerts.get(LegId(reservation_id))
        if alert is not None:
            alert.revokes += 1
            self._signal(alert, Signal.REVOKE)

    def connect(self, reservation_id: ReservationId) -> None:
        """The agent accepted on screen: move a nailed leg; pick a ringing phone up where that is possible."""
        self.nailed.connect(reservation_id)
        if self.pick_up is not None and LegId(reservation_id) in self.alerts:
            self.pick_up(LegId(reservation_id))

    def _signal(self, alert: AlertLeg, signal: Signal) -> None:
        self._do(alert, alert.signal(signal))

    def _do(self, alert: AlertLeg, act: Act) -> None:
        state = alert.state

        def still_wanted() -> bool:
            return alert.state is state

        if act is Act.DISARM:
            fields = _variable(alert.caller_leg, names.VAR_RESERVATION, "revoked")
            self._acts.send("Setvar", fields, lambda future: self._disarmed(alert, future), still_wanted)
        elif act is Act.ASK:
            fields = {"Channel": alert.caller_leg, "Variable": f"SHARED({names.SHARED_CLAIM})"}
            self._acts.send("Getvar", fields, lambda future: self._asked(alert, future), still_wanted)
        elif act is Act.HANG_UP:
            fields = {"Channel": alert.reservation_id, "Cause": "16"}
            self._acts.send("Hangup", fields, lambda future: self._hung_up(alert, future), still_wanted)
        elif act is Act.REPORT:
            self.alerts.pop(LegId(alert.reservation_id), None)
            failure = alert.failure()
            if failure is ports.AlertFailure.SERVER and not alert.is_unsent:
                self.trunks.fails(alert.device.server_id)
            self._tell(ports.AlertEnded(alert.reservation_id, failure, self._clock.now()))

    def _disarmed(self, alert: AlertLeg, future: "asyncio.Future[Message]") -> None:
        error = _error(future)
        if error is None or isinstance(error, ActionFailed):  # failed: no such channel, the caller is gone
            alert.caller_gone = alert.caller_gone or error is not None
            self._signal(alert, Signal.DISARMED)

    def _asked(self, alert: AlertLeg, future: "asyncio.Future[Message]") -> None:
        error = _error(future)
        if error is None:
            passed = future.result().get("Value") == alert.reservation_id
            self._signal(alert, Signal.HAD_PASSED if passed else Signal.HAD_NOT_PASSED)
        elif isinstance(error, ActionFailed):
            self._signal(alert, Signal.HAD_NOT_PASSED)

    def _hung_up(self, alert: AlertLeg, future: "asyncio.Future[Message]") -> None:
        """The end is told by the Hangup event, but that may be lost; a leg not known may still be about to appear."""
        if isinstance(_error(future), ActionFailed) and alert.revokes >= REVOKES_UNTIL_GONE:
            self._signal(alert, Signal.GONE)

    # ------------------------------------------------------------ single legs

    def hang_up(self, leg_id: LegId) -> None:
        """End one leg; one that is gone already is fine. A nailed one goes back to its park."""
        self.holds.ends(leg_id)
        if self.nailed.owns(leg_id):
            self.nailed.hang_up(leg_id)
            return
        self._acts.send("Hangup", {"Channel": leg_id, "Cause": "16"}, _seen)

    def redirect(self, leg_id: LegId, context: str) -> None:
        """Move one leg to a context of ours, at the extension it was dialed with."""
        channel = self.calls.channels.get(leg_id)
        exten = channel.exten if channel is not None and re.fullmatch(r"[+*#0-9a-zA-Z]{2,40}", channel.exten) else "s"
        self._acts.send("Redirect", {"Channel": leg_id, "Context": context, "Exten": exten, "Priority": "1"}, _seen)


def _variable(leg_id: str, name: str, value: str) -> dict[str, str]:
    return {"Channel": leg_id, "Variable": name, "Value": value}


def _error(future: "asyncio.Future[T]") -> BaseException | None:
    return OutcomeUnknown("cancelled") if future.cancelled() else future.exception()


def _refused(future: "asyncio.Future[T]") -> bool:
    return future.done() and isinstance(_error(future), ActionFailed)


def _result(future: "asyncio.Future[T]") -> T | None:
    return future.result() if future.done() and _error(future) is None else None


def _seen(future: "asyncio.Future[Message]") -> None:
    """Take the answer of an act whose effect is told by events, so that a refusal is not an unseen exception."""
    error = _error(future)
    if error is not None:
        log.info("act-refused", error=str(error))
