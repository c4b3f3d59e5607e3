"""Questions over the bus: one process asks, the one that answers a channel carries it out and replies.

The bus may lose a question or its answer, so each is asked once and whoever hears nothing knows only that: he looks at
the database, or asks anew with something the answerer can tell apart. Two answerers on one channel would both carry
it out; whoever owns the site is the only one that starts one.

Messages are msgpack. Data are what that can hold: no objects of ours, sequences arrive as lists.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from contactcenter.core.bus import Bus
from contactcenter.core.errors import (
    ActionFailed,
    Conflict,
    ContactCenterError,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Stale,
    TelephonyError,
    Unauthenticated,
    Unavailable,
)
from contactcenter.core.tasks import TaskSupervisor

log = structlog.get_logger(__name__)
Handler = Callable[[Any], Awaitable[Any]]

MAX_UNDER_WAY: Final = 256
REMEMBERED: Final = 1000
PATIENCE: Final = 5.0  # seconds
CLOSE_TIME: Final = 2.0  # seconds for what is being carried out when the answerer ends
TICK: Final = 0.5  # seconds between two looks at the own clock
STALL: Final = 1.0  # seconds late: this process stood still
STALE_TIME: Final = 1.0  # seconds after a standstill in which what is heard may have been asked long ago
_RETRY_AFTER: Final = 1  # seconds

_ERRORS: Final[Mapping[str, type[ContactCenterError]]] = {
    kind.__name__: kind
    for kind in (
        *(ContactCenterError, NotFound, Conflict, Stale, Forbidden, Unauthenticated, Invalid, RateLimited),
        *(TelephonyError, Unavailable, ActionFailed, OutcomeUnknown),
    )
}


class Question(msgspec.Struct, frozen=True):
    """``id`` is unique for ever; ``patience``: seconds the asker had when he asked, as clocks of machines differ."""

    id: str
    sender: str
    name: str
    data: Any
    lane: str = ""
    patience: float = PATIENCE


class Answer(msgspec.Struct, frozen=True):
    """The data, or the class (``error``), code and fields of what went wrong."""

    id: str
    data: Any = None
    error: str = ""
    code: str = ""
    fields: dict[str, Any] = {}


_questions: Final = msgspec.msgpack.Decoder(Question)
_answers: Final = msgspec.msgpack.Decoder(Answer)


class Answerer:
    """Carries out what is asked on ``channel``; ``handlers`` by the name of the question.

    Questions of one sender and lane are carried out one after the other, in the order they came; lanes side by side; a
    question without a lane waits for none. At most 256 are under way, those that wait among them; one more is answered
    ``rate-limited``. A question whose asker gave up while it waited is not carried out (``expired`` counts), nor one
    that was seen among the last 1,000; nor what is heard in the second after this process stood still.
    """

    def __init__(self, bus: Bus, channel: str, handlers: Mapping[str, Handler], tasks: TaskSupervisor) -> None:
        self._bus = bus
        self._channel = channel
        self._handlers = dict(handlers)
        self._tasks = tasks
        self._lanes: dict[tuple[str, str], deque[tuple[float, Question]]] = {}
        self._seen: dict[str, None] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._count = 0
        self._is_closed = False
        self._end: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._stale_until = 0.0
        self.expired = 0

    def start(self) -> None:
        """Answer from now on."""
        self._is_closed = False
        if self._end is None:
            self._end = self._bus.subscribe(self._channel, self._heard)
            self._due = asyncio.get_running_loop().time()
            self._tick()

    async def close(self) -> None:
        """Hear no more; end within 2 s what is being carried out. What still waits is answered ``router-away``."""
        self._is_closed = True
        if self._end is not None:
            self._end()
            self._end = None
        if self._timer is not None:
            self._timer.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSE_TIME)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._lanes.clear()  # a task that ended before it began counted nothing down
        self._count = 0

    def _tick(self) -> None:
        """Notice a standstill (SIGSTOP, a machine that gives no time): whoever asked meanwhile has given up long ago.

        A timer's own callback, so it runs before the tasks that read what has piled up.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._due > STALL:
            log.warning("bus-questions-stood-still", seconds=round(now - self._due, 1))
            self._stale_until = now + STALE_TIME
        self._due = now + TICK
        self._timer = loop.call_at(self._due, self._tick)

    def _heard(self, message: bytes) -> None:
        try:
            question = _questions.decode(message)
        except msgspec.DecodeError:
            log.warning("bus-question-unreadable", channel=self._channel)
            return
        if question.id in self._seen:
            return
        if asyncio.get_running_loop().time() < self._stale_until:
            self._refuse(question, Unavailable("router-away"))
            return
        if self._count >= MAX_UNDER_WAY:
            self._refuse(question, RateLimited("rate-limited", {"retry_after": _RETRY_AFTER}))
            return
        self._remember(question.id)
        self._count += 1
        arrived = (asyncio.get_running_loop().time(), question)
        key = (question.sender, question.lane)
        if question.lane and key in self._lanes:
            self._lanes[key].append(arrived)
        elif question.lane:
            lane = self._lanes[key] = deque([arrived])
            self._spawn(self._run_lane(key, lane))
        else:
            self._spawn(self._take_turn(*arrived))

    def _remember(self, question_id: str) -> None:
        self._seen[question_id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _spawn(self, coroutine: Any) -> None:
        task = self._tasks.spawn("bus-questions", coroutine)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _run_lane(self, key: tuple[str, str], lane: deque[tuple[float, Question]]) -> None:
        try:
            while lane:
                await self._take_turn(*lane.popleft())
        finally:
            self._count -= len(lane)
            del self._lanes[key]

    async def _take_turn(self, arrived_at: float, question: Question) -> None:
        try:
            if self._is_closed:
                self._refuse(question, Unavailable("router-away"))
            elif asyncio.get_running_loop().time() - arrived_at >= question.patience:
                self.expired += 1
                log.info("bus-question-expired", question=question.name)
            else:
                await self._carry_out(question)
        finally:
            self._count -= 1

    async def _carry_out(self, question: Question) -> None:
        """Reply in any case; what cannot be packed is a fault of the handler like any other."""
        try:
            message = msgspec.msgpack.encode(await self._answer(question))
        except Exception:
            log.exception("bus-question-failed", question=question.name)
            message = msgspec.msgpack.encode(_failure(question, ContactCenterError("internal")))
        self._bus.publish(_replies(self._channel, question.sender), message)

    async def _answer(self, question: Question) -> Answer:
        try:
            handler = self._handlers.get(question.name)
            if handler is None:
                raise Invalid("question-unknown")
            return Answer(question.id, await handler(question.data))
        except ContactCenterError as error:
            return _failure(question, error)

    def _refuse(self, question: Question, error: ContactCenterError) -> None:
        message = msgspec.msgpack.encode(_failure(question, error))
        self._bus.publish(_replies(self._channel, question.sender), message)


class Asker:
    """Asks on ``channel`` and hears the answers. ``sender_id`` names this process; no two at a time have the same."""

    def __init__(self, bus: Bus, channel: str, sender_id: str) -> None:
        self._bus = bus
        self._channel = channel
        self._sender = sender_id
        self._run = secrets.token_hex(8)  # a process that starts again repeats no id
        self._number = 0
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._end = bus.subscribe(_replies(channel, sender_id), self._heard)

    async def ask(self, name: str, data: Any = None, *, lane: str = "", timeout: float = PATIENCE) -> Any:
        """Return what the handler of ``name`` returns; questions of one ``lane`` are carried out in order.

        Raises Unavailable ``router-away`` when nothing was sent, OutcomeUnknown ``no-answer`` when none came within
        ``timeout`` seconds, also when the bus was away meanwhile; else what the handler raised if it is one of
        core.errors (the nearest of them), ContactCenterError ``internal`` for anything else. TypeError for data that
        cannot be sent.
        """
        self._number += 1
        question = Question(f"{self._run}.{self._number}", self._sender, name, data, lane, timeout)
        answered = asyncio.get_running_loop().create_future()
        self._waiting[question.id] = answered
        try:
            self._send(question)
            async with asyncio.timeout(timeout):
                answer = await answered
        except TimeoutError:
            raise OutcomeUnknown("no-answer") from None
        finally:
            del self._waiting[question.id]
        if answer.error:
            raise _ERRORS.get(answer.error, ContactCenterError)(answer.code, answer.fields)
        return answer.data

    def close(self) -> None:
        """Hear no more; whoever waits gets OutcomeUnknown ``no-answer``."""
        self._end()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(OutcomeUnknown("no-answer"))

    def _send(self, question: Question) -> None:
        message = msgspec.msgpack.encode(question)
        lost = self._bus.lost
        if not self._bus.degraded:
            self._bus.publish(self._channel, message)
        if self._bus.degraded or self._bus.lost != lost:
            raise Unavailable("router-away")

    def _heard(self, message: bytes) -> None:
        try:
            answer = _answers.decode(message)
        except msgspec.DecodeError:
            log.warning("bus-answer-unreadable", channel=self._channel)
            return
        waiting = self._waiting.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


def _failure(question: Question, error: ContactCenterError) -> Answer:
    kind = next(one.__name__ for one in type(error).__mro__ if one.__name__ in _ERRORS)
    return Answer(question.id, None, kind, error.code, error.fields)


def _replies(channel: str, sender: str) -> str:
    return f"{channel}/replies/{sender}"
