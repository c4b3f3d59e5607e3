"""What a page may ask over its socket: a table of name -> right, data, handler. Each is checked anew, every time.

A handler gets the services, the principal and its decoded data and returns the reply's data. Errors of the domain
become coded replies; a test enumerates this table and fails for a command without a right.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from agent_ui.projections.live import transfer_queues
from agent_ui.projections.why import why_panel
from contactcenter.agents.model import PresenceState
from contactcenter.agents.service import AgentService
from contactcenter.core.errors import Invalid, NotFound
from contactcenter.core.permissions import Principal, Right, require
from contactcenter.core.web.access import Services
from contactcenter.customers.service import CustomerService
from contactcenter.interactions.service import InteractionService
from contactcenter.tickets.service import TicketService


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    """Base of commands' data: unknown fields are refused."""


class SetPresence(_Data):
    """Choose availability; not-ready needs a reason."""

    state: str
    reason: str = ""


class OfInteraction(_Data):
    """An act on one interaction."""

    interaction_id: str


class Transfer(_Data):
    """Send the customer to a queue."""

    interaction_id: str
    queue_id: str


class SaveNote(_Data):
    """Keep the note as typed so far."""

    interaction_id: str
    text: str


class FinishWrapUp(_Data):
    """Name the outcome and be done."""

    interaction_id: str
    disposition: str = ""
    note: str | None = None
    then: str = "ready"
    reason: str = ""


class ChoosePerson(_Data):
    """Say who the caller is."""

    interaction_id: str
    person_id: str


class CreatePerson(_Data):
    """Keep the caller as a new person, with the number of the call."""

    interaction_id: str
    name: str
    organisation: str = ""


class CreateTicket(_Data):
    """Open a case from the call."""

    interaction_id: str
    subject: str
    policy_id: str | None = None


Handler = Callable[[Services, Principal, Any], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of the table."""

    right: Right
    data: type[_Data]
    handler: Handler


async def _set_presence(services: Services, principal: Principal, data: SetPresence) -> dict[str, Any]:
    try:
        state = PresenceState(data.state)
    except ValueError:
        raise Invalid("presence-unknown", {"state": "unknown"}) from None
    await services[AgentService].set_presence(principal, principal.agent_id or "", state, data.reason)
    return {}


async def _accept(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    await services[InteractionService].accept(principal, data.interaction_id)
    return {}


async def _reject(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    await services[InteractionService].reject(principal, data.interaction_id)
    return {}


async def _hang_up(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    await services[InteractionService].hang_up(principal, data.interaction_id)
    return {}


async def _hold(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    await services[InteractionService].hold(principal, data.interaction_id)
    return {}


async def _retrieve(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    await services[InteractionService].retrieve(principal, data.interaction_id)
    return {}


async def _transfer(services: Services, principal: Principal, data: Transfer) -> dict[str, Any]:
    await services[InteractionService].transfer(principal, data.interaction_id, data.queue_id)
    return {}


async def _transfer_queues(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    rooms = services[InteractionService]
    rooms.held(principal, data.interaction_id)
    return {"queues": transfer_queues(rooms.picture, rooms.now)}


async def _extend_wrap_up(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    await services[InteractionService].extend_wrap_up(principal, data.interaction_id)
    return {}


async def _save_note(services: Services, principal: Principal, data: SaveNote) -> dict[str, Any]:
    return {"saved_at": await services[InteractionService].save_note(principal, data.interaction_id, data.text)}


async def _finish_wrap_up(services: Services, principal: Principal, data: FinishWrapUp) -> dict[str, Any]:
    if data.then not in ("ready", "not-ready"):
        raise Invalid("invalid", {"then": "unknown"})
    await services[InteractionService].finish_wrap_up(
        principal, data.interaction_id, data.disposition, data.note, data.then, data.reason
    )
    return {}


async def _choose_person(services: Services, principal: Principal, data: ChoosePerson) -> dict[str, Any]:
    await services[InteractionService].choose_person(principal, data.interaction_id, data.person_id)
    return {}


async def _create_person(services: Services, principal: Principal, data: CreatePerson) -> dict[str, Any]:
    item = services[InteractionService].held(principal, data.interaction_id)
    services[InteractionService].check_there()  # before a person is kept whom nobody could be told of
    reading = services[CustomerService].read_number(item.caller_number)
    values: dict[str, Any] = {"name": data.name}
    values |= {"organisation": data.organisation} if data.organisation else {}
    values |= {"numbers": [reading.e164]} if reading.e164 else {}
    person = await services[CustomerService].create_caller(principal, values)
    await services[InteractionService].choose_person(principal, data.interaction_id, person.person_id)
    return {"person_id": person.person_id}


async def _create_ticket(services: Services, principal: Principal, data: CreateTicket) -> dict[str, Any]:
    item = services[InteractionService].held(principal, data.interaction_id)
    ticket = await services[TicketService].open_ticket(
        principal,
        data.subject,
        person_id=item.person_id,
        interaction_id=item.interaction_id,
        policy_id=data.policy_id,
    )
    await services[InteractionService].refresh_card(data.interaction_id)
    due = ticket.due_kind.value if ticket.due_kind else None
    view = {"id": ticket.ticket_id, "number": ticket.number, "subject": ticket.subject, "state": ticket.state.value}
    return {"ticket": {**view, "due_at": ticket.due_at, "due_kind": due}}


async def _why(services: Services, principal: Principal, data: OfInteraction) -> dict[str, Any]:
    require(principal, Right.LIVE_VIEW)
    service = services[InteractionService]
    return {"why": why_panel(await service.why(principal, data.interaction_id), service.picture)}


COMMANDS: Final[Mapping[str, Entry]] = {
    "set-presence": Entry(Right.PRESENCE_SET, SetPresence, _set_presence),
    "accept": Entry(Right.DESK, OfInteraction, _accept),
    "reject": Entry(Right.DESK, OfInteraction, _reject),
    "hang-up": Entry(Right.DESK, OfInteraction, _hang_up),
    "hold": Entry(Right.DESK, OfInteraction, _hold),
    "retrieve": Entry(Right.DESK, OfInteraction, _retrieve),
    "transfer": Entry(Right.DESK, Transfer, _transfer),
    "transfer-queues": Entry(Right.DESK, OfInteraction, _transfer_queues),
    "extend-wrap-up": Entry(Right.DESK, OfInteraction, _extend_wrap_up),
    "save-note": Entry(Right.INTERACTIONS_WRITE, SaveNote, _save_note),
    "finish-wrap-up": Entry(Right.INTERACTIONS_WRITE, FinishWrapUp, _finish_wrap_up),
    "choose-person": Entry(Right.DESK, ChoosePerson, _choose_person),
    "create-person": Entry(Right.CUSTOMERS_WRITE, CreatePerson, _create_person),
    "create-ticket": Entry(Right.TICKETS_WRITE, CreateTicket, _create_ticket),
    "why": Entry(Right.LIVE_VIEW, OfInteraction, _why),
}


async def carry_out(services: Services, principal: Principal, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Check and carry out one command. Raises ContactCenterError with a code for everything that is wrong."""
    entry = COMMANDS.get(name)
    if entry is None:
        raise NotFound("unknown-command", {"name": name[:40]})
    require(principal, entry.right)
    try:
        decoded = msgspec.convert(data, entry.data)
    except msgspec.ValidationError as error:
        raise Invalid("invalid", {"data": str(error)[:200]}) from None
    return await entry.handler(services, principal, decoded)
