"""Images: rows written whole, as they were when something happened; saving one is an upsert of its columns.

A commit holds many images, several of the same row among them. Only the last state of each row counts: images of one
row are laid over each other (later columns win, columns a later image does not name stay), then each table takes a
statement prepared once. Written through the database's driver: building and running one SQLAlchemy statement per row
costs ten times what the row costs. What an image cannot say (count one up) is a ``Change``, run after the images.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Protocol

from sqlalchemy import JSON, Dialect, Table, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.types import TypeEngine

_Bind = Callable[[Any], Any]


class Change:
    """One UPDATE with named parameters, compiled once, of a table no image writes: a commit's images go first."""

    def __init__(self, statement: Update) -> None:
        self._statement = statement
        self._plans: dict[str, tuple[str, list[tuple[bool, str, Any, _Bind | None]]]] = {}

    def run(self, cursor: Any, dialect: str, parameters: Mapping[str, Any]) -> None:
        """Run it once. Raises what the driver raises."""
        plan = self._plans.get(dialect)
        if plan is None:
            compiled: Any = self._statement.compile(dialect=_DIALECTS[dialect])
            binds = [compiled.binds[name] for name in compiled.positiontup]
            asked = [(b.required, b.key, b.value, _processor(b.type, dialect)) for b in binds]
            plan = self._plans[dialect] = str(compiled), asked
        sql, binds = plan
        values = [(parameters[name] if asked else constant, bind) for asked, name, constant, bind in binds]
        cursor.execute(sql, [bind(value) if bind is not None else value for value, bind in values])


Image = tuple[Table | Change, Mapping[str, Any]]
"""A table and the values of some of its columns, its whole primary key among them; or a change and its parameters."""

FIXED: Final[dict[Any, Any]] = {"fixed": True}
"""``Column(info=FIXED)``: set by a row's first image and never again, so its indexes are not written again either."""

_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": PGDialect_asyncpg(),  # type: ignore[no-untyped-call]
}
MOST_ROWS: Final = 32  # rows a statement: a usual commit has fewer, and each number is a statement of its own


