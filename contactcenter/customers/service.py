"""Use cases of customers: who is calling, the card's data, and keeping people and organisations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Invalid, NotFound
from contactcenter.core.ids import ContactPointId, Ids, OrganisationId, PersonId
from contactcenter.core.images import Image
from contactcenter.core.paging import Page, Paging
from contactcenter.core.permissions import SYSTEM, Principal, Right, Scope, require
from contactcenter.core.prepared import Query
from contactcenter.customers import store
from contactcenter.customers.model import (
    Candidates,
    ContactKind,
    ContactPoint,
    Organisation,
    OrganisationChanged,
    Person,
    PersonChanged,
    email_value,
    rank,
    search_key,
    with_points,
)
from contactcenter.customers.numbers import NumberReading, Reading, formatted, read_number
from contactcenter.customers.ports import Traces

_PLAIN: Final = frozenset(
    {"name", "title", "is_vip", "heed", "language", "note", "since", "value_per_year", "currency"}
)
_LISTS: Final = frozenset({"numbers", "emails", "organisation", "organisation_id"})
MAX_POINTS: Final = 40


@dataclass(frozen=True, slots=True)
class Card:
    """What the customers room knows for the card on an agent's screen; numbers are spaced for people."""

    person: Person
    numbers: Sequence[str]


