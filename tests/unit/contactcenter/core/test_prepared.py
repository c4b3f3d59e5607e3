"""Prepared queries give what SQLAlchemy's own way gives."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    insert,
    literal,
    or_,
    select,
    text,
)

from contactcenter.core.events import Instant
from contactcenter.core.prepared import Prepared, Query, run_together

metadata = MetaData()
calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue", String(20)),
    Column("at", Instant),
    Column("vip", Boolean),
)
ROWS: list[dict[str, Any]] = [
    {"id": 1, "queue": "sales", "at": datetime(2026, 1, 5, 9, 0, 0, 125_000, UTC), "vip": True},
    {"id": 2, "queue": "support", "at": None, "vip": False},
    {"id": 3, "queue": "sales", "at": datetime(2026, 1, 5, 10, 0, tzinfo=UTC), "vip": False},
]


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as opened:
        opened.execute(insert(calls), ROWS)
        yield opened


SELECTS = {
    "typed columns": (
        select(calls).where(calls.c.queue == bindparam("queue")).order_by(calls.c.id),
        {"queue": "sales"},
    ),
    "constants beside parameters": (
        select(calls.c.id, calls.c.at.label("began")).where(
            or_(calls.c.vip.is_(True), calls.c.id == bindparam("id")), calls.c.queue != "none"
        ),
        {"id": 2},
    ),
    "a limit that is asked for": (
        select(calls).order_by(calls.c.id).limit(bindparam("most", type_=Integer)),
        {"most": 2},
    ),
    "text with declared columns, one parameter twice": (
        text("SELECT id, vip AS is_vip, at FROM calls WHERE id = :id OR id = :id + 1 ORDER BY id").columns(
            is_vip=Boolean, at=Instant
        ),
        {"id": 1},
    ),
    "nothing found": (select(calls).where(calls.c.id == bindparam("id")), {"id": 77}),
}


@pytest.mark.parametrize("name", SELECTS)
def test_the_same_rows_each_time(connection: Connection, name: str) -> None:
    statement, parameters = SELECTS[name]
    prepared = Prepared(statement)
    expected = connection.execute(statement, parameters).all()
    for _ in range(2):
        found = prepared.rows(connection, parameters)
        assert [tuple(row) for row in found] == [tuple(row) for row in expected]
        assert [row._fields for row in found] == [tuple(row._fields) for row in expected]


def test_a_parameter_that_is_missing_is_named(connection: Connection) -> None:
    prepared = Prepared(select(calls).where(calls.c.id == bindparam("id")))
    with pytest.raises(KeyError, match="id"):
        prepared.rows(connection, {"queue": "sales"})


def test_together_they_give_what_each_gives_alone(connection: Connection) -> None:
    queries = [
        Query(Prepared(statement), parameters, list)
        for name, (statement, parameters) in SELECTS.items()
        if name != "text with declared columns, one parameter twice"
    ]
    for _ in range(2):
        assert run_together(connection, queries) == [query.run(connection) for query in queries]


def test_texts_come_through_as_they_are(connection: Connection) -> None:
    texts = [
        '"quoted"',
        "line\nbreak",
        "tab\t",
        "\u202eright to left",
        "\x01",
        "",
        "emoji \U0001f600",
        "[1, 2]",
        "null",
    ]
    connection.execute(insert(calls), [{"id": 100 + place, "queue": one} for place, one in enumerate(texts)])
    queue = Prepared(select(calls.c.queue).where(calls.c.id >= bindparam("first")).order_by(calls.c.id))
    (found,) = run_together(connection, [Query(queue, {"first": 100}, lambda rows: [row.queue for row in rows])])
    assert found == texts


def test_numbers_come_through_exactly(connection: Connection) -> None:
    """An instant is a whole number of microseconds; a duration keeps the digits a clock gives."""
    values = select(literal(2**62).label("big"), literal(12.0).label("whole"), literal(3.125069).label("duration"))
    assert run_together(connection, [Query(Prepared(values), {}, lambda rows: tuple(rows[0]))]) == [
        (2**62, 12.0, 3.125069)
    ]


def test_an_answer_can_be_made_into_something_else(connection: Connection) -> None:
    ids = Query(Prepared(select(calls.c.id)), {}, lambda rows: [row.id for row in rows]).then(sum)
    assert ids.run(connection) == 6
    assert run_together(connection, [ids, ids]) == [6, 6]
