"""What goes into the routing engine and what comes out of it: commands (imperative) and decisions.

Rules: every type is immutable. Commands and decisions are structs, made in a sixth of the time a frozen dataclass takes
and left alone by the collector (none is part of a cycle): the engine makes several per command. Instants are float
epoch seconds, durations float seconds; ids are the rooms' ids; a medium is its word (``voice``, ``chat``...).
Nothing here acts: ``engine`` turns commands into decisions, ``runtime`` carries them. Codes are kebab-case words;
texts for people are made elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from contactcenter.core.ids import AgentId, InteractionId, QueueId, ReservationId, SkillId, TeamId, VisitId

VOICE = "voice"


class Presence(StrEnum):
    """The agent's chosen availability."""

    READY = "ready"
    NOT_READY = "not-ready"
    OFFLINE = "offline"


class Work(StrEnum):
    """What one interaction means to one agent. All but ``idle`` and ``set-aside`` occupy capacity."""

    IDLE = "idle"
    RESERVED = "reserved"  # the alert runs
    REVOKING = "revoking"  # the alert is being taken back; it may still turn out to be answered
    HANDLING = "handling"
    SET_ASIDE = "set-aside"  # interrupted by something that cannot wait; does not count as load
    WRAP_UP = "wrap-up"


class ReservationState(StrEnum):
    """How a reservation ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # the agent or his device refused
    TIMED_OUT = "timed_out"  # nobody answered until the deadline
    RESCINDED = "rescinded"  # taken back for another cause than the deadline


class RevokeCause(StrEnum):
    """Why a running alert has to be taken back."""

    TIMED_OUT = "timed-out"
    CUSTOMER_LEFT = "customer-left"
    FLOWED_OUT = "flowed-out"
    AGENT_LEFT = "agent-left"
    DEVICE_LOST = "device-lost"


class WithdrawReason(StrEnum):
    """Why an interaction leaves the line without an agent."""

    CUSTOMER_LEFT = "customer-left"
    FLOWED_OUT = "flowed-out"


class WorkOrder(StrEnum):
    """In which order a queue's items are served, and how they compete with those of other queues."""

    BALANCED = "balanced"  # the longest queue first
    FIFO = "fifo"
    PRIORITY = "priority"
    AGING = "aging"
    DUE = "due"


class AgentRule(StrEnum):
    """Who of several free agents gets an item."""

    LEAST_FLEXIBLE = "least-flexible"
    LONGEST_IDLE = "longest-idle"
    MOST_SKILLED = "most-skilled"
    FEWEST_HANDLED = "fewest-handled"


Skills = tuple[tuple[SkillId, int], ...]
"""Skills with their least levels (1 or more), in order of the ids."""


class Requirement(NamedTuple):
    """What an item needs of an agent; a tuple, because lines are found by it.

    All of ``skills``; one skill of every group of ``any_of``; one of ``teams``, where empty means any team.
    ``preferred`` skills exclude nobody: who has more of them at their level goes first.
    """

    skills: Skills = ()
    any_of: tuple[Skills, ...] = ()
    teams: tuple[TeamId, ...] = ()
    preferred: Skills = ()


ANYBODY = Requirement()


@dataclass(frozen=True, slots=True)
class RelaxationStep:
    """What an item needs no more once it has waited ``after`` seconds.

    ``levels``: the most that may still be demanded of a skill, 0 drops it; ``teams`` are added to those allowed;
    ``any_team`` lifts that limit.
    """

    after: float
    levels: Skills = ()
    teams: tuple[TeamId, ...] = ()
    any_team: bool = False


@dataclass(frozen=True, slots=True)
class QueueRules:
    """How one queue routes; docs/routing/rules.md says what each does. Times are seconds.

    ``priority`` is added to the item's own (higher goes first), as is what ``value_steps``, (least yearly value of the
    customer, points) in ascending order, give for its value: the last step reached counts. ``ring_time`` limits an
    alert; ``wrap_up_time`` 0 means none; ``requirement`` is joined with the item's own; ``target_time`` is the service
    level's T. ``aging``: seconds a point of priority is worth in that order. ``late_after`` None: real-time items are
    never late. ``weight``: what one waiting item counts in the comparison of ``balanced`` queues. ``interrupts``: media
    that this queue's items may interrupt.
    """

    queue_id: QueueId
    priority: int = 0
    ring_time: float = 20.0
    wrap_up_time: float = 0.0
    requirement: Requirement = ANYBODY
    target_time: float = 20.0
    order: WorkOrder = WorkOrder.BALANCED
    aging: float = 60.0
    late_after: float | None = 60.0
    late_guard: float = 600.0
    weight: float = 1.0
    agent_rule: AgentRule = AgentRule.LEAST_FLEXIBLE
    idle_guard: float = 5.0
    steps: tuple[RelaxationStep, ...] = ()
    preferred_wait: float = 0.0
    vip_reserve: int = 0
    interrupts: frozenset[str] = frozenset()
    value_steps: tuple[tuple[float, int], ...] = ()


