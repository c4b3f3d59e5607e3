"""A promise to call a customer back: what it holds, the table of its states, and when he is called again. Pure.

A caller leaves his place in line and hangs up. When his turn comes an agent is rung, and only when the agent is there
the customer is called: nobody who is called back waits. Each turn is an interaction of its own, in line at the place he
left. Who is not reached has another turn after a pause, a few times; then people take over, by a ticket.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contactcenter.core.events import Event, event
from contactcenter.core.ids import CallbackId, InteractionId, PersonId, QueueId, ServerId


class CallbackState(StrEnum):
    """Where a promise is; in exactly one at any time."""

    ASKED = "asked"  # he is still on the line
    WAITING = "waiting"  # in line, at his place
    CALLING = "calling"  # an agent has it: the customer is called, or they talk
    PAUSED = "paused"  # not reached; in line again at ``next_at``
    DONE = "done"  # he was reached, or spoke with somebody in the queue before his turn
    WITHDRAWN = "withdrawn"  # somebody cancelled it
    GIVEN_UP = "given-up"  # a ticket says so


class CallResult(StrEnum):
    """How the last call of the customer ended that he did not answer."""

    NONE = ""
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"  # the agent left before
    UNKNOWN = "unknown"  # nobody saw its end: he may have answered, so he is not called again by itself
    NOT_CALLED = "not-called"  # the call could not be written down, so it was not made


class CallbackStep(StrEnum):
    """What moves a promise on."""

    CALLER_LEFT = "caller-left"
    CALLER_STAYED = "caller-stayed"
    AGENT_JOINED = "agent-joined"
    MISSED = "missed"
    DUE = "due"
    REACHED = "reached"
    WITHDRAW = "withdraw"
    GIVE_UP = "give-up"


_S, _P = CallbackState, CallbackStep
STATES: Final[Mapping[tuple[CallbackState, CallbackStep], CallbackState]] = {
    (_S.ASKED, _P.CALLER_LEFT): _S.WAITING,
    (_S.ASKED, _P.CALLER_STAYED): _S.WITHDRAWN,
    (_S.ASKED, _P.WITHDRAW): _S.WITHDRAWN,
    (_S.ASKED, _P.REACHED): _S.DONE,
    (_S.WAITING, _P.AGENT_JOINED): _S.CALLING,
    (_S.WAITING, _P.REACHED): _S.DONE,
    (_S.WAITING, _P.MISSED): _S.PAUSED,
    (_S.WAITING, _P.WITHDRAW): _S.WITHDRAWN,
    (_S.WAITING, _P.GIVE_UP): _S.GIVEN_UP,
    (_S.CALLING, _P.REACHED): _S.DONE,
    (_S.CALLING, _P.MISSED): _S.PAUSED,
    (_S.CALLING, _P.GIVE_UP): _S.GIVEN_UP,
    (_S.PAUSED, _P.DUE): _S.WAITING,
    (_S.PAUSED, _P.REACHED): _S.DONE,
    (_S.PAUSED, _P.WITHDRAW): _S.WITHDRAWN,
    (_S.PAUSED, _P.GIVE_UP): _S.GIVEN_UP,
}
OVER: Final = frozenset({_S.DONE, _S.WITHDRAWN, _S.GIVEN_UP})


class IllegalCallbackStep(Exception):
    """A step the table does not know in this state; nothing was changed."""


@dataclass(slots=True)
class Callback:
    """One promise. ``asked_in``: the call in which it was made; ``interaction_id``: its present turn's, or last one's.

    ``number`` is in E.164; ``caller_number`` and ``caller_name`` as the network told them, ``dialed`` what he had
    dialed, which he sees when he is called. ``entered_at`` is his place in line. ``attempts``: how often he was called;
    ``result``: how that ended the last time.
    """

    callback_id: CallbackId
    asked_in: InteractionId
    server_id: ServerId
    queue_id: QueueId
    number: str
    caller_number: str
    caller_name: str
    dialed: str
    entered_at: datetime
    asked_at: datetime
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    person_id: PersonId | None = None
    state: CallbackState = CallbackState.ASKED
    interaction_id: InteractionId | None = None
    attempts: int = 0
    next_at: datetime | None = None
    result: CallResult = CallResult.NONE
    dialed_at: datetime | None = None  # of the present turn
    reached_at: datetime | None = None
    ended_at: datetime | None = None
    is_told: bool = False  # the word to call him was given in this turn, or may have been

    def advance(self, step: CallbackStep) -> None:
        """Take one step of the table. Raises IllegalCallbackStep and changes nothing when it has no such row."""
        following = STATES.get((self.state, step))
        if following is None:
            raise IllegalCallbackStep(f"{step} in {self.state}")
        self.state = following

    @property
    def is_over(self) -> bool:
        """True when nobody will call him for it any more."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """``attempts`` calls at most, ``pause`` seconds between two; each rings ``ring_time`` seconds.

    Whoever was not called within ``give_up_after`` seconds since he asked becomes a ticket. Only numbers of these
    ``countries`` are called; ``most_open`` promises are open at once, ``most_a_day`` are given to one number in a day.
    """

    attempts: int = 3
    pause: float = 600.0
    ring_time: float = 30.0
    give_up_after: float = 172_800.0
    countries: tuple[str, ...] = ()
    most_open: int = 1000
    most_a_day: int = 3


def next_try(one: Callback, rules: CallbackRules, now: datetime) -> datetime | None:
    """Return when he is in line again after a call he did not answer; None: he is not."""
    if one.result is CallResult.UNKNOWN or one.attempts >= rules.attempts:
        return None
    again = now + timedelta(seconds=rules.pause)
    return again if again < one.asked_at + timedelta(seconds=rules.give_up_after) else None


def is_too_old(one: Callback, rules: CallbackRules, now: datetime) -> bool:
    """Whether he has been waiting for the call longer than anybody would."""
    return now - one.asked_at > timedelta(seconds=rules.give_up_after)


# ------------------------------------------------------------------ events


@event("callback-changed", subject="callback_id")
@dataclass(frozen=True, slots=True)
class CallbackChanged(Event):
    """A promise to call back went on; ``interaction_id``: of the call it was asked in, or its present turn.

    ``result``: how the last call of the customer ended, if he did not answer.
    """

    callback_id: CallbackId
    state: CallbackState
    queue_id: QueueId
    interaction_id: str
    attempts: int
    result: CallResult
