"""REST resources of the own session, users, sessions and API tokens."""

from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import AwareDatetime, Field

from contactcenter.core.errors import Invalid
from contactcenter.core.permissions import Right
from contactcenter.core.sessions import LIFETIME, Session
from contactcenter.core.web.access import SETTINGS, clear_session_cookie, client_address, set_session_cookie
from contactcenter.core.web.routes import Call, Routes, json_answer
from contactcenter.core.web.schemas import (
    Body,
    Code,
    Instant,
    Label,
    Language,
    Name,
    Out,
    PageOut,
    PageQuery,
    Secret,
    given,
    page_of,
)
from contactcenter.users.model import ApiToken, User
from contactcenter.users.service import UserService

routes = Routes()
Login = Annotated[Label, Field(max_length=120)]


class SignInIn(Body):
    """A login and its password."""

    login: Secret
    password: Secret


class OwnUserOut(Out):
    """The user who is signed in, and what he may do."""

    id: str
    name: str
    login: str
    role: str
    language: str
    agent_id: str | None
    rights: list[str]


class SessionOut(Out):
    """The session this request belongs to."""

    user: OwnUserOut


class PreferencesIn(Body):
    """What a user chooses for himself."""

    language: Language


class PasswordIn(Body):
    """A new password of one's own, and the present one."""

    current: Secret
    password: Secret


class BrowserOut(Out):
    """One signed-in browser of one's own."""

    id: str
    started_at: Instant
    seen_at: Instant
    expires_at: Instant
    address: str
    browser: str
    is_current: bool


class UserOut(Out):
    """One user."""

    id: str
    login: str
    name: str
    role: str
    language: str
    is_active: bool


class UserPage(PageOut[UserOut]):
    """Users by login."""


class UserIn(Body):
    """A new user."""

    login: Login
    name: Name
    role: Code
    password: Secret
    language: Language = "en"


class UserPatch(Body):
    """What to change of a user; fields left out stay. Role, lock and password end his sessions."""

    name: Name = ""
    role: Code = ""
    language: Language = "en"
    is_active: bool = True
    password: Secret = ""


class TokenOut(Out):
    """An API token, without its secret."""

    id: str
    user_id: str
    name: str
    rights: list[str]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None


class NewTokenOut(TokenOut):
    """A fresh token with its secret, shown this once."""

    token: str


class TokenIn(Body):
    """A token to make: rights one holds oneself, and when it ends."""

    name: Label
    rights: Annotated[list[Right], Field(min_length=1, max_length=40)]
    expires_at: AwareDatetime | None = None


@routes.post("/api/v1/session", right=Right.PUBLIC, body=SignInIn, returns=SessionOut, tag="session")
async def sign_in(call: Call[SignInIn]) -> web.Response:
    """Sign in; the answer sets the session cookie."""
    service, request = call.services[UserService], call.request
    address, browser = client_address(request), _browser(request)
    signed = await service.sign_in(call.body.login, call.body.password, address=address, browser=browser)
    identity = await service.principals.by_session(signed.token)
    own = Call(identity.principal, None, None, {}, call.services, identity, request)
    response = json_answer(SessionOut(user=_own_user(own, signed.user)))
    set_session_cookie(response, request.app[SETTINGS], signed.token, LIFETIME.total_seconds())
    return response


def _browser(request: web.Request) -> str:
    return "".join(char for char in request.headers.get("User-Agent", "") if char.isprintable())[:200]


@routes.get("/api/v1/session", right=Right.SIGNED_IN, returns=SessionOut, tag="session")
async def get_session(call: Call[None]) -> SessionOut:
    """Read who is signed in."""
    return SessionOut(user=_own_user(call, await call.services[UserService].own_user(call.principal)))


@routes.patch("/api/v1/session", right=Right.SIGNED_IN, body=PreferencesIn, returns=SessionOut, tag="session")
async def update_session(call: Call[PreferencesIn]) -> SessionOut:
    """Choose one's own language."""
    user = await call.services[UserService].set_language(call.principal, call.body.language)
    return SessionOut(user=_own_user(call, user))


@routes.delete("/api/v1/session", right=Right.SIGNED_IN, tag="session")
async def sign_out(call: Call[None]) -> web.Response:
    """Sign out."""
    if not call.identity.session_id:
        raise Invalid("no-session")
    await call.services[UserService].sign_out(call.principal, call.identity.session_id)
    response = web.Response(status=204)
    clear_session_cookie(response, call.request.app[SETTINGS])
    return response


