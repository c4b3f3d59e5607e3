"""Images: rows written whole, as they were when something happened; saving one is an upsert of its columns.

A commit holds many images, several of the same row among them. Only the last state of each row counts: images of one
row are laid over each other (later columns win, columns a later image does not name stay), then each table takes a
statement prepared once. Written through SQLite's driver: building and running one SQLAlchemy statement per row costs
ten times what the row costs. What an image cannot say (count one up) is a ``Change``, run after the images.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Table, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

_Bind = Callable[[Any], Any]


class Change:
    """One UPDATE with named parameters, compiled once, of a table no image writes: a commit's images go first."""

    def __init__(self, statement: Update) -> None:
        self._statement = statement
        self._plan: tuple[str, list[tuple[bool, str, Any, _Bind | None]]] | None = None

    def run(self, cursor: sqlite3.Cursor, parameters: Mapping[str, Any]) -> None:
        """Run it once. Raises what the driver raises."""
        if self._plan is None:
            compiled: Any = self._statement.compile(dialect=_SQLITE)
            binds = [compiled.binds[name] for name in compiled.positiontup]
            self._plan = str(compiled), [(b.required, b.key, b.value, _processor(b.type)) for b in binds]
        sql, binds = self._plan
        values = [(parameters[name] if asked else constant, bind) for asked, name, constant, bind in binds]
        cursor.execute(sql, [bind(value) if bind is not None else value for value, bind in values])


Image = tuple[Table | Change, Mapping[str, Any]]
"""A table and the values of some of its columns, its whole primary key among them; or a change and its parameters."""

FIXED: Final[dict[Any, Any]] = {"fixed": True}
"""``Column(info=FIXED)``: set by a row's first image and never again, so its indexes are not written again either."""

_SQLITE: Final = sqlite.dialect(paramstyle="qmark")
MOST_ROWS: Final = 32  # rows a statement: a usual commit has fewer, and each number is a statement of its own


class RowStatement:
    """An INSERT of ``width`` values a row, run for up to 32 rows at a time.

    The driver gives up the interpreter's lock around each run and then waits for it; row by row, that makes the writer
    slow and the event loop late.
    """

    def __init__(self, head: str, width: int, tail: str = "") -> None:
        self._head, self._tail = head, tail
        self._marks = f"({', '.join('?' * width)})"
        self._sql: dict[int, str] = {}

    def run(self, cursor: sqlite3.Cursor, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows in order. Raises what the driver raises."""
        for first in range(0, len(rows), MOST_ROWS):
            some = rows[first : first + MOST_ROWS]
            cursor.execute(self._statement(len(some)), [value for row in some for value in row])

    def _statement(self, size: int) -> str:
        sql = self._sql.get(size)
        if sql is None:
            sql = self._sql[size] = f"{self._head} VALUES {', '.join([self._marks] * size)} {self._tail}"
        return sql


def write_images(cursor: sqlite3.Cursor, images: Sequence[Image]) -> None:
    """Upsert the images in the cursor's transaction, then make the changes. Raises what the driver raises."""
    rows_whole = [(target, values) for target, values in images if isinstance(target, Table)]
    for (table, columns), rows in _grouped(rows_whole).items():
        upsert = _upsert(table, columns)
        upsert.statement.run(cursor, [upsert.values(row) for row in rows])
    for target, parameters in images:
        if isinstance(target, Change):
            target.run(cursor, parameters)


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

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        keys = _key_names(table)
        statement = sqlite.insert(table)
        fresh = {name: statement.excluded[name] for name in columns if name not in keys and not _is_fixed(table, name)}
        upsert = (
            statement.on_conflict_do_update(index_elements=keys, set_=fresh)
            if fresh
            else statement.on_conflict_do_nothing(index_elements=keys)
        )
        compiled = upsert.compile(dialect=_SQLITE, column_keys=list(columns))
        names = [str(name) for name in compiled.positiontup or ()]
        head, _, tail = str(compiled).partition(f" VALUES ({', '.join('?' * len(names))})")
        self.statement = RowStatement(head, len(names), tail)
        self._binds = [(name, _default(table, name), _processor(table.c[name].type)) for name in names]

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


def _processor(kind: TypeEngine[Any]) -> _Bind | None:
    return kind.dialect_impl(_SQLITE).bind_processor(_SQLITE)
