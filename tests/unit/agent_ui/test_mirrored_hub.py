"""The same hub on a replica of the picture: whatever happens and whatever is lost, in the end both show the same."""

import asyncio
import random
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_ui import hub as hub_module
from agent_ui import protocol
from agent_ui.hub import DESKTOP
from agent_ui.projections import desktop
from contactcenter.core.ids import AgentId, QueueId, ServerId, SkillId
from contactcenter.interactions import mirror, mirror_link, ports
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.model import Interaction, Phase
from routing import commands as routing
from tests.fakes.mirrored import Mirrored, turns
from tests.fakes.room import SERVER, Room, queue
from tests.fakes.screens import Client, Screens

NAMES: Final = ("ann", "bob", "cat")
QUEUES: Final = (queue(), queue(queue_id=QueueId("q-sales"), name="Sales", wrap_up_time=0.0))


class Side(Screens):
    """The hub of one process, with a desktop of every agent and a supervisor's page; cards come when they come."""

    def __init__(self, room: Any, figures: DayFigures) -> None:
        super().__init__(room, figures)
        room.assignments.lookup = lambda item: None
        self.clients = [*(self.open(name) for name in NAMES), self.supervise(scope="administrator")]

    def read(self) -> None:
        for one in self.clients:
            one.read()
            assert not one.page.goodbye

    async def beat(self) -> None:
        """What the hub does twice a second, and every two seconds, whether or not it saw a reason."""
        self.hub._waiting = desktop.waiting_view(self.hub.picture)
        await self.hub._refresh([page for page in self.hub.pages if page.name == DESKTOP], ["me"])
        await super().beat()
        self.read()

    def resume(self, number: int) -> None:
        """A page's socket breaks, and it comes back to where it was."""
        client = self.clients[number % len(self.clients)].read()
        page = client.page
        self.hub.closed(page)
        hello = protocol.Hello(page.name, page.instance, resume=protocol.Resume(client.epoch, client.seq))
        client.page = self.hub.open(page.principal, hello, page.settings)
        client.read()


class Replicated:
    """What a hub needs of a room, where there is only a replica."""

    def __init__(self, picture: Any, room: Room) -> None:
        self.picture, self.time, self.ids, self.assignments = picture, room.time, room.ids, room.assignments


