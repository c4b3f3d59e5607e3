"""An interaction and its parts, the table of its phases, and the events it leaves.

Rules: one interaction per call, keyed (server, caller's leg); a voice transfer is the same interaction with a new
visit and segment; a segment's id is its reservation's id is its agent leg's Uniqueid. Pure: no clock, no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contactcenter.core.events import Event, event
from contactcenter.core.ids import (
    AgentId,
    InteractionId,
    LegId,
    PersonId,
    QueueId,
    ReservationId,
    ServerId,
    VisitId,
)
from contactcenter.interactions.callbacks import Callback
from contactcenter.queues.limits import Cause


class Phase(StrEnum):
    """Where an interaction is; in exactly one at any time."""

    FLOW = "flow"  # in a call flow
    WAITING = "waiting"  # in a queue
    ALERTING = "alerting"  # reserved for one agent, whose device rings
    TALKING = "talking"  # connected to an agent
    HELD = "held"  # the agent has put the customer on hold: he hears music, both are on the line
    LEAVING = "leaving"  # the agent has left, the customer is still on the line
    ENDED = "ended"


class Step(StrEnum):
    """What moves an interaction on."""

    ENQUEUED = "enqueued"
    RESERVED = "reserved"
    ALERT_OVER = "alert-over"
    CONNECTED = "connected"
    PUT_ON_HOLD = "put-on-hold"
    PARTED = "parted"
    TRANSFERRED = "transferred"
    FLOW_LEFT = "flow-left"
    CALLER_LEFT = "caller-left"
    FLOWED_OUT = "flowed-out"


class IllegalStep(Exception):
    """A step the table does not know in this phase; nothing was changed."""

    def __init__(self, phase: Phase, step: Step) -> None:
        super().__init__(f"{step} in {phase}")
        self.phase, self.step = phase, step


PHASES: Final[Mapping[tuple[Phase, Step], Phase]] = {
    (Phase.FLOW, Step.ENQUEUED): Phase.WAITING,
    (Phase.FLOW, Step.FLOW_LEFT): Phase.LEAVING,
    (Phase.FLOW, Step.CALLER_LEFT): Phase.ENDED,
    (Phase.WAITING, Step.ENQUEUED): Phase.WAITING,
    (Phase.WAITING, Step.RESERVED): Phase.ALERTING,
    (Phase.WAITING, Step.CALLER_LEFT): Phase.ENDED,
    (Phase.WAITING, Step.FLOWED_OUT): Phase.FLOW,
    (Phase.ALERTING, Step.ALERT_OVER): Phase.WAITING,
    (Phase.ALERTING, Step.CONNECTED): Phase.TALKING,
    (Phase.ALERTING, Step.CALLER_LEFT): Phase.ENDED,
    (Phase.TALKING, Step.PARTED): Phase.LEAVING,
    (Phase.TALKING, Step.CALLER_LEFT): Phase.ENDED,
    (Phase.TALKING, Step.TRANSFERRED): Phase.WAITING,
    (Phase.TALKING, Step.PUT_ON_HOLD): Phase.HELD,
    (Phase.HELD, Step.CONNECTED): Phase.TALKING,
    (Phase.HELD, Step.PARTED): Phase.LEAVING,
    (Phase.HELD, Step.TRANSFERRED): Phase.WAITING,
    (Phase.HELD, Step.CALLER_LEFT): Phase.ENDED,
    (Phase.LEAVING, Step.ENQUEUED): Phase.WAITING,
    (Phase.LEAVING, Step.CALLER_LEFT): Phase.ENDED,
    (Phase.ENDED, Step.ALERT_OVER): Phase.ENDED,
    (Phase.ENDED, Step.PARTED): Phase.ENDED,
    (Phase.ENDED, Step.CALLER_LEFT): Phase.ENDED,
}


class Direction(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    CALLBACK = "callback"  # the customer, who had asked for it, is called


class Outcome(StrEnum):
    """How an interaction ended, from the customer's side."""

    ANSWERED = "answered"  # an agent and the customer were connected
    CALLBACK = "callback"  # he hung up to be called back
    UNREACHED = "unreached"  # he was called back and did not answer
    WITHDRAWN = "withdrawn"  # he is not to be called back any more
    ABANDONED = "abandoned"  # left a queue before an agent answered
    LEFT_IN_FLOW = "left-in-flow"  # hung up in the menu, or the flow ended without a queue
    NO_SERVICE = "no-service"  # nobody is served at the dialed number
    LOST = "lost"  # the PBX went down or the end is not known; ``end_reason`` says which


