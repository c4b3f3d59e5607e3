"""The routing engine as a rule of a simulated day: the very engine of the product, driven by its own commands.

Agents answer at once: every Reserve is accepted at its instant, a Revoke confirmed. A device is always usable.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol

from contactcenter.core.ids import AgentId, InteractionId, QueueId, VisitId
from routing import commands as c
from routing.commands import Command, Decision, Presence, Work
from routing.engine import Engine
from routing.simulator.plans import Plan
from routing.simulator.rules import Effect, Resume, Rule, SetAside, Start


class Router(Protocol):
    """What is asked of an engine."""

    def handle(self, command: Command, now: float) -> list[Decision]:
        """Carry out one command."""

    def next_deadline(self) -> float | None:
        """Return when a Tick is needed."""


class Ours(Rule):
    """Owns one engine, made by ``make`` (a stand-in in tests) with a source of ids."""

    def __init__(self, plan: Plan, make: Callable[[Callable[[], str]], Router] = Engine) -> None:
        numbers = count(1)
        self._plan = plan
        self._router = make(lambda: f"r{next(numbers):08}")
        self._callers = {caller.name: number for number, caller in enumerate(plan.callers)}
        self._agents = {person.name: number for number, person in enumerate(plan.agents)}
        self._signed_in: set[int] = set()
        self._aside: set[InteractionId] = set()
        for queue in plan.queues.values():
            self._router.handle(c.DefineQueue(queue.rules), 0.0)

    def shift(self, agent: int, presence: Presence, now: float) -> Sequence[Effect]:
        """See Rule."""
        person = self._plan.agents[agent]
        agent_id = AgentId(person.name)
        if agent in self._signed_in:
            return self._do(c.SetPresence(agent_id, presence), now)
        if presence is Presence.OFFLINE:
            return ()
        self._signed_in.add(agent)
        queues = None if person.queues is None else {QueueId(name): one for name, one in person.queues.items()}
        command = c.AddAgent(
            agent_id,
            person.skills,
            person.capacity,
            presence,
            device_usable=True,
            queues=queues,
            team_id=person.team,
        )
        return self._do(command, now)

    def arrive(self, caller: int, now: float) -> Sequence[Effect]:
        """See Rule."""
        one = self._plan.callers[caller]
        command = c.Enqueue(
            InteractionId(one.name),
            VisitId(one.name),
            QueueId(one.queue),
            one.medium,
            one.priority,
            one.requirement,
            vip=one.vip,
            due_at=one.due_at,
            outbound=one.outbound,
            value=one.value,
            preferred_agent_id=None if one.preferred is None else AgentId(one.preferred),
        )
        return self._do(command, now)

    def abandon(self, caller: int, now: float) -> Sequence[Effect]:
        """See Rule."""
        return self._do(c.Withdraw(InteractionId(self._plan.callers[caller].name)), now)

    def finish(self, caller: int, agent: int, now: float) -> Sequence[Effect]:
        """See Rule."""
        agent_id = AgentId(self._plan.agents[agent].name)
        return self._do(c.Finish(InteractionId(self._plan.callers[caller].name), agent_id), now)

    def next_deadline(self) -> float | None:
        """See Rule."""
        return self._router.next_deadline()

    def tick(self, now: float) -> Sequence[Effect]:
        """See Rule."""
        return self._do(c.Tick(), now)

    def _do(self, command: Command, now: float) -> Sequence[Effect]:
        """Carry out a command and what the floor answers to its decisions; tell what came of it."""
        effects: list[Effect] = []
        decisions = self._router.handle(command, now)
        for decision in decisions:  # grows while answers bring further decisions
            if isinstance(decision, c.Reserve):
                agent, caller = self._agents[decision.agent_id], self._callers[decision.interaction_id]
                effects.append(Start(caller, agent, decision.why.rule))
                decisions += self._router.handle(c.Accept(decision.reservation_id), now)
            elif isinstance(decision, c.Revoke):
                decisions += self._router.handle(c.RevokeConfirmed(decision.reservation_id), now)
            elif isinstance(decision, c.WorkChanged):
                effects += self._turned(decision)
        return effects

    def _turned(self, change: c.WorkChanged) -> Sequence[Effect]:
        interaction_id = change.interaction_id
        if change.work is Work.SET_ASIDE:
            self._aside.add(interaction_id)
            return (SetAside(self._callers[interaction_id], self._agents[change.agent_id]),)
        if change.work is Work.HANDLING and interaction_id in self._aside:
            self._aside.discard(interaction_id)
            return (Resume(self._callers[interaction_id], self._agents[change.agent_id]),)
        return ()
