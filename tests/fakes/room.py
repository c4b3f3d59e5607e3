"""The interactions room with its real parts: picture, assignments, engine, router. Telephony and time are given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from contactcenter.agents.model import AgentRecord, Device, DeviceKind, DeviceMode, Presence, PresenceState
from contactcenter.core.events import Event
from contactcenter.core.ids import (
    AgentId,
    DeviceId,
    LegId,
    QueueId,
    ServerId,
    SiteId,
    SkillId,
    TeamId,
    UserId,
    seeded_ids,
)
from contactcenter.interactions import ports
from contactcenter.interactions.assignments import Assignments
from contactcenter.interactions.live import LiveAgent, Picture
from contactcenter.interactions.model import Interaction
from contactcenter.queues.model import Disposition, Queue
from contactcenter.queues.rules import rules_of
from routing import commands as routing
from routing.engine import Engine
from routing.runtime import Router
from tests.fakes.virtual_time import VirtualTime

SERVER, SITE = ServerId("pbx-1"), SiteId("main")
QUEUE = QueueId("q-support")
DISPOSITIONS = (Disposition("solved", "Solved"), Disposition("callback", "Call back"))
Found = TypeVar("Found", bound=Event)


class KeptEvents:
    """A publisher that only keeps what was announced; rows are not written."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def announce(self, *events: Event, **more: Any) -> None:
        self.events += events


class FakeTelephony:
    """Keeps orders in the order of their giving; the test reports what came of them."""

    def __init__(self) -> None:
        self.acts: list[tuple[Any, ...]] = []
        self.alerts: list[ports.AlertOrder] = []
        self.has_trunk = True

    def alert(self, order: ports.AlertOrder) -> None:
        self.alerts.append(order)
        self.acts.append(("alert", order.device.agent_id, order.reservation_id))

    def revoke(self, reservation_id: Any) -> None:
        self.acts.append(("revoke", reservation_id))

    def prepare(self, device: Any) -> None:
        """Only nailed legs are prepared; there are none here."""

    release = prepare

    def serve(self, server_id: Any, leg_id: Any, reservation_id: Any) -> None:
        self.acts.append(("serve", leg_id, reservation_id))

    def connect(self, reservation_id: Any) -> None:
        self.acts.append(("connect", reservation_id))

    def calls_out(self, server_id: Any) -> bool:
        return self.has_trunk

    def dial(self, server_id: Any, leg_id: Any) -> None:
        self.acts.append(("dial", leg_id))

    def hang_up(self, server_id: Any, leg_id: Any) -> None:
        self.acts.append(("hang-up", leg_id))

    def hold(self, server_id: Any, caller_leg: Any, agent_leg: Any) -> None:
        self.acts.append(("hold", caller_leg, agent_leg))

    def retrieve(self, server_id: Any, agent_leg: Any, device: Any) -> None:
        self.acts.append(("retrieve", agent_leg, device.endpoint))

    def let_wait(self, server_id: Any, caller_leg: Any, agent_leg: Any, device: Any) -> None:
        self.acts.append(("let-wait", caller_leg, agent_leg, device.endpoint))

    def look(self, server_id: Any) -> None:
        self.acts.append(("look", server_id))

    def resync(self, server_id: Any) -> None:
        self.acts.append(("resync", server_id))

    def return_to_flow(self, server_id: Any, leg_id: Any) -> None:
        self.acts.append(("to-flow", leg_id))

    def return_to_hold(self, server_id: Any, leg_id: Any) -> None:
        self.acts.append(("to-hold", leg_id))


def record(name: str, number: int = 1, *, skills: dict[str, int] | None = None, **more: Any) -> AgentRecord:
    """An agent ``a-<name>`` of user ``u-<name>`` at endpoint ``agent-100<number>``."""
    endpoint = f"agent-{1000 + number}"
    device = Device(DeviceId(f"d-{name}"), SERVER, endpoint, DeviceKind.DESK, DeviceMode.RING, "secret-of-the-phone")
    presence = Presence(PresenceState.READY, "", VirtualTime().now())
    given: dict[str, Any] = {
        "site_id": SITE,
        "user_id": UserId(f"u-{name}"),
        "name": name.title(),
        "extension": str(1000 + number),
        "team_id": TeamId("t-north"),
        "team_name": "North",
        "is_active": True,
        "skills": {SkillId(skill): level for skill, level in (skills or {}).items()},
        "device": device,
        "presence": presence,
    }
    return AgentRecord(agent_id=AgentId(f"a-{name}"), **{**given, **more})


def queue(**changes: Any) -> Queue:
    base = Queue(QUEUE, SITE, "Support", wrap_up_time=30.0, dispositions=DISPOSITIONS, short_abandon_time=5.0)
    return replace(base, **changes)


