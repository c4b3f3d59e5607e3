"""The rooms on a database of their own: real stores and services, a clock that stands still, fast passwords."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from argon2 import PasswordHasher
from sqlalchemy import select

import contactcenter.interactions.store  # noqa: F401 - its tables belong to the schema
from contactcenter.agents.api import Phones, PhoneSettings
from contactcenter.agents.api import routes as agent_routes
from contactcenter.agents.model import PresenceState
from contactcenter.agents.profiles import ProfileService
from contactcenter.agents.service import AgentService, NewAgent
from contactcenter.core.clock import ManualClock
from contactcenter.core.database import Database
from contactcenter.core.events import decode, events_table
from contactcenter.core.ids import AgentId, ServerId, SiteId, TeamId, UserId, seeded_ids
from contactcenter.core.permissions import ROLES, SYSTEM, Principal
from contactcenter.core.postgres_database import PostgresDatabase
from contactcenter.core.publisher import Publisher
from contactcenter.core.sqlite_database import SqliteDatabase
from contactcenter.core.web.access import Services, WebSettings
from contactcenter.core.web.app import build_app
from contactcenter.core.web.middlewares import ErrorPage
from contactcenter.core.web.routes import Routes
from contactcenter.customers.api import routes as customer_routes
from contactcenter.customers.service import CustomerService
from contactcenter.dry_runs.api import routes as dry_run_routes
from contactcenter.dry_runs.service import DryRunService
from contactcenter.queues.api import routes as queue_routes
from contactcenter.queues.service import QueueService
from contactcenter.tickets.api import routes as ticket_routes
from contactcenter.tickets.service import TicketService
from contactcenter.users.api import routes as user_routes
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.passwords import Passwords
from contactcenter.users.principals import Principals
from contactcenter.users.service import UserService
from tests.rig.tables import make_tables

PASSWORD = "correct horse"
SITE = SiteId("main")
ZONE = "Europe/Berlin"
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class PresenceRecorder:
    """Stands for the router's inbox: keeps what it is told."""

    def __init__(self) -> None:
        self.orders = []

    async def set_presence(self, agent_id: AgentId, state: PresenceState, reason: str, actor: str) -> None:
        self.orders.append((agent_id, state, reason, actor))


@lru_cache(maxsize=1)
def _template() -> Path:
    path = Path(mkdtemp(prefix="cc-rooms-")) / "template.db"
    database = SqliteDatabase(path, ManualClock(), SITE)
    make_tables(database.engine)
    database.engine.dispose()  # the last connection's end folds the log into the file
    return path


class Rooms:
    """Everything below the interactions room, wired as bootstrap does."""

    def __init__(self, folder: Path, attempts: SignInAttempts | None = None, url: str = "") -> None:
        self.clock = ManualClock()
        self.ids = seeded_ids(self.clock, 1)
        self.database: Database = PostgresDatabase(url, self.clock, SITE) if url else self._file(folder)
        self.publisher = Publisher(self.database, self.clock)
        self.presence = PresenceRecorder()
        self.passwords = Passwords(FAST)
        common = (self.database, self.clock, self.ids)
        self.agents = AgentService(*common, self.presence, [ServerId("pbx1")])
        self.principals = Principals(self.database, self.clock, self.agents)
        self.users = UserService(*common, self.passwords, attempts or SignInAttempts(), self.principals)
        self.profiles = ProfileService(self.database, self.ids)
        self.queues = QueueService(*common)
        self.queues.offers = self.agents.list_serving
        self.customers = CustomerService(*common, "DE")
        self.tickets = TicketService(*common, self.customers)
        self.dry_runs = DryRunService(self.database, self.clock, self.queues, self.agents, ZONE)
        self.services = Services()
        for service in (self.agents, self.profiles, self.users, self.queues, self.customers, self.tickets):
            self.services.add(service)
        self.services.add(self.dry_runs)
        self.services.add(Phones({ServerId("pbx1"): PhoneSettings("127.0.0.1", "ws://127.0.0.1:8088/ws")}))

    def _file(self, folder: Path) -> SqliteDatabase:
        path = folder / "rooms.db"
        shutil.copy(_template(), path)
        return SqliteDatabase(path, self.clock, SITE)

    def app(
        self, settings: WebSettings | None = None, extra: Routes | None = None, error_page: ErrorPage | None = None
    ):
        routes = Routes()
        rooms = (agent_routes, queue_routes, customer_routes, ticket_routes, user_routes, dry_run_routes)
        for room in (*rooms, extra or Routes()):
            routes.include(room)
        return build_app(routes, self.services, self.principals, self.ids, settings, error_page)

    async def principal(self, user_id: UserId) -> Principal:
        return await self.database.read(lambda c: self.principals.principal(c, user_id))

    async def user(self, login: str, role: str = "agent") -> Principal:
        """Make a user and return him as a principal."""
        made = await self.users.create_user(SYSTEM, login, login.title(), role, PASSWORD)
        return await self.principal(made.user_id)

    async def agent(self, login: str, extension: str, team_id: TeamId | None = None, **values) -> Principal:
        """Make a user who is an agent and return him as a principal."""
        user = await self.users.create_user(SYSTEM, login, login.title(), "agent", PASSWORD)
        await self.agents.create_agent(SYSTEM, NewAgent(user.user_id, login.title(), extension, team_id, **values))
        return await self.principal(user.user_id)

    async def events(self, *kinds: str) -> list:
        """Return the committed events of these kinds (all, when none is named) with their actors."""
        rows = await self.database.read(lambda c: c.execute(select(events_table).order_by(events_table.c.seq)).all())
        return [(decode(row.kind, row.data), row.actor) for row in rows if not kinds or row.kind in kinds]


@asynccontextmanager
async def open_rooms(folder: Path, attempts: SignInAttempts | None = None, url: str = "") -> AsyncIterator[Rooms]:
    """``url``: a Postgres with all tables; without it a file of its own."""
    rooms = Rooms(folder, attempts, url)
    await rooms.database.open()
    try:
        yield rooms
    finally:
        await rooms.database.close()
        rooms.passwords.close()


def as_role(role: str, **values) -> Principal:
    """A principal of a role without a row, for checks that never reach the store."""
    return Principal(UserId("nobody"), "nobody", ROLES[role], **values)
