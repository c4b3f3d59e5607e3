"""Background tasks: spawned here only, so that every failure is seen and every task is kept and ended.

``asyncio.create_task`` elsewhere is a lint error (tests/unit/test_conventions.py): a task nobody holds can be collected
half-way and its exception is lost.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)
T = TypeVar("T")


class TaskSupervisor:
    """Owns the background tasks of one process; ``failures`` counts those that ended by an exception."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failures: dict[str, int] = {}

    @property
    def under_way(self) -> list[asyncio.Task[Any]]:
        """The tasks that have not ended."""
        return list(self._tasks)

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``coroutine`` once in the background; a failure is logged and counted under ``name``."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def keep(self, name: str, factory: Callable[[], Coroutine[Any, Any, Any]], pause: float = 1.0) -> asyncio.Task[Any]:
        """Run ``factory()`` for ever: when it fails, log, wait ``pause`` seconds and start it again."""
        return self.spawn(name, self._keep(name, factory, pause))

    async def _keep(self, name: str, factory: Callable[[], Coroutine[Any, Any, Any]], pause: float) -> None:
        while True:
            try:
                await factory()
                return
            except Exception:
                self._count(name)
                log.exception("task-failed", task=name, restart_in=pause)
            await asyncio.sleep(pause)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._count(task.get_name())
            log.error("task-failed", task=task.get_name(), exc_info=task.exception())

    def _count(self, name: str) -> None:
        self.failures[name] = self.failures.get(name, 0) + 1

    async def close(self) -> None:
        """Cancel every task and wait until all have ended."""
        tasks = self.under_way
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_all(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all beside each other; return their answers in order.

    Unlike ``asyncio.gather`` it ends only when every one has ended, also when it is cancelled or one fails: whoever has
    a process to reap does so. Raises an ExceptionGroup of what failed.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
    return [task.result() for task in tasks]
