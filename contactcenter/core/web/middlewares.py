"""What surrounds every request: its id, the headers of every answer, and errors turned into coded answers."""

import html
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiohttp import web

from contactcenter.core.errors import ContactCenterError
from contactcenter.core.ids import Ids
from contactcenter.core.web.access import HSTS, SETTINGS, is_on_this_machine, security_headers
from contactcenter.core.web.errors import code_of, json_error, status_of
from contactcenter.core.web.routes import route_of

log = structlog.get_logger(__name__)
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorPage = Callable[[web.Request, int, str, str], web.StreamResponse]
"""Makes the page of an error of (request, status, code, reference); a sign-in page for 401, if there is one."""

REQUEST_ID: Final = web.RequestKey("request_id", str)
STARTED: Final = web.RequestKey("started", bool)
IDS: Final = web.AppKey("ids", Ids)
ERROR_PAGE: Final[web.AppKey[ErrorPage]] = web.AppKey("error_page")
_NAMED: Final = "public, max-age=31536000, immutable"
"""For a file whose address names its content (``?v=``): a page keeps its icons when the server is away."""
HEADERS: Final = web.AppKey("headers", Mapping[str, str])


def surround(app: web.Application, ids: Ids, error_page: ErrorPage | None = None) -> None:
    """Put the middlewares around an application whose settings are in place."""
    app[IDS] = ids
    app[ERROR_PAGE] = error_page or plain_page
    app[HEADERS] = security_headers(app[SETTINGS])
    app.middlewares.append(answer_errors)
    app.on_response_prepare.append(add_headers)


@web.middleware
async def answer_errors(request: web.Request, handler: Next) -> web.StreamResponse:
    """Give the request an id and turn whatever goes wrong into a coded answer; a traceback stays in the log."""
    request[REQUEST_ID] = reference = request.app[IDS].new()
    try:
        return await handler(request)
    except ContactCenterError as error:
        return _answer(request, status_of(error), error.code, error.fields)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _keep_headers(_answer(request, error.status, code_of(error), {}), error)
    except ConnectionError:
        raise
    except Exception:
        log.exception("request-failed", reference=reference, method=request.method, route=_route_name(request))
        return _answer(request, 500, "internal", {"reference": reference})


def _answer(request: web.Request, status: int, code: str, fields: Mapping[str, object]) -> web.StreamResponse:
    if request.get(STARTED):
        raise ConnectionResetError("the answer had begun")
    if _wants_page(request):
        return request.app[ERROR_PAGE](request, status, code, request[REQUEST_ID])
    return json_error(status, code, fields)


def _keep_headers(response: web.StreamResponse, error: web.HTTPException) -> web.StreamResponse:
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _wants_page(request: web.Request) -> bool:
    route = route_of(request)
    if route is not None:
        return route.kind == "page"
    return not request.path.startswith("/api/") and "text/html" in request.headers.get("Accept", "")


def _route_name(request: web.Request) -> str:
    route = route_of(request)
    return route.path if route else ""


def plain_page(request: web.Request, status: int, code: str, reference: str) -> web.StreamResponse:
    """Make the plainest error page; agent_ui brings a better one."""
    text = f"<!doctype html><title>{status}</title><h1>{status}</h1><p>{html.escape(code)}</p><p>{reference}</p>"
    return web.Response(status=status, text=text, content_type="text/html")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every answer, whoever made it; what it set itself about caching stays."""
    request[STARTED] = True
    response.headers.update(request.app[HEADERS])
    if HSTS in response.headers and is_on_this_machine(request):
        del response.headers[HSTS]  # a browser would keep it for whatever else is served at this name
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    if "Cache-Control" not in response.headers:
        route = route_of(request)
        is_file = route is None and request.method in {"GET", "HEAD"} and response.status in {200, 206, 304}
        response.headers["Cache-Control"] = (_NAMED if "v" in request.query else "no-cache") if is_file else "no-store"
