"""The way of SQLite's log into its file, beside the writer instead of within every tenth commit.

SQLite copies the log (WAL) into the file in the commit that finds it long: two syncs and thousands of pages while
somebody waits. Here a thread of its own does that (a passive checkpoint: it waits for nobody and nobody for it). The
log begins anew when all of it is in the file and nobody reads from it; while the writer goes on without a pause that
moment never comes, so now and then the writer itself copies the few pages that are left
(https://www.sqlite.org/wal.html#ckpt).
"""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

EVERY: Final = 100  # commits: some 500 pages of a usual day
LONG: Final = 8_000  # pages of the log, 32 MiB: beyond it, what is looked up in it is found later and later
FEW: Final = 300  # pages: what the writer may copy within a commit, some 3 ms
PASSES: Final = 10  # to come so close
MOST: Final = 4 * LONG  # pages: beyond it the writer copies whatever is left
SHRINK: Final = 64 * 1024 * 1024  # bytes the log's file keeps when it begins anew, after a long reader had let it grow


class Checkpoints:
    """Owner of the copying. ``committed`` is the writer's, in its thread; the thread here begins when it is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._commits = 0
        self._due = threading.Event()
        self._is_close = False
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._fault = ""

    def committed(self, connection: Any) -> None:
        """After each commit; ``connection``: the writer's, of the driver."""
        if self._is_close:
            self._is_close = False
            with contextlib.suppress(sqlite3.Error):  # the thread says so, if it lasts
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._commits += 1
        if self._commits < EVERY:
            return
        self._commits = 0
        self._due.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread, after what it does now."""
        self._is_closing = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._is_closing:
                return
            try:
                # A connection of its own each time: what is wrong with one is gone with it.
                with contextlib.closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
                    connection.execute("PRAGMA synchronous=FULL")
                    self.copy(connection)
                fault = ""
            except sqlite3.Error as error:
                fault = str(error)
            self._tell(fault)

    def copy(self, connection: sqlite3.Connection) -> None:
        """Copy what is there, by a connection nobody else uses. Raises sqlite3.Error."""
        before = 0
        for _ in range(PASSES):
            _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages < LONG:
                return
            if pages - copied < FEW or copied == before:
                break
            before = copied
        # What a reader holds back the writer could not copy either; and not much in one commit, while it can be helped.
        self._is_close = pages - copied < FEW or pages > MOST

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            log.warning("checkpoints-fail" if fault else "checkpoints-go-on", path=str(self._path), error=fault)
