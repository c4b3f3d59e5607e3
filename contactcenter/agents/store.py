"""Tables and queries of agents, devices, skills, teams, routing profiles, presence and not-ready reasons.

Every list takes the scope and the principal it is made for; ``load_all`` is for the program itself at its start.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)

from contactcenter.agents.model import (
    AGENT_VERSIONS,
    PROFILE_VERSIONS,
    SKILL_VERSIONS,
    TEAM_VERSIONS,
    AgentFilters,
    AgentRecord,
    Device,
    DeviceKind,
    DeviceMode,
    Known,
    Membership,
    NotReadyReason,
    OwnSettings,
    Presence,
    PresenceState,
    Queues,
    RoutingProfile,
    Skill,
    Team,
    merged,
    name_key,
    plain,
)
from contactcenter.core.database import Transaction
from contactcenter.core.events import Instant, metadata
from contactcenter.core.ids import AgentId, ProfileId, QueueId, SiteId, SkillId, TeamId, UserId
from contactcenter.core.paging import Page, Paging, cut
from contactcenter.core.permissions import Principal, Scope
from contactcenter.core.versions import number_of
from routing.commands import Service

teams_table = Table(
    "teams",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("site_id", "name", name="teams_name"),
)
team_supervisors_table = Table(
    "team_supervisors",
    metadata,
    Column("team_id", String(40), ForeignKey("teams.id"), primary_key=True),
    Column("user_id", String(40), ForeignKey("users.id"), primary_key=True),
    Index("team_supervisors_user", "user_id"),
)
skills_table = Table(
    "skills",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(60), nullable=False, unique=True),
    Column("label", String(120), nullable=False),
)
_OR_NOTHING = JSON(none_as_null=True)
profiles_table = Table(
    "routing_profiles",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("name_key", String(120), nullable=False),
    Column("skills", JSON, nullable=False),
    Column("queues", _OR_NOTHING, nullable=True),
    Column("capacity", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("site_id", "name_key", name="routing_profiles_name"),
)
agents_table = Table(
    "agents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("site_id", String(40), nullable=False),
    Column("user_id", String(40), ForeignKey("users.id"), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("extension", String(10), nullable=False),
    Column("team_id", String(40), ForeignKey("teams.id"), nullable=True),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("profile_id", String(40), ForeignKey("routing_profiles.id"), nullable=True),
    Column("queues", _OR_NOTHING, nullable=True),
    Column("capacity", _OR_NOTHING, nullable=True),
    UniqueConstraint("site_id", "extension", name="agents_extension"),
    Index("agents_team", "team_id"),
    Index("agents_profile", "profile_id"),
    Index("agents_name", "name", "id"),
)
agent_skills_table = Table(
    "agent_skills",
    metadata,
    Column("agent_id", String(40), ForeignKey("agents.id"), primary_key=True),
    Column("skill_id", String(40), ForeignKey("skills.id"), primary_key=True),
    Column("level", Integer, nullable=False),
)
devices_table = Table(
    "devices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("agent_id", String(40), ForeignKey("agents.id"), nullable=False, unique=True),
    Column("server_id", String(40), nullable=False),
    Column("endpoint", String(60), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("secret", String(80), nullable=False),
    Column("contact_uri", String(300), nullable=False),
    UniqueConstraint("server_id", "endpoint", name="devices_endpoint"),
)
presence_table = Table(
    "presence",
    metadata,
    Column("agent_id", String(40), ForeignKey("agents.id"), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", String(60), nullable=False),
    Column("since", Instant, nullable=False),
)
reasons_table = Table(
    "not_ready_reasons",
    metadata,
    Column("code", String(60), primary_key=True),
    Column("label", String(120), nullable=False),
    Column("position", Integer, nullable=False),
    Column("is_active", Boolean, nullable=False),
)

_agents = agents_table.c
_devices = devices_table.c
_presence = presence_table.c
_profiles = profiles_table.c
_AGENT_ROWS = select(
    agents_table,
    teams_table.c.name.label("team_name"),
    _devices.id.label("device_id"),
    _devices.server_id,
    _devices.endpoint,
    _devices.kind,
    _devices.mode,
    _devices.secret,
    _devices.contact_uri,
    _presence.state,
    _presence.reason,
    _presence.since,
    _profiles.skills.label("profile_skills"),
    _profiles.queues.label("profile_queues"),
    _profiles.capacity.label("profile_capacity"),
    number_of(AGENT_VERSIONS, _agents.id),
).select_from(
    agents_table.join(devices_table, _devices.agent_id == _agents.id)
    .join(presence_table, _presence.agent_id == _agents.id)
    .outerjoin(teams_table, teams_table.c.id == _agents.team_id)
    .outerjoin(profiles_table, _profiles.id == _agents.profile_id)
)
_PROFILE_ROWS = select(profiles_table, number_of(PROFILE_VERSIONS, _profiles.id))
_SKILL_ROWS = select(skills_table, number_of(SKILL_VERSIONS, skills_table.c.id))
_TEAM_ROWS = select(teams_table, number_of(TEAM_VERSIONS, teams_table.c.id))


def within(scope: Scope, principal: Principal, site_id: SiteId) -> ColumnElement[bool]:
    """Return the condition that keeps the agents this scope reaches."""
    if scope is Scope.ALL:
        return true()
    if scope is Scope.SITE:
        return _agents.site_id == site_id
    own = _agents.id == principal.agent_id if principal.agent_id else false()
    if scope is Scope.TEAM:
        return or_(own, _agents.team_id.in_(principal.team_ids))
    return own


# ------------------------------------------------------------------ agents


def list_agents(
    connection: Connection,
    scope: Scope,
    principal: Principal,
    site_id: SiteId,
    paging: Paging,
    filters: AgentFilters = AgentFilters(),
) -> Page[AgentRecord]:
    """Return agents by name."""
    wanted = [within(scope, principal, site_id), *_narrowed(connection, site_id, filters)]
    after = paging.key(str, str)
    if after is not None:
        wanted.append(tuple_(_agents.name, _agents.id) > tuple_(*after))
    if filters.text.strip():
        wanted = [_agents.id.in_(_found(connection, wanted, filters.text, paging.limit + 1))]
    query = _AGENT_ROWS.where(*wanted).order_by(_agents.name, _agents.id)
    rows = connection.execute(query.limit(paging.limit + 1)).all()
    return cut(_records(connection, rows), paging.limit, lambda agent: (agent.name, agent.agent_id))


def _narrowed(connection: Connection, site_id: SiteId, filters: AgentFilters) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if filters.team_id is not None:
        wanted.append(_agents.team_id == filters.team_id)
    if filters.profile_id is not None:
        wanted.append(_agents.profile_id == filters.profile_id)
    if filters.skill_id is not None:
        skills = agent_skills_table.c
        own = select(skills.agent_id).where(skills.skill_id == filters.skill_id)
        profiles = connection.execute(select(_profiles.id, _profiles.skills).where(_profiles.site_id == site_id))
        having = [row.id for row in profiles if filters.skill_id in row.skills]
        wanted.append(or_(_agents.id.in_(own), _agents.profile_id.in_(having)))
    return wanted


def _found(connection: Connection, wanted: Iterable[ColumnElement[bool]], text: str, most: int) -> list[str]:
    """Return the ids of the first ``most`` by name in which every word stands.

    Looked for here and not by the database: neither kind knows all letters' cases and accents.
    """
    words = plain(text).split()
    query = select(_agents.id, _agents.name, _agents.extension, teams_table.c.name.label("team_name"))
    query = query.select_from(agents_table.outerjoin(teams_table, teams_table.c.id == _agents.team_id))
    rows = connection.execute(query.where(*wanted).order_by(_agents.name, _agents.id))
    said = ((row.id, plain(f"{row.name} {row.extension} {row.team_name or ''}")) for row in rows)
    return list(islice((agent_id for agent_id, whole in said if all(word in whole for word in words)), most))


def find_agent(
    connection: Connection, scope: Scope, principal: Principal, site_id: SiteId, agent_id: str
) -> AgentRecord | None:
    """Return one agent if the scope reaches it."""
    query = _AGENT_ROWS.where(_agents.id == agent_id, within(scope, principal, site_id))
    found = _records(connection, connection.execute(query).all())
    return found[0] if found else None


def load_all(connection: Connection, site_id: SiteId) -> list[AgentRecord]:
    """Return every active agent of the site, for the router's start."""
    query = _AGENT_ROWS.where(_agents.site_id == site_id, _agents.is_active).order_by(_agents.id)
    return _records(connection, connection.execute(query).all())


