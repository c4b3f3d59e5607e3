"""Pure: one alert from the Originate to its end, as a table. What a lost answer, a late leg or a revoke do to it.

An alert is *over* only when its leg can no longer reach the caller. Taking it back has three acts, each sent after the
answer to the one before: change CC_RES on the caller (a leg that comes now is refused by the guard), ask whether the
leg passed the guard just before, hang the leg up. So the next agent is never rung while the first could still steal
the caller (ARCHITECTURE, "No stolen calls").

A "no" is asked for twice: an action that found a channel just before Bridge() moved it reads what was left behind,
which knows nothing of the leg. Callers come for their legs themselves now and stay where they are (decision 0017), but
a PBX with an older dialplan of ours still moves them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contactcenter.core.ids import LegId, ReservationId
from contactcenter.interactions.ports import AlertFailure, Device


class State(StrEnum):
    """Where an alert stands."""

    RINGING = "ringing"  # the Originate is on its way or the device rings
    DISARMING = "disarming"  # revoke: CC_RES is being changed
    ASKING = "asking"  # revoke: did the leg pass the guard before?
    ASKING_AGAIN = "asking-again"  # revoke: it seems not
    PASSED = "passed"  # it did: the bridge is about to form
    HANGING_UP = "hanging-up"  # revoke: the leg is being hung up
    CONNECTED = "connected"
    OVER = "over"


class Signal(StrEnum):
    """What happens to an alert."""

    REVOKE = "revoke"
    DISARMED = "disarmed"  # the PBX answered the change of CC_RES (or the caller is gone)
    HAD_PASSED = "had-passed"
    HAD_NOT_PASSED = "had-not-passed"
    CONNECTED = "connected"
    GONE = "gone"  # the leg's channel ended, or never came to be


class Act(StrEnum):
    """What the shell has to send next."""

    DISARM = "disarm"
    ASK = "ask"
    HANG_UP = "hang-up"
    REPORT = "report"
    NONE = "none"


_S, _A = State, Act
TABLE: Final[Mapping[tuple[State, Signal], tuple[State, Act]]] = {
    (_S.RINGING, Signal.REVOKE): (_S.DISARMING, _A.DISARM),
    (_S.RINGING, Signal.CONNECTED): (_S.CONNECTED, _A.NONE),
    (_S.RINGING, Signal.GONE): (_S.OVER, _A.REPORT),
    (_S.DISARMING, Signal.REVOKE): (_S.DISARMING, _A.DISARM),
    (_S.DISARMING, Signal.DISARMED): (_S.ASKING, _A.ASK),
    (_S.DISARMING, Signal.CONNECTED): (_S.CONNECTED, _A.NONE),
    (_S.DISARMING, Signal.GONE): (_S.OVER, _A.REPORT),
    (_S.ASKING, Signal.REVOKE): (_S.ASKING, _A.ASK),
    (_S.ASKING, Signal.HAD_PASSED): (_S.PASSED, _A.NONE),
    (_S.ASKING, Signal.HAD_NOT_PASSED): (_S.ASKING_AGAIN, _A.ASK),
    (_S.ASKING, Signal.CONNECTED): (_S.CONNECTED, _A.NONE),
    (_S.ASKING, Signal.GONE): (_S.OVER, _A.REPORT),
    (_S.ASKING_AGAIN, Signal.REVOKE): (_S.ASKING_AGAIN, _A.ASK),
    (_S.ASKING_AGAIN, Signal.HAD_PASSED): (_S.PASSED, _A.NONE),
    (_S.ASKING_AGAIN, Signal.HAD_NOT_PASSED): (_S.HANGING_UP, _A.HANG_UP),
    (_S.ASKING_AGAIN, Signal.CONNECTED): (_S.CONNECTED, _A.NONE),
    (_S.ASKING_AGAIN, Signal.GONE): (_S.OVER, _A.REPORT),
    (_S.PASSED, Signal.REVOKE): (_S.HANGING_UP, _A.HANG_UP),
    (_S.PASSED, Signal.CONNECTED): (_S.CONNECTED, _A.NONE),
    (_S.PASSED, Signal.GONE): (_S.OVER, _A.REPORT),
    (_S.HANGING_UP, Signal.REVOKE): (_S.HANGING_UP, _A.HANG_UP),
    (_S.HANGING_UP, Signal.CONNECTED): (_S.CONNECTED, _A.NONE),
    (_S.HANGING_UP, Signal.GONE): (_S.OVER, _A.REPORT),
}
REVOKING: Final = frozenset({State.DISARMING, State.ASKING, State.ASKING_AGAIN, State.PASSED, State.HANGING_UP})

# Q.850 causes (ITU-T Q.850) of a leg that ended unanswered
_BY_CAUSE: Final[Mapping[int, AlertFailure]] = {
    17: AlertFailure.BUSY,
    21: AlertFailure.REJECTED,
    18: AlertFailure.NO_ANSWER,
    19: AlertFailure.NO_ANSWER,
    1: AlertFailure.UNREACHABLE,
    3: AlertFailure.UNREACHABLE,
    20: AlertFailure.UNREACHABLE,
    27: AlertFailure.UNREACHABLE,
    38: AlertFailure.UNREACHABLE,
    41: AlertFailure.UNREACHABLE,
}
# Reason of OriginateResponse (Asterisk, ast_control frame numbers; 0: no channel could be made)
_BY_REASON: Final[Mapping[int, AlertFailure]] = {
    0: AlertFailure.UNREACHABLE,
    3: AlertFailure.NO_ANSWER,
    5: AlertFailure.BUSY,
    8: AlertFailure.UNREACHABLE,
}
# SIP statuses (RFC 3261, 21) of a trunk between servers; the far dialplan sends none of them for a phone
_NOT_THROUGH: Final = frozenset({400, 401, 407, 408, 488, 500, 502, 503, 504})
_CLEAR_REASONS: Final = frozenset({3, 5})  # the others say no more than that it failed


@dataclass(slots=True)
class AlertLeg:
    """One alert. ``has_leg``: its channel was seen, ``has_ended``: to end; ``is_refused``: the guard turned it away."""

    reservation_id: ReservationId
    device: Device
    caller_leg: LegId
    state: State = State.RINGING
    has_leg: bool = False
    has_ended: bool = False
    was_answered: bool = False
    is_refused: bool = False
    caller_gone: bool = False
    was_revoked: bool = False
    revokes: int = 0
    cause: int = 0
    reason: int | None = None
    is_unsent: bool = False
    is_over_trunk: bool = False
    has_rung: bool = False
    sip_status: int = 0

    def signal(self, signal: Signal) -> Act:
        """Take one step of the table; what the table does not know changes nothing (late news of a past state)."""
        following = TABLE.get((self.state, signal))
        if following is None:
            return Act.NONE
        self.was_revoked = self.was_revoked or self.state in REVOKING
        self.state, act = following
        return act

    @property
    def end_is_clear(self) -> bool:
        """Whether the leg's hang-up alone tells why; otherwise the OriginateResponse, which follows, does."""
        return self.state is not State.RINGING or self.was_answered or self.cause in _BY_CAUSE

    @property
    def is_over(self) -> bool:
        """Whether a failed Originate is the last news. A phone that refuses at once is told before its leg's hang-up,
        without a reason; the cause comes with that.
        """
        return self.has_ended or not self.has_leg or self.reason in _CLEAR_REASONS

    def failure(self) -> AlertFailure:
        """Say why an alert that is over did not become a conversation."""
        if self.was_revoked:
            return AlertFailure.REVOKED
        if self.is_unsent or (self.is_over_trunk and self.sip_status in _NOT_THROUGH):
            return AlertFailure.SERVER
        if self.is_refused:
            return AlertFailure.LOST
        if self.caller_gone or self.was_answered:
            return AlertFailure.CALLER_GONE
        by_cause = _BY_CAUSE.get(self.cause)
        by_reason = _BY_REASON.get(self.reason) if self.reason is not None else None
        if not self.has_leg:
            return by_reason or AlertFailure.FAILED
        return by_cause or by_reason or AlertFailure.FAILED
