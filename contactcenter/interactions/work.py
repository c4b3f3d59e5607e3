"""An agent's own work, in the process that owns the router.

Acts on live work go to ``assignments`` and the router; texts (note, disposition) are rows of their own and answered
after their commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from contactcenter.agents.model import PresenceState
from contactcenter.agents.service import AgentService
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from contactcenter.core.ids import AgentId, CallbackId, InteractionId, PersonId, QueueId
from contactcenter.core.permissions import Principal, Right, Scope, require
from contactcenter.customers.service import CustomerService
from contactcenter.interactions import model, store
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.callers import Callers
from contactcenter.interactions.calling_back import Callbacks
from contactcenter.interactions.model import Interaction, Phase, Segment
from contactcenter.interactions.service import InteractionService
from routing import commands as routing

MAX_NOTE: Final = 10_000
WRITTEN_IN: Final = 1.0  # seconds a transfer waits for its record, some milliseconds as a rule
log = structlog.get_logger(__name__)
DecideAgain = Callable[[int, float, str], Awaitable[list[dict[str, Any]] | None]]
"""Makes a decision again by its number, instant and reservation: why each other agent did not get it; None: too old."""
RefusedNow = Callable[[InteractionId], list[dict[str, Any]] | None]
"""Why each agent does not have an interaction that waits now; None for one that does not wait."""
Explain = Callable[[InteractionId], Mapping[str, Any]]
"""The router's account of an interaction in its hands; raises NotFound when it holds it no more."""


