"""Queries of the path of a call: compiled once, run through the driver, several of them as one statement.

SQLAlchemy's way through a statement costs 60 to 200 microseconds of the interpreter, SQLite's driver's 10 to 25; while
a reading thread holds the interpreter, the event loop waits. The driver gives the interpreter up for each row it
fetches and then waits to get it back, and Postgres is asked over a socket, so what belongs together is read by one
statement that answers one row (``run_together``).
"""

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Connection, Dialect, Float, Select, TextualSelect

_Process = Callable[[Any], Any]
T = TypeVar("T")
U = TypeVar("U")


class Prepared:
    """One SELECT with named parameters of plain types; no ``in_``, whose length is known only when it is run.

    Its rows are named tuples of the statement's columns, typed as declared.
    """

    def __init__(self, statement: Select[Any] | TextualSelect) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Run it; return all its rows. Raises what the driver raises, KeyError for a parameter not given."""
        return self.plan(connection.dialect).rows(connection, parameters)

    def plan(self, dialect: Dialect) -> "_Plan":
        """Return the statement as the driver takes it."""
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan(self._statement, dialect)
        return plan


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A question ready to be asked: a prepared SELECT, its parameters, and what is made of its rows."""

    prepared: Prepared
    parameters: Mapping[str, Any]
    made: Callable[[list[Any]], T]

    def run(self, connection: Connection) -> T:
        """Ask it alone."""
        return self.made(self.prepared.rows(connection, self.parameters))

    def then(self, made: Callable[[T], U]) -> "Query[U]":
        """Return the same question, its answer made into something else."""
        return Query(self.prepared, self.parameters, lambda rows: made(self.made(rows)))


def run_together(connection: Connection, queries: Sequence[Query[Any]]) -> list[Any]:
    """Ask several questions by one statement, of one snapshot; return what each makes of its rows, in order.

    Their columns must have names of their own; no blobs. Otherwise as ``Prepared.rows``.
    """
    plans = [query.prepared.plan(connection.dialect) for query in queries]
    values = [value for plan, query in zip(plans, queries, strict=True) for value in plan.values(query.parameters)]
    cursor: Any = connection.connection.cursor()
    cursor.execute(_together(tuple(plans)), values)
    answers = zip(queries, plans, cursor.fetchone(), strict=True)
    return [query.made(plan.made(msgspec.json.decode(rows))) for query, plan, rows in answers]


@lru_cache(maxsize=64)
def _together(plans: "tuple[_Plan, ...]") -> str:
    parts, given = [], 0
    for plan in plans:
        parts.append(plan.as_json(given))
        given += plan.width
    return f"SELECT {', '.join(parts)}"


class _Plan:
    """SQL text, its parameters in order (a name asked for, or a constant), and what turns stored values into ours."""

    def __init__(self, statement: Select[Any] | TextualSelect, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        asked = {name for name, bind in compiled.binds.items() if bind.required}
        self._parameters = [(name in asked, name, compiled.params[name]) for name in compiled.positiontup]
        self._types = {column.name: column.type for column in statement.selected_columns}
        self._width = (
            len(statement.selected_columns) if isinstance(statement, Select) else 0
        )  # 0: only the driver knows
        self._dialect = dialect
        self._row: Any = None
        self._processes: list[tuple[int, _Process]] = []

    @property
    def width(self) -> int:
        """How many parameters it takes."""
        return len(self._parameters)

    def as_json(self, given: int) -> str:
        """Return SQL for the rows as one JSON text, an array of arrays; ``given``: parameters before its own."""
        if self._width != len(self._types):
            raise ValueError(f"columns without a name of their own: {self._sql}")
        names = list(self._types)
        self._describe(names)
        quoted = ", ".join(f'"{name}"' for name in names)
        if self._dialect.name == "sqlite":  # the LIMIT keeps the rows' order: without one it may be dropped
            return f"(SELECT json_group_array(json_array({quoted})) FROM (SELECT * FROM ({self._sql}) LIMIT -1))"
        sql = re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + given}", self._sql)
        return f"(SELECT coalesce(json_agg(json_build_array({quoted})), '[]')::text FROM ({sql}) AS listed)"

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the driver's parameters."""
        return [parameters[name] if is_asked else constant for is_asked, name, constant in self._parameters]

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        cursor: Any = connection.connection.cursor()
        cursor.execute(self._sql, self.values(parameters))
        if self._row is None:
            self._describe([column[0] for column in cursor.description])
        return self.made(cursor.fetchall())

    def made(self, stored: Sequence[Sequence[Any]]) -> list[Any]:
        """Make rows of what is stored."""
        return [self._made(row) for row in stored]

    def _describe(self, names: list[str]) -> None:
        found = [(place, self._process(name)) for place, name in enumerate(names)]
        self._processes = [(place, process) for place, process in found if process is not None]
        self._row = namedtuple("Row", names)  # type: ignore[misc]

    def _process(self, name: str) -> _Process | None:
        kind = self._types.get(name)
        if kind is None or isinstance(kind, Float):  # drivers give floats, and SQLAlchemy would ask for a Postgres type
            return None
        return kind.dialect_impl(self._dialect).result_processor(self._dialect, None)

    def _made(self, stored: Sequence[Any]) -> Any:
        values = list(stored)
        for place, process in self._processes:
            values[place] = process(values[place])
        return self._row._make(values)
