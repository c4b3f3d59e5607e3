"""Messages as Asterisk 22 writes them, in short: the headers our code reads and those beside them."""

from cti.ami import Message

AT = 1_780_000_000.25
STATES = {"0": "Down", "4": "Ring", "5": "Ringing", "6": "Up"}


def event(name: str, *, at: float | None = AT, **fields: str) -> Message:
    stamp = [("Timestamp", f"{at:.6f}")] if at is not None else []
    return Message.of([("Event", name), *stamp, *fields.items()])


def channel(uniqueid: str, **fields: str) -> dict[str, str]:
    """The headers of a channel: a customer's on the trunk unless told otherwise."""
    given = {
        "Channel": f"PJSIP/carrier-{uniqueid[-8:]}",
        "ChannelState": "4",
        "CallerIDNum": "+4930901820",
        "CallerIDName": "Ada",
        "Context": "cc-inbound",
        "Exten": "1000",
        "Uniqueid": uniqueid,
        "Linkedid": uniqueid,
    }
    given |= fields
    return {**given, "ChannelStateDesc": STATES[given["ChannelState"]]}


def agent(uniqueid: str, endpoint: str = "agent-1001", **fields: str) -> dict[str, str]:
    """The headers of an agent's leg."""
    own = {"Channel": f"PJSIP/{endpoint}-0000002a", "ChannelState": "0", "Context": "cc-bridge", "Exten": "s"}
    return channel(uniqueid, **{**own, "CallerIDNum": "<unknown>", "CallerIDName": "<unknown>", **fields})


def new_channel(headers: dict[str, str], *, at: float | None = AT) -> Message:
    return event("Newchannel", at=at, **headers)


def new_state(headers: dict[str, str], state: str, *, at: float | None = AT) -> Message:
    return event("Newstate", at=at, **{**headers, "ChannelState": state, "ChannelStateDesc": STATES[state]})


def enters(headers: dict[str, str], bridge: str = "b-1", *, at: float | None = AT) -> Message:
    return event("BridgeEnter", at=at, BridgeUniqueid=bridge, BridgeType="basic", **headers)


def leaves(headers: dict[str, str], bridge: str = "b-1", *, at: float | None = AT) -> Message:
    return event("BridgeLeave", at=at, BridgeUniqueid=bridge, BridgeType="basic", **headers)


def hangup(headers: dict[str, str], cause: str = "16", *, at: float | None = AT) -> Message:
    return event("Hangup", at=at, **headers, Cause=cause)
