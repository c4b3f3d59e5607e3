"""One trace of calls, played in real time through our router and through app_queue, and what the phones saw of it.

A trace is made from a seed alone: Poisson arrivals, callers of two languages, each with a patience and a talk time.
``playing`` has the same callers ring both sides of one Asterisk in the same minutes, each side with a staff of its own:
some speak one language, some both; a phone answers after the same delay, wrap-up is as long. The caller leaves at his
patience's end unless a phone has picked up, and hangs up himself when his talk time is over (``Sipp.nudge``).

Everything is judged by SIPp's message logs: what callers and phones saw, nothing that router or PBX say of themselves.
"""

import asyncio
import contextlib
import heapq
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.rig.messages import SipMessage, number_of
from tests.rig.native_queues import NativeMember, NativeQueue, add_native_queues
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import AgentSeed, QueueSeed, Server, running_server
from tests.rig.sipp import Caller, Sipp, desk_phones

LANGUAGES = ("en", "es")
_LOOK = 0.01  # seconds between two looks at the logs
_SETTLED = 1.0  # seconds after the last call in which its phone's last words arrive
_MEDIA_PORTS = {"ours": 33_000, "native": 40_000}
_DIALED = {"ours": {"en": "2001", "es": "2002"}, "native": {"en": "3001", "es": "3002"}}


# ------------------------------------------------------------------ the trace


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trace is made of. Times in seconds; ``load``: work offered / staff; a third of the staff speaks both."""

    seed: int = 1
    calls: int = 600
    agents: int = 26
    load: float = 0.95
    least_talk: float = 4.0
    most_talk: float = 10.0
    patience: float = 12.0  # mean of an exponential distribution
    least_patience: float = 0.5
    answer_after: float = 1.0
    wrap_up_time: int = 2

    @property
    def mean_wrap_up_time(self) -> float:
        """What ours is given. app_queue counts by the clock's whole seconds: of its n, n - 1/2 is left on average."""
        return self.wrap_up_time - 0.5

    @property
    def rate(self) -> float:
        """Calls a second."""
        handle_time = self.answer_after + (self.least_talk + self.most_talk) / 2 + self.mean_wrap_up_time
        return self.load * self.agents / handle_time


@dataclass(frozen=True, slots=True)
class TraceCall:
    """One customer; the same on both sides."""

    number: str
    language: str
    begins: float
    patience: float
    talk_time: float


def make_calls(plan: Plan) -> list[TraceCall]:
    """Return the plan's calls in order of arrival."""
    dice = random.Random(plan.seed)
    calls, at = [], 0.0
    for number in range(plan.calls):
        at += dice.expovariate(plan.rate)
        patience = plan.least_patience + dice.expovariate(1 / (plan.patience - plan.least_patience))
        talk_time = dice.uniform(plan.least_talk, plan.most_talk)
        calls.append(TraceCall(f"+4930{23_000_000 + number}", dice.choice(LANGUAGES), at, patience, talk_time))
    return calls


def languages_of(agent: int) -> tuple[str, ...]:
    """Return what agent ``agent`` (from 0) speaks: every third both."""
    return LANGUAGES if agent % 3 == 2 else (LANGUAGES[agent % 3],)


# ------------------------------------------------------------------ what the phones saw


@dataclass(slots=True)
class Alert:
    """One call of one phone."""

    agent: int
    number: str
    rung_at: float
    answered_at: float | None = None
    ended_at: float | None = None


@dataclass(slots=True)
class Seen:
    """One customer's call: when he dialed, when the first phone rang and picked up, when either side said BYE."""

    call: TraceCall
    offered_at: float
    rung_at: float | None = None
    answered_at: float | None = None
    left_at: float | None = None


@dataclass(slots=True)
class Side:
    """What became of the trace on one side."""

    plan: Plan
    calls: list[Seen]
    alerts: list[Alert]
    problems: list[str] = field(default_factory=list)

    @property
    def answered(self) -> list[float]:
        """Seconds from INVITE to the agent's 200 OK of every answered call: ringing is part of the wait."""
        return [one.answered_at - one.offered_at for one in self.calls if one.answered_at is not None]

    def service_level(self, within: float) -> float:
        """Answered within ``within`` seconds of the INVITE / offered, in percent; short abandons count as offered."""
        return 100 * sum(wait <= within for wait in self.answered) / len(self.calls)

    @property
    def abandoned(self) -> float:
        """Left without an agent / offered, in percent."""
        return 100 * (1 - len(self.answered) / len(self.calls))

    def left_waiting(self) -> list[float]:
        """Per call the longest unbroken time it waited while some eligible agent was idle, in seconds.

        A call waits from its INVITE to the first INVITE at a phone or to its own end. An agent is busy from the INVITE
        at his phone to its BYE or CANCEL and, had he picked up, through wrap-up.
        """
        idle = _idle_times(self.alerts, self.plan)
        return [self._longest_beside(one, idle) for one in self.calls]

    def pauses(self) -> list[float]:
        """Seconds from the end of an answered call to the agent's next INVITE, where the next caller had waited for it.

        He had waited for an agent, that is, since before the call ended: the pause is wrap-up and what the router adds.
        """
        offered = {one.call.number: one.offered_at for one in self.calls}
        by_agent: dict[int, list[Alert]] = defaultdict(list)
        for one in sorted(self.alerts, key=lambda alert: alert.rung_at):
            by_agent[one.agent].append(one)
        return [
            after.rung_at - before.ended_at
            for alerts in by_agent.values()
            for before, after in pairwise(alerts)
            if before.answered_at and before.ended_at and offered.get(after.number, before.ended_at) < before.ended_at
        ]

    def _longest_beside(self, one: Seen, idle: Mapping[int, Sequence[tuple[float, float]]]) -> float:
        end = min((at for at in (one.rung_at, one.left_at) if at is not None), default=one.offered_at)
        able = [times for agent, times in idle.items() if one.call.language in languages_of(agent)]
        beside = sorted((max(since, one.offered_at), min(until, end)) for times in able for since, until in times)
        longest, began, reached = 0.0, 0.0, -1.0
        for since, until in beside:
            if until <= since:
                continue
            began = since if since > reached else began
            reached = max(reached, until)
            longest = max(longest, reached - began)
        return longest