class Service(NamedTuple):
    """How an agent serves one queue: lower ``order`` first, and only items that have waited ``delay`` seconds."""

    order: int = 0
    delay: float = 0.0


# ------------------------------------------------------------------ commands: queues


class DefineQueue(Struct, frozen=True, gc=False):
    """Add a queue or change its rules; the waiting ones are ranked anew, running alerts keep their deadline."""

    rules: QueueRules


# ------------------------------------------------------------------ commands: agents


def _one_call() -> Mapping[str, int]:
    return {VOICE: 1}


class AddAgent(Struct, frozen=True, gc=False):
    """An agent signed in (or was there before a restart).

    ``capacity``: how many interactions of a medium fill this agent alone; shares add up over media (one call, or four
    chats; never more than one whole). A medium not named is never given. ``queues``: the queues he serves and how,
    None = every queue whose skills he has. ``idle_since`` and ``presence_since`` None = now. Answered by
    PresenceChanged.
    """

    agent_id: AgentId
    skills: Mapping[SkillId, int] = msgspec.field(default_factory=dict)
    capacity: Mapping[str, int] = msgspec.field(default_factory=_one_call)
    presence: Presence = Presence.NOT_READY
    reason: str = ""
    device_usable: bool = False
    device_reason: str = ""
    handled: int = 0
    idle_since: float | None = None
    presence_since: float | None = None
    queues: Mapping[QueueId, Service] | None = None
    team_id: TeamId | None = None


class UpdateAgent(Struct, frozen=True, gc=False):
    """Change what an agent can do; None keeps a field. Work already given stays."""

    agent_id: AgentId
    skills: Mapping[SkillId, int] | None = None
    capacity: Mapping[str, int] | None = None
    queues: Mapping[QueueId, Service] | None = None
    all_queues: bool = False
    team_id: TeamId | None = None
    no_team: bool = False


class RemoveAgent(Struct, frozen=True, gc=False):
    """An agent signed out: nothing new from now on; a running alert is revoked; gone when the last work ended."""

    agent_id: AgentId


class SetPresence(Struct, frozen=True, gc=False):
    """The agent (or a supervisor) chose. ``offline`` revokes a running alert, ``not-ready`` lets it ring on."""

    agent_id: AgentId
    presence: Presence
    reason: str = ""


class SetDevice(Struct, frozen=True, gc=False):
    """The agent's device became usable or not; a running alert on a lost device is revoked."""

    agent_id: AgentId
    usable: bool
    reason: str = ""


# ------------------------------------------------------------------ commands: interactions


class Enqueue(Struct, frozen=True, gc=False):
    """An interaction enters a queue, or (already waiting) moves to another place.

    ``entered_at`` keeps the place in line when somebody is queued again; None = now. ``due_at``: the instant it is
    promised by, which makes it deferrable; None: it is real-time. ``value``: the customer's yearly value.
    """

    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    medium: str = VOICE
    priority: int = 0
    requirement: Requirement = ANYBODY
    entered_at: float | None = None
    vip: bool = False
    due_at: float | None = None
    outbound: bool = False
    value: float = 0.0
    preferred_agent_id: AgentId | None = None


class Withdraw(Struct, frozen=True, gc=False):
    """The interaction leaves the line: the customer left, or a rule flowed it out. A running alert is revoked.

    Of a customer whom the router does not hold it changes nothing.
    """

    interaction_id: InteractionId
    reason: WithdrawReason = WithdrawReason.CUSTOMER_LEFT


class Accept(Struct, frozen=True, gc=False):
    """The agent answered and is connected. Wins over a revoke that has not been confirmed."""

    reservation_id: ReservationId


class Reject(Struct, frozen=True, gc=False):
    """The alert is over without a conversation: its leg can no longer reach the customer.

    ``penalise`` makes the agent not-ready; the reason follows from ``failure`` (an AlertFailure word).
    """

    reservation_id: ReservationId
    failure: str
    penalise: bool = True


class RevokeConfirmed(Struct, frozen=True, gc=False):
    """The revoked alert can no longer reach the customer: only now may the next agent be alerted."""

    reservation_id: ReservationId


class Finish(Struct, frozen=True, gc=False):
    """The conversation is over; wrap-up begins when the queue has one."""

    interaction_id: InteractionId
    agent_id: AgentId


class EndWrapUp(Struct, frozen=True, gc=False):
    """The agent is done with the work after the conversation."""

    agent_id: AgentId
    interaction_id: InteractionId


class ExtendWrapUp(Struct, frozen=True, gc=False):
    """Move the end of a wrap-up by ``seconds`` (more than 0)."""

    agent_id: AgentId
    interaction_id: InteractionId
    seconds: float