def list_serving(connection: Connection, scope: Scope, principal: Principal, site_id: SiteId) -> list[AgentRecord]:
    """Return the agents in reach whom the router may know, by name: active, their users not locked."""
    users = agents_table.metadata.tables["users"].c
    unlocked = select(users.id).where(users.is_active)
    query = _AGENT_ROWS.where(within(scope, principal, site_id), _agents.is_active, _agents.user_id.in_(unlocked))
    return _records(connection, connection.execute(query.order_by(_agents.name, _agents.id)).all())


def membership(connection: Connection, user_id: UserId) -> Membership:
    """Return the user's agent and the teams he is in or supervises."""
    row = connection.execute(select(_agents.id, _agents.team_id).where(_agents.user_id == user_id)).one_or_none()
    supervised = select(team_supervisors_table.c.team_id).where(team_supervisors_table.c.user_id == user_id)
    teams = set(connection.execute(supervised).scalars())
    if row is None:
        return Membership(None, frozenset(teams))
    return Membership(AgentId(row.id), frozenset(teams | ({row.team_id} if row.team_id else set())))


def agents_of_teams(connection: Connection, team_ids: frozenset[TeamId]) -> list[AgentId]:
    """Return the ids of the agents in any of the teams."""
    query = select(_agents.id).where(_agents.team_id.in_(team_ids)).order_by(_agents.id)
    return [AgentId(agent_id) for agent_id in connection.execute(query).scalars()]


