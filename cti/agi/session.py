"""One FastAGI session as the rooms see it: implements ``CallSession`` of interactions/ports.

Commands go one at a time, each under a time limit; what is left unanswered when the connection ends becomes
``CallEnded`` (the caller hung up) or ``Unavailable`` (the PBX went away).

A process of ours that is frozen keeps its connection, so nothing ends the session. Therefore each command that keeps
the caller is preceded by ``SET AUTOHANGUP`` with a little more than its own limit: when nobody renews it, the PBX's own
clock takes the caller to the fallback (dialplan extension T). The dialplan stops that clock when the session is over.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import structlog

from contactcenter.core.errors import ActionFailed, Unavailable
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions.ports import CallEnded
from cti.agi.protocol import Answer, HangupNotice, Request, encode_command, set_variable
from cti.caller_names import from_request

log = structlog.get_logger(__name__)

COMMAND_TIME = 5.0
PLAY_TIME = 180.0
GUARD_TIME = 5
"""Whole seconds between a command's own limit and the PBX giving us up."""
_UNTOLD = frozenset({"", "unknown", "<unknown>"})
_HUNG_UP = frozenset({"", "hangup"})


class AgiSession:
    """A call in the hands of a flow. Owned by one task; the connection feeds it answers from the same loop."""

    def __init__(self, server_id: ServerId, request: Request, write: Callable[[bytes], None]) -> None:
        self._server_id = server_id
        self._fields = request.fields
        self._request = MappingProxyType(_told(request))
        self._write = write
        self._waiting: asyncio.Future[Answer] | None = None
        self._end: Exception | None = None
        self._answered = False

    # ---------------------------------------------------------------- the connection's side

    def on_event(self, event: Answer | HangupNotice) -> None:
        """Take an answer or the notice that the caller hung up."""
        if isinstance(event, HangupNotice):
            # The answer to a running command still follows, but nobody is left to play to.
            self.end(CallEnded())
        elif self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(event)
        elif self._end is None:
            log.warning("agi-answer-unasked", leg_id=self.leg_id, code=event.code)

    def end(self, reason: Exception) -> None:
        """Fail the running command and every later one with ``reason``; the first reason counts."""
        if self._end is None:
            self._end = reason
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(self._end)

    # ---------------------------------------------------------------- CallSession

    @property
    def server_id(self) -> ServerId:
        return self._server_id

    @property
    def leg_id(self) -> LegId:
        return LegId(self._fields.get("uniqueid", ""))

    @property
    def request(self) -> Mapping[str, str]:
        """Keys: caller_number, caller_name ('' when withheld), dialed, language, step, linked_id, channel, context."""
        return self._request

    async def answer(self) -> None:
        if not self._answered:
            await self._guarded(encode_command("ANSWER"), COMMAND_TIME)
            self._answered = True

    async def play(self, prompts: Sequence[str], interrupt_digits: str = "", time_limit: float = PLAY_TIME) -> str:
        for prompt in prompts:
            answer = await self._guarded(encode_command("STREAM FILE", prompt, interrupt_digits), time_limit)
            if answer.number > 0:
                return chr(answer.number)
            if answer.endpos == 0:
                log.warning("agi-prompt-not-played", prompt=prompt, leg_id=self.leg_id)
        return ""

    async def read_digit(self, timeout: float) -> str:
        milliseconds = max(1, round(timeout * 1000))
        answer = await self._guarded(encode_command(f"WAIT FOR DIGIT {milliseconds}"), timeout + COMMAND_TIME)
        return chr(answer.number) if answer.number > 0 else ""

    async def set_variable(self, name: str, value: str) -> None:
        await self._ask(set_variable(name, value))

    async def record(self, name: str, max_time: float, silence: float, finish_digits: str) -> float:
        limit = max(1, round(max_time * 1000))
        words = encode_command("RECORD FILE", name, "wav", finish_digits, limit, f"s={max(1, round(silence))}")
        answer = await self._guarded(words, max_time + COMMAND_TIME)
        return (answer.endpos or 0) / 8000

    # ---------------------------------------------------------------- round trips

    async def _guarded(self, command: bytes, time_limit: float) -> Answer:
        """Run a command that keeps the caller, under the PBX's own clock too."""
        await self._ask(encode_command(f"SET AUTOHANGUP {math.ceil(time_limit) + GUARD_TIME}"))
        return await self._ask(command, time_limit)

    async def _ask(self, command: bytes, time_limit: float = COMMAND_TIME) -> Answer:
        if self._end is not None:
            raise self._end
        if self._waiting is not None:
            raise RuntimeError("one command at a time")
        self._waiting = asyncio.get_running_loop().create_future()
        self._write(command)
        try:
            async with asyncio.timeout(time_limit):
                answer = await self._waiting
        except TimeoutError:
            # A later answer would be taken for the next command's, so the session cannot go on.
            self.end(Unavailable("agi-timeout"))
            raise Unavailable("agi-timeout") from None
        finally:
            self._waiting = None
        return self._checked(answer)

    def _checked(self, answer: Answer) -> Answer:
        if answer.code == 511 or (answer.code == 200 and answer.number == -1 and answer.data in _HUNG_UP):
            self.end(CallEnded())
            raise CallEnded
        if answer.code != 200 or answer.number == -1:
            raise ActionFailed("agi-command-refused", {"code": answer.code, "text": answer.text})
        return answer


def _told(request: Request) -> dict[str, str]:
    fields = request.fields
    # The dialplan may pass the dialed number and the Linkedid as arguments; a bare request has only the extension.
    extension = fields.get("extension", "")
    dialed = fields.get("arg_1") or (extension if extension not in ("s", "") else _known(fields.get("dnid", "")))
    return {
        "caller_number": _known(fields.get("callerid", "")),
        "caller_name": _known(from_request(fields.get("calleridname", ""))),
        "dialed": dialed,
        "language": fields.get("language", ""),
        "step": request.path.strip("/"),
        "linked_id": fields.get("arg_2") or fields.get("uniqueid", ""),
        "channel": fields.get("channel", ""),
        "context": fields.get("context", ""),
    }


def _known(value: str) -> str:
    return "" if value in _UNTOLD else value