class Life:
    """Two processes and what happens to them; every step may find that there is nothing to do."""

    def __init__(self) -> None:
        self.room = Room(queues=QUEUES)
        self.number = 0
        self.is_unsaid = False  # something happened of which desktops are told at the next change only

    async def begin(self) -> None:
        self.fact(ports.LinkChanged(SERVER, True, "", self.room.time.now()))
        for number, name in enumerate(NAMES[:2], start=1):
            self.room.agent(name, number)
        figures = DayFigures(self.room.time.now())
        self.mirrored = Mirrored(self.room.picture, figures, self.room.time)
        self.here = Side(self.room, figures)
        await self.mirrored.restart_sender()
        await self.new_receiver(0)

    def fact(self, fact: ports.Fact) -> None:
        self.room.fact(fact)

    def pick(self, number: int, *phases: Phase) -> Interaction | None:
        found = [one for one in self.room.picture.interactions.values() if not phases or one.phase in phases]
        return found[number % len(found)] if found else None

    def agent(self, number: int) -> Any:
        return self.room.picture.agents.get(AgentId(f"a-{NAMES[number % len(NAMES)]}"))

    # ------------------------------------------------------------ calls

    def call(self, number: int) -> None:
        self.number += 1
        item = self.room.arrive(f"{1780000000 + self.number}.1", f"+49309018{number:02}", "Ada" if number % 2 else "")
        if number % 5:
            more = {"priority": number % 3, "choices": ("1", "2")[: number % 3]}
            self.room.enqueue(item, QUEUES[number % 2].name, **more)
            self.mirrored.figures.offered(QUEUES[number % 2].queue_id, self.room.time.now())

    def requeue(self, number: int) -> None:
        item = self.pick(number, Phase.FLOW, Phase.WAITING, Phase.LEAVING)
        if item is not None:
            self.room.enqueue(item, QUEUES[number % 2].name)

    def answer(self, number: int) -> None:
        item = self.pick(number, Phase.ALERTING)
        if item is not None and item.alert is not None:
            self.room.connect(item)
            self.mirrored.figures.answered(QUEUES[0].queue_id, number, 20.0, self.room.time.now())

    def reject(self, number: int) -> None:
        item = self.pick(number, Phase.ALERTING)
        if item is not None and item.alert is not None:
            reservation = item.alert.reservation_id
            if number % 2:
                self.room.assignments.reject_on_screen(item.alert)
            self.room.alert_ends(reservation, list(ports.AlertFailure)[number % 9])

    def part(self, number: int) -> None:
        item = self.pick(number, Phase.TALKING)
        if item is not None and item.segment is not None:
            first = item.leg_id if number % 2 else item.segment.segment_id
            self.room.part(item, item.segment.segment_id, first=first)

    def leave(self, number: int) -> None:
        item = self.pick(number)
        if item is not None and item.phase is not Phase.ENDED:
            self.room.leg_ends(item.leg_id)
            self.mirrored.figures.abandoned(QUEUES[1].queue_id, number, 5.0, self.room.time.now())

    def wrap_up(self, number: int) -> None:
        item = self.pick(number)
        segment = item.segment if item is not None else None
        if item is None or segment is None or not segment.is_open:
            return
        if number % 3 == 0 and segment.wrap_up_until is not None:
            self.room.assignments.extend_wrap_up(item, segment, 60.0)
        elif segment.ended_at is not None:
            self.room.router.submit(routing.EndWrapUp(segment.agent_id, item.interaction_id))

    def note(self, number: int) -> None:
        item = self.pick(number)
        if item is not None and item.segment is not None:
            now = self.room.time.now()
            self.room.assignments.texts_saved(item, item.segment, f"note {number} ü", "solved", now)

    def card(self, number: int) -> None:
        item = self.pick(number)
        if item is not None:
            person = {"name": f"Zoë {number}", "organisation": None, "vip": number % 4 == 0}
            tickets = [{"id": "t-1", "due_at": self.room.time.now()}]
            card = {"person": person, "number": "+49 30", "call_tickets": tickets}
            more = {"vip": person["vip"], "is_news": False}
            self.room.assignments.customer_found(item, card, None, number, **more)

    # ------------------------------------------------------------ agents, queues, links

    def presence(self, number: int) -> None:
        live = self.agent(number)
        if live is not None:
            state = list(routing.Presence)[number % 7 % 3]
            reason = "lunch" if state is routing.Presence.NOT_READY else ""
            self.room.router.submit(routing.SetPresence(live.agent_id, state, reason))

    def device(self, number: int) -> None:
        live = self.agent(number)
        if live is not None:
            state = "NOT_INUSE" if number % 2 else "UNAVAILABLE"
            device = live.device
            self.fact(ports.DeviceChanged(SERVER, device.endpoint, bool(number % 2), state, self.room.time.now()))

    def hire(self, number: int) -> None:
        name = NAMES[number % len(NAMES)]
        if self.agent(number) is None and AgentId(f"a-{name}") not in self.room.engine.agents:
            self.room.agent(name, number % len(NAMES) + 1, skills={"english": number % 10 + 1})
            self.room.picture.touch(f"agent:a-{name}")

    def fire(self, number: int) -> None:
        live = self.agent(number)
        if live is not None:
            self.room.router.submit(routing.RemoveAgent(live.agent_id))
            self.is_unsaid = True

    def forget_who_left(self) -> None:
        """What bootstrap does when the router has forgotten an agent."""
        for live in list(self.room.picture.agents.values()):
            if live.agent_id not in self.room.engine.agents:
                self.room.picture.remove_agent(live)

    def change_agent(self, number: int) -> None:
        live = self.agent(number)
        if live is not None:
            live.record = replace(live.record, name=f"Name {number}", skills={SkillId("english"): number % 10 + 1})
            self.room.picture.touch(f"agent:{live.agent_id}")
            self.is_unsaid = True

    def change_queue(self, number: int) -> None:
        one = QUEUES[number % 2]
        self.room.define(
            replace(one, target_time=float(number + 1), skills={SkillId("english"): 1} if number % 3 else {})
        )
        self.is_unsaid = True

    def link(self, number: int) -> None:
        server = (SERVER, ServerId("pbx-2"))[number % 4 == 0]
        is_up = bool(number % 2)
        self.fact(ports.LinkChanged(server, is_up, "" if is_up else "lost", self.room.time.now()))

    def trunk(self, number: int) -> None:
        self.fact(ports.TrunkChanged(SERVER, ServerId("pbx-2"), bool(number % 2), self.room.time.now()))

    def time(self, number: int) -> None:
        self.room.time.advance(number * 1.7)

    # ------------------------------------------------------------ the processes and what is between them

    def lose(self, number: int) -> None:
        self.mirrored.exchange.losing = number % 4

    def cut(self, number: int) -> None:
        self.mirrored.exchange.cut()

    def restore(self, number: int) -> None:
        self.mirrored.exchange.restore()

    async def new_sender(self, number: int) -> None:
        await self.mirrored.restart_sender()

    async def new_receiver(self, number: int) -> None:
        await self.mirrored.restart_receiver()
        self.there = Side(Replicated(self.mirrored.shown, self.room), self.mirrored.shown_figures)

    async def look(self, number: int) -> None:
        await self.mirrored.look(0.5 + number % 5)

    async def beat(self, number: int) -> None:
        await (self.here, self.there)[number % 2].beat()

    def resume(self, number: int) -> None:
        (self.here, self.there)[number % 2].resume(number // 2)

    # ------------------------------------------------------------ what must hold

    async def step(self, name: str, number: int) -> None:
        done = getattr(self, name)(number)
        if done is not None:
            await done
        self.forget_who_left()
        await turns(number % 4 * 2)
        self.here.read()
        self.there.read()

    async def settle(self) -> None:
        """The bus carries again, and both looked through everything."""
        self.mirrored.exchange.losing = 0
        if self.mirrored.exchange.is_cut:
            self.mirrored.exchange.restore()
        await turns()
        for _ in range(mirror_link.SWEEP + 4):
            await self.mirrored.look()
        if self.is_unsaid:
            for side in (self.here, self.there):
                for one in list(side.hub.picture.interactions):
                    side.hub.touch(f"work:{one}")
        await turns()
        for side in (self.here, self.there):
            await side.beat()

    def check(self) -> None:
        assert self.mirrored.receiver.is_current
        picture, shown = self.room.picture, self.mirrored.shown
        assert sorted(mirror.keys_of(shown)) == sorted(mirror.keys_of(picture))
        for key in mirror.keys_of(picture):
            assert mirror.pack(shown, key) == mirror.pack(picture, key), key
        for here, there in zip(self.here.clients, self.there.clients, strict=True):
            assert encoded(there) == encoded(here), here.page.name


def encoded(client: Client) -> dict[str, bytes]:
    return {key: protocol.encode(protocol.Changes(0, 0, {key: slot})) for key, slot in client.slots.items()}


CALLS = ("call", "call", "call", "requeue", "answer", "answer", "reject", "part", "leave", "wrap_up", "note", "card")
SITE = ("presence", "device", "hire", "fire", "change_agent", "change_queue", "link", "trunk", "time")
PROCESSES = ("lose", "cut", "restore", "new_sender", "new_receiver", "look", "look", "beat", "resume")
STEPS = st.tuples(st.sampled_from((*CALLS, *SITE, *PROCESSES)), st.integers(0, 19))


async def lived(steps: list[tuple[str, int]]) -> Life:
    with pytest.MonkeyPatch.context() as patch:
        life = Life()
        patch.setattr(hub_module, "CARD_WAIT", 0.0)
        patch.setattr(mirror_link, "_time", life.room.time.time)
        await life.begin()
        for name, number in steps:
            await life.step(name, number)
        await life.settle()
        life.check()
    return life


@given(st.lists(STEPS, max_size=40))
def test_both_show_the_same_in_the_end(steps: list[tuple[str, int]]) -> None:
    asyncio.run(lived(steps))


@pytest.mark.parametrize("seed", range(5))
async def test_long_lives(seed: int) -> None:
    chance = random.Random(seed)
    names = (*CALLS, *SITE, *PROCESSES)
    life = await lived([(chance.choice(names), chance.randrange(20)) for _ in range(150)])
    assert life.number > 10


async def test_without_losses_the_end_of_a_turn_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call does to agents and interactions is told by its touches; no sweep need find it."""
    life = Life()
    monkeypatch.setattr(mirror_link, "_time", life.room.time.time)
    await life.begin()
    chance = random.Random(7)
    for _ in range(200):
        name = chance.choice((*CALLS, "presence", "device", "hire", "fire", "change_agent", "link", "time"))
        await life.step(name, chance.randrange(20))
        await turns()
        picture, shown = life.room.picture, life.mirrored.shown
        for key in mirror.keys_of(picture):
            assert mirror.pack(shown, key) == mirror.pack(picture, key), (name, key)
        assert set(mirror.keys_of(shown)) == set(mirror.keys_of(picture))
        assert shown.links == picture.links
