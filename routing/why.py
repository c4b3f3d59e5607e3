"""Makes the engine's choices readable: the kept trace of a decision, and the present look of a waiting interaction.

Everything returned is JSON-able and made of codes and ids, never of sentences. Reasons are the words of
docs/routing/rules.md, in the order in which they are looked at: first what the profile lacks (``skill server team queue
medium delay``), then the agent's side (``offline not-ready device reserved wrap-up busy``), then what the item or its
queue keeps him from (``window reserve``); ``rank``: could have had it, others came first.
"""

from collections.abc import Iterable
from typing import Any

from contactcenter.core.errors import NotFound
from contactcenter.core.ids import AgentId, InteractionId
from routing.agents import Agent
from routing.commands import Requirement, Why, Work
from routing.eligibility import (
    BUSY,
    CONDITION_NAMES,
    IDLE,
    NO_DEVICE,
    NOT_READY,
    OFFLINE,
    PARTLY,
    RESERVED,
    WRAP_UP,
)
from routing.engine import Engine
from routing.free import BEST
from routing.items import Item
from routing.matching import PREFERRED
from routing.profiles import count_of, known
from routing.requirements import DEVICE_MEDIA, SERVER_PREFIX, shortfall
from routing.states import ItemState
from routing.strategies import CLASS_NAMES, late_at

NAMED = 10
"""How many agents are named per reason."""
Reason = tuple[str, str, int]


def render(why: Why) -> dict[str, Any]:
    """Return the decision's trace: who was considered, who was best by which rule, how many passed over and why.

    ``considered`` counts every agent known then; the counts in ``passed`` and the chosen one add up to it.
    """
    counts: dict[Reason, int] = {}
    considered = 0
    for profile, condition, number in _conditions(why):
        lack = shortfall(profile, why.queue_id, why.medium, why.requirement, why.delay)
        reason = lack or (_reason(condition, why.medium), "", 0)
        counts[reason] = counts.get(reason, 0) + number
        considered += number
    candidates = _split_free(counts, why)
    return {
        "number": why.number,
        "at": why.at,
        "interaction_id": why.interaction_id,
        "agent_id": why.agent_id,
        "queue_id": why.queue_id,
        "medium": why.medium,
        **_needs(why.requirement),
        "rule": why.rule,
        "by": "item" if why.by_item else "agent",
        "best": [{"id": name, "since": since} for name, since in why.best],
        "considered": considered,
        "candidates": candidates,
        "waiting": why.waiting,
        "passed": [_passed(reason, number) for reason, number in counts.items() if number],
    }


def find_why(engine: Engine, interaction_id: InteractionId) -> Why | None:
    """Return the latest kept decision about an interaction, or None."""
    return next((why for why in reversed(engine.whys) if why.interaction_id == interaction_id), None)


def explain_waiting(engine: Engine, interaction_id: InteractionId, now: float) -> dict[str, Any]:
    """Return how an interaction stands at ``now``: place in line, who could take it, what changes next and when.

    ``place`` counts from 1 inside its queue. Raises: NotFound when the engine does not hold it.
    """
    item = engine.items.get(interaction_id)
    if item is None:
        raise NotFound("interaction-not-routed", {"interaction_id": interaction_id})
    found: dict[Reason, list[Agent]] = {}
    eligible: list[Agent] = []
    for agent in engine.agents.values():
        reason = engine.refusal(agent, item)
        (eligible if reason is None else found.setdefault(reason, [])).append(agent)
    return {
        "interaction_id": item.interaction_id,
        "state": item.state.value,
        "queue_id": item.queue_id,
        "medium": item.medium,
        **_needs(item.needs),
        "priority": item.points,
        "vip": item.vip,
        "class": CLASS_NAMES[item.rank[0]],
        "key": item.rank[1],
        "entered_at": item.entered_at,
        "waited": now - item.entered_at,
        "rule": engine.queues[item.queue_id].order.value,
        "place": engine.matching.waiting.ahead_of(item) + 1 if item.state is ItemState.WAITING else None,
        "waiting": engine.matching.waiting.queues[item.queue_id].waiting,
        "agent_id": item.agent_id,
        "considered": len(engine.agents),
        "eligible": _named(eligible),
        "passed": [_passed(reason, len(agents), agents) for reason, agents in found.items()],
        "next": _next(engine, item, found, now),
    }