@routes.put("/api/v1/session/password", right=Right.SIGNED_IN, body=PasswordIn, tag="session")
async def set_password(call: Call[PasswordIn]) -> None:
    """Choose one's own new password; every session ends."""
    address = client_address(call.request)
    service = call.services[UserService]
    await service.set_password(call.principal, call.body.current, call.body.password, address=address)


@routes.get("/api/v1/sessions", right=Right.SIGNED_IN, returns=list[BrowserOut], tag="session")
async def list_sessions(call: Call[None]) -> list[BrowserOut]:
    """List one's own signed-in browsers."""
    found = await call.services[UserService].list_sessions(call.principal)
    return [_browser_out(session, call.identity.session_id) for session in found]


@routes.delete("/api/v1/sessions/{session_id}", right=Right.SIGNED_IN, tag="session")
async def revoke_session(call: Call[None]) -> None:
    """Sign out one of one's own browsers."""
    await call.services[UserService].revoke_session(call.principal, call.path["session_id"])


@routes.get("/api/v1/users", right=Right.USERS_READ, query=PageQuery, returns=UserPage, tag="users")
async def list_users(call: Call[None]) -> PageOut[UserOut]:
    """List the users in reach."""
    page = await call.services[UserService].list_users(call.principal, call.query.paging)
    return page_of(page, UserPage, _user_out)


@routes.post("/api/v1/users", right=Right.USERS_WRITE, body=UserIn, returns=UserOut, status=201, tag="users")
async def create_user(call: Call[UserIn]) -> UserOut:
    """Create a user."""
    body = call.body
    return _user_out(
        await call.services[UserService].create_user(
            call.principal, body.login, body.name, body.role, body.password, body.language
        )
    )


@routes.get("/api/v1/users/{user_id}", right=Right.USERS_READ, returns=UserOut, tag="users")
async def get_user(call: Call[None]) -> UserOut:
    """Read one user."""
    return _user_out(await call.services[UserService].get_user(call.principal, call.path["user_id"]))


@routes.patch("/api/v1/users/{user_id}", right=Right.USERS_WRITE, body=UserPatch, returns=UserOut, tag="users")
async def update_user(call: Call[UserPatch]) -> UserOut:
    """Change a user."""
    service = call.services[UserService]
    return _user_out(await service.update_user(call.principal, call.path["user_id"], given(call.body)))


@routes.delete("/api/v1/users/{user_id}/sessions", right=Right.USERS_WRITE, tag="users")
async def revoke_user_sessions(call: Call[None]) -> None:
    """Sign a user out everywhere."""
    await call.services[UserService].revoke_sessions(call.principal, call.path["user_id"])


@routes.get("/api/v1/tokens", right=Right.TOKENS_WRITE, returns=list[TokenOut], tag="tokens")
async def list_tokens(call: Call[None]) -> list[TokenOut]:
    """List the API tokens in reach."""
    return [TokenOut(**_token(token)) for token in await call.services[UserService].list_tokens(call.principal)]


@routes.post("/api/v1/tokens", right=Right.TOKENS_WRITE, body=TokenIn, returns=NewTokenOut, status=201, tag="tokens")
async def create_token(call: Call[TokenIn]) -> NewTokenOut:
    """Make an API token; its secret is in this answer only."""
    body = call.body
    ends: datetime | None = body.expires_at
    made, secret = await call.services[UserService].create_token(
        call.principal, body.name, frozenset(body.rights), ends
    )
    return NewTokenOut(token=secret, **_token(made))


@routes.delete("/api/v1/tokens/{token_id}", right=Right.TOKENS_WRITE, tag="tokens")
async def revoke_token(call: Call[None]) -> None:
    """End an API token."""
    await call.services[UserService].revoke_token(call.principal, call.path["token_id"])


def _own_user(call: Call[Any], user: User) -> OwnUserOut:
    principal = call.principal
    return OwnUserOut(
        id=user.user_id,
        name=user.name,
        login=user.login,
        role=user.role,
        language=user.language,
        agent_id=principal.agent_id,
        rights=sorted(right.value for right in principal.rights),
    )


def _user_out(user: User) -> UserOut:
    same = {name: getattr(user, name) for name in UserOut.model_fields if name != "id"}
    return UserOut(id=user.user_id, **same)


def _browser_out(session: Session, current: str) -> BrowserOut:
    return BrowserOut(
        id=session.session_id,
        started_at=session.created_at,
        seen_at=session.seen_at,
        expires_at=session.expires_at,
        address=session.address,
        browser=session.browser,
        is_current=session.session_id == current,
    )


def _token(token: ApiToken) -> dict[str, Any]:
    same = {name: getattr(token, name) for name in ("user_id", "name", "created_at", "expires_at", "last_used_at")}
    return {"id": token.token_id, "rights": sorted(right.value for right in token.rights), **same}
