"""How an interaction ends when its customer leaves. Pure."""

from typing import Final

from contactcenter.interactions.callbacks import CallbackState
from contactcenter.interactions.model import Interaction, Outcome, Phase

PBX_RESTARTED: Final = "pbx-restarted"
SERVER_AWAY: Final = "server-away"
"""The end of a call that met only the PBX's own queue, because nobody of us was there."""


def unserved_reason(item: Interaction) -> str:
    """Return ``SERVER_AWAY`` when the caller has waited in the PBX's own queue and reached none of ours, else ''."""
    return SERVER_AWAY if item.waits_since is not None and item.phase is Phase.FLOW else ""


UNALLOCATED: Final = 1
"""The Q.850 cause with which the dialplan ends a call where nobody is served."""


def outcome_of(item: Interaction, reason: str, cause: int) -> Outcome:
    """Return how it ends when the customer leaves now; ``reason`` is set when that is no ordinary hang-up.

    ``cause`` tells that nobody is served also where the flow's own word was lost with a process of ours.
    """
    if item.callback is not None and item.callback.reached_at is None:
        if item.segment is not None or item.callback.state is CallbackState.PAUSED:
            return Outcome.UNREACHED
        return Outcome.LOST if reason else Outcome.WITHDRAWN
    if item.segment is not None:
        return Outcome.ANSWERED
    if item.asks_back:
        return Outcome.CALLBACK
    if reason:
        return Outcome.LOST
    if item.phase in (Phase.WAITING, Phase.ALERTING):
        return Outcome.ABANDONED
    is_unserved = item.end_reason == Outcome.NO_SERVICE or (item.phase is Phase.FLOW and cause == UNALLOCATED)
    return Outcome.NO_SERVICE if is_unserved else Outcome.LEFT_IN_FLOW
