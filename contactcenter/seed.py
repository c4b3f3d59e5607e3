"""Demo data: people to sign in, queues, numbers, customers and cases, all made through the rooms' own use cases.

The same seed gives the same names, numbers and cases. For demonstrations only: the passwords stand below.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contactcenter.agents.model import DeviceKind, DeviceMode, NotReadyReason, Skill, Team
from contactcenter.agents.service import AgentService, NewAgent
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database
from contactcenter.core.errors import Conflict
from contactcenter.core.ids import UserId
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Principal
from contactcenter.core.web.access import Services
from contactcenter.customers.model import Person
from contactcenter.customers.service import CustomerService
from contactcenter.queues.model import Disposition
from contactcenter.queues.service import QueueService
from contactcenter.tickets.model import SlaPolicy
from contactcenter.tickets.service import TicketService
from contactcenter.users.model import User
from contactcenter.users.service import UserService

DEMO_PASSWORD: Final = "demo-password"
SKILLS: Final = {"german": "German", "routers": "Routers", "sales": "Sales", "vip": "VIP"}
REASONS: Final = {"break": "Break", "lunch": "Lunch", "training": "Training", "meeting": "Meeting"}
BROWSER_AGENTS: Final = (
    ("ines", "Ines Vogt", "1001", {"german": 3, "routers": 3, "vip": 1}),
    ("chen", "Chen Wei", "1002", {"german": 2, "sales": 3}),
    ("ben", "Ben Okafor", "1003", {"german": 1, "sales": 2, "routers": 1}),
)
DESK_EXTENSION: Final = 1101
FLOWS: Final = {"1000": "support", "2000": "direct"}
NAMED_PEOPLE: Final[Sequence[dict[str, Any]]] = (
    {
        "name": "Marta Köhler",
        "title": "Head of IT",
        "organisation": "Nordlicht GmbH",
        "numbers": ["+49 30 901820", "+49 171 3920010"],
        "emails": ["marta.koehler@nordlicht.example"],
        "is_vip": True,
        "heed": "Line at site 2 failed twice in November: call back the same day.",
        "language": "de",
        "value_per_year": 38_400,
    },
    {
        "name": "Dieter Falk",
        "organisation": "Werft Nord AG",
        "numbers": ["+49 171 550 2291"],
        "emails": ["d.falk@werft-nord.example"],
        "language": "de",
        "value_per_year": 12_600,
    },
    {"name": "Aylin Demir", "organisation": "Kanzlei Reuter", "numbers": ["+49 40 66969 120"], "language": "de"},
    {"name": "Piet de Vries", "organisation": "Studio Ahoi", "numbers": ["+49 40 66969 131"], "language": "en"},
)
_FIRST: Final = (
    "Anna Jonas Lena Paul Emma Felix Mia Lukas Lea Tim Clara Noah Greta Emil Ida Anton Frida Oskar Jana Max "
    "Olga Iwan Lucía Mateo Sofia Yusuf Elif Amara Kofi Mei"
)
_LAST: Final = (
    "Albrecht Brandt Cramer Dietrich Engel Feddersen Graf Hartmann Ivers Jansen Keller Lorenz Möller Neumann Otto "
    "Petersen Quast Richter Schuster Thiel Ulrich Voss Wagner Yilmaz Zimmermann Santos Petrowa García Mensah Lin"
)
_TRADES: Final = "Logistik Optik Medien Bau Energie Druck Textil Metall Software Praxis"
_PLACES: Final = "Alster Spree Havel Elbe Hansa Harz Isar Ostsee"
_FORM: Final = ("GmbH", "AG", "KG", "eG")
# Ranges the German regulator keeps free for films and books, so no demo can ring a real telephone.
_NUMBER_RANGES: Final = ("+493023125", "+496990009", "+494066969", "+498999998")
_SUBJECTS: Final = (
    "VPN drops every 20 min",
    "Invoice with wrong VAT",
    "Move of office to Altona",
    "Credit note for October",
    "Firmware answer from the lab",
    "Router replaced, please confirm",
    "New contract: which line speed?",
    "Voicemail greeting cannot be changed",
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What was made: logins with their role, and how many people and tickets."""

    logins: Sequence[tuple[str, str]]
    password: str
    people: int
    tickets: int


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """How much to make.

    ``desk_contact``: fixed SIP address of desk phones, with ``{extension}`` or ``{phone}`` (1, 2...); '' to register.
    """

    desk_agents: int = 0
    desk_contact: str = ""
    desk_mode: DeviceMode = DeviceMode.RING
    people: int = 200
    organisations: int = 60
    tickets: int = 24
    seed: int = 2026


