"""Interactions as the router holds them. Mutated by the engine and ``waiting`` only."""

from typing import TYPE_CHECKING, Any

from contactcenter.core.ids import AgentId, InteractionId, QueueId, VisitId
from routing.commands import AdoptWork, Enqueue, Requirement
from routing.states import ItemState

if TYPE_CHECKING:
    from routing.lines import Kind, Line


class Item:
    """One interaction between Enqueue and the end of its conversation, in exactly one state.

    While it waits: ``needs`` is what is demanded at present, ``delay`` the longest delay of an agent it has behind it,
    ``kind`` its requirement as its queue knows it, ``points`` its priority, ``rank`` its class and key, ``until`` the
    next instant at which any of these changes; it stands as ``entry`` in ``line``, or in the list of the agent it waits
    for (``preferred``). ``agent_id``: who is alerted or handles it.
    """

    __slots__ = (
        "agent_id",
        "delay",
        "due_at",
        "entered_at",
        "entry",
        "interaction_id",
        "kind",
        "line",
        "medium",
        "needs",
        "outbound",
        "points",
        "preferred",
        "priority",
        "queue_id",
        "rank",
        "requirement",
        "state",
        "until",
        "value",
        "vip",
        "visit_id",
    )

    def __init__(self, interaction_id: InteractionId) -> None:
        self.interaction_id = interaction_id
        self.state = ItemState.GONE
        self.visit_id = VisitId("")
        self.queue_id = QueueId("")
        self.medium = ""
        self.priority = 0
        self.requirement = Requirement()
        self.needs = Requirement()
        self.delay = 0.0
        self.entered_at = 0.0
        self.vip = False
        self.due_at: float | None = None
        self.outbound = False
        self.value = 0.0
        self.preferred: AgentId | None = None
        self.points = 0
        self.rank = (0, 0.0)
        self.until: float | None = None
        self.kind: Kind | None = None
        self.line: Line | None = None
        self.entry: tuple[Any, ...] | None = None
        self.agent_id: AgentId | None = None

    def enter(self, command: Enqueue | AdoptWork, now: float) -> None:
        """Take over what the command says; the caller moves it between lines."""
        self.visit_id = command.visit_id
        self.queue_id = command.queue_id
        self.medium = command.medium
        self.priority = command.priority
        self.requirement = command.requirement
        self.kind = None
        self.vip = command.vip
        self.due_at = command.due_at
        self.outbound = command.outbound
        self.value = command.value
        self.entered_at = now if command.entered_at is None else command.entered_at
