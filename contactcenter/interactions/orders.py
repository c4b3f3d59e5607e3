"""What a flow asks for, as a place in a line of ours."""

from contactcenter.core.errors import NotFound
from contactcenter.core.ids import LegId, ServerId, SkillId, VisitId
from contactcenter.interactions import ports
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import Interaction


def place_of(
    picture: Picture, visit_id: VisitId, server_id: ServerId, leg_id: LegId, order: ports.EnqueueOrder
) -> tuple[Interaction, ports.PlaceInLine]:
    """Return the place a flow asks for. Raises NotFound for an unknown queue or a call that is gone.

    An unknown skill stays unmet, so the call waits and *why* names it.
    """
    item = picture.find_by_leg(server_id, leg_id)
    queue = picture.find_queue(order.queue or (item.sent_from if item is not None else ""))
    if item is None or queue is None:
        raise NotFound("queue-unknown" if queue is None else "interaction-unknown", {"queue": order.queue})
    skills = {str(picture.skills.get(name, SkillId(name))): level for name, level in order.skills.items()}
    priority, choices = order.priority, tuple(order.choices)
    if item.sent_to and item.visit is not None:  # back from where a queue sent him: he asked for this before
        skills = {**item.visit.skills, **skills}
        priority, choices = priority or item.visit.priority, (*item.chosen_before, *choices)
    item.choices = choices
    return item, ports.PlaceInLine(visit_id, queue.queue_id, priority, skills)
