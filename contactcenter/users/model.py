"""Users: people who can log in, their role, and the API tokens made in their name.

Rules: nobody hands out a right he does not hold in at least that scope; a token never holds more than its owner now
holds; the last active administrator stays one.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from contactcenter.core.errors import Forbidden, Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.ids import UserId
from contactcenter.core.permissions import ROLES, Principal, Right, Rights

ADMINISTRATOR: Final = "administrator"
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 200


@dataclass(frozen=True, slots=True)
class User:
    """One person who can log in."""

    user_id: UserId
    login: str
    name: str
    role: str
    language: str = "en"
    is_active: bool = True
    password_hash: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A program's key; the secret itself is shown once and not kept."""

    token_id: str
    user_id: UserId
    name: str
    rights: frozenset[Right]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@event("user-changed", subject="user_id")
@dataclass(frozen=True, slots=True)
class UserChanged(Event):
    """A user was created or changed; ``fields`` names what changed."""

    user_id: UserId
    change: str
    fields: tuple[str, ...] = ()


@event("session-started", subject="user_id")
@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    """A user signed in."""

    user_id: UserId
    session_id: str


@event("session-ended", subject="user_id")
@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    """A session is over: ``signed-out`` or ``revoked``; sockets opened with it must close."""

    user_id: UserId
    session_id: str
    reason: str


@event("sign-in-refused", subject="user_id")
@dataclass(frozen=True, slots=True)
class SignInRefused(Event):
    """Somebody failed to sign in; ``user_id`` is '' when there is no such login."""

    user_id: UserId
    reason: str


@event("token-changed", subject="token_id")
@dataclass(frozen=True, slots=True)
class TokenChanged(Event):
    """An API token was created or revoked."""

    token_id: str
    user_id: UserId
    change: str


def login_key(login: str) -> str:
    """Return what makes two logins the same, for any text."""
    return unicodedata.normalize("NFKC", login).casefold().strip()[:120]


def check_password(password: str) -> None:
    """Raise Invalid for a password too short to try or too long to hash."""
    if len(password) < MIN_PASSWORD:
        raise Invalid("invalid", {"password": "too-short"})
    if len(password) > MAX_PASSWORD:
        raise Invalid("invalid", {"password": "too-long"})


def check_role(role: str) -> None:
    """Raise Invalid for a role nobody defined."""
    if role not in ROLES:
        raise Invalid("invalid", {"role": "unknown-role"})


def check_grant(principal: Principal, rights: Rights) -> None:
    """Raise Forbidden unless the principal holds all these rights, each at least as far."""
    for right, scope in rights.items():
        if principal.rights.get(right, 0) < scope:
            raise Forbidden("forbidden", {"right": right.value})


def token_rights(owner: Rights, chosen: Iterable[Right]) -> Rights:
    """Return what a token holds now: the chosen rights its owner has, as far as they reach for him."""
    wanted = {*chosen, Right.SIGNED_IN}
    return {right: scope for right, scope in owner.items() if right in wanted}
