"""What becomes of agents and callers when the link to a PBX, or a trunk between two, comes and goes.

An agent's device is usable while its own PBX is linked. With several servers an agent can be rung for the callers of
those only from which there is a way to his: the router knows it as skills of his (``routing.requirements``), so that
callers of one server wait for it while everybody else is served. With one server there are no such skills.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from contactcenter.core.events import Event
from contactcenter.core.ids import ServerId, SkillId
from contactcenter.interactions import model, ports
from contactcenter.interactions.live import Link, LiveAgent, Picture
from contactcenter.interactions.model import Interaction, Segment, Visit
from routing import commands as routing
from routing.requirements import server_skill


class Announcer(Protocol):
    """Where events go."""

    def announce(self, *events: Event) -> object:
        """Tell and commit."""
        ...


class Servers:
    """Takes the facts about links, trunks and devices.

    ``submit`` gives a command to the router, ``part`` ends a conversation of which one side is gone.
    """

    def __init__(
        self,
        picture: Picture,
        publisher: Announcer,
        submit: Callable[[routing.Command], None],
        part: Callable[[Interaction, Segment, datetime], None],
    ) -> None:
        self._part = part
        self._picture = picture
        self._publisher = publisher
        self._submit = submit

    def link_changed(self, fact: ports.LinkChanged) -> None:
        """A PBX is lost or back: its agents' devices, and its callers' way to anybody."""
        self._picture.links[fact.server_id] = Link(fact.server_id, fact.up, fact.reason, fact.at)
        if not fact.up:
            for agent in list(self._picture.agents.values()):
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
            if not fact.usable and not self._picture.links[fact.to_server].up:
                self._end_talks(fact)

    def _end_talks(self, fact: ports.TrunkChanged) -> None:
        """A server that answers neither us nor the other server is gone: its agents hear nobody any more.

        It says no BYE: without us their callers would listen to silence until the session's timer runs out.
        """
        for item in list(self._picture.interactions.values()):
            segment = item.segment
            if item.server_id != fact.server_id or not item.is_conversation or segment is None:
                continue
            agent = self._picture.agents.get(segment.agent_id)
            if agent is not None and agent.device.server_id == fact.to_server:
                self._part(item, segment, fact.at)

    def far_leg_ended(self, fact: ports.FarLegEnded) -> None:
        """The agent's part is over. Only when the caller's own server cannot tell: it knows who left first."""
        item = self._picture.find_by_reservation(fact.reservation_id)
        segment = item.segment if item is not None else None
        if item is None or segment is None or not item.is_conversation or self._is_up(item.server_id):
            return
        if segment.segment_id == fact.reservation_id:
            self._part(item, segment, fact.at)

    def _is_up(self, server_id: ServerId) -> bool:
        link = self._picture.links.get(server_id)
        return link is not None and link.up

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


def enqueue_of(item: Interaction, visit: Visit, picture: Picture) -> routing.Enqueue:
    """Return a caller's visit as the router takes it, at the place where it began.

    The agent who knows the customer is named only where the queue waits for such agents.
    """
    queue = picture.queues.get(visit.queue_id)
    return routing.Enqueue(
        item.interaction_id,
        visit.visit_id,
        visit.queue_id,
        routing.VOICE,
        visit.priority,
        needs_of(item, visit, picture),
        visit.entered_at.timestamp(),
        item.vip,
        value=item.value,
        preferred_agent_id=item.knower if queue is not None and queue.preferred_wait > 0 else None,
    )


def requirement_of(skills: Mapping[SkillId, int] | Mapping[str, int]) -> routing.Requirement:
    """Return the router's form of required skills."""
    return routing.Requirement(tuple(sorted((SkillId(name), level) for name, level in skills.items())))
