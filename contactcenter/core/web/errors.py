"""The one table from error class to HTTP status, and the shape of an error's body."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic import Field, ValidationError

from contactcenter.core.errors import (
    ActionFailed,
    Conflict,
    ContactCenterError,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Stale,
    Unauthenticated,
    Unavailable,
)
from contactcenter.core.web.schemas import Out

STATUS: Final[Mapping[type[ContactCenterError], HTTPStatus]] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Stale: HTTPStatus.PRECONDITION_FAILED,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    ActionFailed: HTTPStatus.BAD_GATEWAY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    OutcomeUnknown: HTTPStatus.GATEWAY_TIMEOUT,
}
_HTTP_CODES: Final[Mapping[int, str]] = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "not-json",
}


class ErrorOut(Out):
    """What went wrong: a stable code (docs/errors.md) and, by field or name, more codes."""

    code: str
    fields: dict[str, Any] = Field(default_factory=dict)


class ErrorBody(Out):
    """The body of every error."""

    error: ErrorOut


def status_of(error: ContactCenterError) -> HTTPStatus:
    """Return the status of an error by its nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def code_of(error: web.HTTPException) -> str:
    """Return the code for an error the server library raised itself."""
    return _HTTP_CODES.get(error.status, "http-error")


def json_error(status: int, code: str, fields: Mapping[str, Any] | None = None) -> web.Response:
    """Make the JSON response of an error."""
    text = json.dumps({"error": {"code": code, "fields": dict(fields or {})}}, default=str)
    response = web.Response(status=status, text=text, content_type="application/json")
    if status == HTTPStatus.TOO_MANY_REQUESTS and "retry_after" in (fields or {}):
        response.headers["Retry-After"] = str(int((fields or {})["retry_after"]) + 1)
    return response


def invalid(error: ValidationError) -> Invalid:
    """Turn a model's complaints into codes by field; the values sent are never repeated."""
    complaints = error.errors(include_url=False, include_context=False, include_input=False)
    if any(complaint["type"] == "json_invalid" for complaint in complaints):
        return Invalid("not-json")
    fields = {}
    for complaint in complaints[:20]:
        fields[_place(complaint["loc"])] = str(complaint["type"]).replace("_", "-")
    return Invalid("invalid", fields)


def _place(location: tuple[int | str, ...]) -> str:
    text = ".".join(str(part) for part in location) or "body"
    return "".join(char for char in text[:80] if char.isprintable())
