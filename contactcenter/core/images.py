"""Images: rows written whole, as they were when something happened; saving one is an upsert of its columns.

A commit holds many images, several of the same row among them. Only the last state of each row counts: images of one
row are laid over each other (later columns win, columns a later image does not name stay), then each table takes one
``executemany`` of a statement prepared once. Written through the driver: building and running one SQLAlchemy statement
per row costs ten times what the row costs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

Image = tuple[Table, Mapping[str, Any]]
"""A table and the values of some of its columns, its whole primary key among them."""

FIXED: Final[dict[Any, Any]] = {"fixed": True}
"""``Column(info=FIXED)``: set by a row's first image and never again, so its indexes are not written again either."""

_Bind = Callable[[Any], Any]


class ImageWriter:
    """Writes images by statements it keeps. Owned by one writer, used in its thread only."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._prepared: dict[tuple[Table, tuple[str, ...]], _Upsert] = {}

    def write(self, connection: Connection, images: Iterable[Image]) -> None:
        """Upsert the images in the connection's transaction. Raises what the driver raises."""
        cursor = connection.connection.cursor()
        for (table, columns), rows in _grouped(images).items():
            upsert = self._prepared.get((table, columns))
            if upsert is None:
                upsert = self._prepared[table, columns] = _Upsert(self._dialect, table, columns)
            cursor.executemany(upsert.sql, [upsert.values(row) for row in rows])


def _grouped(images: Iterable[Image]) -> dict[tuple[Table, tuple[str, ...]], list[dict[str, Any]]]:
    """Lay the images of each row over each other; return the rows by table and columns, in order of appearance."""
    rows: dict[tuple[Table, tuple[Any, ...]], dict[str, Any]] = {}
    for table, image in images:
        key = (table, tuple([image[column.name] for column in table.primary_key]))
        known = rows.get(key)
        if known is None:
            rows[key] = dict(image)
        else:
            known.update(image)
    groups: dict[tuple[Table, tuple[str, ...]], list[dict[str, Any]]] = {}
    for (table, _), row in rows.items():
        groups.setdefault((table, tuple(row)), []).append(row)
    return groups


class _Upsert:
    """One prepared statement for some columns of a table."""

    def __init__(self, dialect: Dialect, table: Table, columns: Sequence[str]) -> None:
        maker = postgresql if dialect.name == "postgresql" else sqlite
        keys = [column.name for column in table.primary_key]
        statement = maker.insert(table)
        fresh = {name: statement.excluded[name] for name in columns if name not in keys and not _is_fixed(table, name)}
        upsert = (
            statement.on_conflict_do_update(index_elements=keys, set_=fresh)
            if fresh
            else statement.on_conflict_do_nothing(index_elements=keys)
        )
        compiled = upsert.compile(dialect=dialect, column_keys=list(columns))
        self.sql = str(compiled)
        names = [str(name) for name in compiled.positiontup or ()]
        self._binds = [(name, _default(table, name), _binder(dialect, table, name)) for name in names]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the driver's parameters of one row, in the statement's order."""
        found = [(row.get(name, default), bind) for name, default, bind in self._binds]
        return tuple([bind(value) if bind is not None else value for value, bind in found])


def _is_fixed(table: Table, name: str) -> bool:
    return bool(table.c[name].info.get("fixed"))


def _default(table: Table, name: str) -> Any:
    """Return the constant a new row gets in a column that an image does not name."""
    default = table.c[name].default
    return getattr(default, "arg", None)


def _binder(dialect: Dialect, table: Table, name: str) -> _Bind | None:
    return table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
