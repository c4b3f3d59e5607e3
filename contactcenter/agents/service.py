"""Use cases of agents: who they are, what they can, where they are reached, and their choice of presence."""

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from contactcenter.agents import store
from contactcenter.agents.model import (
    AGENT_VERSIONS,
    SKILL_VERSIONS,
    TEAM_VERSIONS,
    AgentChanged,
    AgentFilters,
    AgentRecord,
    AgentSettings,
    Capacity,
    Device,
    DeviceKind,
    DeviceMode,
    Membership,
    NotReadyReason,
    NotReadyReasonChanged,
    OwnSettings,
    Presence,
    PresenceState,
    Queues,
    Skill,
    SkillChanged,
    Team,
    TeamChanged,
    check_code,
    check_contact_uri,
    check_extension,
    check_presence,
    check_settings,
    endpoint_name,
)
from contactcenter.agents.ports import PresencePort
from contactcenter.agents.store import save_presence as save_presence  # the interactions room writes it in its commits
from contactcenter.core import versions
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from contactcenter.core.ids import AgentId, DeviceId, Ids, ProfileId, ServerId, SkillId, TeamId, UserId
from contactcenter.core.paging import Page, Paging
from contactcenter.core.permissions import SYSTEM, Principal, Right, Scope, require
from contactcenter.core.versions import Change, Version


@dataclass(frozen=True, slots=True)
class NewAgent:
    """What it takes to make a user an agent; ``queues`` and ``capacity`` None: as his profile says."""

    user_id: UserId
    name: str
    extension: str
    team_id: TeamId | None = None
    skills: Mapping[SkillId, int] | None = None
    kind: DeviceKind = DeviceKind.BROWSER
    mode: DeviceMode = DeviceMode.RING
    contact_uri: str = ""
    server_id: ServerId | None = None
    profile_id: ProfileId | None = None
    queues: Queues | None = None
    capacity: Capacity | None = None


