"""Tables and queries of queues, their skills and dispositions, and of dialed numbers."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    false,
    insert,
    select,
    text,
    true,
    update,
)

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.hours import HoursText
from contactcenter.core.ids import QueueId, SiteId, SkillId, TeamId
from contactcenter.core.permissions import Principal, Scope
from contactcenter.core.versions import number_of
from contactcenter.queues.model import (
    VERSIONS,
    Announced,
    DialedNumber,
    Disposition,
    Queue,
    Step,
    ValueStep,
    Way,
    name_key,
)
from contactcenter.queues.rules import Known
from routing.commands import AgentRule, WorkOrder

queues_table = Table(
    "queues",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("name_key", String(120), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("target_time", Float, nullable=False),
    Column("goal", Integer, nullable=False),
    Column("ring_time", Float, nullable=False),
    Column("wrap_up_time", Float, nullable=False),
    Column("wrap_up_extension", Float, nullable=False),
    Column("wrap_up_limit", Float, nullable=False),
    Column("short_abandon_time", Float, nullable=False),
    Column("needs_disposition", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("order", String(20), nullable=False, server_default="balanced"),
    Column("aging", Float, nullable=False, server_default=text("60")),
    Column("late_after", Float, nullable=True, server_default=text("60")),
    Column("late_guard", Float, nullable=False, server_default=text("600")),
    Column("weight", Float, nullable=False, server_default=text("1")),
    Column("agent_rule", String(20), nullable=False, server_default="least-flexible"),
    Column("idle_guard", Float, nullable=False, server_default=text("5")),
    Column("preferred_wait", Float, nullable=False, server_default=text("0")),
    Column("vip_reserve", Integer, nullable=False, server_default=text("0")),
    Column("any_of", JSON, nullable=False, server_default="[]"),
    Column("teams", JSON, nullable=False, server_default="[]"),
    Column("preferred", JSON, nullable=False, server_default="{}"),
    Column("steps", JSON, nullable=False, server_default="[]"),
    Column("interrupts", JSON, nullable=False, server_default="[]"),
    Column("value_steps", JSON, nullable=False, server_default="[]"),
    Column("hours", JSON, nullable=True),
    Column("when_closed", JSON, nullable=True),
    Column("max_waiting", Integer, nullable=True),
    Column("when_full", JSON, nullable=True),
    Column("max_wait", Float, nullable=True),
    Column("when_too_long", JSON, nullable=True),
    Column("when_nobody", JSON, nullable=True),
    Column("nobody_after", Float, nullable=False, server_default=text("30")),
    Column("announce_every", Float, nullable=False, server_default=text("0")),
    Column("announce", String(10), nullable=False, server_default="both"),
    UniqueConstraint("site_id", "name_key", name="queues_name"),
)
queue_skills_table = Table(
    "queue_skills",
    metadata,
    Column("queue_id", String(40), ForeignKey("queues.id"), primary_key=True),
    Column("skill_id", String(40), ForeignKey("skills.id"), primary_key=True),
    Column("level", Integer, nullable=False),
)
dispositions_table = Table(
    "dispositions",
    metadata,
    Column("queue_id", String(40), ForeignKey("queues.id"), primary_key=True),
    Column("code", String(60), primary_key=True),
    Column("label", String(120), nullable=False),
    Column("position", Integer, nullable=False),
    Column("is_active", Boolean, nullable=False),
)
dialed_numbers_table = Table(
    "dialed_numbers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("number", String(30), nullable=False),
    Column("flow", String(60), nullable=False),
    UniqueConstraint("site_id", "number", name="dialed_numbers_number"),
)
_PLAIN = (
    "name",
    "priority",
    "target_time",
    "goal",
    "ring_time",
    "wrap_up_time",
    "wrap_up_extension",
    "wrap_up_limit",
    "short_abandon_time",
    "needs_disposition",
    "is_active",
    "aging",
    "late_after",
    "late_guard",
    "weight",
    "idle_guard",
    "preferred_wait",
    "vip_reserve",
    "max_waiting",
    "max_wait",
    "nobody_after",
    "announce_every",
)
_WORDS: Mapping[str, type[StrEnum]] = {"order": WorkOrder, "agent_rule": AgentRule, "announce": Announced}
_QUEUE_ROWS = select(queues_table, number_of(VERSIONS, queues_table.c.id))
_LISTS: Mapping[str, Any] = {
    "any_of": tuple[dict[SkillId, int], ...],
    "teams": tuple[TeamId, ...],
    "preferred": dict[SkillId, int],
    "steps": tuple[Step, ...],
    "interrupts": tuple[str, ...],
    "value_steps": tuple[ValueStep, ...],
    "hours": HoursText | None,
    "when_closed": Way | None,
    "when_full": Way | None,
    "when_too_long": Way | None,
    "when_nobody": Way | None,
}
"""Kept as JSON; the skills and teams named in them are checked when they are written, and none is ever deleted."""


def within(scope: Scope, principal: Principal, site_id: SiteId) -> ColumnElement[bool]:
    """Return the condition that keeps the queues this scope reaches; queues belong to a site, to no team or person."""
    if scope is Scope.ALL:
        return true()
    return queues_table.c.site_id == site_id if scope is Scope.SITE else false()


def list_queues(connection: Connection, scope: Scope, principal: Principal, site_id: SiteId) -> list[Queue]:
    """Return queues by name, the inactive ones too."""
    query = _QUEUE_ROWS.where(within(scope, principal, site_id)).order_by(queues_table.c.name_key)
    return _queues(connection, connection.execute(query).all())


def find_queue(
    connection: Connection, scope: Scope, principal: Principal, site_id: SiteId, queue_id: str
) -> Queue | None:
    """Return one queue if the scope reaches it."""
    query = _QUEUE_ROWS.where(queues_table.c.id == queue_id, within(scope, principal, site_id))
    found = _queues(connection, connection.execute(query).all())
    return found[0] if found else None


def is_name_taken(connection: Connection, site_id: SiteId, name: str, but: str = "") -> bool:
    """Tell whether another queue of the site has the name."""
    table = queues_table.c
    query = select(table.id).where(table.site_id == site_id, table.name_key == name_key(name), table.id != but)
    return connection.execute(query).first() is not None


def known(connection: Connection, site_id: SiteId) -> Known:
    """Return what a queue of the site may name: every skill, the site's teams and queues."""
    skills, teams, own = (queues_table.metadata.tables[name].c for name in ("skills", "teams", "queues"))
    return Known(
        {SkillId(skill) for skill in connection.execute(select(skills.id)).scalars()},
        {TeamId(team) for team in connection.execute(select(teams.id).where(teams.site_id == site_id)).scalars()},
        {QueueId(one) for one in connection.execute(select(own.id).where(own.site_id == site_id)).scalars()},
    )


