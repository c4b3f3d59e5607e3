"""What administrators keep (agents, queues, skills, numbers, users' locks, flow files) brought to the picture, the
router and the PBX: at the start, and again whenever it changed. Calls go on.

One run at a time: whatever is asked for while one runs is done by one more, so no older reading is applied last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy import Connection

from contactcenter.agents.model import AgentChanged, AgentRecord, RoutingProfileChanged, Skill, SkillChanged
from contactcenter.agents.service import AgentService
from contactcenter.core.database import Database
from contactcenter.core.events import Event
from contactcenter.core.ids import AgentId
from contactcenter.core.permissions import SYSTEM
from contactcenter.flow_files import FlowFiles, known_names
from contactcenter.interactions import ports
from contactcenter.interactions.live import LiveAgent, Picture
from contactcenter.interactions.servers import skills_of
from contactcenter.queues.model import DialedNumber, DialedNumberChanged, Queue, QueueChanged
from contactcenter.queues.rules import rules_of
from contactcenter.queues.service import QueueService
from contactcenter.users.model import UserChanged
from contactcenter.users.service import UserService
from ivr.announcements import EVERY
from routing import commands as routing

log = structlog.get_logger(__name__)
_READ: Final = (AgentChanged, RoutingProfileChanged, QueueChanged, DialedNumberChanged, SkillChanged)


class Devices(Protocol):
    """What is done about agents' devices on the PBX."""

    def prepare(self, device: ports.Device) -> None:
        """See ports.Telephony."""
        ...

    def forget(self, device: ports.Device) -> None:
        """Let a nailed leg go; the endpoint is no longer reached that way."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored, read at one time: active agents whose users are not locked, and all the rest."""

    agents: Sequence[AgentRecord]
    dialed: Sequence[DialedNumber]


async def _nothing(endpoints: Collection[str]) -> None:
    """Stands in until there is a PBX."""


