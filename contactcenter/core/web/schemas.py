"""Base models of request and response bodies, and the bounded kinds of text in them.

Bodies refuse what they do not know (``extra="forbid"``), texts are bounded and hold no control characters. Responses
leave nothing to chance either: a field that is not in the model is never sent.
"""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

from contactcenter.core.paging import MAX_CURSOR, MAX_LIMIT, Page, Paging

S = TypeVar("S")
T = TypeVar("T")


class Body(BaseModel):
    """A JSON request body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Query(BaseModel):
    """The query of an address; values are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Out(BaseModel):
    """A JSON response body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VersionedOut(Out):
    """A thing of which several may change settings; ``version`` counts the changes and is the answer's ETag too."""

    version: int


def _without_control(text: str) -> str:
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise PydanticCustomError("control-characters", "control characters are not allowed")
    return text


def _without_control_but_lines(text: str) -> str:
    _without_control(text.replace("\n", "").replace("\t", "").replace("\r", ""))
    return text


_line = AfterValidator(_without_control)
_lines = AfterValidator(_without_control_but_lines)

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _line]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), _line]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), _line]
Paragraphs = Annotated[str, StringConstraints(max_length=10_000), _lines]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=200), _line]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Instant = Annotated[
    datetime,
    PlainSerializer(lambda at: iso(at), return_type=str, when_used="json"),
    Field(description="UTC, ISO 8601 with milliseconds"),
]


def iso(at: datetime) -> str:
    """Write an instant as ISO 8601 UTC with milliseconds, for example ``2026-11-21T10:44:02.123Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class PageQuery(Query):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    cursor: Annotated[str, StringConstraints(max_length=MAX_CURSOR)] | None = None

    @property
    def paging(self) -> Paging:
        """The same for a service."""
        return Paging(self.limit, self.cursor)


class SearchQuery(PageQuery):
    """Which page of the rows that match ``q``."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), _line] = ""


class PageOut(Out, Generic[T]):
    """Some rows and the cursor of the next page, null at the end."""

    items: list[T]
    next: str | None = None


def page_of(page: Page[S], kind: type[PageOut[T]], change: Callable[[S], T]) -> PageOut[T]:
    """Return a service's page as the response ``kind``."""
    return kind(items=[change(item) for item in page.items], next=page.next)


def given(body: BaseModel) -> dict[str, object]:
    """Return the fields a PATCH body really named, nested models as they are."""
    return {name: getattr(body, name) for name in body.model_fields_set}
