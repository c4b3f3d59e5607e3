"""REST resources of agents, skills, teams, presence, and the browser phone's account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from contactcenter.agents.model import (
    AgentFilters,
    AgentRecord,
    DeviceKind,
    DeviceMode,
    NotReadyReason,
    PresenceState,
    Skill,
    Team,
)
from contactcenter.agents.profiles_api import CapacityBody, QueuesBody, ServiceBody, Skills, queues_out, services_of
from contactcenter.agents.profiles_api import routes as profile_routes
from contactcenter.agents.service import AgentService, NewAgent, agent_settings
from contactcenter.core.errors import NotFound
from contactcenter.core.ids import ProfileId, ServerId, SkillId, TeamId, UserId
from contactcenter.core.permissions import Right
from contactcenter.core.versions import Version
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import (
    Body,
    Code,
    Id,
    Instant,
    Label,
    Line,
    Name,
    Out,
    PageOut,
    PageQuery,
    SearchQuery,
    VersionedOut,
    given,
    page_of,
)
from contactcenter.core.web.versions import RestoreIn, VersionOut, version_fields

routes = Routes()
routes.include(profile_routes)
Extension = Annotated[str, Field(pattern=r"^[0-9]{2,10}$")]


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server as browsers want it (W3C WebRTC, RTCIceServer)."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """Where browser phones connect; bootstrap adds all servers' to the services.

    ``host`` is the SIP domain, ``websocket`` the PBX's address (``ws://127.0.0.1:8088/ws``), or a path of ours.
    """

    host: str
    websocket: str
    ice_servers: tuple[IceServer, ...] = ()


@dataclass(frozen=True, slots=True)
class Phones:
    """Where browser phones connect, by the server their devices are on."""

    servers: Mapping[ServerId, PhoneSettings]

    def of(self, server_id: ServerId) -> PhoneSettings:
        """Return one server's. Raises NotFound for one that is no longer among the site's."""
        found = self.servers.get(server_id)
        if found is None:
            raise NotFound("not-found")
        return found


class DeviceOut(Out):
    """An agent's device; its secret is only told to his own page."""

    endpoint: str
    kind: DeviceKind
    mode: DeviceMode
    server_id: str
    contact_uri: str


class PresenceOut(Out):
    """The presence last announced."""

    state: PresenceState
    reason: str
    since: Instant


class SkillOut(VersionedOut):
    """A named ability."""

    id: str
    name: str
    label: str


class TeamOut(VersionedOut):
    """A group of agents."""

    id: str
    name: str
    supervisors: list[str]


class ReasonOut(Out):
    """Why an agent may be not ready."""

    code: str
    label: str
    position: int
    is_active: bool


class EffectiveOut(Out):
    """What the router may give an agent; ``queues`` null: every queue whose skills he has."""

    skills: dict[str, int]
    queues: dict[str, ServiceBody] | None
    capacity: dict[str, int]


class AgentOut(VersionedOut):
    """One agent; ``skills`` (ids to levels), ``queues`` and ``capacity`` are his own, null ones are the profile's.

    ``effective`` is what holds, the profile included.
    """

    id: str
    user_id: str
    name: str
    initials: str
    extension: str
    team_id: str | None
    team: str
    is_active: bool
    profile_id: str | None
    skills: dict[str, int]
    queues: dict[str, ServiceBody] | None
    capacity: dict[str, int] | None
    effective: EffectiveOut
    device: DeviceOut
    presence: PresenceOut


class AgentSettingsOut(Out):
    """How an agent is routed to: his team and profile, and what is set for himself."""

    team_id: str | None
    profile_id: str | None
    skills: dict[str, int]
    queues: dict[str, ServiceBody] | None
    capacity: dict[str, int] | None


class AgentVersionOut(VersionOut):
    """An agent's settings as they were after a change; ``fields`` may name what is not among them."""

    settings: AgentSettingsOut


class AgentVersions(PageOut[AgentVersionOut]):
    """The versions of an agent's settings, the newest first."""


