"""The one process manager: what the router decides becomes alerts, screens and events; what the PBX reports becomes
commands to the router.

It owns the live picture. Everything runs in the event loop, synchronously and in order: a fact or a decision is
handled whole before the next. The Originate goes out before anything else of a decision is done.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog

from contactcenter.core.clock import Clock, from_timestamp
from contactcenter.core.events import Event
from contactcenter.core.ids import (
    AgentId,
    Ids,
    InteractionId,
    LegId,
    PersonId,
    ReservationId,
    ServerId,
    VisitId,
    is_id,
)
from contactcenter.core.images import Image
from contactcenter.core.publisher import Publisher
from contactcenter.interactions import model, outcomes, ports, store
from contactcenter.interactions.agent_states import AgentStates
from contactcenter.interactions.collaborators import Admit, CallingBack, NobodyCallsBack
from contactcenter.interactions.holds import Holds
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import (
    Alert,
    Direction,
    EndedBy,
    IllegalStep,
    Interaction,
    Phase,
    Segment,
    Step,
    Visit,
    VisitEnd,
)
from contactcenter.interactions.orders import place_of
from contactcenter.interactions.servers import Servers, enqueue_of
from contactcenter.interactions.transfers import Transfers
from routing import commands as routing
from routing.why import render

log = structlog.get_logger(__name__)
ENDED_KEPT = 4096  # legs remembered as ended: more than end within any FastAGI request's delay
RING_MARGIN = 2.0  # seconds the PBX rings longer than the reservation lasts: the router's timer rules
_NOT_THE_AGENT = {ports.AlertFailure.CALLER_GONE, ports.AlertFailure.LOST, ports.AlertFailure.SERVER}


class Assignments:
    """Owner of the picture; the router and the telephony are bound after construction (they need it as listener)."""

    def __init__(
        self,
        picture: Picture,
        publisher: Publisher,
        clock: Clock,
        ids: Ids,
        save_presence: ports.SavePresence,
    ) -> None:
        self.picture = picture
        self.router: ports.RouterPort
        self.telephony: ports.Telephony
        self.lookup: Callable[[Interaction], None] = lambda item: None  # reports to ``customer_found``
        self.admit: Admit = lambda item, place: place
        self.calling_back: CallingBack = NobodyCallsBack()
        self.on_resync: Callable[[ports.Resynced], None] = lambda fact: None
        self.on_seen: Callable[[ports.Seen], None] = lambda fact: None
        self.illegal_steps = 0
        self.servers = Servers(picture, publisher, lambda command: self.router.submit(command), self._one_side_gone)
        self.holds = Holds(picture, clock, lambda: self.telephony, self._tell)
        self.transfers = Transfers(self, clock, ids, self._tell)
        self._ended: dict[tuple[ServerId, LegId], None] = {}  # legs that ended lately, oldest first
        self.agent_states = AgentStates(picture, publisher, save_presence)
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._facts: dict[type, Callable[[Any], None]] = {
            ports.CallArrived: self.call_arrived,
            ports.CustomerReached: lambda fact: self.calling_back.reached(fact),
            ports.CustomerMissed: lambda fact: self.calling_back.missed(fact),
            ports.LegRinging: self._leg_ringing,
            ports.LegAnswered: self._leg_answered,
            ports.LegsConnected: self._legs_connected,
            ports.LegsParted: self._legs_parted,
            ports.LegsHeld: self.holds.held,
            ports.LegEnded: self._leg_ended,
            ports.FarLegEnded: self.servers.far_leg_ended,
            ports.AlertEnded: self._alert_ended,
            ports.DeviceChanged: self.servers.device_changed,
            ports.TrunkChanged: self.servers.trunk_changed,
            ports.LinkChanged: self.servers.link_changed,
            ports.Resynced: lambda fact: self.on_resync(fact),
            ports.Seen: lambda fact: self.on_seen(fact),
        }
        self._decisions: dict[type, Callable[[Any], None]] = {
            routing.Reserve: self._reserve,
            routing.Revoke: self._revoke,
            routing.ReservationEnded: self._reservation_ended,
            routing.PresenceChanged: lambda decision: self.agent_states.presence_changed(decision, self.telephony),
            routing.DeviceChanged: lambda decision: self.agent_states.device_changed(decision),
            routing.WorkChanged: self._work_changed,
            routing.WrapUpEnded: self._wrap_up_ended,
        }

    def on_fact(self, fact: ports.Fact) -> None:
        """Take one report of the telephony."""
        self._guarded(self._facts[type(fact)], fact)

    def on_decision(self, decision: routing.Decision) -> None:
        """Take one decision of the router."""
        handler = self._decisions.get(type(decision))
        if handler is not None:
            self._guarded(handler, decision)

    def _guarded(self, handler: Callable[[Any], None], message: Any) -> None:
        try:
            handler(message)
        except IllegalStep as error:
            self.illegal_steps += 1
            log.warning("illegal-step", phase=error.phase, step=error.step, message=type(message).__name__)

    # ------------------------------------------------------------ the flow's side (FlowDesk)

    def call_arrived(self, fact: ports.CallArrived) -> None:
        """Begin an interaction; a second report of the same leg (AMI and AGI race) changes nothing."""
        if (fact.server_id, fact.leg_id) not in self._ended:  # else his FastAGI request was slower than his hang-up
            self.begin(fact)

    def begin(self, fact: ports.CallArrived) -> None:
        """Begin an interaction, also of a call that is known to be over; once for a leg."""
        if self.picture.find_by_leg(fact.server_id, fact.leg_id) is not None:
            return
        item = Interaction(
            interaction_id=InteractionId(self._ids.new()),
            server_id=fact.server_id,
            leg_id=fact.leg_id,
            linked_id=fact.linked_id,
            caller_number=fact.caller_number,
            caller_name=fact.caller_name,
            dialed=fact.dialed,
            arrived_at=fact.at,
        )
        self.picture.add(item)
        self.lookup(item)
        arrived = model.InteractionArrived(item.interaction_id, "voice", item.server_id, item.leg_id, item.linked_id)
        self._tell(item, arrived, rows=[(store.legs, store.customer_leg_row(item))])

    def flow_for(self, server_id: ServerId, leg_id: LegId, dialed: str) -> str | None:
        """Return the flow's name for a caller: where a queue sent him, else by the number he dialed."""
        item = self.picture.find_by_leg(server_id, leg_id)
        return item.sent_to if item is not None and item.sent_to else self.picture.flows.get(dialed)

    def enqueue(
        self, server_id: ServerId, leg_id: LegId, order: ports.EnqueueOrder
    ) -> ports.PlaceInLine | ports.Diverted:
        """Begin a visit, where the queue takes him. Raises NotFound for an unknown queue or a call that is gone."""
        item, wanted = place_of(self.picture, VisitId(self._ids.new()), server_id, leg_id, order)
        place = self.admit(item, wanted)
        if isinstance(place, ports.Diverted):
            return place
        item.advance(Step.ENQUEUED)
        self.calling_back.enqueued(item, place.queue_id)
        kept = filter(None, (item.waits_since, item.placed_since))
        self.begin_visit(item, place, min(kept, default=self._clock.now()))
        item.in_fallback, item.sent_to, item.waits_since = False, "", None
        self.submit_visit(item)
        return place

    def begin_turn(self, item: Interaction, place: ports.PlaceInLine, entered_at: datetime) -> None:
        """Put a customer who is to be called back in line, at the place he left."""
        self.picture.add(item)
        self.lookup(item)
        item.advance(Step.ENQUEUED)
        self.begin_visit(item, place, entered_at)
        self.submit_visit(item)

    def adopt_visit(self, item: Interaction, place: ports.PlaceInLine, at: datetime) -> None:
        """The caller was put into this line at ``at``, and the row of it was lost with the process that did it."""
        item.advance(Step.ENQUEUED)
        self.calling_back.enqueued(item, place.queue_id)
        self.begin_visit(item, place, at)

    def move_on(self, item: Interaction, diverted: model.InteractionDiverted, place: ports.PlaceInLine | None) -> None:
        """A rule sends a waiting caller on: into another line at his place, or (None) out of it into ``sent_to``."""
        visit = item.visit
        assert visit is not None
        item.advance(Step.FLOWED_OUT if place is None else Step.ENQUEUED)
        if place is not None:
            self._tell(item, diverted)
            self.begin_visit(item, place, visit.entered_at, diverted.left_at)
            self.submit_visit(item)
            return
        item.placed_since = visit.entered_at
        self.router.submit(routing.Withdraw(item.interaction_id, routing.WithdrawReason.FLOWED_OUT))
        self._tell(item, diverted, rows=self._leave_queue(item, diverted.left_at))
        self.telephony.return_to_flow(item.server_id, item.leg_id)

    def begin_visit(
        self, item: Interaction, place: ports.PlaceInLine, at: datetime, left_at: datetime | None = None
    ) -> None:
        """He is in this line since ``at``; the one he was in he left then, or at ``left_at``."""
        rows = self._leave_queue(item, left_at or at)
        item.visit = Visit(place.visit_id, place.queue_id, at, place.priority, place.skills)
        self._tell(item, model.queued(item), rows=[*rows, (store.visits, store.visit_row(item, item.visit))])
        self.picture.touch(f"queue:{place.queue_id}")

    def _leave_queue(self, item: Interaction, at: datetime) -> list[Image]:
        """End a visit that still runs because the call goes on to another queue, or back into a flow."""
        visit = item.visit
        if visit is None or visit.ended_at is not None:
            return []
        visit.ended_at, visit.end = at, VisitEnd.FLOWED_OUT
        self.picture.touch(f"queue:{visit.queue_id}")
        return [(store.visits, store.visit_row(item, visit))]

    def submit_visit(self, item: Interaction) -> None:
        """Put the interaction's present visit before the router, at its old place."""
        visit = item.visit
        assert visit is not None
        self.router.submit(enqueue_of(item, visit, self.picture))

    def flow_left(self, server_id: ServerId, leg_id: LegId, exit: ports.FlowExit) -> None:
        """Remember how a flow ended without a queue; the caller's end comes from the PBX."""
        item = self.picture.find_by_leg(server_id, leg_id)
        if item is None:
            return
        if exit is ports.FlowExit.FALLBACK:
            item.in_fallback = True
            return
        item.end_reason = exit.value
        self._guarded(item.advance, Step.FLOW_LEFT)

    def what_next(self, server_id: ServerId, leg_id: LegId) -> str:
        """Tell a caller whose music, fallback or conversation ended: ``hold``, ``ivr``, ``hangup`` or ``stay``.

        One whose flow could not go on would only meet the same fault again; after a restart of ours he may try it.
        """
        item = self.picture.find_by_leg(server_id, leg_id)
        if item is None or item.phase is Phase.FLOW:
            return "stay" if item is not None and item.in_fallback else "ivr"
        waits = item.phase in (Phase.WAITING, Phase.ALERTING) or self.holds.keeps(item)
        return "hold" if waits else "hangup"

    # ------------------------------------------------------------ decisions of the router

    def _reserve(self, decision: routing.Reserve) -> None:
        item = self.picture.interactions[decision.interaction_id]
        agent = self.picture.agents[decision.agent_id]
        now = self._clock.now()
        expires_at = from_timestamp(decision.expires_at)
        item.advance(Step.RESERVED)
        item.alert = Alert(decision.reservation_id, agent.agent_id, decision.visit_id, now, expires_at, why={})
        self.picture.reserve(decision.reservation_id, item)
        call = self.calling_back.call_of(item)
        self.telephony.alert(
            ports.AlertOrder(
                decision.reservation_id,
                agent.device,
                item.leg_id,
                item.caller_number,
                item.caller_name,
                (expires_at - now).total_seconds() + RING_MARGIN,
                item.server_id,
                call,
            )
        )
        item.alert.why = render(decision.why)
        self._tell(item, model.reservation_made(item, item.alert, decision.queue_id))

    def _revoke(self, decision: routing.Revoke) -> None:
        self.telephony.revoke(decision.reservation_id)

    def _reservation_ended(self, decision: routing.ReservationEnded) -> None:
        item = self.picture.interactions.get(decision.interaction_id)
        if item is None:
            return
        alert, item.alert = item.alert, None
        over = model.ReservationEnded(
            item.interaction_id, decision.reservation_id, decision.agent_id, decision.state.value, decision.failure
        )
        rows: list[Image] = []
        if decision.state is not routing.ReservationState.ACCEPTED:
            item.advance(Step.ALERT_OVER)
            if alert is not None:
                rows.append((store.legs, store.alert_leg_row(item, alert, self._clock.now(), decision.failure)))
        self._tell(item, over, rows=rows)
        self.picture.touch(f"agent:{decision.agent_id}")

    def _work_changed(self, decision: routing.WorkChanged) -> None:
        agent = self.picture.agents.get(decision.agent_id)
        if agent is None:
            return
        agent.work, agent.work_since = decision.work.value, from_timestamp(decision.since)
        agent.interaction_id = None if decision.work is routing.Work.IDLE else decision.interaction_id
        agent.until = from_timestamp(decision.until) if decision.until is not None else None
        if decision.work is routing.Work.WRAP_UP:
            self._wrap_up_until(decision.interaction_id, agent.agent_id, agent.until)
        elif decision.work is routing.Work.IDLE:
            self._close_without_wrap_up(decision.interaction_id, agent.agent_id)
        self.picture.touch(f"agent:{agent.agent_id}")

    def _own_segment(self, interaction_id: InteractionId, agent_id: AgentId) -> tuple[Interaction, Segment] | None:
        """Return the agent's own open part of a live interaction; another's is none of his."""
        item = self.picture.interactions.get(interaction_id)
        segment = item.part_of(agent_id) if item is not None else None
        return (item, segment) if item is not None and segment is not None else None

    def _wrap_up_until(self, interaction_id: InteractionId, agent_id: AgentId, until: datetime | None) -> None:
        """Wrap-up began, was extended, or (after a restart) goes on as it was."""
        own = self._own_segment(interaction_id, agent_id)
        if own is None:
            return
        item, segment = own
        before, segment.wrap_up_until = segment.wrap_up_until, until
        if before is None or until is None or until <= before:
            self.picture.touch(f"work:{interaction_id}")
            return
        rows = [(store.segments, store.segment_row(item, segment))]
        self._tell(item, model.WrapUpExtended(interaction_id, agent_id, until), rows=rows)

    def _close_without_wrap_up(self, interaction_id: InteractionId, agent_id: AgentId) -> None:
        own = self._own_segment(interaction_id, agent_id)
        if own is not None and own[1].ended_at is not None and own[1].wrap_up_until is None:
            self.close_segment(interaction_id, agent_id, "none")

    def _wrap_up_ended(self, decision: routing.WrapUpEnded) -> None:
        self.close_segment(decision.interaction_id, decision.agent_id, decision.by)

    def close_segment(
        self, interaction_id: InteractionId, agent_id: AgentId, by: str, at: datetime | None = None
    ) -> None:
        """The agent is done with it (``at`` None: now): by hand, by the timer, or because there is no wrap-up."""
        own = self._own_segment(interaction_id, agent_id)
        if own is None or own[1].ended_at is None:  # he has him again: the part before was closed as this one began
            return
        item, segment = own
        segment.wrap_up_ended_at = at or self._clock.now()
        rows = [(store.segments, store.segment_row(item, segment))]
        self._tell(item, model.WrapUpEnded(interaction_id, agent_id, by), rows=rows)

    # ------------------------------------------------------------ acts of agents on screen

    def reject_on_screen(self, alert: Alert) -> None:
        """The agent refuses: the alert is taken back, and its end counts as his."""
        alert.is_rejected = True
        self.telephony.revoke(alert.reservation_id)

    def hang_up_on_screen(self, item: Interaction, segment: Segment) -> None:
        """The agent ends the conversation: it is he who did, whichever leg then leaves first."""
        segment.is_hung_up = True
        self.telephony.hang_up(item.server_id, LegId(segment.segment_id))

    def extend_wrap_up(self, item: Interaction, segment: Segment, more: float) -> None:
        """Give the agent ``more`` seconds; one extension is used up."""
        segment.extensions += 1
        self.router.submit(routing.ExtendWrapUp(segment.agent_id, item.interaction_id, more))

    def texts_saved(
        self, item: Interaction, segment: Segment, note: str | None, disposition: str | None, at: datetime
    ) -> None:
        """An agent's texts are stored; screens show them. None: that one was not touched."""
        if note is not None:
            segment.note, segment.note_saved_at = note, at
        if disposition is not None:
            segment.disposition = disposition
        self.picture.touch(f"work:{item.interaction_id}")

    # ------------------------------------------------------------ facts of the telephony

    def _leg_ringing(self, fact: ports.LegRinging) -> None:
        item = self.picture.find_by_reservation(fact.leg_id)
        if item is not None:
            self.picture.touch(f"work:{item.interaction_id}")

    def _leg_answered(self, fact: ports.LegAnswered) -> None:
        """Being picked up is not yet being connected: LegsConnected counts."""

    def _legs_connected(self, fact: ports.LegsConnected) -> None:
        item = self.picture.find_by_leg(fact.server_id, fact.caller_leg)
        alert = item.alert if item is not None and item.phase is not Phase.ENDED else None
        if item is not None and self.holds.retrieved(item, ReservationId(fact.agent_leg), fact.at):
            return
        if item is None or alert is None or alert.reservation_id != ReservationId(fact.agent_leg):
            self._connected_unasked(item, fact)
            return
        self.connected(item, alert, fact.at)

    def _connected_unasked(self, item: Interaction | None, fact: ports.LegsConnected) -> None:
        """A leg of ours that nobody waits for any more has the caller: it goes, he stays in line for the right one."""
        log.warning("connected-without-alert", leg=fact.caller_leg, agent_leg=fact.agent_leg)
        if item is not None and item.phase is Phase.ENDED and item.direction is Direction.CALLBACK:
            self.telephony.hang_up(fact.server_id, fact.caller_leg)  # withdrawn as the agent picked up
            self._alert_ended(ports.AlertEnded(ReservationId(fact.agent_leg), ports.AlertFailure.REVOKED, fact.at))
        if item is not None and item.phase in (Phase.WAITING, Phase.ALERTING) and is_id(fact.agent_leg):
            self.telephony.hang_up(fact.server_id, fact.agent_leg)

    def connected(self, item: Interaction, alert: Alert, at: datetime) -> None:
        """Customer and agent share a bridge since ``at``: the visit is answered, a segment begins."""
        item.advance(Step.CONNECTED)
        segment = self._begin_segment(item, alert.reservation_id, alert.agent_id, alert.alerted_at, at)
        self.router.submit(routing.Accept(alert.reservation_id))
        item.alert = None
        self._tell_connected(item, segment)
        self.calling_back.connected(item)

    def adopt_talk(self, item: Interaction, segment_id: ReservationId, agent_id: AgentId, at: datetime) -> None:
        """The two talk already, since before we looked: a segment without an alert of ours."""
        item.phase = Phase.TALKING
        self.picture.reserve(segment_id, item)
        self._tell_connected(item, self._begin_segment(item, segment_id, agent_id, at, at))
        self.calling_back.connected(item)

    def _begin_segment(
        self, item: Interaction, segment_id: ReservationId, agent_id: AgentId, alerted_at: datetime, at: datetime
    ) -> Segment:
        visit = item.visit
        assert visit is not None
        visit.ended_at, visit.end = at, VisitEnd.ANSWERED
        self.close_segment(item.interaction_id, agent_id, "again", at)
        segment = Segment(segment_id, agent_id, visit.visit_id, visit.queue_id, alerted_at, answered_at=at)
        segment.entered_at = visit.entered_at
        item.begin_segment(segment)
        return segment

    def _tell_connected(self, item: Interaction, segment: Segment) -> None:
        visit = item.visit
        assert visit is not None
        ids = (item.interaction_id, visit.visit_id, segment.segment_id, segment.agent_id, visit.queue_id)
        connected = model.AgentConnected(*ids, item.waited, segment.answered_at, item.direction)
        rows = [
            (store.visits, store.visit_row(item, visit)),
            (store.segments, store.segment_row(item, segment)),
            (store.legs, store.agent_leg_row(item, segment)),
        ]
        self._tell(item, connected, rows=rows)
        self.picture.touch(f"queue:{visit.queue_id}")

    def _legs_parted(self, fact: ports.LegsParted) -> None:
        item = self.picture.find_by_leg(fact.server_id, fact.caller_leg)
        if item is None or item.segment is None or item.segment.segment_id != ReservationId(fact.agent_leg):
            return
        if item.segment.ended_at is None:
            by = EndedBy.AGENT if fact.left_first == fact.agent_leg else EndedBy.CUSTOMER
            self.end_conversation(item, item.segment, fact.at, by)

    def end_conversation(
        self,
        item: Interaction,
        segment: Segment,
        at: datetime,
        by: EndedBy,
        past: Callable[[], None] | None = None,
        step: Step = Step.PARTED,
    ) -> None:
        """Customer and agent parted at ``at``; wrap-up begins; ``past`` says how, of a talk the router never had."""
        is_held = item.phase is Phase.HELD
        item.advance(step)
        segment.end_hold(at)
        segment.ended_at, segment.ended_by = at, EndedBy.AGENT if segment.is_hung_up else by
        times = segment.talk_time or 0.0, segment.hold_time
        if past is None:
            self.router.submit(routing.Finish(item.interaction_id, segment.agent_id))
        else:
            past()
        over = model.ConversationEnded(item.interaction_id, segment.segment_id, segment.agent_id, *times)
        rows = [(store.segments, store.segment_row(item, segment)), (store.legs, store.agent_leg_row(item, segment))]
        self._tell(item, over, rows=rows)
        if is_held and step is Step.PARTED:
            self.holds.over(item, segment)

    def _one_side_gone(self, item: Interaction, segment: Segment, at: datetime) -> None:
        self.end_conversation(item, segment, at, EndedBy.SYSTEM)
        self.telephony.hang_up(item.server_id, LegId(segment.segment_id))

    def _leg_ended(self, fact: ports.LegEnded) -> None:
        self._ended[fact.server_id, fact.leg_id] = None
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        item = self.picture.find_by_leg(fact.server_id, fact.leg_id)
        if item is not None:
            if item.is_on_line or item.phase not in (Phase.WAITING, Phase.ALERTING):
                self.customer_left(item, fact.at, fact.cause, fact.reason)  # else it stood in for him
            return
        item = self.picture.find_by_reservation(fact.leg_id)
        if item is not None:
            self._agent_leg_ended(item, fact)

    def _agent_leg_ended(self, item: Interaction, fact: ports.LegEnded) -> None:
        self.picture.release(ReservationId(fact.leg_id))
        segment = next((one for one in item.segments if one.segment_id == ReservationId(fact.leg_id)), None)
        if segment is None:
            return
        if segment.ended_at is None:
            self.end_conversation(item, segment, fact.at, EndedBy.SYSTEM if fact.reason else EndedBy.AGENT)
        leg = {**store.agent_leg_row(item, segment), "ended_at": fact.at, "cause": fact.cause}
        self._tell(item, rows=[(store.segments, store.segment_row(item, segment)), (store.legs, leg)])

    def customer_left(self, item: Interaction, at: datetime, cause: int, reason: str = "") -> None:
        """The customer's leg is gone at ``at``: whatever was going on ends."""
        if item.phase is Phase.ENDED:
            return
        if item.is_conversation and item.segment is not None:
            self.end_conversation(item, item.segment, at, EndedBy.SYSTEM if reason else EndedBy.CUSTOMER)
        reason = reason or outcomes.unserved_reason(item)
        was, outcome = item.phase, outcomes.outcome_of(item, reason, cause)
        item.advance(Step.CALLER_LEFT)
        item.ended_at, item.outcome = at, outcome
        item.end_reason = reason or item.end_reason or (outcome.value if outcome is model.Outcome.NO_SERVICE else "")
        rows: list[Image] = [(store.legs, {**store.customer_leg_row(item), "ended_at": at, "cause": cause})]
        events: list[Event] = []
        if was in (Phase.WAITING, Phase.ALERTING) and item.visit is not None:
            is_his = item.is_on_line
            item.visit.ended_at, item.visit.end = at, VisitEnd.ABANDONED if is_his else VisitEnd.WITHDRAWN
            rows.append((store.visits, store.visit_row(item, item.visit)))
            events += [model.abandoned(item, item.visit)] if is_his else []
            self.router.submit(routing.Withdraw(item.interaction_id))
        if item.segment is not None:
            rows.append((store.segments, store.segment_row(item, item.segment)))
        ended = model.InteractionEnded(item.interaction_id, outcome, item.end_reason)
        self._tell(item, *events, ended, rows=rows)
        if item.visit is not None:
            self.picture.touch(f"queue:{item.visit.queue_id}")
        self.calling_back.left(item)

    def _alert_ended(self, fact: ports.AlertEnded) -> None:
        item = self.picture.find_by_reservation(fact.reservation_id)
        if item is not None and any(one.segment_id == fact.reservation_id for one in item.segments):
            return  # it became a conversation after all
        self.picture.release(fact.reservation_id)
        rejected = item is not None and item.alert is not None and item.alert.is_rejected
        if rejected:
            self.router.submit(routing.Reject(fact.reservation_id, ports.AlertFailure.REJECTED.value))
        elif fact.failure is ports.AlertFailure.REVOKED:
            self.router.submit(routing.RevokeConfirmed(fact.reservation_id))
        else:
            if item is not None and fact.failure is ports.AlertFailure.SERVER:
                self.calling_back.no_stand_in(item)
            blame = fact.failure not in _NOT_THE_AGENT
            self.router.submit(routing.Reject(fact.reservation_id, fact.failure.value, penalise=blame))

    # ------------------------------------------------------------ the customer look-up's side

    def customer_found(
        self,
        item: Interaction,
        card: Any,
        person_id: PersonId | None,
        confidence: int,
        vip: bool,
        *,
        is_news: bool,
        rows: Sequence[Image] = (),
        value: float = 0.0,
        knower: AgentId | None = None,
    ) -> None:
        """The look-up (or an agent's choice) says who it is; ``card`` is what screens show.

        ``rows`` are what belongs to the news, in its commit; ``value`` the customer's yearly one; ``knower`` the agent
        who last spoke with him, not long ago.
        """
        item.card, item.person_id = card, person_id
        ranked = item.vip, item.value, item.knower
        item.vip, item.value, item.knower = item.vip or vip, value, knower
        if ranked != (item.vip, value, knower) and item.phase is Phase.WAITING:
            self.submit_visit(item)  # ranked anew at the same place
        if is_news and person_id is not None:
            self._tell(item, model.CustomerRecognised(item.interaction_id, person_id, confidence), rows=rows)
        self.picture.touch(f"card:{item.interaction_id}")

    # ------------------------------------------------------------ writing

    def _tell(
        self,
        item: Interaction,
        *events: Event,
        rows: Sequence[Image] = (),
    ) -> None:
        images: list[Image] = [(store.interactions, store.interaction_row(item)), *rows]
        self._publisher.announce(*events, images=images)
        self.picture.touch(f"work:{item.interaction_id}")
        self._drop_if_over(item)

    def settle(self, item: Interaction) -> None:
        """Write an interaction as it is; one that is over leaves the picture."""
        self._tell(item)

    def _drop_if_over(self, item: Interaction) -> None:
        if item.is_over and item.interaction_id in self.picture.interactions:
            self.picture.drop(item)
            self.picture.touch(f"work:{item.interaction_id}")
