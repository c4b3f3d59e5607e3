"""REST resources of promises to call back: the list, and taking one back."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from contactcenter.core.ids import PersonId
from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Instant, Out, PageOut, PageQuery
from contactcenter.customers.numbers import formatted
from contactcenter.customers.service import CustomerService
from contactcenter.interactions.callbacks import Callback, CallbackState
from contactcenter.interactions.live import Picture
from contactcenter.interactions.service import InteractionService

routes = Routes()


class CallbacksQuery(PageQuery):
    """Which promises: those still to be kept (``open``), those that are over (false), all when left out."""

    open: bool | None = None


class CallbackOut(Out):
    """A promise to call a customer back. ``entered_at`` is the place in line he keeps."""

    id: str
    state: CallbackState
    asked_in: Annotated[str, Field(description="the call in which he asked for it")]
    interaction_id: Annotated[str | None, Field(description="its present turn in line, or the last one")]
    queue_id: str
    queue: str
    person_id: str | None
    customer: str
    number: str
    entered_at: Instant
    asked_at: Instant
    attempts: Annotated[int, Field(description="how often he was called")]
    result: Annotated[str, Field(description="how the last call ended that he did not answer")]
    next_at: Annotated[Instant | None, Field(description="when he is in line again after such a call")]
    reached_at: Instant | None
    ended_at: Instant | None


class CallbacksPage(PageOut[CallbackOut]):
    """Promises, newest first."""


@routes.get("/api/v1/callbacks", right=Right.LIVE_VIEW, query=CallbacksQuery, returns=CallbacksPage, tag="interactions")
async def list_callbacks(call: Call[None]) -> CallbacksPage:
    """List promises to call customers back, newest first."""
    query: CallbacksQuery = call.query
    service = call.services[InteractionService]
    page = await service.list_callbacks(call.principal, query.paging, is_open=query.open)
    names = await call.services[CustomerService].names(
        call.principal, {one.person_id for one in page.items if one.person_id}
    )
    return CallbacksPage(items=[_out(one, names, service.picture) for one in page.items], next=page.next)


@routes.post("/api/v1/callbacks/{callback_id}/withdraw", right=Right.INTERACTIONS_WRITE, status=204, tag="interactions")
async def withdraw_callback(call: Call[None]) -> None:
    """Have nobody call this customer back any more; for supervisors, and not while he is being called."""
    await call.services[InteractionService].withdraw_callback(call.principal, call.path["callback_id"])


def _out(one: Callback, names: Mapping[PersonId, str], picture: Picture) -> CallbackOut:
    queue = picture.queues.get(one.queue_id)
    return CallbackOut(
        id=one.callback_id,
        state=one.state,
        asked_in=one.asked_in,
        interaction_id=one.interaction_id,
        queue_id=one.queue_id,
        queue=queue.name if queue is not None else "",
        person_id=one.person_id,
        customer=names.get(one.person_id, "") if one.person_id else one.caller_name,
        number=formatted(one.number),
        entered_at=one.entered_at,
        asked_at=one.asked_at,
        attempts=one.attempts,
        result=one.result,
        next_at=one.next_at,
        reached_at=one.reached_at,
        ended_at=one.ended_at,
    )