def _idle_times(alerts: Iterable[Alert], plan: Plan) -> dict[int, list[tuple[float, float]]]:
    busy: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for one in alerts:
        until = float("inf") if one.ended_at is None else one.ended_at
        busy[one.agent].append((one.rung_at, until + (0 if one.answered_at is None else plan.mean_wrap_up_time)))
    idle: dict[int, list[tuple[float, float]]] = {}
    for agent in range(plan.agents):
        edges = [(float("-inf"), float("-inf")), *sorted(busy[agent]), (float("inf"), float("inf"))]
        idle[agent] = [(before[1], after[0]) for before, after in pairwise(edges) if before[1] < after[0]]
    return idle


class Witness:
    """Folds the messages of one side's customers and phones, in whichever order they are read."""

    def __init__(self, calls: Iterable[TraceCall]) -> None:
        self.calls = {one.number: one for one in calls}
        self.seen: dict[str, Seen] = {}
        self.call_ids: dict[str, str] = {}  # customer's number -> Call-ID of his call
        self.connected: set[str] = set()  # customers to whom Asterisk has answered: only these can hang up by a BYE
        self._numbers: dict[str, str] = {}  # and back
        self.alerts: dict[str, Alert] = {}  # Call-ID of the phone's call

    def customer(self, message: SipMessage) -> Seen | None:
        """Take a customer's message; his call when he has just dialed."""
        number = number_of(message)
        if message.first == "INVITE" and number not in self.seen:
            self.call_ids[number] = message.call_id
            self._numbers[message.call_id] = number
            self.seen[number] = Seen(self.calls[number], message.at)
            return self.seen[number]
        if message.first == "ACK" and message.call_id in self._numbers:
            self.connected.add(self._numbers[message.call_id])
        elif message.first == "BYE" and message.call_id in self._numbers:
            one = self.seen[self._numbers[message.call_id]]
            one.left_at = one.left_at or message.at
        return None

    def phone(self, message: SipMessage) -> Alert | None:
        """Take a phone's message; its alert when it has just picked up."""
        if message.first == "INVITE":
            agent, number = int(message.request_user[1:]), number_of(message)
            self.alerts.setdefault(message.call_id, Alert(agent, number, message.at))
            return None
        alert = self.alerts.get(message.call_id)
        if alert is None:
            return None
        if message.first in ("BYE", "CANCEL"):
            alert.ended_at = alert.ended_at or message.at
        elif message.first == "200" and message.sent and message.cseq_method == "INVITE" and not alert.answered_at:
            alert.answered_at = message.at
            return alert
        return None

    def side(self, plan: Plan) -> Side:
        """Return what was seen, the calls in order of the trace, with everything that is not as it must be."""
        problems = [f"{number} never called" for number in self.calls if number not in self.seen]
        for alert in sorted(self.alerts.values(), key=lambda one: one.rung_at):
            one = self.seen.get(alert.number)
            if one is None:
                problems.append(f"{alert.number} rang a phone and never called")
                continue
            one.rung_at = one.rung_at or alert.rung_at
            if alert.answered_at is not None and (one.left_at is None or alert.answered_at < one.left_at):
                problems += [f"{alert.number} was answered twice"] if one.answered_at else []
                one.answered_at = alert.answered_at
            problems += [f"phone {alert.agent} was never freed of {alert.number}"] if alert.ended_at is None else []
            if one.call.language not in languages_of(alert.agent):
                problems.append(f"phone {alert.agent} does not speak as {alert.number} does")
        problems += [f"{number} never ended" for number, one in self.seen.items() if one.left_at is None]
        seen = [self.seen[number] for number in self.calls if number in self.seen]
        return Side(plan, seen, list(self.alerts.values()), problems)


# ------------------------------------------------------------------ playing


