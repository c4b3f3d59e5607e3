"""Open pages without sockets: a room with a hub, and what each page makes of its frames."""

import asyncio
import json
from typing import Any

from agent_ui.hub import DESKTOP, LIVE, Hub, Page
from agent_ui.projections.live import checks_slot
from agent_ui.protocol import Hello
from contactcenter.core.ids import AgentId, TeamId, UserId
from contactcenter.core.permissions import ROLES, Principal
from contactcenter.interactions.audit import Healed
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.model import Interaction
from tests.fakes.room import Room


class Client:
    """What a page makes of its frames."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.slots: dict[str, Any] = {}
        self.seq = -1
        self.epoch = ""
        self.kinds: list[str] = []

    def read(self) -> "Client":
        while self.page.outbox:
            frame = json.loads(self.page.outbox.popleft())
            self.kinds.append(frame["type"])
            if frame["type"] == "snapshot":
                self.slots, self.seq, self.epoch = frame["slots"], frame["seq"], frame["epoch"]
            elif frame["type"] == "changes":
                assert frame["prev"] == self.seq, "a number is missing"
                self.seq = frame["seq"]
                self.slots = {
                    key: value for key, value in {**self.slots, **frame["slots"]}.items() if value is not None
                }
        return self


class Screens:
    """A room with a hub."""

    def __init__(self, room: Any = None, figures: DayFigures | None = None) -> None:
        self.room = room or Room()
        self.figures = figures or DayFigures(self.room.time.now())
        self.degraded: list[dict[str, Any]] = []
        self.hub = Hub(self.room.picture, self.figures, self.room.time, self.room.ids, lambda: self.degraded)
        self.healed: list[Healed] = []
        self.hub.checks = lambda: checks_slot(self.room.time.now(), self.healed)
        self.room.assignments.lookup = lambda item: self.found(item, "")

    def found(self, item: Interaction, name: str) -> None:
        """The look-up answers; '' for nobody."""
        person = {"name": name, "organisation": None, "vip": False} if name else None
        card = {"person": person, "number": "+49 30", "loading": False}
        self.room.assignments.customer_found(item, card, None, 0, vip=False, is_news=False)

    def open(
        self, name: str, page: str = DESKTOP, instance: str = "tab-1", credential: str = "session-1", **more: Any
    ) -> Client:
        hello = Hello(page, instance, **more)
        return Client(self.hub.open(agent(name), hello, {"site": "main"}, credential)).read()

    def supervise(self, *teams: str, scope: str = "supervisor", instance: str = "sup", **more: Any) -> Client:
        rights = ROLES[scope]
        principal = Principal(UserId("u-sup"), "sup", rights, team_ids=frozenset(TeamId(team) for team in teams))
        return Client(self.hub.open(principal, Hello(LIVE, instance, **more), {"site": "main"})).read()

    async def beat(self) -> None:
        """What ``keep_live`` does twice a second."""
        await self.hub._refresh([page for page in self.hub.pages if page.name == LIVE])


def agent(name: str) -> Principal:
    return Principal(UserId(f"u-{name}"), name, ROLES["agent"], AgentId(f"a-{name}"), frozenset({TeamId("t-north")}))


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