class CustomerService:
    """People and organisations. ``region`` is the country national numbers are read in."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, region: str = "DE") -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._region = region
        self.traces: list[Traces] = []
        """Rooms that hold something of people, those that know contacts first; bound after construction."""

    # ------------------------------------------------------------------ for the program itself

    def read_number(self, text: str) -> NumberReading:
        """Read a caller's number as the network told it. Never raises."""
        return read_number(text, self._region)

    def find_by_number(self, connection: Connection, reading: NumberReading) -> Candidates:
        """Return who may be calling, ranked; one indexed query. For the program: it runs before an agent is chosen."""
        if reading.e164 is None:
            return Candidates()
        return Candidates(tuple(rank(store.find_matches(connection, reading.e164), reading.extension)))

    def card_query(self, person_id: str) -> Query[Card | None]:
        """Return the question for a person's card; ``''`` is nobody's id.

        For the program: the screen it goes to was checked for the interaction.
        """
        return store.caller_query(person_id).then(_card)

    # ------------------------------------------------------------------ people

    async def list_people(self, principal: Principal, paging: Paging, query: str = "") -> Page[Person]:
        """Return the people in reach by name; ``query`` looks in names, organisations and numbers in any form."""
        scope = require(principal, Right.CUSTOMERS_READ)
        e164 = read_number(query, self._region).e164 or ""
        return await self._database.read(lambda c: store.list_people(c, scope, principal, paging, query, e164))

    async def get_person(self, principal: Principal, person_id: str) -> Person:
        """Return one person. Raises NotFound when out of reach."""
        scope = require(principal, Right.CUSTOMERS_READ)
        return _found(await self._database.read(lambda c: store.find_person(c, scope, principal, person_id)))

    async def names(self, principal: Principal, person_ids: Collection[PersonId]) -> Mapping[PersonId, str]:
        """Return the names of those of these people who are in reach; of nobody without the right to read people."""
        if not person_ids or not principal.may(Right.CUSTOMERS_READ):
            return {}
        scope = require(principal, Right.CUSTOMERS_READ)
        return await self._database.read(lambda c: store.names(c, scope, principal, person_ids))

    async def create_person(self, principal: Principal, values: Mapping[str, Any]) -> Person:
        """Create a person of ``values``; see ``update_person``. Below site scope he belongs to the creator's team."""
        scope = require(principal, Right.CUSTOMERS_WRITE)
        self._check_values(values)
        team_id = min(principal.team_ids, default=None) if scope < Scope.SITE else None
        blank = Person(PersonId(self._ids.new()), "", team_id=team_id, since=self._clock.now())

        def work(tx: Transaction) -> Person:
            return self._save(tx, principal, blank, values, is_new=True)

        return await self._database.write(work)

    async def create_caller(self, principal: Principal, values: Mapping[str, Any]) -> Person:
        """Create the person of a call, by one number once: whoever is in reach with this very name and number is him.

        The answer to a first try may have been lost; see ``create_person``.
        """
        scope = require(principal, Right.CUSTOMERS_WRITE)
        name = str(values.get("name", ""))

        def look(connection: Connection) -> Person | None:
            number = next(iter(values.get("numbers", ())), None)
            matches = store.find_matches(connection, number) if number else []
            same = (one for one in matches if one.is_own and search_key(one.name) == search_key(name))
            found = next(same, None)
            return store.find_person(connection, scope, principal, found.person_id) if found else None

        return await self._database.read(look) or await self.create_person(principal, values)

    async def update_person(self, principal: Principal, person_id: str, changes: Mapping[str, Any]) -> Person:
        """Change a person: plain fields, ``numbers`` and ``emails`` (whole lists), and ``organisation_id``.

        ``organisation`` (a name) joins the organisation of that name, made when there is none. Raises NotFound out of
        reach, Invalid for a number nobody can dial.
        """
        scope = require(principal, Right.CUSTOMERS_WRITE)
        self._check_values(changes)

        def work(tx: Transaction) -> Person:
            before = _found(store.find_person(tx.connection, scope, principal, person_id))
            return self._save(tx, principal, before, changes, is_new=False)

        return await self._database.write(work)

    async def erase_person(self, principal: Principal, person_id: str) -> None:
        """Remove a person for ever: name, numbers, addresses, notes, and what other rooms hold of him; one commit.

        Contacts and tickets stay as they counted, with nobody's name. Repeatable: what was written of him meanwhile
        goes as well. Raises NotFound out of reach, Conflict ``person-in-contact`` while he is in contact.
        """
        scope = require(principal, Right.CUSTOMERS_ERASE)
        person = await self._database.read(lambda c: store.find_person(c, scope, principal, person_id))
        numbers = [point.value for point in person.numbers] if person else []
        found = {one for room in self.traces for one in await room.find_traces(numbers)}

        def work(tx: Transaction) -> None:
            is_again = store.is_erased(tx.connection, person_id)
            if not is_again:
                _found(store.find_person(tx.connection, scope, principal, person_id))
            contacts, erased = set(found), PersonId(person_id)
            for room in self.traces:
                contacts |= set(room.erase_traces(tx, erased, contacts))
            if not is_again:
                store.erase_person(tx, erased)
                tx.record(PersonChanged(erased, "erased"), principal.user_id)

        await self._database.write(work)

    def check_not_erased(self, connection: Connection, person_id: str | None) -> None:
        """Raise Conflict ``person-erased`` for a person of whom nothing may be written any more."""
        if person_id and store.is_erased(connection, person_id):
            raise Conflict("person-erased", {"person_id": person_id})

    def _check_values(self, values: Mapping[str, Any]) -> None:
        unknown = sorted(set(values) - _PLAIN - _LISTS)
        if unknown:
            raise Invalid("invalid", dict.fromkeys(unknown, "extra-forbidden"))
        if not str(values.get("name", "?")).strip():
            raise Invalid("invalid", {"name": "missing"})

    def _save(
        self, tx: Transaction, principal: Principal, before: Person, values: Mapping[str, Any], *, is_new: bool
    ) -> Person:
        after = replace(before, **{name: value for name, value in values.items() if name in _PLAIN})
        after = replace(after, organisation=self._organisation(tx, principal, before, values))
        after = with_points(after, self._points(before, values))
        store.save_person(tx, after, is_new=is_new)
        store.save_points(tx, after.person_id, after.contact_points)
        change = PersonChanged(after.person_id, "created" if is_new else "updated", tuple(sorted(values)))
        tx.record(change, principal.user_id)
        return _found(store.find_person(tx.connection, Scope.ALL, SYSTEM, after.person_id))

    def _points(self, before: Person, values: Mapping[str, Any]) -> list[ContactPoint]:
        phones = [self._phone(text) for text in values["numbers"]] if "numbers" in values else before.numbers
        addresses = values.get("emails", before.emails)
        mails = [self._point(ContactKind.EMAIL, email_value(text)) for text in addresses]
        points = {(point.kind, point.value): point for point in [*phones, *mails]}
        if len(points) > MAX_POINTS:
            raise Invalid("invalid", {"numbers": "too-many"})
        return list(points.values())

    def _phone(self, text: str) -> ContactPoint:
        reading = read_number(text, self._region)
        if reading.e164 is None:
            wrong = Reading.NOT_A_NUMBER if reading.withheld else reading.reason
            raise Invalid("invalid", {"numbers": wrong.value})
        return self._point(ContactKind.PHONE, reading.e164, reading.extension)

    def _point(self, kind: ContactKind, value: str, extension: str = "") -> ContactPoint:
        return ContactPoint(ContactPointId(self._ids.new()), kind, value, extension)

    # ------------------------------------------------------------------ organisations

    async def list_organisations(self, principal: Principal, paging: Paging, query: str = "") -> Page[Organisation]:
        """Return the organisations in reach by name."""
        scope = require(principal, Right.CUSTOMERS_READ)
        return await self._database.read(lambda c: store.list_organisations(c, scope, principal, paging, query))

    async def create_organisation(self, principal: Principal, name: str, number: str = "") -> Organisation:
        """Create an organisation, with a main number if given; an existing one of that name is returned as it is."""
        require(principal, Right.CUSTOMERS_WRITE)
        point = self._phone(number) if number else None

        def work(tx: Transaction) -> Organisation:
            known = store.find_organisation(tx.connection, name=name)
            if known is not None:
                return known
            made = self._make_organisation(tx, principal, name)
            if point is not None:
                store.save_organisation_number(tx, made.organisation_id, point)
            return made

        return await self._database.write(work)

    def _organisation(
        self, tx: Transaction, principal: Principal, before: Person, values: Mapping[str, Any]
    ) -> Organisation | None:
        if values.get("organisation_id"):
            found = store.find_organisation(tx.connection, organisation_id=values["organisation_id"])
            if found is None:
                raise Invalid("invalid", {"organisation_id": "unknown"})
            return found
        if values.get("organisation"):
            known = store.find_organisation(tx.connection, name=values["organisation"])
            return known or self._make_organisation(tx, principal, values["organisation"])
        return before.organisation if not {"organisation", "organisation_id"} & set(values) else None

    def _make_organisation(self, tx: Transaction, principal: Principal, name: str) -> Organisation:
        organisation = Organisation(OrganisationId(self._ids.new()), " ".join(name.split()))
        store.insert_organisation(tx, organisation)
        tx.record(OrganisationChanged(organisation.organisation_id, "created"), principal.user_id)
        return organisation


def contacted(person_id: PersonId, reading: NumberReading, at: datetime) -> list[Image]:
    """Return what remembers a contact by this number, for the commit of its interaction; ranks who share a number."""
    return [] if reading.e164 is None else [store.contacted(person_id, reading.e164, at)]


def _card(person: Person | None) -> Card | None:
    if person is None:
        return None
    numbers = [formatted(p.value) + (f" ext. {p.extension}" if p.extension else "") for p in person.numbers]
    return Card(person, numbers)


def _found(person: Person | None) -> Person:
    if person is None:
        raise NotFound("not-found")
    return person
