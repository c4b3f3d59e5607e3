"""The server under test: a real process on a real Asterisk, on data of the test's own making.

``running_server`` seeds a data folder through the rooms' services, starts ``python -m contactcenter run`` and waits
until /readyz agrees. The process can be killed, frozen and started again on the same folder; at the end everything it
started is ended, by process id. Needs Asterisk under ``tests.rig.asterisk.PREFIX``.

    async with running_server(agents=desk_agents(20, port), queues=[QueueSeed()], numbers={"2000": "direct"}) as server:
        async with desk_phones(folder, {f"p{n}": Answers() for n in ...}, port=port, media_port=...):
            await server.ready()
            async with server.customers(folder, [Caller("+4930901820", "2000")]) as customer: ...
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from argon2 import PasswordHasher

from contactcenter.agents.model import DeviceKind, DeviceMode, NotReadyReason
from contactcenter.agents.service import NewAgent
from contactcenter.bootstrap import ContactCenter
from contactcenter.core.migrations import migrate
from contactcenter.core.permissions import SYSTEM
from contactcenter.queues.model import Disposition
from contactcenter.settings import Settings
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.passwords import Passwords
from contactcenter.users.service import UserService
from tests.rig import sipp
from tests.rig.asterisk import PREFIX
from tests.rig.desktop import Desktop, open_page
from tests.rig.ports import free_ports
from tests.rig.postgres import rows
from tests.rig.scenarios import WAITS, Leaves

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "rig-password"
TRUNK = "rig"
START_LIMIT = 100.0  # seconds; about 3 on an idle machine
DISPOSITIONS = (Disposition("solved", "Solved on the call"), Disposition("ticket", "Ticket opened"))


# ------------------------------------------------------------------ what is seeded


@dataclass(frozen=True, slots=True)
class AgentSeed:
    """An agent and his login. ``contact`` (``sip:user@127.0.0.1:port``) is a desk phone, none a browser's phone."""

    login: str
    extension: str
    skills: Mapping[str, int] = field(default_factory=dict)
    contact: str = ""
    mode: DeviceMode = DeviceMode.RING
    name: str = ""
    role: str = "agent"


@dataclass(frozen=True, slots=True)
class QueueSeed:
    """A queue; ``config/flows/direct.yaml`` leads to ``support``. Times in seconds, ``ring_time`` at least 5."""

    name: str = "support"
    priority: int = 50
    ring_time: float = 20.0
    wrap_up_time: float = 0.0
    needs_disposition: bool = False
    skills: Mapping[str, int] = field(default_factory=dict)
    dispositions: Sequence[Disposition] = DISPOSITIONS
    target_time: float = 20.0
    short_abandon_time: float = 5.0
    announce_every: float = 0.0


