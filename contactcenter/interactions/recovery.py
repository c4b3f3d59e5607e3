"""Takes up what was going on: open interactions after a restart of ours, the difference after a gap on a PBX's link.

The PBX is the truth for what is up, its own records for what ended meanwhile (also for calls that came and went while
nobody of us was there), our rows for whose call it is and where it stood in line. The same function serves both cases;
``fresh`` interactions are those read from rows, which the router does not know until the PBX's picture came.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from contactcenter.core.database import Database
from contactcenter.core.ids import AgentId, InteractionId, LegId, QueueId, ReservationId, ServerId, VisitId, is_id
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import ports, store
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.model import (
    Direction,
    EndedBy,
    Interaction,
    Outcome,
    Phase,
    Segment,
    Visit,
    VisitEnd,
)
from contactcenter.interactions.outcomes import PBX_RESTARTED, SERVER_AWAY
from contactcenter.interactions.servers import requirement_of
from routing import commands as routing

log = structlog.get_logger(__name__)
_IN_LINE = (Phase.WAITING, Phase.ALERTING)
_WAITING_PLACES = (ports.CallerPlace.HOLD, ports.CallerPlace.FALLBACK, ports.CallerPlace.BRIDGED)
SAME_MOMENT = timedelta(milliseconds=50)  # two legs of one bridge end microseconds to a millisecond apart
A_TURN = 20  # past calls written down in one turn of the loop


@dataclass(frozen=True, slots=True)
class _Ended:
    """Legs that ended in the gap, by their id; and agents' legs that were bridged, by their customer's.

    ``at``: when the PBX was looked at; ``busy``: the endpoints in a conversation then; ``cut_off``: legs that ended
    with the PBX; none of them is in ``legs``, agents' are in ``met``.
    """

    legs: Mapping[LegId, ports.EndedLeg]
    met: Mapping[LegId, ports.EndedLeg]
    at: datetime
    busy: Collection[str]
    cut_off: Mapping[LegId, ports.EndedLeg]


class Recovery:
    """Works on the picture of ``assignments``; called in the event loop only."""

    def __init__(self, assignments: Assignments, database: Database, tasks: TaskSupervisor) -> None:
        self._assignments = assignments
        self._picture = assignments.picture
        self._database = database
        self._tasks = tasks
        self._fresh: set[InteractionId] = set()
        self._talked: set[InteractionId] = set()  # of the fresh ones those who talked when we went
        self.adopted = 0
        self.closed = 0
        self.missed = 0
        self.unconfigured = 0
        self.cut = 0
        assignments.on_resync = self.resynced

    def load(self, connection: Connection, only: Collection[str] | None = None) -> list[Interaction]:
        """Read the open interactions (or ``only`` some) into memory objects; ``take_up`` puts them into the picture."""
        rows = [row for row in store.open_rows(connection) if only is None or row.id in only]
        ids = [row.id for row in rows]
        visits: dict[str, list[Row[Any]]] = {}
        segments: dict[str, list[Row[Any]]] = {}
        for table, found in ((store.visits, visits), (store.segments, segments)):
            for part in store.parts(connection, table, ids):
                found.setdefault(part.interaction_id, []).append(part)
        return [_interaction(row, visits.get(row.id, []), segments.get(row.id, [])) for row in rows]

    def take_up(self, items: Sequence[Interaction]) -> None:
        """Put loaded interactions into the picture; finished calls whose wrap-up runs are given to the router."""
        self._assignments.calling_back.attach(items)
        for item in items:
            self._picture.add(item)
            self._fresh.add(item.interaction_id)
            if item.is_conversation:
                self._talked.add(item.interaction_id)
            self._assignments.lookup(item)
            for segment in item.segments:
                self._picture.reserve(segment.segment_id, item)
            if item.is_over:
                self._assignments.settle(item)  # its last act was an alert that died with us
                continue
            for segment in item.open_segments:
                if segment.ended_at is not None:
                    self._adopt_wrap_up(item, segment)

    def close_unconfigured(self, configured: Collection[ServerId]) -> None:
        """At the start: end what goes on at a PBX that is no longer configured, as nobody will ever tell its end.

        It ends when it was last known of, so that a wait or a talk is not counted as days.
        """
        for item in list(self._picture.interactions.values()):
            if item.server_id in configured or item.phase is Phase.ENDED:
                continue
            log.warning("interaction-of-no-server", interaction=item.interaction_id, server=item.server_id)
            self.unconfigured += 1
            self._fresh.discard(item.interaction_id)
            at, segment = _last_known(item), item.segment
            if item.is_conversation and segment is not None:
                done = (item.interaction_id, segment.agent_id, "none", at)
                self._assignments.end_conversation(
                    item, segment, at, EndedBy.SYSTEM, partial(self._assignments.close_segment, *done)
                )
            self._assignments.customer_left(item, at, 0, "end-unknown")

    def _adopt_wrap_up(self, item: Interaction, segment: Segment) -> None:
        """Let the wrap-up run on; one whose agent is there no more is over."""
        if segment.agent_id in self._picture.agents:
            self._adopt_work(item, segment, routing.Work.WRAP_UP)
        else:
            self._assignments.close_segment(item.interaction_id, segment.agent_id, "timer")

    def resynced(self, fact: ports.Resynced) -> None:
        """Bring picture and router in line with the PBX's whole picture."""
        if fact.is_cut:
            self.cut += 1
            log.error("records-of-the-gap-cut", server=fact.server_id, lost_at=fact.lost_at)
        met = {leg.caller_leg: leg for leg in (*fact.cut_off, *fact.ended) if leg.caller_leg and leg.bridged_at}
        busy = {leg.endpoint for leg in fact.legs if leg.peer is not None and not leg.is_customer}
        cut_off = {leg.leg_id: leg for leg in fact.cut_off}
        ended = _Ended({leg.leg_id: leg for leg in fact.ended}, met, fact.at, busy, cut_off)
        self._hang_up_strays(fact)
        legs = {leg.leg_id: leg for leg in fact.legs}
        for leg in sorted(fact.legs, key=lambda leg: leg.started_at):  # who called first goes on first
            is_caller = leg.is_customer and not is_id(leg.leg_id)  # such an id has a leg that stands in for somebody
            if is_caller and self._picture.find_by_leg(fact.server_id, leg.leg_id) is None:
                self._assignments.call_arrived(_arrival(fact.server_id, leg))
        for item in list(self._picture.interactions.values()):
            if item.server_id != fact.server_id or self._waits_for_call(item, fact, legs):
                continue
            if not self._is_newer(item, fact, ended, legs):
                self._parted_already(item, ended)
                if item.phase is not Phase.ENDED:
                    self._reconcile(item, fact, ended, legs)
        self._take_devices(fact)
        self._look_for_missed(fact.server_id, ended)

    def _waits_for_call(self, item: Interaction, fact: ports.Resynced, legs: Mapping[LegId, ports.LiveLeg]) -> bool:
        """Who is to be called back waits without a leg; one that stood in for him when we went is of no use.

        Unless the agent has answered by now: then he is to be called.
        """
        if item.is_on_line or item.phase not in _IN_LINE:
            return False
        if item.callback is None:  # what came of the promise was written, and of this turn not
            self._assignments.customer_left(item, fact.at, 0, "end-unknown")
            return True
        leg = legs.get(item.leg_id)
        if leg is not None and leg.peer is not None:
            self._bridged(item, leg.peer, legs[leg.peer], fact.at)
        if item.phase in _IN_LINE and item.interaction_id in self._fresh:
            self._fresh.discard(item.interaction_id)
            if leg is not None:
                self._assignments.telephony.hang_up(fact.server_id, leg.leg_id)
            self.adopted += 1
            self._assignments.submit_visit(item)
        self._fresh.discard(item.interaction_id)
        return True

    def _look_for_missed(self, server_id: ServerId, ended: _Ended) -> None:
        """Calls we do not know: most of them are over and written, some came and went while we were away."""
        told = (*ended.legs.values(), *ended.cut_off.values())
        legs = [leg for leg in told if leg.arrival and not self._knows(server_id, leg.leg_id)]
        if legs:
            self._tasks.spawn(f"missed-calls-{server_id}", self._write_missed(server_id, legs, ended))

    def _knows(self, server_id: ServerId, leg_id: LegId) -> bool:
        return self._picture.find_by_leg(server_id, leg_id) is not None

    async def _write_missed(self, server_id: ServerId, legs: Sequence[ports.EndedLeg], ended: _Ended) -> None:
        await self._database.flush()
        leg_ids = [leg.leg_id for leg in legs]
        known = await self._database.read(lambda connection: store.known_legs(connection, server_id, leg_ids))
        missed = [leg for leg in legs if leg.leg_id not in known and not self._knows(server_id, leg.leg_id)]
        for number, leg in enumerate(missed, start=1):
            self._write_past_call(server_id, leg, ended)
            if number % A_TURN == 0:
                await asyncio.sleep(0)

    def _write_past_call(self, server_id: ServerId, leg: ports.EndedLeg, ended: _Ended) -> None:
        assert leg.arrival is not None
        self._assignments.begin(leg.arrival)
        item = self._picture.find_by_leg(server_id, leg.leg_id)
        if item is None:
            return
        self.missed += 1
        self._was_in_line(item, leg)
        self._met_meanwhile(item, ended)
        if leg.leg_id in ended.cut_off:
            self._assignments.customer_left(item, max(leg.at, _last_known(item)), leg.cause, PBX_RESTARTED)
        else:
            self._left(item, leg)

    def _was_in_line(self, item: Interaction, leg: ports.EndedLeg) -> None:
        """He was put into a line before he left, and nobody of us could write that down."""
        place, at = leg.in_line, leg.in_line_at
        if place is not None and at is not None and place.queue_id in self._picture.queues:
            self._assignments.adopt_visit(item, place, max(at, item.arrived_at))

    def _take_devices(self, fact: ports.Resynced) -> None:
        """Last of all: a device that is usable again is given work, and by now only those still there wait."""
        for agent in list(self._picture.agents.values()):
            if agent.device.server_id == fact.server_id:
                usable = fact.devices.get(agent.device.endpoint, False)
                command = routing.SetDevice(agent.agent_id, usable, "" if usable else "unavailable")
                self._assignments.router.submit(command)

    def _hang_up_strays(self, fact: ports.Resynced) -> None:
        """End legs of ours that ring for a reservation nobody holds. What others have on this PBX is theirs."""
        for leg in fact.legs:
            unknown = is_id(leg.leg_id) and self._picture.find_by_reservation(leg.leg_id) is None
            if leg.is_customer and is_id(leg.leg_id) and not self._knows(fact.server_id, leg.leg_id):
                self._assignments.telephony.hang_up(fact.server_id, leg.leg_id)
            rings_far = leg.serves is not None and not leg.is_up and not self._picture.is_wanted(leg.serves)
            is_parked = self._picture.is_parked_for_nobody(leg)
            if is_parked or rings_far or (not leg.is_customer and leg.peer is None and not leg.is_up and unknown):
                self._assignments.telephony.hang_up(fact.server_id, leg.leg_id)

    def _reconcile(
        self,
        item: Interaction,
        fact: ports.Resynced,
        ended: _Ended,
        legs: Mapping[LegId, ports.LiveLeg],
    ) -> None:
        fresh = item.interaction_id in self._fresh
        self._fresh.discard(item.interaction_id)
        leg = legs.get(item.leg_id)
        if fresh and item.is_conversation and item.segment is not None:
            if leg is None and self._has_else(item.segment.agent_id, item, ended):
                parted = _parted(item, ended) or (_unknown_end(item, fact)[0], EndedBy.SYSTEM)
                self._end_past_talk(item, item.segment, parted, ended)
            else:
                self._adopt_work(item, item.segment, routing.Work.HANDLING)
        is_new_in_line = leg is not None and self._put_in_line_meanwhile(item, leg)
        told = ended.legs.get(item.leg_id) or ended.cut_off.get(item.leg_id)
        if told is not None and item.phase is Phase.FLOW and item.visit is None and told.place in _WAITING_PLACES:
            self._was_in_line(item, told)
        self._met_meanwhile(item, ended)
        self._held_meanwhile(item, ended, legs)
        self._agent_left_meanwhile(item, ended)
        if leg is not None:
            self._assignments.calling_back.still_there(item, leg, fact.at)
        elif (gone := ended.legs.get(item.leg_id) or ended.cut_off.get(item.leg_id)) is not None:
            self._assignments.calling_back.ended_unheard(item, gone)
        if leg is not None and leg.peer is not None and self._assignments.transfers.part_again(item, legs[leg.peer]):
            leg = replace(leg, place=ports.CallerPlace.HOLD, peer=None)  # he is on his way there
        if leg is None:
            self._gone(item, fact, ended)
        elif leg.peer is not None:
            self._bridged(item, leg.peer, legs[leg.peer], fact.at)
        else:
            self._unbridged(item, leg, legs, fact.at, unknown_to_router=fresh or is_new_in_line)

    def _is_newer(
        self, item: Interaction, fact: ports.Resynced, ended: _Ended, legs: Mapping[LegId, ports.LiveLeg]
    ) -> bool:
        """He called while the list was on its way: it cannot tell of him, what comes after it will, or an audit."""
        is_told = item.leg_id in legs or item.leg_id in ended.legs or item.interaction_id in self._fresh
        if is_told or fact.asked_at is None or item.segment is not None:
            return False
        earliest = fact.asked_at - ports.CLOCKS_APART
        if fact.pbx_restarted:  # whoever called before its link broke was in its former run
            earliest = max(earliest, fact.lost_at or fact.asked_at)
        return earliest <= item.arrived_at <= fact.at + ports.CLOCKS_APART  # later: a PBX whose clock is wrong

    def _parted_already(self, item: Interaction, ended: _Ended) -> None:
        """A fresh talk that an event ended before the PBX's picture came: the router had not heard of it."""
        talked, segment = item.interaction_id in self._talked, item.segment
        self._talked.discard(item.interaction_id)
        if talked and segment is not None and segment.is_open and segment.ended_at is not None:
            self._wrap_up_past(item, segment, ended)

    def _put_in_line_meanwhile(self, item: Interaction, leg: ports.LiveLeg) -> bool:
        """The process that put him into a line died before it could write that down; his channel remembers it.

        One who is back in a flow left that line, and a queue that is no more has none.
        """
        place, at = leg.in_line, leg.in_line_at
        if item.phase is not Phase.FLOW or place is None or at is None or place.queue_id not in self._picture.queues:
            return False
        known = item.visit is not None and place.visit_id <= item.visit.visit_id  # ids are in order of time
        if known or leg.place not in _WAITING_PLACES:
            return False
        self._assignments.adopt_visit(item, place, max(at, item.arrived_at))
        return True

    def _met_meanwhile(self, item: Interaction, ended: _Ended) -> None:
        """The agent who rang when we went answered, talked and left, all in the gap: his part is not lost."""
        visit = item.visit
        if visit is None or item.alert is not None or item.phase not in _IN_LINE:
            return
        leg = ended.met.get(item.leg_id)
        agent = self._picture.find_by_device(leg.endpoint) if leg else None
        if leg is None or agent is None or leg.bridged_at is None or leg.bridged_at < visit.entered_at:
            return
        self._assignments.router.submit(routing.Withdraw(item.interaction_id))  # after a mere gap: he is in its line
        self._assignments.adopt_talk(item, ReservationId(leg.leg_id), agent.agent_id, leg.bridged_at)
        assert item.segment is not None
        self._end_past_talk(item, item.segment, _parted(item, ended) or (leg.at, EndedBy.SYSTEM), ended)

    def _end_past_talk(
        self, item: Interaction, segment: Segment, parted: tuple[datetime, EndedBy], ended: _Ended
    ) -> None:
        """End a talk that the router was not told of: it came and went, or its agent has another one by now."""
        self._assignments.end_conversation(item, segment, *parted, lambda: self._wrap_up_past(item, segment, ended))

    def _wrap_up_past(self, item: Interaction, segment: Segment, ended: _Ended) -> None:
        """What is left of a past talk's wrap-up is the agent's, unless he has anything else by now."""
        assert segment.ended_at is not None
        queue = self._picture.queues.get(segment.queue_id)
        until = segment.ended_at + timedelta(seconds=queue.wrap_up_time if queue is not None else 0.0)
        if until > ended.at and not self._has_else(segment.agent_id, item, ended):
            segment.wrap_up_until = until
            self._adopt_work(item, segment, routing.Work.WRAP_UP)
        else:
            self._assignments.close_segment(item.interaction_id, segment.agent_id, "none", segment.ended_at)

    def _has_else(self, agent_id: AgentId, but: Interaction, ended: _Ended) -> bool:
        """Whether the agent talks to somebody else now, is rung for him, or has not finished with him."""
        agent = self._picture.agents.get(agent_id)
        if agent is not None and agent.device.endpoint in ended.busy:
            return True
        return any(item is not but and agent_id in item.holders for item in self._picture.interactions.values())

    def _agent_left_meanwhile(self, item: Interaction, ended: _Ended) -> None:
        """The talk ended when the agent's leg did; who hangs up takes the other's leg along in the same moment."""
        parted = _parted(item, ended) if item.is_conversation else None
        if item.segment is not None and parted is not None and parted[1] is EndedBy.AGENT:
            self._assignments.end_conversation(item, item.segment, *parted)

    def _held_meanwhile(self, item: Interaction, ended: _Ended, legs: Mapping[LegId, ports.LiveLeg]) -> None:
        """The agent's leg left the bridge and lived on: the customer was put on hold, and nobody of us heard of it."""
        segment = item.segment
        if item.phase is not Phase.TALKING or segment is None:
            return
        up, over = legs.get(LegId(segment.segment_id)), ended.legs.get(LegId(segment.segment_id))
        parted_at = None
        if up is not None and up.peer is None:
            parted_at = up.parted_at
        elif over is not None and over.parted_at is not None and over.at - over.parted_at > SAME_MOMENT:
            parted_at = over.parted_at
        if parted_at is not None and parted_at > segment.answered_at:
            self._assignments.holds.begin(item, segment, parted_at)

    def _gone(self, item: Interaction, fact: ports.Resynced, ended: _Ended) -> None:
        self.closed += 1
        told = ended.legs.get(item.leg_id)
        if told is not None:
            self._left(item, told)
            return
        at, reason = _unknown_end(item, fact)
        self._assignments.customer_left(item, at, 0, reason)

    def _left(self, item: Interaction, leg: ports.EndedLeg) -> None:
        """He hung up. Without a line of ours, in the PBX's own queue, it was us he did not reach."""
        is_unserved = item.phase is Phase.FLOW and leg.place is ports.CallerPlace.FALLBACK
        self._assignments.customer_left(item, leg.at, leg.cause, SERVER_AWAY if is_unserved else "")

    def _bridged(self, item: Interaction, peer: LegId, agent_leg: ports.LiveLeg, at: datetime) -> None:
        """The customer talks to ``peer``: known, answered in the gap, or not ours to know."""
        segment = item.segment
        if segment is not None and segment.segment_id == ReservationId(peer) and segment.ended_at is None:
            self.adopted += 1
            self._back_from_hold(item, agent_leg, at)
            return
        agent = self._picture.find_by_device(agent_leg.endpoint)
        if segment is not None and segment.ended_at is None and agent and agent.agent_id == segment.agent_id:
            self.adopted += 1  # his nailed leg goes by the reservation's id while it serves it
            self._assignments.telephony.serve(item.server_id, agent_leg.leg_id, segment.segment_id)
            self._back_from_hold(item, agent_leg, at)
            return
        if item.alert is not None and item.alert.reservation_id == ReservationId(peer):
            self._assignments.connected(item, item.alert, _began(agent_leg, item, at))
            return
        if agent is None or item.visit is None or item.phase not in _IN_LINE:
            log.warning("bridged-to-unknown", interaction=item.interaction_id, endpoint=agent_leg.endpoint)
            return
        self.adopted += 1
        self._assignments.adopt_talk(item, ReservationId(peer), agent.agent_id, _began(agent_leg, item, at))
        assert item.segment is not None
        self._adopt_work(item, item.segment, routing.Work.HANDLING)

    def _back_from_hold(self, item: Interaction, agent_leg: ports.LiveLeg, at: datetime) -> None:
        """He was retrieved, and we went before we heard of it."""
        if item.segment is not None and item.segment.held_since is not None:
            since = agent_leg.bridged_at or at
            self._assignments.holds.retrieved(
                item, item.segment.segment_id, since if since > item.segment.held_since else at
            )

    def _unbridged(
        self,
        item: Interaction,
        leg: ports.LiveLeg,
        legs: Mapping[LegId, ports.LiveLeg],
        at: datetime,
        *,
        unknown_to_router: bool,
    ) -> None:
        if item.is_conversation and item.segment is not None:
            if self._is_on_hold(item, item.segment, legs):
                self._keep_on_hold(item, item.segment, leg, at)
                return
            self._assignments.end_conversation(item, item.segment, at, EndedBy.AGENT)
        if item.phase in _IN_LINE:
            self._back_in_line(item, leg, unknown_to_router)
        elif item.phase is Phase.LEAVING:
            self._assignments.telephony.hang_up(item.server_id, item.leg_id)
        elif (
            item.phase is Phase.FLOW
            and not item.in_fallback
            and leg.place in (ports.CallerPlace.HOLD, ports.CallerPlace.FALLBACK)
        ):
            if item.placed_since is None:
                item.waits_since = leg.started_at  # nobody who calls from now on stands in front of him
            self._assignments.telephony.return_to_flow(item.server_id, item.leg_id)

    def _is_on_hold(self, item: Interaction, segment: Segment, legs: Mapping[LegId, ports.LiveLeg]) -> bool:
        """Both are up and apart. A nailed leg is up in any case: of it the row must say so."""
        agent_leg = legs.get(LegId(segment.segment_id))
        agent = self._picture.agents.get(segment.agent_id)
        if agent_leg is None and agent is not None and item.phase is Phase.HELD:
            is_nailed = agent.device.mode is ports.LegMode.NAILED
            of_agent = (one for one in legs.values() if is_nailed and one.endpoint == agent.device.endpoint)
            agent_leg = next(of_agent, None)
            if agent_leg is not None:
                self._assignments.telephony.serve(item.server_id, agent_leg.leg_id, segment.segment_id)
        return agent_leg is not None and agent_leg.is_up and agent_leg.peer is None

    def _keep_on_hold(self, item: Interaction, segment: Segment, leg: ports.LiveLeg, at: datetime) -> None:
        self.adopted += 1
        if item.phase is Phase.TALKING:  # parted, and we went before we heard of it
            self._assignments.holds.begin(item, segment, at)
        if leg.place is ports.CallerPlace.FALLBACK:
            self._assignments.telephony.return_to_hold(item.server_id, item.leg_id)

    def _back_in_line(self, item: Interaction, leg: ports.LiveLeg, unknown_to_router: bool) -> None:
        """A redirect could meet the bridge of a running alert, so with one the caller stays where he is."""
        is_on_his_way = leg.place is ports.CallerPlace.FLOW and not unknown_to_router
        in_place = leg.place is ports.CallerPlace.HOLD or is_on_his_way
        if not in_place and item.alert is None:
            self._assignments.telephony.return_to_hold(item.server_id, item.leg_id)
        if unknown_to_router:
            self.adopted += 1
            self._assignments.submit_visit(item)

    def _adopt_work(self, item: Interaction, segment: Segment, work: routing.Work) -> None:
        until = segment.wrap_up_until or segment.ended_at
        visit = item.visit
        self._assignments.router.submit(
            routing.AdoptWork(
                segment.agent_id,
                item.interaction_id,
                segment.visit_id,
                segment.queue_id,
                state=work,
                until=until.timestamp() if work is routing.Work.WRAP_UP and until else None,
                priority=visit.priority if visit else 0,
                requirement=requirement_of(visit.skills if visit else {}),
                entered_at=visit.entered_at.timestamp() if visit else None,
                vip=item.vip,
                value=item.value,
            )
        )


