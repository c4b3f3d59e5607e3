"""Passwords, hashed by Argon2id (RFC 9106): 0.1 s of work each, done in threads, at most two at once.

The event loop never waits for a hash, and a flood of sign-ins can take two cores at most; who comes when the line is
full is told to come back.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from contactcenter.core.errors import RateLimited

AT_ONCE: Final = 2
MAX_LINE: Final = 200


class Passwords:
    """Hashes and checks passwords; owns the threads for it."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._line = 0
        self._nobody = ""

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for one of the two places. Raises RateLimited when too many wait already."""
        if self._line >= MAX_LINE:
            raise RateLimited("rate-limited", {"retry_after": 10})
        self._line += 1
        try:
            async with self._slots:
                yield
        finally:
            self._line -= 1

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether the password is right; takes as long for nobody (None) as for somebody."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> bool:
        if not self._nobody:
            self._nobody = self._hasher.hash(secrets.token_hex())
        try:
            return self._hasher.verify(stored or self._nobody, password) and bool(stored)
        except (Argon2Error, InvalidHashError):
            return False

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True)
