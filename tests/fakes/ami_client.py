"""An AmiClient that keeps what it is given; the test answers when and how it likes. Same methods as the real one."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contactcenter.core.errors import ActionFailed, OutcomeUnknown, Unavailable
from cti.ami import LinkState, Message
from cti.ami.codec import Fields, encode_action


@dataclass(eq=False)
class Sent:
    """One action on its way. ``write`` numbers the writes: actions with one number left in one go."""

    action: str
    fields: dict[str, Any]
    action_id: str | None
    write: int
    future: "asyncio.Future[Any]"
    on_complete: Callable[[list[Message]], None] | None = None

    def succeed(self, **fields: str) -> None:
        self.future.set_result(Message.of([("Response", "Success"), *fields.items()]))

    def list(self, *rows: Message) -> None:
        self.future.set_result(list(rows))
        if self.on_complete is not None:
            self.on_complete(list(rows))

    def refuse(self, message: str = "No such channel") -> None:
        self._fail(ActionFailed("ami-refused", {"action": self.action, "message": message}))

    def lose(self) -> None:
        self._fail(OutcomeUnknown("action-timeout", {"action": self.action}))

    def _fail(self, error: Exception) -> None:
        self.future.set_exception(error)
        self.future.exception()


@dataclass
class FakeAmiClient:
    """``refusal``: raised by every write, as by a link that is down."""

    state: LinkState = LinkState.LIVE
    refusal: Exception | None = None
    sent: list[Sent] = field(default_factory=list)
    writes: int = 0

    def send(
        self, action: str, fields: Fields, *, action_id: str | None = None, timeout: float | None = None
    ) -> "asyncio.Future[Message]":
        return self.send_many([(action, fields)], action_ids=[action_id], timeout=timeout)[0]

    def send_many(
        self,
        actions: Sequence[tuple[str, Fields]],
        *,
        action_ids: Sequence[str | None] | None = None,
        timeout: float | None = None,
    ) -> "list[asyncio.Future[Message]]":
        ids = action_ids or [None] * len(actions)
        return [one.future for one in self._write([(*one, given) for one, given in zip(actions, ids, strict=True)])]

    def collect(
        self,
        action: str,
        fields: Fields,
        until_event: str,
        *,
        timeout: float | None = None,
        on_complete: Callable[[list[Message]], None] | None = None,
    ) -> "asyncio.Future[list[Message]]":
        (one,) = self._write([(action, fields, None)])
        one.on_complete = on_complete
        return one.future

    def _write(self, actions: Sequence[tuple[str, Fields, str | None]]) -> list[Sent]:
        for name, fields, action_id in actions:
            encode_action(name, fields, action_id or "x")  # what the real one refuses, this one refuses
        if self.refusal is not None:
            raise self.refusal
        if self.state is not LinkState.LIVE:
            raise Unavailable("pbx-unavailable", {"state": str(self.state)})
        self.writes += 1
        loop = asyncio.get_running_loop()
        new = [Sent(name, dict(fields), given, self.writes, loop.create_future()) for name, fields, given in actions]
        self.sent += new
        return new

    # ------------------------------------------------------------ for tests

    def names(self) -> list[str]:
        return [one.action for one in self.sent]

    def take(self, action: str, **fields: str) -> Sent:
        """The one action of this name (and fields) that has no answer yet."""
        waiting = [one for one in self.sent if one.action == action and not one.future.done()]
        (found,) = [one for one in waiting if all(one.fields.get(name) == value for name, value in fields.items())]
        return found

    def lose_all(self) -> None:
        """The link is gone with everything on its way."""
        for one in self.sent:
            if not one.future.done():
                one.lose()