def _parted(item: Interaction, ended: _Ended) -> tuple[datetime, EndedBy] | None:
    """Return when the talk ended by the legs' records, and by whom; None when neither leg ended."""
    agent = ended.legs.get(LegId(item.segment.segment_id)) if item.segment is not None else None
    customer = ended.legs.get(item.leg_id)
    if agent is not None and (customer is None or customer.at - agent.at > SAME_MOMENT):
        return agent.at, EndedBy.AGENT
    return (customer.at, EndedBy.CUSTOMER) if customer is not None else None


def _unknown_end(item: Interaction, fact: ports.Resynced) -> tuple[datetime, str]:
    """A PBX that died took its calls with it, when its link broke; any other gap may have ended at any moment."""
    if fact.pbx_restarted:
        return max(fact.lost_at, _last_known(item)) if fact.lost_at else fact.at, PBX_RESTARTED
    return fact.at, "end-unknown"


def _last_known(item: Interaction) -> datetime:
    visit, segment = item.visit, item.segment
    told = [visit.entered_at, visit.ended_at] if visit is not None else []
    if segment is not None:
        told += [segment.answered_at + timedelta(seconds=segment.hold_time), segment.held_since, segment.ended_at]
    return max(item.arrived_at, *(at for at in told if at is not None), item.arrived_at)


