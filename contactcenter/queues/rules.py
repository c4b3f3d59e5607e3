"""Whether a queue's settings can hold, and what the router is told of them. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import QueueId, SkillId, TeamId
from contactcenter.core.media import MOST, VOICE
from contactcenter.queues.model import FLOW_NAME, MAX_PRIORITY, MAX_TIME, Queue, Step, Way
from routing import commands as routing

MAX_LEVEL: Final = 10
MAX_STEPS: Final = 20
MAX_WEIGHT: Final = 1000.0
MAX_AGENTS: Final = 10_000
MAX_WAITING: Final = 100_000
MAX_HOLIDAYS: Final = 400
ANNOUNCE_LEAST: Final = 20.0
ANNOUNCE_MOST: Final = 600.0
_Wrong = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to name: the ids of every skill, and of the site's teams and queues."""

    skills: Collection[SkillId]
    teams: Collection[TeamId]
    queues: Collection[QueueId] = ()


def check_queue(queue: Queue, known: Known) -> None:
    """Raise Invalid, naming every wrong field; of lists the place too (``steps.2.after``)."""
    wrong = {**_wrong_numbers(queue), **dict(_wrong_lists(queue, known))}
    if not queue.name.strip():
        wrong["name"] = "missing"
    if wrong:
        raise Invalid("invalid", wrong)


def rules_of(queue: Queue) -> routing.QueueRules:
    """Return the queue's rules as the router takes them."""
    return routing.QueueRules(
        queue.queue_id,
        priority=queue.priority,
        ring_time=queue.ring_time,
        wrap_up_time=queue.wrap_up_time,
        requirement=_requirement(queue),
        target_time=queue.target_time,
        order=queue.order,
        aging=queue.aging,
        late_after=queue.late_after,
        late_guard=queue.late_guard,
        weight=queue.weight,
        agent_rule=queue.agent_rule,
        idle_guard=queue.idle_guard,
        steps=tuple(_step(step) for step in queue.steps),
        preferred_wait=queue.preferred_wait,
        vip_reserve=queue.vip_reserve,
        interrupts=frozenset(queue.interrupts),
        value_steps=tuple((step.value, step.points) for step in queue.value_steps),
    )


def _requirement(queue: Queue) -> routing.Requirement:
    groups = tuple(sorted({_levels(group) for group in queue.any_of}))
    return routing.Requirement(
        _levels(queue.skills), groups, tuple(sorted(set(queue.teams))), preferred=_levels(queue.preferred)
    )


def _step(step: Step) -> routing.RelaxationStep:
    return routing.RelaxationStep(step.after, _levels(step.levels), tuple(sorted(set(step.teams))), step.any_team)


def _levels(skills: Mapping[SkillId, int]) -> routing.Skills:
    return tuple(sorted(skills.items()))


# ------------------------------------------------------------------ what is wrong


def _wrong_numbers(queue: Queue) -> dict[str, str]:
    late_after = 0.0 if queue.late_after is None else queue.late_after
    allowed = {
        "priority": (0, queue.priority, MAX_PRIORITY),
        "goal": (0, queue.goal, 100),
        "target_time": (1, queue.target_time, MAX_TIME),
        "ring_time": (5, queue.ring_time, 120),
        "wrap_up_time": (0, queue.wrap_up_time, MAX_TIME),
        "wrap_up_extension": (0, queue.wrap_up_extension, MAX_TIME),
        "wrap_up_limit": (queue.wrap_up_time, queue.wrap_up_limit, MAX_TIME),
        "short_abandon_time": (0, queue.short_abandon_time, 60),
        "aging": (0, queue.aging, MAX_TIME),
        "late_after": (0, late_after, MAX_TIME),
        "late_guard": (0, queue.late_guard, MAX_TIME),
        "idle_guard": (0, queue.idle_guard, 1000),
        "preferred_wait": (0, queue.preferred_wait, MAX_TIME),
        "vip_reserve": (0, queue.vip_reserve, MAX_AGENTS),
        "max_waiting": (0, queue.max_waiting or 0, MAX_WAITING),
        "max_wait": (1, 1 if queue.max_wait is None else queue.max_wait, MAX_TIME),
        "nobody_after": (0, queue.nobody_after, MAX_TIME),
        "announce_every": (ANNOUNCE_LEAST, queue.announce_every or ANNOUNCE_LEAST, ANNOUNCE_MOST),
    }
    wrong = {name: "out-of-range" for name, (low, value, high) in allowed.items() if not low <= value <= high}
    return wrong if 0 < queue.weight <= MAX_WEIGHT else {**wrong, "weight": "out-of-range"}