class EndedBy(StrEnum):
    """Who ended a conversation."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


class VisitEnd(StrEnum):
    """How a visit to a queue ended."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    FLOWED_OUT = "flowed-out"
    WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class Visit:
    """One stay in one queue."""

    visit_id: VisitId
    queue_id: QueueId
    entered_at: datetime
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)
    ended_at: datetime | None = None
    end: VisitEnd | None = None


@dataclass(slots=True)
class Alert:
    """A running reservation: ``why`` is the rendered reason, ready for a screen."""

    reservation_id: ReservationId
    agent_id: AgentId
    visit_id: VisitId
    alerted_at: datetime
    expires_at: datetime
    why: Mapping[str, Any]
    is_rejected: bool = False  # the agent pressed reject; the alert is being taken back


@dataclass(slots=True)
class Segment:
    """The part one agent handles: talk and holds, then wrap-up.

    ``hold_time``: seconds of the holds that are over; ``held_since``: the present one's beginning. ``transferred_to``:
    the queue this agent sent the customer to. ``entered_at``: when the customer had come into the line he was taken
    from.
    """

    segment_id: ReservationId
    agent_id: AgentId
    visit_id: VisitId
    queue_id: QueueId
    alerted_at: datetime
    answered_at: datetime
    ended_at: datetime | None = None
    ended_by: EndedBy | None = None
    wrap_up_until: datetime | None = None
    wrap_up_ended_at: datetime | None = None
    extensions: int = 0
    is_hung_up: bool = False  # the agent ended it on screen; whichever leg then leaves the bridge first
    disposition: str = ""
    note: str = ""
    note_saved_at: datetime | None = None
    hold_time: float = 0.0
    holds: int = 0
    held_since: datetime | None = None
    entered_at: datetime | None = None
    transferred_to: QueueId | None = None

    def hold(self, at: datetime) -> None:
        """A hold begins."""
        self.held_since, self.holds = at, self.holds + 1

    def end_hold(self, at: datetime) -> None:
        """A hold, if there is one, is over."""
        if self.held_since is not None:
            self.hold_time += max(0.0, (at - self.held_since).total_seconds())
            self.held_since = None

    @property
    def talk_time(self) -> float | None:
        """Seconds, without the holds; None until the conversation is over."""
        if self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.answered_at).total_seconds() - self.hold_time)

    @property
    def is_open(self) -> bool:
        """True until the agent's wrap-up is over."""
        return self.wrap_up_ended_at is None


