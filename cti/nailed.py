"""Nailed legs: an agent's leg that stays up and parked between calls; a call is a Redirect, not a new INVITE.

One leg per device, brought up when the agent becomes present and up again when the phone comes back. An alert is a
tone on the leg (cc-alert-tone) and a card on the screen; ``connect`` moves the leg into cc-bridge, where the same guard
as for any leg decides. While a leg serves a reservation it goes by the reservation's id (``Calls.aliases``).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.errors import ActionFailed, Unavailable
from contactcenter.core.ids import LegId, ReservationId, ServerId
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.acts import Acts, Link
from cti.ami import Message
from cti.calls import Calls

log = structlog.get_logger(__name__)

PREPARE_TIME = 30.0  # seconds the phone may ring until its agent picks up the leg to be nailed


class State(StrEnum):
    """Where an alert on a nailed leg stands."""

    TONE = "tone"  # the card is on the screen, the leg hears a tone
    CONNECTING = "connecting"  # accepted: the leg is on its way to the guard
    REVOKING = "revoking"  # taken back while on its way


@dataclass(slots=True)
class NailedLeg:
    """One device's leg. ``is_up`` once its agent picked it up."""

    device: ports.Device
    leg_id: LegId
    is_up: bool = False


@dataclass(slots=True)
class ToneAlert:
    """One alert on a nailed leg."""

    order: ports.AlertOrder
    leg: NailedLeg
    state: State = State.TONE


