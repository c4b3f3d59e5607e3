"""A small model of one Asterisk behind the shape of an AmiClient: what matters for "no stolen call", in virtual time.

Modelled: actions executed one by one in the order of their sending; Setvar, Getvar SHARED(CC_BRIDGED), Originate with a
ChannelId, Hangup; channels with threads of their own, whose dialplan steps (context cc-bridge of
config/asterisk/extensions.conf.j2: look, claim, look again, bridge) take random times and mix with everything else; a
Bridge() that takes its channel out of another bridge, as the real one does; a hang-up that takes effect only between
two steps; events that come later than answers, messages that arrive several in one read, callbacks of answers that run
after all messages of the read.

``guard``: ``on`` as in the template, ``off`` bridges whoever comes, ``once`` looks only before it claims.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contactcenter.core.errors import ActionFailed
from cti.ami import LinkState, Message
from cti.ami.codec import Fields
from tests.fakes import ami_events as e
from tests.fakes.virtual_time import VirtualTime


class Answer:
    """A future that belongs to no loop: callbacks run when the read that brought the answer has been handled."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Any], None]] = []
        self._outcome: Message | ActionFailed | None = None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)

    def cancelled(self) -> bool:
        return False

    def exception(self) -> BaseException | None:
        return self._outcome if isinstance(self._outcome, ActionFailed) else None

    def result(self) -> Message:
        assert isinstance(self._outcome, Message)
        return self._outcome

    def settle(self, outcome: Message | ActionFailed) -> None:
        self._outcome = outcome

    def run(self) -> None:
        for callback in self._callbacks:
            callback(self)


@dataclass(eq=False)
class Channel:
    headers: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    bridge: "Bridge | None" = None
    is_answered: bool = False
    is_moving: bool = False  # taken out of its own dialplan: for a moment no action finds it
    has_moved: bool = False  # an action that found it just before reads what was left behind
    is_condemned: bool = False  # soft hang-up was asked; its thread has not seen it yet
    cause: str = "16"

    @property
    def id(self) -> str:
        return self.headers["Uniqueid"]


@dataclass(eq=False)
class Bridge:
    id: str
    inside: list[Channel] = field(default_factory=list)


@dataclass(frozen=True)
class Phone:
    """How a device behaves: seconds from its first ring to the answer, None: never."""

    answers_after: float | None


