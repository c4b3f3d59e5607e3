import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, String, Table, text

import contactcenter.agents.store
import contactcenter.core.versions
import contactcenter.customers.store
import contactcenter.interactions.store
import contactcenter.queues.store
import contactcenter.tickets.store
import contactcenter.users.store  # noqa: F401 - every room's tables are in the metadata now
from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import Unavailable
from contactcenter.core.events import metadata
from contactcenter.core.ids import SiteId
from contactcenter.core.migrations import is_current, require_current
from contactcenter.core.sqlite_database import SqliteDatabase
from tests.rig.tables import make_tables


@pytest.fixture
def engine(tmp_path):
    engine = SqliteDatabase(tmp_path / "m.db", ManualClock(), SiteId("main")).engine
    yield engine
    engine.dispose()


def differences(engine, wanted):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, wanted)


def test_the_steps_lead_to_exactly_the_tables_the_program_knows(engine):
    make_tables(engine)
    assert differences(engine, metadata) == []


def test_a_column_without_a_step_is_found(engine):
    make_tables(engine)
    changed = type(metadata)()
    for table in metadata.tables.values():
        table.to_metadata(changed)
    changed.tables["agents"].append_column(Column("forgotten", String(10)))
    Table("forgotten", changed, Column("id", String(40), primary_key=True))
    assert [difference[0] for difference in differences(engine, changed)] == ["add_table", "add_column"]


def test_migrating_twice_changes_nothing(engine):
    make_tables(engine)
    make_tables(engine)
    with engine.connect() as connection:
        assert is_current(connection)


def test_a_database_behind_is_named(engine):
    with engine.connect() as connection, pytest.raises(Unavailable) as caught:
        require_current(connection)
    assert caught.value.code == "migration-missing"
    make_tables(engine)
    with engine.connect() as connection:
        require_current(connection)


def test_a_step_that_fails_leaves_nothing(engine, monkeypatch):
    def break_off(*_, **__):
        raise RuntimeError("the machine stops")

    monkeypatch.setattr("alembic.operations.Operations.create_index", break_off)
    with pytest.raises(RuntimeError, match="the machine stops"):
        make_tables(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM sqlite_master")).all() == []
