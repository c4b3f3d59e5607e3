"""What the interactions room needs from the edges: a telephony that moves legs, a call session for flows, a router.

Edges implement these protocols; ``contactcenter.bootstrap`` binds them. Facts flow the other way: an edge reports what
happened as one of the fact dataclasses below, in the order in which it happened, to ``on_fact``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import parse_qs, urlencode

from contactcenter.agents.model import PresenceState
from contactcenter.core.database import Transaction
from contactcenter.core.ids import AgentId, LegId, QueueId, ReservationId, ServerId, VisitId
from routing import commands as routing


class LegMode(StrEnum):
    """How an agent's device is reached."""

    RING = "ring"  # one new leg per call; the agent picks up
    AUTO = "auto"  # one new leg per call; the device picks up by itself
    NAILED = "nailed"  # one leg parked for the whole session; alert is a tone, connect moves legs


@dataclass(frozen=True, slots=True)
class Device:
    """Where an agent is reached: ``endpoint`` is the PJSIP endpoint's name, ours, never user text."""

    agent_id: AgentId
    server_id: ServerId
    endpoint: str
    mode: LegMode = LegMode.RING


@dataclass(frozen=True, slots=True)
class CustomerCall:
    """A customer who is to be called: ``number`` is + and digits, ``shown`` the number he sees ('': the trunk's own).

    His phone rings ``ring_time`` seconds at most.
    """

    number: str
    shown: str
    ring_time: float


@dataclass(frozen=True, slots=True)
class AlertOrder:
    """Ring one agent for one waiting caller. ``server_id`` holds the caller; the device may be on another server.

    ``ring_time`` seconds is the PBX's own limit, a little above the reservation's deadline: the router's timer rules.
    ``caller_number`` and ``caller_name`` are data from outside; the adapter makes them safe for the wire.
    ``call``: the customer is not on the line. ``caller_leg`` is then an id of ours, a new one for each alert, and the
    telephony makes a leg with it that stands in for him; the agent is rung as soon as it is there. It is hung up when
    the alert is over without a conversation. One that cannot be made ends the alert (SERVER), after a second's pause.
    """

    reservation_id: ReservationId
    device: Device
    caller_leg: LegId
    caller_number: str
    caller_name: str
    ring_time: float
    server_id: ServerId
    call: CustomerCall | None = None


class DialResult(StrEnum):
    """How a call to a customer ended that he did not answer."""

    NO_ANSWER = "no-answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"  # no such number, or the network could not put it through
    CANCELLED = "cancelled"  # the agent left before


class AlertFailure(StrEnum):
    """Why an alert ended without a conversation."""

    NO_ANSWER = "no-answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"  # dead or unregistered device
    LOST = "lost"  # answered too late: the guard refused the bridge
    CALLER_GONE = "caller-gone"
    REVOKED = "revoked"
    SERVER = "server"  # the caller's PBX, or its way to the agent's, could not be used
    FAILED = "failed"  # anything else the PBX said


# ------------------------------------------------------------------ facts


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A customer's channel appeared in an inbound context; ``leg_id`` is its Uniqueid (= Linkedid of the call)."""

    server_id: ServerId
    leg_id: LegId
    linked_id: str
    caller_number: str
    caller_name: str
    dialed: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerReached:
    """The customer answered the call that ``dial`` asked for; ``leg_id`` is the leg that stands in for him."""

    server_id: ServerId
    leg_id: LegId
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerMissed:
    """He did not answer it. The end of ``leg_id``, the leg that stands in for him, follows."""

    server_id: ServerId
    leg_id: LegId
    result: DialResult
    at: datetime


