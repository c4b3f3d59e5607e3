"""The engine's state as the commands that make it again: what a restart replays, what a picture is drawn from.

An engine that carried out a snapshot's commands at the instant of its taking decides from then on as the engine itself;
what was due by then must have happened (``Tick``).
"""

from dataclasses import dataclass

import msgspec

from routing import commands as c
from routing.agents import Agent, Assignment
from routing.commands import Command, WithdrawReason, Work
from routing.engine import Engine
from routing.items import Item
from routing.states import AgentState, ItemState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state at one command ``number``, as commands in the order in which they must be carried out."""

    number: int
    queues: tuple[c.DefineQueue, ...]
    agents: tuple[c.AddAgent, ...]
    work: tuple[c.AdoptWork, ...]
    line: tuple[Command, ...]
    leaving: tuple[c.RemoveAgent, ...]

    def commands(self) -> tuple[Command, ...]:
        """Return them all, in order."""
        return (*self.queues, *self.agents, *self.work, *self.line, *self.leaving)


def add_agent(agent: Agent) -> c.AddAgent:
    """Return the command that makes this agent, without his work."""
    profile = agent.profile
    return c.AddAgent(
        agent.id,
        profile.skills,
        profile.capacity,
        agent.presence,
        agent.reason,
        agent.device_usable,
        agent.device_reason,
        agent.handled,
        agent.idle_since,
        agent.presence_since,
        profile.queues,
        profile.team_id,
    )


def adopt_work(given: Assignment, item: Item | None) -> c.AdoptWork:
    """Return the command that gives this work again; ``item`` is None in wrap-up."""
    command = c.AdoptWork(
        agent_id=given.agent.id,
        interaction_id=given.interaction_id,
        visit_id=given.visit_id,
        queue_id=given.queue_id,
        medium=given.medium,
        state=given.state,
        since=given.since,
        until=given.until,
        reservation_id=given.reservation_id,
        cause=given.cause,
        attempt=given.attempt,
    )
    if item is None:
        return command
    return msgspec.structs.replace(
        command,
        priority=item.priority,
        requirement=item.requirement,
        entered_at=item.entered_at,
        vip=item.vip,
        due_at=item.due_at,
        outbound=item.outbound,
        value=item.value,
    )


def enqueue(item: Item) -> c.Enqueue:
    """Return the command that puts this item in line at its place."""
    return c.Enqueue(
        item.interaction_id,
        item.visit_id,
        item.queue_id,
        item.medium,
        item.priority,
        item.requirement,
        item.entered_at,
        item.vip,
        item.due_at,
        item.outbound,
        item.value,
        item.preferred,
    )


def take_snapshot(engine: Engine) -> Snapshot:
    """Return the engine's present state; the engine goes on unchanged."""
    given = [given for agent in engine.agents.values() for given in agent.assignments.values()]
    given.sort(key=lambda one: one.state is Work.SET_ASIDE)  # last, when there is no room to go on with it
    return Snapshot(
        number=engine.number,
        queues=tuple(c.DefineQueue(rules) for rules in engine.queues.values()),
        agents=tuple(add_agent(agent) for agent in engine.agents.values()),
        work=tuple(adopt_work(work, _held_item(engine, work)) for work in given),
        line=tuple(command for item in engine.items.values() for command in _line(item)),
        leaving=tuple(c.RemoveAgent(agent.id) for agent in engine.agents.values() if agent.state is AgentState.LEAVING),
    )


def _held_item(engine: Engine, given: Assignment) -> Item | None:
    return None if given.state is Work.WRAP_UP else engine.items[given.interaction_id]


def _line(item: Item) -> tuple[Command, ...]:
    """What comes after the work is there: those in line, and what was told about those being revoked."""
    if item.state is ItemState.FLOWING_OUT:
        return (c.Withdraw(item.interaction_id, WithdrawReason.FLOWED_OUT),)
    if item.state is ItemState.LEAVING:
        return (c.Withdraw(item.interaction_id, WithdrawReason.CUSTOMER_LEFT),)
    if item.state in (ItemState.WAITING, ItemState.REVOKING):
        return (enqueue(item),)
    return ()
