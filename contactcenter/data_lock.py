"""One server per data folder: a second one would move the first one's calls and write over its rows."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from contactcenter.core.database_file import give_to_owner
from contactcenter.core.errors import ContactCenterError

FILE: Final = "server.lock"


class DataLock:
    """Held from ``with`` to its end, or to the end of the process however it ends; its children do not inherit it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._handle = -1

    def __enter__(self) -> "DataLock":
        """Take it. Raises ContactCenterError ``data-in-use`` with the process id of the server that has it."""
        file = self._data / FILE
        self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        give_to_owner(file)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._handle, 20).decode(errors="replace").strip()
            os.close(self._handle)
            raise ContactCenterError("data-in-use", {"data": str(self._data), "process": holder}) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back; the file stays, for a lock on a removed file would keep nobody out."""
        os.close(self._handle)