@dataclass(frozen=True, slots=True)
class LegRinging:
    """An agent's device reports that it rings."""

    server_id: ServerId
    leg_id: LegId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A leg was picked up."""

    server_id: ServerId
    leg_id: LegId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegsConnected:
    """The caller's leg and an agent's leg stand in one bridge: they can talk."""

    server_id: ServerId
    caller_leg: LegId
    agent_leg: LegId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegsParted:
    """The two no longer share a bridge (one may live on); ``left_first`` is the leg that ended the conversation."""

    server_id: ServerId
    caller_leg: LegId
    agent_leg: LegId
    left_first: LegId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegsHeld:
    """The two no longer share a bridge because the agent put the customer on hold: he hears music, both are up."""

    server_id: ServerId
    caller_leg: LegId
    agent_leg: LegId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A leg's channel is gone; ``cause`` is the Q.850 cause code, 0 when unknown.

    ``reason`` is set when the end was not an ordinary hang-up, for example ``pbx-restarted`` or ``end-unknown``.
    """

    server_id: ServerId
    leg_id: LegId
    cause: int
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FarLegEnded:
    """A leg over the trunk ended on the agent's server; the caller's own server tells of it, too, if it can."""

    server_id: ServerId
    reservation_id: ReservationId
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertEnded:
    """An alert is over without a conversation; reported exactly once per ``alert`` that did not connect."""

    reservation_id: ReservationId
    failure: AlertFailure
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """An agent's device became usable or not; ``state`` is the PBX's word for it (e.g. NOT_INUSE, UNAVAILABLE)."""

    server_id: ServerId
    endpoint: str
    usable: bool
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TrunkChanged:
    """The trunk from one PBX to another became usable or not: its callers reach the other's agents by it."""

    server_id: ServerId
    to_server: ServerId
    usable: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link to a PBX came up (after a full picture was taken) or went down; ``reason`` says why.

    ``pbx_started``: the PBX's own word for when it began, which tells its next run from this one.
    """

    server_id: ServerId
    up: bool
    reason: str
    at: datetime
    pbx_started: str = ""


@dataclass(frozen=True, slots=True)
class PlaceInLine:
    """What a caller waits for, as it goes along with his channel: enough to wait on should our own rows be lost.

    ``skills`` are those the flow asked for: skill's id (or the name of one we do not know) -> least level.
    """

    visit_id: VisitId
    queue_id: QueueId
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> str:
        """Return it as one word of letters, digits and ``=&%._~-+``, which no dialplan reads as anything else."""
        skills = [("skill", f"{level} {skill}") for skill, level in self.skills.items()]
        return urlencode([("visit", self.visit_id), ("queue", self.queue_id), ("priority", self.priority), *skills])

    @classmethod
    def decode(cls, text: str) -> "PlaceInLine | None":
        """Read what ``encode`` wrote; None for anything else."""
        try:
            told = parse_qs(text, strict_parsing=True, max_num_fields=100)
            levels = [one.partition(" ") for one in told.get("skill", [])]
            skills = {skill: int(level) for level, _, skill in levels}
            return cls(VisitId(told["visit"][0]), QueueId(told["queue"][0]), int(told["priority"][0]), skills)
        except (ValueError, KeyError):
            return None


class CallerPlace(StrEnum):
    """Where a caller's channel stands in our dialplan."""

    FLOW = "flow"
    HOLD = "hold"
    BRIDGED = "bridged"
    FALLBACK = "fallback"
    STAND_IN = "stand-in"  # no caller: a leg of ours that stands in for a customer who is to be called
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LiveLeg:
    """One channel of the PBX's present picture; ``peer`` is the leg it shares a bridge with, if any.

    ``serves``: it came over the trunk, for this reservation of a caller on another server. ``is_reached``: it stands in
    for a customer, who has answered.
    """

    leg_id: LegId
    linked_id: str
    endpoint: str
    place: CallerPlace
    is_customer: bool
    is_up: bool
    caller_number: str
    caller_name: str
    dialed: str
    peer: LegId | None
    started_at: datetime
    bridged_at: datetime | None = None  # since when in its present bridge, where the PBX's records tell
    in_line: PlaceInLine | None = None  # the last line a customer was put into, where the PBX's records tell
    in_line_at: datetime | None = None
    serves: ReservationId | None = None
    is_reached: bool = False
    parted_at: datetime | None = None  # when it left the last bridge it was in, where the PBX's records tell


@dataclass(frozen=True, slots=True)
class EndedLeg:
    """One channel that ended while nobody listened, as the PBX's own records tell it.

    An agent's also says where it rang, for whose call (``caller_leg``), and since when it was in a bridge, if it was.
    A customer's says how the call began (``arrival``), where the caller stood at last, and what he waited for; that of
    a leg that stands in for one when he answered (``reached_at``), if he did.
    """

    leg_id: LegId
    cause: int
    at: datetime
    endpoint: str = ""
    caller_leg: LegId | None = None
    bridged_at: datetime | None = None
    arrival: CallArrived | None = None
    place: CallerPlace = CallerPlace.OTHER
    in_line: PlaceInLine | None = None
    in_line_at: datetime | None = None
    reached_at: datetime | None = None
    parted_at: datetime | None = None  # when it left the last bridge it was in