def is_extension_taken(connection: Connection, site_id: SiteId, extension: str, but: str = "") -> bool:
    """Tell whether another agent of the site has the extension."""
    query = select(_agents.id).where(_agents.site_id == site_id, _agents.extension == extension, _agents.id != but)
    return connection.execute(query).first() is not None


def is_user_taken(connection: Connection, user_id: UserId) -> bool:
    """Tell whether the user already is an agent."""
    return connection.execute(select(_agents.id).where(_agents.user_id == user_id)).first() is not None


def insert_agent(tx: Transaction, agent: AgentRecord) -> None:
    """Store a new agent with device, presence and skills. Raises IntegrityError for an unknown user or team."""
    row = {
        "id": agent.agent_id,
        "site_id": agent.site_id,
        "user_id": agent.user_id,
        "created_at": tx.now,
        **_agent_values(agent),
    }
    tx.execute(insert(agents_table), row)
    tx.execute(insert(devices_table), {"id": agent.device.device_id, "agent_id": agent.agent_id, **_device(agent)})
    presence = agent.presence
    values = {"state": presence.state.value, "reason": presence.reason, "since": presence.since}
    tx.execute(insert(presence_table), {"agent_id": agent.agent_id, **values})
    _insert_skills(tx, agent)


def update_agent(tx: Transaction, agent: AgentRecord) -> None:
    """Store what may change of an agent, its device and its skills; presence has its own row and owner."""
    tx.execute(update(agents_table).where(_agents.id == agent.agent_id), _agent_values(agent))
    tx.execute(update(devices_table).where(_devices.agent_id == agent.agent_id), _device(agent))
    tx.execute(delete(agent_skills_table).where(agent_skills_table.c.agent_id == agent.agent_id))
    _insert_skills(tx, agent)


def save_presence(tx: Transaction, agent_id: AgentId, state: PresenceState, reason: str, since: datetime) -> None:
    """Let the stored presence follow what its owner announced; idempotent."""
    values = {"state": PresenceState(state).value, "reason": reason, "since": since}
    tx.execute(update(presence_table).where(_presence.agent_id == agent_id), values)


def _agent_values(agent: AgentRecord) -> dict[str, Any]:
    return {
        "name": agent.name,
        "extension": agent.extension,
        "team_id": agent.team_id,
        "is_active": agent.is_active,
        "profile_id": agent.profile_id,
        "queues": msgspec.to_builtins(agent.own.queues),
        "capacity": agent.own.capacity,
    }


def _device(agent: AgentRecord) -> dict[str, Any]:
    device = agent.device
    return {
        "server_id": device.server_id,
        "endpoint": device.endpoint,
        "kind": device.kind.value,
        "mode": device.mode.value,
        "secret": device.secret,
        "contact_uri": device.contact_uri,
    }


