"""The present picture: every open interaction, every agent's three states, every queue. In memory, one owner.

``assignments`` alone writes it, in the event loop; screens read it. ``touched`` tells the screens which things changed:
``agent:<id>``, ``work:<interaction>``, ``queue:<id>``, ``link:<server>``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from contactcenter.core.ids import AgentId, InteractionId, LegId, QueueId, ReservationId, ServerId
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.interactions.ports import Device


@dataclass(slots=True)
class LiveAgent:
    """What the router and the PBX last said about one agent."""

    agent_id: AgentId
    name: str
    device: Device
    device_kind: str = "desk"
    team: str = ""
    presence: str = "offline"
    reason: str = ""
    presence_since: datetime | None = None
    work: str = "idle"
    interaction_id: InteractionId | None = None
    until: datetime | None = None
    work_since: datetime | None = None
    device_usable: bool = False
    device_state: str = "UNKNOWN"
    skills: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class LiveQueue:
    """A queue's settings that assignments and screens need; durations are seconds."""

    queue_id: QueueId
    name: str
    label: str
    priority: int = 0
    target_time: float = 20.0
    goal: float = 80.0
    ring_time: float = 20.0
    wrap_up_time: float = 0.0
    wrap_up_extension: float = 60.0
    max_extensions: int = 1
    short_abandon_time: float = 5.0
    skills: dict[str, int] = field(default_factory=dict)
    dispositions: tuple[tuple[str, str], ...] = ()
    needs_disposition: bool = False


@dataclass(slots=True)
class Link:
    """The link to one PBX."""

    server_id: ServerId
    up: bool = False
    reason: str = "connecting"
    since: datetime | None = None


Touch = Callable[[str], None]


class Picture:
    """All of it, with the look-ups that calls need."""

    def __init__(self) -> None:
        self.interactions: dict[InteractionId, Interaction] = {}
        self.agents: dict[AgentId, LiveAgent] = {}
        self.queues: dict[QueueId, LiveQueue] = {}
        self.links: dict[ServerId, Link] = {}
        self.flows: dict[str, str] = {}  # dialed number -> flow
        self._by_leg: dict[tuple[ServerId, LegId], Interaction] = {}
        self._by_reservation: dict[ReservationId, Interaction] = {}
        self._by_endpoint: dict[tuple[ServerId, str], LiveAgent] = {}
        self._watchers: list[Touch] = []

    def watch(self, watcher: Touch) -> None:
        """Hear the key of each thing that changed, at once."""
        self._watchers.append(watcher)

    def touch(self, key: str) -> None:
        """Tell the watchers."""
        for watcher in self._watchers:
            watcher(key)

    def add(self, item: Interaction) -> None:
        """Take up an interaction."""
        self.interactions[item.interaction_id] = item
        self._by_leg[item.server_id, item.leg_id] = item

    def drop(self, item: Interaction) -> None:
        """Forget an interaction that is over."""
        self.interactions.pop(item.interaction_id, None)
        self._by_leg.pop((item.server_id, item.leg_id), None)

    def reserve(self, reservation_id: ReservationId, item: Interaction) -> None:
        """Remember which interaction a reservation (and so an agent's leg) is for."""
        self._by_reservation[reservation_id] = item

    def release(self, reservation_id: ReservationId) -> None:
        """Forget a reservation whose leg is gone."""
        self._by_reservation.pop(reservation_id, None)

    def find_by_leg(self, server_id: ServerId, leg_id: LegId) -> Interaction | None:
        """Return the interaction of a caller's leg."""
        return self._by_leg.get((server_id, leg_id))

    def find_by_reservation(self, reservation_id: str) -> Interaction | None:
        """Return the interaction a reservation or agent's leg belongs to."""
        return self._by_reservation.get(ReservationId(reservation_id))

    def add_agent(self, agent: LiveAgent) -> None:
        """Take up an agent, or one whose device changed."""
        self._by_endpoint = {key: one for key, one in self._by_endpoint.items() if one.agent_id != agent.agent_id}
        self.agents[agent.agent_id] = agent
        self._by_endpoint[agent.device.server_id, agent.device.endpoint] = agent

    def find_by_endpoint(self, server_id: ServerId, endpoint: str) -> LiveAgent | None:
        """Return the agent reached at an endpoint."""
        return self._by_endpoint.get((server_id, endpoint))

    def find_queue(self, name: str) -> LiveQueue | None:
        """Return the queue with this name or id."""
        by_id = self.queues.get(QueueId(name))
        return by_id or next((queue for queue in self.queues.values() if queue.name == name), None)

    def waiting(self, queue_id: QueueId | None = None) -> Iterator[Interaction]:
        """Yield the interactions in line (alerting ones included), of one queue or of all."""
        for item in self.interactions.values():
            in_line = item.phase in (Phase.WAITING, Phase.ALERTING) and item.visit is not None
            if in_line and item.visit and queue_id in (None, item.visit.queue_id):
                yield item