def _next(engine: Engine, item: Item, found: dict[Reason, list[Agent]], now: float) -> list[dict[str, Any]]:
    """Return the soonest timed changes: the item's own alert, agents with the skills who come free, its next steps."""

    def order(change: dict[str, Any]) -> tuple[bool, float, str]:
        return (not change["agent_id"] or change["agent_id"] != item.agent_id, change["at"], change["agent_id"])

    held = [agent for (reason, _, _), agents in found.items() if reason in _TIMED for agent in agents]
    changes: list[dict[str, Any]] = [
        {"at": given.until, "change": _TIMED_CHANGES[given.state], "agent_id": agent.id}
        for agent in held
        for given in agent.assignments.values()
        if given.until is not None
    ]
    changes = sorted(changes, key=order)[:BEST]
    if item.line is not None:
        changes += _own_changes(engine, item, now)
    return sorted(changes, key=order)


def _own_changes(engine: Engine, item: Item, now: float) -> list[dict[str, Any]]:
    """Return the instants at which the waiting item itself changes, of each kind the next."""
    assert item.line is not None
    queue = item.line.queue
    steps = {step.after for step in queue.steps}
    known = [(item.entered_at + after, "requirement-relaxes") for after in sorted(steps)]
    known += [(item.entered_at + after, "delay-passes") for after in queue.instants if after not in steps]
    late = late_at(item, queue.rules)
    if late is not None:
        known.append((late, "becomes-late"))
    if item.preferred is not None:
        known.append((item.entered_at + queue.rules.preferred_wait, "window-ends"))
    ahead = {change: at for at, change in sorted(known, reverse=True) if at > now}
    return [{"at": at, "change": change, "agent_id": ""} for change, at in ahead.items()]


_TIMED = {"reserved", "wrap-up", "busy"}
_TIMED_CHANGES = {
    Work.RESERVED: "reservation-expires",
    Work.REVOKING: "revoke-repeats",
    Work.WRAP_UP: "wrap-up-ends",
}


def _conditions(why: Why) -> Iterable[tuple[Any, int, int]]:
    for profile in known(why.counts, why.book):
        for condition in (OFFLINE, NOT_READY, NO_DEVICE, RESERVED, WRAP_UP, BUSY, PARTLY, IDLE):
            number = count_of(why.counts, profile, condition)
            if number:
                yield profile, condition, number


def _reason(condition: int, medium: str) -> str:
    """Name a condition as seen by ``medium``; ``some-room`` when some of those counted so may have had room for it."""
    if condition in (PARTLY, BUSY) or (condition == NO_DEVICE and medium not in DEVICE_MEDIA):
        return "some-room" if condition != BUSY else "busy"
    return CONDITION_NAMES[condition]


def _split_free(counts: dict[Reason, int], why: Why) -> int:
    """Tell the chosen one and those who had room apart, and return how many could have taken it.

    Where the item chose, all who were free altogether had room, and ``partly`` of those with work. Where an agent
    became free, or was wished for, he alone could: whoever else had room was kept from it, by the wish or for VIP.
    """
    wished = why.rule == PREFERRED
    counts[_reason(why.condition, why.medium), "", 0] -= 1
    idle, some_room = counts.pop(("idle", "", 0), 0), counts.pop(("some-room", "", 0), 0)
    counts["busy", "", 0] = counts.get(("busy", "", 0), 0) + some_room - why.partly
    others = idle + why.partly
    if why.by_item and not wished:
        counts["rank", "", 0] = others
        return others + 1
    counts["window" if wished else "reserve", "", 0] = others
    return 1


def _passed(reason: Reason, count: int, agents: list[Agent] | None = None) -> dict[str, Any]:
    code, name, level = reason
    passed: dict[str, Any] = {"reason": code, "count": count}
    if code == "skill":
        passed |= {"skill": name, "need": level}
    elif code in ("server", "team", "window"):
        passed |= {code: name}
    if agents is not None:
        passed["agents"] = _named(agents)
    return passed


def _named(agents: list[Agent]) -> list[AgentId]:
    return sorted(agent.id for agent in agents)[:NAMED]


def _needs(needs: Requirement) -> dict[str, Any]:
    told: dict[str, Any] = {"requirement": _skills(needs.skills)}
    if needs.any_of:
        told["any_of"] = [_skills(group) for group in needs.any_of]
    if needs.teams:
        told["teams"] = list(needs.teams)
    if needs.preferred:
        told["preferred"] = _skills(needs.preferred)
    return told


def _skills(skills: tuple[tuple[Any, int], ...]) -> list[dict[str, Any]]:
    return [{"skill": skill, "level": level} for skill, level in skills if not skill.startswith(SERVER_PREFIX)]