class _Player:
    """Plays the callers' part on one side: leaves at the end of patience, and of the talk."""

    def __init__(self, calls: Sequence[TraceCall], customers: Sipp, phones: Sipp) -> None:
        self.witness = Witness(calls)
        self._customers = customers
        self._logs = customers.tail(), phones.tail()
        self._due: list[tuple[float, str, bool]] = []  # instant, number, whether it is the talk's end
        self._picked_up: set[str] = set()

    async def play(self) -> None:
        """For ever: look at the logs, hang up what is due."""
        while True:
            self.look()
            while self._due and self._due[0][0] <= time.time():
                _, number, is_talk = heapq.heappop(self._due)
                if number not in self.witness.connected:
                    heapq.heappush(self._due, (time.time() + _LOOK, number, is_talk))
                elif is_talk or number not in self._picked_up:
                    self._customers.nudge(self.witness.call_ids[number])
            await asyncio.sleep(_LOOK)

    async def until_over(self, limit: float) -> None:
        """Return once every customer's call has ended and the phones have said their last."""
        await self._customers.wait_ended(limit)
        await asyncio.sleep(_SETTLED)
        for _ in range(2):  # the last message of a log is whole when nothing more came
            self.look()

    def look(self) -> None:
        """Take what the logs have that is new."""
        customers, phones = self._logs
        for message in customers.new():
            if (one := self.witness.customer(message)) is not None:
                heapq.heappush(self._due, (one.offered_at + one.call.patience, one.call.number, False))
        for message in phones.new():
            if (alert := self.witness.phone(message)) is not None and alert.number not in self._picked_up:
                self._picked_up.add(alert.number)
                ends = (alert.answered_at or 0.0) + self.witness.calls[alert.number].talk_time
                heapq.heappush(self._due, (ends, alert.number, True))


@contextlib.asynccontextmanager
async def staffed_server(plan: Plan, folder: Path) -> AsyncIterator[tuple[Server, dict[str, Sipp]]]:
    """A server with two queues, beside them two native ones, both sides' phones; everybody is ready."""
    first = free_ports(2)
    ports = {"ours": first, "native": first + 1}
    agents = [
        AgentSeed(f"a{n}", str(1000 + n), dict.fromkeys(languages_of(n), 1), f"sip:p{n}@127.0.0.1:{ports['ours']}")
        for n in range(plan.agents)
    ]
    queues = [QueueSeed(one, skills={one: 1}, wrap_up_time=plan.mean_wrap_up_time) for one in LANGUAGES]
    async with contextlib.AsyncExitStack() as stack:
        numbers = {dialed: language for language, dialed in _DIALED["ours"].items()}
        seeded = running_server(agents=agents, queues=queues, numbers=numbers, flows=_flows(folder))
        server = await stack.enter_async_context(seeded)
        phones = {}
        for side, port in ports.items():
            ring = Answers(after=plan.answer_after)
            started = desk_phones(folder / f"phones-{side}", {}, port=port, media_port=free_ports(4), others=ring)
            phones[side] = await stack.enter_async_context(started)
        await add_native_queues(server, [native_queue(one, plan, ports["native"]) for one in LANGUAGES])
        await server.ready()
        yield server, phones


def native_queue(language: str, plan: Plan, port: int) -> NativeQueue:
    """Return a queue as people set it up: those who speak nothing else come first, who speaks both has a penalty."""
    members = [
        NativeMember(f"native-{n}", f"sip:n{n}@127.0.0.1:{port}", penalty=len(languages_of(n)) - 1)
        for n in range(plan.agents)
        if language in languages_of(n)
    ]
    return NativeQueue(language, _DIALED["native"][language], members, wrap_up_time=plan.wrap_up_time)


async def play_trace(plan: Plan, folder: Path) -> dict[str, Side]:
    """Play the plan's calls on both sides at the same time; what the phones saw, under ``ours`` and ``native``."""
    calls = make_calls(plan)
    limit = calls[-1].begins + plan.patience * 8 + 60
    async with staffed_server(plan, folder) as (server, phones), contextlib.AsyncExitStack() as stack:
        players = {}
        for side, dialed in _DIALED.items():
            callers = [Caller(one.number, dialed[one.language], begins=one.begins) for one in calls]
            media_port = _MEDIA_PORTS[side]
            started = server.customers(folder / f"calls-{side}", callers, rate=1000, media_port=media_port)
            players[side] = _Player(calls, await stack.enter_async_context(started), phones[side])
        tasks = [asyncio.create_task(player.play()) for player in players.values()]
        try:
            await asyncio.gather(*(player.until_over(limit) for player in players.values()))
        finally:
            for task in tasks:
                task.cancel()
        return {side: player.witness.side(plan) for side, player in players.items()}


def _flows(folder: Path) -> Path:
    place = folder / "flows"
    place.mkdir(parents=True, exist_ok=True)
    for one in LANGUAGES:
        (place / f"{one}.yaml").write_text(f"start: queue\nnodes:\n  queue: {{kind: enqueue, queue: {one}}}\n")
    return place
