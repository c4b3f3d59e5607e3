"""Which database the settings name: a file in the data folder, or a Postgres server."""

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.ids import SiteId
from contactcenter.core.sqlite_database import SqliteDatabase
from contactcenter.settings import Settings


def database_of(settings: Settings, clock: Clock) -> Database:
    """Return the database, not yet connected."""
    url, site_id = settings.database_url.get_secret_value(), SiteId(settings.site_id)
    if not url:
        return SqliteDatabase(settings.database_file, clock, site_id)
    from contactcenter.core.postgres_database import PostgresDatabase  # its driver, only where it is used

    return PostgresDatabase(url, clock, site_id)
