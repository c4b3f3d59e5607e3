"""Acts on one channel, sent again when the PBX knows no such channel for a moment.

While Bridge() takes a channel out of its own dialplan, Asterisk moves it from one structure to another, and in between
(measured: below 1 ms) an action that names it is refused like one for a channel that is gone. So a refusal is believed
only of a leg whose end was told, or that stays unknown for ``TRIES`` times ``PAUSE``.

Meanwhile the call may have gone on: an act is sent again only while it is still wanted. One sent too late would undo
what came after it, a guard that of the next agent, a hang-up a conversation.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from contactcenter.core.errors import ActionFailed, Unavailable
from contactcenter.core.ids import LegId, ServerId
from cti.ami import Message
from cti.calls import Calls

log = structlog.get_logger(__name__)

PAUSE: Final = 0.02  # seconds
TRIES: Final = 5
_UNKNOWN: Final = ("No such channel", "Channel does not exist", "Channel not found")
Fields = Mapping[str, str | Sequence[str]]
Answered = Callable[["asyncio.Future[Message]"], None]
StillWanted = Callable[[], bool]
Later = Callable[[float, Callable[[], Any]], None]


class Link(Protocol):
    """What is needed of the AMI client."""

    def send(self, action: str, fields: Fields) -> "asyncio.Future[Message]":
        """Write one action now. Raises Unavailable."""
        ...

    def send_many(self, actions: Sequence[tuple[str, Fields]]) -> "list[asyncio.Future[Message]]":
        """Write several actions in one go. Raises Unavailable."""
        ...


def call_later(seconds: float, act: Callable[[], Any]) -> None:
    """Call ``act`` in the running loop."""
    asyncio.get_running_loop().call_later(seconds, act)


class Acts:
    """Sends and answers by callback: once, with the last answer, or never when the link is lost meanwhile."""

    def __init__(self, server_id: ServerId, link: Link, calls: Calls, later: Later = call_later) -> None:
        self._server_id = server_id
        self._link = link
        self._calls = calls
        self._later = later

    def send(
        self,
        action: str,
        fields: Fields,
        answered: Answered,
        still_wanted: StillWanted | None = None,
        tries: int = TRIES,
    ) -> bool:
        """Send one act; False when there is no link, and ``answered`` is not called then.

        Without ``still_wanted`` it is sent once.
        """
        try:
            sent = self._link.send(action, fields)
        except Unavailable as error:
            log.info("act-not-sent", action=action, server=self._server_id, error=error.code)
            return False
        self.follow(action, fields, sent, answered, still_wanted, tries)
        return True

    def follow(
        self,
        action: str,
        fields: Fields,
        sent: "asyncio.Future[Message]",
        answered: Answered,
        still_wanted: StillWanted | None = None,
        tries: int = TRIES,
    ) -> None:
        """Take the answer of an act that was sent, or send it again; one no longer wanted is not answered."""

        def again() -> None:
            if still_wanted is not None and still_wanted():
                self.send(action, fields, answered, still_wanted, tries - 1)

        def take(future: "asyncio.Future[Message]") -> None:
            if still_wanted is not None and tries and self._may_be_moving(future, str(fields.get("Channel", ""))):
                self._later(PAUSE, again)
            else:
                answered(future)

        sent.add_done_callback(take)

    def _may_be_moving(self, future: "asyncio.Future[Message]", leg_id: str) -> bool:
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, ActionFailed):
            return False
        message = str(error.fields.get("message", ""))
        return message.startswith(_UNKNOWN) and LegId(leg_id) in self._calls.channels
