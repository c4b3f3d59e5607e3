"""The actions on their way to one Asterisk: every one ends exactly once, by its answer, by time or by the link's loss.

Holds futures and timers of the running loop, no I/O. An action is only ever ended here, never repeated.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from contactcenter.core.errors import ActionFailed, OutcomeUnknown
from cti.ami.codec import Message

log = structlog.get_logger(__name__)

_OWN_STALL = 0.1
_GRACE = 0.25

ListHandler = Callable[[list[Message]], None]


@dataclass(slots=True, eq=False)
class _Answer:
    """An action that ends with one answer."""

    action: str
    timer: asyncio.TimerHandle
    future: asyncio.Future[Message]


@dataclass(slots=True, eq=False)
class _Listing:
    """An action whose answer is followed by events, up to ``until``."""

    action: str
    timer: asyncio.TimerHandle
    future: asyncio.Future[list[Message]]
    until: str
    on_complete: ListHandler | None
    items: list[Message] = field(default_factory=list)


class InFlight:
    """Owned by one AmiClient. Counts ``outcomes_unknown`` and ``unmatched``: answers nobody waits for any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._entries: dict[str, _Answer | _Listing] = {}
        self._listings = 0
        self.outcomes_unknown = 0
        self.unmatched = 0

    def __contains__(self, action_id: str) -> bool:
        return action_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def expect(self, action: str, action_id: str, timeout: float) -> asyncio.Future[Message]:
        """Return the future of the answer to ``action_id``; it fails with OutcomeUnknown after ``timeout`` seconds."""
        future: asyncio.Future[Message] = self._loop.create_future()
        self._entries[action_id] = _Answer(action, self._expire(action_id, timeout), future)
        return future

    def expect_list(
        self, action: str, action_id: str, timeout: float, until: str, on_complete: ListHandler | None
    ) -> asyncio.Future[list[Message]]:
        """Return the future of the events with ``action_id`` before the one called ``until``."""
        future: asyncio.Future[list[Message]] = self._loop.create_future()
        self._entries[action_id] = _Listing(action, self._expire(action_id, timeout), future, until, on_complete)
        self._listings += 1
        return future

    def _expire(self, action_id: str, timeout: float) -> asyncio.TimerHandle:
        deadline = self._loop.time() + timeout
        return self._loop.call_at(deadline, self._time_over, action_id, deadline)

    def _time_over(self, action_id: str, deadline: float) -> None:
        """Give up, unless this comes late: then our own process stood still and the answer may lie in the socket."""
        if self._loop.time() - deadline < _OWN_STALL:
            self._give_up(action_id, "action-timeout")
        else:
            self._entries[action_id].timer = self._expire(action_id, _GRACE)

    def answered(self, message: Message) -> None:
        """Take an answer."""
        action_id = message.get("ActionID")
        entry = self._entries.get(action_id)
        if entry is None:
            self.unmatched += 1
        elif message.get("Response") == "Error":
            self._remove(action_id)
            self._fail(entry, ActionFailed("ami-refused", {"action": entry.action, "message": message.get("Message")}))
        elif isinstance(entry, _Answer):
            self._remove(action_id)
            if not entry.future.done():
                entry.future.set_result(message)

    def listed(self, message: Message) -> bool:
        """Take an event if it belongs to a list; return whether it did."""
        if not self._listings:
            return False
        action_id = message.get("ActionID")
        entry = self._entries.get(action_id)
        if not isinstance(entry, _Listing):
            return False
        if message.kind != entry.until:
            entry.items.append(message)
            return True
        self._remove(action_id)
        if not entry.future.done():
            entry.future.set_result(entry.items)
        if entry.on_complete is not None:
            entry.on_complete(entry.items)
        return True

    def lose(self, code: str) -> None:
        """The link is gone: nobody knows what became of these."""
        for action_id in list(self._entries):
            self._give_up(action_id, code)

    def _give_up(self, action_id: str, code: str) -> None:
        entry = self._remove(action_id)
        self.outcomes_unknown += 1
        log.warning("ami-outcome-unknown", action=entry.action, action_id=action_id, code=code)
        self._fail(entry, OutcomeUnknown(code, {"action": entry.action, "action_id": action_id}))

    def _remove(self, action_id: str) -> _Answer | _Listing:
        entry = self._entries.pop(action_id)
        entry.timer.cancel()
        self._listings -= isinstance(entry, _Listing)
        return entry

    @staticmethod
    def _fail(entry: _Answer | _Listing, error: Exception) -> None:
        if not entry.future.done():
            entry.future.set_exception(error)
            entry.future.exception()  # marks it seen: an owner may look away, the loss was counted and logged
