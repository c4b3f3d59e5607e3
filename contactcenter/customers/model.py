"""Customers: people, organisations, their contact points, and who a caller may be.

Rules: a number shared by several people names none of them for sure, so candidates are ranked and never merged; a
contact point is one (kind, value) of one person or one organisation.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from contactcenter.core.errors import Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.ids import ContactPointId, OrganisationId, PersonId, TeamId

EXACT: Final = 92
EXTENSION: Final = 88
ONLY_COLLEAGUE: Final = 55
LEAST: Final = 10
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f<>\"(),:;\\\[\]]{1,64}@[^@\s\x00-\x1f<>\"(),:;\\\[\]]{1,190}\.[^@\s.]{2,63}")


class ContactKind(StrEnum):
    """What a contact point is."""

    PHONE = "phone"
    EMAIL = "email"


class Because(StrEnum):
    """Why a person may be the caller."""

    NUMBER_MATCHES = "number-matches"  # the number is one person's
    NUMBER_SHARED = "number-shared"  # several have it
    EXTENSION_MATCHES = "extension-matches"  # a company's number and one person's extension
    ORGANISATION_NUMBER = "organisation-number"  # a company's number, whoever calls from it
    CHOSEN = "chosen"  # an agent said so
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A company."""

    organisation_id: OrganisationId
    name: str


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A number (E.164) or address of a person; ``extension`` only for numbers."""

    contact_point_id: ContactPointId
    kind: ContactKind
    value: str
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer. ``heed`` is a warning shown first; ``value_per_year`` is in whole units of ``currency``."""

    person_id: PersonId
    name: str
    title: str = ""
    organisation: Organisation | None = None
    is_vip: bool = False
    heed: str = ""
    language: str = ""
    note: str = ""
    since: datetime | None = None
    value_per_year: int | None = None
    currency: str = "EUR"
    team_id: TeamId | None = None
    contact_points: Sequence[ContactPoint] = ()

    @property
    def numbers(self) -> list[ContactPoint]:
        """The telephone numbers."""
        return [point for point in self.contact_points if point.kind is ContactKind.PHONE]

    @property
    def emails(self) -> list[str]:
        """The mail addresses."""
        return [point.value for point in self.contact_points if point.kind is ContactKind.EMAIL]


@dataclass(frozen=True, slots=True)
class Match:
    """One row of the look-up: a person and how the number leads to him."""

    person_id: PersonId
    name: str
    organisation: str
    is_vip: bool
    language: str
    is_own: bool  # his own contact point, not his organisation's
    extension: str
    last_contact_at: datetime | None
    contact_count: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may be the caller; ``confidence`` is 0..100."""

    person_id: PersonId
    name: str
    organisation: str
    is_vip: bool
    language: str
    confidence: int
    because: Because


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who may be calling, the most likely first."""

    items: Sequence[Candidate] = ()

    @property
    def best(self) -> Candidate | None:
        """The one to show, when he is more likely than any other; several equals are for the agent to pick from."""
        if not self.items or (len(self.items) > 1 and self.items[0].confidence == self.items[1].confidence):
            return None
        return self.items[0]


@event("person-changed", subject="person_id")
@dataclass(frozen=True, slots=True)
class PersonChanged(Event):
    """A person was created or changed; ``fields`` names what changed."""

    person_id: PersonId
    change: str
    fields: tuple[str, ...] = ()


@event("organisation-changed", subject="organisation_id")
@dataclass(frozen=True, slots=True)
class OrganisationChanged(Event):
    """An organisation was created or changed."""

    organisation_id: OrganisationId
    change: str


def rank(matches: Sequence[Match], extension: str) -> list[Candidate]:
    """Order who may be calling, by certainty, then last contact, then number of contacts.

    One person's own number: 92. Shared by n: the first is lowered by 12 for each other (at most to 50), each further
    one by 10 more. A company's number: 55 for its only person, less for more. An extension picks one out: 88.
    """
    ordered = sorted(matches, key=_standing, reverse=True)
    chosen = [match for match in ordered if extension and match.extension == extension]
    if len(chosen) == 1:
        others = [match for match in ordered if match is not chosen[0]]
        first = _candidate(chosen[0], EXTENSION, Because.EXTENSION_MATCHES)
        return [first, *_lowered(others, 40, Because.NUMBER_SHARED)]
    own = [match for match in ordered if match.is_own]
    colleagues = [match for match in ordered if not match.is_own]
    return _owners(own, extension) + _colleagues(colleagues, has_owner=bool(own))


def _owners(own: Sequence[Match], extension: str) -> list[Candidate]:
    if len(own) == 1 and not extension:
        return [_candidate(own[0], EXACT, Because.NUMBER_MATCHES)]
    return _lowered(own, max(50, EXACT - 12 * len(own)), Because.NUMBER_SHARED)


def _colleagues(colleagues: Sequence[Match], *, has_owner: bool) -> list[Candidate]:
    first = 30 if has_owner else max(25, ONLY_COLLEAGUE - 5 * (len(colleagues) - 1))
    return _lowered(colleagues, first, Because.ORGANISATION_NUMBER)


def _lowered(matches: Sequence[Match], first: int, because: Because) -> list[Candidate]:
    """Give each less than the one before, but equals the same: those the history does not tell apart."""
    found: list[Candidate] = []
    confidence = first
    for index, match in enumerate(matches):
        if index and _standing(match) != _standing(matches[index - 1]):
            confidence = max(LEAST, first - 10 * index)
        found.append(_candidate(match, confidence, because))
    return found


def _standing(match: Match) -> tuple[bool, float, int]:
    last = match.last_contact_at.timestamp() if match.last_contact_at else 0.0
    return match.is_own, last, match.contact_count


def _candidate(match: Match, confidence: int, because: Because) -> Candidate:
    return Candidate(match.person_id, match.name, match.organisation, match.is_vip, match.language, confidence, because)


def search_key(text: str) -> str:
    """Return what makes two names alike to a searcher: no case, no accents, single spaces; at most 200 characters."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())[:200]


def email_value(text: str) -> str:
    """Return a mail address as stored. Raises Invalid for what is none."""
    value = text.strip().casefold()
    if not _EMAIL.fullmatch(value):
        raise Invalid("invalid", {"emails": "not-an-address"})
    return value


def with_points(person: Person, points: Sequence[ContactPoint]) -> Person:
    """Return the person with these contact points."""
    return replace(person, contact_points=tuple(points))
