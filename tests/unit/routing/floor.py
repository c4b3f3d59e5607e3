"""A small floor to drive: one engine, a clock that is a number, and the decisions of the last command."""

from collections.abc import Mapping
from typing import Any, TypeVar

from routing import commands as c
from routing.agents import Agent
from routing.commands import Decision, Presence, Requirement
from routing.engine import Engine
from routing.items import Item

Found = TypeVar("Found")


def checked(engine: Engine, item: Item, agent: Agent) -> None:
    """Fail unless the one rule of who may get what allows a choice: for ``Engine.watch``."""
    reason = engine.refusal(agent, item)
    assert reason is None, f"{agent.id} may not get {item.interaction_id}: {reason}"


class Floor:
    def __init__(self, *, ring_time: float = 20.0, wrap_up_time: float = 0.0) -> None:
        self.now = 1000.0
        self.made = 0
        self.engine = Engine(self.new_id)
        self.engine.watch = lambda item, agent, line: checked(self.engine, item, agent)
        self.out: list[Decision] = []
        self.queue("sales", ring_time=ring_time, wrap_up_time=wrap_up_time)

    def new_id(self) -> str:
        self.made += 1
        return f"r{self.made}"

    def do(self, command: c.Command, *, at: float | None = None) -> list[Decision]:
        self.now = self.now if at is None else at
        self.out = self.engine.handle(command, self.now)
        return self.out

    def queue(self, name: str, **rules: Any) -> None:
        self.do(c.DefineQueue(c.QueueRules(name, **rules)))

    def agent(self, name: str, skills: Mapping[str, int] | None = None, *, idle: float = 0.0, **rest: Any) -> None:
        rest = {"presence": Presence.READY, "device_usable": True, **rest}
        self.do(c.AddAgent(name, skills or {}, idle_since=self.now - idle, **rest))

    def call(self, name: str, *, queue: str = "sales", need: Mapping[str, int] | None = None, **rest: Any) -> Any:
        requirement = Requirement(tuple((need or {}).items()))
        self.do(c.Enqueue(name, f"visit-{name}", queue, requirement=requirement, **rest))
        return self.find(c.Reserve)

    def all(self, kind: type[Found]) -> list[Found]:
        return [one for one in self.out if isinstance(one, kind)]

    def find(self, kind: type[Found]) -> Found | None:
        found = self.all(kind)
        assert len(found) <= 1
        return found[0] if found else None

    def one(self, kind: type[Found]) -> Found:
        (found,) = self.all(kind)
        return found

    def given_to(self) -> str | None:
        reserved = self.find(c.Reserve)
        return None if reserved is None else reserved.agent_id