def desk_agents(count: int, phones_port: int, skills: Mapping[str, int] | None = None) -> list[AgentSeed]:
    """Agents ``desk1``... with extensions 101... and phones ``p1``... behind one SIPp ``desk_phones`` port."""
    return [
        AgentSeed(f"desk{n}", str(100 + n), skills or {}, f"sip:p{n}@127.0.0.1:{phones_port}", name=f"Desk {n}")
        for n in range(1, count + 1)
    ]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is seeded. Users ``admin`` (administrator) and ``sofia`` (supervisor of all) always exist."""

    agents: Sequence[AgentSeed] = ()
    queues: Sequence[QueueSeed] = (QueueSeed(),)
    numbers: Mapping[str, str] = field(default_factory=lambda: {"2000": "direct"})
    customers: Sequence[Mapping[str, Any]] = ()


def seed(data: Path, plan: Plan, database: str = "") -> dict[str, str]:
    """Make the database of a data folder; login -> agent id. Runs in a loop of its own."""
    return asyncio.run(_seed(data, plan, database))


async def _seed(data: Path, plan: Plan, database: str) -> dict[str, str]:
    center = ContactCenter(Settings(data=data, database_url=database))
    await center.base.database.prepare(migrate)
    await center.base.database.open()
    base, passwords = center.base, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    parts = (base.database, base.clock, base.ids)
    users = UserService(*parts, passwords, SignInAttempts(), center.rooms.principals)
    try:
        await users.create_user(SYSTEM, "admin", "Ada Admin", "administrator", PASSWORD)
        supervisor = await users.create_user(SYSTEM, "sofia", "Sofia Lindqvist", "supervisor", PASSWORD)
        team = await center.rooms.agents.save_team(SYSTEM, "All", frozenset({supervisor.user_id}))
        await _seed_queues(center, plan)
        known = {skill.name: skill.skill_id for skill in await center.rooms.agents.list_skills(SYSTEM)}
        made: dict[str, str] = {}
        for one in plan.agents:
            user = await users.create_user(SYSTEM, one.login, one.name or one.login.title(), one.role, PASSWORD)
            levels = {known[name]: level for name, level in one.skills.items()}
            kind = DeviceKind.DESK if one.contact else DeviceKind.BROWSER
            new = NewAgent(user.user_id, user.name, one.extension, team.team_id, levels, kind, one.mode, one.contact)
            made[one.login] = (await center.rooms.agents.create_agent(SYSTEM, new)).agent_id
        return made
    finally:
        await center.base.database.close()
        passwords.close()
        center.rooms.passwords.close()


async def _seed_queues(center: ContactCenter, plan: Plan) -> None:
    rooms = center.rooms
    names = {skill for one in (*plan.agents, *plan.queues) for skill in one.skills}
    skills = {name: (await rooms.agents.save_skill(SYSTEM, name, name.title())).skill_id for name in sorted(names)}
    await rooms.agents.save_reason(SYSTEM, NotReadyReason("break", "Break", 0))
    for one in plan.queues:
        values = {name: getattr(one, name) for name in one.__slots__}
        longest = {"wrap_up_limit": max(180.0, 2 * one.wrap_up_time)}
        levels = {skills[name]: level for name, level in one.skills.items()}
        await rooms.queues.create_queue(SYSTEM, {**values, **longest, "skills": levels})
    for number, flow in plan.numbers.items():
        await rooms.queues.save_dialed(SYSTEM, number, flow)
    for customer in plan.customers:
        await rooms.customers.create_person(SYSTEM, customer)


# ------------------------------------------------------------------ the process


class NotStarted(RuntimeError):
    """The server ended instead of starting; the text holds what it said."""


class Server:
    """One data folder and the process that serves it. Made by ``running_server``."""

    def __init__(
        self,
        data: Path,
        agent_ids: Mapping[str, str],
        port: int,
        options: Sequence[str],
        env: Mapping[str, str],
        program: str = "contactcenter",
        database: str = "",
        verb: str = "run",
    ) -> None:
        self.data = data
        self._verb = verb
        self.database = database
        self.agent_ids = dict(agent_ids)
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._options = list(options)
        self._program = program
        self._env = {**os.environ, **env}
        self._browsers: dict[str, aiohttp.ClientSession] = {}

    # ------------------------------------------------------------ life

    async def start(self, *, wait_ready: bool = True) -> None:
        """Start the process; returns when /readyz says so. Raises NotStarted."""
        command = [sys.executable, "-m", self._program, self._verb, "--data", str(self.data), "--port", str(self.port)]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self._options], cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if wait_ready:
            await self.until_ready()

    async def until_ready(self, limit: float = START_LIMIT) -> None:
        """Wait for /readyz to answer 200. Raises NotStarted."""
        deadline = time.monotonic() + limit
        while not await self._is_ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(self.log()[-3000:])
            await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        try:
            return (await self.get("/readyz")).status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def stop(self, how: signal.Signals = signal.SIGINT, limit: float = 20) -> int:
        """End the process as Ctrl-C would (Asterisk goes with it); its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return await asyncio.to_thread(self.process.wait, limit)

    async def kill(self) -> None:
        """SIGKILL: Asterisk goes on."""
        await self.stop(signal.SIGKILL)

    async def close(self) -> None:
        """End everything of this folder: the process, its Asterisk, our sessions."""
        for browser in self._browsers.values():
            await browser.close()
        self._browsers.clear()
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await self.stop()
            await self.kill()
        pid = self.pbx_pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            while self.pbx_pid == pid:
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def web_process(self, *options: str, start: bool = True) -> AsyncIterator["Server"]:
        """A further process with pages and API over the same Postgres and Redis, with a data folder of its own."""
        data = self.data / f"web-{free_ports(1)}"
        data.mkdir()
        shared = [*options, *self._options[self._options.index("--redis") :][:2], "--database", self.database]
        web = Server(data, self.agent_ids, free_ports(1), shared, self._env, self._program, self.database, "web")
        try:
            if start:
                await web.start()
            yield web
        finally:
            await web.close()

    # ------------------------------------------------------------ what it is made of

    @property
    def url(self) -> str:
        return f"{'https' if '--tls' in self._options else 'http'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log_file(self) -> Path:
        return self.data / "server.log"

    def log(self) -> str:
        """All it wrote to stdout and stderr, over every start."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def numbers(self) -> dict[str, Any]:
        """Ports and secrets of the PBX: ``sip_port``, ``ami_port``, ``ami_secret``, ``agi_port``..."""
        found: dict[str, Any] = json.loads((self.data / "pbx/numbers.json").read_text())
        return found

    @property
    def sip_port(self) -> int:
        """Where customers' INVITEs go; the rig's trunk takes them from any port of 127.0.0.1."""
        return int(self.numbers["sip_port"])

    @property
    def pbx_run(self) -> Path:
        return self.data / "pbx/run"

    @property
    def cel_file(self) -> Path:
        return self.pbx_run / "log/cel-custom/contactcenter.csv"

    @property
    def pbx_pid(self) -> int | None:
        """Process id of the Asterisk of this folder (running or stopped), else None."""
        config = os.fsencode(self.pbx_run / "etc/asterisk.conf")
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (place / "cmdline").read_bytes().split(b"\0")
                if config in words and b"-rx" not in words:
                    return int(place.name)
        return None

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Rows of the database, read beside the running server, by name. Instants are microseconds since 1970."""
        if self.database:
            return rows(self.database, query, *values)
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/contactcenter.db?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query, values).fetchall()

    def memory(self) -> float:
        """Resident memory of the process, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    # ------------------------------------------------------------ HTTP

    async def login(self, login: str = "admin", password: str = PASSWORD) -> aiohttp.ClientSession:
        """A signed-in session of this user, made once and closed with the server."""
        if login not in self._browsers:
            browser = self._anonymous()
            self._browsers[login] = browser
            async with browser.post("/api/v1/session", json={"login": login, "password": password}) as answer:
                if answer.status != 200:
                    await self._browsers.pop(login).close()
                    answer.raise_for_status()
        return self._browsers[login]

    def _anonymous(self) -> aiohttp.ClientSession:
        jar, timeout = aiohttp.CookieJar(unsafe=True), aiohttp.ClientTimeout(total=10)
        any_certificate = aiohttp.TCPConnector(ssl=False)
        headers = {"Origin": self.url}
        return aiohttp.ClientSession(
            self.url, cookie_jar=jar, timeout=timeout, headers=headers, connector=any_certificate
        )

    async def get(self, path: str) -> aiohttp.ClientResponse:
        """GET without a session; the body is read."""
        async with self._anonymous() as browser, browser.get(path) as answer:
            await answer.read()
            return answer

    async def ready_answer(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /readyz."""
        answer = await self.get("/readyz")
        return answer.status, await answer.json()

    async def api(self, method: str, path: str, body: Any = None, *, login: str = "admin") -> Any:
        """One call of /api/v1 (``path`` without it); the answer's JSON. Raises ClientResponseError from 400 on."""
        browser = await self.login(login)
        async with browser.request(method, f"/api/v1{path}", json=body) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise aiohttp.ClientResponseError(
                    answer.request_info, (), status=answer.status, message=text, headers=answer.headers
                )
            return json.loads(text) if text else None

    async def interactions(self) -> list[dict[str, Any]]:
        """All of them with visits, segments and legs, oldest first."""
        found: list[dict[str, Any]] = []
        path = "/interactions?limit=100"
        while path:
            page = await self.api("GET", path)
            found += page["items"]
            path = f"/interactions?limit=100&cursor={page['next']}" if page["next"] else ""
        return found[::-1]

    async def audited(self) -> list[tuple[str, str]]:
        """What audits found and put right, as (code, about); when there was one, else AssertionError."""
        told = await self.api("GET", "/audit")
        assert told["audited_at"], "there was no audit yet"
        return [(one["code"], one["about"]) for one in told["items"]]

    async def ready(self, *logins: str, state: str = "ready", reason: str = "") -> None:
        """Set agents' presence as their supervisor does; without logins all of them."""
        body = {"state": state, "reason": reason} if reason else {"state": state}
        for login in logins or tuple(self.agent_ids):
            await self.api("PUT", f"/agents/{self.agent_ids[login]}/presence", body, login="sofia")

    async def desktop(self, login: str, page: str = "desktop", **options: Any) -> Desktop:
        """Open a page on the socket by ``websockets``; close it yourself. See tests.rig.desktop."""
        browser = await self.login(login)
        cookie = "; ".join(f"{one.key}={one.value}" for one in browser.cookie_jar)
        return await open_page(self.url, cookie, page, **options)

    # ------------------------------------------------------------ telephones

    @contextlib.asynccontextmanager
    async def customers(
        self, folder: Path, callers: Sequence[sipp.Caller], *, leaves: Leaves = WAITS, **options: Any
    ) -> AsyncIterator[sipp.Sipp]:
        """SIPp customers who ring this server's Asterisk (see tests.rig.sipp.customers)."""
        port = free_ports(1)
        if "media_port" not in options:
            options["media_port"] = free_ports(8 + 4 * len(callers))
        async with sipp.customers(folder, self.sip_port, callers, port=port, leaves=leaves, **options) as started:
            yield started

    async def console(self, command: str) -> str:
        """Run a command on Asterisk's console; what it printed."""
        config = str(self.pbx_run / "etc/asterisk.conf")
        asked = await asyncio.create_subprocess_exec(
            str(PREFIX / "asterisk"), "-C", config, "-rx", command, stdout=-1, stderr=-2, stdin=-3
        )
        out, _ = await asyncio.wait_for(asked.communicate(), 20)
        return out.decode(errors="replace")


