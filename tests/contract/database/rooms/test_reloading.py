"""What administrators change reaches picture, router and PBX: agents removed, locked, moved; one run at a time."""

import asyncio
from typing import Any

import pytest

from contactcenter.agents.model import AgentChanged, DeviceMode, RoutingProfileChanged, SkillChanged
from contactcenter.core.ids import AgentId, LegId, ProfileId, ServerId, SkillId, UserId
from contactcenter.core.permissions import SYSTEM
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.flow_files import FlowFiles
from contactcenter.interactions import ports
from contactcenter.reloading import Reloading
from contactcenter.users.model import UserChanged
from ivr.announcements import EVERY
from ivr.prompts import PromptFiles
from routing import commands as routing
from tests.fakes.room import FakeTelephony, Room

SERVER = ServerId("pbx1")


class Devices(FakeTelephony):
    def prepare(self, device: ports.Device) -> None:
        self.acts.append(("prepare", device.endpoint, device.mode))

    release = prepare

    def forget(self, device: ports.Device) -> None:
        self.acts.append(("forget", device.endpoint, device.mode))


class House:
    """Real rooms and router, a telephony that keeps what it is told."""

    def __init__(self, rooms: Any, folder: Any) -> None:
        self.rooms = rooms
        self.tasks = TaskSupervisor()
        self.devices = Devices()
        self.room = Room(telephony=self.devices, queues=[])
        self.provisioned: list[set[str]] = []
        self.files = files = FlowFiles(folder, PromptFiles(folder / "prompts"), self.tasks)
        services = (rooms.agents, rooms.queues, rooms.users)
        self.reloading = Reloading(rooms.database, services, self.room.picture, self.room.router, self.devices, files)
        self.reloading.provision = self.provision
        self.room.router._sink = self.on_decision

    def on_decision(self, decision: routing.Decision) -> None:
        self.room.assignments.on_decision(decision)
        if isinstance(decision, routing.AgentRemoved):
            self.reloading.removed(decision.agent_id)

    async def provision(self, moved: Any) -> None:
        self.provisioned.append({one.device.endpoint for one in self.room.picture.agents.values()})

    async def apply(self) -> None:
        await self.reloading.apply()

    def usable(self, endpoint: str, is_usable: bool = True) -> None:
        self.room.fact(ports.DeviceChanged(SERVER, endpoint, is_usable, "NOT_INUSE", self.room.time.now()))

    def ready(self, agent_id: AgentId) -> None:
        self.room.router.submit(routing.SetPresence(agent_id, routing.Presence.READY))

    def call(self, leg: str) -> Any:
        self.room.fact(ports.CallArrived(SERVER, LegId(leg), leg, "+4930901820", "Ada", "1000", self.room.time.now()))
        self.room.assignments.enqueue(SERVER, LegId(leg), ports.EnqueueOrder("support"))
        return self.room.picture.find_by_leg(SERVER, LegId(leg))


@pytest.fixture
async def house(rooms, tmp_path):
    await rooms.queues.create_queue(SYSTEM, {"name": "support", "needs_disposition": False, "wrap_up_time": 0.0})
    made = House(rooms, tmp_path)
    yield made
    await made.tasks.close()


async def an_agent(house, login="ann", extension="1001", **values):
    principal = await house.rooms.agent(login, extension, **values)
    await house.apply()
    house.usable(f"agent-{extension}")
    house.ready(principal.agent_id)
    return principal


async def test_a_deactivated_agent_is_given_no_more_calls(house):
    ann = await an_agent(house)
    assert house.call("1.1").alert is not None
    await house.rooms.agents.update_agent(SYSTEM, ann.agent_id, {"is_active": False})
    await house.apply()
    assert any(act[0] == "revoke" for act in house.devices.acts), "the running alert is taken back"
    item = house.room.picture.find_by_leg(SERVER, LegId("1.1"))
    house.room.alert_ends(item.alert.reservation_id, ports.AlertFailure.REVOKED)
    await house.apply()
    assert house.room.picture.agents == {}
    assert house.call("1.2").alert is None
    assert house.provisioned[-1] == set(), "his device is gone from the PBX"


async def test_a_locked_user_leaves_routing_and_comes_back(house):
    ann = await an_agent(house)
    await house.rooms.users.update_user(SYSTEM, ann.user_id, {"is_active": False})
    await house.apply()
    assert house.room.picture.agents == {}
    assert house.call("1.1").alert is None
    await house.rooms.users.update_user(SYSTEM, ann.user_id, {"is_active": True})
    await house.apply()
    house.usable("agent-1001")
    house.ready(ann.agent_id)
    item = house.room.picture.find_by_leg(SERVER, LegId("1.1"))
    assert item.alert is not None
    assert item.alert.agent_id == ann.agent_id


async def test_an_agent_removed_while_talking_leaves_when_his_work_is_over(house):
    ann = await an_agent(house)
    item = house.call("1.1")
    leg = LegId(item.alert.reservation_id)
    house.room.fact(ports.LegsConnected(SERVER, item.leg_id, leg, house.room.time.now()))
    await house.rooms.agents.update_agent(SYSTEM, ann.agent_id, {"is_active": False})
    await house.apply()
    assert set(house.room.picture.agents) == {ann.agent_id}, "his conversation goes on"
    house.room.fact(ports.LegsParted(SERVER, item.leg_id, leg, item.leg_id, house.room.time.now()))
    assert house.room.picture.agents == {}
    assert not item.segment.is_open