def save_queue(tx: Transaction, queue: Queue, *, is_new: bool) -> None:
    """Store a queue whole."""
    values: dict[str, Any] = {name: getattr(queue, name) for name in _PLAIN} | {"name_key": name_key(queue.name)}
    values |= {name: getattr(queue, name).value for name in _WORDS}
    values |= {name: msgspec.to_builtins(getattr(queue, name)) for name in _LISTS}
    if is_new:
        row = {"id": queue.queue_id, "site_id": queue.site_id, "created_at": tx.now, **values}
        tx.execute(insert(queues_table), row)
    else:
        tx.execute(update(queues_table).where(queues_table.c.id == queue.queue_id), values)
    _save_lists(tx, queue)


def _save_lists(tx: Transaction, queue: Queue) -> None:
    tx.execute(delete(queue_skills_table).where(queue_skills_table.c.queue_id == queue.queue_id))
    tx.execute(delete(dispositions_table).where(dispositions_table.c.queue_id == queue.queue_id))
    key = {"queue_id": queue.queue_id}
    skills = [{**key, "skill_id": skill, "level": level} for skill, level in queue.skills.items()]
    dispositions = [
        {**key, "code": item.code, "label": item.label, "position": position, "is_active": item.is_active}
        for position, item in enumerate(queue.dispositions)
    ]
    if skills:
        tx.execute(insert(queue_skills_table), skills)
    if dispositions:
        tx.execute(insert(dispositions_table), dispositions)


def _queues(connection: Connection, rows: Iterable[Row[Any]]) -> list[Queue]:
    found = list(rows)
    ids = [row.id for row in found]
    skills: dict[str, dict[SkillId, int]] = {}
    table = queue_skills_table.c
    for row in connection.execute(select(queue_skills_table).where(table.queue_id.in_(ids)).order_by(table.skill_id)):
        skills.setdefault(row.queue_id, {})[SkillId(row.skill_id)] = row.level
    outcomes: dict[str, list[Disposition]] = {}
    order = dispositions_table.c
    listed = select(dispositions_table).where(order.queue_id.in_(ids)).order_by(order.queue_id, order.position)
    for row in connection.execute(listed):
        outcomes.setdefault(row.queue_id, []).append(Disposition(row.code, row.label, row.is_active))
    return [_queue(row, skills.get(row.id, {}), outcomes.get(row.id, [])) for row in found]


def _queue(row: Row[Any], skills: dict[SkillId, int], dispositions: list[Disposition]) -> Queue:
    plain = {name: getattr(row, name) for name in _PLAIN}
    words: dict[str, Any] = {name: kind(getattr(row, name)) for name, kind in _WORDS.items()}
    lists = {name: msgspec.convert(getattr(row, name), kind) for name, kind in _LISTS.items()}
    return Queue(
        QueueId(row.id),
        SiteId(row.site_id),
        skills=skills,
        dispositions=tuple(dispositions),
        version=row.version,
        **plain,
        **words,
        **lists,
    )


# ------------------------------------------------------------------ dialed numbers


def list_dialed(connection: Connection, scope: Scope, principal: Principal, site_id: SiteId) -> list[DialedNumber]:
    """Return dialed numbers in order; like queues, they belong to a site."""
    table = dialed_numbers_table.c
    query = select(dialed_numbers_table).order_by(table.number)
    if scope is not Scope.ALL:
        query = query.where(table.site_id == site_id if scope is Scope.SITE else false())
    return [DialedNumber(row.number, SiteId(row.site_id), row.flow) for row in connection.execute(query)]


def save_dialed(tx: Transaction, number: DialedNumber, new_id: str) -> tuple[str, bool]:
    """Store where a number leads; return its id and whether it is new."""
    table = dialed_numbers_table.c
    mine = (table.site_id == number.site_id, table.number == number.number)
    known = tx.execute(select(table.id).where(*mine)).scalar()
    if known is not None:
        tx.execute(update(dialed_numbers_table).where(*mine), {"flow": number.flow})
        return known, False
    row = {"id": new_id, "site_id": number.site_id, "number": number.number, "flow": number.flow}
    tx.execute(insert(dialed_numbers_table), row)
    return new_id, True


def delete_dialed(tx: Transaction, site_id: SiteId, number: str) -> str | None:
    """Forget a dialed number; return the id it had."""
    table = dialed_numbers_table.c
    mine = (table.site_id == site_id, table.number == number)
    known: str | None = tx.execute(select(table.id).where(*mine)).scalar()
    tx.execute(delete(dialed_numbers_table).where(*mine))
    return known
