"""Calls that come in and go out: Originate, Dial, phones that ring, customers on the trunk. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cti import dialplan_names as names
from cti.pbx_simulator import channels, people
from cti.pbx_simulator.channels import Bridge, Channel
from cti.pbx_simulator.people import Customer, Phones
from cti.pbx_simulator.variables import inherit, write

if TYPE_CHECKING:
    from cti.pbx_simulator.exchange import Exchange

RING_DELAY: Final = 0.03
"""Seconds from the INVITE to the phone's 180 Ringing; about what loopback takes."""
AUTO_ANSWER: Final = "answer-after=0"
AUTO_ANSWER_DELAY: Final = 0.05
TRUNK: Final = "demo"
FAILED, NO_ANSWER, ANSWERED = "0", "3", "4"
"""Reasons of OriginateResponse."""
_DIALSTATUS: Final = {people.BUSY: "BUSY", people.NO_ANSWER: "NOANSWER", people.CONGESTED: "CONGESTION"}
"""By the Q.850 cause with which a leg ended unanswered."""


@dataclass(slots=True)
class Order:
    """One Originate: where to ring, and where the answered channel goes on."""

    action_id: str
    channel: str
    context: str
    exten: str
    priority: int
    seconds: float = 30.0
    caller_name: str = ""
    caller_number: str = ""
    account: str = ""
    uniqueid: str = ""
    other_uniqueid: str = ""
    variables: Sequence[tuple[str, str]] = ()
    dialled_by: Channel | None = None  # Dial() has no OriginateResponse: this channel is bridged
    subroutine: str = ""  # the context Dial() has the answered leg run before
    reason: str = FAILED
    is_auto: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_auto = any(AUTO_ANSWER in value for _, value in self.variables)


