"""What only the router's process can do, for the other processes of a site: asked over the bus, answered there.

Rights are checked twice, where the user is known and where it is done: each question carries the whole principal. So
whoever may write to the bus may act as anybody, as with the database: both belong behind the same wall.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from contactcenter.agents.model import PresenceState
from contactcenter.agents.ports import PresencePort
from contactcenter.agents.service import AgentService
from contactcenter.core.bus_questions import Asker
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import OutcomeUnknown, RateLimited, Unavailable
from contactcenter.core.ids import AgentId, SiteId
from contactcenter.core.permissions import Principal
from contactcenter.customers.service import CustomerService
from contactcenter.interactions.live import Picture
from contactcenter.interactions.service import InteractionService

log = structlog.get_logger(__name__)

ACTS: Final = (
    "accept",
    "reject",
    "hang_up",
    "hold",
    "retrieve",
    "transfer",
    "extend_wrap_up",
    "save_note",
    "finish_wrap_up",
    "choose_person",
    "withdraw_callback",
    "why",
    "why_agents",
)
"""Methods of InteractionService whose first argument is the principal."""

Answer = Callable[[Any], Awaitable[Any]]


def channel_of(site_id: SiteId) -> str:
    """Return the channel questions to the router's process go over."""
    return f"cc:{site_id}:acts"


def answers(presence: PresencePort, interactions: InteractionService, database: Database) -> Mapping[str, Answer]:
    """Return what the router's process answers: name of the question -> what is done."""

    def act(name: str) -> Answer:
        async def done(given: Any) -> Any:
            principal, *arguments = given
            return await getattr(interactions, name)(_principal(principal), *arguments)

        return done

    async def set_presence(given: Any) -> None:
        agent_id, state, reason, actor = given
        await presence.set_presence(AgentId(agent_id), PresenceState(state), reason, actor)
        with contextlib.suppress(Unavailable):
            await database.flush()  # answered when it is kept, or holds all the same and is kept later

    async def refresh_card(given: Any) -> None:
        await interactions.refresh_card(str(given))

    return {**{name: act(name) for name in ACTS}, "set_presence": set_presence, "refresh_card": refresh_card}


def _principal(given: Any) -> Principal:
    principal: Principal = msgspec.convert(given, Principal, strict=False)
    return principal


class RemotePresence:
    """agents' PresencePort where the router is another process's; ``is_there`` tells whether that one is heard."""

    def __init__(self, asker: Asker, is_there: Callable[[], bool]) -> None:
        self._asker = asker
        self._is_there = is_there

    async def set_presence(self, agent_id: AgentId, state: PresenceState, reason: str, actor: str) -> None:
        """See agents.ports.PresencePort."""
        if not self._is_there():
            raise Unavailable("router-away")
        await self._asker.ask("set_presence", [agent_id, state.value, reason, actor], lane=agent_id)


class RemoteInteractions(InteractionService):
    """The interactions room of a process without the router; one agent's acts are carried out in their order."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        picture: Picture,
        agents: AgentService,
        customers: CustomerService,
        asker: Asker,
        is_there: Callable[[], bool],
    ) -> None:
        """``is_there`` tells whether the router's process is heard: nobody waits for an answer of one that is not."""
        super().__init__(database, clock, picture, agents, customers)
        self._asker = asker
        self._is_there = is_there

    def check_there(self) -> None:
        if not self._is_there():
            raise Unavailable("router-away")

    async def accept(self, principal: Principal, interaction_id: str) -> None:
        await self._ask("accept", principal, interaction_id)

    async def reject(self, principal: Principal, interaction_id: str) -> None:
        await self._ask("reject", principal, interaction_id)

    async def hang_up(self, principal: Principal, interaction_id: str) -> None:
        await self._ask("hang_up", principal, interaction_id)

    async def hold(self, principal: Principal, interaction_id: str) -> None:
        await self._ask("hold", principal, interaction_id)

    async def retrieve(self, principal: Principal, interaction_id: str) -> None:
        await self._ask("retrieve", principal, interaction_id)

    async def transfer(self, principal: Principal, interaction_id: str, queue_id: str) -> None:
        await self._ask("transfer", principal, interaction_id, queue_id)

    async def extend_wrap_up(self, principal: Principal, interaction_id: str) -> None:
        await self._ask("extend_wrap_up", principal, interaction_id)

    async def save_note(self, principal: Principal, interaction_id: str, text: str) -> datetime:
        saved_at: datetime = await self._ask("save_note", principal, interaction_id, text)
        return saved_at

    async def finish_wrap_up(
        self, principal: Principal, interaction_id: str, disposition: str, note: str | None, then: str, reason: str
    ) -> None:
        await self._ask("finish_wrap_up", principal, interaction_id, disposition, note, then, reason)

    async def choose_person(self, principal: Principal, interaction_id: str, person_id: str) -> None:
        await self._ask("choose_person", principal, interaction_id, person_id)

    async def withdraw_callback(self, principal: Principal, callback_id: str) -> None:
        await self._ask("withdraw_callback", principal, callback_id)

    async def refresh_card(self, interaction_id: str) -> None:
        """See InteractionService. What changed is kept already: a card that is not read again now is no failure."""
        try:
            self.check_there()
            await self._asker.ask("refresh_card", interaction_id)
        except (Unavailable, OutcomeUnknown, RateLimited) as error:
            log.warning("card-not-refreshed", interaction=interaction_id, reason=error.code)

    async def why(self, principal: Principal, interaction_id: str) -> dict[str, Any]:
        told: dict[str, Any] = await self._ask("why", principal, interaction_id)
        return told

    async def why_agents(self, principal: Principal, interaction_id: str) -> dict[str, Any]:
        told: dict[str, Any] = await self._ask("why_agents", principal, interaction_id)
        return told

    async def _ask(self, name: str, principal: Principal, *arguments: Any) -> Any:
        self.check_there()
        return await self._asker.ask(name, [principal, *arguments], lane=principal.agent_id or "")
