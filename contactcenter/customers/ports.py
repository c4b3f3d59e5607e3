"""What the customers room needs of rooms above it: to let go of a person."""

from collections.abc import Collection
from typing import Protocol

from contactcenter.core.database import Transaction
from contactcenter.core.ids import PersonId


class Traces(Protocol):
    """What another room holds of a person."""

    async def find_traces(self, numbers: Collection[str]) -> Collection[str]:
        """Return the ids of contacts that are nobody's and came by these numbers (E.164). May take long."""
        ...

    def erase_traces(self, tx: Transaction, person_id: PersonId, contacts: Collection[str]) -> Collection[str]:
        """Remove every name, number and text of the person, in the caller's commit; counts and times stay.

        ``contacts`` are ids of contacts known to be his; returns the ids of those this room knows besides. Raises
        Conflict ``person-in-contact`` while he is in contact: what is written of that would come back.
        """
        ...
