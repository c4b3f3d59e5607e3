"""The present picture: every open interaction, every agent's three states, every queue. In memory, one owner.

``assignments`` alone writes it, in the event loop; screens read it. ``touched`` tells the screens which things changed:
``agent:<id>``, ``work:<interaction>``, ``queue:<id>``, ``link:<server>``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contactcenter.agents.model import AgentRecord
from contactcenter.core.ids import AgentId, InteractionId, LegId, QueueId, ReservationId, ServerId, SkillId, is_id
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.interactions.ports import Device, LegMode, LiveLeg
from contactcenter.queues.model import Queue, name_key
from contactcenter.queues.rules import rules_of
from routing.commands import QueueRules
from routing.items import Item
from routing.strategies import points_of, rank


@dataclass(slots=True)
class LiveAgent:
    """What the router and the PBX last said about one agent; ``record`` is what administrators set."""

    record: AgentRecord
    presence: str
    reason: str
    presence_since: datetime
    work: str = "idle"
    interaction_id: InteractionId | None = None
    until: datetime | None = None
    work_since: datetime | None = None
    device_usable: bool = False
    device_reason: str = ""  # why not: ``pbx`` when its server is away, else the PBX's word
    notice: str = ""  # why the router changed the presence by itself, until the agent chooses anew

    @classmethod
    def of(cls, record: AgentRecord) -> "LiveAgent":
        """Begin with the stored presence."""
        return cls(record, record.presence.state.value, record.presence.reason, record.presence.since)

    @property
    def agent_id(self) -> AgentId:
        """The agent's id."""
        return self.record.agent_id

    @property
    def device(self) -> Device:
        """Where the telephony reaches the agent."""
        device = self.record.device
        return Device(self.agent_id, device.server_id, device.endpoint, LegMode(device.mode.value))


@dataclass(slots=True)
class Link:
    """The link to one PBX."""

    server_id: ServerId
    up: bool = False
    reason: str = "connecting"
    since: datetime | None = None


Touch = Callable[[str], None]
SPARE: Final = 1000


