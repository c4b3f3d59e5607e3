"""The judge: one record per inbound customer call, with every agent's leg alerted for it, from CEL rows alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.oracle import cel
from tests.oracle.channels import Channel, End, fold, shared_times


class Outcome(StrEnum):
    """What became of a customer's call."""

    ANSWERED = "answered"  # stood in one bridge with an agent
    ABANDONED = "abandoned"  # waited or was being offered, left before an agent
    LEFT_IN_IVR = "left-in-ivr"  # ended before any queue
    FAILED = "failed"  # the PBX ended it unanswered, or was restarted before an agent came
    OPEN = "open"  # no agent yet, not ended


class AlertOutcome(StrEnum):
    """What became of one agent's leg. The reading of causes is ITU-T Q.850."""

    CONNECTED = "connected"
    LOST = "lost"  # picked up, never met the caller, who lived on
    CALLER_GONE = "caller-gone"
    NO_ANSWER = "no-answer"  # also a phone that is dead: SIP over UDP tells no difference
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    REVOKED = "revoked"  # taken back while it rang
    FAILED = "failed"
    OPEN = "open"


_BY_CAUSE = {
    0: AlertOutcome.REVOKED,
    16: AlertOutcome.REVOKED,
    17: AlertOutcome.BUSY,
    18: AlertOutcome.NO_ANSWER,
    19: AlertOutcome.NO_ANSWER,
    21: AlertOutcome.REJECTED,
    3: AlertOutcome.UNREACHABLE,
    20: AlertOutcome.UNREACHABLE,
    27: AlertOutcome.UNREACHABLE,
}


_PHONES_OWN = (3, 17, 18, 19, 20, 21, 27)
SAME_MOMENT = 0.05  # seconds; microseconds to a millisecond on an idle machine


@dataclass(frozen=True, slots=True)
class Layout:
    """How the dialplan and the endpoints are named, so that the judge knows customers, agents and the waiting place."""

    inbound_contexts: frozenset[str] = frozenset({"cc-inbound", "cc-ivr"})
    waiting_contexts: frozenset[str] = frozenset({"cc-hold", "cc-fallback"})
    waiting_events: frozenset[str] = frozenset({"CCHold", "CCFallback"})  # CELGenUserEvent at the waiting place's door
    agent_prefix: str = "PJSIP/agent-"


@dataclass(frozen=True, slots=True)
class Alert:
    """One agent's leg, seen from one customer's call. Times in epoch seconds; ``talk_time`` in seconds.

    ``parted_at``: when they last left their bridge, be it for a hold; ``ended_at`` of a leg that serves several calls
    in turn is none of this one's.
    """

    uniqueid: str
    endpoint: str
    started_at: float | None
    picked_up_at: float | None
    connected_at: float | None
    parted_at: float | None
    ended_at: float | None
    cause: int
    outcome: AlertOutcome
    talk_time: float


@dataclass(frozen=True, slots=True)
class Call:
    """One customer's call. Times in epoch seconds, None when it did not happen or is not known.

    ``queued``: certain even when ``queued_at`` is not known. ``answered_at``: first moment in one bridge with an agent.
    ``agent``: endpoint of the first agent connected. ``talk_time``: seconds in a bridge with any agent, overlaps once;
    for a talk cut by Asterisk's restart, up to the last row before it. ``hung_up_by_caller``: Asterisk names the
    caller's own channel as the source.
    """

    linkedid: str
    uniqueid: str
    caller_number: str
    dialed: str
    arrived_at: float
    picked_up_at: float | None
    queued: bool
    queued_at: float | None
    answered_at: float | None
    agent: str
    talk_time: float
    ended_at: float | None
    end: End
    cause: int
    hung_up_by_caller: bool
    outcome: Outcome
    alerts: tuple[Alert, ...]

    @property
    def talks(self) -> tuple[Alert, ...]:
        """The agents he talked to, one after the other: more than one after a transfer."""
        met = [alert for alert in self.alerts if alert.connected_at is not None]
        return tuple(sorted(met, key=lambda alert: alert.connected_at or 0.0))

    @property
    def later_waits(self) -> tuple[float | None, ...]:
        """Seconds he waited after each agent for the next one, and after the last one for the end of his call.

        A wait begins with the end of the agent's leg, up to which a hold lasts; where that one goes on, as it serves
        others too, with their parting. None while it is not over.
        """
        until = [*(alert.connected_at for alert in self.talks[1:]), self.ended_at]
        return tuple(_between(alert, end) for alert, end in zip(self.talks, until, strict=False))

    @property
    def wait_time(self) -> float | None:
        """Seconds from entering the waiting place to the agent or, without one, to the end."""
        until = self.answered_at or self.ended_at
        return None if self.queued_at is None or until is None else until - self.queued_at