def _wrong_lists(queue: Queue, known: Known) -> _Wrong:
    yield from _wrong_levels("skills", queue.skills, known)
    yield from _wrong_levels("preferred", queue.preferred, known)
    yield from _wrong_groups(queue.any_of, known)
    yield from _wrong_teams("teams", queue.teams, known)
    yield from _wrong_steps(queue.steps, known)
    yield from _wrong_media(queue.interrupts)
    yield from _wrong_values(queue)
    yield from _wrong_hours(queue)
    for place, way in _ways(queue):
        yield from _wrong_way(place, way, queue, known)
    codes = [disposition.code for disposition in queue.dispositions]
    if len(codes) != len(set(codes)):
        yield "dispositions", "code-twice"


def _wrong_levels(place: str, skills: Mapping[SkillId, int], known: Known, least: int = 1) -> _Wrong:
    if any(skill not in known.skills for skill in skills):
        yield place, "unknown-skill"
    elif any(not least <= level <= MAX_LEVEL for level in skills.values()):
        yield place, "level-out-of-range"


def _wrong_groups(groups: Sequence[Mapping[SkillId, int]], known: Known) -> _Wrong:
    if len(groups) > MAX_STEPS:
        yield "any_of", "too-many"
        return
    for number, group in enumerate(groups):
        if group:
            yield from _wrong_levels(f"any_of.{number}", group, known)
        else:
            yield f"any_of.{number}", "empty"


def _wrong_teams(place: str, teams: Sequence[TeamId], known: Known) -> _Wrong:
    if any(team not in known.teams for team in teams):
        yield place, "unknown-team"


def _wrong_steps(steps: Sequence[Step], known: Known) -> _Wrong:
    if len(steps) > MAX_STEPS:
        yield "steps", "too-many"
        return
    before = 0.0
    for number, step in enumerate(steps):
        place = f"steps.{number}"
        if not 0 < step.after <= MAX_TIME:
            yield f"{place}.after", "out-of-range"
        elif step.after <= before:
            yield f"{place}.after", "not-ascending"
        before = max(before, step.after)
        yield from _wrong_levels(f"{place}.levels", step.levels, known, least=0)
        yield from _wrong_teams(f"{place}.teams", step.teams, known)
        if not (step.levels or step.teams or step.any_team):
            yield place, "empty"


def _wrong_media(media: Sequence[str]) -> _Wrong:
    """Nobody who speaks to an agent is set aside for another."""
    if VOICE in media:
        yield "interrupts", "voice-never"
    elif not set(media) <= MOST.keys():
        yield "interrupts", "unknown-medium"


def _wrong_values(queue: Queue) -> _Wrong:
    if len(queue.value_steps) > MAX_STEPS:
        yield "value_steps", "too-many"
        return
    before = -1.0
    for number, (value, points) in enumerate(queue.value_steps):
        if not 0 <= value <= 1e12:
            yield f"value_steps.{number}.value", "out-of-range"
        elif value <= before:
            yield f"value_steps.{number}.value", "not-ascending"
        before = max(before, value)
        if not -MAX_PRIORITY <= points <= MAX_PRIORITY:
            yield f"value_steps.{number}.points", "out-of-range"


def _wrong_hours(queue: Queue) -> _Wrong:
    if queue.hours is None:
        return
    if len(queue.hours.holidays) > MAX_HOLIDAYS:
        yield "hours.holidays", "too-many"
    for place, code in queue.hours.wrong().items():
        yield f"hours.{place}", code


def _ways(queue: Queue) -> Iterator[tuple[str, Way]]:
    ways = {
        "when_closed": queue.when_closed,
        "when_full": queue.when_full,
        "when_too_long": queue.when_too_long,
        "when_nobody": queue.when_nobody,
    }
    return ((place, way) for place, way in ways.items() if way is not None)


def _wrong_way(place: str, way: Way, queue: Queue, known: Known) -> _Wrong:
    if (way.queue_id is None) == (not way.flow):
        yield place, "queue-or-flow"
    elif way.queue_id is not None and way.queue_id == queue.queue_id:
        yield f"{place}.queue_id", "the-same-queue"
    elif way.queue_id is not None and way.queue_id not in known.queues:
        yield f"{place}.queue_id", "unknown-queue"
    elif way.flow and not FLOW_NAME.fullmatch(way.flow):
        yield f"{place}.flow", "not-a-flow-name"
