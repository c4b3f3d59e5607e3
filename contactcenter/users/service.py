"""Use cases of users: sign in and out, keep users, sessions and API tokens."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from contactcenter.core import sessions
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from contactcenter.core.ids import Ids, UserId
from contactcenter.core.paging import Page, Paging
from contactcenter.core.permissions import ROLES, Principal, Right, Scope, require
from contactcenter.users import store
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.model import (
    ADMINISTRATOR,
    ApiToken,
    SessionEnded,
    SessionStarted,
    SignInRefused,
    TokenChanged,
    User,
    UserChanged,
    check_grant,
    check_password,
    check_role,
    login_key,
)
from contactcenter.users.passwords import Passwords
from contactcenter.users.principals import Principals

TOKEN_PREFIX: Final = "cct_"
_CHANGEABLE: Final = frozenset({"name", "role", "language", "is_active", "password"})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session; ``token`` goes into the browser's cookie and nowhere else."""

    token: str
    session_id: str
    user: User


class UserService:
    """Users, sessions and tokens. Whatever takes a right away also makes ``principals`` forget."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        passwords: Passwords,
        attempts: SignInAttempts,
        principals: Principals,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._passwords = passwords
        self._attempts = attempts
        self.principals = principals

    def locked(self, connection: Connection) -> set[UserId]:
        """Return the ids of the users who may not sign in; within ``database.read``."""
        return store.locked(connection)

    def is_signed_in(self, connection: Connection, user_id: UserId) -> bool:
        """Tell whether the user has a live session anywhere; within ``database.read``."""
        return bool(sessions.list_sessions(connection, user_id, self._clock.now()))

    def last_ended(self, connection: Connection, user_ids: Collection[UserId]) -> dict[UserId, datetime]:
        """Return when the latest session of these users was ended; within ``database.read``."""
        return sessions.last_ended(connection, user_ids)

    # ------------------------------------------------------------------ sessions

    async def sign_in(self, login: str, password: str, *, address: str, browser: str = "") -> SignedIn:
        """Start a session; the one use case before anybody is known.

        Raises Unauthenticated ``bad-credentials``, the same for an unknown login, a wrong password and a locked user,
        after the same work; RateLimited after too many failures of this login or address.
        """
        user = await self._proven(login, password, address)
        token, session_id = sessions.new_token(), self._ids.new()

        def work(tx: Transaction) -> None:
            sessions.start_session(tx, session_id, user.user_id, token, address=address, browser=browser)
            tx.record(SessionStarted(user.user_id, session_id), user.user_id)

        await self._database.write(work)
        return SignedIn(token, session_id, user)

    async def _proven(self, login: str, password: str, address: str) -> User:
        async with self._passwords.slot():
            # Inside the slot: tries that waited in line are counted before the next one is looked at.
            self._attempts.check(login_key(login), address)
            user = await self._database.read(lambda c: store.find_by_login(c, login))
            is_right = await self._passwords.verify(user.password_hash if user else None, password)
            if user is None or not is_right or not user.is_active:
                self._attempts.failed(login_key(login), address)
                await self._refuse(user, "locked" if is_right else "wrong")
                raise Unauthenticated("bad-credentials")
            self._attempts.succeeded(login_key(login))
            return user

    async def _refuse(self, user: User | None, reason: str) -> None:
        refused = SignInRefused(user.user_id if user else UserId(""), reason if user else "unknown")
        await self._database.write(lambda tx: tx.record(refused))

    async def sign_out(self, principal: Principal, session_id: str) -> None:
        """End one's own session. Idempotent."""
        require(principal, Right.SIGNED_IN)
        await self._end(principal, principal.user_id, session_id, "signed-out")

    async def list_sessions(self, principal: Principal) -> Sequence[sessions.Session]:
        """Return one's own live sessions, the latest used first."""
        require(principal, Right.SIGNED_IN)
        now = self._clock.now()
        return await self._database.read(lambda c: sessions.list_sessions(c, principal.user_id, now))

    async def revoke_session(self, principal: Principal, session_id: str) -> None:
        """End one of one's own sessions. Raises NotFound for any other."""
        require(principal, Right.SIGNED_IN)
        if not await self._end(principal, principal.user_id, session_id, "revoked"):
            raise NotFound("not-found")

    async def revoke_sessions(self, principal: Principal, user_id: str) -> int:
        """End every session of a user; return how many there were."""
        scope = require(principal, Right.USERS_WRITE)
        found = await self._database.read(lambda c: store.find_user(c, scope, principal, user_id))
        user = _found(found)
        check_grant(principal, ROLES[user.role])
        return len(await self._end(principal, user.user_id, None, "revoked"))

    async def _end(self, principal: Principal, user_id: UserId, session_id: str | None, reason: str) -> Sequence[str]:
        ended = await self._database.write(lambda tx: _end_sessions(tx, principal, user_id, session_id, reason))
        self.principals.drop(user_id)
        return ended

    # ------------------------------------------------------------------ users

    async def own_user(self, principal: Principal) -> User:
        """Return the principal's own user."""
        require(principal, Right.SIGNED_IN)
        return _found(await self._database.read(lambda c: store.find_user(c, Scope.OWN, principal, principal.user_id)))

    async def list_users(self, principal: Principal, paging: Paging) -> Page[User]:
        """Return the users in reach, by login."""
        scope = require(principal, Right.USERS_READ)
        return await self._database.read(lambda c: store.list_users(c, scope, principal, paging))

    async def get_user(self, principal: Principal, user_id: str) -> User:
        """Return one user. Raises NotFound when out of reach."""
        scope = require(principal, Right.USERS_READ)
        return _found(await self._database.read(lambda c: store.find_user(c, scope, principal, user_id)))

    async def principal_of(self, principal: Principal, login: str) -> Principal:
        """Return what a user may do, by his login; for the command line. Raises NotFound."""
        require(principal, Right.USERS_READ)

        def look(connection: Connection) -> Principal | None:
            user = store.find_by_login(connection, login)
            return self.principals.principal(connection, user.user_id) if user is not None else None

        found = await self._database.read(look)
        if found is None:
            raise NotFound("not-found", {"login": login})
        return found

    async def create_user(
        self, principal: Principal, login: str, name: str, role: str, password: str, language: str = "en"
    ) -> User:
        """Create a user. Raises Forbidden for a role above one's own, Conflict ``login-taken``, Invalid."""
        require(principal, Right.USERS_WRITE)
        check_role(role)
        check_grant(principal, ROLES[role])
        check_password(password)
        if not login_key(login):
            raise Invalid("invalid", {"login": "missing"})
        user = User(UserId(self._ids.new()), login.strip(), name, role, language, True, await self._hash(password))

        def work(tx: Transaction) -> User:
            if store.find_by_login(tx.connection, login) is not None:
                raise Conflict("login-taken", {"login": "taken"})
            store.save_user(tx, user, is_new=True)
            tx.record(UserChanged(user.user_id, "created"), principal.user_id)
            return user

        return await self._database.write(work)

    async def update_user(self, principal: Principal, user_id: str, changes: Mapping[str, Any]) -> User:
        """Change name, role, language, is_active or password of a user.

        A new role, a lock and a new password end his sessions. Raises Forbidden for a user or role above one's own,
        Conflict ``last-administrator``.
        """
        scope = require(principal, Right.USERS_WRITE)
        unknown = sorted(set(changes) - _CHANGEABLE)
        if unknown:
            raise Invalid("invalid", dict.fromkeys(unknown, "extra-forbidden"))
        values = await self._hashed(changes)

        def change(tx: Transaction) -> User:
            before = _found(store.find_user(tx.connection, scope, principal, user_id))
            after = replace(before, **values)
            _check_change(tx, principal, before, after)
            return after

        return await self._store(principal, change, tuple(sorted(changes)))

    async def _hashed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in changes.items() if name != "password"}
        if "password" in changes:
            check_password(changes["password"])
            values["password_hash"] = await self._hash(changes["password"])
        return values

    async def set_language(self, principal: Principal, language: str) -> User:
        """Choose one's own language."""
        require(principal, Right.SIGNED_IN)

        def change(tx: Transaction) -> User:
            mine = _found(store.find_user(tx.connection, Scope.OWN, principal, principal.user_id))
            return replace(mine, language=language)

        return await self._store(principal, change, ("language",))

    async def set_password(self, principal: Principal, current: str, password: str, *, address: str) -> None:
        """Choose one's own new password, knowing the present one; every session ends, this one too."""
        require(principal, Right.SIGNED_IN)
        check_password(password)
        await self._proven(principal.login, current, address)
        hashed = await self._hash(password)

        def change(tx: Transaction) -> User:
            mine = _found(store.find_user(tx.connection, Scope.OWN, principal, principal.user_id))
            return replace(mine, password_hash=hashed)

        await self._store(principal, change, ("password",))

    async def _store(
        self, principal: Principal, change: Callable[[Transaction], User], fields: tuple[str, ...]
    ) -> User:
        def work(tx: Transaction) -> User:
            after = change(tx)
            store.save_user(tx, after, is_new=False)
            tx.record(UserChanged(after.user_id, "updated", fields), principal.user_id)
            if {"role", "is_active", "password"} & set(fields):
                _end_sessions(tx, principal, after.user_id, None, "revoked")
            return after

        user = await self._database.write(work)
        self.principals.drop(user.user_id)
        return user

    async def _hash(self, password: str) -> str:
        async with self._passwords.slot():
            return await self._passwords.hash(password)

    # ------------------------------------------------------------------ API tokens

    async def list_tokens(self, principal: Principal) -> Sequence[ApiToken]:
        """Return the live tokens in reach, without their secrets."""
        scope, now = require(principal, Right.TOKENS_WRITE), self._clock.now()
        return await self._database.read(lambda c: store.list_tokens(c, scope, principal, now))

    async def create_token(
        self, principal: Principal, name: str, rights: frozenset[Right], expires_at: datetime | None = None
    ) -> tuple[ApiToken, str]:
        """Make a token in one's own name and return it with its secret, the only time that is shown.

        Raises Forbidden for a right one does not hold, Invalid for an end in the past.
        """
        require(principal, Right.TOKENS_WRITE)
        for right in sorted(rights):
            require(principal, right)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise Invalid("invalid", {"expires_at": "in-the-past"})
        secret = TOKEN_PREFIX + sessions.new_token()
        token = ApiToken(self._ids.new(), principal.user_id, name, rights, now, expires_at, None)

        def work(tx: Transaction) -> None:
            store.insert_token(tx, token, secret)
            tx.record(TokenChanged(token.token_id, token.user_id, "created"), principal.user_id)

        await self._database.write(work)
        return token, secret

    async def revoke_token(self, principal: Principal, token_id: str) -> None:
        """End a token at once. Raises NotFound when out of reach."""
        scope = require(principal, Right.TOKENS_WRITE)

        def work(tx: Transaction) -> UserId:
            token = store.find_token(tx.connection, scope, principal, token_id, tx.now)
            if token is None:
                raise NotFound("not-found")
            store.revoke_token(tx, token.token_id)
            tx.record(TokenChanged(token.token_id, token.user_id, "revoked"), principal.user_id)
            return token.user_id

        self.principals.drop(await self._database.write(work))


def _end_sessions(
    tx: Transaction, principal: Principal, user_id: UserId, session_id: str | None, reason: str
) -> Sequence[str]:
    ended = sessions.end_sessions(tx, user_id, session_id)
    for ended_id in ended:
        tx.record(SessionEnded(user_id, ended_id, reason), principal.user_id)
    return ended


def _check_change(tx: Transaction, principal: Principal, before: User, after: User) -> None:
    check_role(after.role)
    check_grant(principal, ROLES[before.role])
    check_grant(principal, ROLES[after.role])
    is_leaving = before.role == ADMINISTRATOR and (after.role != ADMINISTRATOR or not after.is_active)
    if is_leaving and store.is_last_administrator(tx.connection, ADMINISTRATOR, before.user_id):
        raise Conflict("last-administrator")


def _found(user: User | None) -> User:
    if user is None:
        raise NotFound("not-found")
    return user