class Room:
    """``publisher`` and ``telephony`` default to keepers; ``time`` is both clock and loop."""

    def __init__(
        self,
        *,
        time: Any = None,
        publisher: Any = None,
        telephony: Any = None,
        queues: Sequence[Queue] | None = None,
        seed: int = 1,
        picture: Picture | None = None,
    ) -> None:
        self.time: Any = time or VirtualTime()
        self.ids = seeded_ids(self.time, seed)
        self.picture = picture or Picture()
        self.publisher = publisher or KeptEvents()
        self.telephony = telephony or FakeTelephony()
        self.assignments = Assignments(self.picture, self.publisher, self.time, self.ids, lambda *_: None)
        self.engine = Engine(self.ids.new)
        self.router = Router(self.engine, self.time, self.time, self.assignments.on_decision)  # type: ignore[arg-type]
        self.assignments.router, self.assignments.telephony = self.router, self.telephony
        for one in queues if queues is not None else [queue()]:
            self.define(one)

    def define(self, one: Queue) -> None:
        self.picture.queues[one.queue_id] = one
        self.router.submit(routing.DefineQueue(rules_of(one)))

    def agent(self, name: str, number: int = 1, *, idle: float = 0.0, usable: bool = True, **more: Any) -> LiveAgent:
        """Take up a ready agent who has been idle for ``idle`` seconds."""
        return self.take(record(name, number, **more), idle=idle, usable=usable)

    def take(self, one: AgentRecord, *, idle: float = 0.0, usable: bool = True) -> LiveAgent:
        return self.take_live(LiveAgent.of(one), idle=idle, usable=usable)

    def take_live(self, live: LiveAgent, *, idle: float = 0.0, usable: bool = True) -> LiveAgent:
        self.picture.add_agent(live)
        presence = routing.Presence(live.presence)
        one, since = live.record, self.time.timestamp() - idle
        more = {"queues": one.queues, "team_id": one.team_id}
        self.router.submit(
            routing.AddAgent(live.agent_id, one.skills, one.capacity, presence, idle_since=since, **more)
        )
        if usable:
            self.fact(ports.DeviceChanged(SERVER, live.device.endpoint, True, "NOT_INUSE", self.time.now()))
        return live

    # ------------------------------------------------------------ what happens

    def fact(self, fact: ports.Fact) -> None:
        self.assignments.on_fact(fact)

    def arrive(self, leg: str = "1780000000.1", number: str = "+4930901820", name: str = "Ada") -> Interaction:
        self.fact(ports.CallArrived(SERVER, LegId(leg), leg, number, name, "1000", self.time.now()))
        found = self.picture.find_by_leg(SERVER, LegId(leg))
        assert found is not None
        return found

    def enqueue(self, item: Interaction, queue: str = "Support", **more: Any) -> None:
        self.assignments.enqueue(SERVER, item.leg_id, ports.EnqueueOrder(queue, **more))

    def call(self, leg: str = "1780000000.1", **more: Any) -> Interaction:
        item = self.arrive(leg)
        self.enqueue(item, **more)
        return item

    def connect(self, item: Interaction) -> str:
        """The alerted agent picks up and is bridged; returns his leg."""
        assert item.alert is not None
        leg = LegId(item.alert.reservation_id)
        self.fact(ports.LegsConnected(SERVER, item.leg_id, leg, self.time.now()))
        return leg

    def alert_ends(self, reservation_id: Any, failure: ports.AlertFailure) -> None:
        self.fact(ports.AlertEnded(reservation_id, failure, self.time.now()))

    def part(self, item: Interaction, agent_leg: str, *, first: str) -> None:
        self.fact(ports.LegsParted(SERVER, item.leg_id, LegId(agent_leg), LegId(first), self.time.now()))

    def hold(self, item: Interaction, agent_leg: str) -> None:
        """The agent asks for it on screen, and the PBX parts the two."""
        assert item.segment is not None
        self.assignments.holds.hold(item, item.segment)
        self.fact(ports.LegsHeld(SERVER, item.leg_id, LegId(agent_leg), self.time.now()))

    def retrieve(self, item: Interaction, agent_leg: str) -> None:
        assert item.segment is not None
        self.assignments.holds.retrieve(item, item.segment)
        self.fact(ports.LegsConnected(SERVER, item.leg_id, LegId(agent_leg), self.time.now()))

    def leg_ends(self, leg: str, cause: int = 16, reason: str = "", at: datetime | None = None) -> None:
        self.fact(ports.LegEnded(SERVER, LegId(leg), cause, at or self.time.now(), reason))

    # ------------------------------------------------------------ what is seen

    def events(self, kind: type[Found]) -> list[Found]:
        return [one for one in self.publisher.events if isinstance(one, kind)]

    def work_of(self, name: str) -> str:
        """What the engine and the picture agree that an agent is doing."""
        agent = self.engine.agents[AgentId(f"a-{name}")]
        states = {str(given.state) for given in agent.assignments.values()} or {"idle"}
        (state,) = states
        assert self.picture.agents[AgentId(f"a-{name}")].work == state
        return state

    def check_clean(self) -> None:
        """Nobody refused, nothing failed, nothing was out of order."""
        assert self.assignments.illegal_steps == 0
        assert self.router.stats.failures == {}
        assert self.engine.illegal == {}