def _insert_skills(tx: Transaction, agent: AgentRecord) -> None:
    rows = [
        {"agent_id": agent.agent_id, "skill_id": skill, "level": level} for skill, level in agent.own.skills.items()
    ]
    if rows:
        tx.execute(insert(agent_skills_table), rows)


def _records(connection: Connection, rows: Iterable[Row[Any]]) -> list[AgentRecord]:
    found = list(rows)
    levels = _levels(connection, [row.id for row in found])
    return [_record(row, levels.get(row.id, {})) for row in found]


def _levels(connection: Connection, agent_ids: list[AgentId]) -> Mapping[str, dict[SkillId, int]]:
    table = agent_skills_table.c
    query = select(agent_skills_table).where(table.agent_id.in_(agent_ids)).order_by(table.agent_id, table.skill_id)
    levels: dict[str, dict[SkillId, int]] = {}
    for row in connection.execute(query):
        levels.setdefault(row.agent_id, {})[SkillId(row.skill_id)] = row.level
    return levels


def _record(row: Row[Any], levels: Mapping[SkillId, int]) -> AgentRecord:
    own = OwnSettings(levels, _queues(row.queues), row.capacity)
    of_profile = OwnSettings(row.profile_skills or {}, _queues(row.profile_queues), row.profile_capacity)
    skills, queues, capacity = merged(own, of_profile)
    return AgentRecord(
        agent_id=row.id,
        site_id=row.site_id,
        user_id=row.user_id,
        name=row.name,
        extension=row.extension,
        team_id=row.team_id,
        team_name=row.team_name or "",
        is_active=row.is_active,
        skills=skills,
        device=Device(
            row.device_id,
            row.server_id,
            row.endpoint,
            DeviceKind(row.kind),
            DeviceMode(row.mode),
            row.secret,
            row.contact_uri,
        ),
        presence=Presence(PresenceState(row.state), row.reason, row.since),
        queues=queues,
        capacity=capacity,
        profile_id=row.profile_id,
        own=own,
        version=row.version,
    )


def _queues(kept: Any) -> Queues | None:
    return msgspec.convert(kept, dict[QueueId, Service] | None)


# ------------------------------------------------------------------ routing profiles


def known(connection: Connection, site_id: SiteId) -> Known:
    """Return what agents and profiles of the site may name."""
    queues = agents_table.metadata.tables["queues"].c
    return Known(
        {SkillId(one) for one in connection.execute(select(skills_table.c.id)).scalars()},
        {QueueId(one) for one in connection.execute(select(queues.id).where(queues.site_id == site_id)).scalars()},
        {
            ProfileId(one)
            for one in connection.execute(select(_profiles.id).where(_profiles.site_id == site_id)).scalars()
        },
    )


def profiles_within(scope: Scope, site_id: SiteId) -> ColumnElement[bool]:
    """Return the condition that keeps the profiles this scope reaches; they belong to a site, to no team or person."""
    if scope is Scope.ALL:
        return true()
    return _profiles.site_id == site_id if scope is Scope.SITE else false()


def list_profiles(connection: Connection, scope: Scope, site_id: SiteId) -> list[RoutingProfile]:
    """Return routing profiles by name."""
    query = _PROFILE_ROWS.where(profiles_within(scope, site_id)).order_by(_profiles.name_key)
    return [_profile(row) for row in connection.execute(query)]


def find_profile(connection: Connection, scope: Scope, site_id: SiteId, profile_id: str) -> RoutingProfile | None:
    """Return one profile if the scope reaches it."""
    query = _PROFILE_ROWS.where(_profiles.id == profile_id, profiles_within(scope, site_id))
    row = connection.execute(query).one_or_none()
    return _profile(row) if row is not None else None


def is_profile_name_taken(connection: Connection, profile: RoutingProfile) -> bool:
    """Tell whether another profile of the site has the name."""
    mine = (_profiles.site_id == profile.site_id, _profiles.name_key == name_key(profile.name))
    return connection.execute(select(_profiles.id).where(*mine, _profiles.id != profile.profile_id)).first() is not None