CLOCKS_APART: Final = timedelta(seconds=0.25)
"""The PBX's clock and ours, mostly: who called so shortly before the PBX was asked counts as having called after."""


@dataclass(frozen=True, slots=True)
class Resynced:
    """The whole picture of one PBX after a gap: what is up, which devices are usable, what ended meanwhile.

    ``pbx_restarted``: the PBX itself is younger than the gap, so every call from before is over. ``lost_at``: when the
    gap began, also one in which we were not there; None when there was no link before. ``is_cut``: the PBX's records of
    the gap were not read whole, so that calls may be missing in ``ended``. ``asked_at``: who calls from then on may be
    missing in ``legs``, for his FastAGI request may come before the list does; None: nobody is. ``cut_off``: customers'
    legs that its former run took with it, known or not, and those of agents who had met one.
    """

    server_id: ServerId
    legs: Sequence[LiveLeg]
    devices: Mapping[str, bool]
    ended: Sequence[EndedLeg]
    pbx_restarted: bool
    at: datetime
    lost_at: datetime | None = None
    is_cut: bool = False
    asked_at: datetime | None = None
    cut_off: Sequence[EndedLeg] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What is up on one PBX, asked for by ``Telephony.look`` while all is well; told among its events."""

    server_id: ServerId
    legs: Sequence[LiveLeg]
    at: datetime


Fact = (
    CallArrived
    | CustomerReached
    | CustomerMissed
    | LegRinging
    | LegAnswered
    | LegsConnected
    | LegsParted
    | LegsHeld
    | LegEnded
    | FarLegEnded
    | AlertEnded
    | DeviceChanged
    | TrunkChanged
    | LinkChanged
    | Resynced
    | Seen
)
OnFact = Callable[[Fact], None]


# ------------------------------------------------------------------ ports


class RouterPort(Protocol):
    """The router's inbox."""

    def submit(self, command: routing.Command) -> None:
        """Queue one command; its decisions come back to ``on_decision`` before this returns, unless draining."""
        ...


class SavePresence(Protocol):
    """Writes the row that follows the router's decision on an agent's presence."""

    def __call__(self, tx: Transaction, agent_id: AgentId, state: PresenceState, reason: str, since: datetime) -> None:
        """Write it inside the unit of work."""
        ...


class Telephony(Protocol):
    """Moves legs on the PBXs. Every method returns at once; what came of it is reported as a fact.

    Delivery promise: for each ``alert`` exactly one of LegsConnected (with agent_leg == reservation_id, or the nailed
    leg) or AlertEnded follows, also over a lost link (after the resync). No second call is placed because an answer
    was lost.
    """

    def prepare(self, device: Device) -> None:
        """The agent is present: bring a nailed leg up and keep it; DeviceChanged tells when. Other modes: nothing."""
        ...

    def release(self, device: Device) -> None:
        """The agent went offline: let a nailed leg go. Other modes: nothing."""
        ...

    def serve(self, server_id: ServerId, leg_id: LegId, reservation_id: ReservationId) -> None:
        """After a restart: this (nailed) leg serves that reservation; facts name it so from now on."""
        ...

    def alert(self, order: AlertOrder) -> None:
        """Ring the agent's device; on pick-up bridge it to the caller unless revoked by then."""
        ...

    def revoke(self, reservation_id: ReservationId) -> None:
        """Take an alert back. AlertEnded(REVOKED) means: this leg can no longer reach the caller, ring the next."""
        ...

    def connect(self, reservation_id: ReservationId) -> None:
        """The agent accepted on screen: move a nailed leg to its caller; pick a simulated phone up. Else nothing."""
        ...

    def calls_out(self, server_id: ServerId) -> bool:
        """Tell whether customers can be called from this PBX: it has a trunk for that."""
        ...

    def dial(self, server_id: ServerId, leg_id: LegId) -> None:
        """Call the customer for whom ``leg_id`` stands in, whose agent is there. Idempotent: he is called once."""
        ...

    def hold(self, server_id: ServerId, caller_leg: LegId, agent_leg: LegId) -> None:
        """Part the two: music for the caller, silence for the agent. LegsHeld follows, unless they parted before."""
        ...

    def retrieve(self, server_id: ServerId, agent_leg: LegId, device: Device) -> None:
        """Bring the agent back to the caller he put on hold. LegsConnected follows, unless one of them left."""
        ...

    def let_wait(self, server_id: ServerId, caller_leg: LegId, agent_leg: LegId, device: Device) -> None:
        """Part the two for good: the caller asks what comes next, the agent's leg ends (a nailed one is parked)."""
        ...

    def hang_up(self, server_id: ServerId, leg_id: LegId) -> None:
        """End one leg. Idempotent."""
        ...

    def look(self, server_id: ServerId) -> None:
        """Have what is up told as ``Seen``; nothing comes of it while the link is down."""
        ...

    def resync(self, server_id: ServerId) -> None:
        """Have the whole picture taken anew and told as ``Resynced``, as after a gap."""
        ...

    def return_to_flow(self, server_id: ServerId, leg_id: LegId) -> None:
        """Send a caller's leg to the beginning of its flow (it was in none while nobody steered it)."""
        ...

    def return_to_hold(self, server_id: ServerId, leg_id: LegId) -> None:
        """Send a caller's leg to the hold loop (from the fallback queue, or after the agent's device died)."""
        ...


