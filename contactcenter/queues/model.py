"""Queues, their dispositions, and the numbers customers dial.

Durations are seconds. ``target_time`` is the service level's T and ``goal`` its aim in percent: answered within T /
(offered - short abandons), a short abandon being one within ``short_abandon_time``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from contactcenter.core.errors import Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.ids import QueueId, SiteId, SkillId

MAX_LEVEL: Final = 10
MAX_PRIORITY: Final = 1000
MAX_TIME: Final = 86_400.0
_DIALED: Final = re.compile(r"\+?[0-9*#]{1,20}", re.ASCII)
_FLOW: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Disposition:
    """An outcome an agent may pick in wrap-up; ``code`` is stable, ``label`` is shown, in the order of the list."""

    code: str
    label: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Queue:
    """One ACD queue; flows name it by ``name``, in any case. A higher ``priority`` is served first.

    ``wrap_up_time`` 0 means no wrap-up; an agent may extend it by ``wrap_up_extension`` up to ``wrap_up_limit`` in all.
    ``skills`` maps each required skill to its least level.
    """

    queue_id: QueueId
    site_id: SiteId
    name: str
    priority: int = 0
    target_time: float = 20.0
    goal: int = 80
    ring_time: float = 20.0
    wrap_up_time: float = 60.0
    wrap_up_extension: float = 60.0
    wrap_up_limit: float = 180.0
    short_abandon_time: float = 5.0
    needs_disposition: bool = True
    is_active: bool = True
    skills: Mapping[SkillId, int] = field(default_factory=dict)
    dispositions: Sequence[Disposition] = ()

    @property
    def extensions(self) -> int:
        """How many times a wrap-up may be extended."""
        spare = self.wrap_up_limit - self.wrap_up_time
        return max(0, int(spare // self.wrap_up_extension)) if self.wrap_up_extension > 0 else 0


@dataclass(frozen=True, slots=True)
class DialedNumber:
    """A number customers dial and the flow that answers it."""

    number: str
    site_id: SiteId
    flow: str


@event("queue-changed", subject="queue_id")
@dataclass(frozen=True, slots=True)
class QueueChanged(Event):
    """A queue was created or changed; ``fields`` names what changed."""

    queue_id: QueueId
    change: str
    fields: tuple[str, ...] = ()


@event("dialed-number-changed", subject="number_id")
@dataclass(frozen=True, slots=True)
class DialedNumberChanged(Event):
    """A dialed number now leads to another flow, or to none."""

    number_id: str
    change: str


@lru_cache(maxsize=4096)
def name_key(name: str) -> str:
    """Return what makes two queue names the same."""
    return " ".join(name.casefold().split())


def check_queue(queue: Queue, known_skills: Collection[SkillId]) -> None:
    """Raise Invalid, naming every wrong field."""
    wrong = {**_wrong_numbers(queue), **_wrong_lists(queue, known_skills)}
    if not queue.name.strip():
        wrong["name"] = "missing"
    if wrong:
        raise Invalid("invalid", wrong)


def _wrong_numbers(queue: Queue) -> dict[str, str]:
    allowed = {
        "priority": (0, MAX_PRIORITY),
        "goal": (0, 100),
        "target_time": (1, MAX_TIME),
        "ring_time": (5, 120),
        "wrap_up_time": (0, MAX_TIME),
        "wrap_up_extension": (0, MAX_TIME),
        "wrap_up_limit": (queue.wrap_up_time, MAX_TIME),
        "short_abandon_time": (0, 60),
    }
    return {name: "out-of-range" for name, (low, high) in allowed.items() if not low <= getattr(queue, name) <= high}


def _wrong_lists(queue: Queue, known_skills: Collection[SkillId]) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if any(skill not in known_skills for skill in queue.skills):
        wrong["skills"] = "unknown-skill"
    elif any(not 1 <= level <= MAX_LEVEL for level in queue.skills.values()):
        wrong["skills"] = "level-out-of-range"
    codes = [disposition.code for disposition in queue.dispositions]
    if len(codes) != len(set(codes)):
        wrong["dispositions"] = "code-twice"
    return wrong


def check_dialed(number: str, flow: str) -> None:
    """Raise Invalid unless the number can be dialed and the flow's name can be a file's."""
    wrong = {}
    if not _DIALED.fullmatch(number):
        wrong["number"] = "not-a-number"
    if not _FLOW.fullmatch(flow):
        wrong["flow"] = "not-a-flow-name"
    if wrong:
        raise Invalid("invalid", wrong)
