"""Use cases of queues and dialed numbers."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import msgspec
from sqlalchemy import Connection

from contactcenter.core import versions
from contactcenter.core.clock import Clock
from contactcenter.core.database import Database, Transaction
from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound
from contactcenter.core.ids import Ids, QueueId
from contactcenter.core.media import MOST, VOICE
from contactcenter.core.paging import Page, Paging
from contactcenter.core.permissions import SYSTEM, Principal, Right, Scope, require
from contactcenter.core.versions import Change, Version
from contactcenter.queues import store
from contactcenter.queues.model import (
    VERSIONS,
    DialedNumber,
    DialedNumberChanged,
    Queue,
    QueueChanged,
    check_dialed,
)
from contactcenter.queues.ports import Offer, Offers
from contactcenter.queues.preview import StepPreview, preview
from contactcenter.queues.rules import check_queue

_CHANGEABLE = frozenset(field.name for field in fields(Queue)) - {"queue_id", "site_id", "version"}


async def _nobody(principal: Principal) -> list[Offer]:
    """Stands in until agents are there."""
    return []


class QueueService:
    """Queues of one site. ``offers``: who there is to serve them."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self.offers: Offers = _nobody
        self._database = database
        self._clock = clock
        self._ids = ids

    def load_all(self, connection: Connection) -> list[Queue]:
        """Return every queue of the site; for start-up, within ``database.read``."""
        return store.list_queues(connection, Scope.SITE, SYSTEM, self._database.site_id)

    def load_dialed(self, connection: Connection) -> list[DialedNumber]:
        """Return every dialed number of the site; for start-up, within ``database.read``."""
        return store.list_dialed(connection, Scope.SITE, SYSTEM, self._database.site_id)

    async def list_queues(self, principal: Principal) -> list[Queue]:
        """Return the queues in reach, by name."""
        scope, site = require(principal, Right.QUEUES_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_queues(c, scope, principal, site))

    async def get_queue(self, principal: Principal, queue_id: str) -> Queue:
        """Return one queue. Raises NotFound when out of reach."""
        scope, site = require(principal, Right.QUEUES_READ), self._database.site_id
        return _found(await self._database.read(lambda c: store.find_queue(c, scope, principal, site, queue_id)))

    async def create_queue(self, principal: Principal, values: Mapping[str, Any]) -> Queue:
        """Create a queue of ``values`` (fields of Queue but its ids). Raises Conflict when the name is taken."""
        self._require_site(principal)
        _check_fields(values)
        queue = Queue(QueueId(self._ids.new()), self._database.site_id, **values)

        def work(tx: Transaction) -> Queue:
            return _save(tx, principal, queue, Change(VERSIONS, queue.queue_id, "created"))

        return await self._database.write(work)

    async def update_queue(
        self, principal: Principal, queue_id: str, changes: Mapping[str, Any], version: int | None = None
    ) -> Queue:
        """Change a queue, of which the caller read this ``version``.

        Raises NotFound out of reach, Stale when it has another by now, Conflict when the name is taken.
        """
        scope = self._require_site(principal)
        _check_fields(changes)

        def work(tx: Transaction) -> Queue:
            before = _found(store.find_queue(tx.connection, scope, principal, self._database.site_id, queue_id))
            change = Change(VERSIONS, before.queue_id, "updated", tuple(sorted(changes)), version)
            return _save(tx, principal, replace(before, **changes), change, before)

        return await self._database.write(work)

    async def queue_history(self, principal: Principal, queue_id: str, paging: Paging) -> Page[Version]:
        """Return the queue's versions, the newest first; ``queue_of`` reads their settings. Raises NotFound."""
        scope, site = self._require_site(principal), self._database.site_id

        def look(connection: Connection) -> Page[Version]:
            queue = _found(store.find_queue(connection, scope, principal, site, queue_id))
            return versions.list_versions(connection, VERSIONS, queue.queue_id, paging)

        return await self._database.read(look)

    async def restore_queue(
        self, principal: Principal, queue_id: str, version: int, present: int | None = None
    ) -> Queue:
        """Set everything of a queue as it was in a version; that is a change, and a new version, like any other.

        Raises NotFound out of reach or without that version, Stale when its latest is not the ``present`` one the
        caller knows, Conflict when its name is another's now, Invalid when it names what is no more.
        """
        scope, site = self._require_site(principal), self._database.site_id

        def work(tx: Transaction) -> Queue:
            before = _found(store.find_queue(tx.connection, scope, principal, site, queue_id))
            kept = versions.find_version(tx.connection, VERSIONS, before.queue_id, version)
            if kept is None:
                raise NotFound("not-found")
            after = queue_of(kept)
            changed = versions.differing(before, after, _CHANGEABLE)
            return _save(tx, principal, after, Change(VERSIONS, before.queue_id, "restored", changed, present), before)

        return await self._database.write(work)

    async def preview_queue(
        self, principal: Principal, values: Mapping[str, Any], queue_id: str = "", medium: str = VOICE
    ) -> list[StepPreview]:
        """Return who of the agents in reach could get items of a queue with these unsaved ``values``, step by step.

        ``queue_id``: the queue they would change, '' for a new one, which only agents without a list of queues serve.
        Changes nothing. Raises Invalid as saving would, and for an unknown medium; NotFound.
        """
        if medium not in MOST:
            raise Invalid("invalid", {"medium": "unknown-medium"})
        _, queue = await self.unsaved(principal, values, queue_id)
        return preview(queue, medium, await self.offers(principal))

    async def unsaved(self, principal: Principal, values: Mapping[str, Any], queue_id: str = "") -> tuple[Queue, Queue]:
        """Return a queue as it is and as unsaved ``values`` would make it; ``queue_id`` '': a new one.

        Changes nothing. Raises Invalid as saving would; NotFound.
        """
        scope, site = require(principal, Right.QUEUES_READ), self._database.site_id
        _check_fields(values)

        def look(connection: Connection) -> tuple[Queue, Queue]:
            before = Queue(QueueId(""), site, "-")
            if queue_id:
                before = _found(store.find_queue(connection, scope, principal, site, queue_id))
            after = replace(before, **values)
            check_queue(after, store.known(connection, site))
            return before, after

        return await self._database.read(look)

    async def list_dialed(self, principal: Principal) -> list[DialedNumber]:
        """Return the dialed numbers in reach."""
        scope, site = require(principal, Right.QUEUES_READ), self._database.site_id
        return await self._database.read(lambda c: store.list_dialed(c, scope, principal, site))

    async def save_dialed(self, principal: Principal, number: str, flow: str) -> DialedNumber:
        """Let a number lead to a flow."""
        self._require_site(principal)
        check_dialed(number, flow)
        dialed = DialedNumber(number, self._database.site_id, flow)

        def work(tx: Transaction) -> DialedNumber:
            number_id, is_new = store.save_dialed(tx, dialed, self._ids.new())
            tx.record(DialedNumberChanged(number_id, "created" if is_new else "updated"), principal.user_id)
            return dialed

        return await self._database.write(work)

    async def delete_dialed(self, principal: Principal, number: str) -> None:
        """Let a number lead nowhere. Raises NotFound for an unknown one."""
        self._require_site(principal)

        def work(tx: Transaction) -> None:
            number_id = store.delete_dialed(tx, self._database.site_id, number)
            if number_id is None:
                raise NotFound("not-found")
            tx.record(DialedNumberChanged(number_id, "deleted"), principal.user_id)

        await self._database.write(work)

    def _require_site(self, principal: Principal) -> Scope:
        scope = require(principal, Right.QUEUES_WRITE)
        if scope < Scope.SITE:
            raise Forbidden("forbidden", {"right": Right.QUEUES_WRITE.value})
        return scope


