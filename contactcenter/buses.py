"""Which bus joins the processes of the site: a Redis the settings name, or none but this process's own."""

from contactcenter.core.bus import Bus, MemoryBus
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.settings import Settings


def bus_of(settings: Settings, tasks: TaskSupervisor) -> Bus:
    """Return the bus, not yet open."""
    url = settings.redis_url.get_secret_value()
    if not url:
        return MemoryBus()
    from contactcenter.core.redis_bus import RedisBus  # its driver, only where it is used

    return RedisBus(url, tasks)
