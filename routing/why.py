"""Makes the engine's choices readable: the kept trace of a decision, and the present look of a waiting interaction.

Everything returned is JSON-able and made of codes and ids, never of sentences. Reasons, in the order in which they are
looked at: ``skill server queue medium`` (the profile lacks it; ``server``: there is no way from the caller's server to
the agent's), ``offline not-ready device reserved wrap-up busy`` (the agent's side), ``rank`` (could have had it, others
came first).
"""

from collections.abc import Iterable
from typing import Any

from contactcenter.core.errors import NotFound
from contactcenter.core.ids import AgentId, InteractionId
from routing.agents import Agent
from routing.commands import Why, Work
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
    refusal,
)
from routing.engine import Engine
from routing.items import Item
from routing.matching import BEST, count_of
from routing.requirements import DEVICE_MEDIA, SERVER_PREFIX, shortfall
from routing.states import ItemState

NAMED = 10
"""How many agents are named per reason."""
Reason = tuple[str, str, int]


def render(why: Why) -> dict[str, Any]:
    """Return the decision's trace: who was considered, who was best by which rule, how many passed over and why.

    ``considered`` counts every agent known then; the counts in ``passed`` and the chosen one add up to it.
    """
    counts: dict[Reason, int] = {}
    for profile, condition, number in _conditions(why):
        lack = shortfall(profile, why.queue_id, why.medium, why.requirement)
        reason = lack or (_reason(condition, why.medium), "", 0)
        counts[reason] = counts.get(reason, 0) + number
    considered = sum(counts.values())
    _split_free(counts, why.candidates)
    return {
        "number": why.number,
        "at": why.at,
        "interaction_id": why.interaction_id,
        "agent_id": why.agent_id,
        "queue_id": why.queue_id,
        "medium": why.medium,
        "requirement": _skills(why.requirement.skills),
        "rule": why.rule,
        "best": [{"id": name, "since": since} for name, since in why.best],
        "considered": considered,
        "candidates": why.candidates,
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
        reason = refusal(agent, item, now)
        (eligible if reason is None else found.setdefault(reason, [])).append(agent)
    return {
        "interaction_id": item.interaction_id,
        "state": item.state.value,
        "queue_id": item.queue_id,
        "medium": item.medium,
        "requirement": _skills(item.needs.skills),
        "priority": item.priority + engine.queues[item.queue_id].priority,
        "vip": item.vip,
        "entered_at": item.entered_at,
        "waited": now - item.entered_at,
        "rule": engine.matching.work_order.name,
        "place": engine.matching.ahead_of(item) + 1 if item.state is ItemState.WAITING else None,
        "waiting": engine.matching.waiting_in.get(item.queue_id, 0),
        "agent_id": item.agent_id,
        "considered": len(engine.agents),
        "eligible": _named(eligible),
        "passed": [_passed(reason, len(agents), agents) for reason, agents in found.items()],
        "next": _next(item, found),
    }


def _next(item: Item, found: dict[Reason, list[Agent]]) -> list[dict[str, Any]]:
    """Return the soonest timed changes among those who have the skills: the item's own alert, then the others'."""
    held = [agent for (reason, _, _), agents in found.items() if reason in _TIMED for agent in agents]
    changes = [
        {"at": given.until, "change": _TIMED_CHANGES[given.state], "agent_id": agent.id}
        for agent in held
        for given in agent.assignments.values()
        if given.until is not None
    ]
    changes.sort(key=lambda change: (change["agent_id"] != item.agent_id, change["at"], change["agent_id"]))
    return changes[:BEST]


_TIMED = {"reserved", "wrap-up", "busy"}
_TIMED_CHANGES = {
    Work.RESERVED: "reservation-expires",
    Work.REVOKING: "revoke-repeats",
    Work.WRAP_UP: "wrap-up-ends",
}


def _conditions(why: Why) -> Iterable[tuple[Any, int, int]]:
    known = sum(map(len, why.counts))
    for profile in why.book.all[:known]:
        for condition in (OFFLINE, NOT_READY, NO_DEVICE, RESERVED, WRAP_UP, BUSY, PARTLY, IDLE):
            number = count_of(why.counts, profile, condition)
            if number:
                yield profile, condition, number


def _reason(condition: int, medium: str) -> str:
    """Name a condition as seen by ``medium``; ``free`` when agents counted so may have been free for it."""
    if condition in (IDLE, PARTLY) or (condition == NO_DEVICE and medium not in DEVICE_MEDIA):
        return "free"
    return CONDITION_NAMES[condition]


def _split_free(counts: dict[Reason, int], candidates: int) -> None:
    """Of those who may have been free, the candidates but one lost by rank, the others had no capacity left."""
    free = counts.pop(("free", "", 0), 0)
    counts["busy", "", 0] = counts.get(("busy", "", 0), 0) + free - candidates
    counts["rank", "", 0] = candidates - 1


def _passed(reason: Reason, count: int, agents: list[Agent] | None = None) -> dict[str, Any]:
    code, name, level = reason
    passed: dict[str, Any] = {"reason": code, "count": count}
    if code == "skill":
        passed |= {"skill": name, "need": level}
    elif code == "server":
        passed |= {"server": name}
    if agents is not None:
        passed["agents"] = _named(agents)
    return passed


def _named(agents: list[Agent]) -> list[AgentId]:
    return sorted(agent.id for agent in agents)[:NAMED]


def _skills(skills: tuple[tuple[Any, int], ...]) -> list[dict[str, Any]]:
    return [{"skill": skill, "level": level} for skill, level in skills if not skill.startswith(SERVER_PREFIX)]
