"""Blind transfer: an agent sends his customer to a queue and is done with him.

The customer stands in the new line from the moment it is asked, with a new visit of the same interaction, and so he can
be given to the next agent while the PBX is still parting him from the first one, who wraps up meanwhile. What was
written down survives us: after a restart those whom the PBX has not parted yet are parted.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from contactcenter.core.clock import Clock
from contactcenter.core.errors import Conflict
from contactcenter.core.ids import Ids, LegId, ReservationId, VisitId
from contactcenter.interactions import model, ports
from contactcenter.interactions.holds import Tell
from contactcenter.interactions.model import EndedBy, Interaction, Phase, Segment, Step
from contactcenter.queues.limits import Cause
from contactcenter.queues.model import Queue

if TYPE_CHECKING:
    from contactcenter.interactions.assignments import Assignments

_REFUSED: Final = {
    Cause.CLOSED: "queue-closed",
    Cause.FULL: "queue-full",
    Cause.TOO_LONG: "queue-full",  # nobody may wait there at all
    Cause.NOBODY: "queue-unserved",
}


class Transfers:
    """Part of ``assignments``; called in the event loop only. ``refusal`` tells why a queue takes nobody now."""

    def __init__(self, assignments: "Assignments", clock: Clock, ids: Ids, tell: Tell) -> None:
        self._assignments = assignments
        self._clock = clock
        self._ids = ids
        self._tell = tell
        self.refusal: Callable[[Interaction, Queue], Cause | None] = lambda item, queue: None

    def begin(self, item: Interaction, segment: Segment, queue: Queue) -> Callable[[], None]:
        """Put the customer of a conversation, on hold or not, in line there.

        What is returned tells PBX and router, once the news is written: killed before, nothing has happened. Raises
        Conflict when the queue takes nobody.
        """
        cause = self.refusal(item, queue)
        if cause is not None:
            raise Conflict(_REFUSED[cause], {"queue_id": queue.queue_id})
        now, is_held = self._clock.now(), item.phase is Phase.HELD
        segment.transferred_to = queue.queue_id
        item.sent_on = frozenset()  # he waits anew: no rule has sent him out of this wait
        self._assignments.end_conversation(item, segment, now, EndedBy.AGENT, step=Step.TRANSFERRED)
        ids = item.interaction_id, segment.segment_id, segment.agent_id, segment.queue_id
        self._tell(item, model.CustomerTransferred(*ids, queue.queue_id, now))
        place = ports.PlaceInLine(VisitId(self._ids.new()), queue.queue_id, 0, {})
        self._assignments.begin_visit(item, place, now)
        visit = item.visit

        def carry_out() -> None:
            self._part(item, segment, is_held=is_held)  # first: the next agent's leg would be sent after him in vain
            if item.phase is Phase.WAITING and item.visit is visit:  # else he has left meanwhile
                self._assignments.submit_visit(item)

        return carry_out

    def _part(self, item: Interaction, segment: Segment, *, is_held: bool) -> None:
        telephony, leg_id = self._assignments.telephony, LegId(segment.segment_id)
        if is_held:
            telephony.hang_up(item.server_id, leg_id)
        else:
            device = self._assignments.picture.agents[segment.agent_id].device
            telephony.let_wait(item.server_id, item.leg_id, leg_id, device)

    def part_again(self, item: Interaction, agent_leg: ports.LiveLeg) -> bool:
        """Part who shares a bridge still and has been transferred: the PBX had not heard of it. False: he was not.

        A mere hang-up of the agent's leg would end the call of a customer who was called back; but while an alert runs
        nobody is redirected, which could meet its bridge.
        """
        part, telephony = self._part_on(item, agent_leg), self._assignments.telephony
        if part is None:
            return False
        agent = self._assignments.picture.agents.get(part.agent_id)
        if agent is None or item.alert is not None:
            telephony.hang_up(item.server_id, agent_leg.leg_id)
            return True
        if agent_leg.leg_id != LegId(part.segment_id):
            telephony.serve(item.server_id, agent_leg.leg_id, part.segment_id)
        telephony.let_wait(item.server_id, item.leg_id, LegId(part.segment_id), agent.device)
        return True

    def _part_on(self, item: Interaction, agent_leg: ports.LiveLeg) -> Segment | None:
        """Return the part that is over and had this leg.

        A nailed one goes by its own id after a restart: it is the last part's if it met the customer before he came
        into his present line.
        """
        visit, last = item.visit, item.segment
        if item.phase not in (Phase.WAITING, Phase.ALERTING) or visit is None or last is None:
            return None
        known = (one for one in item.segments if one.segment_id == ReservationId(agent_leg.leg_id))
        if (part := next(known, None)) is not None:
            return part
        agent = self._assignments.picture.find_by_device(agent_leg.endpoint)
        is_his = agent is not None and agent.agent_id == last.agent_id and agent.device.mode is ports.LegMode.NAILED
        is_old = agent_leg.bridged_at is not None and agent_leg.bridged_at < visit.entered_at
        return last if is_his and is_old else None
