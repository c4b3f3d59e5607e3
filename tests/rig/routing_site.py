"""A site whose routing is set up as an office's would be, served over HTTP with its pages; no PBX, no router."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from agent_ui.pages import error_page, page_routes
from contactcenter.core.permissions import SYSTEM
from contactcenter.core.texts import Texts, text_routes
from contactcenter.core.web.routes import Routes
from contactcenter.front import LOCALES
from contactcenter.queues.model import Disposition, Queue, Step
from routing.commands import Service, WorkOrder
from tests.rig.rooms import PASSWORD, Rooms, open_rooms

SKILLS: Final = {"german": "German", "english": "English", "routers": "Routers", "billing": "Billing"}
PEOPLE: Final = (
    ("ines", "Ines Vogt", "Hamburg", {"german": 9, "routers": 8}),
    ("chen", "Chen Wei", "Hamburg", {"english": 8, "routers": 4}),
    ("ben", "Ben Okafor", "Berlin", {"english": 9, "billing": 7}),
    ("ida", "Ida Santos", "Berlin", {"german": 4, "billing": 5}),
    ("olga", "Olga Braun", "Hamburg", {"german": 7}),
)


@dataclass
class RoutingSite:
    """The site and where it is served; ids by the names of what they stand for."""

    rooms: Rooms
    url: str
    skills: dict[str, str]
    teams: dict[str, str]
    agents: dict[str, str]
    support: Queue
    profile: str

    async def cookie(self, login: str) -> str:
        """Sign in; what the browser keeps of it."""
        return (await self.rooms.users.sign_in(login, PASSWORD, address="127.0.0.1")).token

    async def queue(self) -> Queue:
        """The support queue as it is kept now."""
        return await self.rooms.queues.get_queue(SYSTEM, self.support.queue_id)

    async def speak(self, login: str, language: str) -> None:
        """Set the language of a user's pages."""
        identity = await self.rooms.principals.by_session(await self.cookie(login))
        await self.rooms.users.set_language(identity.principal, language)


def routing_app(rooms: Rooms) -> web.Application:
    """Rooms with the pages and their texts."""
    texts = Texts.load(LOCALES)
    rooms.services.add(texts)
    pages = Routes()
    pages.include(page_routes)
    pages.include(text_routes(texts))
    return rooms.app(extra=pages, error_page=error_page(texts))


async def _fill(rooms: Rooms) -> dict[str, Any]:
    """Skills, teams, people, a profile and three queues."""
    skills = {name: (await rooms.agents.save_skill(SYSTEM, name, label)).skill_id for name, label in SKILLS.items()}
    teams = {
        name: (
            await rooms.agents.save_team(SYSTEM, name, frozenset({(await rooms.user(login, "supervisor")).user_id}))
        ).team_id
        for name, login in (("Hamburg", "sofia"), ("Berlin", "max"))
    }
    await rooms.user("admin", "administrator")
    outcomes = (Disposition("solved", "Solved on the call"), Disposition("ticket", "Ticket opened"))
    first = Step(30.0, {skills["german"]: 4}, (teams["Berlin"],))
    rules = {
        "skills": {skills["german"]: 6},
        "any_of": ({skills["routers"]: 5, skills["billing"]: 5},),
        "teams": (teams["Hamburg"],),
        "preferred": {skills["english"]: 3},
        "steps": (first, Step(90.0, {skills["german"]: 0}, (), any_team=True)),
    }
    support = await rooms.queues.create_queue(
        SYSTEM, {"name": "Support", "priority": 40, "dispositions": outcomes, **rules}
    )
    sales = await rooms.queues.create_queue(
        SYSTEM, {"name": "Sales", "priority": 20, "order": WorkOrder.AGING, "dispositions": outcomes}
    )
    await rooms.queues.create_queue(SYSTEM, {"name": "Night", "is_active": False, "skills": {skills["billing"]: 9}})
    served = {support.queue_id: Service(0, 0.0), sales.queue_id: Service(1, 20.0)}
    shared = {"skills": {skills["english"]: 3}, "capacity": {"voice": 1, "chat": 4}, "queues": served}
    profile = await rooms.profiles.create_profile(SYSTEM, {"name": "First line", **shared})
    agents = {}
    for number, (login, name, team, own) in enumerate(PEOPLE, 1001):
        levels = {skills[skill]: level for skill, level in own.items()}
        made = await rooms.agent(
            login, str(number), teams[team], skills=levels, profile_id=profile.profile_id if login == "ines" else None
        )
        assert made.agent_id is not None
        agents[login] = (await rooms.agents.update_agent(SYSTEM, made.agent_id, {"name": name})).agent_id
    return {"skills": skills, "teams": teams, "agents": agents, "support": support, "profile": profile.profile_id}


@contextlib.asynccontextmanager
async def running_routing_site(folder: Path) -> AsyncIterator[RoutingSite]:
    """Serve on any free port of loopback."""
    async with open_rooms(folder) as rooms:
        filled = await _fill(rooms)
        runner = web.AppRunner(routing_app(rooms), shutdown_timeout=0.2)
        await runner.setup()
        place = web.TCPSite(runner, "127.0.0.1", 0)
        await place.start()
        try:
            yield RoutingSite(rooms, f"http://127.0.0.1:{runner.addresses[0][1]}", **filled)
        finally:
            await runner.cleanup()
