"""The simulated exchange: channels, bridges, devices and their time. Pure: the shell brings ``now`` and takes outputs.

Every input sets the time, acts, lets each channel's dialplan run as far as it can, and leaves what is to be told in
``take``. ``deadline`` names the next instant at which ``advance`` must be called. Nothing happens in between.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cti.dialplan_names import DIALLED_APPLICATION
from cti.pbx_simulator import channels
from cti.pbx_simulator.agi import AgiSessions
from cti.pbx_simulator.applications import APPLICATIONS
from cti.pbx_simulator.channels import Bridge, Channel, Headers, Wait
from cti.pbx_simulator.devices import Devices
from cti.pbx_simulator.dialplan import Dialplan, Step
from cti.pbx_simulator.language import substitute
from cti.pbx_simulator.legs import Legs
from cti.pbx_simulator.outputs import Output, Record, Tell
from cti.pbx_simulator.people import Phones
from cti.pbx_simulator.variables import read

NORMAL: Final = 16
BY_DIALPLAN: Final = "dialplan/builtin"
STEP: Final = 1e-5
"""Seconds between two things told: no two have the same instant, as in a real PBX."""


class Exchange:
    """One simulated PBX. ``sounds`` tells how long a sound plays, in seconds."""

    def __init__(
        self,
        server_id: str,
        now: float,
        dialplan: Dialplan,
        endpoints: Iterable[str],
        phones: Phones,
        sounds: Callable[[str], float] = lambda name: 1.5,
    ) -> None:
        self.server_id = server_id
        self.began_at: float = now
        self.now: float = now
        self.dialplan, self.sounds = dialplan, sounds
        self.channels: dict[str, Channel] = {}
        self.conferences: dict[str, Bridge] = {}
        self.globals: dict[str, str] = {}
        self.made = 0
        self.devices = Devices(self, endpoints)
        self.legs = Legs(self, phones)
        self.agi = AgiSessions(self)
        self._numbers = itertools.count(1)
        self._bridges = itertools.count(1)
        self._uniqueids = itertools.count(1)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._ready: deque[Channel] = deque()
        self._outputs: list[Output] = []
        self._told_at = now

    # ------------------------------------------------------------ time

    def deadline(self) -> float | None:
        """Return when ``advance`` must be called next; None while nothing is due."""
        return self._timers[0][0] if self._timers else None

    def advance(self, now: float) -> None:
        """Let everything due up to ``now`` happen, in order; then it is ``now``."""
        while self._timers and self._timers[0][0] <= now:
            at, _, callback = heapq.heappop(self._timers)
            self.now = max(self.now, at)
            callback()
            self.settle()
        self.now = max(self.now, now)
        self.settle()

    def schedule(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in ``seconds``; a callback that has become pointless must find that out itself."""
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), callback))

    def settle(self) -> None:
        """Let every channel that can go on go on."""
        while self._ready:
            self._run(self._ready.popleft())

    # ------------------------------------------------------------ what is told

    def take(self) -> list[Output]:
        """Return what is to be told since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def put(self, output: Output) -> None:
        """Leave something for the shell."""
        self._outputs.append(output)

    def tell(self, event: str, *parts: Headers, privilege: str = "call,all") -> None:
        """Tell an AMI event."""
        head = (("Event", event), ("Privilege", privilege), ("Timestamp", f"{self._instant():.6f}"))
        self.put(Tell([*head, ("SystemName", self.server_id), *(pair for part in parts for pair in part)]))

    def record(
        self, channel: Channel, event: str, extra: object = None, *, peers: Sequence[Channel] = (), user_event: str = ""
    ) -> None:
        """Write a line of the channel event log."""
        self.put(Record(channel.record(event, self._instant(), peers, user_event, extra)))

    def _instant(self) -> float:
        self._told_at = max(self.now, self._told_at + STEP)
        return self._told_at

    # ------------------------------------------------------------ channels

    def find(self, text: str) -> Channel | None:
        """Return the channel with this Uniqueid or name."""
        found = self.channels.get(text)
        return found or next((one for one in self.channels.values() if one.name == text), None)

    def new_channel(
        self, name: str, context: str, exten: str, *, uniqueid: str = "", linkedid: str = "", state: str = channels.DOWN
    ) -> Channel:
        """Make a channel; nobody runs it yet. ``uniqueid``: '' for the next one of ours."""
        self.made += 1
        while not uniqueid or uniqueid in self.channels:  # somebody may have chosen what would be the next one
            uniqueid = f"{self.server_id}-{int(self.began_at)}.{next(self._uniqueids)}"
        channel = Channel(name, uniqueid, linkedid or uniqueid, self.made, self.now, context, exten, state)
        self.channels[uniqueid] = channel
        return channel

    def announce(self, channel: Channel) -> None:
        """Tell that a channel has come to be."""
        self.record(channel, "CHAN_START")
        self.tell("Newchannel", channel.headers())

    def change_state(self, channel: Channel, state: str) -> None:
        """Set and tell a channel's state."""
        channel.state = state
        self.tell("Newstate", channel.headers())
        self.devices.changed(channel)

    def answer(self, channel: Channel) -> None:
        """Pick up; once."""
        if channel.is_up:
            return
        self.change_state(channel, channels.UP)
        self.record(channel, "ANSWER")
        self.legs.answered(channel)
        if channel.other_half is not None:
            self.answer(channel.other_half)

    def hang_up(self, channel: Channel, cause: int = NORMAL, source: str = "") -> None:
        """End a channel; whoever shares a bridge with it goes on in his dialplan. ``source``: who hung up."""
        if channel.is_gone:
            return
        self.legs.abandon(channel)
        channel.is_gone, channel.wait, channel.clock = True, None, None
        self.agi.stop(channel)
        self.leave(channel)
        self._run_hangup_extension(channel, cause)
        del self.channels[channel.uniqueid]
        self.record(channel, "HANGUP", {"hangupcause": cause, "hangupsource": source, "dialstatus": ""})
        self._linkedid_over(channel, channel.linkedid)
        text = channels.CAUSES.get(cause, channels.CAUSES[0])
        self.tell("Hangup", channel.headers(), (("Cause", str(cause)), ("Cause-txt", text)))
        self.devices.changed(channel)
        self.legs.ended(channel, cause)
        if channel.other_half is not None:
            self.hang_up(channel.other_half, cause)

    def _run_hangup_extension(self, channel: Channel, cause: int) -> None:
        """Run ``h`` of the context a channel ended in: nothing there waits."""
        if self.legs.is_pending(channel) or self.dialplan.find(channel.context, "h") is None:
            return
        channel.variables["HANGUPCAUSE"] = str(cause)
        channel.exten, channel.priority = "h", 1
        while (step := self.dialplan.step(channel.context, "h", channel.priority)) is not None:
            self._carry_out(channel, step)

    def _linkedid_over(self, channel: Channel, linkedid: str) -> None:
        if not any(one.linkedid == linkedid for one in self.channels.values()):
            self.record(channel, "LINKEDID_END")

    # ------------------------------------------------------------ dialplan

    def start(self, channel: Channel) -> None:
        """Let a channel run its dialplan from where it stands."""
        self._ready.append(channel)

    def _run(self, channel: Channel) -> None:
        while not channel.is_gone and channel.wait is None:
            step = self.dialplan.step(channel.context, channel.exten, channel.priority)
            if step is None:
                self.hang_up(channel, NORMAL, BY_DIALPLAN)
                return
            self._carry_out(channel, step)

    def _carry_out(self, channel: Channel, step: Step) -> None:
        place = channel.context, channel.exten, channel.priority
        channel.application = step.application
        channel.data = substitute(step.data, lambda name: read(self, channel, name))
        APPLICATIONS[step.application](self, channel, channel.data)
        if channel.wait is None:
            channel.application = channel.data = ""
            if place == (channel.context, channel.exten, channel.priority):
                channel.priority += 1

    def wait(self, channel: Channel, reason: str, seconds: float | None = None) -> Wait:
        """Hold a channel's dialplan, for ``seconds`` or until ``release``."""
        wait = channel.wait = Wait(reason)
        if seconds is not None:
            self.schedule(seconds, lambda: self.release(channel, wait))
        return wait

    def release(self, channel: Channel, wait: Wait | None) -> None:
        """End the wait, if it is still that one: the dialplan goes on with the next priority."""
        if channel.is_gone or wait is None or channel.wait is not wait:
            return
        channel.wait = None
        channel.priority += bool(channel.application)  # one who was taken out of his application stands behind it
        channel.application = channel.data = ""
        self._ready.append(channel)

    def go(self, channel: Channel, context: str, exten: str, priority: int) -> None:
        """Take a channel out of whatever it does and let it run from there."""
        self.take_out(channel)
        channel.context, channel.exten, channel.priority = context, exten, priority
        self._ready.append(channel)

    def take_out(self, channel: Channel) -> None:
        """End the application or the bridge a channel is in, without letting it go on."""
        if channel.wait is not None:
            channel.priority += bool(channel.application)
            channel.wait = None
        channel.application = channel.data = ""
        channel.returns_to = channel.goes_on_at = None
        self.agi.stop(channel)
        self.legs.abandon(channel)
        self.leave(channel)

    def set_clock(self, channel: Channel, seconds: float) -> None:
        """Set how long the channel may live (TIMEOUT(absolute), SET AUTOHANGUP); 0: for ever."""
        clock = channel.clock = Wait("clock") if seconds > 0 else None
        if clock is not None:
            self.schedule(seconds, lambda: self._time_over(channel, clock))

    def _time_over(self, channel: Channel, clock: Wait) -> None:
        if channel.is_gone or channel.clock is not clock:
            return
        channel.clock = None
        if self.dialplan.find(channel.context, "T") is None:
            self.hang_up(channel, NORMAL, BY_DIALPLAN)
        else:
            self.go(channel, channel.context, "T", 1)

    # ------------------------------------------------------------ bridges

    def new_bridge(self, name: str = "") -> Bridge:
        """Make an empty bridge; with a name it is a conference's."""
        number = next(self._bridges)
        return Bridge(f"{int(self.began_at):08x}-0000-4000-8000-{number:012x}", name)

    def pull(self, channel: Channel, bridge: Bridge) -> None:
        """Take a channel out of what it does into a bridge; its clock stops, it goes on behind when the bridge ends."""
        self.take_out(channel)
        channel.clock = None
        self.wait(channel, "bridge")
        self.join(channel, bridge)

    def join(self, channel: Channel, bridge: Bridge) -> None:
        """Put a channel into a bridge; the oldest there gives all its linkedid."""
        peers = list(bridge.inside)
        bridge.inside.append(channel)
        channel.bridge = bridge
        oldest = min(bridge.inside, key=lambda one: one.number).linkedid
        for one in bridge.inside:
            self._link(one, oldest)
        for peer in peers:
            channel.connected_number, channel.connected_name = peer.caller_number, peer.caller_name
            peer.connected_number, peer.connected_name = channel.caller_number, channel.caller_name
            channel.peer_account, peer.peer_account = peer.account, channel.account
        self.record(channel, "BRIDGE_ENTER", _bridge_extra(bridge), peers=peers)
        self.tell("BridgeEnter", bridge.headers(), channel.headers())
        self.legs.joined(bridge)

    def _link(self, channel: Channel, linkedid: str) -> None:
        before = channel.linkedid
        if before == linkedid:
            return
        if sum(one.linkedid == before for one in self.channels.values()) == 1:
            self.record(channel, "LINKEDID_END")
        channel.linkedid = linkedid

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its bridge; a bridge of two is over for the other, too."""
        bridge = channel.bridge
        if bridge is None:
            return
        channel.bridge = None
        bridge.inside.remove(channel)
        self.record(channel, "BRIDGE_EXIT", _bridge_extra(bridge), peers=bridge.inside)
        channel.account = channel.account or channel.peer_account
        self.tell("BridgeLeave", bridge.headers(), channel.headers())
        if bridge.name and not bridge.inside:
            self.conferences.pop(bridge.name, None)
        if not bridge.name:
            for other in list(bridge.inside):
                self.leave(other)
                other.variables["BRIDGERESULT"] = "SUCCESS"
                if other.application == DIALLED_APPLICATION:
                    self.hang_up(other)  # it has no dialplan of its own to go on with
                elif other.goes_on_at is not None:
                    self.go(other, *other.goes_on_at)
                else:
                    self.release(other, other.wait)

    def place_of(self, context: str, exten: str, priority: str) -> tuple[str, str, int]:
        """Return a place as numbers; a label that is not there is priority 1."""
        extension = self.dialplan.find(context, exten)
        return context, exten, (extension.priority(priority) if extension else None) or 1


def _bridge_extra(bridge: Bridge) -> dict[str, str]:
    return {"bridge_id": bridge.bridge_id, "bridge_technology": bridge.technology}
