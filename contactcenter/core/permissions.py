"""Who may do what to whose things: rights, scopes, roles; one check, denied by default.

A role grants rights, each with a scope. ``require`` is the one place a service asks; it answers the scope, which the
room's store turns into a condition (there is no store function that lists without a scope).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from contactcenter.core.errors import Forbidden
from contactcenter.core.ids import AgentId, TeamId, UserId


class Right(StrEnum):
    """One kind of act. ``PUBLIC`` needs no sign-in, ``SIGNED_IN`` any user."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    DESK = "desk:use"
    LIVE_VIEW = "live:view"
    PRESENCE_SET = "presence:set"
    INTERACTIONS_READ = "interactions:read"
    INTERACTIONS_WRITE = "interactions:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CUSTOMERS_ERASE = "customers:erase"
    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    QUEUES_READ = "queues:read"
    QUEUES_WRITE = "queues:write"
    EVENTS_READ = "events:read"
    METRICS_READ = "metrics:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    TOKENS_WRITE = "tokens:write"
    AUDIT_READ = "audit:read"


class Scope(IntEnum):
    """How far a right reaches; a larger scope includes the smaller."""

    OWN = 1
    TEAM = 2
    SITE = 3
    ALL = 4


Rights = Mapping[Right, Scope]

_AGENT: dict[Right, Scope] = {
    Right.SIGNED_IN: Scope.OWN,
    Right.DESK: Scope.OWN,
    Right.PRESENCE_SET: Scope.OWN,
    Right.INTERACTIONS_READ: Scope.OWN,
    Right.INTERACTIONS_WRITE: Scope.OWN,
    Right.CUSTOMERS_READ: Scope.ALL,
    Right.CUSTOMERS_WRITE: Scope.ALL,
    Right.TICKETS_READ: Scope.TEAM,
    Right.TICKETS_WRITE: Scope.TEAM,
    Right.QUEUES_READ: Scope.ALL,
}
_SUPERVISOR: dict[Right, Scope] = {
    **_AGENT,
    Right.LIVE_VIEW: Scope.TEAM,
    Right.PRESENCE_SET: Scope.TEAM,
    Right.INTERACTIONS_READ: Scope.TEAM,
    Right.INTERACTIONS_WRITE: Scope.TEAM,
    Right.AGENTS_READ: Scope.TEAM,
    Right.EVENTS_READ: Scope.SITE,
}
ROLES: Mapping[str, Rights] = {
    "agent": _AGENT,
    "supervisor": _SUPERVISOR,
    "administrator": {right: Scope.ALL for right in Right if right is not Right.PUBLIC},
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever acts: a signed-in user or a token's owner, with the rights that hold now."""

    user_id: UserId
    login: str
    rights: Rights
    agent_id: AgentId | None = None
    team_ids: frozenset[TeamId] = field(default_factory=frozenset)
    language: str = "en"

    def may(self, right: Right) -> bool:
        """Tell whether the right is held in any scope."""
        return right in self.rights


SYSTEM = Principal(UserId(""), "system", ROLES["administrator"])
"""The program itself: seeds, recovery, jobs."""


def require(principal: Principal, right: Right) -> Scope:
    """Return how far ``right`` reaches for this principal. Raises Forbidden when it is not held."""
    scope = principal.rights.get(right)
    if scope is None:
        raise Forbidden("forbidden", {"right": right.value})
    return scope
