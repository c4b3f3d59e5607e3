"""Events: what happened, as facts in the past participle. The ``events`` table is journal and outbox in one.

An event holds ids and codes only, never a number, a name or a text: those live in rows that can be erased, so the
journal, replays and hash chains stay valid. Rooms declare their events in ``model.py``:

>>> @event("ticket-opened", subject="ticket_id")
... @dataclass(frozen=True, slots=True)
... class TicketOpened(Event):
...     ticket_id: TicketId
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, TypeVar

import msgspec
from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

from contactcenter.core.clock import from_timestamp

metadata = MetaData()
"""Every room's tables; ``core/migrations`` builds them."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as epoch microseconds: the same on SQLite and Postgres, exact and sortable."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """Store ``value`` as microseconds."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """Read microseconds as an aware datetime."""
        return None if value is None else from_timestamp(value / 1_000_000)


def to_microseconds(at: datetime) -> int:
    """Return epoch microseconds of an aware instant."""
    return round(at.timestamp() * 1_000_000)


class Event:
    """Base of all events; subclasses are frozen dataclasses registered by ``event``."""

    __slots__ = ()
    kind: ClassVar[str]
    subject_field: ClassVar[str]

    @property
    def subject(self) -> str:
        """Id of the thing the event is about."""
        return str(getattr(self, self.subject_field))


E = TypeVar("E", bound=type[Event])
_registry: dict[str, type[Event]] = {}


def event(kind: str, *, subject: str) -> Callable[[E], E]:
    """Register a dataclass as the event ``kind`` (stable kebab-case), about the thing named by field ``subject``."""

    def register(cls: E) -> E:
        if kind in _registry:
            raise ValueError(f"event kind {kind} is declared twice")
        if subject not in {field.name for field in dataclasses.fields(cls)}:  # type: ignore[arg-type]
            raise ValueError(f"event {kind} has no field {subject}")
        cls.kind, cls.subject_field = kind, subject
        _registry[kind] = cls
        return cls

    return register


def kinds() -> dict[str, type[Event]]:
    """Return every registered event class by kind."""
    return dict(_registry)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event with its instant, its actor (user id, '' for the system) and, once committed, its number."""

    event: Event
    at: datetime
    actor: str = ""
    seq: int = 0


LONGEST_SUBJECT: Final = 150
"""Characters: what the longest id has, a PBX's own Uniqueid with its system's name."""

events_table = Table(
    "events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("site_id", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("subject", String(LONGEST_SUBJECT), nullable=False),
    Column("actor", String(40), nullable=False),
    Column("data", Text, nullable=False),
    Index("events_subject", "subject", "seq"),
)

journal_table = Table(
    "journal",
    metadata,
    Column("site_id", String(40), primary_key=True),
    Column("epoch", String(40), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("owner", String(40)),  # who serves the site: a fencing token
)

_encoder = msgspec.json.Encoder()


def encode_data(event: Event) -> str:
    """Return the event's fields as JSON text."""
    return _encoder.encode(event).decode()


def decode(kind: str, data: str) -> Event:
    """Read an event back. Raises KeyError for a kind this program does not know."""
    return msgspec.json.decode(data, type=_registry[kind])
