"""Three signed-in agents of two teams at a desk, and calls in each state: what tests of use cases stand on."""

from dataclasses import dataclass
from typing import Any

from contactcenter.core.ids import TeamId
from contactcenter.core.permissions import ROLES, SYSTEM, Principal
from contactcenter.interactions.model import Interaction

CALLER = "1780000000.1"


@dataclass
class Floor:
    desk: Any
    ann: Principal
    bob: Principal  # the same team as ann
    eve: Principal  # another team

    teams: dict[str, TeamId]

    @property
    def service(self) -> Any:
        return self.desk.service

    def supervisor(self, team: str) -> Principal:
        return Principal(SYSTEM.user_id, "sup", ROLES["supervisor"], team_ids=frozenset({self.teams[team]}))


async def floor_of(desk: Any) -> Floor:
    teams = {}
    for name in ("north", "south"):
        made = await desk.rooms.agents.save_team(SYSTEM, name, frozenset())
        teams[name] = made.team_id
    ann = await desk.agent("ann", "1001", teams["north"])
    bob = await desk.agent("bob", "1002", teams["north"])
    eve = await desk.agent("eve", "1003", teams["south"])
    return Floor(desk, ann, bob, eve, teams)


def alerting(floor: Floor, leg: str = CALLER) -> Interaction:
    """Alerts the agent who has been idle longest: ann, then bob, then eve."""
    return floor.desk.room.call(leg)


def talking(floor: Floor, leg: str = CALLER) -> Interaction:
    item = alerting(floor, leg)
    floor.desk.room.connect(item)
    return item


def wrapping_up(floor: Floor) -> Interaction:
    item = talking(floor)
    assert item.segment is not None
    floor.desk.room.part(item, item.segment.segment_id, first=CALLER)
    floor.desk.room.leg_ends(CALLER)
    return item
