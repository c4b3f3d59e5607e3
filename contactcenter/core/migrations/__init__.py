"""Brings a database to the tables this program needs (alembic), and tells when it is not there yet.

Each file in ``versions`` is one step, never changed once released. Steps name tables themselves and import no room.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from contactcenter.core.errors import Unavailable

_FOLDER: Final = Path(__file__).parent


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a version, the newest unless told otherwise, in the caller's transaction. Idempotent."""
    command.upgrade(_config(connection), revision)


def newest() -> str | None:
    """Return the version this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_current(connection: Connection) -> bool:
    """Tell whether the database has the newest version."""
    return revision_of(connection) == newest()


def revision_of(connection: Connection) -> str | None:
    """Return the version of the database's tables; None when it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str) -> bool:
    """Tell whether this program has the steps to a version."""
    return any(step.revision == revision for step in ScriptDirectory.from_config(_config()).walk_revisions())


def require_current(connection: Connection) -> None:
    """Raise Unavailable ``migration-missing`` unless the database has the newest version."""
    if not is_current(connection):
        raise Unavailable("migration-missing", {"do": "contactcenter migrate"})


def draft(connection: Connection, metadata: MetaData, number: str, message: str) -> None:
    """Write the step from the newest version to ``metadata`` (every room imported) as a file to be read and edited."""
    config = _config(connection)
    config.attributes["metadata"] = metadata
    command.revision(config, message, autogenerate=True, rev_id=number)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