class AgentService:
    """Agents of one site. Presence goes to its owner through the port; everything else is rows and events.

    ``servers`` are those a device may be on; the first is the one nobody names.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        presence: PresencePort,
        servers: Sequence[ServerId],
        new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(24),
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._presence = presence
        self._servers = tuple(servers)
        self._new_secret = new_secret

    # ------------------------------------------------------------------ for the program itself

    def load_all(self, connection: Connection) -> list[AgentRecord]:
        """Return every active agent of the site; for start-up, within ``database.read``."""
        return store.load_all(connection, self._database.site_id)

    def membership(self, connection: Connection, user_id: UserId) -> Membership:
        """Return the user's agent and teams; the users room asks when it makes a principal."""
        return store.membership(connection, user_id)

    def agents_of_teams(self, connection: Connection, team_ids: frozenset[TeamId]) -> list[AgentId]:
        """Return the ids of the teams' agents; rooms whose rows name agents turn scope team into these."""
        return store.agents_of_teams(connection, team_ids)

    # ------------------------------------------------------------------ agents

    async def list_agents(
        self, principal: Principal, paging: Paging, filters: AgentFilters = AgentFilters()
    ) -> Page[AgentRecord]:
        """Return the agents in reach, by name."""
        scope, site = require(principal, Right.AGENTS_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_agents(c, scope, principal, site, paging, filters))

    async def list_serving(self, principal: Principal) -> list[AgentRecord]:
        """Return every agent in reach whom the router may know, signed in or not, by name."""
        scope, site = require(principal, Right.AGENTS_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_serving(c, scope, principal, site))

    async def get_agent(self, principal: Principal, agent_id: str) -> AgentRecord:
        """Return one agent. Raises NotFound when out of reach."""
        scope, site = require(principal, Right.AGENTS_READ), self._database.site_id
        found = await self._database.read(lambda c: store.find_agent(c, scope, principal, site, agent_id))
        return _found(found)

    async def own_agent(self, principal: Principal) -> AgentRecord:
        """Return the principal's own agent with his device's secret. Raises NotFound for one who is no agent."""
        require(principal, Right.DESK)
        site, agent_id = self._database.site_id, principal.agent_id or ""
        return _found(await self._database.read(lambda c: store.find_agent(c, Scope.OWN, principal, site, agent_id)))

    async def create_agent(self, principal: Principal, new: NewAgent) -> AgentRecord:
        """Make a user an agent; his device gets a generated secret. Raises Conflict for a taken extension or user."""
        scope = require(principal, Right.AGENTS_WRITE)
        _check_team(scope, principal, new.team_id)
        check_extension(new.extension)
        check_contact_uri(new.contact_uri, new.kind)
        agent = self._fresh(new)

        def work(tx: Transaction) -> AgentRecord:
            _check_free(tx.connection, agent, is_new=True)
            _check_settings(tx.connection, agent)
            _store(lambda: store.insert_agent(tx, agent))
            _keep(tx, principal, Change(AGENT_VERSIONS, agent.agent_id, "created"), agent)
            return _again(tx, agent)

        return await self._database.write(work)

    def _fresh(self, new: NewAgent) -> AgentRecord:
        device = Device(
            DeviceId(self._ids.new()),
            self._server(new.server_id),
            endpoint_name(new.extension),
            new.kind,
            new.mode,
            self._new_secret(),
            new.contact_uri,
        )
        return AgentRecord(
            agent_id=AgentId(self._ids.new()),
            site_id=self._database.site_id,
            user_id=new.user_id,
            name=new.name,
            extension=new.extension,
            team_id=new.team_id,
            team_name="",
            is_active=True,
            skills={},
            device=device,
            presence=Presence(PresenceState.OFFLINE, "", self._clock.now()),
            profile_id=new.profile_id,
            own=OwnSettings(dict(new.skills or {}), new.queues, new.capacity),
        )

    def _server(self, server_id: ServerId | None) -> ServerId:
        if server_id and server_id not in self._servers:
            raise Invalid("invalid", {"server_id": "unknown"})
        return server_id or self._servers[0]

    async def update_agent(
        self, principal: Principal, agent_id: str, changes: Mapping[str, Any], version: int | None = None
    ) -> AgentRecord:
        """Change an agent: any of name, extension, team_id, is_active, kind, mode, contact_uri, server_id, profile_id,
        and his own skills, queues and capacity. The caller read this ``version`` of him.

        A new extension renames the endpoint. Raises NotFound out of reach, Stale when he has another version by now,
        Conflict for a taken extension.
        """
        scope, site = require(principal, Right.AGENTS_WRITE), self._database.site_id
        if "team_id" in changes:
            _check_team(scope, principal, changes["team_id"])
        if "server_id" in changes:
            changes = {**changes, "server_id": self._server(changes["server_id"])}

        def work(tx: Transaction) -> AgentRecord:
            before = _found(store.find_agent(tx.connection, scope, principal, site, agent_id))
            change = Change(AGENT_VERSIONS, before.agent_id, "updated", tuple(sorted(changes)), version)
            return _save(tx, principal, before, changes, change)

        return await self._database.write(work)

    async def agent_history(self, principal: Principal, agent_id: str, paging: Paging) -> Page[Version]:
        """Return the versions of an agent's settings, newest first; ``agent_settings`` reads them. Raises NotFound."""
        scope, site = require(principal, Right.AGENTS_WRITE), self._database.site_id

        def look(connection: Connection) -> Page[Version]:
            agent = _found(store.find_agent(connection, scope, principal, site, agent_id))
            return versions.list_versions(connection, AGENT_VERSIONS, agent.agent_id, paging)

        return await self._database.read(look)

    async def restore_agent(
        self, principal: Principal, agent_id: str, version: int, present: int | None = None
    ) -> AgentRecord:
        """Set how an agent is routed to (``AgentSettings``) as it was in a version, which makes a new version.

        Raises NotFound out of reach or without that version, Stale when his latest is not the ``present`` one the
        caller knows, Forbidden when he was in a team out of reach, Invalid when it names what is no more.
        """
        scope, site = require(principal, Right.AGENTS_WRITE), self._database.site_id

        def work(tx: Transaction) -> AgentRecord:
            before = _found(store.find_agent(tx.connection, scope, principal, site, agent_id))
            kept = versions.find_version(tx.connection, AGENT_VERSIONS, before.agent_id, version)
            if kept is None:
                raise NotFound("not-found")
            was, now = agent_settings(kept), _settings(before)
            changes = {name: getattr(was, name) for name in versions.differing(was, now, _ROUTED_FIELDS)}
            if "team_id" in changes:
                _check_team(scope, principal, was.team_id)
            change = Change(AGENT_VERSIONS, before.agent_id, "restored", tuple(changes), present)
            return _save(tx, principal, before, changes, change)

        return await self._database.write(work)

    async def set_presence(self, principal: Principal, agent_id: str, state: PresenceState, reason: str = "") -> None:
        """Choose an agent's presence, one's own or (with the scope) another's; the router decides when it holds.

        The owner's announcement carries the actor and is the record of it; answered when that is kept, or when the
        store refuses: then it holds all the same and is written later. Raises what ``check_choice`` raises.
        """
        found, chosen = await self.check_choice(principal, agent_id, state, reason)
        await self._presence.set_presence(found, state, chosen, principal.user_id)
        with contextlib.suppress(Unavailable):
            await self._database.flush()

    async def check_choice(
        self, principal: Principal, agent_id: str, state: PresenceState, reason: str = ""
    ) -> tuple[AgentId, str]:
        """Return (agent, reason) that ``set_presence`` would give to the router; nothing is changed.

        Raises NotFound out of reach, Invalid ``reason-needed`` or for a reason that is not in the list.
        """
        scope, site = require(principal, Right.PRESENCE_SET), self._database.site_id

        def look(connection: Connection) -> tuple[AgentId, str]:
            agent = _found(store.find_agent(connection, scope, principal, site, agent_id))
            return agent.agent_id, check_presence(state, reason, store.list_reasons(connection))

        return await self._database.read(look)

    # ------------------------------------------------------------------ skills, teams, reasons

    async def list_skills(self, principal: Principal) -> list[Skill]:
        """Return every skill by name."""
        require(principal, Right.SIGNED_IN)
        return await self._database.read(store.list_skills)

    async def save_skill(
        self, principal: Principal, name: str, label: str, skill_id: str = "", version: int | None = None
    ) -> Skill:
        """Create a skill, or change the one with ``skill_id``, of which the caller read this ``version``.

        Raises Stale when it has another version by now, Conflict when the name is taken.
        """
        require(principal, Right.AGENTS_WRITE)
        skill = Skill(SkillId(skill_id or self._ids.new()), name, label)

        def work(tx: Transaction) -> Skill:
            known = {other.skill_id: other for other in store.list_skills(tx.connection)}
            _check_known(skill_id, set(known))
            before = known.pop(skill.skill_id, None)
            change = _change(SKILL_VERSIONS, skill.skill_id, before, skill, version)
            versions.check(tx.connection, change)
            if any(other.name == name for other in known.values()):
                raise Conflict("name-taken", {"name": "taken"})
            store.save_skill(tx, skill, is_new=before is None)
            number = _keep_named(tx, principal, change, skill, before)
            tx.record(SkillChanged(skill.skill_id, change.change), principal.user_id)
            return replace(skill, version=number)

        return await self._database.write(work)

    async def list_teams(self, principal: Principal) -> list[Team]:
        """Return the teams in reach, by name."""
        scope, site = require(principal, Right.AGENTS_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_teams(c, scope, principal, site))

    async def save_team(
        self,
        principal: Principal,
        name: str,
        supervisors: frozenset[UserId],
        team_id: str = "",
        version: int | None = None,
    ) -> Team:
        """Create a team, or change the one with ``team_id``, of which the caller read this ``version``.

        Needs reach over the site: it decides who reaches whom. Raises Stale when it has another version by now,
        Conflict when the name is taken.
        """
        scope, site = require(principal, Right.AGENTS_WRITE), self._database.site_id
        if scope < Scope.SITE:
            raise Forbidden("forbidden", {"right": Right.AGENTS_WRITE.value})
        team = Team(TeamId(team_id or self._ids.new()), site, name, supervisors)

        def work(tx: Transaction) -> Team:
            known = {other.team_id: other for other in store.list_teams(tx.connection, scope, principal, site)}
            _check_known(team_id, set(known))
            before = known.pop(team.team_id, None)
            change = _change(TEAM_VERSIONS, team.team_id, before, team, version)
            versions.check(tx.connection, change)
            if any(other.name == name for other in known.values()):
                raise Conflict("name-taken", {"name": "taken"})
            _store(lambda: store.save_team(tx, team, is_new=before is None))
            number = _keep_named(tx, principal, change, team, before)
            tx.record(TeamChanged(team.team_id, change.change), principal.user_id)
            return replace(team, version=number)

        return await self._database.write(work)

    async def list_reasons(self, principal: Principal) -> list[NotReadyReason]:
        """Return the not-ready reasons in their order."""
        require(principal, Right.SIGNED_IN)
        return await self._database.read(store.list_reasons)

    async def save_reason(self, principal: Principal, reason: NotReadyReason) -> NotReadyReason:
        """Create or change the not-ready reason with this code."""
        require(principal, Right.AGENTS_WRITE)
        check_code(reason.code)

        def work(tx: Transaction) -> NotReadyReason:
            is_new = reason.code not in {known.code for known in store.list_reasons(tx.connection)}
            store.save_reason(tx, reason, is_new=is_new)
            change = "created" if is_new else "updated"
            tx.record(NotReadyReasonChanged(reason.code, change), principal.user_id)
            return reason

        return await self._database.write(work)


