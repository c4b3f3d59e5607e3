"""What the queues room needs to know of agents, whom it does not keep."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from contactcenter.core.ids import AgentId, QueueId, SkillId, TeamId
from contactcenter.core.permissions import Principal
from routing.commands import Service


class Offer(Protocol):
    """What one agent has to offer; ``queues`` None: he serves every queue whose skills he has."""

    @property
    def agent_id(self) -> AgentId:
        """His id."""
        ...

    @property
    def name(self) -> str:
        """His name."""
        ...

    @property
    def skills(self) -> Mapping[SkillId, int]:
        """His levels, those of his profile included."""
        ...

    @property
    def queues(self) -> Mapping[QueueId, Service] | None:
        """The queues he serves and how."""
        ...

    @property
    def capacity(self) -> Mapping[str, int]:
        """How many interactions of each medium fill him alone."""
        ...

    @property
    def team_id(self) -> TeamId | None:
        """His team."""
        ...


class Offers(Protocol):
    """Who there is to serve a queue."""

    async def __call__(self, principal: Principal) -> Sequence[Offer]:
        """Return every agent in the principal's reach whom the router may know, by name. Raises Forbidden."""
        ...