@dataclass(slots=True)
class Interaction:
    """One voice contact. Owned by ``assignments``; nobody else changes it.

    ``segment`` is the present agent's part, or the last one's; ``earlier`` those before it, oldest first: an agent who
    has transferred the customer may still wrap up while he waits, or talks to the next.

    With a ``callback`` it is a turn of that: nobody is on the line until an agent is there, and ``leg_id`` names the
    leg that stands in for the customer, another one for each alert.
    """

    interaction_id: InteractionId
    server_id: ServerId
    leg_id: LegId
    linked_id: str
    caller_number: str
    caller_name: str
    dialed: str
    arrived_at: datetime
    phase: Phase = Phase.FLOW
    visit: Visit | None = None
    alert: Alert | None = None
    segment: Segment | None = None
    earlier: list[Segment] = field(default_factory=list)
    choices: tuple[str, ...] = ()
    vip: bool = False
    person_id: PersonId | None = None
    card: Any = None
    value: float = 0.0  # the customer's yearly value, as the look-up told
    knower: AgentId | None = None  # who last spoke with the customer, not long ago; told by the look-up too
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    end_reason: str = ""
    in_fallback: bool = False  # the flow could not go on; of this run of the server only
    waits_since: datetime | None = None  # in the PBX's own queue, before a flow put him in line; of this run too
    placed_since: datetime | None = None  # when he entered the line a queue's rule sent him out of; of this run too
    sent_to: str = ""  # the flow into which a queue's rule sent him; of this run too
    sent_from: str = ""  # and that queue's id
    sent_on: frozenset[tuple[QueueId, Cause]] = frozenset()  # the rules that did; of this run too
    chosen_before: tuple[str, ...] = ()  # what he had chosen until then
    direction: Direction = Direction.INBOUND
    callback: Callback | None = None
    asks_back: bool = False  # to be called back after he has hung up; of this run too

    def advance(self, step: Step) -> None:
        """Take one step of the table. Raises IllegalStep and changes nothing when the table has no such row."""
        following = PHASES.get((self.phase, step))
        if following is None:
            raise IllegalStep(self.phase, step)
        self.phase = following

    @property
    def is_over(self) -> bool:
        """True when nothing is left to happen: customer gone, no alert running, wrap-up done."""
        return self.phase is Phase.ENDED and self.alert is None and not self.open_segments

    @property
    def segments(self) -> list[Segment]:
        """All parts, oldest first."""
        return [*self.earlier, self.segment] if self.segment is not None else []

    @property
    def open_segments(self) -> list[Segment]:
        """The parts of agents who talk or still wrap up, oldest first."""
        return [one for one in self.segments if one.is_open]

    @property
    def holders(self) -> set[AgentId]:
        """The agents who have it on their screen: alerted, talking or wrapping up."""
        alerted = {self.alert.agent_id} if self.alert is not None else set()
        return alerted | {one.agent_id for one in self.open_segments}

    def part_of(self, agent_id: AgentId | None) -> Segment | None:
        """Return the agent's own open part."""
        return next((one for one in self.open_segments if one.agent_id == agent_id), None)

    def begin_segment(self, segment: Segment) -> None:
        """The next agent's part begins."""
        self.earlier = self.segments
        self.segment = segment

    @property
    def is_on_line(self) -> bool:
        """True when the customer is there; one who is called back is as soon as he has answered."""
        return self.direction is Direction.INBOUND or (
            self.callback is not None and self.callback.reached_at is not None
        )

    @property
    def is_conversation(self) -> bool:
        """True while it is an agent's and a customer's who are both on the line, be he on hold."""
        return self.phase in (Phase.TALKING, Phase.HELD)

    @property
    def waited(self) -> float:
        """Wait time so far ended, seconds: enter queue -> agent answers, alerting included (STYLE)."""
        if self.visit is None or self.visit.ended_at is None:
            return 0.0
        return (self.visit.ended_at - self.visit.entered_at).total_seconds()


# ------------------------------------------------------------------ events


