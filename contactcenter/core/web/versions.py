"""How versions of settings look in the API, the same in every room."""

from typing import Annotated, Any

from pydantic import Field

from contactcenter.core.versions import Version
from contactcenter.core.web.schemas import Body, Instant, Out


class VersionOut(Out):
    """One version: ``by`` is the id of the user who made it ('' is the program), ``fields`` what the change named."""

    version: int
    at: Instant
    by: str
    change: str
    fields: list[str]


class RestoreIn(Body):
    """Which version shall hold again."""

    version: Annotated[int, Field(ge=1, le=2_000_000_000)]


def version_fields(version: Version) -> dict[str, Any]:
    """Return the fields of VersionOut."""
    return {
        "version": version.number,
        "at": version.at,
        "by": version.actor,
        "change": version.change,
        "fields": list(version.fields),
    }