class AgentsQuery(SearchQuery):
    """Which agents: ``q`` is looked for in name, extension and team; fields left out do not narrow."""

    team_id: Id | None = None
    skill_id: Id | None = None
    profile_id: Id | None = None


class AgentPage(PageOut[AgentOut]):
    """Agents by name."""


class AgentIn(Body):
    """A user who becomes an agent."""

    user_id: Id
    name: Name
    extension: Extension
    team_id: Id | None = None
    skills: Skills = Field(default_factory=dict)
    kind: DeviceKind = DeviceKind.BROWSER
    mode: DeviceMode = DeviceMode.RING
    contact_uri: Line = ""
    server_id: Annotated[str, Field(max_length=40, description="where his device is; '' is the first server")] = ""
    profile_id: Id | None = None
    queues: QueuesBody | None = None
    capacity: CapacityBody | None = None


class AgentPatch(Body):
    """What to change of an agent; fields left out stay; queues and capacity of null are left to his profile."""

    name: Name = ""
    extension: Extension = ""
    team_id: Id | None = None
    skills: Skills = Field(default_factory=dict)
    kind: DeviceKind = DeviceKind.BROWSER
    mode: DeviceMode = DeviceMode.RING
    contact_uri: Line = ""
    server_id: Annotated[str, Field(max_length=40)] = ""
    is_active: bool = True
    profile_id: Id | None = None
    queues: QueuesBody | None = None
    capacity: CapacityBody | None = None


class PresenceIn(Body):
    """The presence chosen; not-ready needs a reason out of the list."""

    state: PresenceState
    reason: Annotated[str, Field(max_length=60)] = ""


class SkillIn(Body):
    """A skill to create or change."""

    name: Code
    label: Label


class TeamIn(Body):
    """A team to create or change; ``supervisors`` are user ids."""

    name: Label
    supervisors: Annotated[list[Id], Field(max_length=100)] = Field(default_factory=list)


class ReasonIn(Body):
    """A not-ready reason to create or change."""

    label: Label
    position: Annotated[int, Field(ge=0, le=1000)] = 0
    is_active: bool = True


class IceServerOut(Out):
    """A STUN or TURN server; both credentials are '' for STUN."""

    urls: list[str]
    username: str
    credential: str


class PhoneOut(Out):
    """What the agent's own page needs to register as his phone."""

    uri: str
    username: str
    password: str
    websocket: str
    ice_servers: list[IceServerOut]


@routes.get("/api/v1/agents", right=Right.AGENTS_READ, query=AgentsQuery, returns=AgentPage, tag="agents")
async def list_agents(call: Call[None]) -> PageOut[AgentOut]:
    """List the agents in reach, by name."""
    query: AgentsQuery = call.query
    filters = AgentFilters(query.q, query.team_id, query.skill_id, query.profile_id)
    page = await call.services[AgentService].list_agents(call.principal, query.paging, filters)
    return page_of(page, AgentPage, agent_out)


@routes.post("/api/v1/agents", right=Right.AGENTS_WRITE, body=AgentIn, returns=AgentOut, status=201, tag="agents")
async def create_agent(call: Call[AgentIn]) -> AgentOut:
    """Make a user an agent."""
    body = call.body
    new = NewAgent(
        user_id=UserId(body.user_id),
        name=body.name,
        extension=body.extension,
        team_id=TeamId(body.team_id) if body.team_id else None,
        skills={SkillId(skill): level for skill, level in body.skills.items()},
        kind=body.kind,
        mode=body.mode,
        contact_uri=body.contact_uri,
        server_id=ServerId(body.server_id),
        profile_id=ProfileId(body.profile_id) if body.profile_id else None,
        queues=services_of(body.queues),
        capacity=body.capacity,
    )
    return agent_out(await call.services[AgentService].create_agent(call.principal, new))


@routes.get("/api/v1/agents/{agent_id}", right=Right.AGENTS_READ, returns=AgentOut, tag="agents")
async def get_agent(call: Call[None]) -> AgentOut:
    """Read one agent."""
    return agent_out(await call.services[AgentService].get_agent(call.principal, call.path["agent_id"]))


