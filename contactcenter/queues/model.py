"""Queues, their dispositions, and the numbers customers dial.

Durations are seconds. ``target_time`` is the service level's T and ``goal`` its aim in percent: answered within T /
(offered - short abandons), a short abandon being one within ``short_abandon_time``. What the routing rules mean stands
in docs/routing/rules.md; their checks, and their form for the router, in ``rules``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from contactcenter.core.errors import Invalid
from contactcenter.core.events import Event, event
from contactcenter.core.hours import HoursText
from contactcenter.core.ids import QueueId, SiteId, SkillId, TeamId
from routing.commands import AgentRule, WorkOrder

MAX_PRIORITY: Final = 1000
MAX_TIME: Final = 86_400.0
VERSIONS: Final = "queue"
"""The kind under which versions of queues are kept."""
_DIALED: Final = re.compile(r"\+?[0-9*#]{1,20}", re.ASCII)
FLOW_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Disposition:
    """An outcome an agent may pick in wrap-up; ``code`` is stable, ``label`` is shown, in the order of the list."""

    code: str
    label: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What an item needs no more once it has waited ``after`` seconds.

    ``levels``: the most that may still be demanded of a skill, 0 drops it; ``teams`` are added to those allowed;
    ``any_team`` lifts that limit.
    """

    after: float
    levels: Mapping[SkillId, int] = field(default_factory=dict)
    teams: tuple[TeamId, ...] = ()
    any_team: bool = False


class ValueStep(NamedTuple):
    """From this yearly value of the customer on, so many points of priority."""

    value: float
    points: int


@dataclass(frozen=True, slots=True)
class Way:
    """Where a rule of a queue sends somebody: to another queue, or into a flow. Exactly one of the two."""

    queue_id: QueueId | None = None
    flow: str = ""


class Announced(StrEnum):
    """What callers in line are told: how many are before them, how long they will wait, or both."""

    PLACE = "place"
    WAIT = "wait"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Queue:
    """One ACD queue; flows name it by ``name``, in any case. A higher ``priority`` is served first.

    ``wrap_up_time`` 0 means no wrap-up; an agent may extend it by ``wrap_up_extension`` up to ``wrap_up_limit`` in all.
    Required are all of ``skills`` (to their least levels), one skill of each group of ``any_of``, and one of ``teams``
    (none: any team); ``preferred`` skills exclude nobody. ``late_after`` None: real-time items are never late.
    ``interrupts``: media, never voice. The other rules are those of ``routing.commands.QueueRules``. ``version``: which
    of its versions this is; 0, none is kept.

    ``hours`` None: always open. ``max_waiting``, ``max_wait`` None: without limit. What becomes of whom these turn
    away, and of callers whom for ``nobody_after`` seconds nobody has been there to serve, is in ``limits``.

    ``announce``: what callers in line are told every ``announce_every`` seconds; 0: nothing.
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
    dispositions: tuple[Disposition, ...] = ()
    order: WorkOrder = WorkOrder.BALANCED
    aging: float = 60.0
    late_after: float | None = 60.0
    late_guard: float = 600.0
    weight: float = 1.0
    agent_rule: AgentRule = AgentRule.LEAST_FLEXIBLE
    idle_guard: float = 5.0
    preferred_wait: float = 0.0
    vip_reserve: int = 0
    any_of: tuple[Mapping[SkillId, int], ...] = ()
    teams: tuple[TeamId, ...] = ()
    preferred: Mapping[SkillId, int] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    interrupts: tuple[str, ...] = ()
    value_steps: tuple[ValueStep, ...] = ()
    hours: HoursText | None = None
    when_closed: Way | None = None
    max_waiting: int | None = None
    when_full: Way | None = None
    max_wait: float | None = None
    when_too_long: Way | None = None
    when_nobody: Way | None = None
    nobody_after: float = 30.0
    announce_every: float = 0.0
    announce: Announced = Announced.BOTH
    version: int = field(default=0, compare=False)

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


def check_dialed(number: str, flow: str) -> None:
    """Raise Invalid unless the number can be dialed and the flow's name can be a file's."""
    wrong = {}
    if not _DIALED.fullmatch(number):
        wrong["number"] = "not-a-number"
    if not FLOW_NAME.fullmatch(flow):
        wrong["flow"] = "not-a-flow-name"
    if wrong:
        raise Invalid("invalid", wrong)