@event("interaction-arrived", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class InteractionArrived(Event):
    """A customer reached us."""

    interaction_id: InteractionId
    medium: str
    server_id: ServerId
    leg_id: LegId
    linked_id: str


@event("interaction-queued", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class InteractionQueued(Event):
    """A visit to a queue began."""

    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    priority: int
    skills: Mapping[str, int]
    entered_at: datetime
    direction: Direction = Direction.INBOUND


@event("reservation-made", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class ReservationMade(Event):
    """An agent is being alerted; ``why`` is the decision's own account."""

    interaction_id: InteractionId
    reservation_id: ReservationId
    agent_id: AgentId
    queue_id: QueueId
    expires_at: datetime
    why: Mapping[str, Any]


@event("reservation-ended", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class ReservationEnded(Event):
    """The alert is over: accepted, rejected, timed_out or rescinded, and why unless accepted."""

    interaction_id: InteractionId
    reservation_id: ReservationId
    agent_id: AgentId
    state: str
    failure: str


@event("agent-connected", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class AgentConnected(Event):
    """Customer and agent can talk since ``answered_at`` (None in older journals: then); wait time in seconds."""

    interaction_id: InteractionId
    visit_id: VisitId
    segment_id: ReservationId
    agent_id: AgentId
    queue_id: QueueId
    wait_time: float
    answered_at: datetime | None = None
    direction: Direction = Direction.INBOUND


@event("conversation-ended", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class ConversationEnded(Event):
    """The conversation is over; talk time, without its holds, and hold time in seconds."""

    interaction_id: InteractionId
    segment_id: ReservationId
    agent_id: AgentId
    talk_time: float
    hold_time: float = 0.0


@event("customer-held", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class CustomerHeld(Event):
    """The agent put the customer on hold at ``held_at``."""

    interaction_id: InteractionId
    segment_id: ReservationId
    agent_id: AgentId
    held_at: datetime


@event("customer-retrieved", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class CustomerRetrieved(Event):
    """The agent talks to the customer again; ``hold_time``: seconds of this hold."""

    interaction_id: InteractionId
    segment_id: ReservationId
    agent_id: AgentId
    hold_time: float


@event("customer-transferred", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class CustomerTransferred(Event):
    """The agent sent the customer to a queue, at ``at``; a new visit begins there."""

    interaction_id: InteractionId
    segment_id: ReservationId
    agent_id: AgentId
    queue_id: QueueId
    to_queue_id: QueueId
    at: datetime


@event("visit-abandoned", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class VisitAbandoned(Event):
    """The customer left a queue at ``left_at`` (None in older journals: then), unanswered; wait time in seconds."""

    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    wait_time: float
    left_at: datetime | None = None


@event("interaction-diverted", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class InteractionDiverted(Event):
    """A queue did not take the caller, or sent him out of line, for ``cause``: to another queue or into a flow.

    ``visit_id`` '' when he had not entered; ``wait_time``: seconds in line so far.
    """

    interaction_id: InteractionId
    queue_id: QueueId
    visit_id: str
    cause: Cause
    to_queue_id: str
    to_flow: str
    wait_time: float
    left_at: datetime


@event("interaction-ended", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class InteractionEnded(Event):
    """The customer is gone."""

    interaction_id: InteractionId
    outcome: Outcome
    reason: str


@event("wrap-up-extended", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class WrapUpExtended(Event):
    """The agent asked for more time."""

    interaction_id: InteractionId
    agent_id: AgentId
    until: datetime


@event("wrap-up-ended", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class WrapUpEnded(Event):
    """The agent is done with this interaction, by himself or by the timer."""

    interaction_id: InteractionId
    agent_id: AgentId
    by: str


@event("disposition-set", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class DispositionSet(Event):
    """The agent named the outcome."""

    interaction_id: InteractionId
    agent_id: AgentId
    disposition: str


@event("note-saved", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class NoteSaved(Event):
    """The agent's note was kept (its text lives in the segment's row)."""

    interaction_id: InteractionId
    agent_id: AgentId


@event("customer-recognised", subject="interaction_id")
@dataclass(frozen=True, slots=True)
class CustomerRecognised(Event):
    """The look-up found who it is, with this confidence (0-100), or an agent chose."""

    interaction_id: InteractionId
    person_id: PersonId
    confidence: int


@event("pbx-link-changed", subject="server_id")
@dataclass(frozen=True, slots=True)
class PbxLinkChanged(Event):
    """The link to a PBX went up or down; ``pbx_started`` is the PBX's own word for when its run began."""

    server_id: ServerId
    up: bool
    reason: str
    pbx_started: str = ""


@event("audit-finding", subject="about")
@dataclass(frozen=True, slots=True)
class AuditFinding(Event):
    """Two audits in a row found what ``code`` says (``audit.Code``) of an interaction or a leg; it was acted on."""

    code: str
    about: str
    server_id: str = ""
    agent_id: str = ""


@event("agent-presence-changed", subject="agent_id")
@dataclass(frozen=True, slots=True)
class AgentPresenceChanged(Event):
    """The router, which owns presence, changed it: chosen by somebody (the actor) or by a rule (no actor)."""

    agent_id: AgentId
    presence: str
    reason: str


# ------------------------------------------------------------ what an interaction says of itself


def queued(item: Interaction) -> InteractionQueued:
    """Return the event of the visit that begins."""
    visit = item.visit
    assert visit is not None
    return InteractionQueued(
        item.interaction_id,
        visit.visit_id,
        visit.queue_id,
        visit.priority,
        visit.skills,
        visit.entered_at,
        item.direction,
    )


def reservation_made(item: Interaction, alert: Alert, queue_id: QueueId) -> ReservationMade:
    """Return the event of the alert that begins."""
    return ReservationMade(
        item.interaction_id, alert.reservation_id, alert.agent_id, queue_id, alert.expires_at, alert.why
    )


def abandoned(item: Interaction, visit: Visit) -> VisitAbandoned:
    """Return the event of a visit the customer gave up."""
    return VisitAbandoned(item.interaction_id, visit.visit_id, visit.queue_id, item.waited, visit.ended_at)