class CallSession(Protocol):
    """One call in the hands of a flow: every method is a round trip to the PBX.

    All raise ``CallEnded`` when the caller hung up and ``Unavailable`` when the PBX went away.
    """

    @property
    def server_id(self) -> ServerId:
        """The PBX that holds the call."""
        ...

    @property
    def leg_id(self) -> LegId:
        """The caller's leg (Uniqueid)."""
        ...

    @property
    def request(self) -> Mapping[str, str]:
        """What the PBX told when the session began: caller_number, caller_name, dialed, language, step (ivr|next)."""
        ...

    async def answer(self) -> None:
        """Pick up, once; a second call does nothing."""
        ...

    async def play(self, prompts: Sequence[str], interrupt_digits: str = "", time_limit: float = 180.0) -> str:
        """Play sound files (names without extension) one after the other; return the interrupting digit or ''.

        ``time_limit``: seconds for each; one that takes longer is taken for a PBX that went away.
        """
        ...

    async def read_digit(self, timeout: float) -> str:
        """Wait up to ``timeout`` seconds for one DTMF digit; '' when none came."""
        ...

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable; ``name`` is ours, ``value`` is made safe for the wire or refused (Invalid)."""
        ...

    async def record(self, name: str, max_time: float, silence: float, finish_digits: str) -> float:
        """Record the caller into file ``name``; return its length in seconds."""
        ...


class CallEnded(Exception):
    """The caller hung up while a flow was running."""


@dataclass(frozen=True, slots=True)
class EnqueueOrder:
    """A flow hands a call to a queue: required skills (name -> least level) come on top of the queue's own."""

    queue: str
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)
    choices: Sequence[str] = ()  # what the caller chose in menus, for the screen


@dataclass(frozen=True, slots=True)
class Diverted:
    """The queue does not take the caller now (its hours, its limits): he goes into this flow instead."""

    flow: str


class FlowExit(StrEnum):
    """How a flow ended without handing its call to a queue."""

    HANG_UP = "hang-up"  # a node of the flow said so
    NO_SERVICE = "no-service"  # nobody is served at the dialed number
    FALLBACK = "fallback"  # the flow could not go on; the PBX's own fallback queue takes the caller


class FlowDesk(Protocol):
    """What a running flow may ask of the interactions room."""

    def call_arrived(self, fact: CallArrived) -> None:
        """Make sure the interaction exists; idempotent per (server, leg), whichever of AMI and AGI comes first."""
        ...

    def enqueue(self, server_id: ServerId, leg_id: LegId, order: EnqueueOrder) -> PlaceInLine | Diverted:
        """Put the call into a queue now, in the same loop turn. Raises NotFound for an unknown queue name."""
        ...

    def flow_for(self, server_id: ServerId, leg_id: LegId, dialed: str) -> str | None:
        """Name of the flow the call goes through: where a queue sent it, else the dialed number's; None: no service."""
        ...

    def what_next(self, server_id: ServerId, leg_id: LegId) -> str:
        """What a caller whose hold music or conversation ended does now: ``hold``, ``ivr``, ``hangup``, or ``stay``."""
        ...

    def flow_left(self, server_id: ServerId, leg_id: LegId, exit: FlowExit) -> None:
        """Tell that the flow ended without a queue. Not sent when the caller hung up: that end comes from the PBX."""
        ...