class Picture:
    """All of it, with the look-ups that calls need."""

    def __init__(self) -> None:
        self.interactions: dict[InteractionId, Interaction] = {}
        self.agents: dict[AgentId, LiveAgent] = {}
        self.queues: dict[QueueId, Queue] = {}
        self.skills: dict[str, SkillId] = {}  # name -> id, as flows name them
        self.skill_labels: dict[SkillId, str] = {}
        self.links: dict[ServerId, Link] = {}
        self.trunks: dict[tuple[ServerId, ServerId], bool] = {}  # (from, to) -> whether calls get through
        self.flows: dict[str, str] = {}  # dialed number -> flow
        self.is_simulated = False  # the PBX has no sound and its phones no hands: agents answer on their page
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

    def reaches(self, server_id: ServerId, other: ServerId) -> bool:
        """Whether callers on one server can be connected with agents whose devices are on the other (or the same)."""
        link = self.links.get(server_id)
        is_near = server_id == other or self.trunks.get((server_id, other), False)
        return link is not None and link.up and is_near

    def find_by_device(self, endpoint: str) -> LiveAgent | None:
        """Return the agent whose device this is, on whichever server: an extension names one of the site."""
        return next((one for one in self.agents.values() if one.device.endpoint == endpoint), None)

    def is_parked_for_nobody(self, leg: LiveLeg) -> bool:
        """Whether it is an agent's leg for one call that is up, in no bridge, and whose customer is on hold no more."""
        agent = self.find_by_device(leg.endpoint)
        if leg.is_customer or not leg.is_up or leg.peer is not None or not is_id(leg.leg_id) or agent is None:
            return False
        reservation = ReservationId(leg.leg_id)
        item = self._by_reservation.get(reservation)
        alert, segment = (item.alert, item.segment) if item is not None else (None, None)
        is_alert = alert is not None and alert.reservation_id == reservation
        is_talk = segment is not None and segment.segment_id == reservation and segment.ended_at is None
        return not is_alert and not is_talk and agent.device.mode is not LegMode.NAILED

    def is_wanted(self, reservation_id: ReservationId) -> bool:
        """Whether somebody may still be alerted, or talk, by this reservation, as far as the linked PBXs tell."""
        item = self._by_reservation.get(reservation_id)
        if item is None:
            return not all(link.up for link in self.links.values())
        link, segment = self.links.get(item.server_id), item.segment
        is_alert = item.alert is not None and item.alert.reservation_id == reservation_id
        is_talk = segment is not None and segment.segment_id == reservation_id and segment.ended_at is None
        return is_alert or is_talk or link is None or not link.up

    def add(self, item: Interaction) -> None:
        """Take up an interaction."""
        self.interactions[item.interaction_id] = item
        self._by_leg[item.server_id, item.leg_id] = item

    def change_leg(self, item: Interaction, leg_id: LegId) -> None:
        """Another leg is the customer's from now on."""
        self._by_leg.pop((item.server_id, item.leg_id), None)
        item.leg_id = leg_id
        self._by_leg[item.server_id, leg_id] = item

    def drop(self, item: Interaction) -> None:
        """Forget an interaction that is over."""
        self.interactions.pop(item.interaction_id, None)
        self._by_leg.pop((item.server_id, item.leg_id), None)

    def reserve(self, reservation_id: ReservationId, item: Interaction) -> None:
        """Remember which interaction a reservation (and so an agent's leg) is for.

        It is forgotten when the leg ends; should that news be lost, when the interaction is over and many piled up.
        """
        if len(self._by_reservation) > SPARE + 2 * len(self.interactions):
            self._by_reservation = {key: one for key, one in self._by_reservation.items() if not one.is_over}
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

    def remove_agent(self, agent: LiveAgent) -> None:
        """Forget an agent who is none any more."""
        self._by_endpoint = {key: one for key, one in self._by_endpoint.items() if one.agent_id != agent.agent_id}
        self.agents.pop(agent.agent_id, None)
        self.touch(f"agent:{agent.agent_id}")

    def find_by_endpoint(self, server_id: ServerId, endpoint: str) -> LiveAgent | None:
        """Return the agent reached at an endpoint."""
        return self._by_endpoint.get((server_id, endpoint))

    def find_queue(self, name: str) -> Queue | None:
        """Return the active queue with this name (in any case) or id."""
        by_id = self.queues.get(QueueId(name))
        if by_id is not None and by_id.is_active:
            return by_id
        wanted = name_key(name)
        named = (queue for queue in self.queues.values() if queue.is_active and name_key(queue.name) == wanted)
        return next(named, None)

    def in_line(self, queue_id: QueueId, now: float) -> list[Interaction]:
        """Return who waits in a queue, in the order in which the router serves them; ``now`` in epoch seconds."""
        queue = self.queues.get(queue_id)
        rules = rules_of(queue) if queue is not None else QueueRules(queue_id)

        def place(one: Interaction) -> tuple[tuple[int, float], str]:
            item = Item(one.interaction_id)
            if one.visit is not None:
                item.priority, item.entered_at = one.visit.priority, one.visit.entered_at.timestamp()
            item.vip, item.value = one.vip, one.value
            item.points = points_of(item, rules)
            return rank(item, rules, now), one.interaction_id

        return sorted(self.waiting(queue_id), key=place)

    def waiting(self, queue_id: QueueId | None = None) -> Iterator[Interaction]:
        """Yield the interactions in line (alerting ones included), of one queue or of all."""
        for item in self.interactions.values():
            in_line = item.phase in (Phase.WAITING, Phase.ALERTING) and item.visit is not None
            if in_line and item.visit and queue_id in (None, item.visit.queue_id):
                yield item
