"""The day itself, event by event: who arrives, gives up, is done, comes and goes; a rule answers at each instant.

A discrete-event simulation without any chance of its own: what callers do is in the plan. Of events at one instant the
order is: deadlines of the rule, agents' hours, ends, arrivals, callers who give up. The day goes on after ``until``
with nobody arriving, until everybody has been served or has left.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final

from routing.commands import Presence
from routing.simulator.plans import Plan
from routing.simulator.rules import Effect, Rule, SetAside, Start

Note = Callable[[dict[str, Any]], None]
"""Takes one decision or outcome as docs/routing/simulator.md describes its line."""

_SHIFT, _END, _ARRIVE, _ABANDON = range(4)
EACH: Final = 2000
"""Callers between two words about progress."""


@dataclass(slots=True)
class Outcome:
    """What became of a day.

    Per caller: ``waits`` (seconds until answered or gone; NaN: still waiting at the end) and ``agents`` (who answered,
    -1 nobody). Per agent: seconds ``handling`` and ``idle`` while ready, within the counted time.
    """

    plan: Plan
    waits: list[float] = field(init=False)
    agents: list[int] = field(init=False)
    handling: list[float] = field(init=False)
    idle: list[float] = field(init=False)

    def __post_init__(self) -> None:
        callers, agents = len(self.plan.callers), len(self.plan.agents)
        self.waits = [math.nan] * callers
        self.agents = [-1] * callers
        self.handling = [0.0] * agents
        self.idle = [0.0] * agents


class Day:
    """One plan under one rule; ``run`` it once."""

    def __init__(self, plan: Plan, rule: Rule, note: Note | None = None) -> None:
        self._plan, self._rule, self._note = plan, rule, note
        self._outcome = Outcome(plan)
        self._events: list[tuple[float, int, int, int]] = []  # at, what, caller or agent, number of the shift
        self._waiting: set[int] = set()
        self._talks: dict[int, tuple[int, float]] = {}  # caller -> agent, end
        self._left: dict[int, float] = {}  # caller set aside -> seconds still to handle
        self._given: list[int] = [0] * len(plan.agents)  # conversations an agent is in
        self._ready = bytearray(len(plan.agents))
        self._since = [0.0] * len(plan.agents)

    def run(self, progress: Callable[[int], None] | None = None) -> Outcome:
        """Return what became of the day; ``progress`` is told the number of callers so far, every ``EACH``."""
        self._open()
        while self._events or (self._waiting and self._rule.next_deadline() is not None):
            at = self._events[0][0] if self._events else math.inf
            deadline = self._rule.next_deadline()
            if deadline is not None and deadline <= at:
                self._carry(self._rule.tick(deadline), deadline)
                continue
            at, what, who, number = heappop(self._events)
            self._happen(what, who, number, at)
            if progress is not None and what == _ARRIVE and who % EACH == 0:
                progress(who)
        for agent in range(len(self._given)):
            self._account(agent, self._plan.until)
        return self._outcome

    def _open(self) -> None:
        with_hours = {shift.agent for shift in self._plan.shifts}
        for number, shift in enumerate(self._plan.shifts):
            heappush(self._events, (shift.at, _SHIFT, shift.agent, number))
        for agent in range(len(self._plan.agents)):
            if agent not in with_hours:
                self._turn(agent, Presence.READY, 0.0)
        self._await(0)

    def _await(self, caller: int) -> None:
        if caller < len(self._plan.callers):
            heappush(self._events, (self._plan.callers[caller].at, _ARRIVE, caller, 0))

    def _happen(self, what: int, who: int, number: int, now: float) -> None:
        if what == _SHIFT:
            self._turn(who, self._plan.shifts[number].presence, now)
        elif what == _ARRIVE:
            self._arrive(who, now)
        elif what == _END:
            self._end(who, now)
        elif who in self._waiting:
            self._waiting.remove(who)
            self._outcome.waits[who] = now - self._plan.callers[who].at
            self._tell("abandon", now, who)
            self._carry(self._rule.abandon(who, now), now)

    def _turn(self, agent: int, presence: Presence, now: float) -> None:
        self._account(agent, now)
        self._ready[agent] = presence is Presence.READY
        self._carry(self._rule.shift(agent, presence, now), now)

    def _arrive(self, caller: int, now: float) -> None:
        self._await(caller + 1)
        self._waiting.add(caller)
        self._carry(self._rule.arrive(caller, now), now)
        gives_up_at = now + self._plan.callers[caller].patience
        if caller in self._waiting and gives_up_at < math.inf:
            heappush(self._events, (gives_up_at, _ABANDON, caller, 0))

    def _end(self, caller: int, now: float) -> None:
        agent, end_at = self._talks.get(caller, (-1, -1.0))
        if end_at != now:
            return  # it was set aside meanwhile
        del self._talks[caller]
        self._account(agent, now)
        self._given[agent] -= 1
        self._tell("end", now, caller, agent)
        self._carry(self._rule.finish(caller, agent, now), now)

    def _carry(self, effects: Iterable[Effect], now: float) -> None:
        for effect in effects:
            self._account(effect.agent, now)
            if isinstance(effect, Start):
                self._start(effect, now)
            elif isinstance(effect, SetAside):
                _, end_at = self._talks.pop(effect.caller)
                self._left[effect.caller] = end_at - now
                self._given[effect.agent] -= 1
                self._tell("set-aside", now, effect.caller, effect.agent)
            else:
                self._tell("resume", now, effect.caller, effect.agent)
                self._talk(effect.caller, effect.agent, now, self._left.pop(effect.caller))

    def _start(self, start: Start, now: float) -> None:
        caller, agent, rule = start
        self._waiting.remove(caller)
        self._outcome.waits[caller] = now - self._plan.callers[caller].at
        self._outcome.agents[caller] = agent
        self._tell("reservation", now, caller, agent, rule)
        self._tell("answer", now, caller, agent, rule)
        self._talk(caller, agent, now, self._plan.callers[caller].handle_time)

    def _talk(self, caller: int, agent: int, now: float, seconds: float) -> None:
        self._given[agent] += 1
        self._talks[caller] = (agent, now + seconds)
        heappush(self._events, (now + seconds, _END, caller, 0))

    def _account(self, agent: int, now: float) -> None:
        """Book an agent's time since the last change to what he did in it."""
        low, high = max(self._since[agent], self._plan.counted_from), min(now, self._plan.until)
        self._since[agent] = now
        if high <= low:
            return
        if self._given[agent]:
            self._outcome.handling[agent] += high - low
        elif self._ready[agent]:
            self._outcome.idle[agent] += high - low

    def _tell(self, kind: str, now: float, caller: int, agent: int = -1, rule: str = "") -> None:
        if self._note is None:
            return
        one = self._plan.callers[caller]
        line: dict[str, Any] = {"type": kind, "at": now, "interaction": one.name, "queue": one.queue}
        if agent >= 0:
            line["agent"] = self._plan.agents[agent].name
        if kind in ("reservation", "answer", "abandon"):
            line["wait"] = self._outcome.waits[caller]
        if rule:
            line["rule"] = rule
        self._note(line)
