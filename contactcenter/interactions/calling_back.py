"""Keeps promises to call back: puts whoever hung up in line at his place, has him called when an agent is there, and
again after a pause if he does not answer.

Owner of all that are open. A promise is written before the caller is told of it, a call before it is asked for; a call
whose row could not be written is not made. Everything runs in the event loop; ``keep`` runs for ever.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import NotFound, Unavailable
from contactcenter.core.ids import CallbackId, Ids, InteractionId, LegId, QueueId, ServerId, VisitId
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.customers.model import Because
from contactcenter.customers.numbers import NumberReading, may_be_called
from contactcenter.interactions import callback_store, ports
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.callbacks import (
    Callback,
    CallbackChanged,
    CallbackRules,
    CallbackState,
    CallbackStep,
    CallResult,
    IllegalCallbackStep,
    is_too_old,
    next_try,
)
from contactcenter.interactions.model import Direction, EndedBy, IllegalStep, Interaction, Phase
from contactcenter.interactions.orders import place_of

log = structlog.get_logger(__name__)
LOOK_EVERY: Final = 1.0  # seconds: how late a pause may end
A_DAY: Final = timedelta(days=1)
WRITTEN_IN: Final = 2.0
"""Seconds a caller, or an agent, waits for a row to be written."""

GiveUp = Callable[[Callback], Coroutine[Any, Any, None]]
"""Hands a promise that nobody will keep by itself to people."""


class Callbacks:
    """See ``collaborators.CallingBack``; and what flows, recovery and people ask for."""

    def __init__(
        self,
        assignments: Assignments,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        ids: Ids,
        tasks: TaskSupervisor,
        read_number: Callable[[str], NumberReading],
        rules: CallbackRules,
        servers: Collection[ServerId],
        give_up: GiveUp,
    ) -> None:
        """``servers``: those that are configured, linked or not."""
        self.open: dict[CallbackId, Callback] = {}
        self._assignments = assignments
        self._picture = assignments.picture
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._read_number = read_number
        self._rules = rules
        self._servers = servers
        self._given: dict[str, tuple[datetime, ...]] = {}  # number -> when it was promised lately
        self._handed: set[CallbackId] = set()  # on their way to a ticket
        self._give_up_by = give_up
        assignments.calling_back = self

    # ------------------------------------------------------------ the flow's side

    async def ask(self, server_id: ServerId, leg_id: LegId, order: ports.EnqueueOrder) -> bool:
        """Promise a caller to call him back in his turn; returns once that is written, False when it cannot be kept.

        Whoever is to be called back already, in the same queue, keeps the place he has.
        """
        try:
            item, place = place_of(self._assignments.picture, VisitId(self._ids.new()), server_id, leg_id, order)
        except NotFound as error:
            log.error("callback-impossible", reason=error.code, queue=order.queue)
            return False
        number = self._read_number(item.caller_number).e164
        if number is None or not self._may_promise(number, server_id):
            return False
        for former in self._asked_in(item):  # he chose anew
            self._end(former, CallbackStep.CALLER_STAYED)
        if any(one.queue_id == place.queue_id for one in self._to_be_called(number)):
            item.asks_back = True
            return True
        one = self._promise(item, place, number)
        is_kept = await self._is_written() and not one.is_over
        if not is_kept and not one.is_over:
            self._end(one, CallbackStep.WITHDRAW)
        item.asks_back = is_kept
        return is_kept

    def _may_promise(self, number: str, server_id: ServerId) -> bool:
        """Anybody can show any number as his: not everything may be called, nor without end, nor ourselves."""
        if not may_be_called(number, self._rules.countries) or not self._assignments.telephony.calls_out(server_id):
            return False
        today = [at for at in self._given.get(number, ()) if self._clock.now() - at < A_DAY]
        if len(self.open) >= self._rules.most_open or len(today) >= self._rules.most_a_day:
            log.warning("callback-refused", open=len(self.open), today=len(today))
            return False
        return number not in {self._read_number(dialed).e164 for dialed in self._picture.flows}

    def _to_be_called(self, number: str) -> list[Callback]:
        """Return the open promises to a number whose customer is neither on the line nor being called."""
        states = (CallbackState.WAITING, CallbackState.PAUSED)
        return [one for one in self.open.values() if one.number == number and one.state in states]

    def _promise(self, item: Interaction, place: ports.PlaceInLine, number: str) -> Callback:
        now = self._clock.now()
        one = Callback(
            CallbackId(self._ids.new()),
            item.interaction_id,
            item.server_id,
            place.queue_id,
            number,
            item.caller_number,
            item.caller_name,
            item.dialed,
            item.waits_since or item.placed_since or now,
            now,
            place.priority,
            place.skills,
            item.choices,
            item.person_id,
        )
        self.open[one.callback_id] = one
        item.asks_back = True
        self._given = {known: at for known, at in self._given.items() if now - at[-1] < A_DAY}
        self._given[number] = (*self._given.get(number, ())[1 - self._rules.most_a_day :], now)
        self._tell(one)
        return one

    async def _is_written(self) -> bool:
        try:
            async with asyncio.timeout(WRITTEN_IN):
                await self._database.flush()
        except (Unavailable, TimeoutError) as error:
            log.warning("callback-not-written", reason=str(error))
            return False
        return True

    # ------------------------------------------------------------ what happens to interactions

    def call_of(self, item: Interaction) -> ports.CustomerCall | None:
        """Return whom to call; the leg that stands in for him is another one for each alert. None: he is there."""
        one = item.callback
        if one is None or item.is_on_line:
            return None
        self._picture.change_leg(item, LegId(self._ids.new()))
        return ports.CustomerCall(one.number, one.dialed, self._rules.ring_time)

    def enqueued(self, item: Interaction, queue_id: QueueId) -> None:
        """He waits himself: nobody is to call him; whom he left a promise with earlier gives him that place."""
        item.asks_back = False
        for one in self._asked_in(item):
            self._end(one, CallbackStep.CALLER_STAYED)
        for one in self._his(item):
            if one.queue_id == queue_id:
                item.placed_since = min(item.placed_since or one.entered_at, one.entered_at)
                self._end(one, CallbackStep.WITHDRAW)

    def _his(self, item: Interaction) -> list[Callback]:
        """Return what is promised to the one who calls: not to others who share his number, as far as is known."""
        number = self._read_number(item.caller_number).e164 if self.open else None
        is_shared = (item.card or {}).get("because") in (Because.NUMBER_SHARED, Because.ORGANISATION_NUMBER)
        if number is None or item.direction is Direction.CALLBACK or (is_shared and item.person_id is None):
            return []
        return [one for one in self._to_be_called(number) if one.person_id == item.person_id]

    def connected(self, item: Interaction) -> None:
        """An agent is there: the customer is called; one who called by himself needs no call any more."""
        one = item.callback
        if one is None:
            self._spoken_to(item)
        elif one.state is CallbackState.WAITING:
            one.advance(CallbackStep.AGENT_JOINED)
            one.attempts, one.is_told = one.attempts + 1, False
            one.dialed_at, one.result = self._clock.now(), CallResult.NONE
            self._tell(one)
            self._tasks.spawn("call-back", self._call(item, one))

    async def _call(self, item: Interaction, one: Callback) -> None:
        is_written = one.is_told or await self._is_written()
        if item.phase is not Phase.TALKING or item.interaction_id != one.interaction_id:
            return
        if is_written:
            one.is_told = True
            self._assignments.telephony.dial(item.server_id, item.leg_id)
        elif not one.is_told:
            self._assignments.telephony.hang_up(item.server_id, item.leg_id)

    def _spoken_to(self, item: Interaction) -> None:
        for one in self._his(item):
            if item.visit is not None and one.queue_id == item.visit.queue_id:
                self._end(one, CallbackStep.REACHED)

    def no_stand_in(self, item: Interaction) -> None:
        """Nothing could stand in for him: others take their turns before the next try."""
        one = item.callback
        if one is None or one.state is not CallbackState.WAITING:
            return
        one.advance(CallbackStep.MISSED)
        one.result, one.next_at = CallResult.NOT_CALLED, self._clock.now() + timedelta(seconds=self._rules.pause)
        self._tell(one)
        self._assignments.customer_left(item, self._clock.now(), 0)

    def reached(self, fact: ports.CustomerReached) -> None:
        """He answered."""
        item, one = self._calling(fact)
        if item is not None and one is not None and one.reached_at is None:
            one.reached_at = fact.at
            self._tell(one)
            self._picture.touch(f"work:{item.interaction_id}")

    def missed(self, fact: ports.CustomerMissed) -> None:
        """He did not; what comes of it is decided when his leg ends."""
        item, one = self._calling(fact)
        if item is not None and one is not None:
            one.result = CallResult(fact.result.value)
            self._picture.touch(f"work:{item.interaction_id}")

    def _calling(
        self, fact: ports.CustomerReached | ports.CustomerMissed
    ) -> tuple[Interaction | None, Callback | None]:
        """Return whose call it is, while it lasts: news of a call that is over by now changes nothing."""
        item = self._picture.find_by_leg(fact.server_id, fact.leg_id)
        one = item.callback if item is not None else None
        return item, one if one is not None and one.state is CallbackState.CALLING else None

    def left(self, item: Interaction) -> None:
        """A caller hung up, or a turn is over: with the agent's leg before he answered, when that left first."""
        if item.callback is not None:
            by_agent = item.segment is not None and item.segment.ended_by is EndedBy.AGENT
            self._turn_over(item.callback, CallResult.CANCELLED if by_agent else CallResult.UNKNOWN)
        for one in self._asked_in(item):
            one.advance(CallbackStep.CALLER_LEFT)
            one.person_id = item.person_id
            self._begin_turn(one)

    def _turn_over(self, one: Callback, untold: CallResult = CallResult.UNKNOWN) -> None:
        """``untold``: how the call ended when nobody told of it."""
        if one.is_over or one.state is CallbackState.PAUSED:
            return  # that ended the turn
        if one.reached_at is not None:
            self._end(one, CallbackStep.REACHED)
            return
        if one.state is CallbackState.WAITING:
            return  # nobody called him: the next look begins another turn
        if not one.is_told:
            one.attempts, untold = max(0, one.attempts - 1), CallResult.NOT_CALLED
        one.result = one.result or untold
        one.next_at = next_try(one, self._rules, self._clock.now())
        if one.next_at is not None:
            one.advance(CallbackStep.MISSED)
            self._tell(one)
        else:
            self._hand_over(one)

    def _asked_in(self, item: Interaction) -> list[Callback]:
        asked = (one for one in self.open.values() if one.asked_in == item.interaction_id)
        return [one for one in asked if one.state is CallbackState.ASKED]

    # ------------------------------------------------------------ turns

    async def keep(self) -> None:
        """For ever: begin the turns that are due, and give up what is too old."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """See what is due."""
        now = self._clock.now()
        for one in list(self.open.values()):
            if one.callback_id in self._handed:
                continue
            try:
                self._look_at(one, now)
            except (IllegalCallbackStep, IllegalStep) as error:  # it keeps no other from his call
                log.error("callback-stuck", callback=one.callback_id, reason=str(error))

    def _look_at(self, one: Callback, now: datetime) -> None:
        has_turn = one.interaction_id in self._picture.interactions
        if one.state in (CallbackState.WAITING, CallbackState.PAUSED) and is_too_old(one, self._rules, now):
            self._hand_over(one)
        elif one.state is CallbackState.PAUSED and (one.next_at is None or one.next_at <= now):
            one.advance(CallbackStep.DUE)
            self._begin_turn(one)
        elif one.state is CallbackState.WAITING and not has_turn:
            self._begin_turn(one)
        # What comes next ended in a process before us, which could not write down what came of it.
        elif one.state is CallbackState.CALLING and not has_turn:
            self._turn_over(one)
        elif one.state is CallbackState.ASKED and one.asked_in not in self._picture.interactions:
            one.advance(CallbackStep.CALLER_LEFT)
            self._begin_turn(one)

    def _begin_turn(self, one: Callback) -> None:
        """Put him in line, at the place he left."""
        queue, now = self._picture.queues.get(one.queue_id), self._clock.now()
        if queue is None or not queue.is_active or one.server_id not in self._servers:
            self._hand_over(one)
            return
        leg_id = LegId(self._ids.new())
        item = Interaction(
            interaction_id=InteractionId(self._ids.new()),
            server_id=one.server_id,
            leg_id=leg_id,
            linked_id=leg_id,
            caller_number=one.caller_number,
            caller_name=one.caller_name,
            dialed=one.dialed,
            arrived_at=now,
            choices=one.choices,
            person_id=one.person_id,
            direction=Direction.CALLBACK,
            callback=one,
        )
        one.interaction_id, one.next_at, one.dialed_at, one.is_told = item.interaction_id, None, None, False
        self._tell(one)
        place = ports.PlaceInLine(VisitId(self._ids.new()), one.queue_id, one.priority, one.skills)
        self._assignments.begin_turn(item, place, one.entered_at)

    def _hand_over(self, one: Callback) -> None:
        """The ticket first: whoever dies between the two has another one opened, and nobody is forgotten."""
        self._handed.add(one.callback_id)
        self._leave_line(one)
        self._tasks.spawn("callback-given-up", self._give_up(one))

    async def _give_up(self, one: Callback) -> None:
        try:
            await self._give_up_by(one)
        finally:
            self._handed.discard(one.callback_id)
        if not one.is_over:
            self._end(one, CallbackStep.GIVE_UP)

    def withdraw(self, callback_id: CallbackId, actor: str) -> Callback | None:
        """Nobody is to call him any more. None: there is no such promise; one that is being kept stays as it is."""
        one = self.open.get(callback_id)
        if one is not None and one.state is not CallbackState.CALLING and callback_id not in self._handed:
            self._end(one, CallbackStep.WITHDRAW, actor)
        return one

    def _end(self, one: Callback, step: CallbackStep, actor: str = "") -> None:
        one.advance(step)
        one.ended_at, one.next_at = self._clock.now(), None
        self.open.pop(one.callback_id, None)
        self._tell(one, actor)
        self._leave_line(one)

    def _leave_line(self, one: Callback) -> None:
        item = self._picture.interactions.get(one.interaction_id) if one.interaction_id else None
        if item is not None and item.phase in (Phase.WAITING, Phase.ALERTING):
            self._assignments.customer_left(item, self._clock.now(), 0)

    def _tell(self, one: Callback, actor: str = "") -> None:
        contact = one.interaction_id or one.asked_in
        changed = CallbackChanged(one.callback_id, one.state, one.queue_id, contact, one.attempts, one.result)
        rows = [(callback_store.callbacks, callback_store.callback_row(one))]
        self._publisher.announce(changed, actor=actor, images=rows)

    # ------------------------------------------------------------ after a restart, or a gap

    def load(self, promises: Iterable[Callback]) -> None:
        """Take up what was promised before we began, ahead of the interactions that go on."""
        for one in promises:
            one.is_told = one.state is CallbackState.CALLING  # written: the word may have been given
            self.open[one.callback_id] = one

    def attach(self, items: Iterable[Interaction]) -> None:
        """These interactions were read from the store: join them with their promises."""
        turns = {one.interaction_id: one for one in self.open.values()}
        asked = {one.asked_in for one in self.open.values() if one.state is CallbackState.ASKED}
        for item in items:
            item.callback = turns.get(item.interaction_id)
            item.asks_back = item.interaction_id in asked

    def ended_unheard(self, item: Interaction, told: ports.EndedLeg) -> None:
        """The records of a gap tell of the leg that stood in for him: also whether he answered, if nothing else."""
        one = item.callback
        if one is None:
            return
        if told.reached_at is not None:
            self.reached(ports.CustomerReached(item.server_id, item.leg_id, told.reached_at))
        elif one.reached_at is None and told.place is ports.CallerPlace.STAND_IN:  # its record tells, not mere news
            one.result = one.result or CallResult.NO_ANSWER

    def still_there(self, item: Interaction, leg: ports.LiveLeg, at: datetime) -> None:
        """A customer's leg of a turn that talks is up, after a gap: he is called, unless he was."""
        one = item.callback
        if one is None or item.phase is not Phase.TALKING:
            return
        if leg.is_reached:
            self.reached(ports.CustomerReached(item.server_id, item.leg_id, at))
        elif one.state is CallbackState.WAITING:
            self.connected(item)
        elif one.state is CallbackState.CALLING and one.reached_at is None:
            self._tasks.spawn("call-back", self._call(item, one))