class Wire:
    """``send`` and ``send_many`` are an AmiClient's; ``on_message`` is bound to the telephony under test."""

    def __init__(self, time: VirtualTime, rng: random.Random, *, scale: float, guard: str = "on") -> None:
        self.state = LinkState.LIVE
        self.on_message: Callable[[Message], None]
        self.phones: dict[str, Phone] = {}
        self.channels: dict[str, Channel] = {}
        self.stolen = 0
        self.refused = {"first look": 0, "second look": 0}
        self.conversations: list[str] = []  # agents' legs in the order in which they were bridged to a caller
        self._time, self._rng, self._scale, self._guard = time, rng, scale, guard
        self._bridges = 0
        self._stream: list[Message | tuple[Answer, Message | ActionFailed]] = []
        self._is_read_due = False
        self._actions_done = self._events_sent = time.timestamp()

    # ------------------------------------------------------------ time

    def _some(self) -> float:
        """A random short time: often none at all, so that things meet; sometimes long, a thread that lost its turn."""
        luck = self._rng.random()
        if luck < 0.25:
            return 0.0
        return min(0.5, self._rng.expovariate(1.0) * self._scale * (12 if luck > 0.92 else 1))

    def _step(self, callback: Callable[..., None], leg: "Channel") -> None:
        """The next step of a leg's dialplan, at once or much later: its thread runs at its own pace."""
        self._time.call_later(self._rng.choice([0.0, 1.0, 5.0]) * self._some(), callback, leg)

    def _later(self, callback: Callable[..., None], *arguments: Any) -> None:
        self._time.call_later(self._some(), callback, *arguments)

    # ------------------------------------------------------------ the client's side

    def send(self, action: str, fields: Fields, *, action_id: str | None = None, timeout: float | None = None) -> Any:
        return self.send_many([(action, fields)], action_ids=[action_id])[0]

    def send_many(
        self,
        actions: Sequence[tuple[str, Fields]],
        *,
        action_ids: Sequence[str | None] | None = None,
        timeout: float | None = None,
    ) -> list[Any]:
        """Actions travel and are executed in the order of their sending, one after the other."""
        answers = []
        for (name, fields), action_id in zip(actions, action_ids or [None] * len(actions), strict=True):
            answers.append(Answer())
            self._actions_done = max(self._actions_done, self._time.timestamp()) + self._some()
            self._time.call_at(self._actions_done, self._execute, name, dict(fields), action_id, answers[-1])
        return answers

    def _execute(self, name: str, fields: dict[str, Any], action_id: str | None, answer: Answer) -> None:
        outcome = getattr(self, f"_do_{name.lower()}")(fields, action_id)
        self._put((answer, outcome))

    def _put(self, message: Any) -> None:
        """Into the socket; what is there at the next read is handled in one go."""
        self._stream.append(message)
        if not self._is_read_due:
            self._is_read_due = True
            self._later(self._read)

    def _read(self) -> None:
        self._is_read_due = False
        stream, self._stream = self._stream, []
        answered = []
        for one in stream:
            if isinstance(one, Message):
                self.on_message(one)
            else:
                answer, outcome = one
                answer.settle(outcome)
                answered.append(answer)
        for answer in answered:
            answer.run()

    def _tell(self, message: Message) -> None:
        """An event: behind the events before it, but perhaps behind later answers too."""
        self._events_sent = max(self._events_sent, self._time.timestamp()) + self._some()
        self._time.call_at(self._events_sent, self._put, message)

    def _event(self, name: str, channel: Channel, **more: str) -> None:
        self._tell(e.event(name, at=self._time.timestamp(), **{**channel.headers, **more}))

    # ------------------------------------------------------------ actions

    def _named(self, fields: dict[str, Any]) -> Channel | None:
        channel = self.channels.get(fields["Channel"])
        return None if channel is None or channel.is_moving else channel

    def _do_setvar(self, fields: dict[str, Any], action_id: str | None) -> Message | ActionFailed:
        channel = self._named(fields)
        if channel is None:
            return ActionFailed("ami-refused", {"message": "No such channel"})
        channel.variables[fields["Variable"]] = fields["Value"]
        return Message.of([("Response", "Success")])

    def _do_getvar(self, fields: dict[str, Any], action_id: str | None) -> Message | ActionFailed:
        channel = self._named(fields)
        if channel is None:
            return ActionFailed("ami-refused", {"message": "No such channel"})
        assert fields["Variable"] == "SHARED(CC_BRIDGED)"
        if channel.has_moved and self._rng.random() < 0.5:
            channel.has_moved = False
            return Message.of([("Response", "Success"), ("Value", "")])
        return Message.of([("Response", "Success"), ("Value", channel.shared.get("CC_BRIDGED", ""))])

    def _do_hangup(self, fields: dict[str, Any], action_id: str | None) -> Message | ActionFailed:
        channel = self._named(fields)
        if channel is None:
            return ActionFailed("ami-refused", {"message": "No such channel"})
        self._condemn(channel)
        return Message.of([("Response", "Success")])

    def _do_originate(self, fields: dict[str, Any], action_id: str | None) -> Message | ActionFailed:
        assert fields["ChannelId"] not in self.channels, "an id a second time"
        self._later(self._dial, fields, action_id)
        return Message.of([("Response", "Success"), ("Message", "Originate successfully queued")])

    # ------------------------------------------------------------ legs

    def caller_arrives(self, uniqueid: str) -> None:
        channel = Channel(e.channel(uniqueid, ChannelState="6", Context="cc-inbound"), is_answered=True)
        self.channels[uniqueid] = channel
        self._event("Newchannel", channel)

    def hang_up(self, uniqueid: str) -> None:
        """The party itself hangs up."""
        if uniqueid in self.channels:
            self._condemn(self.channels[uniqueid])

    def _dial(self, fields: dict[str, Any], action_id: str | None) -> None:
        endpoint = str(fields["Channel"]).removeprefix("PJSIP/")
        leg = Channel(e.agent(str(fields["ChannelId"]), endpoint))
        leg.variables = dict(one.split("=", 1) for one in fields["Variable"])
        self.channels[leg.id] = leg
        self._event("Newchannel", leg)
        self._later(self._ring, leg, action_id, float(fields["Timeout"]) / 1000)

    def _ring(self, leg: Channel, action_id: str | None, limit: float) -> None:
        if self._ends_here(leg):
            return
        self._event("Newstate", leg, ChannelState="5")
        answers = self.phones[leg.headers["Channel"].split("/")[1].rsplit("-", 1)[0]].answers_after
        if answers is not None:
            self._time.call_later(answers, self._answer, leg, action_id)
        self._time.call_later(limit, self._gives_up, leg, action_id)

    def _gives_up(self, leg: Channel, action_id: str | None) -> None:
        if leg.id in self.channels and not leg.is_answered:
            leg.cause = "19"
            self._end(leg)
            self._tell(e.event("OriginateResponse", Response="Failure", ActionID=str(action_id), Reason="3"))

    def _answer(self, leg: Channel, action_id: str | None) -> None:
        if self._ends_here(leg):
            return
        leg.is_answered = True
        self._event("Newstate", leg, ChannelState="6")
        self._tell(e.event("OriginateResponse", Response="Success", ActionID=str(action_id), Reason="4"))
        self._step(self._look if self._guard != "off" else self._claim, leg)

    # The dialplan of cc-bridge, one step after the other in the leg's own thread.

    def _may_pass(self, leg: Channel) -> bool:
        caller = self.channels.get(leg.variables["CALLER_CHAN"])
        return caller is not None and caller.variables.get("CC_RES") == leg.variables["CC_RES"]

    def _look(self, leg: Channel) -> None:
        if not self._ends_here(leg):
            passes = self._may_pass(leg)
            self.refused["first look"] += not passes
            self._step(self._claim if passes else self._lost, leg)

    def _claim(self, leg: Channel) -> None:
        if not self._ends_here(leg):
            caller = self.channels.get(leg.variables["CALLER_CHAN"])
            if caller is not None:
                caller.shared["CC_BRIDGED"] = leg.variables["CC_RES"]
            self._step(self._look_again if self._guard == "on" else self._find_caller, leg)

    def _look_again(self, leg: Channel) -> None:
        if not self._ends_here(leg):
            passes = self._may_pass(leg)
            self.refused["second look"] += not passes
            self._step(self._find_caller if passes else self._unclaim, leg)

    def _unclaim(self, leg: Channel) -> None:
        if not self._ends_here(leg):
            caller = self.channels.get(leg.variables["CALLER_CHAN"])
            if caller is not None:
                caller.shared["CC_BRIDGED"] = ""
            self._step(self._lost, leg)

    def _lost(self, leg: Channel) -> None:
        if not self._ends_here(leg):
            self._event("UserEvent", leg, UserEvent="CCLost")
            self._step(self._end, leg)

    def _find_caller(self, leg: Channel) -> None:
        if not self._ends_here(leg):
            self._step(self._take_caller, leg)

    def _take_caller(self, leg: Channel) -> None:
        caller = self.channels.get(leg.variables["CALLER_CHAN"])
        if caller is not None:
            caller.is_moving = True
        self._time.call_later(min(self._some(), 0.05), self._bridge, leg)

    def _bridge(self, leg: Channel) -> None:
        caller = self.channels.get(leg.variables["CALLER_CHAN"])
        if caller is not None:
            caller.is_moving, caller.has_moved = False, True
        if self._ends_here(leg):
            return
        if caller is None or caller.is_condemned:
            self._step(self._end, leg)
            return
        if caller.bridge is not None:
            self.stolen += 1
            self._leave(caller)
        self._bridges += 1
        bridge = Bridge(f"bridge-{self._bridges}", [leg, caller])
        self.conversations.append(leg.id)
        for channel in (leg, caller):
            channel.bridge = bridge
            self._event("BridgeEnter", channel, BridgeUniqueid=bridge.id)

    # ------------------------------------------------------------ ends

    def _condemn(self, channel: Channel) -> None:
        channel.is_condemned = True
        if channel.bridge is not None or not channel.is_answered or channel.headers["Context"] == "cc-inbound":
            self._later(self._end, channel)  # others see it at their next dialplan step

    def _ends_here(self, channel: Channel) -> bool:
        if channel.id in self.channels and channel.is_condemned:
            self._end(channel)
        return channel.id not in self.channels

    def _leave(self, channel: Channel) -> None:
        bridge, channel.bridge = channel.bridge, None
        assert bridge is not None
        bridge.inside.remove(channel)
        self._event("BridgeLeave", channel, BridgeUniqueid=bridge.id)
        for other in list(bridge.inside):  # a bridge of one dissolves; the agent's leg ends, the caller goes on
            bridge.inside.remove(other)
            other.bridge = None
            self._event("BridgeLeave", other, BridgeUniqueid=bridge.id)
            if other.headers["Context"] == "cc-bridge":
                self._later(self._end, other)

    def _end(self, channel: Channel) -> None:
        if self.channels.get(channel.id) is not channel:
            return
        if channel.bridge is not None:
            self._leave(channel)
        del self.channels[channel.id]
        self._event("Hangup", channel, Cause=channel.cause)

    # ------------------------------------------------------------ what is seen

    def partners(self, uniqueid: str) -> list[str]:
        """The legs that share a bridge with this one now."""
        channel = self.channels.get(uniqueid)
        bridge = channel.bridge if channel is not None else None
        return [] if bridge is None else [one.id for one in bridge.inside if one.id != uniqueid]
