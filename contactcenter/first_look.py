"""Callers' questions wait until the PBX's picture has been taken up once after our start.

A restarted server hears a caller's FastAGI request before the link is up. What became of him meanwhile, the PBX's
picture and records tell: whoever had talked already, and was not written before the last process died, would go through
the flow as a new call.
"""

import asyncio
import contextlib
from typing import Final

from contactcenter.interactions.ports import CallSession
from cti.agi.server import Handler

ASKED_MOST: Final = 1.5  # seconds a caller's question waits; without an answer in 3 s the dialplan goes on alone
START_MOST: Final = 30.0  # seconds after which nobody waits any more: the link cannot be had, and calls go on


class FirstLook:
    """Of one PBX; made when we begin to listen for its callers."""

    def __init__(self) -> None:
        self._taken = asyncio.Event()
        self._ends_at = asyncio.get_running_loop().time() + START_MOST

    def taken(self) -> None:
        """The picture has been taken up: nobody waits from now on."""
        self._taken.set()

    def before(self, handler: Handler) -> Handler:
        """Return ``handler``, begun when the picture has been taken up, or does not come."""

        async def wait(session: CallSession) -> None:
            left = self._ends_at - asyncio.get_running_loop().time()
            if not self._taken.is_set() and left > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, ASKED_MOST)):
                        await self._taken.wait()
            await handler(session)

        return wait
