"""Stand-ins: legs of ours, one for each customer who is to be called, with which his agent's leg is bridged.

One is made before its agent is alerted, which takes Asterisk milliseconds: a phone that picks up at once would find
nobody otherwise. One that cannot be made ends the alert, for which no agent was rung. An alert that ends without a
conversation takes its stand-in with it: whatever was lost or late meanwhile, it is hung up as soon as it is seen.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from contactcenter.core.errors import ActionFailed
from contactcenter.core.ids import LegId, ReservationId, ServerId
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.acts import Acts, Later
from cti.ami import AmiClient, Message
from cti.calls import Calls
from cti.originates import stand_in_of

log = structlog.get_logger(__name__)

FAILED_PAUSE: Final = 1.0
"""Seconds until it is told that one could not be made, lest the next try follows at once, and fails as well."""


@dataclass(slots=True)
class StandIn:
    """One that has met no agent yet. ``is_ready``: its agent is alerted; ``is_over``: the alert is, it has to go."""

    order: ports.AlertOrder
    is_ready: bool = False
    is_over: bool = False

    @property
    def leg_id(self) -> LegId:
        """Its leg."""
        return self.order.caller_leg


class StandIns:
    """Of one PBX. ``on_ready`` hears when the agent can be alerted, ``on_failed`` when there is nobody to alert for."""

    _client: AmiClient
    _acts: Acts
    _later: Later

    def __init__(self, server_id: ServerId, calls: Calls, on_failed: Callable[[ReservationId], None]) -> None:
        self.on_ready: Callable[[ports.AlertOrder], None] = lambda order: None
        self._on_failed = on_failed
        self._server_id = server_id
        self._calls = calls
        self._made: dict[LegId, StandIn] = {}
        self._failing: set[ReservationId] = set()  # of which it is about to be told

    def bind(self, client: AmiClient, acts: Acts, later: Later) -> None:
        """Give the link, and the way acts on channels go over it."""
        self._client, self._acts, self._later = client, acts, later

    def make(self, order: ports.AlertOrder, call: ports.CustomerCall) -> None:
        """Have it made. Raises as ``AmiClient.send``; then nothing else is told of it."""
        made = StandIn(order)
        if made.leg_id in self._made:  # one of the same id, for an alert that is over, is not gone yet
            self._fail(made)
            return
        sent = self._client.send("Originate", stand_in_of(order, call), action_id=made.leg_id)
        self._made[made.leg_id] = made
        sent.add_done_callback(lambda future: self._queued(made.leg_id, future))

    def _queued(self, leg_id: LegId, future: "asyncio.Future[Message]") -> None:
        """A refused Originate is over; of one without an answer the events tell, or the next picture."""
        if not future.cancelled() and isinstance(future.exception(), ActionFailed):
            self._gone(leg_id)

    def dial(self, leg_id: LegId) -> None:
        """Let the customer be called; his half of the channel looks for the word, and once it has it, no more."""
        fields = {"Channel": leg_id, "Variable": f"SHARED({names.SHARED_DIAL})", "Value": "1"}
        self._acts.send("Setvar", fields, _seen, lambda: leg_id in self._calls.channels)

    # ------------------------------------------------------------ what becomes of them

    def watch(self, message: Message) -> None:
        """See what an event means to one."""
        if message.kind == "OriginateResponse":
            self._response(LegId(message.get("ActionID")), message.get("Response"))
            return
        made = self._made.get(LegId(message.get("Uniqueid")))
        if made is not None and message.kind == "Newchannel" and made.is_over:
            self._hang_up(made)  # it was not there yet when it was to go
        elif made is not None and message.kind == "Hangup":
            self._gone(made.leg_id)

    def _response(self, leg_id: LegId, response: str) -> None:
        made = self._made.get(leg_id)
        if made is not None and response == "Failure":
            self._gone(leg_id)
        elif made is not None and not made.is_ready and not made.is_over:
            made.is_ready = True
            self.on_ready(made.order)

    def _gone(self, leg_id: LegId) -> None:
        """There is none, or no more. To an agent who is alerted that is a caller who hung up."""
        made = self._made.pop(leg_id, None)
        if made is not None and not made.is_ready and not made.is_over:
            self._fail(made)

    def _fail(self, made: StandIn) -> None:
        log.warning("stand-in-failed", server=self._server_id, leg=made.leg_id)
        reservation_id = made.order.reservation_id
        self._failing.add(reservation_id)
        self._later(FAILED_PAUSE, lambda: self._tell_failed(reservation_id))

    def _tell_failed(self, reservation_id: ReservationId) -> None:
        if reservation_id in self._failing:
            self._failing.discard(reservation_id)
            self._on_failed(reservation_id)

    def connected(self, leg_id: LegId) -> None:
        """It met its agent: from now on it is a customer's leg like any other."""
        self._made.pop(leg_id, None)

    def alert_ended(self, reservation_id: ReservationId) -> None:
        """Hang up what was made for an alert that is over without a conversation."""
        self._failing.discard(reservation_id)
        for made in self._made.values():
            if made.order.reservation_id == reservation_id:
                self._end(made)

    def _end(self, made: StandIn) -> None:
        made.is_over = True
        self._hang_up(made)

    def _hang_up(self, made: StandIn) -> None:
        fields = {"Channel": made.leg_id, "Cause": "16"}
        self._acts.send("Hangup", fields, _seen, lambda: made.leg_id in self._made)

    def adopt(self, legs: Mapping[LegId, ports.LiveLeg]) -> None:
        """After a gap: what is not there is gone, what is over has to go, and so has what came while nobody heard.

        Its agent cannot be alerted now: who is alerted while a picture is taken is missing in it.
        """
        for made in list(self._made.values()):
            leg = legs.get(made.leg_id)
            if leg is None:
                self._gone(made.leg_id)
            elif leg.peer is not None:
                self.connected(made.leg_id)
            elif made.is_over or not made.is_ready:
                if not made.is_over:
                    self._fail(made)
                self._end(made)


def _seen(future: "asyncio.Future[Message]") -> None:
    """Take the answer of an act whose effect is told by events, so that a refusal is not an unseen exception."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.info("act-refused", error=str(error))
