"""What the agents room needs from an edge: the owner of presence."""

from typing import Protocol

from contactcenter.agents.model import PresenceState
from contactcenter.core.ids import AgentId


class PresencePort(Protocol):
    """The router, which owns presence; the stored row follows what it announces."""

    async def set_presence(self, agent_id: AgentId, state: PresenceState, reason: str, actor: str) -> None:
        """Hand the choice to the owner's inbox; ``actor`` is the user id of who chose.

        Every call is carried out, in the order of the calls. Raises Conflict when the owner does not know the agent;
        Unavailable or OutcomeUnknown when the owner is another process and was not reached, or did not answer.
        """
        ...