def queue_of(version: Version) -> Queue:
    """Return the queue as it was in a version."""
    return replace(msgspec.convert(version.settings, Queue), version=version.number)


def _save(tx: Transaction, principal: Principal, queue: Queue, change: Change, before: Queue | None = None) -> Queue:
    versions.check(tx.connection, change)
    check_queue(queue, store.known(tx.connection, queue.site_id))
    if store.is_name_taken(tx.connection, queue.site_id, queue.name, "" if before is None else queue.queue_id):
        raise Conflict("name-taken", {"name": "taken"})
    store.save_queue(tx, queue, is_new=before is None)
    old = None if before is None else _settings(before)
    number = versions.keep(tx, change, _settings(queue), principal.user_id, old)
    tx.record(QueueChanged(queue.queue_id, change.change, tuple(change.fields)), principal.user_id)
    return replace(queue, version=number)


def _settings(queue: Queue) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(queue)
    del kept["version"]
    return kept


def _check_fields(values: Mapping[str, Any]) -> None:
    unknown = sorted(set(values) - _CHANGEABLE)
    if unknown:
        raise Invalid("invalid", dict.fromkeys(unknown, "extra-forbidden"))


def _found(queue: Queue | None) -> Queue:
    if queue is None:
        raise NotFound("not-found")
    return queue
