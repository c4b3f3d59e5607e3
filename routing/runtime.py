"""The shell around the engine: one inbox, one timer, one sink.

Every command is carried out in the order of its submission, whoever submits it and from wherever, also from within
the sink. Decisions reach the sink synchronously, in order, before the next command is looked at.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.errors import ContactCenterError
from contactcenter.core.garbage import PORTION, collect_young
from contactcenter.core.ids import ReservationId
from routing.commands import Command, Decision, Tick
from routing.engine import Engine
from routing.recovery import take_snapshot
from routing.replay import Journal, State, condensed, passed_over

log = structlog.get_logger(__name__)

LATENCIES = 4096
"""How many of the latest command latencies are kept."""


@dataclass(slots=True)
class RouterStats:
    """Counts since the start: ``illegal`` commands were refused and changed nothing, ``failures`` are faults of ours.

    ``latencies`` are the seconds the engine took per command, the latest ones.
    """

    commands: int = 0
    decisions: int = 0
    illegal: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))


class Router:
    """Owns the engine of one site. Not thread-safe: submit from the loop's thread only."""

    def __init__(
        self, engine: Engine, clock: Clock, loop: asyncio.AbstractEventLoop, sink: Callable[[Decision], None]
    ) -> None:
        self.engine = engine
        self.stats = RouterStats()
        self.journal = Journal()
        self._clock = clock
        self._loop = loop
        self._sink = sink
        self._inbox: deque[Command] = deque()
        self._draining = False
        self._collected = 0  # commands carried out when the young were collected last
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None
        self._condensing: asyncio.Future[State] | None = None
        self._looking_back = asyncio.Lock()  # one at a time: each takes up to a second of the processor

    def submit(self, command: Command) -> None:
        """Put a command into the inbox; carried out before this returns, unless the inbox is being drained already.

        Nothing is raised to the submitter: an illegal command is logged and counted, and changes nothing. After
        ``close`` commands are dropped.
        """
        if self._closed:
            return
        self._inbox.append(command)
        if not self._draining:
            self._drain()

    def close(self) -> None:
        """Stop the timer and take no more commands."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _drain(self) -> None:
        self._draining = True
        try:
            while self._inbox:
                now = self._clock.timestamp()
                deadline = self.engine.next_deadline()
                if deadline is not None and deadline <= now:  # what was due before the command comes before it
                    self._carry_out(Tick(), now)
                else:
                    self._carry_out(self._inbox.popleft(), now)
        finally:
            self._draining = False
        if self.stats.commands - self._collected >= PORTION:
            self._collected = self.stats.commands
            collect_young()
        self._arm()
        self._condense()

    def _condense(self) -> None:
        """Now and then turn the older half of the journal into a state, in a thread: it takes a second."""
        older = None if self._condensing else self.journal.older()
        if older is not None:
            self._condensing = self._loop.run_in_executor(None, condensed, *older)
            self._condensing.add_done_callback(self._condensed)

    def _condensed(self, done: "asyncio.Future[State]") -> None:
        self._condensing = None
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self.journal.forget(done.result())
        else:  # it is for looking back only: calls go on
            log.error("journal-not-condensed", exc_info=error)
            state = State(self.engine.number, self._clock.timestamp(), take_snapshot(self.engine).commands())
            self.journal = Journal(state)

    async def passed_over(self, number: int, at: float, reservation_id: str) -> list[dict[str, Any]] | None:
        """Return why each other agent did not get what this decision gave, made again; None when it is too long ago.

        ``number`` and ``at`` are the decision's, as its why has them.
        """
        found = self.journal.find(number, at)
        if found is None:
            return None
        base, entries = found
        async with self._looking_back:
            return await asyncio.to_thread(passed_over, base, entries, ReservationId(reservation_id))

    def _carry_out(self, command: Command, now: float) -> None:
        self.stats.commands += 1
        started = perf_counter()
        try:
            decisions = self.engine.handle(command, now)
        except ContactCenterError as error:
            self.stats.illegal += 1
            log.warning("command-refused", command=type(command).__name__, code=error.code, fields=error.fields)
            return
        except Exception as error:  # noqa: BLE001 - per message in an inbox loop (STYLE)
            self._failed("command-failed", command, error)
            return
        self.stats.latencies.append(perf_counter() - started)
        self.journal.record(self.engine.number, command, now, decisions)
        for decision in decisions:
            self._tell(decision)

    def _tell(self, decision: Decision) -> None:
        self.stats.decisions += 1
        try:
            self._sink(decision)
        except Exception as error:  # noqa: BLE001 - per message in an inbox loop (STYLE)
            self._failed("decision-not-carried-out", decision, error)

    def _failed(self, event: str, message: Command | Decision, error: Exception) -> None:
        self.stats.failures[type(message).__name__] += 1
        log.error(event, message_type=type(message).__name__, exc_info=error)

    def _arm(self) -> None:
        """Let the one timer stand at the engine's next deadline."""
        deadline = None if self._closed else self.engine.next_deadline()
        if deadline == self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for, self._timer = deadline, None
        if deadline is not None:
            delay = max(0.0, deadline - self._clock.timestamp())
            self._timer = self._loop.call_at(self._loop.time() + delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._armed_for = None
        self.submit(Tick())
