"""Channels and bridges of the simulated PBX, and how events and records describe them. Pure.

Headers, their order and the shape of the records are those of Asterisk 22 (tests/transcripts).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

Headers = Sequence[tuple[str, str]]

DOWN, RING, RINGING, UP = "0", "4", "5", "6"
_WORDS: Final = {DOWN: "Down", RING: "Ring", RINGING: "Ringing", UP: "Up"}
UNKNOWN: Final = "<unknown>"
CAUSES: Final = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    16: "Normal Clearing",
    17: "User busy",
    19: "User alerting, no answer",
    20: "Subscriber absent",
    21: "Call Rejected",
    34: "Circuit/channel congestion",
}


@dataclass(slots=True, eq=False)
class Wait:
    """What a channel's dialplan waits for; made anew for each wait, so that a late timer finds another one."""

    reason: str


@dataclass(slots=True, eq=False)
class Bridge:
    """A mix of channels, in the order of their coming; ``name`` is a conference's."""

    bridge_id: str
    name: str = ""
    inside: list["Channel"] = field(default_factory=list)

    @property
    def technology(self) -> str:
        """Return Asterisk's word for how it mixes."""
        return "softmix" if self.name else "simple_bridge"

    def headers(self) -> Headers:
        """Return what BridgeEnter and BridgeLeave tell of it."""
        return (
            ("BridgeUniqueid", self.bridge_id),
            ("BridgeType", "base" if self.name else "basic"),
            ("BridgeTechnology", self.technology),
            ("BridgeCreator", "ConfBridge" if self.name else UNKNOWN),
            ("BridgeName", self.name or UNKNOWN),
            ("BridgeNumChannels", str(len(self.inside))),
            ("BridgeVideoSourceMode", "none"),
        )


@dataclass(slots=True, eq=False)
class Channel:
    """One channel. ``number``: the order of making, the oldest of a bridge gives the others its linkedid."""

    name: str
    uniqueid: str
    linkedid: str
    number: int
    began_at: float
    context: str
    exten: str
    state: str = DOWN
    priority: int = 1
    caller_number: str = ""
    caller_name: str = ""
    connected_number: str = ""
    connected_name: str = ""
    account: str = ""
    peer_account: str = ""  # of whom it met in a bridge; its own when it leaves without one
    application: str = ""
    data: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    heirlooms: set[str] = field(default_factory=set)  # names of variables that go on to whoever is dialled from here
    shared: dict[str, str] = field(default_factory=dict)
    digits: str = ""  # pressed, not yet taken
    bridge: Bridge | None = None
    wait: Wait | None = None
    agi: int = 0  # number of its FastAGI session, 0: none
    clock: Wait | None = None  # TIMEOUT(absolute)
    other_half: "Channel | None" = None  # of a Local channel
    returns_to: Callable[[], None] | None = None  # what goes on when its subroutine returns
    goes_on_at: tuple[str, str, int] | None = None  # behind its bridge, where the one who brought it there told
    is_gone: bool = False

    @property
    def endpoint(self) -> str:
        """``PJSIP/agent-1001-0000002a`` -> ``agent-1001``; '' for a channel of another kind."""
        kind, _, rest = self.name.partition("/")
        return rest.rpartition("-")[0] if kind == "PJSIP" else ""

    @property
    def is_up(self) -> bool:
        """Whether it was answered."""
        return self.state == UP

    def headers(self, prefix: str = "") -> Headers:
        """Return what every event tells of a channel."""
        pairs = (
            ("Channel", self.name),
            ("ChannelState", self.state),
            ("ChannelStateDesc", _WORDS[self.state]),
            ("CallerIDNum", self.caller_number or UNKNOWN),
            ("CallerIDName", self.caller_name or UNKNOWN),
            ("ConnectedLineNum", self.connected_number or UNKNOWN),
            ("ConnectedLineName", self.connected_name or UNKNOWN),
            ("Language", "en"),
            ("AccountCode", self.account),
            ("Context", self.context),
            ("Exten", self.exten),
            ("Priority", str(self.priority)),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
        )
        return tuple((prefix + name, value) for name, value in pairs)

    def record(
        self, event: str, at: float, peers: Sequence["Channel"] = (), user_event: str = "", extra: object = None
    ) -> str:
        """Return its line in the channel event log; fields as ``dialplan_names.CEL_FIELDS``."""
        values = (
            event,
            f"{at:.6f}",
            self.uniqueid,
            self.linkedid,
            self.name,
            self.caller_number,
            self.exten,
            self.context,
            self.application,
            ",".join(one.name for one in peers),
            user_event,
            "" if extra is None else json.dumps(extra, separators=(",", ":"), ensure_ascii=False),
            self.account,
        )
        return ",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n"
