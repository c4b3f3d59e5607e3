"""What the users room asks of higher rooms; bootstrap binds it."""

from typing import Protocol

from sqlalchemy import Connection

from contactcenter.core.ids import AgentId, TeamId, UserId


class Membership(Protocol):
    """What a user is among agents."""

    @property
    def agent_id(self) -> AgentId | None:
        """His own agent, None for one who is no agent."""
        ...

    @property
    def team_ids(self) -> frozenset[TeamId]:
        """The teams he is in or supervises."""
        ...


class Memberships(Protocol):
    """Knows who is an agent and in which teams; the agents room."""

    def membership(self, connection: Connection, user_id: UserId) -> Membership:
        """Return the user's agent and teams, read through ``connection``."""
        ...
