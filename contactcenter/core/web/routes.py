"""The registry every route comes from: no route without a right, none that OpenAPI does not know.

A room declares its resources next to their handlers:

>>> routes = Routes()
>>> @routes.post("/api/v1/tickets", right=Right.TICKETS_WRITE, body=TicketIn, returns=TicketOut, status=201)
... async def open_ticket(call: Call[TicketIn]) -> TicketOut: ...

The registry checks sign-in, origin and right, reads path, query and body, and writes the answer; the service checks the
right again with its scope. Pages, sockets and static folders are declared here as well.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from contactcenter.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from contactcenter.core.permissions import Principal, Right
from contactcenter.core.web.access import PUBLIC_IDENTITY, SERVICES, Identity, Services, check_origin, identify
from contactcenter.core.web.errors import invalid
from contactcenter.core.web.schemas import VersionedOut

BodyT = TypeVar("BodyT")
_PATH_VALUE: Final = re.compile(r"[A-Za-z0-9._+*#-]{1,64}", re.ASCII)
_VERSION: Final = re.compile(r'"([0-9]{1,9})"', re.ASCII)
UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Call(Generic[BodyT]):
    """One request, read and checked. ``query`` is an instance of the route's query model.

    ``version``: of a guarded route, the one the caller read (If-Match), None when he does not say.
    """

    principal: Principal
    body: BodyT
    query: Any
    path: Mapping[str, str]
    services: Services
    identity: Identity
    request: web.Request
    version: int | None = None


Handler = Callable[[Call[Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route; ``kind`` is api, page, socket or static.

    ``media_type``: of its answer; a handler of another type than JSON returns the response itself. ``guarded``: it
    takes the version its caller read, to be refused when the thing was changed since (RFC 9110, 13.1.1).
    """

    method: str
    path: str
    right: Right
    handler: Handler | None
    kind: str = "api"
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    returns: Any = None
    status: int = 200
    tag: str = ""
    media_type: str = "application/json"
    guarded: bool = False
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Name of the handler: the operation's id."""
        return self.handler.__name__ if self.handler else self.path


H = TypeVar("H", bound=Callable[[Any], Awaitable[Any]])


@dataclass(slots=True)
class Routes:
    """Routes of one room, or of all of them after ``include``."""

    routes: list[Route] = field(default_factory=list)

    def include(self, other: "Routes") -> None:
        """Add another room's routes."""
        for route in other.routes:
            self.add(route)

    def add(self, route: Route) -> None:
        """Add one route. Raises ValueError for a second one of the same method and path."""
        if any((known.method, known.path) == (route.method, route.path) for known in self.routes):
            raise ValueError(f"{route.method} {route.path} is declared twice")
        self.routes.append(route)

    def get(self, path: str, *, right: Right, **declared: Any) -> Callable[[H], H]:
        """Declare a GET (see ``Route`` for query, returns, status, tag)."""
        return self._declare("GET", path, right, declared)

    def post(self, path: str, *, right: Right, **declared: Any) -> Callable[[H], H]:
        """Declare a POST."""
        return self._declare("POST", path, right, declared)

    def put(self, path: str, *, right: Right, **declared: Any) -> Callable[[H], H]:
        """Declare a PUT."""
        return self._declare("PUT", path, right, declared)

    def patch(self, path: str, *, right: Right, **declared: Any) -> Callable[[H], H]:
        """Declare a PATCH."""
        return self._declare("PATCH", path, right, declared)

    def delete(self, path: str, *, right: Right, **declared: Any) -> Callable[[H], H]:
        """Declare a DELETE."""
        return self._declare("DELETE", path, right, declared)

    def page(self, path: str, *, right: Right) -> Callable[[H], H]:
        """Declare an HTML page: errors are shown as pages. The handler returns a response."""
        return self._declare("GET", path, right, {"kind": "page"})

    def socket(self, path: str, *, right: Right) -> Callable[[H], H]:
        """Declare a WebSocket: a foreign origin is refused. The handler returns the prepared response."""
        return self._declare("GET", path, right, {"kind": "socket"})

    def static(self, path: str, folder: Path, *, right: Right) -> None:
        """Declare a folder of files served as they are; no listing, no links out of it."""
        self.add(Route("GET", path, right, None, "static", folder=folder))

    def _declare(self, method: str, path: str, right: Right, declared: Mapping[str, Any]) -> Callable[[H], H]:
        def register(handler: H) -> H:
            self.add(Route(method, path, right, cast(Handler, handler), **declared))
            return handler

        return register