_DEVICE_FIELDS = {"kind", "mode", "contact_uri", "server_id"}
_AGENT_FIELDS = {"name", "extension", "team_id", "is_active", "profile_id"}
_OWN_FIELDS = {"skills", "queues", "capacity"}
_ROUTED_FIELDS = {"team_id", "profile_id", *_OWN_FIELDS}


def agent_settings(version: Version) -> AgentSettings:
    """Return how an agent was routed to in a version."""
    return msgspec.convert(version.settings, AgentSettings)


def _save(
    tx: Transaction, principal: Principal, before: AgentRecord, changes: Mapping[str, Any], change: Change
) -> AgentRecord:
    versions.check(tx.connection, change)
    after = _changed(before, changes)
    _check_free(tx.connection, after, is_new=False)
    if changes.keys() & {*_OWN_FIELDS, "profile_id"}:
        _check_settings(tx.connection, after)
    _store(lambda: store.update_agent(tx, after))
    _keep(tx, principal, change, after, before)
    return _again(tx, after)


def _changed(agent: AgentRecord, changes: Mapping[str, Any]) -> AgentRecord:
    unknown = set(changes) - _DEVICE_FIELDS - _AGENT_FIELDS - _OWN_FIELDS
    if unknown:
        raise Invalid("invalid", dict.fromkeys(sorted(unknown), "extra-forbidden"))
    own = replace(agent.own, **{name: value for name, value in changes.items() if name in _OWN_FIELDS})
    after = replace(agent, own=own, **{name: value for name, value in changes.items() if name in _AGENT_FIELDS})
    check_extension(after.extension)
    of_device = {name: value for name, value in changes.items() if name in _DEVICE_FIELDS}
    device = replace(agent.device, endpoint=endpoint_name(after.extension), **of_device)
    check_contact_uri(device.contact_uri, device.kind)
    return replace(after, device=device)


