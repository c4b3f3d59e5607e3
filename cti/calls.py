"""Pure fold: the PBX's channel events in, facts about calls out.

Keys are (server, Uniqueid), calls are joined by Linkedid; never by channel name, which a masquerade can change. A
channel is a customer's when it first appeared in the inbound context, an agent's when its endpoint carries our prefix.
A customer who is called back is the half of a Local channel that stands in for him; the other half and the leg on
which he is called are nobody's.
The instant of a fact is the event's own Timestamp, so it agrees with the PBX's records.

What does not belong here: alerts and their answers (``cti.alerts``), sending anything (``cti.telephony``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId, ReservationId, ServerId, is_id
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.ami import Message
from cti.caller_names import from_events

_RINGING, _UP = "5", "6"
UNUSABLE: Final = {"UNAVAILABLE", "INVALID", "Unavailable", "Invalid"}
_NOBODY: Final = {"", "<unknown>", "unknown", "anonymous", "Anonymous"}
PLACES: Final = {
    names.INBOUND: ports.CallerPlace.FLOW,
    names.IVR: ports.CallerPlace.FLOW,
    names.HOLD: ports.CallerPlace.HOLD,
    names.JOIN: ports.CallerPlace.HOLD,
    names.FALLBACK: ports.CallerPlace.FALLBACK,
}
_STAND_IN: Final = f"Local/{names.CALLBACK_DIAL}@{names.CALLBACK}-"
_RESULTS: Final = {
    "": ports.DialResult.CANCELLED,
    "CANCEL": ports.DialResult.CANCELLED,
    "BUSY": ports.DialResult.BUSY,
    "NOANSWER": ports.DialResult.NO_ANSWER,
}
"""DIALSTATUS (https://docs.asterisk.org, "Dial"); any other: the call could not be put through."""
_RESULTS_BY_CAUSE: Final = {
    17: ports.DialResult.BUSY,
    21: ports.DialResult.BUSY,  # declined
    18: ports.DialResult.NO_ANSWER,
    19: ports.DialResult.NO_ANSWER,
}
"""Q.850 causes; DIALSTATUS does not tell a call that was declined, or not always the same way."""


@dataclass(slots=True)
class Channel:
    """One channel of the PBX as far as events told."""

    leg_id: LegId
    linked_id: str
    name: str
    is_customer: bool
    bridge_id: str = ""
    is_up: bool = False
    exten: str = ""

    @property
    def endpoint(self) -> str:
        """Return the PJSIP endpoint: ``PJSIP/agent-1001-0000002a`` -> ``agent-1001``."""
        return endpoint_of(self.name)

    @property
    def is_agent(self) -> bool:
        """True for a leg of one of our agents' devices, also for one over the trunk to another server."""
        return self.endpoint.startswith(names.AGENT_PREFIX) or self.is_over_trunk

    @property
    def is_stand_in(self) -> bool:
        """True for a leg that stands in for a customer who is to be called."""
        return is_stand_in(self.name)

    @property
    def is_over_trunk(self) -> bool:
        """True for a leg that we sent to another server; one that comes from there has the PBX's own id."""
        return self.endpoint.startswith(names.TRUNK_PREFIX) and is_id(self.leg_id)

    @property
    def device(self) -> str:
        """Return the endpoint of the phone at the leg's end, be it on another server."""
        return device_of(self.name, self.leg_id, self.exten)


@dataclass(frozen=True, slots=True)
class LegRecord:
    """What the PBX's records tell of a leg that is still up; None for what they do not.

    When it began, when it entered the bridge it entered last, the line it was put into last, and when that was; the
    call that a customer's leg began; where an agent's that entered a bridge rang, and for whose call; when the customer
    answered for whom a leg stands in; when it left the bridge it left last.
    """

    started_at: datetime | None = None
    bridged_at: datetime | None = None
    in_line: ports.PlaceInLine | None = None
    in_line_at: datetime | None = None
    arrival: ports.CallArrived | None = None
    endpoint: str = ""
    caller_leg: LegId | None = None
    reached_at: datetime | None = None
    parted_at: datetime | None = None


def is_stand_in(channel_name: str) -> bool:
    """Tell whether this is the half of a Local channel that stands in for a customer who is to be called."""
    return channel_name.startswith(_STAND_IN) and channel_name.endswith(";1")


def calls_in(channel_name: str, context: str, leg_id: str, linked_id: str) -> bool:
    """Tell whether a channel that appears is a customer's who calls.

    A leg that Dial() made has its endpoint's context, too, but belongs to another channel's call from the start.
    """
    is_dialled = channel_name.startswith("PJSIP/") and leg_id != linked_id
    return context == names.INBOUND and not is_dialled and not endpoint_of(channel_name).startswith(names.AGENT_PREFIX)


def dial_result(status: str, cause: int) -> ports.DialResult:
    """Say how a call that nobody answered ended, out of DIALSTATUS and the Q.850 cause."""
    result = _RESULTS.get(status, ports.DialResult.UNREACHABLE)
    return result if result is ports.DialResult.CANCELLED else _RESULTS_BY_CAUSE.get(cause, result)


def device_of(channel_name: str, leg_id: str, exten: str) -> str:
    """Return the endpoint of the phone at a leg's end: over the trunk ``exten`` names it (see ``dialplan_names``)."""
    endpoint = endpoint_of(channel_name)
    if endpoint.startswith(names.TRUNK_PREFIX) and is_id(leg_id) and exten.isdigit():  # before the answer it is "s"
        return names.AGENT_PREFIX + exten
    return endpoint


def endpoint_of(channel_name: str) -> str:
    """Return the endpoint part of a channel's name, '' when it has none."""
    return channel_name.partition("/")[2].rpartition("-")[0]


class Calls:
    """The fold's state for one PBX: its channels and bridges. Facts come out in the order of the events."""

    def __init__(self, server_id: ServerId) -> None:
        self.server_id = server_id
        self.channels: dict[LegId, Channel] = {}
        self.aliases: dict[LegId, LegId] = {}  # a nailed leg's id -> the reservation it serves now
        self._bridges: dict[str, list[LegId]] = {}
        self._folds: dict[str, Callable[[Message, datetime], Iterator[ports.Fact]]] = {
            "Newchannel": self._new_channel,
            "Newstate": self._new_state,
            "Rename": self._rename,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "Hangup": self._hangup,
            "DeviceStateChange": self._device_state,
            "UserEvent": self._user_event,
        }

    def feed(self, message: Message, now: datetime) -> list[ports.Fact]:
        """Take one event; return what it means, in order (mostly nothing or one fact)."""
        fold = self._folds.get(message.kind)
        if fold is None:
            return []
        return list(fold(message, stamp(message, now)))

    def leg_alias(self, leg_id: LegId) -> LegId:
        """Return the reservation a nailed leg serves now, else the leg's own id."""
        return self.aliases.get(leg_id, leg_id)

    def leg_behind(self, leg_id: LegId) -> LegId:
        """Return the leg that goes by this id: a nailed one by the reservation it serves, any other by its own."""
        return next((leg for leg, served in self.aliases.items() if served == leg_id), leg_id)

    def customer_beside(self, leg_id: LegId) -> LegId | None:
        """Return the customer who shares a bridge with this leg, if any."""
        channel = self.channels.get(leg_id)
        inside = self._bridges.get(channel.bridge_id, []) if channel is not None else []
        return next((leg for leg in inside if self.channels[leg].is_customer), None)

    # ------------------------------------------------------------ events

    def _new_channel(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        leg_id = LegId(message.get("Uniqueid"))
        name = message.get("Channel")
        inbound = calls_in(name, message.get("Context"), leg_id, message.get("Linkedid"))
        is_customer = inbound or is_stand_in(name)
        channel = Channel(leg_id, message.get("Linkedid"), name, is_customer, is_up=message.get("ChannelState") == _UP)
        self.channels[leg_id] = channel
        if inbound:
            yield ports.CallArrived(
                self.server_id,
                leg_id,
                channel.linked_id,
                known(message.get("CallerIDNum")),
                known(from_events(message.get("CallerIDName"))),
                message.get("Exten"),
                at,
            )

    def _new_state(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        channel = self.channels.get(LegId(message.get("Uniqueid")))
        if channel is None:
            return
        state = message.get("ChannelState")
        if state == _RINGING and channel.is_agent:
            yield ports.LegRinging(self.server_id, self.leg_alias(channel.leg_id), at)
        elif state == _UP and not channel.is_up:
            channel.is_up = True
            yield ports.LegAnswered(self.server_id, self.leg_alias(channel.leg_id), at)

    def _rename(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        channel = self.channels.get(LegId(message.get("Uniqueid")))
        if channel is not None:
            channel.name = message.get("Newname")
        return iter(())

    def _bridge_enter(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        # A channel whose first event was lost would lose its conversation with it.
        channel = self.channels.get(LegId(message.get("Uniqueid"))) or self._take_up(message)
        bridge_id = message.get("BridgeUniqueid")
        if channel.bridge_id != bridge_id:
            yield from self._left(channel, at)  # should its BridgeLeave have been lost
        inside = self._bridges.setdefault(bridge_id, [])
        peers = [self.channels[leg] for leg in inside if leg != channel.leg_id]
        if channel.leg_id not in inside:
            inside.append(channel.leg_id)
        channel.bridge_id = bridge_id
        for customer, agent in _pairs(channel, peers):
            agent_leg = self.leg_alias(agent.leg_id)
            yield ports.LegsConnected(self.server_id, customer.leg_id, agent_leg, at)

    def _bridge_leave(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        channel = self.channels.get(LegId(message.get("Uniqueid")))
        if channel is not None:
            yield from self._left(channel, at)

    def _left(self, channel: Channel, at: datetime) -> Iterator[ports.Fact]:
        inside = self._bridges.get(channel.bridge_id, [])
        if channel.leg_id not in inside:
            return
        inside.remove(channel.leg_id)
        if not inside:
            self._bridges.pop(channel.bridge_id, None)
        channel.bridge_id = ""
        for customer, agent in _pairs(channel, [self.channels[leg] for leg in inside]):
            left_first = self.leg_alias(channel.leg_id)
            agent_leg = self.leg_alias(agent.leg_id)
            yield ports.LegsParted(self.server_id, customer.leg_id, agent_leg, left_first, at)

    def _hangup(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        leg_id = LegId(message.get("Uniqueid"))
        channel = self.channels.get(leg_id)
        if channel is not None:
            yield from self._left(channel, at)  # should its BridgeLeave have been lost
            del self.channels[leg_id]
            if (served := _served(channel, message)) is not None:
                yield ports.FarLegEnded(self.server_id, served, at)
        yield ports.LegEnded(self.server_id, leg_id, number(message.get("Cause")), at)

    def forget_bridges(self) -> None:
        """The link is lost: whoever hangs up after it has not left the conversation he was in before."""
        self._bridges.clear()
        for channel in self.channels.values():
            channel.bridge_id = ""

    def _device_state(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        technology, _, endpoint = message.get("Device").partition("/")
        if technology == "PJSIP" and endpoint.startswith(names.AGENT_PREFIX):
            yield self.device(endpoint, message.get("State"), at)

    def _user_event(self, message: Message, at: datetime) -> Iterator[ports.Fact]:
        name, leg_id = message.get("UserEvent"), LegId(message.get("Leg"))
        if name == names.EVENT_REACHED:
            yield ports.CustomerReached(self.server_id, leg_id, at)
        elif name == names.EVENT_MISSED:
            result = dial_result(message.get("Status"), number(message.get("Cause")))
            yield ports.CustomerMissed(self.server_id, leg_id, result, at)

    def device(self, endpoint: str, state: str, at: datetime) -> ports.DeviceChanged:
        """Return the fact for a device in ``state``; a call of ours on it does not make it unusable."""
        return ports.DeviceChanged(self.server_id, endpoint, state not in UNUSABLE, state, at)

    # ------------------------------------------------------------ the whole picture

    def adopt(
        self, shown: Iterable[Message], now: datetime, records: Mapping[LegId, LegRecord] | None = None
    ) -> list[ports.LiveLeg]:
        """Replace all state by what CoreShowChannels listed; return the legs with the peer each is bridged to.

        ``records`` tell instants to the microsecond; the list tells a leg's age in whole seconds.
        """
        self.channels.clear()
        self._bridges.clear()
        rows = list(shown)
        for row in rows:
            self._adopt_channel(row)
        return [self._live_leg(row, now, (records or {}).get(LegId(row.get("Uniqueid")), LegRecord())) for row in rows]

    def shown(self, rows: Iterable[Message], now: datetime) -> list[ports.LiveLeg]:
        """Return the legs CoreShowChannels listed without taking them for ours."""
        other = Calls(self.server_id)
        other.aliases = self.aliases
        return other.adopt(rows, now)

    def _adopt_channel(self, row: Message) -> None:
        channel = self._take_up(row)
        channel.bridge_id = row.get("BridgeId")
        if channel.bridge_id:
            self._bridges.setdefault(channel.bridge_id, []).append(channel.leg_id)

    def _take_up(self, row: Message) -> Channel:
        """Take up a channel that is there already, from any message that shows it."""
        leg_id, name = LegId(row.get("Uniqueid")), row.get("Channel")
        is_callers = row.get("Context") in {*PLACES, names.CONFERENCE} and not _is_dialled(row)
        is_customer = is_stand_in(name) or (is_callers and not endpoint_of(name).startswith(names.AGENT_PREFIX))
        is_up = row.get("ChannelState") == _UP
        channel = Channel(leg_id, row.get("Linkedid"), name, is_customer, is_up=is_up, exten=row.get("Exten"))
        self.channels[leg_id] = channel
        return channel

    def _live_leg(self, row: Message, now: datetime, record: LegRecord) -> ports.LiveLeg:
        channel = self.channels[LegId(row.get("Uniqueid"))]
        inside = [self.channels[leg] for leg in self._bridges.get(channel.bridge_id, []) if leg != channel.leg_id]
        peer = next((self.leg_alias(other.leg_id) for other in inside if other.is_agent != channel.is_agent), None)
        return ports.LiveLeg(
            leg_id=self.leg_alias(channel.leg_id),
            linked_id=channel.linked_id,
            endpoint=channel.device,
            place=ports.CallerPlace.BRIDGED if peer else place_of(channel.name, row.get("Context")),
            is_customer=channel.is_customer,
            is_up=channel.is_up,
            caller_number=known(row.get("CallerIDNum")),
            caller_name=known(from_events(row.get("CallerIDName"))),
            dialed=row.get("Exten"),
            peer=peer,
            started_at=record.started_at or now - _duration(row.get("Duration")),
            bridged_at=record.bridged_at if channel.bridge_id else None,
            in_line=record.in_line,
            in_line_at=record.in_line_at,
            serves=_served(channel, row),
            is_reached=channel.is_stand_in and (record.reached_at is not None or self._talks(channel.leg_id)),
            parted_at=record.parted_at if not channel.bridge_id else None,
        )

    def _talks(self, stand_in: LegId) -> bool:
        """Whether the other half of a stand-in is in a bridge: with nobody but the customer."""
        other = self.channels.get(LegId(names.dialling_half(stand_in)))
        return other is not None and bool(other.bridge_id)


def place_of(channel_name: str, context: str) -> ports.CallerPlace:
    """Return where a leg that shares no bridge with an agent stands."""
    if is_stand_in(channel_name):
        return ports.CallerPlace.STAND_IN
    return PLACES.get(context, ports.CallerPlace.OTHER)


def _is_dialled(row: Message) -> bool:
    """Whether Dial() made this channel; a caller is in no bridge while he stands in the context he came into."""
    is_bridged_at_once = row.kind == "BridgeEnter" and row.get("Context") == names.INBOUND
    return is_bridged_at_once or row.get("Application") == names.DIALLED_APPLICATION


def _pairs(channel: Channel, peers: Iterable[Channel]) -> Iterator[tuple[Channel, Channel]]:
    """Yield (customer, agent) for every pair that ``channel`` forms with a peer."""
    for peer in peers:
        if channel.is_customer and peer.is_agent:
            yield channel, peer
        elif channel.is_agent and peer.is_customer:
            yield peer, channel


def _served(channel: Channel, message: Message) -> ReservationId | None:
    """Return the reservation for which a channel came here over the trunk (cc-server sets it), if it did."""
    account = message.get("AccountCode")
    is_far = channel.endpoint.startswith(names.TRUNK_PREFIX) and not channel.is_over_trunk
    return ReservationId(account) if is_far and is_id(account) else None


def stamp(message: Message, now: datetime) -> datetime:
    """Return the event's own Timestamp, or ``now`` when it has none."""
    try:
        return from_timestamp(float(message.get("Timestamp")))
    except (ValueError, OverflowError, OSError):
        return now


def number(text: str) -> int:
    """Read a header that should hold a number; 0 when it does not."""
    return int(text) if text.isascii() and text.isdigit() else 0


def known(value: str) -> str:
    """Return a number or name as it was told, '' when the PBX only says that there is none."""
    return "" if value in _NOBODY else value


def _duration(text: str) -> timedelta:
    """Read CoreShowChannels' ``hh:mm:ss``."""
    try:
        hours, minutes, seconds = (int(part) for part in text.split(":"))
    except ValueError:
        return timedelta(0)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
