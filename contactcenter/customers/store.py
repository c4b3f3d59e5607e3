"""Tables and queries of people, organisations and contact points."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.ids import ContactPointId, OrganisationId, PersonId
from contactcenter.core.images import Change, Image
from contactcenter.core.paging import Page, Paging, cut
from contactcenter.core.permissions import Principal, Scope
from contactcenter.core.prepared import Prepared, Query
from contactcenter.customers.model import ContactKind, ContactPoint, Match, Organisation, Person, search_key

MAX_CANDIDATES: Final = 12

organisations_table = Table(
    "organisations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("organisations_name", "name_key"),
)
people_table = Table(
    "people",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False),
    Column("title", String(120), nullable=False),
    Column("organisation_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("is_vip", Boolean, nullable=False),
    Column("heed", String(500), nullable=False),
    Column("language", String(10), nullable=False),
    Column("note", Text, nullable=False),
    Column("since", Instant, nullable=True),
    Column("value_per_year", Integer, nullable=True),
    Column("currency", String(3), nullable=False),
    Column("team_id", String(40), ForeignKey("teams.id"), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("erased_at", Instant, nullable=True),
    Index("people_name", "name_key", "id"),
    Index("people_organisation", "organisation_id"),
)
contact_points_table = Table(
    "contact_points",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("value", String(320), nullable=False),
    Column("extension", String(10), nullable=False),
    Column("person_id", String(40), ForeignKey("people.id"), nullable=True),
    Column("organisation_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("last_contact_at", Instant, nullable=True),
    Column("contact_count", Integer, nullable=False),
    UniqueConstraint("kind", "value", "person_id", name="contact_points_of_person"),
    UniqueConstraint("kind", "value", "organisation_id", name="contact_points_of_organisation"),
    Index("contact_points_person", "person_id"),
)

_people = people_table.c
_points = contact_points_table.c
_organisations = organisations_table.c
_PEOPLE = select(people_table, _organisations.name.label("organisation_name")).select_from(
    people_table.outerjoin(organisations_table, _organisations.id == _people.organisation_id)
)
_PERSON = _PEOPLE.where(_people.id == bindparam("person_id"), _people.erased_at.is_(None))
_POINTS_OF = (
    select(contact_points_table).where(_points.person_id.in_(bindparam("ids", expanding=True))).order_by(_points.id)
)
# On the path of a call: one row per contact point, one at least.
_CALLER = Prepared(
    select(
        people_table,
        _organisations.name.label("organisation_name"),
        _points.id.label("point_id"),
        _points.kind,
        _points.value,
        _points.extension,
    )
    .select_from(
        people_table.outerjoin(organisations_table, _organisations.id == _people.organisation_id).outerjoin(
            contact_points_table, _points.person_id == _people.id
        )
    )
    .where(_people.id == bindparam("person_id"), _people.erased_at.is_(None))
    .order_by(_points.id)
)
_CONTACTED = Change(
    update(contact_points_table)
    .where(
        _points.kind == ContactKind.PHONE.value,
        _points.value == bindparam("number"),
        _points.person_id == bindparam("person"),
    )
    .values(last_contact_at=bindparam("at"), contact_count=_points.contact_count + 1)
)
_PLAIN = ("name", "title", "is_vip", "heed", "language", "note", "since", "value_per_year", "currency")

# One statement, two index walks: whose number it is, and whose company's number it is.
_LOOK_UP = Prepared(
    text(
        """
    SELECT p.id AS id, p.name AS name, o.name AS organisation, p.is_vip AS is_vip, p.language AS language,
           TRUE AS is_own, c.extension AS extension, c.last_contact_at AS last_contact_at, c.contact_count AS contacts
      FROM contact_points c JOIN people p ON p.id = c.person_id LEFT JOIN organisations o ON o.id = p.organisation_id
     WHERE c.kind = 'phone' AND c.value = :number
    UNION ALL
    SELECT p.id, p.name, o.name, p.is_vip, p.language, FALSE, '', c.last_contact_at, 0
      FROM contact_points c JOIN people p ON p.organisation_id = c.organisation_id
           JOIN organisations o ON o.id = c.organisation_id
     WHERE c.kind = 'phone' AND c.value = :number
     ORDER BY is_own DESC, last_contact_at DESC NULLS LAST, contacts DESC
     LIMIT :most
    """
    ).columns(is_vip=Boolean, is_own=Boolean, last_contact_at=Instant)
)


def within(scope: Scope, principal: Principal) -> ColumnElement[bool]:
    """Return the condition that keeps the people this scope reaches: below site, those of the principal's teams.

    Whoever was erased is out of everybody's reach.
    """
    is_there = _people.erased_at.is_(None)
    return is_there if scope >= Scope.SITE else is_there & _people.team_id.in_(principal.team_ids)


# ------------------------------------------------------------------ who is calling


def find_matches(connection: Connection, e164: str) -> list[Match]:
    """Return everyone the number may lead to, each once, the program's own look-up before anybody is asked."""
    found: dict[str, Match] = {}
    for row in _LOOK_UP.rows(connection, {"number": e164, "most": MAX_CANDIDATES}):
        found.setdefault(row.id, _match(row))
    return list(found.values())