def _keep(
    tx: Transaction, principal: Principal, change: Change, agent: AgentRecord, before: AgentRecord | None = None
) -> None:
    old = None if before is None else msgspec.to_builtins(_settings(before))
    versions.keep(tx, change, msgspec.to_builtins(_settings(agent)), principal.user_id, old)
    tx.record(AgentChanged(agent.agent_id, change.change, tuple(change.fields)), principal.user_id)


def _settings(agent: AgentRecord) -> AgentSettings:
    return AgentSettings(agent.team_id, agent.profile_id, agent.own.skills, agent.own.queues, agent.own.capacity)


def _change(kind: str, thing_id: str, before: Skill | Team | None, after: Skill | Team, version: int | None) -> Change:
    if before is None:
        return Change(kind, thing_id, "created")
    old = _named(before)
    changed = tuple(sorted(name for name, value in _named(after).items() if old[name] != value))
    return Change(kind, thing_id, "updated", changed, version)


def _keep_named(
    tx: Transaction, principal: Principal, change: Change, after: Skill | Team, before: Skill | Team | None
) -> int:
    old = None if before is None else _named(before)
    return versions.keep(tx, change, _named(after), principal.user_id, old)


def _named(thing: Skill | Team) -> dict[str, Any]:
    if isinstance(thing, Skill):
        return {"name": thing.name, "label": thing.label}
    return {"name": thing.name, "supervisors": sorted(thing.supervisors)}


def _check_team(scope: Scope, principal: Principal, team_id: TeamId | None) -> None:
    if scope < Scope.SITE and team_id not in principal.team_ids:
        raise Forbidden("forbidden", {"team_id": "out-of-reach"})


def _check_free(connection: Connection, agent: AgentRecord, *, is_new: bool) -> None:
    if store.is_extension_taken(connection, agent.site_id, agent.extension, "" if is_new else agent.agent_id):
        raise Conflict("extension-taken", {"extension": "taken"})
    if is_new and store.is_user_taken(connection, agent.user_id):
        raise Conflict("user-is-agent", {"user_id": "taken"})


def _check_settings(connection: Connection, agent: AgentRecord) -> None:
    known = store.known(connection, agent.site_id)
    if agent.profile_id is not None and agent.profile_id not in known.profiles:
        raise Invalid("invalid", {"profile_id": "unknown-profile"})
    check_settings(agent.own, known)


def _check_known(given: str, known: set[Any]) -> None:
    if given and given not in known:
        raise NotFound("not-found")


def _store(act: Callable[[], None]) -> None:
    try:
        act()
    except IntegrityError as error:
        raise Invalid("invalid", {"reference": "unknown"}) from error


def _again(tx: Transaction, agent: AgentRecord) -> AgentRecord:
    return _found(store.find_agent(tx.connection, Scope.ALL, SYSTEM, agent.site_id, agent.agent_id))


def _found(agent: AgentRecord | None) -> AgentRecord:
    if agent is None:
        raise NotFound("not-found")
    return agent