def _between(alert: Alert, until: float | None) -> float | None:
    """Seconds from an agent's going until then."""
    is_own_end = alert.ended_at is not None and until is not None and alert.ended_at <= until
    gone_at = alert.ended_at if is_own_end else alert.parted_at
    return None if gone_at is None or until is None else until - gone_at


@dataclass(frozen=True, slots=True)
class Judgement:
    """``calls`` in order of arrival; ``strays``: agent legs that belong to no call, or to more than one by number."""

    calls: tuple[Call, ...]
    strays: tuple[Channel, ...] = field(default=())


def judge_file(path: Path, layout: Layout | None = None, restarts: Sequence[float] = ()) -> Judgement:
    """Judge a whole CEL file."""
    return judge(cel.read(path)[0], layout, restarts)


def judge(rows: Iterable[cel.Row], layout: Layout | None = None, restarts: Sequence[float] = ()) -> Judgement:
    """Judge rows in the order Asterisk wrote them. ``restarts``: times when Asterisk is known to have started anew."""
    layout = layout or Layout()
    channels = fold(rows, restarts)
    customers = [channel for channel in channels.values() if _is_customer(channel, layout)]
    legs = [channel for channel in channels.values() if channel.name.startswith(layout.agent_prefix)]
    now = max((channel.last_seen for channel in channels.values()), default=0.0)
    index = _Index(customers, now)
    legs_of: dict[str, list[Channel]] = defaultdict(list)
    strays = []
    for leg in legs:
        owners = index.owners(leg)
        for uniqueid in owners:
            legs_of[uniqueid].append(leg)
        if not owners:
            strays.append(leg)
    customers.sort(key=lambda customer: customer.started_at or 0.0)
    calls = [_call(customer, legs_of[customer.uniqueid], layout, now) for customer in customers]
    return Judgement(tuple(calls), tuple(strays))


def _is_customer(channel: Channel, layout: Layout) -> bool:
    is_agent = channel.name.startswith(layout.agent_prefix)
    return not is_agent and channel.started_at is not None and channel.start_context in layout.inbound_contexts


# ------------------------------------------------------------------ whose alert a leg was


class _Index:
    """Customers by what an agent's leg may know of them: a shared bridge, their uniqueid, their number."""

    def __init__(self, customers: Sequence[Channel], now: float) -> None:
        self._now = now
        self._by_uniqueid = {customer.uniqueid: customer for customer in customers}
        self._by_bridge: dict[str, list[Channel]] = defaultdict(list)
        self._by_number: dict[str, list[Channel]] = defaultdict(list)
        for customer in customers:
            for bridge_id in {stay.bridge_id for stay in customer.stays}:
                self._by_bridge[bridge_id].append(customer)
            for number in customer.numbers:
                self._by_number[number].append(customer)

    def owners(self, leg: Channel) -> set[str]:
        """Uniqueids of the customers a leg met; for one that met nobody, of the one it was meant for."""
        near = [customer for stay in leg.stays for customer in self._by_bridge[stay.bridge_id]]
        met = {customer.uniqueid for customer in near if shared_times(customer, leg)}
        named = {leg.account} & self._by_uniqueid.keys() or leg.linkedids & self._by_uniqueid.keys()
        return met or named or self._shown(leg)

    def _shown(self, leg: Channel) -> set[str]:
        """The one customer who was there when a leg began that carried his number; nobody when there were two."""
        began = leg.started_at or leg.last_seen
        shown = {
            customer.uniqueid
            for number in leg.numbers
            for customer in self._by_number[number]
            if (customer.started_at or 0.0) <= began <= customer.closes_at(self._now)
        }
        return shown if len(shown) == 1 else set()


# ------------------------------------------------------------------ one call


