"""Agents as the router holds them, and the work given to them. Mutated by the engine only."""

from typing import TYPE_CHECKING, Any

from contactcenter.core.ids import AgentId, InteractionId, QueueId, ReservationId, VisitId
from routing.commands import Presence, RevokeCause, Work
from routing.requirements import Profile
from routing.states import AgentState

if TYPE_CHECKING:
    from routing.items import Item


class Assignment:
    """One interaction given to one agent; in the agent's ``assignments`` as long as ``state`` is not idle.

    ``until`` is the next instant at which something happens by itself: the reservation's deadline, the next repeat of
    an unanswered revoke, the end of the wrap-up; None while handling.
    """

    __slots__ = (
        "agent",
        "attempt",
        "cause",
        "interaction_id",
        "medium",
        "queue_id",
        "reservation_id",
        "since",
        "state",
        "until",
        "visit_id",
    )

    def __init__(
        self,
        agent: "Agent",
        interaction_id: InteractionId,
        visit_id: VisitId,
        queue_id: QueueId,
        medium: str,
        state: Work,
        since: float,
    ) -> None:
        self.agent = agent
        self.interaction_id = interaction_id
        self.visit_id = visit_id
        self.queue_id = queue_id
        self.medium = medium
        self.state = state
        self.since = since
        self.until: float | None = None
        self.reservation_id: ReservationId | None = None
        self.cause: RevokeCause | None = None
        self.attempt = 0


class Agent:
    """One agent: presence, device and work.

    ``load`` is the sum of the shares of his assignments in profile units, without those ``set_aside`` (their number).
    ``reservation`` is the one assignment that is reserved or being revoked. ``own``: the items that wait for him alone.
    ``rank`` and ``slots`` say where he stands among those who could take something, ``condition`` what he is counted as
    (owned by ``free``).
    """

    __slots__ = (
        "assignments",
        "condition",
        "device_reason",
        "device_usable",
        "handled",
        "id",
        "idle_since",
        "load",
        "own",
        "presence",
        "presence_since",
        "profile",
        "rank",
        "reason",
        "reservation",
        "set_aside",
        "slots",
        "state",
    )

    def __init__(self, agent_id: AgentId, profile: Profile) -> None:
        self.id = agent_id
        self.profile = profile
        self.state = AgentState.PRESENT
        self.presence = Presence.OFFLINE
        self.reason = ""
        self.presence_since = 0.0
        self.device_usable = False
        self.device_reason = ""
        self.idle_since = 0.0
        self.handled = 0
        self.load = 0
        self.assignments: dict[InteractionId, Assignment] = {}
        self.reservation: Assignment | None = None
        self.condition = -1
        self.set_aside = 0
        self.own: dict[InteractionId, Item] = {}
        self.rank: tuple[Any, ...] | None = None
        self.slots: tuple[int, ...] = ()


def load_of(agent: Agent) -> int:
    """Return what the work given to the agent adds up to, in units of his profile."""
    given = agent.assignments.values()
    return sum(agent.profile.share_of(one.medium) for one in given if one.state is not Work.SET_ASIDE)
