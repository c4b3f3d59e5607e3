"""Interactions as the router holds them, and the lines they wait in. Mutated by the engine and ``matching`` only."""

from typing import Any

from contactcenter.core.ids import AgentId, InteractionId, QueueId, SkillId, VisitId
from routing.commands import AdoptWork, Enqueue, Requirement
from routing.states import ItemState

LineKey = tuple[QueueId, str, tuple[tuple[SkillId, int], ...]]


class Item:
    """One interaction between Enqueue and the end of its conversation, in exactly one state.

    ``needs`` is the queue's requirement joined with its own; ``entry`` its ranked place in ``line`` while waiting;
    ``agent_id`` the one who is alerted or handles it.
    """

    __slots__ = (
        "agent_id",
        "entered_at",
        "entry",
        "interaction_id",
        "line",
        "medium",
        "needs",
        "priority",
        "queue_id",
        "requirement",
        "state",
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
        self.entered_at = 0.0
        self.vip = False
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
        self.vip = command.vip
        self.entered_at = now if command.entered_at is None else command.entered_at


class Line:
    """Everybody who waits for the same queue, medium and requirement, best first.

    ``waiting`` is a sorted list of entries (static key..., id, Item); ``profiles`` has the bit of every profile that
    meets the requirement, ``free`` the lists of their free agents (shared with the profiles).
    """

    __slots__ = ("bit", "free", "key", "medium", "profiles", "queue_id", "requirement", "waiting")

    def __init__(self, bit: int, key: LineKey) -> None:
        self.bit = bit
        self.key = key
        self.queue_id, self.medium, skills = key
        self.requirement = Requirement(skills)
        self.waiting: list[tuple[Any, ...]] = []
        self.profiles = 0
        self.free: list[list[Any]] = []