class NailedLegs:
    """All nailed legs of one PBX. The link is bound later, like the telephony's."""

    _link: Link
    _acts: Acts

    def __init__(
        self, server_id: ServerId, calls: Calls, clock: Clock, on_fact: ports.OnFact, new_id: Callable[[], str]
    ) -> None:
        self.legs: dict[str, NailedLeg] = {}
        self.alerts: dict[ReservationId, ToneAlert] = {}
        self._wanted: dict[str, ports.Device] = {}
        self.over_trunk: Callable[[ports.AlertOrder, LegId], None] = lambda order, leg: None
        """Takes over an accepted alert whose caller is on another server."""
        self._known: set[str] = set()  # endpoints of nailed devices, wanted now or not
        self._server_id = server_id
        self._calls = calls
        self._clock = clock
        self._on_fact = on_fact
        self._new_id = new_id

    def bind(self, link: Link, acts: Acts) -> None:
        """Give the link, and the way acts on channels go over it."""
        self._link, self._acts = link, acts

    # ------------------------------------------------------------ legs

    def prepare(self, device: ports.Device) -> None:
        """Bring the device's leg up and keep it; does nothing when it is up or on its way."""
        self._known.add(device.endpoint)
        self._wanted[device.endpoint] = device
        if device.endpoint in self.legs:
            return
        leg = NailedLeg(device, LegId(self._new_id()))
        self.legs[device.endpoint] = leg
        sent = self._acts.send("Originate", _originate(leg), lambda future: self._dialed(leg, future))
        if not sent:
            del self.legs[device.endpoint]

    def release(self, device: ports.Device) -> None:
        """Let the device's leg go."""
        self._known.add(device.endpoint)
        self._wanted.pop(device.endpoint, None)
        leg = self.legs.get(device.endpoint)
        if leg is not None:
            self._acts.send("Hangup", {"Channel": leg.leg_id, "Cause": "16"}, _ignore)

    def forget(self, device: ports.Device) -> None:
        """Let the device's leg go: its endpoint is reached another way from now on, or not at all."""
        self.release(device)
        self._known.discard(device.endpoint)

    def adopt(self, legs: Iterable[ports.LiveLeg], registered: Mapping[str, bool]) -> None:
        """After a gap: legs of wanted devices are theirs, what is gone is lost, the rest is brought up."""
        up = {leg.leg_id: leg for leg in legs}
        for endpoint, nailed in list(self.legs.items()):
            if nailed.leg_id not in up and self._calls.leg_alias(nailed.leg_id) not in up:
                self._lost(endpoint, is_heard=False)
        for leg in up.values():
            device = self._wanted.get(leg.endpoint)
            if device is not None and leg.is_up and leg.endpoint not in self.legs:
                self.legs[leg.endpoint] = NailedLeg(device, leg.leg_id, is_up=True)
        for endpoint, device in self._wanted.items():
            if registered.get(endpoint):
                self.prepare(device)

    def usable(self, endpoint: str, registered: bool) -> bool:
        """Return whether a device counts as usable: any other when registered, a nailed one when its leg is up."""
        if endpoint not in self._known:
            return registered
        leg = self.legs.get(endpoint)
        return leg is not None and leg.is_up

    def device_news(self, fact: ports.DeviceChanged) -> ports.DeviceChanged:
        """Return the device's news as it counts here; a phone that is back is nailed again."""
        if fact.endpoint not in self._known:
            return fact
        device = self._wanted.get(fact.endpoint)
        if fact.usable and device is not None:
            self.prepare(device)
        usable = self.usable(fact.endpoint, fact.usable)
        return ports.DeviceChanged(fact.server_id, fact.endpoint, usable, fact.state, fact.at)

    def _dialed(self, leg: NailedLeg, future: "asyncio.Future[Message]") -> None:
        if not future.cancelled() and isinstance(future.exception(), ActionFailed):
            self._lost(leg.device.endpoint)

    def _lost(self, endpoint: str, *, is_heard: bool = True) -> None:
        """``is_heard``: now. Whose leg went in a gap, and when, the picture after it tells."""
        leg = self.legs.pop(endpoint, None)
        if leg is None:
            return
        served = self._calls.aliases.pop(leg.leg_id, None)
        if is_heard and served is not None and ReservationId(served) not in self.alerts:  # its customer was on hold
            self._on_fact(ports.LegEnded(self._server_id, served, 16, self._clock.now()))
        for reservation_id, alert in list(self.alerts.items()):
            if alert.leg is leg:
                self._over(reservation_id, ports.AlertFailure.UNREACHABLE)
        if endpoint in self._known:
            self._tell_device(leg, usable=False, state="NAILED_LEG_LOST")

    def _tell_device(self, leg: NailedLeg, *, usable: bool, state: str) -> None:
        self._on_fact(ports.DeviceChanged(self._server_id, leg.device.endpoint, usable, state, self._clock.now()))

    # ------------------------------------------------------------ alerts

    def owns(self, reservation_id: str) -> bool:
        """Tell whether a reservation is alerted on, or served by, a nailed leg."""
        return ReservationId(reservation_id) in self.alerts or self._leg_of(reservation_id) is not None

    def alert(self, order: ports.AlertOrder) -> None:
        """Sound the tone on the device's leg."""
        leg = self.legs.get(order.device.endpoint)
        if leg is None or not leg.is_up:
            self._on_fact(ports.AlertEnded(order.reservation_id, ports.AlertFailure.UNREACHABLE, self._clock.now()))
            return
        self.alerts[order.reservation_id] = ToneAlert(order, leg)
        self._redirect(leg, names.ALERT_TONE)

    def connect(self, reservation_id: ReservationId) -> None:
        """Accepted on screen: send the leg to the guard, and through it to the caller."""
        alert = self.alerts.get(reservation_id)
        if alert is None or alert.state is not State.TONE:
            return
        if alert.order.server_id != self._server_id:
            del self.alerts[reservation_id]
            self.over_trunk(alert.order, alert.leg.leg_id)
            return
        alert.state = State.CONNECTING
        leg = alert.leg.leg_id
        self._calls.aliases[leg] = LegId(reservation_id)
        variables = {
            (alert.order.caller_leg, names.VAR_RESERVATION): reservation_id,
            (leg, names.VAR_RESERVATION): reservation_id,
            (leg, names.VAR_CALLER): alert.order.caller_leg,
        }
        actions: list[tuple[str, Mapping[str, str | Sequence[str]]]] = [
            ("Setvar", {"Channel": channel, "Variable": name, "Value": value})
            for (channel, name), value in variables.items()
        ]
        actions.append(("Redirect", {"Channel": leg, "Context": names.BRIDGE, "Exten": "s", "Priority": "1"}))
        try:
            *guards, moved = zip(actions, self._link.send_many(actions), strict=True)
        except Unavailable:
            self._over(reservation_id, ports.AlertFailure.FAILED)
            return
        for act, future in guards:
            self._acts.follow(*act, future, _ignore, lambda: self._is_connecting(reservation_id, alert))
        self._acts.follow(*moved[0], moved[1], _ignore)

    def _is_connecting(self, reservation_id: ReservationId, alert: ToneAlert) -> bool:
        return self.alerts.get(reservation_id) is alert and alert.state is State.CONNECTING

    def revoke(self, reservation_id: ReservationId) -> None:
        """Take an alert back. A tone is just over; a leg on its way is disarmed first, as any other (cti.alerts)."""
        alert = self.alerts.get(reservation_id)
        if alert is None:
            return
        if alert.state is State.TONE:
            self._over(reservation_id, ports.AlertFailure.REVOKED)
            return
        alert.state = State.REVOKING
        fields = {"Channel": alert.order.caller_leg, "Variable": names.VAR_RESERVATION, "Value": "revoked"}
        self._acts.send(
            "Setvar",
            fields,
            lambda future: self._disarmed(reservation_id, future),
            lambda: self.alerts.get(reservation_id) is alert,
        )

    def _disarmed(self, reservation_id: ReservationId, future: "asyncio.Future[Message]") -> None:
        alert = self.alerts.get(reservation_id)
        if alert is not None and _is_known(future):
            self._ask(reservation_id, alert, again=True)

    def _ask(self, reservation_id: ReservationId, alert: ToneAlert, *, again: bool) -> None:
        fields = {"Channel": alert.order.caller_leg, "Variable": f"SHARED({names.SHARED_CLAIM})"}
        self._acts.send(
            "Getvar",
            fields,
            lambda future: self._asked(reservation_id, future, again=again),
            lambda: self.alerts.get(reservation_id) is alert,
        )

    def _asked(self, reservation_id: ReservationId, future: "asyncio.Future[Message]", *, again: bool) -> None:
        """A leg that has passed the guard connects; a lost answer is asked for again by the next revoke.

        A "no" is believed the second time (cti.alerts).
        """
        alert = self.alerts.get(reservation_id)
        if alert is None or not _is_known(future):
            return
        if future.exception() is None and future.result().get("Value") == reservation_id:
            return
        if again:
            self._ask(reservation_id, alert, again=False)
        else:
            self._over(reservation_id, ports.AlertFailure.REVOKED)

    def hang_up(self, reservation_id: str) -> None:
        """End the conversation on a nailed leg: it goes back to its park, its customer on to what comes next.

        Both are moved at once: a bridge does not end for the other when one leg is redirected out of it. A customer on
        hold is in none, and is hung up by whoever ends the conversation.
        """
        leg = self._leg_of(reservation_id)
        if leg is None:
            return
        fields = {"Channel": leg.leg_id, "Context": names.PARK, "Exten": "s", "Priority": "1"}
        customer = self._calls.customer_beside(leg.leg_id)
        if customer is not None:
            fields |= {"ExtraChannel": customer, **self._place_after(customer)}
        is_sent = self._acts.send("Redirect", fields, _ignore)
        if is_sent and customer is None and ReservationId(reservation_id) not in self.alerts:
            self.parted(reservation_id)

    def _place_after(self, customer: LegId) -> Mapping[str, str]:
        """Return where a customer goes whose conversation is over: whoever was called by us is hung up."""
        if self._calls.channels[customer].is_stand_in:
            return {"ExtraContext": names.CALLBACK, "ExtraExten": names.CALLBACK_OVER, "ExtraPriority": "1"}
        return {"ExtraContext": names.HOLD, "ExtraExten": "s", "ExtraPriority": names.LABEL_NEXT}

    def connected(self, reservation_id: str) -> None:
        """The bridge formed: nothing is alerted any more. A revoke that came too late is undone, for holds to come."""
        alert = self.alerts.pop(ReservationId(reservation_id), None)
        if alert is not None and alert.state is State.REVOKING:
            fields = {"Channel": alert.order.caller_leg, "Variable": names.VAR_RESERVATION, "Value": reservation_id}
            self._acts.send("Setvar", fields, _ignore)

    def parted(self, reservation_id: str) -> None:
        """The conversation is over: the leg, which stays, no longer goes by the reservation's id."""
        leg = self._leg_of(reservation_id)
        if leg is not None:
            del self._calls.aliases[leg.leg_id]
            self._on_fact(ports.LegEnded(self._server_id, LegId(reservation_id), 16, self._clock.now()))

    def is_alerting(self, reservation_id: str) -> bool:
        """Tell whether an alert on a nailed leg is under way."""
        return ReservationId(reservation_id) in self.alerts

    def _over(self, reservation_id: ReservationId, failure: ports.AlertFailure) -> None:
        alert = self.alerts.pop(reservation_id, None)
        if alert is None:
            return
        self._calls.aliases.pop(alert.leg.leg_id, None)
        self._on_fact(ports.AlertEnded(reservation_id, failure, self._clock.now()))

    def _leg_of(self, reservation_id: str) -> NailedLeg | None:
        for leg in self.legs.values():
            if self._calls.aliases.get(leg.leg_id) == reservation_id:
                return leg
        return None

    # ------------------------------------------------------------ events

    def watch(self, message: Message) -> None:
        """See what an event means to a nailed leg."""
        leg_id = message.get("Uniqueid")
        leg = next((leg for leg in self.legs.values() if leg.leg_id == leg_id), None)
        if leg is None:
            if message.kind == "OriginateResponse" and message.get("Response") == "Failure":
                self._not_picked_up(message.get("ActionID"))
            return
        if message.kind == "Newstate" and message.get("ChannelState") == "6" and not leg.is_up:
            leg.is_up = True
            self._tell_device(leg, usable=True, state="NAILED")
        elif message.kind == "Hangup":
            self._lost(leg.device.endpoint)
            device = self._wanted.get(leg.device.endpoint)
            if leg.is_up and device is not None:  # one that was never picked up waits for news of its phone
                self.prepare(device)
        elif message.kind == "UserEvent":
            self._user_event(leg, message.get("UserEvent"))

    def _not_picked_up(self, action_id: str) -> None:
        for endpoint, leg in list(self.legs.items()):
            if leg.leg_id == action_id:
                self._lost(endpoint)

    def _user_event(self, leg: NailedLeg, name: str) -> None:
        served = self._calls.aliases.get(leg.leg_id)
        if served is None:
            return
        if name == names.EVENT_LOST:
            self._over(ReservationId(served), ports.AlertFailure.LOST)

    # ------------------------------------------------------------ sending

    def _redirect(self, leg: NailedLeg, context: str) -> None:
        fields = {"Channel": leg.leg_id, "Context": context, "Exten": "s", "Priority": "1"}
        self._acts.send("Redirect", fields, _ignore)


def _originate(leg: NailedLeg) -> dict[str, str | Sequence[str]]:
    return {
        "Channel": f"PJSIP/{leg.device.endpoint}",
        "Context": names.PARK,
        "Exten": "s",
        "Priority": "1",
        "Timeout": str(int(PREPARE_TIME * 1000)),
        "CallerID": '"contactcenter" <0>',
        "Variable": [f"{names.VAR_NAILED}=1", "PJSIP_HEADER(add,Call-Info)=answer-after=0"],
        "ChannelId": leg.leg_id,
        "Async": "true",
    }


def _is_known(future: "asyncio.Future[Message]") -> bool:
    """Whether the PBX answered, be it by a refusal (no such channel: the customer is gone)."""
    return not future.cancelled() and (future.exception() is None or isinstance(future.exception(), ActionFailed))


def _ignore(future: "asyncio.Future[Message]") -> None:
    """Take the answer of an act whose effect is told by events, so that a refusal is not an unseen exception."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.info("act-refused", error=str(error))