class AdoptWork(Struct, frozen=True, gc=False):
    """Take over work that exists already: after a restart, or a call the router did not give.

    ``state`` is any Work but idle; ``since`` None = now. ``until``: end of the wrap-up, deadline of the reservation,
    next repeat of the revoke. ``reservation_id`` is needed for reserved and revoking, ``cause`` and ``attempt`` for
    revoking; the last fields keep the place in line should the reservation fail. Truth wins over capacity: adopted
    work may exceed it, nothing more is then given.
    """

    agent_id: AgentId
    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    medium: str = VOICE
    state: Work = Work.HANDLING
    since: float | None = None
    until: float | None = None
    reservation_id: ReservationId | None = None
    cause: RevokeCause | None = None
    attempt: int = 1
    priority: int = 0
    requirement: Requirement = ANYBODY
    entered_at: float | None = None
    vip: bool = False
    due_at: float | None = None
    outbound: bool = False
    value: float = 0.0


class Tick(Struct, frozen=True, gc=False):
    """Let everything due by now happen. The engine fires no deadline on any other command."""


Command = (
    DefineQueue
    | AddAgent
    | UpdateAgent
    | RemoveAgent
    | SetPresence
    | SetDevice
    | Enqueue
    | Withdraw
    | Accept
    | Reject
    | RevokeConfirmed
    | Finish
    | EndWrapUp
    | ExtendWrapUp
    | AdoptWork
    | Tick
)


# ------------------------------------------------------------------ decisions


class Why(Struct, frozen=True, gc=False):
    """The raw trace of one choice; ``why.render`` makes it readable. Cheap to keep: shares what it names.

    ``number`` is the command's number in this engine; ``rule`` names the order that ranked ``best`` (the first is the
    chosen one): agents as (id, idle since) when an item chose (``by_item``), items as (id, entered at) when an agent
    became free. ``requirement`` and ``delay`` are the item's at that instant. ``counts`` holds, per skill profile of
    ``book``, how many agents stood in which condition, the chosen one in ``condition``; ``partly``: how many others
    with work had room for it.
    """

    number: int
    at: float
    rule: str
    interaction_id: InteractionId
    agent_id: AgentId
    queue_id: QueueId
    medium: str
    requirement: Requirement
    delay: float
    by_item: bool
    condition: int
    partly: int
    waiting: int
    best: tuple[tuple[str, float], ...]
    counts: tuple[int, ...]
    book: Any


class Queued(Struct, frozen=True, gc=False):
    """The interaction stands in line."""

    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    entered_at: float


class Requeued(Struct, frozen=True, gc=False):
    """Back in line at the old place because ``passed_agent_id`` did not take it."""

    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    entered_at: float
    passed_agent_id: AgentId


class Withdrawn(Struct, frozen=True, gc=False):
    """The visit ended without an agent; follows a Withdraw at once, also while an alert is still being revoked."""

    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    reason: WithdrawReason


class Reserve(Struct, frozen=True, gc=False):
    """Alert this agent for this interaction until ``expires_at``."""

    reservation_id: ReservationId
    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    agent_id: AgentId
    expires_at: float
    why: Why


class Revoke(Struct, frozen=True, gc=False):
    """Take the alert back and answer RevokeConfirmed (or Reject, or Accept when it was answered after all).

    Repeated with the next ``attempt`` while no answer comes; carrying it out must be idempotent. Until the answer the
    agent stays occupied and the interaction is offered to nobody.
    """

    reservation_id: ReservationId
    agent_id: AgentId
    interaction_id: InteractionId
    cause: RevokeCause
    attempt: int = 1


class ReservationEnded(Struct, frozen=True, gc=False):
    """Exactly once per reservation. ``failure`` says why unless accepted (AlertFailure or RevokeCause word)."""

    reservation_id: ReservationId
    interaction_id: InteractionId
    visit_id: VisitId
    agent_id: AgentId
    state: ReservationState
    failure: str = ""


class PresenceChanged(Struct, frozen=True, gc=False):
    """The agent's presence or its reason is now this."""

    agent_id: AgentId
    presence: Presence
    reason: str
    since: float


class DeviceChanged(Struct, frozen=True, gc=False):
    """The router now counts the agent's device as usable or not."""

    agent_id: AgentId
    usable: bool
    reason: str
    since: float


class WorkChanged(Struct, frozen=True, gc=False):
    """What ``interaction_id`` now means to the agent; ``until`` is its deadline (reserved, wrap-up) or None.

    With ``idle`` the interaction named is the one that no longer occupies the agent.
    """

    agent_id: AgentId
    work: Work
    interaction_id: InteractionId
    until: float | None
    since: float


class WrapUpEnded(Struct, frozen=True, gc=False):
    """Wrap-up is over, ``by`` the agent, the timer, or the same interaction coming back to the agent (``again``)."""

    agent_id: AgentId
    interaction_id: InteractionId
    by: str  # agent | timer | again


class AgentRemoved(Struct, frozen=True, gc=False):
    """The engine has forgotten the agent: his last work ended after RemoveAgent."""

    agent_id: AgentId


Decision = (
    Queued
    | Requeued
    | Withdrawn
    | Reserve
    | Revoke
    | ReservationEnded
    | PresenceChanged
    | DeviceChanged
    | WorkChanged
    | WrapUpEnded
    | AgentRemoved
)