class OwnWork(InteractionService):
    """Acts on what ``assignments`` holds; the live objects stay there."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        assignments: Assignments,
        callers: Callers,
        agents: AgentService,
        customers: CustomerService,
        explain: Explain,
        refused_now: RefusedNow,
        decide_again: DecideAgain,
    ) -> None:
        super().__init__(database, clock, assignments.picture, agents, customers)
        self._assignments = assignments
        self._callers = callers
        self.callbacks: Callbacks  # bound after construction
        self._explain = explain
        self._refused_now = refused_now
        self._decide_again = decide_again

    async def accept(self, principal: Principal, interaction_id: str) -> None:
        item = self._alerting(principal, interaction_id)
        assert item.alert is not None
        self._assignments.telephony.connect(item.alert.reservation_id)

    async def reject(self, principal: Principal, interaction_id: str) -> None:
        item = self._alerting(principal, interaction_id)
        assert item.alert is not None
        self._assignments.reject_on_screen(item.alert)

    async def hang_up(self, principal: Principal, interaction_id: str) -> None:
        item, segment = self._talking(principal, interaction_id)
        self._assignments.hang_up_on_screen(item, segment)

    async def hold(self, principal: Principal, interaction_id: str) -> None:
        item, segment = self._talking(principal, interaction_id)
        if item.phase is Phase.HELD:
            raise Conflict("already-held")
        if item.callback is not None and item.callback.reached_at is None:
            raise Conflict("nobody-to-hold")
        self._check_link(item)
        self._assignments.holds.hold(item, segment)

    async def retrieve(self, principal: Principal, interaction_id: str) -> None:
        item, segment = self._own(principal, interaction_id)
        if item.phase is not Phase.HELD or segment is not item.segment:
            raise Conflict("not-held")
        self._check_link(item)
        self._assignments.holds.retrieve(item, segment)

    async def transfer(self, principal: Principal, interaction_id: str, queue_id: str) -> None:
        item, segment = self._talking(principal, interaction_id)
        queue = self.picture.queues.get(QueueId(queue_id))
        if item.callback is not None and item.callback.reached_at is None:
            raise Conflict("nobody-to-hold")
        if queue is None or not queue.is_active:
            raise NotFound("queue-unknown", {"queue": queue_id})
        if item.phase is Phase.HELD and self._assignments.holds.is_under_way(item):
            raise Conflict("conflict")  # he is being brought back: where the two stand is not known for milliseconds
        self._check_link(item)
        carry_out = self._assignments.transfers.begin(item, segment, queue)
        try:
            async with asyncio.timeout(WRITTEN_IN):
                await self._database.flush()
        except (Unavailable, TimeoutError) as error:  # the call goes on: what is not written is written later
            log.warning("transfer-not-written", reason=str(error))
        carry_out()

    def _check_link(self, item: Interaction) -> None:
        """Raise Unavailable while nothing can be asked of the PBX the customer is on."""
        link = self.picture.links.get(item.server_id)
        if link is None or not link.up:
            raise Unavailable("pbx-unavailable", {"server": item.server_id})

    async def extend_wrap_up(self, principal: Principal, interaction_id: str) -> None:
        item, segment = self._own(principal, interaction_id)
        queue = self.picture.queues[segment.queue_id]
        if segment.wrap_up_until is None or not segment.is_open:
            raise Conflict("wrap-up-over")
        if segment.extensions >= queue.extensions:
            raise Conflict("no-extension-left")
        self._assignments.extend_wrap_up(item, segment, queue.wrap_up_extension)

    async def withdraw_callback(self, principal: Principal, callback_id: str) -> None:
        if require(principal, Right.INTERACTIONS_WRITE) < Scope.TEAM:
            raise Forbidden("forbidden", {"right": Right.INTERACTIONS_WRITE.value})
        one = self.callbacks.withdraw(CallbackId(callback_id), principal.user_id)
        if one is None:
            raise NotFound("not-found", {"callback_id": callback_id})
        if not one.is_over:
            raise Conflict("callback-under-way", {"callback_id": callback_id})
        await self._database.flush()

    async def save_note(self, principal: Principal, interaction_id: str, text: str) -> datetime:
        if len(text) > MAX_NOTE:
            raise Invalid("invalid", {"text": "too-long"})
        segment = await self._own_segment(principal, interaction_id)
        agent_id = _agent_of(principal)
        saved_at = self._clock.now()

        def work(tx: Transaction) -> None:
            self._customers.check_not_erased(tx.connection, store.person_of(tx.connection, interaction_id))
            store.save_texts(tx, segment, agent_id, {"note": text, "note_saved_at": saved_at})
            tx.record(model.NoteSaved(InteractionId(interaction_id), agent_id), principal.user_id)

        await self._database.write(work)
        self._live_text(interaction_id, segment, note=text, saved_at=saved_at)
        return saved_at

    async def finish_wrap_up(
        self, principal: Principal, interaction_id: str, disposition: str, note: str | None, then: str, reason: str
    ) -> None:
        if note is not None and len(note) > MAX_NOTE:
            raise Invalid("invalid", {"note": "too-long"})
        segment = await self._own_segment(principal, interaction_id)
        item = self.picture.interactions.get(InteractionId(interaction_id))
        part = item.part_of(principal.agent_id) if item is not None else None
        if part is not None and part.ended_at is None:
            raise Conflict("still-talking")
        agent_id, state = _agent_of(principal), PresenceState(then)
        chooses = state is PresenceState.NOT_READY or self._is_to_be_ready(agent_id, item)
        if chooses:
            await self._agents.check_choice(principal, agent_id, state, reason)
        await self._save_disposition(principal, interaction_id, segment, disposition, note)
        if chooses:
            await self._agents.set_presence(principal, agent_id, state, reason)
        self._live_text(interaction_id, segment, note=note, saved_at=self._clock.now(), disposition=disposition)
        self._assignments.router.submit(routing.EndWrapUp(agent_id, InteractionId(interaction_id)))

    def _is_to_be_ready(self, agent_id: AgentId, item: Interaction | None) -> bool:
        """Tell whether an agent who wraps this up has to be made ready to get the next one."""
        agent = self.picture.agents.get(agent_id)
        return agent is not None and agent.presence != "ready" and item is not None and agent_id in item.holders

    async def _save_disposition(
        self, principal: Principal, interaction_id: str, segment: str, disposition: str, note: str | None
    ) -> None:
        row = await self._database.read(lambda c: store.find_segment(c, segment))
        queue = self.picture.queues.get(QueueId(row.queue_id)) if row else None
        known = {one.code for one in queue.dispositions} if queue else set()
        if disposition and disposition not in known:
            raise Invalid("invalid", {"disposition": "unknown-disposition"})
        item = self.picture.interactions.get(InteractionId(interaction_id))
        has_talked = item is None or item.outcome is not model.Outcome.UNREACHED
        if not disposition and known and queue is not None and queue.needs_disposition and has_talked:
            raise Invalid("disposition-needed", {"disposition": "needed"})
        agent_id = _agent_of(principal)
        texts: dict[str, Any] = {"disposition": disposition}
        if note is not None:
            texts |= {"note": note, "note_saved_at": self._clock.now()}

        def work(tx: Transaction) -> None:
            if note:
                self._customers.check_not_erased(tx.connection, store.person_of(tx.connection, interaction_id))
            store.save_texts(tx, segment, agent_id, texts)
            event = model.DispositionSet(InteractionId(interaction_id), agent_id, disposition)
            tx.record(event, principal.user_id)

        await self._database.write(work)

    def _live_text(
        self, interaction_id: str, segment: str, *, note: str | None, saved_at: datetime, disposition: str | None = None
    ) -> None:
        item = self.picture.interactions.get(InteractionId(interaction_id))
        parts = item.segments if item is not None else []
        part = next((one for one in parts if one.segment_id == segment), None)
        if item is not None and part is not None:
            self._assignments.texts_saved(item, part, note, disposition, saved_at)

    async def choose_person(self, principal: Principal, interaction_id: str, person_id: str) -> None:
        await self._customers.get_person(principal, person_id)
        item = self.held(principal, interaction_id)
        await self._callers.refresh(item, PersonId(person_id))
        if item.person_id != person_id:
            raise NotFound("not-found", {"person_id": person_id})

    async def refresh_card(self, interaction_id: str) -> None:
        item = self.picture.interactions.get(InteractionId(interaction_id))
        if item is not None:
            await self._callers.refresh(item)

    async def refresh_cards_of(self, person_id: str) -> None:
        """A person was changed: read the cards that show him again, also as one of those it may be."""
        for item in list(self.picture.interactions.values()):
            candidates = (item.card or {}).get("candidates", ())
            if item.person_id == person_id or any(one["person_id"] == person_id for one in candidates):
                await self._callers.refresh(item)

    def _alerting(self, principal: Principal, interaction_id: str) -> Interaction:
        item = self.held(principal, interaction_id)
        if item.alert is None or item.alert.agent_id != principal.agent_id:
            raise Conflict("reservation-over")
        return item

    def _own(self, principal: Principal, interaction_id: str) -> tuple[Interaction, Segment]:
        """Return the caller's own open part of what he has in hand."""
        item = self.held(principal, interaction_id)
        segment = item.part_of(principal.agent_id)
        if segment is None:
            raise Conflict("not-talking")
        return item, segment

    def _talking(self, principal: Principal, interaction_id: str) -> tuple[Interaction, Segment]:
        item, segment = self._own(principal, interaction_id)
        if not item.is_conversation or segment is not item.segment:
            raise Conflict("not-talking")
        return item, segment

    async def _own_segment(self, principal: Principal, interaction_id: str) -> str:
        """Return the id of the caller's latest segment, live or past. The tail is committed first: its row is there."""
        require(principal, Right.INTERACTIONS_WRITE)
        agent_id = _agent_of(principal)
        await self._database.flush()
        rows = await self._database.read(lambda c: store.parts(c, store.segments, [interaction_id]))
        own = [row.id for row in rows if row.agent_id == agent_id]
        if not own:
            raise NotFound("not-found", {"interaction_id": interaction_id})
        return str(own[-1])

    async def why(self, principal: Principal, interaction_id: str) -> dict[str, Any]:
        item = await self._asked_about(principal, interaction_id)
        now = self._explained(item) if item is not None else None
        kept = await self._database.read(lambda c: store.decisions(c, InteractionId(interaction_id)))
        return {"interaction_id": interaction_id, "now": now, "decisions": kept}

    async def why_agents(self, principal: Principal, interaction_id: str) -> dict[str, Any]:
        item = await self._asked_about(principal, interaction_id)
        refused = self._refused_now(item.interaction_id) if item is not None else None
        if refused is not None:
            return {"interaction_id": interaction_id, "agent_id": None, "at": self._clock.now(), "agents": refused}
        await self._database.flush()
        kept = await self._database.read(lambda c: store.decisions(c, InteractionId(interaction_id)))
        if not kept or not kept[-1].get("why"):
            raise NotFound("never-given", {"interaction_id": interaction_id})
        last, why = kept[-1], kept[-1]["why"]
        agents = await self._decide_again(why["number"], why["at"], last["reservation_id"])
        return {"interaction_id": interaction_id, "agent_id": last["agent_id"], "at": last["at"], "agents": agents}

    async def _asked_about(self, principal: Principal, interaction_id: str) -> Interaction | None:
        """Return the live interaction, None for one that is over. Raises NotFound for one out of reach."""
        item = self.picture.interactions.get(InteractionId(interaction_id))
        if item is None or not _may_ask(principal, item):
            await self._database.flush()
            await self.get(principal, interaction_id)
        return item

    def _explained(self, item: Interaction) -> Mapping[str, Any] | None:
        try:
            return self._explain(item.interaction_id)
        except NotFound:
            return None


def _may_ask(principal: Principal, item: Interaction) -> bool:
    """A waiting call has no agent yet: who sees the live page may ask. One with an agent is his, or in scope."""
    waits = item.phase is Phase.WAITING and principal.may(Right.LIVE_VIEW)
    return waits or (principal.agent_id is not None and principal.agent_id in item.holders)


def _agent_of(principal: Principal) -> AgentId:
    if principal.agent_id is None:
        raise Conflict("not-an-agent")
    return principal.agent_id
