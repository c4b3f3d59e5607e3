"""Small plans to drive rules and days with."""

import math
from collections.abc import Mapping
from typing import Any

from routing.commands import Presence, QueueRules, Requirement
from routing.simulator.day import Day, Outcome
from routing.simulator.plans import Agent, Caller, Plan, Queue, Shift
from routing.simulator.rules import Rule


def queue(name: str, *, target: float = 20.0, need: Mapping[str, int] | None = None, **rules: Any) -> Queue:
    requirement = Requirement(tuple(sorted((need or {}).items())))
    return Queue(name, target, QueueRules(name, requirement=requirement, target_time=target, **rules))


def agent(name: str, *skills: str, group: str = "desk", **rest: Any) -> Agent:
    return Agent(name, group, dict.fromkeys(skills, 1), **rest)


def caller(name: str, at: float, queue: str = "sales", *, takes: float = 60.0, **rest: Any) -> Caller:
    return Caller(name, at, queue, rest.pop("patience", math.inf), takes, **rest)


def plan(
    callers: list[Caller],
    agents: list[Agent],
    queues: list[Queue] | None = None,
    shifts: list[tuple[float, int, Presence]] | None = None,
    **rest: Any,
) -> Plan:
    named = {one.name: one for one in queues or []}
    for one in callers:
        named.setdefault(one.queue, queue(one.queue))
    order = tuple(sorted(callers, key=lambda one: one.at))
    hours = tuple(Shift(*one) for one in shifts or [])
    return Plan(named, tuple(agents), hours, order, **{"counted_from": 0.0, "until": 1e6, **rest})


def told(plan: Plan, rule: Rule) -> tuple[Outcome, list[tuple[Any, ...]]]:
    """Run the day; answers as (at, caller, agent), other lines as (at, caller, what)."""
    lines: list[tuple[Any, ...]] = []

    def note(line: dict[str, Any]) -> None:
        if line["type"] != "reservation":
            last = line["agent"] if line["type"] == "answer" else line["type"]
            lines.append((line["at"], line["interaction"], last))

    return Day(plan, rule, note).run(), lines
