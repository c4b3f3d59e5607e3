"""Tables made at once, where no loop runs."""

from sqlalchemy import Engine

from contactcenter.core.migrations import migrate


def make_tables(engine: Engine, revision: str = "head") -> None:
    with engine.begin() as connection:
        migrate(connection, revision)
