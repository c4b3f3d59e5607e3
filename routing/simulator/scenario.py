"""Scenario files (YAML): classes of callers with their rates, groups of agents; and the callers of one seed.

Read with distrust: every value has its bounds, unknown keys are refused, a complaint names file, key and reason. The
format: docs/routing/simulator.md. A caller's instants come from a stream of chance of its class alone, in the order of
arrival, so the same seed gives the same callers whatever rule serves them and whatever other classes there are.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from random import Random
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from contactcenter.core.ids import QueueId, SkillId, TeamId
from routing.commands import VOICE, QueueRules, Requirement
from routing.simulator.plans import Agent, Caller, Plan, PlanError, Queue

WARM_UP: Final = 0.05
"""Share of the day that the figures leave out, because the day begins with nobody in line."""
OWN_RULES: Final = frozenset({"queue_id", "target_time", "requirement", "ring_time", "wrap_up_time"})
"""Rules of a queue that the simulator sets itself: from the file, or because agents answer at once."""

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Rate = Annotated[float, Meta(gt=0, le=1000)]
Time = Annotated[float, Meta(gt=0, le=10_000_000)]
Target = Annotated[float, Meta(ge=0, le=10_000_000)]
Level = Annotated[int, Meta(ge=1, le=1000)]
Capacity = Mapping[Name, Annotated[int, Meta(ge=1, le=100)]]


class CallerClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One class of callers, a queue of its own. Times are seconds; ``patience`` None: for ever.

    ``requirement``: skill -> least level; left out, the skill named as the class. ``rules``: what else the queue sets
    (``commands.QueueRules``), for the rule *ours*.
    """

    name: Name
    arrivals_per_second: Rate
    handle_time: Time
    patience: Time | None
    target: Target
    vip: bool = False
    medium: Name = VOICE
    requirement: Mapping[Name, Level] | None = None
    priority: int = 0
    rules: Mapping[str, Any] = {}


class AgentGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``agents`` people with the same skills: a list (level 1 each) or skill -> level."""

    agents: Annotated[int, Meta(ge=0, le=20_000)]
    skills: list[Name] | Mapping[Name, Level]
    name: Name | None = None
    capacity: Capacity = msgspec.field(default_factory=lambda: {VOICE: 1})
    team: Name | None = None


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A center in steady traffic: Poisson arrivals, exponential patience and handle times."""

    classes: Annotated[list[CallerClass], Meta(min_length=1, max_length=500)]
    agent_groups: Annotated[list[AgentGroup], Meta(min_length=1, max_length=1000)]


def read_scenario(text: str | bytes, file: str) -> Scenario:
    """Return the scenario a YAML text describes; ``file`` is its name in complaints. Raises: PlanError."""
    try:
        scenario = msgspec.yaml.decode(text, type=Scenario)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PlanError(file, *complaint(error)) from None
    names = [one.name for one in scenario.classes]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise PlanError(file, f"classes[{place}].name", f"{name!r} stands there twice")
        queue_rules(scenario.classes[place].rules, name, 0.0, Requirement(), (file, f"classes[{place}].rules"))
    if not any(one.agents for one in scenario.agent_groups):
        raise PlanError(file, "agent_groups", "there is no agent")
    _prove_served(scenario, file)
    return scenario


def complaint(error: Exception) -> tuple[str, str]:
    """Return (key, reason) of what msgspec says: ``Expected ... - at `$.classes[0].patience```."""
    reason, _, path = " ".join(str(error).split()).partition(" - at `$")
    return path.strip("`.") or "-", reason


