"""What every room stands on, made first by bootstrap."""

from dataclasses import dataclass

from contactcenter.core.bus import Bus
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.ids import TimeOrderedIds
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.settings import Settings


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
