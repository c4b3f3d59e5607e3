"""What the customers room needs of rooms above it: to let go of a person."""

from collections.abc import Collection
from typing import Protocol

from sqlalchemy import Connection

from contactcenter.core.database import Transaction
from contactcenter.core.ids import PersonId


class Traces(Protocol):
    """What another room holds of a person."""

    def find_traces(self, connection: Connection, numbers: Collection[str]) -> Collection[str]:
        """Return the ids of what is nobody's and came by these numbers (E.164). May take long: not in a commit."""
        ...

    def erase_traces(self, tx: Transaction, person_id: PersonId, also: Collection[str]) -> None:
        """Remove every name, number and text of the person, in the caller's commit; counts and times stay.

        ``also`` is what ``find_traces`` returned. Raises Conflict ``person-in-contact`` while he is in contact: what is
        written of that would come back.
        """
        ...
