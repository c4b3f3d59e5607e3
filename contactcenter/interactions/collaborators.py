"""What ``assignments`` asks of those beside it, who are bound after it was made."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from contactcenter.core.ids import QueueId
from contactcenter.interactions import ports
from contactcenter.interactions.model import Interaction

Admit = Callable[[Interaction, ports.PlaceInLine], ports.PlaceInLine | ports.Diverted]
"""Tells where a caller who is to wait in one line really goes, by the queues' limits."""


class NobodyCallsBack:
    """Stands in until the promises are bound."""

    def call_of(self, item: Interaction) -> None:
        """See CallingBack."""

    connected = left = no_stand_in = call_of

    def enqueued(self, item: Interaction, queue_id: QueueId) -> None:
        """See CallingBack."""

    def reached(self, fact: ports.CustomerReached | ports.CustomerMissed) -> None:
        """See CallingBack."""

    missed = reached

    def attach(self, items: Sequence[Interaction]) -> None:
        """See CallingBack."""

    def still_there(self, item: Interaction, leg: ports.LiveLeg, at: datetime) -> None:
        """See CallingBack."""

    def ended_unheard(self, item: Interaction, told: ports.EndedLeg) -> None:
        """See CallingBack."""


class CallingBack(Protocol):
    """What becomes of promises to call back (``calling_back``), told as it happens; most of it of any interaction."""

    def call_of(self, item: Interaction) -> ports.CustomerCall | None:
        """Return whom to call when the agent who is to be alerted is there; None: the customer is on the line."""
        ...

    def enqueued(self, item: Interaction, queue_id: QueueId) -> None:
        """A caller is to wait in this line himself; his place may be set until the visit begins."""
        ...

    def no_stand_in(self, item: Interaction) -> None:
        """An alert failed for which no agent is to blame: of a turn, there was no leg to stand in for the customer."""
        ...

    def connected(self, item: Interaction) -> None:
        """An agent is there."""
        ...

    def reached(self, fact: ports.CustomerReached) -> None:
        """The customer answered our call."""
        ...

    def missed(self, fact: ports.CustomerMissed) -> None:
        """He did not; the end of his leg follows."""
        ...

    def attach(self, items: Sequence[Interaction]) -> None:
        """These interactions were read from the store: join them with their promises."""
        ...

    def still_there(self, item: Interaction, leg: ports.LiveLeg, at: datetime) -> None:
        """A customer's leg of a turn that talks is up, after a gap."""
        ...

    def ended_unheard(self, item: Interaction, told: ports.EndedLeg) -> None:
        """A customer's leg of a turn that talked is gone, as the records of a gap tell."""
        ...

    def left(self, item: Interaction) -> None:
        """It ended: the customer is gone, or nobody calls him."""
        ...
