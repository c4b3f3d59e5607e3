"""The state machines of routing, each a table of (state, event) -> state. A pair that is not in a table is illegal.

Per agent three machines live side by side (law 1): presence (chosen), device, and one work machine per interaction
given; AGENT says whether the agent is there at all. ITEM is an interaction in the router's hands.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from contactcenter.core.errors import Conflict
from routing.commands import Presence, Work


class IllegalTransition(Conflict):
    """The present state has no row for this event; nothing was changed. ``fields``: machine, state, event."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__("illegal-transition", {"machine": machine, "state": str(state), "event": event})


class ItemState(StrEnum):
    """Where an interaction stands; ``gone`` means the engine does not hold it."""

    GONE = "gone"
    WAITING = "waiting"
    RESERVED = "reserved"
    REVOKING = "revoking"  # the alert is being taken back, then it waits again
    FLOWING_OUT = "flowing-out"  # the alert is being taken back, then it is gone
    LEAVING = "leaving"  # the same, and the customer is not there any more
    HANDLING = "handling"


class AgentState(StrEnum):
    """Whether the router knows the agent; ``leaving`` = signed out with work left."""

    ABSENT = "absent"
    PRESENT = "present"
    LEAVING = "leaving"


State = TypeVar("State", bound=str)

AGENT: Mapping[tuple[AgentState, str], AgentState] = {
    (AgentState.ABSENT, "add"): AgentState.PRESENT,
    (AgentState.LEAVING, "add"): AgentState.PRESENT,
    (AgentState.PRESENT, "change"): AgentState.PRESENT,
    (AgentState.PRESENT, "update"): AgentState.PRESENT,
    (AgentState.LEAVING, "update"): AgentState.LEAVING,  # what he can; he is given nothing more
    (AgentState.PRESENT, "adopt"): AgentState.PRESENT,
    (AgentState.PRESENT, "device"): AgentState.PRESENT,
    (AgentState.LEAVING, "device"): AgentState.LEAVING,
    (AgentState.PRESENT, "remove"): AgentState.LEAVING,
}

PRESENCE: Mapping[tuple[Presence, str], Presence] = {
    **{(state, chosen): chosen for state in Presence for chosen in Presence},
    (Presence.READY, "penalise"): Presence.NOT_READY,
    (Presence.NOT_READY, "penalise"): Presence.NOT_READY,
    (Presence.OFFLINE, "penalise"): Presence.OFFLINE,
}

USABLE, UNUSABLE = "usable", "unusable"
DEVICE: Mapping[tuple[str, str], str] = {
    (state, told): told for state in (USABLE, UNUSABLE) for told in (USABLE, UNUSABLE)
}

WORK: Mapping[tuple[Work, str], Work] = {
    (Work.IDLE, "reserve"): Work.RESERVED,
    (Work.IDLE, "adopt"): Work.HANDLING,
    (Work.IDLE, "adopt-wrap-up"): Work.WRAP_UP,
    (Work.RESERVED, "accept"): Work.HANDLING,
    (Work.RESERVED, "alert-over"): Work.IDLE,
    (Work.RESERVED, "revoke"): Work.REVOKING,
    (Work.REVOKING, "revoke"): Work.REVOKING,
    (Work.REVOKING, "accept"): Work.HANDLING,
    (Work.REVOKING, "alert-over"): Work.IDLE,
    (Work.HANDLING, "finish"): Work.IDLE,
    (Work.HANDLING, "wrap-up"): Work.WRAP_UP,
    (Work.HANDLING, "set-aside"): Work.SET_ASIDE,
    (Work.SET_ASIDE, "resume"): Work.HANDLING,
    (Work.SET_ASIDE, "finish"): Work.IDLE,
    (Work.WRAP_UP, "end-wrap-up"): Work.IDLE,
    (Work.WRAP_UP, "extend-wrap-up"): Work.WRAP_UP,
}

ITEM: Mapping[tuple[ItemState, str], ItemState] = {
    (ItemState.GONE, "enqueue"): ItemState.WAITING,
    (ItemState.GONE, "adopt"): ItemState.HANDLING,
    (ItemState.GONE, "customer-left"): ItemState.GONE,  # before the router was told of him, after a restart of ours
    (ItemState.WAITING, "enqueue"): ItemState.WAITING,
    (ItemState.WAITING, "adopt"): ItemState.HANDLING,
    (ItemState.WAITING, "reserve"): ItemState.RESERVED,
    (ItemState.WAITING, "customer-left"): ItemState.GONE,
    (ItemState.WAITING, "flowed-out"): ItemState.GONE,
    (ItemState.RESERVED, "accept"): ItemState.HANDLING,
    (ItemState.RESERVED, "alert-over"): ItemState.WAITING,
    (ItemState.RESERVED, "revoke"): ItemState.REVOKING,
    (ItemState.RESERVED, "customer-left"): ItemState.LEAVING,
    (ItemState.RESERVED, "flowed-out"): ItemState.FLOWING_OUT,
    (ItemState.REVOKING, "accept"): ItemState.HANDLING,
    (ItemState.REVOKING, "alert-over"): ItemState.WAITING,
    (ItemState.REVOKING, "enqueue"): ItemState.REVOKING,
    (ItemState.REVOKING, "customer-left"): ItemState.LEAVING,
    (ItemState.REVOKING, "flowed-out"): ItemState.FLOWING_OUT,
    (ItemState.FLOWING_OUT, "accept"): ItemState.HANDLING,  # answered before the revoke took: it is real
    (ItemState.FLOWING_OUT, "alert-over"): ItemState.GONE,
    (ItemState.FLOWING_OUT, "enqueue"): ItemState.REVOKING,
    (ItemState.FLOWING_OUT, "customer-left"): ItemState.LEAVING,
    (ItemState.LEAVING, "accept"): ItemState.GONE,  # answered, but nobody is there
    (ItemState.LEAVING, "alert-over"): ItemState.GONE,
    (ItemState.HANDLING, "finish"): ItemState.GONE,
}


def step(machine: str, table: Mapping[tuple[State, str], State], state: State, event: str) -> State:
    """Return the state after ``event``. Raises: IllegalTransition when the table has no such row."""
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransition(machine, state, event) from None