@routes.patch(
    "/api/v1/agents/{agent_id}",
    right=Right.AGENTS_WRITE,
    body=AgentPatch,
    returns=AgentOut,
    tag="agents",
    guarded=True,
)
async def update_agent(call: Call[AgentPatch]) -> AgentOut:
    """Change an agent."""
    service, changes = call.services[AgentService], given(call.body)
    if "queues" in changes:
        changes["queues"] = services_of(call.body.queues)
    return agent_out(await service.update_agent(call.principal, call.path["agent_id"], changes, call.version))


@routes.get(
    "/api/v1/agents/{agent_id}/history",
    right=Right.AGENTS_WRITE,
    query=PageQuery,
    returns=AgentVersions,
    tag="agents",
)
async def list_agent_versions(call: Call[None]) -> PageOut[AgentVersionOut]:
    """List an agent's settings after each change, the newest first."""
    service = call.services[AgentService]
    page = await service.agent_history(call.principal, call.path["agent_id"], call.query.paging)
    return page_of(page, AgentVersions, _version_out)


@routes.post(
    "/api/v1/agents/{agent_id}/restore",
    right=Right.AGENTS_WRITE,
    body=RestoreIn,
    returns=AgentOut,
    tag="agents",
    guarded=True,
)
async def restore_agent(call: Call[RestoreIn]) -> AgentOut:
    """Set an agent's team, profile and own settings as they were in a former version."""
    service, agent_id = call.services[AgentService], call.path["agent_id"]
    return agent_out(await service.restore_agent(call.principal, agent_id, call.body.version, call.version))


@routes.put("/api/v1/agents/{agent_id}/presence", right=Right.PRESENCE_SET, body=PresenceIn, tag="agents")
async def set_presence(call: Call[PresenceIn]) -> None:
    """Choose an agent's presence."""
    service = call.services[AgentService]
    await service.set_presence(call.principal, call.path["agent_id"], call.body.state, call.body.reason)


@routes.get("/api/v1/phone", right=Right.DESK, returns=PhoneOut, tag="agents")
async def get_phone(call: Call[None]) -> PhoneOut:
    """Read the account of one's own browser phone."""
    agent = await call.services[AgentService].own_agent(call.principal)
    if agent.device.kind is not DeviceKind.BROWSER or not agent.is_active:
        raise NotFound("not-found")
    settings = call.services[Phones].of(agent.device.server_id)
    return PhoneOut(
        uri=f"sip:{agent.device.endpoint}@{settings.host}",
        username=agent.device.endpoint,
        password=agent.device.secret,
        websocket=settings.websocket,
        ice_servers=[
            IceServerOut(urls=list(one.urls), username=one.username, credential=one.credential)
            for one in settings.ice_servers
        ],
    )


@routes.get("/api/v1/skills", right=Right.SIGNED_IN, returns=list[SkillOut], tag="agents")
async def list_skills(call: Call[None]) -> list[SkillOut]:
    """List every skill."""
    return [_skill_out(skill) for skill in await call.services[AgentService].list_skills(call.principal)]


@routes.post("/api/v1/skills", right=Right.AGENTS_WRITE, body=SkillIn, returns=SkillOut, status=201, tag="agents")
async def create_skill(call: Call[SkillIn]) -> SkillOut:
    """Create a skill."""
    service = call.services[AgentService]
    return _skill_out(await service.save_skill(call.principal, call.body.name, call.body.label))


@routes.put(
    "/api/v1/skills/{skill_id}", right=Right.AGENTS_WRITE, body=SkillIn, returns=SkillOut, tag="agents", guarded=True
)
async def update_skill(call: Call[SkillIn]) -> SkillOut:
    """Change a skill."""
    service, body = call.services[AgentService], call.body
    skill_id = call.path["skill_id"]
    return _skill_out(await service.save_skill(call.principal, body.name, body.label, skill_id, call.version))