@contextlib.asynccontextmanager
async def running_server(
    folder: Path | None = None,
    *,
    agents: Sequence[AgentSeed] = (),
    queues: Sequence[QueueSeed] = (QueueSeed(),),
    numbers: Mapping[str, str] | None = None,
    customers: Sequence[Mapping[str, Any]] = (),
    flows: Path | None = None,
    port: int | None = None,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    program: str = "contactcenter",
    start: bool = True,
    database: str = "",
) -> AsyncIterator[Server]:
    """Seed, start, and at the end stop a server. ``folder`` must have a short path; None makes (and removes) one.

    ``numbers``: dialed number -> flow (config/flows, or the YAML files in ``flows``). ``options`` go to ``run``;
    ``program`` is the module that is run in place of ``contactcenter``, with the same command line. ``database``: the
    URL of an empty Postgres in place of a file.
    """
    if "simulated" not in options and not (PREFIX / "asterisk").exists():
        pytest.skip(f"no Asterisk under {PREFIX}: scripts/install-asterisk {PREFIX}")
    data = folder or Path(tempfile.mkdtemp(prefix="cc-rig-"))
    plan = Plan(agents, queues, numbers if numbers is not None else {"2000": "direct"}, customers)
    ids = await asyncio.to_thread(seed, data, plan, database)
    trunk = {"name": TRUNK, "host": "127.0.0.1", "any_port": True}
    settings = {"CONTACTCENTER_PBX__PREFIX": str(PREFIX), "CONTACTCENTER_PBX__TRUNKS": json.dumps([trunk])}
    if flows is not None:
        settings["CONTACTCENTER_FLOWS"] = str(flows)
    if database:
        options = (*options, "--database", database)
    server = Server(data, ids, port or free_ports(1), options, {**settings, **(env or {})}, program, database)
    try:
        if start:
            await server.start()
        yield server
    finally:
        await server.close()
        if folder is None:
            shutil.rmtree(data, ignore_errors=True)
