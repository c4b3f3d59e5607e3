"""What joins the processes of a site, in each of them: events of the others, desktops opened and sign-ins tried."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import structlog

from agent_ui.hub import Hub
from contactcenter.agents.model import AgentChanged, TeamChanged
from contactcenter.core.events import Envelope, Event
from contactcenter.core.follower import Follower
from contactcenter.core.ids import AgentId
from contactcenter.foundation import Foundation
from contactcenter.rooms import Rooms
from contactcenter.users.model import SessionEnded, TokenChanged, UserChanged

log = structlog.get_logger(__name__)

RIGHTS: Final[tuple[type[Event], ...]] = (UserChanged, SessionEnded, TokenChanged, AgentChanged, TeamChanged)
"""Events after which somebody may do more, or less, than before."""
LOST: Final = "Messages to other processes that were not carried"
_desktops = msgspec.msgpack.Decoder(tuple[str, AgentId, str])
_attempts = msgspec.msgpack.Decoder(tuple[str, str, str])


class Joined:
    """One process among those of its site; ``kinds`` are the events of others it cares about besides rights."""

    def __init__(self, base: Foundation, rooms: Rooms, hub: Hub, kinds: Iterable[type[Event]] = ()) -> None:
        self.process = base.ids.new()
        """A name of this process, new at each start."""
        self._base = base
        self._rooms = rooms
        self._hub = hub
        self._channel = f"cc:{base.settings.site_id}:desktops"
        self._attempts_channel = f"cc:{base.settings.site_id}:attempts"
        self._on_the_way: Counter[AgentId] = Counter()  # of our own words about desktops: not heard back yet
        heard = sorted({kind.kind for kind in (*RIGHTS, *kinds)})
        self._follower = Follower(base.database, base.publisher, base.bus, base.clock, self.process, heard)

    def start(self) -> None:
        """Hear and tell, where there is anybody to hear."""
        base = self._base
        base.publisher.subscribe(self._on_event)
        if not base.bus.reaches_others:
            return
        self._hub.on_desktop = self._opened
        self._rooms.attempts.tell = self._tried
        base.bus.subscribe(self._channel, self._opened_somewhere)
        base.bus.subscribe(self._attempts_channel, self._tried_somewhere)
        base.bus.on_restored(self._back)
        base.tasks.keep("follow", self._follower.keep)

    def degraded(self) -> list[dict[str, Any]]:
        """Return what is wrong with the way to the others."""
        reason = self._base.bus.degraded if self._base.bus.reaches_others else ""
        return [{"code": "bus-away", "since": None, "fields": {"reason": reason}}] if reason else []

    def _on_event(self, envelope: Envelope) -> None:
        if isinstance(envelope.event, RIGHTS):
            self._rooms.principals.drop()

    def _back(self) -> None:
        """Tell again which desktops are open here: what was told meanwhile nobody heard, and one stays of two."""
        self._on_the_way.clear()
        for page in list(self._hub.pages):
            agent_id = page.principal.agent_id
            if agent_id is not None and self._hub.desktop_of(agent_id) is page:
                self._opened(agent_id, page.instance)

    def _tried(self, login: str, address: str) -> None:
        message = msgspec.msgpack.encode((self.process, login, address))
        self._base.bus.publish(self._attempts_channel, message)

    def _tried_somewhere(self, message: bytes) -> None:
        """Whoever guesses passwords has no more tries for there being more processes."""
        try:
            process, login, address = _attempts.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("attempt-not-understood", bytes=len(message))
            return
        if process != self.process:
            self._rooms.attempts.count(login, address)

    def _opened(self, agent_id: AgentId, instance: str) -> None:
        bus = self._base.bus
        lost = bus.lost
        bus.publish(self._channel, msgspec.msgpack.encode((self.process, agent_id, instance)))
        self._on_the_way[agent_id] += bus.lost == lost

    def _opened_somewhere(self, message: bytes) -> None:
        """Give way to a desktop of another process, unless ours is the later one: all hear them in the same order."""
        try:
            process, agent_id, instance = _desktops.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("desktop-not-understood", bytes=len(message))
            return
        if process == self.process:
            self._on_the_way -= Counter([agent_id])
        elif not self._on_the_way[agent_id]:
            self._hub.opened_elsewhere(agent_id, instance)