def queue_rules(
    given: Mapping[str, Any], name: str, target: float, requirement: Requirement, place: tuple[str, str]
) -> QueueRules:
    """Return a queue's rules from what a file gives. Raises: PlanError at ``place`` (file, key)."""
    file, key = place
    known = {one.name for one in dataclasses.fields(QueueRules)} - OWN_RULES
    if unknown := sorted(set(given) - known):
        raise PlanError(file, f"{key}.{unknown[0]}", f"unknown rule; known: {', '.join(sorted(known))}")
    try:
        rules = msgspec.convert({**given, "queue_id": name}, QueueRules)
    except msgspec.ValidationError as error:
        where, reason = complaint(error)
        raise PlanError(file, f"{key}.{where}", reason) from None
    # An agent answers at once: an alert never runs out. Wrap-up is part of the handle time.
    return dataclasses.replace(rules, target_time=target, requirement=requirement, ring_time=60.0, wrap_up_time=0.0)


def _needs(one: CallerClass) -> Requirement:
    levels = {one.name: 1} if one.requirement is None else one.requirement
    return Requirement(tuple((SkillId(name), level) for name, level in sorted(levels.items())))


def _levels(group: AgentGroup) -> dict[SkillId, int]:
    if isinstance(group.skills, Mapping):
        return {SkillId(name): level for name, level in group.skills.items()}
    return {SkillId(name): 1 for name in group.skills}


def _prove_served(scenario: Scenario, file: str) -> None:
    groups = [(_levels(one), one.capacity) for one in scenario.agent_groups if one.agents]
    for place, one in enumerate(scenario.classes):
        needs = _needs(one).skills
        if one.rules.get("steps"):
            continue
        if not any(
            one.medium in capacity and all(levels.get(name, 0) >= level for name, level in needs)
            for levels, capacity in groups
        ):
            raise PlanError(file, f"classes[{place}].name", f"no agent can take {one.name!r}")


# ------------------------------------------------------------------ a day of it


def day_of(scenario: Scenario, hours: float, seed: int | str) -> Plan:
    """Return the plan of one seed: the same arguments give the same plan, on every machine."""
    until = hours * 3600.0
    callers = [caller for one in scenario.classes for caller in _callers(one, until, Random(f"{seed}/{one.name}"))]
    callers.sort(key=lambda caller: (caller.at, caller.name))
    return Plan(
        queues={one.name: _queue(one) for one in scenario.classes},
        agents=tuple(_agents(scenario)),
        shifts=(),
        callers=tuple(callers),
        counted_from=until * WARM_UP,
        until=until,
    )


def _queue(one: CallerClass) -> Queue:
    rules = queue_rules(one.rules, QueueId(one.name), one.target, _needs(one), (one.name, "rules"))
    return Queue(one.name, one.target, rules, one.vip)


def _agents(scenario: Scenario) -> Iterator[Agent]:
    number = 0
    for group, name in zip(scenario.agent_groups, group_names(scenario), strict=True):
        levels = _levels(group)
        for _ in range(group.agents):
            number += 1
            team = None if group.team is None else TeamId(group.team)
            yield Agent(f"a{number:05}", name, levels, group.capacity, team=team)


def group_names(scenario: Scenario) -> list[str]:
    """What the groups are called in figures: their name, or their skills (*all* when it is each of the classes)."""
    every = {one.name for one in scenario.classes}
    names: list[str] = []
    for group in scenario.agent_groups:
        skills = list(group.skills)
        plain = "all" if every <= set(skills) and len(every) > 1 else "+".join(skills) or "no skill"
        name = group.name or plain
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names


def _callers(one: CallerClass, until: float, dice: Random) -> Iterator[Caller]:
    at, number = dice.expovariate(one.arrivals_per_second), 0
    while at < until:
        number += 1
        waits, takes = dice.expovariate(1.0), dice.expovariate(1.0)
        yield Caller(
            name=f"{one.name}-{number:07}",
            at=at,
            queue=one.name,
            patience=math.inf if one.patience is None else waits * one.patience,
            handle_time=takes * one.handle_time,
            vip=one.vip,
            medium=one.medium,
            priority=one.priority,
        )
        at += dice.expovariate(one.arrivals_per_second)