class Legs:
    """Orders whose channel has not been answered, and customers on the line."""

    def __init__(self, exchange: "Exchange", phones: Phones) -> None:
        self._exchange = exchange
        self._phones = phones
        self._orders: dict[str, Order] = {}
        self._customers: dict[str, Customer] = {}
        self._locals = 0
        self._pjsip = 0

    # ------------------------------------------------------------ Originate and Dial

    def originate(self, order: Order) -> None:
        """Ring a device, or both halves of a Local channel; OriginateResponse tells what came of it."""
        technology, _, target = order.channel.partition("/")
        if order.uniqueid in self._exchange.channels or order.other_uniqueid in self._exchange.channels:
            self._respond(order, order.uniqueid, None, FAILED)
        elif technology == "Local" and "@" in target:
            self._originate_local(order, target)
        elif technology == "PJSIP" and self._exchange.devices.is_reachable(target):
            self._ring(order, target)
        else:
            self._respond(order, order.uniqueid, None, FAILED)

    def dial(self, channel: Channel, target: str, seconds: float, subroutine: str) -> None:
        """Ring a device, or a number over a trunk, for a channel whose dialplan waits; bridge the two, or let it go on.

        A picked up leg runs ``subroutine`` first. DIALSTATUS tells what came of it.
        """
        number, _, trunk = target.partition("/")[2].partition("@")
        order = Order(
            "", target, channel.context, channel.exten, 1, seconds, channel.caller_name, channel.caller_number
        )
        order.dialled_by, order.subroutine = channel, subroutine
        channel.variables["DIALSTATUS"] = ""
        if self._exchange.devices.is_reachable(trunk or number):
            self._ring(order, trunk or number, number)
        else:
            channel.variables["DIALSTATUS"] = "CHANUNAVAIL"
            self._exchange.release(channel, channel.wait)

    def _ring(self, order: Order, endpoint: str, number: str = "") -> None:
        """``number``: who is called; over a trunk it is a customer's, whose phone is another one for each."""
        context = names.INBOUND if number not in ("", endpoint) else names.INTERNAL
        by = order.dialled_by
        channel = self._exchange.new_channel(
            self._pjsip_name(endpoint), context, "s", uniqueid=order.uniqueid, linkedid=by.linkedid if by else ""
        )
        self._exchange.announce(channel)
        self._prepare(channel, order)
        if by is not None:
            channel.application, channel.data = names.DIALLED_APPLICATION, "(Outgoing Line)"
            inherit(channel, by)
        self._orders[channel.uniqueid] = order
        self._exchange.schedule(RING_DELAY, lambda: self._reaches(channel, order, self._phones(number or endpoint)))
        self._exchange.schedule(order.seconds, lambda: self._not_answered(channel, order))

    def _pjsip_name(self, endpoint: str) -> str:
        self._pjsip += 1
        return f"PJSIP/{endpoint}-{self._pjsip - 1:08x}"

    def _prepare(self, channel: Channel, order: Order) -> None:
        channel.caller_name, channel.caller_number = order.caller_name, order.caller_number
        channel.connected_name, channel.connected_number = order.caller_name, order.caller_number
        channel.account = order.account
        for name, value in order.variables:
            write(self._exchange, channel, name, value)

    def _reaches(self, channel: Channel, order: Order, reaction: people.Reaction) -> None:
        if channel.is_gone or isinstance(reaction, people.Dead):
            return
        if isinstance(reaction, people.Refuses):
            self._exchange.hang_up(channel, reaction.cause, channel.name)
            return
        self._exchange.change_state(channel, channels.RINGING)
        if order.is_auto:
            self._exchange.schedule(AUTO_ANSWER_DELAY, lambda: self._pick_up(channel))
        elif isinstance(reaction, people.PicksUp):
            self._exchange.schedule(reaction.after, lambda: self._pick_up(channel, reaction.talk))

    def _not_answered(self, channel: Channel, order: Order) -> None:
        if not channel.is_gone and not channel.is_up:
            order.reason = NO_ANSWER
            self._exchange.hang_up(channel, people.NO_ANSWER)

    def is_pending(self, channel: Channel) -> bool:
        """Whether a channel that is rung was not picked up yet: nobody may move it."""
        return channel.uniqueid in self._orders

    def pick_up(self, uniqueid: str) -> None:
        """Pick a phone up by hand; one that is about to ring is picked up as soon as it does."""
        order, channel = self._orders.get(uniqueid), self._exchange.channels.get(uniqueid)
        if order is None or channel is None:
            return
        if channel.state == channels.RINGING:
            self._pick_up(channel)
        else:
            order.is_auto = True

    def _pick_up(self, channel: Channel, talk: float | None = None) -> None:
        if channel.is_gone or channel.is_up:
            return
        self._exchange.answer(channel)
        if talk is not None:
            self._exchange.schedule(talk, lambda: self._exchange.hang_up(channel, source=channel.name))

    def _originate_local(self, order: Order, target: str) -> None:
        exten, _, context = target.removesuffix("/n").partition("@")
        name = f"Local/{exten}@{context}-{self._locals:08x};"
        self._locals += 1
        near = self._exchange.new_channel(name + "1", context, exten, uniqueid=order.uniqueid)
        far_id = order.other_uniqueid or (order.uniqueid and f"{order.uniqueid};2")
        far = self._exchange.new_channel(
            name + "2", context, exten, uniqueid=far_id, linkedid=near.linkedid, state=channels.RING
        )
        near.other_half, far.other_half = far, near
        self._exchange.announce(near)
        self._exchange.announce(far)
        self._prepare(near, order)
        far.variables, far.heirlooms = dict(near.variables), set(near.heirlooms)
        for one, other in ((near, far), (far, near)):
            one.caller_name, one.caller_number = order.caller_name, order.caller_number
            one.connected_name, one.connected_number = other.caller_name, other.caller_number
        tail = (("Context", context), ("Exten", exten), ("LocalOptimization", "No"))
        self._exchange.tell("LocalBridge", near.headers("LocalOne"), far.headers("LocalTwo"), tail)
        self._orders[near.uniqueid] = order
        self._exchange.schedule(order.seconds, lambda: self._not_answered(near, order))
        self._exchange.start(far)

    # ------------------------------------------------------------ what becomes of them

    def answered(self, channel: Channel) -> None:
        """A channel was answered: one that was originated goes where its order says; a customer acts."""
        order = self._orders.pop(channel.uniqueid, None)
        if order is not None and order.dialled_by is not None:
            self._picked_up(order, order.dialled_by, channel)
        elif order is not None:
            self._respond(order, channel.uniqueid, channel, ANSWERED)
            channel.context, channel.exten, channel.priority = order.context, order.exten, order.priority
            self._exchange.start(channel)
        customer = self._customers.get(channel.uniqueid)
        if customer is not None:
            self._exchange.schedule(customer.delay, lambda: self._presses(channel, customer))

    def abandon(self, caller: Channel) -> None:
        """Whoever dialled is gone or elsewhere: what rings for him rings no more."""
        for uniqueid, order in list(self._orders.items()):
            if order.dialled_by is caller:
                order.dialled_by = None
                del self._orders[uniqueid]
                caller.variables["DIALSTATUS"] = "CANCEL"
                self._exchange.hang_up(self._exchange.channels[uniqueid])

    def _picked_up(self, order: Order, caller: Channel, channel: Channel) -> None:
        caller.variables["DIALSTATUS"] = "ANSWER"
        if not order.subroutine:
            self._connect(caller, channel)
            return
        place = channel.context, channel.exten, channel.priority

        def goes_on() -> None:
            channel.context, channel.exten, channel.priority = place
            self._connect(caller, channel)

        channel.returns_to = goes_on
        channel.context, channel.exten, channel.priority = order.subroutine, "s", 1
        self._exchange.start(channel)

    def _connect(self, caller: Channel, channel: Channel) -> None:
        if caller.is_gone or caller.wait is None or caller.wait.reason != "dial":
            self._exchange.hang_up(channel)  # whoever dialled went while the subroutine ran
            return
        self._exchange.answer(caller)
        bridge = self._exchange.new_bridge()
        self._exchange.wait(channel, "dial")
        channel.application, channel.data = names.DIALLED_APPLICATION, "(Outgoing Line)"
        self._exchange.join(caller, bridge)
        self._exchange.join(channel, bridge)

    def ended(self, channel: Channel, cause: int) -> None:
        """A channel is gone: an order that was still open has failed."""
        self._customers.pop(channel.uniqueid, None)
        order = self._orders.pop(channel.uniqueid, None)
        if order is None:
            return
        if order.dialled_by is not None:
            order.dialled_by.variables["DIALSTATUS"] = _DIALSTATUS.get(cause, "CHANUNAVAIL")
            order.dialled_by.variables["HANGUPCAUSE"] = str(cause)
            self._exchange.release(order.dialled_by, order.dialled_by.wait)
        else:
            self._respond(order, channel.uniqueid, None, order.reason)

    def _respond(self, order: Order, uniqueid: str, channel: Channel | None, reason: str) -> None:
        tag = [("ActionID", order.action_id)] if order.action_id else []
        told = (
            *tag,
            ("Response", "Failure" if channel is None else "Success"),
            ("Channel", order.channel if channel is None else channel.name),
            ("Context", order.context),
            ("Exten", order.exten),
            ("Reason", reason),
            ("Uniqueid", uniqueid or "<null>"),
            ("CallerIDNum", order.caller_number or channels.UNKNOWN),
            ("CallerIDName", order.caller_name or channels.UNKNOWN),
        )
        self._exchange.tell("OriginateResponse", told)

    # ------------------------------------------------------------ customers

    @property
    def customers(self) -> Mapping[str, Customer]:
        """The customers on the line, by Uniqueid."""
        return self._customers

    def customer_calls(self, customer: Customer) -> str:
        """Let a customer's call come in on the trunk; return its Uniqueid."""
        exchange = self._exchange
        channel = exchange.new_channel(self._pjsip_name(TRUNK), names.INBOUND, customer.dialed, state=channels.RING)
        channel.caller_number, channel.caller_name = customer.number, customer.name
        self._customers[channel.uniqueid] = customer
        exchange.announce(channel)
        exchange.start(channel)
        return channel.uniqueid

    def _presses(self, channel: Channel, customer: Customer) -> None:
        if channel.is_gone:
            return
        channel.digits += customer.digits
        self._exchange.agi.digit(channel)
        self._exchange.schedule(customer.patience, lambda: self._gives_up(channel))

    def _gives_up(self, channel: Channel) -> None:
        if channel.bridge is None:
            self._exchange.hang_up(channel, source=channel.name)

    def joined(self, bridge: Bridge) -> None:
        """Somebody came into a bridge: a customer who is not alone any more talks, and hangs up in the end."""
        for channel in bridge.inside:
            customer = self._customers.get(channel.uniqueid)
            if customer is not None and len(bridge.inside) > 1:
                self._exchange.schedule(customer.talk_time, lambda one=channel: self._has_talked(one, bridge))  # type: ignore[misc]

    def _has_talked(self, channel: Channel, bridge: Bridge) -> None:
        if channel.bridge is bridge:
            self._exchange.hang_up(channel, source=channel.name)
