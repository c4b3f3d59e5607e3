"""What becomes of agents and callers when the link to a PBX, or a trunk between two, comes and goes.

An agent's device is usable while its own PBX is linked. With several servers an agent can be rung for the callers of
those only from which there is a way to his: the router knows it as skills of his (``routing.requirements``), so that
callers of one server wait for it while everybody else is served. With one server there are no such skills.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from contactcenter.core.events import Event
from contactcenter.core.ids import SkillId
from contactcenter.interactions import model, ports
from contactcenter.interactions.live import Link, LiveAgent, Picture
from contactcenter.interactions.model import Interaction, Visit
from routing import commands as routing
from routing.requirements import server_skill


class Announcer(Protocol):
    """Where events go."""

    def announce(self, *events: Event) -> object:
        """Tell and commit."""
        ...


class Servers:
    """Takes the facts about links, trunks and devices; ``submit`` gives a command to the router."""

    def __init__(self, picture: Picture, publisher: Announcer, submit: Callable[[routing.Command], None]) -> None:
        self._picture = picture
        self._publisher = publisher
        self._submit = submit

    def link_changed(self, fact: ports.LinkChanged) -> None:
        """A PBX is lost or back: its agents' devices, and its callers' way to anybody."""
        self._picture.links[fact.server_id] = Link(fact.server_id, fact.up, fact.reason, fact.at)
        if not fact.up:
            for agent in self._picture.agents.values():
                if agent.device.server_id == fact.server_id:
                    self._submit(routing.SetDevice(agent.agent_id, usable=False, reason="pbx"))
        self._tell_reach()
        self._publisher.announce(model.PbxLinkChanged(fact.server_id, fact.up, fact.reason, fact.pbx_started))
        self._picture.touch(f"link:{fact.server_id}")

    def trunk_changed(self, fact: ports.TrunkChanged) -> None:
        """One PBX can reach another, or not."""
        way, trunks = (fact.server_id, fact.to_server), self._picture.trunks
        if fact.to_server in self._picture.links and trunks.get(way) is not fact.usable:
            trunks[way] = fact.usable
            self._tell_reach()

    def device_changed(self, fact: ports.DeviceChanged) -> None:
        """A phone came or went."""
        agent = self._picture.find_by_endpoint(fact.server_id, fact.endpoint)
        if agent is not None:
            reason = "" if fact.usable else fact.state.lower()
            self._submit(routing.SetDevice(agent.agent_id, fact.usable, reason))

    def _tell_reach(self) -> None:
        if len(self._picture.links) < 2:
            return
        for agent in list(self._picture.agents.values()):
            self._submit(routing.UpdateAgent(agent.agent_id, skills_of(agent, self._picture)))


def skills_of(agent: LiveAgent, picture: Picture) -> Mapping[SkillId, int]:
    """Return what the router is told that an agent can: his skills, and from which servers he is reached."""
    if len(picture.links) < 2:
        return agent.record.skills
    reached = [one for one in picture.links if picture.reaches(one, agent.device.server_id)]
    return {**agent.record.skills, **{server_skill(one): 1 for one in reached}}


def needs_of(item: Interaction, visit: Visit, picture: Picture) -> routing.Requirement:
    """Return what a caller's visit needs of an agent, with the way from the server he is on."""
    skills = {SkillId(name): level for name, level in visit.skills.items()}
    if len(picture.links) > 1:
        skills[server_skill(item.server_id)] = 1
    return routing.Requirement(tuple(sorted(skills.items())))