class RowStatement(Protocol):
    """An INSERT for any number of rows, prepared once."""

    def run(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows in order. Raises what the driver raises."""
        ...


class _Marks:
    """For SQLite: up to 32 rows at a time.

    The driver gives up the interpreter's lock around each run and then waits for it; row by row, that makes the writer
    slow and the event loop late.
    """

    def __init__(self, head: str, width: int, tail: str) -> None:
        self._head, self._tail = head, tail
        self._marks = f"({', '.join('?' * width)})"
        self._sql: dict[int, str] = {}

    def run(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> None:
        for first in range(0, len(rows), MOST_ROWS):
            some = rows[first : first + MOST_ROWS]
            cursor.execute(self._statement(len(some)), [value for row in some for value in row])

    def _statement(self, size: int) -> str:
        sql = self._sql.get(size)
        if sql is None:
            sql = self._sql[size] = f"{self._head} VALUES {', '.join([self._marks] * size)} {self._tail}"
        return sql


class _Arrays:
    """For Postgres: a column is one array, so one statement and one way to the server serve any number of rows."""

    def __init__(self, head: str, kinds: Sequence[TypeEngine[Any]], tail: str) -> None:
        numbers = range(1, len(kinds) + 1)
        arrays = ", ".join(f"${number}::{_array(kind)}" for number, kind in zip(numbers, kinds, strict=True))
        names = ", ".join(f"c{number}" for number in numbers)
        chosen = ", ".join(
            f"c{number}::json" if isinstance(kind, JSON) else f"c{number}"
            for number, kind in zip(numbers, kinds, strict=True)
        )
        self._sql = f"{head} SELECT {chosen} FROM unnest({arrays}) AS given ({names}) {tail}"

    def run(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> None:
        cursor.execute(self._sql, [list(column) for column in zip(*rows, strict=True)])


def _array(kind: TypeEngine[Any]) -> str:
    """Return the array's type without a length, for a cast to one would cut what is too long and say nothing."""
    if isinstance(kind, JSON):
        return "TEXT[]"
    name: str = _DIALECTS["postgresql"].type_compiler_instance.process(kind)
    return f"{name.partition('(')[0]}[]"


@cache
def row_statement(dialect: str, table: Table, columns: tuple[str, ...], tail: str = "") -> RowStatement:
    """Return the INSERT of these columns' stored values; ``tail``: what is said after the rows."""
    # Only a statement that can fail half-way and leave the transaction alive needs the former state of each page it
    # touches. Ours takes the transaction with it (``Database._number``) or stands behind a savepoint.
    verb = "INSERT OR FAIL" if dialect == "sqlite" else "INSERT"
    head = f"{verb} INTO {table.name} ({', '.join(_quoted(name) for name in columns)})"
    if dialect == "sqlite":
        return _Marks(head, len(columns), tail)
    return _Arrays(head, [table.c[name].type for name in columns], tail)


def _quoted(name: str) -> str:
    return f'"{name}"'


def write_images(cursor: Any, dialect: str, images: Sequence[Image]) -> None:
    """Upsert the images in the cursor's transaction, then make the changes. Raises what the driver raises."""
    rows_whole = [(target, values) for target, values in images if isinstance(target, Table)]
    for (table, columns), rows in _grouped(rows_whole).items():
        upsert = _upsert(dialect, table, columns)
        upsert.statement.run(cursor, [upsert.values(row) for row in rows])
    for target, parameters in images:
        if isinstance(target, Change):
            target.run(cursor, dialect, parameters)


def _grouped(
    images: Iterable[tuple[Table, Mapping[str, Any]]],
) -> dict[tuple[Table, tuple[str, ...]], list[dict[str, Any]]]:
    """Lay the images of each row over each other; return the rows by table and columns, in order of appearance."""
    rows: dict[tuple[Table, tuple[Any, ...]], dict[str, Any]] = {}
    for table, image in images:
        key = (table, tuple([image[name] for name in _key_names(table)]))
        known = rows.get(key)
        if known is None:
            rows[key] = dict(image)
        else:
            known.update(image)
    groups: dict[tuple[Table, tuple[str, ...]], list[dict[str, Any]]] = {}
    for (table, _), row in rows.items():
        groups.setdefault((table, tuple(row)), []).append(row)
    return groups


@cache
def _key_names(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


class _Upsert:
    """One prepared statement for some columns of a table."""

    def __init__(self, dialect: str, table: Table, columns: Sequence[str]) -> None:
        keys = _key_names(table)
        # A column with a default is written by a row's first image, named or not.
        names = (
            *columns,
            *(c.name for c in table.columns if c.name not in columns and _default(table, c.name) is not None),
        )
        fresh = ", ".join(
            f"{_quoted(name)} = excluded.{_quoted(name)}"
            for name in columns
            if name not in keys and not _is_fixed(table, name)
        )
        tail = f"ON CONFLICT ({', '.join(map(_quoted, keys))}) DO {f'UPDATE SET {fresh}' if fresh else 'NOTHING'}"
        self.statement = row_statement(dialect, table, names, tail)
        self._binds = [(name, _default(table, name), _processor(table.c[name].type, dialect)) for name in names]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the driver's parameters of one row, in the statement's order."""
        found = [(row.get(name, default), bind) for name, default, bind in self._binds]
        return tuple([bind(value) if bind is not None else value for value, bind in found])


_upsert = cache(_Upsert)


def _is_fixed(table: Table, name: str) -> bool:
    return bool(table.c[name].info.get("fixed"))


def _default(table: Table, name: str) -> Any:
    """Return the constant a new row gets in a column that an image does not name."""
    default = table.c[name].default
    return getattr(default, "arg", None)


def _processor(kind: TypeEngine[Any], dialect: str) -> _Bind | None:
    spoken = _DIALECTS[dialect]
    return kind.dialect_impl(spoken).bind_processor(spoken)
