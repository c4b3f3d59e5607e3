"""Who is asking, from where, and what the application's handlers share.

A browser shows its session cookie, a program its bearer token. A cookie is sent by the browser whoever wrote the page,
so an unsafe method or a socket with a cookie must come from our own pages (Fetch metadata, else Origin; OWASP
"Cross-Site Request Forgery Prevention"). No header a client can write names a user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final, Protocol, TypeVar, cast

from aiohttp import web
from yarl import URL

from contactcenter.core.errors import Forbidden, Unauthenticated
from contactcenter.core.ids import UserId
from contactcenter.core.permissions import Principal

SESSION_COOKIE: Final = "cc_session"
HSTS: Final = "Strict-Transport-Security"
MAX_CREDENTIAL: Final = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How the server is reached.

    ``origins``: further addresses of our own pages, behind a TLS proxy for example ``https://desk.example``.
    ``connect_sources``: what pages may connect to besides us (the PBX's WebSocket). ``trusted_proxies``: peers
    (addresses or networks) whose X-Forwarded-For, -Proto and -Host are believed.
    """

    origins: tuple[str, ...] = ()
    connect_sources: Sequence[str] = ()
    trusted_proxies: frozenset[str] = frozenset()
    secure_cookies: bool = False
    max_body: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """A principal and what he showed: one of ``session_id`` and ``token_id`` is set, neither for the public."""

    principal: Principal
    session_id: str = ""
    token_id: str = ""


PUBLIC_IDENTITY: Final = Identity(Principal(UserId(""), "", {}))


class Authenticator(Protocol):
    """Turns what a request shows into a principal; the users room implements it."""

    async def by_session(self, token: str) -> Identity:
        """Return who holds this session. Raises Unauthenticated; a revoked session never passes."""
        ...

    async def by_token(self, token: str) -> Identity:
        """Return who holds this API token. Raises Unauthenticated; a revoked token never passes."""
        ...


@dataclass(slots=True)
class Services:
    """The rooms' services by their class, filled by bootstrap: ``call.services[TicketService]``."""

    _by_class: dict[type[Any], Any] = field(default_factory=dict)

    def add(self, service: Any, kind: type[Any] | None = None) -> None:
        """Offer a service to handlers under its own class, or under the one they know it by."""
        self._by_class[kind or type(service)] = service

    def __getitem__(self, kind: type[T]) -> T:
        """Return the service of this class. Raises KeyError when bootstrap did not add it."""
        return cast(T, self._by_class[kind])


IDENTITY: Final = web.RequestKey("identity", Identity)
SERVICES: Final = web.AppKey("services", Services)
SETTINGS: Final = web.AppKey("settings", WebSettings)
AUTHENTICATOR: Final = web.AppKey("authenticator", Authenticator)


async def identify(request: web.Request) -> Identity | None:
    """Return who is asking; None when nothing was shown. Raises Unauthenticated when what was shown does not hold."""
    if IDENTITY in request:
        return request[IDENTITY]
    identity = await _shown(request)
    if identity is not None:
        request[IDENTITY] = identity
    return identity


async def identify_anew(request: web.Request) -> Identity:
    """Ask again who holds what was shown at the handshake. Raises Unauthenticated when it is over."""
    identity = await _shown(request)
    if identity is None:
        raise Unauthenticated("session-over")
    return identity


async def _shown(request: web.Request) -> Identity | None:
    authenticator = request.app[AUTHENTICATOR]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        if scheme.casefold() != "bearer" or not _is_credential(token):
            raise Unauthenticated("token-invalid")
        return await authenticator.by_token(token)
    cookie = request.cookies.get(SESSION_COOKIE, "")
    if not cookie:
        return None
    if not _is_credential(cookie):
        raise Unauthenticated("session-over")
    return await authenticator.by_session(cookie)


def _is_credential(text: str) -> bool:
    return 0 < len(text) <= MAX_CREDENTIAL and text.isascii() and text.isprintable()


def check_origin(request: web.Request, *, is_socket: bool = False) -> None:
    """Raise Forbidden ``foreign-origin`` unless the request comes from one of our own pages.

    Programs with a bearer token pass, and so do those that show no cookie and no sign of being a browser.
    """
    if "Authorization" in request.headers:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if origin is not None and (is_socket or site is None):
        allowed = origin in request.app[SETTINGS].origins or _is_own(request, origin)
    elif site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        allowed = SESSION_COOKIE not in request.cookies
    if not allowed:
        raise Forbidden("foreign-origin")


def _host(request: web.Request) -> str:
    """Return the host and port the browser asked for, as a trusted proxy tells it."""
    return (_last(request, "X-Forwarded-Host") if _is_trusted(request) else "") or request.host


def is_on_this_machine(request: web.Request) -> bool:
    """Tell whether the browser asked for localhost or a loopback address: a name that other programs use as well."""
    try:
        name = URL(f"http://{_host(request)}").host or ""
        return name == "localhost" or name.endswith(".localhost") or ip_address(name).is_loopback
    except ValueError:
        return False


def _is_own(request: web.Request, origin: str) -> bool:
    scheme, host = request.scheme, _host(request)
    if _is_trusted(request):
        scheme = _last(request, "X-Forwarded-Proto") or scheme
    try:
        return URL(origin).origin() == URL(f"{scheme}://{host}").origin()
    except ValueError:
        return False


def client_address(request: web.Request) -> str:
    """Return the caller's network address; a forwarded one only from a trusted proxy, and only the last hop."""
    peer = request.remote or ""
    if _is_trusted(request):
        return _last(request, "X-Forwarded-For")[:64] or peer
    return peer


def _is_trusted(request: web.Request) -> bool:
    trusted = request.app[SETTINGS].trusted_proxies
    return bool(trusted) and _is_within(request.remote or "", trusted)


@lru_cache(maxsize=256)
def _is_within(peer: str, networks: frozenset[str]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in ip_network(one, strict=False) for one in networks)


def _last(request: web.Request, header: str) -> str:
    """Return what the proxy nearest to us wrote: whatever stands before it may come from anybody."""
    return ",".join(request.headers.getall(header, ())).rpartition(",")[2].strip()


def set_session_cookie(response: web.StreamResponse, settings: WebSettings, token: str, lifetime: float) -> None:
    """Give the browser its session: not readable by scripts, not sent along from other sites."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(lifetime),
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
        path="/",
    )


def clear_session_cookie(response: web.StreamResponse, settings: WebSettings) -> None:
    """Make the browser forget its session."""
    response.del_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="Lax", secure=settings.secure_cookies)


def security_headers(settings: WebSettings) -> Mapping[str, str]:
    """Return the headers of every answer."""
    policy = {
        "default-src": "'self'",
        "connect-src": " ".join(["'self'", *settings.connect_sources]),
        "img-src": "'self' data:",
        "style-src": "'self'",
        "script-src": "'self'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Server": "contactcenter",
    }
    if settings.secure_cookies:
        headers[HSTS] = "max-age=31536000"
    return headers