@routes.get("/api/v1/teams", right=Right.AGENTS_READ, returns=list[TeamOut], tag="agents")
async def list_teams(call: Call[None]) -> list[TeamOut]:
    """List the teams in reach."""
    return [_team_out(team) for team in await call.services[AgentService].list_teams(call.principal)]


@routes.post("/api/v1/teams", right=Right.AGENTS_WRITE, body=TeamIn, returns=TeamOut, status=201, tag="agents")
async def create_team(call: Call[TeamIn]) -> TeamOut:
    """Create a team."""
    return await _save_team(call, "")


@routes.put(
    "/api/v1/teams/{team_id}", right=Right.AGENTS_WRITE, body=TeamIn, returns=TeamOut, tag="agents", guarded=True
)
async def update_team(call: Call[TeamIn]) -> TeamOut:
    """Change a team and its supervisors."""
    return await _save_team(call, call.path["team_id"])


async def _save_team(call: Call[TeamIn], team_id: str) -> TeamOut:
    supervisors = frozenset(UserId(user_id) for user_id in call.body.supervisors)
    service = call.services[AgentService]
    return _team_out(await service.save_team(call.principal, call.body.name, supervisors, team_id, call.version))


@routes.get("/api/v1/not-ready-reasons", right=Right.SIGNED_IN, returns=list[ReasonOut], tag="agents")
async def list_reasons(call: Call[None]) -> list[ReasonOut]:
    """List the not-ready reasons."""
    return [_reason_out(reason) for reason in await call.services[AgentService].list_reasons(call.principal)]


@routes.put(
    "/api/v1/not-ready-reasons/{code}", right=Right.AGENTS_WRITE, body=ReasonIn, returns=ReasonOut, tag="agents"
)
async def save_reason(call: Call[ReasonIn]) -> ReasonOut:
    """Create or change a not-ready reason."""
    body = call.body
    reason = NotReadyReason(call.path["code"][:60], body.label, body.position, body.is_active)
    return _reason_out(await call.services[AgentService].save_reason(call.principal, reason))


def agent_out(agent: AgentRecord) -> AgentOut:
    """Return an agent as others see him."""
    return AgentOut(
        id=agent.agent_id,
        initials=agent.initials,
        team=agent.team_name,
        skills=dict(agent.own.skills.items()),
        queues=queues_out(agent.own.queues),
        capacity=dict(agent.own.capacity) if agent.own.capacity is not None else None,
        effective=EffectiveOut(
            skills=dict(agent.skills.items()), queues=queues_out(agent.queues), capacity=dict(agent.capacity)
        ),
        device=_device_out(agent),
        presence=PresenceOut(state=agent.presence.state, reason=agent.presence.reason, since=agent.presence.since),
        **{name: getattr(agent, name) for name in _SAME},
    )


_SAME = ("user_id", "name", "extension", "team_id", "is_active", "profile_id", "version")


def _version_out(version: Version) -> AgentVersionOut:
    was = agent_settings(version)
    settings = AgentSettingsOut(
        team_id=was.team_id,
        profile_id=was.profile_id,
        skills=dict(was.skills.items()),
        queues=queues_out(was.queues),
        capacity=dict(was.capacity) if was.capacity is not None else None,
    )
    return AgentVersionOut(**version_fields(version), settings=settings)


def _device_out(agent: AgentRecord) -> DeviceOut:
    device: Any = agent.device
    return DeviceOut(**{name: getattr(device, name) for name in DeviceOut.model_fields})


def _skill_out(skill: Skill) -> SkillOut:
    return SkillOut(id=skill.skill_id, name=skill.name, label=skill.label, version=skill.version)


def _team_out(team: Team) -> TeamOut:
    return TeamOut(id=team.team_id, name=team.name, supervisors=sorted(team.supervisors), version=team.version)


def _reason_out(reason: NotReadyReason) -> ReasonOut:
    return ReasonOut(code=reason.code, label=reason.label, position=reason.position, is_active=reason.is_active)