def save_profile(tx: Transaction, profile: RoutingProfile, *, is_new: bool) -> None:
    """Store a profile whole."""
    values = {
        "name": profile.name,
        "name_key": name_key(profile.name),
        "skills": dict(profile.skills),
        "queues": msgspec.to_builtins(profile.queues),
        "capacity": dict(profile.capacity),
    }
    if is_new:
        row = {"id": profile.profile_id, "site_id": profile.site_id, "created_at": tx.now, **values}
        tx.execute(insert(profiles_table), row)
    else:
        tx.execute(update(profiles_table).where(_profiles.id == profile.profile_id), values)


def agents_with(connection: Connection, profile_id: ProfileId) -> int:
    """Return how many agents have the profile, the inactive ones too."""
    return connection.execute(select(func.count()).where(_agents.profile_id == profile_id)).scalar_one()


def delete_profile(tx: Transaction, profile_id: ProfileId) -> None:
    """Forget a profile nobody has. Raises IntegrityError while somebody does."""
    tx.execute(delete(profiles_table).where(_profiles.id == profile_id))


def _profile(row: Row[Any]) -> RoutingProfile:
    site_id = SiteId(row.site_id)
    settings = (row.skills, _queues(row.queues), row.capacity)
    return RoutingProfile(ProfileId(row.id), site_id, row.name, *settings, row.version)


# ------------------------------------------------------------------ skills, teams, reasons


def list_skills(connection: Connection) -> list[Skill]:
    """Return every skill by name; skills have no owner."""
    rows = connection.execute(_SKILL_ROWS.order_by(skills_table.c.name))
    return [Skill(SkillId(row.id), row.name, row.label, row.version) for row in rows]


def save_skill(tx: Transaction, skill: Skill, *, is_new: bool) -> None:
    """Store a skill."""
    values = {"name": skill.name, "label": skill.label}
    if is_new:
        tx.execute(insert(skills_table), {"id": skill.skill_id, **values})
    else:
        tx.execute(update(skills_table).where(skills_table.c.id == skill.skill_id), values)


def list_teams(connection: Connection, scope: Scope, principal: Principal, site_id: SiteId) -> list[Team]:
    """Return the teams the scope reaches, by name."""
    table = teams_table.c
    query = _TEAM_ROWS.order_by(table.name)
    if scope is Scope.SITE:
        query = query.where(table.site_id == site_id)
    elif scope is not Scope.ALL:
        query = query.where(table.id.in_(principal.team_ids))
    rows = connection.execute(query).all()
    supervisors: dict[str, set[UserId]] = {}
    for row in connection.execute(select(team_supervisors_table)):
        supervisors.setdefault(row.team_id, set()).add(UserId(row.user_id))
    return [Team(TeamId(r.id), r.site_id, r.name, frozenset(supervisors.get(r.id, ())), r.version) for r in rows]


def save_team(tx: Transaction, team: Team, *, is_new: bool) -> None:
    """Store a team and its supervisors. Raises IntegrityError for an unknown user."""
    if is_new:
        row = {"id": team.team_id, "site_id": team.site_id, "name": team.name, "created_at": tx.now}
        tx.execute(insert(teams_table), row)
    else:
        tx.execute(update(teams_table).where(teams_table.c.id == team.team_id), {"name": team.name})
    tx.execute(delete(team_supervisors_table).where(team_supervisors_table.c.team_id == team.team_id))
    rows = [{"team_id": team.team_id, "user_id": user_id} for user_id in sorted(team.supervisors)]
    if rows:
        tx.execute(insert(team_supervisors_table), rows)


def list_reasons(connection: Connection) -> list[NotReadyReason]:
    """Return every not-ready reason in order; reasons have no owner."""
    rows = connection.execute(select(reasons_table).order_by(reasons_table.c.position, reasons_table.c.code))
    return [NotReadyReason(row.code, row.label, row.position, row.is_active) for row in rows]


def save_reason(tx: Transaction, reason: NotReadyReason, *, is_new: bool) -> None:
    """Store a not-ready reason."""
    values = {"label": reason.label, "position": reason.position, "is_active": reason.is_active}
    if is_new:
        tx.execute(insert(reasons_table), {"code": reason.code, **values})
    else:
        tx.execute(update(reasons_table).where(reasons_table.c.code == reason.code), values)
