"""Use cases of routing profiles: what many agents have in common, set once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from contactcenter.agents import store
from contactcenter.agents.model import PROFILE_VERSIONS, RoutingProfile, RoutingProfileChanged, check_settings
from contactcenter.core import versions
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound
from contactcenter.core.ids import Ids, ProfileId
from contactcenter.core.paging import Page, Paging
from contactcenter.core.permissions import Principal, Right, Scope, require
from contactcenter.core.versions import Change, Version

_CHANGEABLE: Final = frozenset({"name", "skills", "queues", "capacity"})


class ProfileService:
    """Routing profiles of one site, under the rights of its queues: who may say how work is routed may say it here."""

    def __init__(self, database: Database, ids: Ids) -> None:
        self._database = database
        self._ids = ids

    async def list_profiles(self, principal: Principal) -> list[RoutingProfile]:
        """Return the profiles in reach, by name."""
        scope, site = require(principal, Right.QUEUES_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_profiles(c, scope, site))

    async def get_profile(self, principal: Principal, profile_id: str) -> RoutingProfile:
        """Return one profile. Raises NotFound when out of reach."""
        scope, site = require(principal, Right.QUEUES_READ), self._database.site_id
        return await self._database.read(lambda c: _found(store.find_profile(c, scope, site, profile_id)))

    async def create_profile(self, principal: Principal, values: Mapping[str, Any]) -> RoutingProfile:
        """Create a profile of ``values`` (name, skills, queues, capacity). Raises Conflict when the name is taken."""
        _require_site(principal)
        _check_fields(values)
        profile = RoutingProfile(ProfileId(self._ids.new()), self._database.site_id, **values)

        def work(tx: Transaction) -> RoutingProfile:
            return _save(tx, principal, profile, Change(PROFILE_VERSIONS, profile.profile_id, "created"))

        return await self._database.write(work)

    async def update_profile(
        self, principal: Principal, profile_id: str, changes: Mapping[str, Any], version: int | None = None
    ) -> RoutingProfile:
        """Change a profile, of which the caller read this ``version``; it holds at once for everybody who has it.

        Raises NotFound, Stale when it has another version by now, Conflict for a taken name.
        """
        scope = _require_site(principal)
        _check_fields(changes)

        def work(tx: Transaction) -> RoutingProfile:
            before = self._find(tx.connection, scope, profile_id)
            change = Change(PROFILE_VERSIONS, before.profile_id, "updated", tuple(sorted(changes)), version)
            return _save(tx, principal, replace(before, **changes), change, before)

        return await self._database.write(work)

    async def delete_profile(self, principal: Principal, profile_id: str) -> None:
        """Delete a profile. Raises NotFound, Conflict ``profile-in-use`` while agents have it, inactive ones too."""
        scope = _require_site(principal)

        def work(tx: Transaction) -> None:
            found = self._find(tx.connection, scope, profile_id).profile_id
            agents = store.agents_with(tx.connection, found)
            if agents:
                raise Conflict("profile-in-use", {"agents": agents})
            store.delete_profile(tx, found)
            tx.record(RoutingProfileChanged(found, "deleted"), principal.user_id)

        await self._database.write(work)

    async def profile_history(self, principal: Principal, profile_id: str, paging: Paging) -> Page[Version]:
        """Return the profile's versions, the newest first; ``profile_of`` reads their settings. Raises NotFound."""
        scope = _require_site(principal)

        def look(connection: Connection) -> Page[Version]:
            found = self._find(connection, scope, profile_id)
            return versions.list_versions(connection, PROFILE_VERSIONS, found.profile_id, paging)

        return await self._database.read(look)

    async def restore_profile(
        self, principal: Principal, profile_id: str, version: int, present: int | None = None
    ) -> RoutingProfile:
        """Set everything of a profile as it was in a version, which makes a new version.

        Raises NotFound out of reach or without that version, Stale when its latest is not the ``present`` one the
        caller knows, Conflict when its name is another's now.
        """
        scope = _require_site(principal)

        def work(tx: Transaction) -> RoutingProfile:
            before = self._find(tx.connection, scope, profile_id)
            kept = versions.find_version(tx.connection, PROFILE_VERSIONS, before.profile_id, version)
            if kept is None:
                raise NotFound("not-found")
            after = profile_of(kept)
            changed = versions.differing(before, after, _CHANGEABLE)
            change = Change(PROFILE_VERSIONS, before.profile_id, "restored", changed, present)
            return _save(tx, principal, after, change, before)

        return await self._database.write(work)

    def _find(self, connection: Connection, scope: Scope, profile_id: str) -> RoutingProfile:
        return _found(store.find_profile(connection, scope, self._database.site_id, profile_id))


def profile_of(version: Version) -> RoutingProfile:
    """Return the profile as it was in a version."""
    return replace(msgspec.convert(version.settings, RoutingProfile), version=version.number)


def _save(
    tx: Transaction, principal: Principal, profile: RoutingProfile, change: Change, before: RoutingProfile | None = None
) -> RoutingProfile:
    versions.check(tx.connection, change)
    if not profile.name.strip():
        raise Invalid("invalid", {"name": "missing"})
    check_settings(profile, store.known(tx.connection, profile.site_id))
    if store.is_profile_name_taken(tx.connection, profile):
        raise Conflict("name-taken", {"name": "taken"})
    store.save_profile(tx, profile, is_new=before is None)
    old = None if before is None else _settings(before)
    number = versions.keep(tx, change, _settings(profile), principal.user_id, old)
    tx.record(RoutingProfileChanged(profile.profile_id, change.change, tuple(change.fields)), principal.user_id)
    return replace(profile, version=number)


def _settings(profile: RoutingProfile) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(profile)
    del kept["version"]
    return kept


def _require_site(principal: Principal) -> Scope:
    scope = require(principal, Right.QUEUES_WRITE)
    if scope < Scope.SITE:
        raise Forbidden("forbidden", {"right": Right.QUEUES_WRITE.value})
    return scope


def _check_fields(values: Mapping[str, Any]) -> None:
    unknown = sorted(set(values) - _CHANGEABLE)
    if unknown:
        raise Invalid("invalid", dict.fromkeys(unknown, "extra-forbidden"))


def _found(profile: RoutingProfile | None) -> RoutingProfile:
    if profile is None:
        raise NotFound("not-found")
    return profile
