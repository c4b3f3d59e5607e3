"""What a dry run is made of: the rows of one day, and what is answered about it.

Rows go to the player (a process of its own) as JSON lines: first an ``Ask``, then ``Slice`` after ``Slice``. Instants
in them are epoch seconds, times seconds. The formulas of the figures are STYLE's and those of the live page.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from contactcenter.core.ids import AgentId, QueueId, SkillId, TeamId
from contactcenter.queues.model import Queue
from routing.commands import Service

DAYS_BACK: Final = 31
MOST_CALLERS: Final = 50_000
"""Contacts of one day that are read; a day of more is refused."""
TIME_LIMIT: Final = 120.0
"""Seconds for reading and playing a day."""
REFUSED: Final = 3
"""Exit code of the player when its answer is a ``Refused``."""
PLAYED: Final = frozenset(
    {
        *("priority", "target_time", "short_abandon_time", "skills", "any_of", "teams", "preferred", "steps"),
        *("order", "aging", "late_after", "late_guard", "weight", "agent_rule", "idle_guard", "vip_reserve"),
        *("preferred_wait", "interrupts", "value_steps"),
    }
)
"""Settings of a queue that a played day can show the effect of, or that its figures are counted by."""


class Offering(Struct, frozen=True):
    """An agent as he is now: what he can be given."""

    agent_id: AgentId
    skills: Mapping[SkillId, int]
    capacity: Mapping[str, int]
    queues: Mapping[QueueId, Service] | None
    team_id: TeamId | None


class Ask(Struct, frozen=True):
    """What to play: the day ``date``, from ``began`` to ``ended``, with these queues and agents.

    ``changed``: the queue as it would be, None for the trace alone. ``skills``: every skill there is.
    """

    date: str
    began: float
    ended: float
    queues: list[Queue]
    agents: list[Offering]
    skills: list[SkillId]
    changed: Queue | None = None


class VisitRow(Struct, frozen=True, array_like=True):
    """One stay in a queue, with what its contact and its segment say.

    ``handle_time``: talk and wrap-up; None where nobody answered or it is not known. ``end`` as in interactions.
    """

    interaction_id: str
    visit_id: str
    queue_id: QueueId
    entered: float
    ended: float | None
    end: str | None
    priority: int
    skills: Mapping[SkillId, int]
    medium: str
    vip: bool
    value: float
    agent_id: AgentId | None
    handle_time: float | None


class PresenceRow(Struct, frozen=True, array_like=True):
    """From ``at`` on an agent was ready, not ready or offline."""

    at: float
    agent_id: AgentId
    presence: str


class Slice(Struct, frozen=True):
    """Some of the rows; all visits of a contact are in one slice, presences of an agent in the order of time."""

    visits: list[VisitRow] = []
    presences: list[PresenceRow] = []


class Measured(Struct, frozen=True):
    """Figures of callers; shares in per cent, times in seconds, None where there is nothing to divide by.

    service level = answered within T / (offered - short abandons); abandon rate = (abandoned - short abandons) /
    (offered - short abandons); asa = mean wait of the answered; longest wait: of all; occupancy = handling / (handling
    + idle while ready), of all agents together.
    """

    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    service_level: float | None
    abandon_rate: float | None
    asa: float | None
    longest_wait: float | None
    occupancy: float | None


class Difference(Struct, frozen=True):
    """How much higher a figure is with the changed rules; None where one of the two is."""

    service_level: float | None
    abandon_rate: float | None
    asa: float | None
    longest_wait: float | None
    occupancy: float | None


class Compared(Struct, frozen=True):
    """The same callers under the present and the changed rules, and what really became of them.

    ``is_like_real``: the day played with the present rules comes near to what really happened; None without callers.
    """

    present: Measured
    changed: Measured
    difference: Difference
    real: Measured
    is_like_real: bool | None


class LeftOut(Struct, frozen=True):
    """Callers who were not played because their queue or a skill they asked for is no more, and agents who are not."""

    queue_gone: int = 0
    skill_gone: int = 0
    agents_gone: int = 0


class Assumed(Struct, frozen=True):
    """Callers of whom something is not known: it was drawn from the others of the day (``patience``, ``days``).

    ``patience``: they were answered or sent on; ``for_ever`` of them found no limit. ``handle_time``: nobody served
    them.
    """

    patience: int = 0
    for_ever: int = 0
    handle_time: int = 0


class Played(Struct, frozen=True):
    """What the player answers; ``agents``: those who were ready at some time of the day."""

    callers: int
    agents: int
    queue: Compared
    every: Compared
    left_out: LeftOut
    assumed: Assumed


class Refused(Struct, frozen=True):
    """The player cannot: ``no-callers``, ``no-agents`` or ``nobody-answered``."""

    error: str


encode = msgspec.json.encode
"""Writes one line of what goes to the player."""
