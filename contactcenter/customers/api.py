"""REST resources of people and organisations."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import (
    Body,
    Id,
    Instant,
    Line,
    Name,
    Out,
    PageOut,
    Paragraphs,
    SearchQuery,
    given,
    page_of,
)
from contactcenter.customers.model import ContactKind, Organisation, Person
from contactcenter.customers.numbers import formatted
from contactcenter.customers.service import CustomerService

routes = Routes()
Number = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
SpokenLanguage = Annotated[str, StringConstraints(pattern=r"^([a-z]{2})?$")]


class OrganisationOut(Out):
    """A company."""

    id: str
    name: str


class NumberOut(Out):
    """A telephone number: E.164, its extension, and how people write it."""

    number: str
    extension: str
    display: str


class PersonOut(Out):
    """A customer; ``value_per_year`` in whole units of ``currency``."""

    id: str
    name: str
    title: str
    organisation: OrganisationOut | None
    is_vip: bool
    heed: str
    language: str
    note: str
    since: Instant | None
    value_per_year: int | None
    currency: str
    numbers: list[NumberOut]
    emails: list[str]


class PeoplePage(PageOut[PersonOut]):
    """People by name."""


class OrganisationPage(PageOut[OrganisationOut]):
    """Organisations by name."""


class PersonPatch(Body):
    """What to change of a person; fields left out stay, lists are replaced whole.

    ``organisation`` is a name, joined or made; ``organisation_id`` an existing one, null for none.
    """

    name: Name = ""
    title: Annotated[Line, Field(max_length=120)] = ""
    organisation: Annotated[Line, Field(max_length=200)] = ""
    organisation_id: Id | None = None
    is_vip: bool = False
    heed: Line = ""
    language: SpokenLanguage = ""
    note: Paragraphs = ""
    value_per_year: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    currency: Currency = "EUR"
    numbers: Annotated[list[Number], Field(max_length=20)] = Field(default_factory=list)
    emails: Annotated[list[Email], Field(max_length=20)] = Field(default_factory=list)


class PersonIn(PersonPatch):
    """A new person."""

    name: Name


class OrganisationIn(Body):
    """A new organisation, with its main number if known."""

    name: Name
    number: Number | None = None


@routes.get("/api/v1/people", right=Right.CUSTOMERS_READ, query=SearchQuery, returns=PeoplePage, tag="customers")
async def list_people(call: Call[None]) -> PageOut[PersonOut]:
    """Search people by name, organisation or number."""
    service = call.services[CustomerService]
    return page_of(await service.list_people(call.principal, call.query.paging, call.query.q), PeoplePage, person_out)


@routes.post(
    "/api/v1/people", right=Right.CUSTOMERS_WRITE, body=PersonIn, returns=PersonOut, status=201, tag="customers"
)
async def create_person(call: Call[PersonIn]) -> PersonOut:
    """Create a person."""
    return person_out(await call.services[CustomerService].create_person(call.principal, _values(call.body)))


@routes.get("/api/v1/people/{person_id}", right=Right.CUSTOMERS_READ, returns=PersonOut, tag="customers")
async def get_person(call: Call[None]) -> PersonOut:
    """Read one person."""
    return person_out(await call.services[CustomerService].get_person(call.principal, call.path["person_id"]))


@routes.patch(
    "/api/v1/people/{person_id}", right=Right.CUSTOMERS_WRITE, body=PersonPatch, returns=PersonOut, tag="customers"
)
async def update_person(call: Call[PersonPatch]) -> PersonOut:
    """Change a person."""
    service = call.services[CustomerService]
    return person_out(await service.update_person(call.principal, call.path["person_id"], _values(call.body)))


@routes.delete("/api/v1/people/{person_id}", right=Right.CUSTOMERS_ERASE, tag="customers")
async def erase_person(call: Call[None]) -> None:
    """Erase a person for ever: name, numbers, addresses, notes, texts of tickets. Counts and times stay."""
    await call.services[CustomerService].erase_person(call.principal, call.path["person_id"])


@routes.get(
    "/api/v1/organisations",
    right=Right.CUSTOMERS_READ,
    query=SearchQuery,
    returns=OrganisationPage,
    tag="customers",
)
async def list_organisations(call: Call[None]) -> PageOut[OrganisationOut]:
    """Search organisations by name."""
    service = call.services[CustomerService]
    page = await service.list_organisations(call.principal, call.query.paging, call.query.q)
    return page_of(page, OrganisationPage, _organisation_out)


@routes.post(
    "/api/v1/organisations",
    right=Right.CUSTOMERS_WRITE,
    body=OrganisationIn,
    returns=OrganisationOut,
    status=201,
    tag="customers",
)
async def create_organisation(call: Call[OrganisationIn]) -> OrganisationOut:
    """Create an organisation, or return the one of that name."""
    service = call.services[CustomerService]
    made = await service.create_organisation(call.principal, call.body.name, call.body.number or "")
    return _organisation_out(made)


def _values(body: PersonPatch) -> dict[str, Any]:
    return given(body)


def person_out(person: Person) -> PersonOut:
    """Return a person for the API."""
    numbers = [
        NumberOut(number=point.value, extension=point.extension, display=formatted(point.value))
        for point in person.contact_points
        if point.kind is ContactKind.PHONE
    ]
    organisation = _organisation_out(person.organisation) if person.organisation else None
    same = {name: getattr(person, name) for name in _SAME}
    return PersonOut(id=person.person_id, organisation=organisation, numbers=numbers, emails=person.emails, **same)


_SAME = ("name", "title", "is_vip", "heed", "language", "note", "since", "value_per_year", "currency")


def _organisation_out(organisation: Organisation) -> OrganisationOut:
    return OrganisationOut(id=organisation.organisation_id, name=organisation.name)
