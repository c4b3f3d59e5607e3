"""Who could get a queue's items, step by step of its relaxation, whoever is signed in. Pure.

It asks the router's own rule (``routing.requirements.shortfall``) about the queue's requirement alone: what an item
itself needs besides is not known beforehand. Presence, devices and work have no part in it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contactcenter.core.ids import AgentId
from contactcenter.queues.model import Queue
from contactcenter.queues.ports import Offer
from contactcenter.queues.rules import rules_of
from routing.commands import Requirement
from routing.requirements import Profile, profile_key, relax, shortfall


@dataclass(frozen=True, slots=True)
class Passed:
    """Why agents are passed over, in the words of *why*; ``name``: the skill, team or queue, ``level``: a skill's."""

    reason: str
    name: str
    level: int
    agents: int


@dataclass(frozen=True, slots=True)
class StepPreview:
    """Who matches an item that has waited ``after`` seconds (0: as it enters), as (id, name) by name, and who not."""

    after: float
    requirement: Requirement
    matching: Sequence[tuple[AgentId, str]]
    passed: Sequence[Passed]


def preview(queue: Queue, medium: str, offers: Sequence[Offer]) -> list[StepPreview]:
    """Return who matches as an item of ``medium`` enters, and at each step of the queue."""
    rules = rules_of(queue)
    keys = [profile_key(one.skills, one.queues, one.capacity, one.team_id) for one in offers]
    profiles = {key: Profile(0, key) for key in set(keys)}  # alike agents are asked about once
    found = []
    for number, after in enumerate((0.0, *(step.after for step in rules.steps))):
        need = relax(rules.requirement, rules.steps[:number])
        lacks = {key: shortfall(one, queue.queue_id, medium, need, after) for key, one in profiles.items()}
        matching = [(one.agent_id, one.name) for one, key in zip(offers, keys, strict=True) if lacks[key] is None]
        counts = Counter(lack for key in keys if (lack := lacks[key]) is not None)
        passed = [Passed(*lack, agents) for lack, agents in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
        found.append(StepPreview(after, need, matching, passed))
    return found
