"""A throw-away Postgres: one server in a folder of its own, run by a user without rights, on a free port of loopback.

Databases are copied from a template with our tables, in some 20 ms each.
"""

import asyncio
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from tests.rig.ports import free_ports

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
BINARIES = next((one for one in reversed(_PLACES) if (one / "initdb").exists()), None)
"""Where Debian puts the server's programs; None where there are none."""


_DELETE_ALL = """
DO $$ DECLARE one text; BEGIN
  SET LOCAL session_replication_role = replica; -- no order to be kept
  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', one);
  END LOOP;
END $$
"""


class Postgres:
    """One server. ``durable``: as in production; without it nothing waits for a disk."""

    def __init__(self, durable: bool = False) -> None:
        self.folder = Path(mkdtemp(prefix="cc-pg-"))
        self.port = free_ports()
        self.process: subprocess.Popen | None = None
        self._durable = durable
        self._count = 0
        # Postgres refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())

    def start(self) -> None:
        """Make the cluster if there is none yet, start the server and wait until it answers."""
        data = self.folder / "data"
        if not data.exists():
            self.folder.chmod(0o700)
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            self._run("initdb", "-D", data, "-U", "cc", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = {"max_connections": "100", "shared_buffers": "512MB"}  # as docker-compose.yml
        if not self._durable:
            quick = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
            settings |= {"shared_buffers": "64MB", **quick}
        words = (
            *("-D", data, "-p", self.port, "-k", self.folder, "-c", "listen_addresses=127.0.0.1"),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        )
        self.process = self._popen("postgres", *words)
        limit = time.monotonic() + 30
        while self._ask("SELECT 1") is None:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < limit, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it at once (fast shutdown), or as ``how`` says; the data stay."""
        if self.process is not None:
            if how is signal.SIGKILL:  # the whole family: a lone child would hold the shared memory
                os.killpg(self.process.pid, how)
            else:
                self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def pids(self) -> list[int]:
        """Return the processes of the server, the first is the postmaster."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://cc@127.0.0.1:{self.port}/{database}"

    def database(self, template: str = "template1") -> str:
        """Make a fresh database and return its URL."""
        self._count += 1
        name = f"d{self._count}"
        self._ask(f"CREATE DATABASE {name} TEMPLATE {template}", must=True)
        return self.url(name)

    def drop(self, url: str) -> None:
        self._ask(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)", must=True)

    def empty(self, url: str) -> None:
        """Delete every row but the tables' version: ten times as quick as a new copy."""
        self._ask(_DELETE_ALL, url, must=True)

    def _ask(self, sql: str, url: str = "", *, must: bool = False) -> str | None:
        async def ask() -> str:
            connection = await asyncpg.connect(url or self.url("postgres"), timeout=5)
            try:
                return await connection.execute(sql)
            finally:
                await connection.close()

        def run() -> str:
            return asyncio.run(ask())

        try:
            return _apart(run)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            if must:
                raise
            return None

    def _run(self, program: str, *words: object) -> None:
        process = self._popen(program, *words)
        assert process.wait(60) == 0, (self.folder / "log").read_text()

    def _popen(self, program: str, *words: object) -> subprocess.Popen:
        assert BINARIES is not None
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [BINARIES / program, *map(str, words)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user.pw_uid,
                group=self._user.pw_gid,
                extra_groups=[],
            )


def _apart(function):
    """Run it in a thread: the caller may stand in an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def rows(url: str, query: str, *values: object) -> list[asyncpg.Record]:
    """Ask beside whoever runs; marks as SQLite has them."""
    numbers = itertools.count(1)
    sql = re.sub(r"\?", lambda _: f"${next(numbers)}", query)

    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetch(sql, *values)
        finally:
            await connection.close()

    return _apart(lambda: asyncio.run(ask()))
