"""Queries of the path of a call: compiled once, run through SQLite's driver.

SQLAlchemy's way through a statement costs 60 to 200 microseconds of the interpreter, the driver's 10 to 25; while a
reading thread holds the interpreter, the event loop waits.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Select, TextualSelect

_Process = Callable[[Any], Any]


class Prepared:
    """One SELECT with named parameters of plain types; no ``in_``, whose length is known only when it is run.

    Its rows are named tuples of the statement's columns, typed as declared.
    """

    def __init__(self, statement: Select[Any] | TextualSelect) -> None:
        self._statement = statement
        self._plan: _Plan | None = None

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Run it; return all its rows. Raises what the driver raises, KeyError for a parameter not given."""
        if self._plan is None:
            self._plan = _Plan(self._statement, connection.dialect)
        return self._plan.rows(connection, parameters)


class _Plan:
    """SQL text, its parameters in order (a name asked for, or a constant), and what turns stored values into ours."""

    def __init__(self, statement: Select[Any] | TextualSelect, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        asked = {name for name, bind in compiled.binds.items() if bind.required}
        self._parameters = [(name in asked, name, compiled.params[name]) for name in compiled.positiontup]
        self._types = {column.name: column.type for column in statement.selected_columns}
        self._dialect = dialect
        self._row: Any = None
        self._processes: list[tuple[int, _Process]] = []

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        values = [parameters[name] if is_asked else constant for is_asked, name, constant in self._parameters]
        cursor: Any = connection.connection.cursor()
        cursor.execute(self._sql, values)
        if self._row is None:
            self._describe([column[0] for column in cursor.description])
        return [self._made(row) for row in cursor.fetchall()]

    def _describe(self, names: list[str]) -> None:
        found = [(place, self._process(name)) for place, name in enumerate(names)]
        self._processes = [(place, process) for place, process in found if process is not None]
        self._row = namedtuple("Row", names)  # type: ignore[misc]

    def _process(self, name: str) -> _Process | None:
        kind = self._types.get(name)
        return None if kind is None else kind.dialect_impl(self._dialect).result_processor(self._dialect, None)

    def _made(self, stored: tuple[Any, ...]) -> Any:
        values = list(stored)
        for place, process in self._processes:
            values[place] = process(values[place])
        return self._row._make(values)