async def test_a_changed_device_is_let_go_and_not_rung_until_the_pbx_tells(house):
    ann = await an_agent(house, mode=DeviceMode.NAILED)
    house.devices.acts.clear()
    await house.rooms.agents.update_agent(SYSTEM, ann.agent_id, {"mode": DeviceMode.RING})
    await house.apply()
    assert house.devices.acts == [
        ("forget", "agent-1001", ports.LegMode.NAILED),
        ("prepare", "agent-1001", ports.LegMode.RING),
    ]
    item = house.call("1.1")
    assert item.alert is None
    house.usable("agent-1001")
    assert item.alert is not None


async def test_a_new_skill_is_known_by_its_name(house):
    await house.apply()
    skill = await house.rooms.agents.save_skill(SYSTEM, "greek", "Greek")
    await house.apply()
    assert house.room.picture.skills == {"greek": skill.skill_id}
    assert house.room.picture.skill_labels == {skill.skill_id: "Greek"}


async def test_the_rules_of_a_queue_hold_at_once(house):
    """Reversed as well: the one with the lower level is rung when a former version holds again."""
    german = (await house.rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    ann = await an_agent(house, skills={german: 1})
    [queue] = await house.rooms.queues.list_queues(SYSTEM)
    await house.rooms.queues.update_queue(
        SYSTEM, queue.queue_id, {"any_of": ({german: 5},), "order": routing.WorkOrder.FIFO}
    )
    await house.apply()
    assert house.call("1.1").alert is None
    assert house.room.picture.queues[queue.queue_id].order is routing.WorkOrder.FIFO
    await house.rooms.queues.restore_queue(SYSTEM, queue.queue_id, 1)
    await house.apply()
    assert house.room.picture.find_by_leg(SERVER, LegId("1.1")).alert.agent_id == ann.agent_id


async def test_a_team_a_queue_needs(house):
    north = (await house.rooms.agents.save_team(SYSTEM, "North", frozenset())).team_id
    ann = await an_agent(house)
    [queue] = await house.rooms.queues.list_queues(SYSTEM)
    await house.rooms.queues.update_queue(SYSTEM, queue.queue_id, {"teams": (north,)})
    await house.apply()
    item = house.call("1.1")
    assert item.alert is None
    await house.rooms.agents.update_agent(SYSTEM, ann.agent_id, {"team_id": north})
    await house.apply()
    assert item.alert is not None


async def test_a_profile_holds_at_once_for_whoever_has_it(house):
    [queue] = await house.rooms.queues.list_queues(SYSTEM)
    nowhere = await house.rooms.profiles.create_profile(SYSTEM, {"name": "Nowhere", "queues": {}})
    ann = await an_agent(house, profile_id=nowhere.profile_id)
    item = house.call("1.1")
    assert item.alert is None
    values = {"queues": {queue.queue_id: routing.Service()}, "capacity": {"chat": 3}}
    await house.rooms.profiles.update_profile(SYSTEM, nowhere.profile_id, values)
    await house.apply()
    assert item.alert is None, "he takes no calls"
    await house.rooms.agents.update_agent(SYSTEM, ann.agent_id, {"capacity": {"voice": 1}})
    await house.apply()
    assert item.alert.agent_id == ann.agent_id


async def test_who_loses_his_list_of_queues_serves_every_queue(house):
    ann = await an_agent(house, queues={})
    item = house.call("1.1")
    assert item.alert is None
    await house.rooms.agents.update_agent(SYSTEM, ann.agent_id, {"queues": None})
    await house.apply()
    assert item.alert.agent_id == ann.agent_id


async def test_what_is_asked_for_meanwhile_is_done_by_one_more_run(house):
    begun, go_on = 0, asyncio.Event()

    async def slow(moved):
        nonlocal begun
        begun += 1
        await go_on.wait()

    house.reloading.provision = slow
    house.tasks.keep("reload", house.reloading.keep)
    house.reloading.ask()
    async with asyncio.timeout(5):
        while not begun:
            await asyncio.sleep(0.01)
        for _ in range(5):
            house.reloading.ask()
        await asyncio.sleep(0.05)
        assert begun == 1
        go_on.set()
        while begun < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert begun == 2


async def test_a_run_that_failed_is_asked_for_again(house):
    async def fails(moved):
        raise OSError("the PBX does not answer")

    house.reloading.provision = fails
    house.reloading.ask()
    with pytest.raises(OSError, match="answer"):
        await house.reloading.keep()
    assert house.reloading._asked.is_set()


async def test_sentences_for_callers_in_line_are_spoken_once_a_queue_says_them(house):
    asked = []
    house.files.speak = asked.append
    queue = await house.rooms.queues.create_queue(SYSTEM, {"name": "Announcing"})
    await house.apply()
    assert asked == []
    await house.rooms.queues.update_queue(SYSTEM, queue.queue_id, {"announce_every": 60.0})
    await house.apply()
    assert asked == [EVERY]
    await house.rooms.queues.update_queue(SYSTEM, queue.queue_id, {"is_active": False})
    await house.apply()
    assert asked == [EVERY]


@pytest.mark.parametrize(
    "event, asks",
    [
        (AgentChanged(AgentId("a"), "updated"), True),
        (SkillChanged(SkillId("s"), "created"), True),
        (RoutingProfileChanged(ProfileId("p"), "updated"), True),
        (UserChanged(UserId("u"), "updated", ("is_active",)), True),
        (UserChanged(UserId("u"), "updated", ("language",)), False),
    ],
)
def test_events_that_change_what_was_read(event, asks):
    reloading = Reloading.__new__(Reloading)
    reloading._asked = asyncio.Event()
    reloading.on_event(event)
    assert reloading._asked.is_set() is asks