class Reloading:
    """``provision`` makes the PBX know the picture's endpoints, then tells the state of those that are new there."""

    def __init__(
        self,
        database: Database,
        services: tuple[AgentService, QueueService, UserService],
        picture: Picture,
        router: ports.RouterPort,
        devices: Devices,
        flow_files: FlowFiles,
    ) -> None:
        self.provision: Callable[[Collection[str]], Awaitable[None]] = _nothing
        self.has_sound: Callable[[str], bool] | None = None
        self._database = database
        self._agents, self._queues, self._users = services
        self._picture = picture
        self._router = router
        self._devices = devices
        self._flow_files = flow_files
        self._asked = asyncio.Event()
        self._queues_changed = asyncio.Event()
        self._taking_queues = asyncio.Lock()  # so that no older reading is applied last
        self._leaving: set[AgentId] = set()  # removed, their last work not yet over
        self._moved: set[AgentId] = set()  # whose device the PBX has yet to tell about

    # ------------------------------------------------------------ when

    def ask(self) -> None:
        """Have everything read again, soon."""
        self._asked.set()

    def on_event(self, event: Event) -> None:
        """Ask when an event changes what was read."""
        if isinstance(event, QueueChanged):
            self._queues_changed.set()
        if isinstance(event, _READ) or (isinstance(event, UserChanged) and "is_active" in event.fields):
            self.ask()

    async def keep(self) -> None:
        """For ever: read again when asked. What failed stays asked for."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self.apply()
            except BaseException:
                self._asked.set()
                raise

    async def keep_queues(self) -> None:
        """For ever: have changed queues hold at once; all the rest may wait for a PBX or for speech."""
        while True:
            await self._queues_changed.wait()
            self._queues_changed.clear()
            try:
                await self._take_queues()
            except BaseException:
                self._queues_changed.set()
                raise

    # ------------------------------------------------------------ what

    async def _take_queues(self) -> Sequence[Queue]:
        async with self._taking_queues:
            queues = await self._database.read(self._queues.load_all)
            for queue in queues:
                if self._picture.queues.get(queue.queue_id) != queue:
                    self._picture.queues[queue.queue_id] = queue
                    self._router.submit(routing.DefineQueue(rules_of(queue)))
        return queues

    async def apply(self) -> None:
        """Read all that is kept and bring picture, router, flows and PBX in line."""
        kept = await self._database.read(self._kept)
        self._take_skills(await self._agents.list_skills(SYSTEM))
        all_queues = await self._take_queues()
        self._picture.flows = {one.number: one.flow for one in kept.dialed}
        self._take_agents(kept.agents)
        queues = [(queue.queue_id, queue.name) for queue in all_queues if queue.is_active]
        await self._flow_files.read(known_names(queues, self._picture.skills, self.has_sound))
        if any(queue.is_active and queue.announce_every for queue in all_queues):
            self._flow_files.speak(EVERY)
        await self._reach_moved()

    def _kept(self, connection: Connection) -> Kept:
        locked = self._users.locked(connection)
        agents = [one for one in self._agents.load_all(connection) if one.user_id not in locked]
        return Kept(agents, self._queues.load_dialed(connection))

    def _take_skills(self, skills: Sequence[Skill]) -> None:
        self._picture.skills = {skill.name: skill.skill_id for skill in skills}
        self._picture.skill_labels = {skill.skill_id: skill.label for skill in skills}

    def _take_agents(self, records: Sequence[AgentRecord]) -> None:
        for agent_id in self._picture.agents.keys() - {record.agent_id for record in records} - self._leaving:
            self._leaving.add(agent_id)
            self._router.submit(routing.RemoveAgent(agent_id))
        for record in records:
            known = self._picture.agents.get(record.agent_id)
            if known is None:
                self._add(LiveAgent.of(record))
            elif record.agent_id not in self._leaving and known.record != record:
                self._change(known, record)

    def removed(self, agent_id: AgentId) -> None:
        """The router has forgotten an agent whose last work is over: he leaves the picture, his device the PBX."""
        self._leaving.discard(agent_id)
        agent = self._picture.agents.get(agent_id)
        if agent is not None:
            self._devices.forget(agent.device)
            self._picture.remove_agent(agent)
        self.ask()  # also because he may have come back meanwhile

    def _add(self, agent: LiveAgent) -> None:
        record = agent.record
        self._picture.add_agent(agent)
        self._moved.add(agent.agent_id)
        self._router.submit(
            routing.AddAgent(
                agent.agent_id,
                skills_of(agent, self._picture),
                record.capacity,
                routing.Presence(agent.presence),
                agent.reason,
                presence_since=agent.presence_since.timestamp(),
                queues=record.queues,
                team_id=record.team_id,
            )
        )
        self._picture.touch(f"agent:{agent.agent_id}")

    def _change(self, agent: LiveAgent, record: AgentRecord) -> None:
        before, old = agent.record.device, agent.device
        agent.record = record
        if before != record.device:
            self._move(agent, old)
        self._router.submit(
            routing.UpdateAgent(
                record.agent_id,
                skills_of(agent, self._picture),
                record.capacity,
                record.queues,
                all_queues=record.queues is None,
                team_id=record.team_id,
                no_team=record.team_id is None,
            )
        )
        self._picture.touch(f"agent:{record.agent_id}")

    def _move(self, agent: LiveAgent, old: ports.Device) -> None:
        """Nothing rings until the PBX has told that the agent can be reached the new way."""
        self._devices.forget(old)
        self._picture.add_agent(agent)
        self._router.submit(routing.SetDevice(agent.agent_id, usable=False, reason="device-changed"))
        self._moved.add(agent.agent_id)

    async def _reach_moved(self) -> None:
        moved = [agent for agent_id in self._moved if (agent := self._picture.agents.get(agent_id)) is not None]
        await self.provision({agent.device.endpoint for agent in moved})
        self._moved -= {agent.agent_id for agent in moved}
        for agent in moved:
            if agent.presence != "offline":
                self._devices.prepare(agent.device)
