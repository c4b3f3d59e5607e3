"""Tables and queries of users and API tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    and_,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.ids import UserId
from contactcenter.core.paging import Page, Paging, cut
from contactcenter.core.permissions import Principal, Right, Scope
from contactcenter.core.sessions import token_hash
from contactcenter.users.model import ApiToken, User, login_key

users_table = Table(
    "users",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("login", String(120), nullable=False),
    Column("login_key", String(120), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(40), nullable=False),
    Column("language", String(10), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("password_hash", String(300), nullable=False),
    Column("created_at", Instant, nullable=False),
)
api_tokens_table = Table(
    "api_tokens",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("user_id", String(40), ForeignKey("users.id"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("rights", String(1000), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("last_used_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Index("api_tokens_user", "user_id"),
)
_users = users_table.c
_tokens = api_tokens_table.c
_PLAIN = ("login", "name", "role", "language", "is_active", "password_hash")


def within(scope: Scope, principal: Principal) -> ColumnElement[bool]:
    """Return the condition that keeps the users this scope reaches: below site, only oneself."""
    return true() if scope >= Scope.SITE else _users.id == principal.user_id


def list_users(connection: Connection, scope: Scope, principal: Principal, paging: Paging) -> Page[User]:
    """Return users by login."""
    query = select(users_table).where(within(scope, principal)).order_by(_users.login_key, _users.id)
    after = paging.key(str, str)
    if after is not None:
        query = query.where(tuple_(_users.login_key, _users.id) > tuple_(*after))
    users = [_user(row) for row in connection.execute(query.limit(paging.limit + 1))]
    return cut(users, paging.limit, lambda user: (login_key(user.login), user.user_id))


def find_user(connection: Connection, scope: Scope, principal: Principal, user_id: str) -> User | None:
    """Return one user if the scope reaches him."""
    row = connection.execute(select(users_table).where(_users.id == user_id, within(scope, principal))).one_or_none()
    return _user(row) if row else None


def find_by_login(connection: Connection, login: str) -> User | None:
    """Return the user of a login, for sign-in: the one search before anybody is known."""
    row = connection.execute(select(users_table).where(_users.login_key == login_key(login))).one_or_none()
    return _user(row) if row else None


def is_last_administrator(connection: Connection, role: str, user_id: UserId) -> bool:
    """Tell whether nobody else active has the role."""
    others = select(func.count()).where(_users.role == role, _users.is_active, _users.id != user_id)
    return connection.execute(others).scalar_one() == 0


def locked(connection: Connection) -> set[UserId]:
    """Return the ids of the users who may not sign in."""
    return set(map(UserId, connection.execute(select(_users.id).where(~_users.is_active)).scalars()))


def save_user(tx: Transaction, user: User, *, is_new: bool) -> None:
    """Store a user."""
    values: dict[str, Any] = {name: getattr(user, name) for name in _PLAIN} | {"login_key": login_key(user.login)}
    if is_new:
        tx.execute(insert(users_table), {"id": user.user_id, "created_at": tx.now, **values})
    else:
        tx.execute(update(users_table).where(_users.id == user.user_id), values)


def _user(row: Row[Any]) -> User:
    return User(UserId(row.id), **{name: getattr(row, name) for name in _PLAIN})


# ------------------------------------------------------------------ tokens


def list_tokens(connection: Connection, scope: Scope, principal: Principal, now: datetime) -> Sequence[ApiToken]:
    """Return the live tokens in reach, the newest first."""
    mine = true() if scope >= Scope.SITE else _tokens.user_id == principal.user_id
    query = select(api_tokens_table).where(mine, _is_live(now)).order_by(_tokens.id.desc())
    return [_token(row) for row in connection.execute(query)]


def find_token(
    connection: Connection, scope: Scope, principal: Principal, token_id: str, now: datetime
) -> ApiToken | None:
    """Return one live token if the scope reaches it."""
    mine = true() if scope >= Scope.SITE else _tokens.user_id == principal.user_id
    query = select(api_tokens_table).where(_tokens.id == token_id, mine, _is_live(now))
    row = connection.execute(query).one_or_none()
    return _token(row) if row else None


def find_by_secret(connection: Connection, secret: str, now: datetime) -> ApiToken | None:
    """Return the live token of a secret."""
    query = select(api_tokens_table).where(_tokens.token_hash == token_hash(secret), _is_live(now))
    row = connection.execute(query).one_or_none()
    return _token(row) if row else None


def insert_token(tx: Transaction, token: ApiToken, secret: str) -> None:
    """Store a new token; of the secret only its hash."""
    row = {
        "id": token.token_id,
        "user_id": token.user_id,
        "name": token.name,
        "token_hash": token_hash(secret),
        "rights": " ".join(sorted(right.value for right in token.rights)),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }
    tx.execute(insert(api_tokens_table), row)


def revoke_token(tx: Transaction, token_id: str) -> None:
    """End a token."""
    tx.execute(update(api_tokens_table).where(_tokens.id == token_id), {"revoked_at": tx.now})


def touch_token(tx: Transaction, token_id: str) -> None:
    """Remember that a token was used."""
    tx.execute(update(api_tokens_table).where(_tokens.id == token_id), {"last_used_at": tx.now})


def _is_live(now: datetime) -> ColumnElement[bool]:
    return and_(_tokens.revoked_at.is_(None), or_(_tokens.expires_at.is_(None), _tokens.expires_at > now))


def _token(row: Row[Any]) -> ApiToken:
    rights = frozenset(Right(word) for word in row.rights.split() if word in _KNOWN)
    return ApiToken(row.id, UserId(row.user_id), row.name, rights, row.created_at, row.expires_at, row.last_used_at)


_KNOWN = {right.value for right in Right}