def _call(customer: Channel, legs: Sequence[Channel], layout: Layout, now: float) -> Call:
    alerts = sorted((_alert(leg, customer, now) for leg in legs), key=_alert_order)
    connected = [alert for alert in alerts if alert.connected_at is not None]
    first = min(connected, key=lambda alert: alert.connected_at or 0.0, default=None)
    queued, queued_at = _queued(customer, layout)
    return Call(
        linkedid=customer.rows[0].linkedid,
        uniqueid=customer.uniqueid,
        caller_number=customer.rows[0].caller_number,
        dialed=customer.exten,
        arrived_at=customer.started_at or 0.0,
        picked_up_at=customer.answered_at,
        queued=queued or bool(alerts),
        queued_at=queued_at,
        answered_at=first.connected_at if first else None,
        agent=first.endpoint if first else "",
        talk_time=_union_length([span for leg in legs for span in shared_times(customer, leg)], now),
        ended_at=customer.ended_at,
        end=customer.end,
        cause=customer.cause,
        hung_up_by_caller=customer.hangup_source == customer.name,
        outcome=_outcome(customer, is_answered=first is not None, is_queued=queued or bool(alerts)),
        alerts=tuple(alerts),
    )


def _queued(customer: Channel, layout: Layout) -> tuple[bool, float | None]:
    """Whether a customer reached the waiting place, and when: events at its door tell the time.

    The door: CELGenUserEvent, music that starts, or the Answer of a caller whom the menu did not pick up.
    """
    inside = [row for row in customer.rows if row.context in layout.waiting_contexts]
    doors = [
        row.time
        for row in customer.rows
        if row.user_event in layout.waiting_events
        or (row.event in (cel.APP_START, cel.ANSWER) and row.context in layout.waiting_contexts)
    ]
    return bool(inside or doors), min(doors, default=None)


def _outcome(customer: Channel, *, is_answered: bool, is_queued: bool) -> Outcome:
    if is_answered:
        return Outcome.ANSWERED
    if customer.end is not End.SEEN:
        return Outcome.OPEN if customer.end is End.OPEN else Outcome.FAILED
    if is_queued:
        return Outcome.ABANDONED
    is_refused = customer.answered_at is None and customer.hangup_source != customer.name
    return Outcome.FAILED if is_refused else Outcome.LEFT_IN_IVR


def _union_length(spans: Sequence[tuple[float, float | None]], now: float) -> float:
    total, reached = 0.0, 0.0
    for since, until in sorted(spans, key=lambda span: span[0]):
        end = now if until is None else until
        total += max(0.0, end - max(since, reached))
        reached = max(reached, end)
    return total


# ------------------------------------------------------------------ one alert


def _alert_order(alert: Alert) -> tuple[float, str]:
    return alert.started_at or 0.0, alert.uniqueid


def _alert(leg: Channel, customer: Channel, now: float) -> Alert:
    spans = shared_times(customer, leg)
    return Alert(
        uniqueid=leg.uniqueid,
        endpoint=leg.endpoint,
        started_at=leg.started_at,
        picked_up_at=leg.answered_at,
        connected_at=spans[0][0] if spans else None,
        parted_at=spans[-1][1] if spans else None,
        ended_at=leg.ended_at,
        cause=leg.cause,
        outcome=AlertOutcome.CONNECTED if spans else _failure(leg, customer),
        talk_time=_union_length(spans, now),
    )


def _failure(leg: Channel, customer: Channel) -> AlertOutcome:
    if leg.ended_at is None:
        return AlertOutcome.OPEN if leg.end is End.OPEN else AlertOutcome.FAILED
    if customer.ended_at is not None and customer.ended_at <= leg.ended_at + _margin(leg, customer):
        return AlertOutcome.CALLER_GONE
    if leg.answered_at is not None:
        return AlertOutcome.LOST
    return _BY_CAUSE.get(leg.cause, AlertOutcome.FAILED)


def _margin(leg: Channel, customer: Channel) -> float:
    """Two legs that end in one moment are written in either order: what tells is who hung up.

    A caller who did takes the agent's leg with him, unless the phone gave a reason of its own. One whom the PBX hung up
    did not leave his agent.
    """
    if customer.hangup_source != customer.name:
        return -SAME_MOMENT
    has_own_reason = leg.answered_at is None and leg.cause in _PHONES_OWN
    return 0.0 if has_own_reason else SAME_MOMENT
