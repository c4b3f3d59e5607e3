"""Lets every database of a test run share the statements SQLAlchemy has compiled: they are a third of a test's CPU.

An engine keeps its own cache, whose keys hold its own dialect; here engines of one process share both.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy import Engine

_first: "list[Engine]" = []


def shared_engine(*arguments: Any, **options: Any) -> "Engine":
    """Make an engine with the dialect and the cache of the first one."""
    from sqlalchemy import create_engine

    engine = create_engine(*arguments, **options)
    if not _first:
        _first.append(engine)
    engine.dialect = engine.pool._dialect = _first[0].dialect
    engine._compiled_cache = _first[0]._compiled_cache
    return engine


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is imported into a process that only hands tests out: its start is waited for."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return
    from contactcenter.core import sqlite_database

    sqlite_database.create_engine = shared_engine  # type: ignore[attr-defined]
