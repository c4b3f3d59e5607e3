"""Lets every database of a test run share the statements SQLAlchemy has compiled: they are a third of a test's CPU.

An engine keeps its own cache, whose keys hold its own dialect; here engines of one process share both.
"""

from typing import Any

from sqlalchemy import Engine, create_engine

from contactcenter.core import database

_first: list[Engine] = []


def shared_engine(*arguments: Any, **options: Any) -> Engine:
    """Make an engine with the dialect and the cache of the first one."""
    engine = create_engine(*arguments, **options)
    if not _first:
        _first.append(engine)
    engine.dialect = engine.pool._dialect = _first[0].dialect
    engine._compiled_cache = _first[0]._compiled_cache
    return engine


def pytest_configure() -> None:
    database.create_engine = shared_engine  # type: ignore[attr-defined]
