"""What every room stands on, made first by bootstrap."""

from dataclasses import dataclass
from typing import Final

from contactcenter.core.bus import Bus
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.ids import TimeOrderedIds
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.settings import Settings

SWITCH_INTERVAL: Final = 0.0005
"""Seconds: a thread of the writer must not hold up the loop (measured: it shortens the tails)."""


@dataclass(slots=True)
class Foundation:
    """Settings, time, ids, background tasks, the store, the events, and the way to other processes."""

    settings: Settings
    clock: Clock
    ids: TimeOrderedIds
    tasks: TaskSupervisor
    database: Database
    publisher: Publisher
    bus: Bus