# ------------------------------------------------------------------ serving

MOUNTED: Final = web.AppKey("mounted", dict[Any, Route])
"""Routes by the function or static resource that serves them."""


def mount(app: web.Application, routes: Routes) -> None:
    """Put every declared route into the application."""
    app[MOUNTED] = {}
    for route in routes.routes:
        if route.kind == "static":
            _mount_static(app, route)
        else:
            endpoint = _endpoint(route)
            app[MOUNTED][endpoint] = route
            app.router.add_route(route.method, route.path, endpoint)


def _mount_static(app: web.Application, route: Route) -> None:
    if route.right is not Right.PUBLIC or route.folder is None:
        raise ValueError(f"{route.path}: files served as they are have a folder and are public")
    app[MOUNTED][app.router.add_static(route.path, route.folder)] = route


def undeclared(app: web.Application) -> list[str]:
    """Return the application's routes that did not come out of a registry; must be empty."""
    return [
        f"{entry.method} {entry.resource.canonical if entry.resource else '?'}"
        for entry in app.router.routes()
        if entry.handler not in app[MOUNTED] and entry.resource not in app[MOUNTED]
    ]


def route_of(request: web.Request) -> Route | None:
    """Return the declared route a request was matched to."""
    mounted = request.app[MOUNTED]
    return mounted.get(request.match_info.handler)


def _endpoint(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def endpoint(request: web.Request) -> web.StreamResponse:
        call = await _read(request, route)
        assert route.handler is not None
        answer = await route.handler(call)
        return answer if isinstance(answer, web.StreamResponse) else respond(route, answer)

    return endpoint


async def _read(request: web.Request, route: Route) -> Call[Any]:
    identity = await _allowed(request, route)
    return Call(
        principal=identity.principal,
        body=await _read_body(request, route.body),
        query=_read_query(request, route.query),
        path=_read_path(request),
        services=request.app[SERVICES],
        identity=identity,
        request=request,
        version=_read_version(request) if route.guarded else None,
    )


async def _allowed(request: web.Request, route: Route) -> Identity:
    if route.method in UNSAFE or route.kind == "socket":
        check_origin(request, is_socket=route.kind == "socket")
    if route.right is Right.PUBLIC:
        return await _identify_public(request)
    identity = await identify(request)
    if identity is None:
        raise Unauthenticated("sign-in-needed")
    if not identity.principal.may(route.right):
        raise Forbidden("forbidden", {"right": route.right.value})
    return identity


async def _identify_public(request: web.Request) -> Identity:
    try:
        return await identify(request) or PUBLIC_IDENTITY
    except Unauthenticated:
        return PUBLIC_IDENTITY


def _read_path(request: web.Request) -> Mapping[str, str]:
    values = dict(request.match_info)
    if not all(_PATH_VALUE.fullmatch(value) for value in values.values()):
        raise NotFound("not-found")
    return values


def _read_version(request: web.Request) -> int | None:
    given = request.headers.get("If-Match", "*").strip()
    if given == "*":
        return None
    found = _VERSION.fullmatch(given)
    if found is None:
        raise Invalid("invalid", {"if-match": "not-a-version"})
    return int(found[1])


def _read_query(request: web.Request, model: type[BaseModel] | None) -> Any:
    if model is None:
        return None
    try:
        return model.model_validate({name: request.query[name] for name in request.query})
    except ValidationError as error:
        raise invalid(error) from None


async def _read_body(request: web.Request, model: type[BaseModel] | None) -> Any:
    if model is None:
        return None
    raw = await request.read()
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("not-utf8") from None
    if request.content_type != "application/json":
        raise Invalid("not-json", {"content-type": "application/json"})
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid(error) from None


def respond(route: Route, answer: Any) -> web.Response:
    """Write a handler's answer as the route declares it."""
    if route.returns is None:
        return web.Response(status=204)
    headers = {"ETag": f'"{answer.version}"'} if isinstance(answer, VersionedOut) else None
    body = _writer(route.returns)(answer)
    return web.Response(status=route.status, body=body, content_type="application/json", headers=headers)


def json_answer(answer: BaseModel, status: int = 200) -> web.Response:
    """Write a model as a response to add something to, a cookie for example."""
    return web.Response(status=status, text=answer.model_dump_json(), content_type="application/json")


@cache
def _writer(kind: Any) -> Callable[[Any], bytes]:
    return TypeAdapter(kind).dump_json
