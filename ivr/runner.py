"""Runs flows on calls: the pure interpreter on one side, the call session and the interactions room on the other.

``run_flow`` serves a call that enters (AGI path /ivr); one whose hold music or conversation ended is ``ivr.holding``'s.
It ends by setting CC_NEXT, on which the dialplan branches: hold, hangup, noservice or fallback. A flow's ``hold`` has
the place in line behind it, which the PBX keeps in its own records (``PlaceInLine``).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.errors import NotFound
from contactcenter.core.ids import LegId, ServerId
from contactcenter.interactions.ports import (
    CallArrived,
    CallEnded,
    CallSession,
    Diverted,
    EnqueueOrder,
    FlowDesk,
    FlowExit,
)
from ivr.flow import (
    Answer,
    AskBack,
    DigitPressed,
    Effect,
    Ended,
    Flow,
    GaveUp,
    Input,
    Phase,
    Play,
    PlayFinished,
    Promised,
    Queued,
    ReadDigit,
    Record,
    Recorded,
    Started,
    State,
    TimedOut,
    step,
)
from ivr.holding import NEXT_VARIABLE, HoldLoop
from ivr.prompts import PromptFiles

log = structlog.get_logger(__name__)

HOLD, HANG_UP, NO_SERVICE, FALLBACK = "hold", "hangup", "noservice", "fallback"
_EXITS = {HANG_UP: FlowExit.HANG_UP, NO_SERVICE: FlowExit.NO_SERVICE, FALLBACK: FlowExit.FALLBACK}


class Voicemails(Protocol):
    """Where callers' recordings go."""

    def begin(self, server_id: ServerId, leg_id: LegId) -> Path:
        """Return the file (without extension) the PBX is to record a caller into."""
        ...

    def left(self, file: Path, seconds: float | None) -> None:
        """The recording is over; ``seconds`` None: he hung up, and only the file tells."""
        ...


class Callbacks(Protocol):
    """Where callers leave their wish to be called back."""

    async def ask(self, server_id: ServerId, leg_id: LegId, order: EnqueueOrder) -> bool:
        """Promise it in the queue of ``order``; returns once it is kept, False when it cannot be promised."""
        ...


class FlowRunner:
    """Holds no state of calls; ``find_flow`` answers with the flow in force, so a reload counts for the next call."""

    def __init__(
        self,
        desk: FlowDesk,
        find_flow: Callable[[str], Flow | None],
        prompts: PromptFiles,
        clock: Clock,
        voicemails: Voicemails,
        callbacks: Callbacks,
        hold: HoldLoop,
    ) -> None:
        self._desk = desk
        self._find_flow = find_flow
        self._prompts = prompts
        self._clock = clock
        self._voicemails = voicemails
        self._callbacks = callbacks
        self._hold = hold

    async def run_flow(self, session: CallSession) -> None:
        """Take a call that enters through its flow, to a queue or to its end."""
        way: str | None = FALLBACK
        try:
            way = await self._flow_way(session)
        except CallEnded:
            way = None  # the PBX's own hang-up event tells the room
            raise
        finally:
            # Also when a fault passes through: the server sets CC_NEXT=fallback then, and the room must know.
            if way in _EXITS:
                self._desk.flow_left(session.server_id, session.leg_id, _EXITS[way])
        if way not in _EXITS:
            await self._hold.set_round(session)
        await session.set_variable(NEXT_VARIABLE, way)

    async def _flow_way(self, session: CallSession) -> str:
        dialed = session.request["dialed"]
        self._desk.call_arrived(_arrived(session, dialed, self._clock.now()))
        name = self._desk.flow_for(session.server_id, session.leg_id, dialed)
        if name is None:
            return NO_SERVICE
        flow = self._find_flow(name)
        if flow is None:
            log.error("flow-missing", flow=name)
            return FALLBACK
        return await self._steps(session, flow)

    async def _steps(self, session: CallSession, flow: Flow) -> str:
        state = State()
        event: Input = Started()
        while True:
            state, effects = step(flow, state, event, self._clock.now())
            *first, last = effects
            for effect in first:
                await self._wait(session, flow, effect)
            if isinstance(last, Queued):
                way = self._enqueue(session, flow, last.order)
                if isinstance(way, str):
                    return way
                diverted = self._find_flow(way.flow)
                if diverted is None:
                    log.error("flow-missing", flow=way.flow, queue=last.order.queue)
                    return FALLBACK
                # The steps are counted on: flows that send a caller round in circles come to an end.
                flow, state, event = diverted, replace(state, phase=Phase.NEW), Started()
                continue
            if isinstance(last, Ended):
                return HANG_UP
            if isinstance(last, GaveUp):
                log.error("flow-gave-up", flow=flow.name, node=state.node, reason=last.reason)
                return FALLBACK
            event = await self._wait(session, flow, last)

    async def _wait(self, session: CallSession, flow: Flow, effect: Effect) -> Input:
        if isinstance(effect, Answer):
            await session.answer()
            return PlayFinished()
        if isinstance(effect, Play):
            sounds = self._prompts.sounds(flow, effect.prompts, session.request.get("language", ""))
            digit = await session.play(sounds, effect.interrupt)
            return DigitPressed(digit) if digit else PlayFinished()
        if isinstance(effect, Record):
            await self._record(session, effect)
            return Recorded()
        if isinstance(effect, AskBack):
            return Promised(await self._callbacks.ask(session.server_id, session.leg_id, effect.order))
        assert isinstance(effect, ReadDigit)
        digit = await session.read_digit(effect.timeout)
        return DigitPressed(digit) if digit else TimedOut()

    async def _record(self, session: CallSession, effect: Record) -> None:
        """Most callers hang up when they have said it all: what was recorded until then counts."""
        file = self._voicemails.begin(session.server_id, session.leg_id)
        try:
            seconds = await session.record(str(file), effect.max_time, effect.silence, "#")
        except CallEnded:
            self._voicemails.left(file, None)
            raise
        self._voicemails.left(file, seconds)

    def _enqueue(self, session: CallSession, flow: Flow, order: EnqueueOrder) -> str | Diverted:
        try:
            place = self._desk.enqueue(session.server_id, session.leg_id, order)
        except NotFound:
            log.error("flow-queue-missing", flow=flow.name, queue=order.queue)
            return FALLBACK
        return place if isinstance(place, Diverted) else f"{HOLD}:{place.encode()}"


def _arrived(session: CallSession, dialed: str, now: datetime) -> CallArrived:
    told = session.request
    return CallArrived(
        server_id=session.server_id,
        leg_id=session.leg_id,
        linked_id=told.get("linked_id") or session.leg_id,
        caller_number=told["caller_number"],
        caller_name=told["caller_name"],
        dialed=dialed,
        at=now,
    )