def _began(agent_leg: ports.LiveLeg, item: Interaction, at: datetime) -> datetime:
    """Return when the conversation on this leg began: as the PBX's records tell it, else now."""
    entered = item.visit.entered_at if item.visit is not None else item.arrived_at
    return max(agent_leg.bridged_at, entered) if agent_leg.bridged_at is not None else at


def _arrival(server_id: ServerId, leg: ports.LiveLeg) -> ports.CallArrived:
    return ports.CallArrived(
        server_id, leg.leg_id, leg.linked_id, leg.caller_number, leg.caller_name, leg.dialed, leg.started_at
    )


def _interaction(row: Row[Any], visits: Sequence[Row[Any]], segments: Sequence[Row[Any]]) -> Interaction:
    phase = Phase(row.phase)
    entered = {visit.id: visit.entered_at for visit in visits}
    parts = [_segment(segment, entered.get(segment.visit_id)) for segment in segments]
    return Interaction(
        interaction_id=InteractionId(row.id),
        server_id=ServerId(row.server_id),
        leg_id=LegId(row.leg_id),
        linked_id=row.linked_id,
        caller_number=row.caller_number,
        caller_name=row.caller_name,
        dialed=row.dialed,
        arrived_at=row.arrived_at,
        phase=Phase.WAITING if phase is Phase.ALERTING else phase,  # the alert died with us
        visit=_visit(visits[-1]) if visits else None,
        segment=parts[-1] if parts else None,
        earlier=parts[:-1],
        choices=tuple(row.choices),
        vip=row.vip,
        person_id=row.person_id,
        ended_at=row.ended_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        end_reason=row.end_reason,
        direction=Direction(row.direction),
    )


def _visit(row: Row[Any]) -> Visit:
    end = VisitEnd(row.end) if row.end else None
    return Visit(
        VisitId(row.id), QueueId(row.queue_id), row.entered_at, row.priority, dict(row.skills), row.ended_at, end
    )


def _segment(row: Row[Any], entered_at: datetime | None) -> Segment:
    return Segment(
        ReservationId(row.id),
        row.agent_id,
        VisitId(row.visit_id),
        QueueId(row.queue_id),
        row.alerted_at,
        row.answered_at,
        row.ended_at,
        EndedBy(row.ended_by) if row.ended_by else None,
        row.wrap_up_until,
        row.wrap_up_ended_at,
        row.extensions,
        disposition=row.disposition,
        note=row.note,
        note_saved_at=row.note_saved_at,
        hold_time=row.hold_time,
        holds=row.holds,
        held_since=row.held_since,
        entered_at=entered_at,
        transferred_to=row.transferred_to,
    )
