"""A promise to call back that nobody keeps by itself any more becomes a ticket: people take over."""

import asyncio
from typing import Final

import structlog

from contactcenter.core.database import Database
from contactcenter.core.errors import Conflict, NotFound, Unavailable
from contactcenter.core.permissions import SYSTEM
from contactcenter.customers.numbers import formatted
from contactcenter.interactions.callbacks import Callback
from contactcenter.tickets.service import TicketService

log = structlog.get_logger(__name__)
TRY_AGAIN: Final = 2.0  # seconds


async def open_ticket(database: Database, tickets: TicketService, one: Callback) -> None:
    """Open it, beside the call in which the promise was made; the database may be away for a while."""
    caller = one.caller_name or formatted(one.caller_number)
    note = f"To be called back at {formatted(one.number)}. Calls: {one.attempts}. The last one: {one.result or 'none'}."
    while True:
        try:
            await database.flush()
            ticket = await tickets.open_ticket(
                SYSTEM,
                f"Call back: {caller}"[:200],
                person_id=one.person_id,
                interaction_id=one.asked_in,
                note=note,
            )
            log.info("callback-given-up", callback=one.callback_id, ticket=ticket.number)
            return
        except (Conflict, NotFound) as error:  # he was erased meanwhile
            log.info("callback-without-ticket", callback=one.callback_id, reason=error.code)
            return
        except Unavailable as error:
            log.warning("callback-ticket-waits", callback=one.callback_id, reason=error.fields.get("reason"))
        await asyncio.sleep(TRY_AGAIN)
