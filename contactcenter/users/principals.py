"""Turns session and token secrets into principals, for every request.

What was found holds for two seconds without asking the store again; a revocation takes effect at once, because it drops
what is remembered, and what was being read meanwhile is not remembered at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import Unauthenticated
from contactcenter.core.ids import UserId
from contactcenter.core.permissions import ROLES, SYSTEM, Principal, Rights, Scope
from contactcenter.core.sessions import TOUCH_EVERY, find_session, token_hash, touch_session
from contactcenter.core.web.access import Identity
from contactcenter.users import store
from contactcenter.users.model import User, token_rights
from contactcenter.users.ports import Memberships

FRESH_TIME: Final = 2.0
MAX_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    identity: Identity
    until: float


Look = Callable[[Connection, str, datetime], tuple[Identity, bool] | None]


class Principals:
    """Implements core/web's Authenticator. Owns the memory of who was just seen."""

    def __init__(self, database: Database, clock: Clock, memberships: Memberships) -> None:
        self._database = database
        self._clock = clock
        self._memberships = memberships
        self._remembered: dict[str, _Remembered] = {}
        self._drops = 0

    async def by_session(self, token: str) -> Identity:
        """Return who holds this session. Raises Unauthenticated."""
        return await self._find("s" + token_hash(token), token, self._look_session, "session-over")

    async def by_token(self, token: str) -> Identity:
        """Return who holds this API token. Raises Unauthenticated."""
        return await self._find("t" + token_hash(token), token, self._look_token, "token-invalid")

    def drop(self, user_id: UserId | None = None) -> None:
        """Forget one user, or all: what is asked next is read anew. Call after the commit that changed a right."""
        self._drops += 1
        gone = [key for key, seen in self._remembered.items() if user_id in {None, seen.identity.principal.user_id}]
        for key in gone:
            del self._remembered[key]

    async def _find(self, key: str, secret: str, look: Look, code: str) -> Identity:
        now = self._clock.timestamp()
        known = self._remembered.get(key)
        if known is not None and known.until > now:
            return known.identity
        drops, at = self._drops, self._clock.now()
        found = await self._database.read(lambda connection: look(connection, secret, at))
        if found is None:
            raise Unauthenticated(code)
        if drops == self._drops:
            self._remember(key, found[0], now)
        if found[1]:
            self._touch(found[0])
        return found[0]

    def _remember(self, key: str, identity: Identity, now: float) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = _Remembered(identity, now + FRESH_TIME)

    def _touch(self, identity: Identity) -> None:
        if identity.session_id:
            self._database.write_behind((), lambda tx: touch_session(tx, identity.session_id))
        else:
            self._database.write_behind((), lambda tx: store.touch_token(tx, identity.token_id))

    # ------------------------------------------------------------------ in a reader's thread

    def _look_session(self, connection: Connection, secret: str, now: datetime) -> tuple[Identity, bool] | None:
        session = find_session(connection, secret, now)
        principal = self.principal(connection, session.user_id) if session else None
        if session is None or principal is None:
            return None
        return Identity(principal, session_id=session.session_id), now - session.seen_at > TOUCH_EVERY

    def _look_token(self, connection: Connection, secret: str, now: datetime) -> tuple[Identity, bool] | None:
        token = store.find_by_secret(connection, secret, now)
        owner = self.principal(connection, token.user_id) if token else None
        if token is None or owner is None:
            return None
        principal = _limited(owner, token_rights(owner.rights, token.rights))
        is_stale = token.last_used_at is None or now - token.last_used_at > TOUCH_EVERY
        return Identity(principal, token_id=token.token_id), is_stale

    def principal(self, connection: Connection, user_id: UserId) -> Principal | None:
        """Return an active user with the rights that hold now."""
        user = store.find_user(connection, Scope.ALL, SYSTEM, user_id)
        if user is None or not user.is_active:
            return None
        return self._principal(connection, user)

    def _principal(self, connection: Connection, user: User) -> Principal:
        membership = self._memberships.membership(connection, user.user_id)
        return Principal(
            user_id=user.user_id,
            login=user.login,
            rights=ROLES.get(user.role, {}),
            agent_id=membership.agent_id,
            team_ids=membership.team_ids,
            language=user.language,
        )


def _limited(owner: Principal, rights: Rights) -> Principal:
    return Principal(owner.user_id, owner.login, rights, owner.agent_id, owner.team_ids, owner.language)
