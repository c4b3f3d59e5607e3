"""Sessions of signed-in browsers: random tokens of which only the SHA-256 is stored, so a stolen table opens nothing.

A session ends by sign-out, by revocation, after ``IDLE_TIME`` without use (each use moves it on) and, used or not,
after ``LIFETIME``. Functions here only read and write rows; who may is asked in the users room.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
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
    select,
    update,
)

from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.ids import UserId

IDLE_TIME: Final = timedelta(hours=12)
LIFETIME: Final = timedelta(days=7)
TOUCH_EVERY: Final = timedelta(minutes=5)
_TOKEN_BYTES: Final = 32

sessions_table = Table(
    "sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("user_id", String(40), ForeignKey("users.id"), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("address", String(64), nullable=False),
    Column("browser", String(200), nullable=False),
    Index("sessions_user", "user_id"),
)
_sessions = sessions_table.c


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser."""

    session_id: str
    user_id: UserId
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    browser: str


def new_token() -> str:
    """Return a fresh secret of 256 random bits, in letters that need no quoting."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return what is stored of a secret. A plain hash is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def start_session(tx: Transaction, session_id: str, user_id: UserId, token: str, *, address: str, browser: str) -> None:
    """Store a new session of the user."""
    row = {
        "id": session_id,
        "user_id": user_id,
        "token_hash": token_hash(token),
        "created_at": tx.now,
        "seen_at": tx.now,
        "expires_at": tx.now + LIFETIME,
        "address": address[:64],
        "browser": browser[:200],
    }
    tx.execute(insert(sessions_table), row)


def find_session(connection: Connection, token: str, now: datetime) -> Session | None:
    """Return the live session of a token."""
    query = select(sessions_table).where(_sessions.token_hash == token_hash(token), _is_live(now))
    row = connection.execute(query).one_or_none()
    return _session(row) if row else None


def list_sessions(connection: Connection, user_id: UserId, now: datetime) -> list[Session]:
    """Return a user's live sessions, the latest used first."""
    query = select(sessions_table).where(_sessions.user_id == user_id, _is_live(now))
    return [_session(row) for row in connection.execute(query.order_by(_sessions.seen_at.desc(), _sessions.id))]


def touch_session(tx: Transaction, session_id: str) -> None:
    """Move a session's idle time on."""
    where = (_sessions.id == session_id, _sessions.ended_at.is_(None))
    tx.execute(update(sessions_table).where(*where), {"seen_at": tx.now})


def end_sessions(tx: Transaction, user_id: UserId, session_id: str | None = None) -> Sequence[str]:
    """End one session of a user, or all of them; return the ids of those that were live. Idempotent."""
    where = [_sessions.user_id == user_id, _is_live(tx.now)]
    if session_id is not None:
        where.append(_sessions.id == session_id)
    live = list(tx.execute(select(_sessions.id).where(*where)).scalars())
    tx.execute(update(sessions_table).where(_sessions.id.in_(live)), {"ended_at": tx.now})
    return live


def last_ended(connection: Connection, user_ids: Collection[UserId]) -> dict[UserId, datetime]:
    """Return when the latest session of these users was ended, of those who had one."""
    latest = func.max(_sessions.ended_at, type_=Instant)
    query = select(_sessions.user_id, latest).where(_sessions.user_id.in_(user_ids), _sessions.ended_at.is_not(None))
    return {UserId(user_id): at for user_id, at in connection.execute(query.group_by(_sessions.user_id))}


def _is_live(now: datetime) -> ColumnElement[bool]:
    return and_(_sessions.ended_at.is_(None), _sessions.expires_at > now, _sessions.seen_at > now - IDLE_TIME)


def _session(row: Row[Any]) -> Session:
    return Session(row.id, row.user_id, row.created_at, row.seen_at, row.expires_at, row.address, row.browser)