async def seed_demo(services: Services, database: Database, clock: Clock, plan: DemoPlan | None = None) -> Demo:
    """Make the demo's data. Raises Conflict ``already-seeded`` when there are users."""
    plan = plan or DemoPlan()
    if (await services[UserService].list_users(SYSTEM, Paging(1))).items:
        raise Conflict("already-seeded")
    seeder = _Seeder(services, database, clock, plan)
    users = await seeder.users()
    skills = await seeder.skills()
    team = await seeder.team(users["sofia"])
    await seeder.agents(users, skills, team)
    await seeder.queues(skills)
    people = await seeder.people()
    tickets = await seeder.tickets(people, users)
    return Demo([(user.login, user.role) for user in users.values()], DEMO_PASSWORD, len(people), tickets)


class _Seeder:
    def __init__(self, services: Services, database: Database, clock: Clock, plan: DemoPlan) -> None:
        self._services = services
        self._database = database
        self._clock = clock
        self._plan = plan
        self._random = random.Random(plan.seed)

    async def users(self) -> dict[str, User]:
        wanted = [("admin", "Ada Admin", "administrator"), ("sofia", "Sofia Lindqvist", "supervisor")]
        wanted += [(login, name, "agent") for login, name, _, _ in BROWSER_AGENTS]
        wanted += [(f"desk{extension}", name, "agent") for extension, name in self._desks()]
        service = self._services[UserService]
        made = await asyncio.gather(
            *(service.create_user(SYSTEM, login, name, role, DEMO_PASSWORD) for login, name, role in wanted)
        )
        return {user.login: user for user in made}

    def _desks(self) -> Iterator[tuple[int, str]]:
        for index in range(self._plan.desk_agents):
            yield DESK_EXTENSION + index, _name(7 * index, 11 * index + 3)

    async def skills(self) -> dict[str, Skill]:
        service = self._services[AgentService]
        for position, (code, label) in enumerate(REASONS.items()):
            await service.save_reason(SYSTEM, NotReadyReason(code, label, position))
        return {name: await service.save_skill(SYSTEM, name, label) for name, label in SKILLS.items()}

    async def team(self, supervisor: User) -> Team:
        return await self._services[AgentService].save_team(SYSTEM, "Hamburg", frozenset({supervisor.user_id}))

    async def agents(self, users: dict[str, User], skills: dict[str, Skill], team: Team) -> None:
        service = self._services[AgentService]
        for login, name, extension, levels in BROWSER_AGENTS:
            known = {skills[skill].skill_id: level for skill, level in levels.items()}
            await service.create_agent(SYSTEM, NewAgent(users[login].user_id, name, extension, team.team_id, known))
        desks = [
            self._desk(users[f"desk{number}"].user_id, number, name, skills, team) for number, name in self._desks()
        ]
        await asyncio.gather(*(service.create_agent(SYSTEM, desk) for desk in desks))

    def _desk(self, user_id: UserId, extension: int, name: str, skills: dict[str, Skill], team: Team) -> NewAgent:
        chosen = {"german": 1 + extension % 3, "routers": 2 if extension % 2 else 3, "sales": 1 + extension % 2}
        return NewAgent(
            user_id,
            name,
            str(extension),
            team.team_id,
            {skills[skill].skill_id: level for skill, level in chosen.items()},
            kind=DeviceKind.DESK,
            mode=self._plan.desk_mode,
            contact_uri=self._plan.desk_contact.format(extension=extension, phone=extension - DESK_EXTENSION + 1),
        )

    async def queues(self, skills: dict[str, Skill]) -> None:
        service = self._services[QueueService]
        support = {"name": "Support", "priority": 50, "skills": {skills["german"].skill_id: 1}}
        sales = {"name": "Sales", "priority": 40, "skills": {skills["sales"].skill_id: 1}, "wrap_up_time": 30.0}
        await service.create_queue(SYSTEM, {**support, "dispositions": _SUPPORT_OUTCOMES})
        await service.create_queue(SYSTEM, {**sales, "dispositions": _SALES_OUTCOMES})
        for number, flow in FLOWS.items():
            await service.save_dialed(SYSTEM, number, flow)

    # ------------------------------------------------------------------ customers and cases

    async def people(self) -> list[Person]:
        service = self._services[CustomerService]
        companies = self._companies()
        for index, name in enumerate(companies):
            await service.create_organisation(SYSTEM, name, f"{_NUMBER_RANGES[index % 4]}{900 + index // 4:03d}")
        wanted = [dict(values) for values in NAMED_PEOPLE]
        wanted += [self._person(index, companies) for index in range(max(0, self._plan.people - len(wanted)))]
        for values in wanted:
            values["since"] = self._since()
        return list(await asyncio.gather(*(service.create_person(SYSTEM, values) for values in wanted)))

    def _companies(self) -> list[str]:
        pairs = [f"{place} {trade}" for place in _PLACES.split() for trade in _TRADES.split()]
        every = [f"{pair} {_FORM[index % len(_FORM)]}" for index, pair in enumerate(pairs)]
        named = len({str(values["organisation"]) for values in NAMED_PEOPLE})
        return self._random.sample(every, max(0, self._plan.organisations - named))

    def _person(self, index: int, companies: Sequence[str]) -> dict[str, Any]:
        # Every twentieth shares the number of the one before: a family, or one telephone on a desk.
        line = index - 1 if index % 20 == 19 else index
        values: dict[str, Any] = {
            "name": _name(index, index + 7 * (index // 30)),
            "numbers": [f"{_NUMBER_RANGES[line % 4]}{line // 4:03d}"],
            "emails": [f"customer{index}@mail.example"],
            "is_vip": index % 25 == 0,
            "language": self._random.choice(["de", "de", "de", "en", "es", "ru"]),
            "value_per_year": self._random.randrange(6, 240) * 100,
        }
        if companies and index % 4:
            values["organisation"] = self._random.choice(companies)
        return values

    def _since(self) -> datetime:
        days = self._random.randrange(30, 3000)
        return self._clock.now() - timedelta(days=days)

    async def tickets(self, people: Sequence[Person], users: dict[str, User]) -> int:
        policies = await self._policies()
        service = self._services[TicketService]
        authors = [await self._principal(users[login]) for login, *_ in BROWSER_AGENTS]
        count = min(self._plan.tickets, len(people))
        for index in range(count):
            author, subject = authors[index % len(authors)], _SUBJECTS[index % len(_SUBJECTS)]
            policy = policies[index % len(policies)].policy_id
            ticket = await service.open_ticket(author, subject, person_id=people[index].person_id, policy_id=policy)
            if index % 4 == 3:
                answer = {"state": "solved", "note": "Solved on the telephone.", "is_reply": True}
                await service.update_ticket(author, ticket.ticket_id, answer)
        return count

    async def _policies(self) -> list[SlaPolicy]:
        service = self._services[TicketService]
        gold = await service.save_policy(SYSTEM, "Gold", 3600.0, 4 * 3600.0)
        standard = await service.save_policy(SYSTEM, "Standard", 4 * 3600.0, 24 * 3600.0, is_default=True)
        return [gold, standard]

    async def _principal(self, user: User) -> Principal:
        principals = self._services[UserService].principals
        found = await self._database.read(lambda connection: principals.principal(connection, user.user_id))
        assert found is not None
        return found


def _name(first: int, last: int) -> str:
    firsts, lasts = _FIRST.split(), _LAST.split()
    return f"{firsts[first % len(firsts)]} {lasts[last % len(lasts)]}"


_SUPPORT_OUTCOMES: Final = (
    Disposition("solved", "Solved on the call"),
    Disposition("ticket", "Ticket opened"),
    Disposition("callback", "Callback promised"),
    Disposition("wrong-number", "Wrong number"),
)
_SALES_OUTCOMES: Final = (
    Disposition("sold", "Sold"),
    Disposition("offer", "Offer sent"),
    Disposition("no-interest", "No interest"),
    Disposition("callback", "Callback promised"),
)
