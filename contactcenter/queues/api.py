"""REST resources of queues and dialed numbers."""

from typing import Annotated, Any

from pydantic import Field

from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Body, Code, Id, Label, Out, given
from contactcenter.queues.model import DialedNumber, Disposition, Queue
from contactcenter.queues.service import QueueService

routes = Routes()
Seconds = Annotated[float, Field(ge=0, le=86_400, description="seconds")]
Level = Annotated[int, Field(ge=1, le=10)]


class DispositionBody(Body):
    """An outcome to pick in wrap-up."""

    code: Code
    label: Label
    is_active: bool = True


class DispositionOut(Out):
    """An outcome to pick in wrap-up."""

    code: str
    label: str
    is_active: bool


class QueuePatch(Body):
    """What to change of a queue; fields left out stay, lists are replaced whole. ``skills``: id to least level."""

    name: Label = ""
    priority: Annotated[int, Field(ge=0, le=1000)] = 0
    target_time: Seconds = 20.0
    goal: Annotated[int, Field(ge=0, le=100)] = 80
    ring_time: Seconds = 20.0
    wrap_up_time: Seconds = 60.0
    wrap_up_extension: Seconds = 60.0
    wrap_up_limit: Seconds = 180.0
    short_abandon_time: Seconds = 5.0
    needs_disposition: bool = True
    is_active: bool = True
    skills: Annotated[dict[Id, Level], Field(max_length=50)] = Field(default_factory=dict)
    dispositions: Annotated[list[DispositionBody], Field(max_length=100)] = Field(default_factory=list)


class QueueIn(QueuePatch):
    """A new queue; what is left out gets the usual value."""

    name: Label


class QueueOut(Out):
    """A queue and its rules; times are seconds."""

    id: str
    name: str
    priority: int
    target_time: float
    goal: int
    ring_time: float
    wrap_up_time: float
    wrap_up_extension: float
    wrap_up_limit: float
    short_abandon_time: float
    needs_disposition: bool
    is_active: bool
    skills: dict[str, int]
    dispositions: list[DispositionOut]


class DialedOut(Out):
    """A number customers dial and its flow."""

    number: str
    flow: str


class DialedIn(Body):
    """Where a number leads."""

    flow: Code


@routes.get("/api/v1/queues", right=Right.QUEUES_READ, returns=list[QueueOut], tag="queues")
async def list_queues(call: Call[None]) -> list[QueueOut]:
    """List the queues in reach."""
    return [queue_out(queue) for queue in await call.services[QueueService].list_queues(call.principal)]


@routes.post("/api/v1/queues", right=Right.QUEUES_WRITE, body=QueueIn, returns=QueueOut, status=201, tag="queues")
async def create_queue(call: Call[QueueIn]) -> QueueOut:
    """Create a queue."""
    return queue_out(await call.services[QueueService].create_queue(call.principal, _values(call.body)))


@routes.get("/api/v1/queues/{queue_id}", right=Right.QUEUES_READ, returns=QueueOut, tag="queues")
async def get_queue(call: Call[None]) -> QueueOut:
    """Read one queue."""
    return queue_out(await call.services[QueueService].get_queue(call.principal, call.path["queue_id"]))


@routes.patch("/api/v1/queues/{queue_id}", right=Right.QUEUES_WRITE, body=QueuePatch, returns=QueueOut, tag="queues")
async def update_queue(call: Call[QueuePatch]) -> QueueOut:
    """Change a queue."""
    service = call.services[QueueService]
    return queue_out(await service.update_queue(call.principal, call.path["queue_id"], _values(call.body)))


@routes.get("/api/v1/dialed-numbers", right=Right.QUEUES_READ, returns=list[DialedOut], tag="queues")
async def list_dialed_numbers(call: Call[None]) -> list[DialedOut]:
    """List the numbers customers dial."""
    return [_dialed_out(dialed) for dialed in await call.services[QueueService].list_dialed(call.principal)]


@routes.put("/api/v1/dialed-numbers/{number}", right=Right.QUEUES_WRITE, body=DialedIn, returns=DialedOut, tag="queues")
async def save_dialed_number(call: Call[DialedIn]) -> DialedOut:
    """Let a number lead to a flow."""
    service = call.services[QueueService]
    return _dialed_out(await service.save_dialed(call.principal, call.path["number"], call.body.flow))


@routes.delete("/api/v1/dialed-numbers/{number}", right=Right.QUEUES_WRITE, tag="queues")
async def delete_dialed_number(call: Call[None]) -> None:
    """Let a number lead nowhere."""
    await call.services[QueueService].delete_dialed(call.principal, call.path["number"])


def _values(body: QueuePatch) -> dict[str, Any]:
    values: dict[str, Any] = given(body)
    if "dispositions" in values:
        values["dispositions"] = tuple(Disposition(item.code, item.label, item.is_active) for item in body.dispositions)
    return values


def queue_out(queue: Queue) -> QueueOut:
    """Return a queue for the API."""
    same = {name: getattr(queue, name) for name in QueueOut.model_fields if name not in {"id", "dispositions"}}
    return QueueOut(id=queue.queue_id, dispositions=[_disposition(item) for item in queue.dispositions], **same)


def _disposition(item: Disposition) -> DispositionOut:
    return DispositionOut(code=item.code, label=item.label, is_active=item.is_active)


def _dialed_out(dialed: DialedNumber) -> DialedOut:
    return DialedOut(number=dialed.number, flow=dialed.flow)