def _match(row: Any) -> Match:
    return Match(
        PersonId(row.id),
        row.name,
        row.organisation or "",
        row.is_vip,
        row.language,
        row.is_own,
        row.extension,
        row.last_contact_at,
        row.contacts,
    )


def contacted(person_id: PersonId, e164: str, at: datetime) -> Image:
    """Return the change that remembers that this person was in contact by this number; it ranks people who share it."""
    return _CONTACTED, {"number": e164, "person": person_id, "at": at}


# ------------------------------------------------------------------ people


def list_people(
    connection: Connection, scope: Scope, principal: Principal, paging: Paging, query: str = "", e164: str = ""
) -> Page[Person]:
    """Return people by name whose name or organisation contains ``query``, or who have the number ``e164``."""
    statement = _PEOPLE.where(within(scope, principal)).order_by(_people.name_key, _people.id)
    after = paging.key(str, str)
    if after is not None:
        statement = statement.where(tuple_(_people.name_key, _people.id) > tuple_(*after))
    if query:
        statement = statement.where(_matches(query, e164))
    rows = connection.execute(statement.limit(paging.limit + 1)).all()
    return cut(_persons(connection, rows), paging.limit, lambda person: (search_key(person.name), person.person_id))


def _matches(query: str, e164: str) -> ColumnElement[bool]:
    key = search_key(query)
    named = or_(_people.name_key.contains(key, autoescape=True), _organisations.name_key.contains(key, autoescape=True))
    digits = "".join(char for char in query if char.isascii() and char.isdigit())
    if len(digits) < 4:
        return named if key else true()
    by_number = exists().where(_points.person_id == _people.id, _points.kind == ContactKind.PHONE.value)
    same = _points.value == e164 if e164 else _points.value.contains(digits.lstrip("0"), autoescape=True)
    return or_(named, by_number.where(same))


def find_person(connection: Connection, scope: Scope, principal: Principal, person_id: str) -> Person | None:
    """Return one person if the scope reaches him."""
    query = _PERSON if scope >= Scope.SITE else _PERSON.where(within(scope, principal))
    rows = connection.execute(query, {"person_id": person_id}).all()
    found = _persons(connection, rows)
    return found[0] if found else None


def caller_query(person_id: str) -> Query[Person | None]:
    """Return the question for one person, whoever asks: the program's own look-up on the path of a call."""
    return Query(_CALLER, {"person_id": person_id}, _caller)


def _caller(rows: list[Any]) -> Person | None:
    points = [_point(row.point_id, row) for row in rows if row.point_id is not None]
    return _person(rows[0], points) if rows else None


def names(
    connection: Connection, scope: Scope, principal: Principal, person_ids: Collection[str]
) -> dict[PersonId, str]:
    """Return the names of those of these people whom the scope reaches."""
    reached = select(_people.id, _people.name).where(_people.id.in_(person_ids), within(scope, principal))
    return {PersonId(row.id): row.name for row in connection.execute(reached)}


def save_person(tx: Transaction, person: Person, *, is_new: bool) -> None:
    """Store a person; contact points have their own function."""
    values: dict[str, Any] = {name: getattr(person, name) for name in _PLAIN}
    values["name_key"] = search_key(person.name)
    values["organisation_id"] = person.organisation.organisation_id if person.organisation else None
    if is_new:
        row = {"id": person.person_id, "team_id": person.team_id, "created_at": tx.now, **values}
        tx.execute(insert(people_table), row)
    else:
        tx.execute(update(people_table).where(_people.id == person.person_id), values)


def is_erased(connection: Connection, person_id: str) -> bool:
    """Tell whether there was such a person, and is no more."""
    gone = select(_people.id).where(_people.id == person_id, _people.erased_at.is_not(None))
    return connection.execute(gone).first() is not None


def erase_person(tx: Transaction, person_id: PersonId) -> None:
    """Keep of a person nothing but the row that others refer to."""
    tx.execute(delete(contact_points_table).where(_points.person_id == person_id))
    blank = dict.fromkeys(("name", "name_key", "title", "heed", "language", "note"), "")
    nothing = dict.fromkeys(("organisation_id", "since", "value_per_year"))
    values = {**blank, **nothing, "is_vip": False, "erased_at": tx.now}
    tx.execute(update(people_table).where(_people.id == person_id), values)


def save_points(tx: Transaction, person_id: PersonId, points: Iterable[ContactPoint]) -> None:
    """Make these a person's contact points; those he keeps keep their history."""
    wanted = {(point.kind.value, point.value): point for point in points}
    rows = tx.execute(select(_points.id, _points.kind, _points.value).where(_points.person_id == person_id)).all()
    known = {(row.kind, row.value): row.id for row in rows}
    gone = [point_id for key, point_id in known.items() if key not in wanted]
    tx.execute(delete(contact_points_table).where(_points.id.in_(gone)))
    for key, point in wanted.items():
        if key in known:
            tx.execute(update(contact_points_table).where(_points.id == known[key]), {"extension": point.extension})
        else:
            _insert_point(tx, point, person_id=person_id)


def save_organisation_number(tx: Transaction, organisation_id: OrganisationId, point: ContactPoint) -> None:
    """Give an organisation a main number."""
    _insert_point(tx, point, organisation_id=organisation_id)


def _insert_point(tx: Transaction, point: ContactPoint, **owner: str) -> None:
    row = {
        "id": point.contact_point_id,
        "kind": point.kind.value,
        "value": point.value,
        "extension": point.extension,
        "contact_count": 0,
    }
    tx.execute(insert(contact_points_table), {**row, **owner})


def _persons(connection: Connection, rows: Iterable[Row[Any]]) -> list[Person]:
    found = list(rows)
    points = _points_of(connection, [row.id for row in found])
    return [_person(row, points.get(row.id, [])) for row in found]


def _points_of(connection: Connection, person_ids: list[str]) -> Mapping[str, list[ContactPoint]]:
    points: dict[str, list[ContactPoint]] = {}
    for row in connection.execute(_POINTS_OF, {"ids": person_ids}):
        points.setdefault(row.person_id, []).append(_point(row.id, row))
    return points


def _point(point_id: str, row: Any) -> ContactPoint:
    return ContactPoint(ContactPointId(point_id), ContactKind(row.kind), row.value, row.extension)


def _person(row: Any, points: list[ContactPoint]) -> Person:
    organisation = None
    if row.organisation_id is not None:
        organisation = Organisation(OrganisationId(row.organisation_id), row.organisation_name)
    plain = {name: getattr(row, name) for name in _PLAIN}
    return Person(
        PersonId(row.id), organisation=organisation, team_id=row.team_id, contact_points=tuple(points), **plain
    )


# ------------------------------------------------------------------ organisations


def list_organisations(
    connection: Connection, scope: Scope, principal: Principal, paging: Paging, query: str = ""
) -> Page[Organisation]:
    """Return organisations by name; below site scope, those with a person in reach."""
    key = _organisations.name_key
    statement = select(organisations_table).order_by(key, _organisations.id)
    if scope < Scope.SITE:
        reached = exists().where(_people.organisation_id == _organisations.id, within(scope, principal))
        statement = statement.where(reached)
    after = paging.key(str, str)
    if after is not None:
        statement = statement.where(tuple_(key, _organisations.id) > tuple_(*after))
    if query:
        statement = statement.where(key.contains(search_key(query), autoescape=True))
    rows = connection.execute(statement.limit(paging.limit + 1)).all()
    items = [Organisation(OrganisationId(row.id), row.name) for row in rows]
    return cut(items, paging.limit, lambda item: (search_key(item.name), item.organisation_id))


def find_organisation(connection: Connection, *, organisation_id: str = "", name: str = "") -> Organisation | None:
    """Return the organisation with this id or, in any spelling of case and accents, this name.

    Without a scope: it only joins a person to a company, and answers nothing but what the caller said.
    """
    by = _organisations.id == organisation_id if organisation_id else _organisations.name_key == search_key(name)
    row = connection.execute(select(organisations_table).where(by).order_by(_organisations.id).limit(1)).one_or_none()
    return Organisation(OrganisationId(row.id), row.name) if row else None


def insert_organisation(tx: Transaction, organisation: Organisation) -> None:
    """Store a new organisation."""
    row = {"id": organisation.organisation_id, "name": organisation.name, "created_at": tx.now}
    tx.execute(insert(organisations_table), {**row, "name_key": search_key(organisation.name)})
