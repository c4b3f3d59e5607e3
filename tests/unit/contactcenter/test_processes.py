"""What joins processes: one desktop per agent, rights that are forgotten when others change them."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
import pytest
import structlog

from contactcenter import processes
from contactcenter.agents.model import AgentChanged, SkillChanged, TeamChanged
from contactcenter.core.bus import Exchange, MemoryBus
from contactcenter.core.errors import RateLimited
from contactcenter.core.events import Envelope, Event
from contactcenter.core.ids import AgentId, QueueId, SkillId, TeamId, UserId
from contactcenter.core.publisher import Publisher
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.foundation import Foundation
from contactcenter.interactions.figures import DayFigures
from contactcenter.processes import RIGHTS, Joined
from contactcenter.queues.model import QueueChanged
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.model import SessionEnded, TokenChanged, UserChanged
from tests.fakes.mirrored import turns
from tests.fakes.room import Room
from tests.fakes.screens import Client, Screens

CHANNEL = "cc:main:desktops"
ANN = AgentId("a-ann")


class StillFollower:
    """Reads no journal; keeps what it was made for."""

    made: ClassVar[list["StillFollower"]] = []

    def __init__(self, *given: Any) -> None:
        self.sender, self.kinds = given[-2:]
        self.made.append(self)

    async def keep(self) -> None:
        """Nothing is ever read."""


class Principals:
    drops = 0

    def drop(self) -> None:
        self.drops += 1


class Process(Screens):
    """One process of a site, as far as it is joined with others."""

    def __init__(self, bus: MemoryBus, room: Room) -> None:
        super().__init__(room, DayFigures(room.time.now()))
        self.bus, self.tasks, self.principals = bus, TaskSupervisor(), Principals()
        database: Any = SimpleNamespace()
        self.publisher = Publisher(database, room.time)
        settings: Any = SimpleNamespace(site_id="main")
        ids: Any = room.ids
        base = Foundation(settings, room.time, ids, self.tasks, database, self.publisher, bus)
        self.attempts = SignInAttempts(per_login="3/5 minutes", per_address="5/5 minutes")
        rooms: Any = SimpleNamespace(principals=self.principals, attempts=self.attempts)
        self.joined = Joined(base, rooms, self.hub, (QueueChanged,))
        self.joined.start()
        self.said: list[bytes] = []
        bus.subscribe(CHANNEL, self.said.append)

    def tell(self, *events: Event) -> None:
        """Another process's events, as the follower brings them."""
        self.publisher.hear([Envelope(one, self.room.time.now(), "u-admin", 1) for one in events])


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(processes, "Follower", StillFollower)
    monkeypatch.setattr(StillFollower, "made", [])
    made = Room()
    made.agent("ann", 1)
    made.agent("bob", 2)
    return made


@pytest.fixture
async def both(room: Room) -> AsyncIterator[tuple[Process, Process]]:
    exchange = Exchange()
    made = Process(MemoryBus(exchange), room), Process(MemoryBus(exchange), room)
    for one in made:
        await one.bus.open()
    await turns()
    yield made
    for one in made:
        await one.bus.close()
        await one.tasks.close()
        assert one.tasks.failures == {}


def goodbye(client: Client) -> str:
    return client.page.goodbye


# ------------------------------------------------------------------ one desktop per agent


async def test_a_desktop_opened_in_another_process_replaces_the_one_here(both: tuple[Process, Process]) -> None:
    here, there = both
    ann, bob, live = here.open("ann"), here.open("bob"), here.supervise("t-north")
    await turns()
    other = there.open("ann", instance="tab-2")
    await turns()
    assert goodbye(ann) == "replaced"
    assert (goodbye(bob), goodbye(live), goodbye(other)) == ("", "", "")
    assert here.hub.desktop_of(ANN) is None
    assert there.hub.desktop_of(ANN) is other.page


async def test_a_page_that_moved_is_not_told_that_it_was_replaced(both: tuple[Process, Process]) -> None:
    """Its old socket may still be open; what it reads there last must not stop it from going on over there."""
    here, there = both
    before = here.open("ann", instance="tab-1")
    await turns()
    after = there.open("ann", instance="tab-1")
    await turns()
    assert goodbye(before) == "restart"
    assert goodbye(after) == ""


async def test_there_and_back_again(both: tuple[Process, Process]) -> None:
    here, there = both
    first = here.open("ann", instance="tab-1")
    await turns()
    second = there.open("ann", instance="tab-2")
    await turns()
    third = here.open("ann", instance="tab-3")
    await turns()
    assert [goodbye(one) for one in (first, second, third)] == ["replaced", "replaced", ""]
    here.hub.closed(first.page)
    assert here.hub.desktop_of(ANN) is third.page, "the end of the old one takes nothing from the new one"


async def test_what_is_said_of_a_desktop(both: tuple[Process, Process]) -> None:
    here, there = both
    there.open("ann")
    await turns()
    process, agent_id, instance = msgspec.msgpack.decode(here.said[0])
    assert (process, agent_id, instance) == (there.joined.process, ANN, "tab-1")
    assert here.joined.process != there.joined.process


async def test_supervisors_pages_are_nobodys_desktop(both: tuple[Process, Process]) -> None:
    here, there = both
    here.supervise("t-north")
    there.supervise("t-north")
    await turns()
    assert (here.said, there.said) == ([], [])


GARBAGE = [
    *(b"", b"\xff", b"\x93\x01\x02\x03", b"\x93\xa1\xff\xa1a\xa1b"),
    *(msgspec.msgpack.encode(one) for one in (None, "ann", ["p", ANN], ["p", ANN, "tab", "more"], {"agent": ANN})),
]


@pytest.mark.parametrize("message", GARBAGE)
async def test_garbage_closes_nothing(both: tuple[Process, Process], message: bytes) -> None:
    here, there = both
    ann = here.open("ann")
    await turns()
    with structlog.testing.capture_logs() as logs:
        there.bus.publish(CHANNEL, message)
        await turns()
    assert {one["event"] for one in logs} == {"desktop-not-understood"}
    assert goodbye(ann) == ""


async def test_another_sites_desktops_are_not_ours(both: tuple[Process, Process]) -> None:
    here, there = both
    ann = here.open("ann")
    there.bus.publish("cc:elsewhere:desktops", msgspec.msgpack.encode(("p", ANN, "tab-9")))
    await turns()
    assert goodbye(ann) == ""


# ------------------------------------------------------------------ rights

EVENTS: list[Event] = [
    UserChanged(UserId("u-1"), "updated", ("role",)),
    SessionEnded(UserId("u-1"), "s-1", "signed-out"),
    TokenChanged("t-1", UserId("u-1"), "revoked"),
    AgentChanged(ANN, "updated"),
    TeamChanged(TeamId("t-north"), "updated"),
]


def test_every_event_about_rights_is_here() -> None:
    assert {type(one) for one in EVENTS} == set(RIGHTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: one.kind)
async def test_who_was_remembered_is_forgotten_when_rights_change(both: tuple[Process, Process], event: Event) -> None:
    here, there = both
    here.tell(event)
    assert (here.principals.drops, there.principals.drops) == (1, 0)


async def test_other_events_cost_no_memory(both: tuple[Process, Process]) -> None:
    both[0].tell(QueueChanged(QueueId("q"), "updated"), SkillChanged(SkillId("s"), "updated"))
    assert both[0].principals.drops == 0


async def test_what_is_followed_is_rights_and_what_the_process_cares_about(both: tuple[Process, Process]) -> None:
    one, other = StillFollower.made
    assert (one.sender, other.sender) == (both[0].joined.process, both[1].joined.process)
    assert set(one.kinds) == {kind.kind for kind in (*RIGHTS, QueueChanged)}


# ------------------------------------------------------------------ the bus


async def test_without_others_nothing_is_published(room: Room) -> None:
    alone = Process(MemoryBus(), room)
    await alone.bus.open()
    await turns()
    ann = alone.open("ann")
    alone.open("ann", instance="tab-2")
    await turns()
    assert alone.said == []
    assert goodbye(ann) == "replaced"
    assert alone.tasks.under_way == []
    assert alone.joined.degraded() == []
    alone.tell(EVENTS[0])
    assert alone.principals.drops == 1, "rights change in one process too"
    await alone.bus.close()
    assert alone.joined.degraded() == [], "there is nobody to be cut off from"


async def test_a_bus_that_is_away_is_told(both: tuple[Process, Process]) -> None:
    here, _ = both
    assert here.joined.degraded() == []
    here.bus.cut_off()
    (told,) = here.joined.degraded()
    assert (told["code"], told["fields"]) == ("bus-away", {"reason": here.bus.degraded})
    here.open("ann")  # nobody hears of it, and nothing fails
    here.bus.come_back()
    await turns()
    assert here.joined.degraded() == []


async def test_of_two_desktops_opened_while_the_bus_was_away_one_stays(room: Room) -> None:
    exchange = Exchange()
    here, there = Process(MemoryBus(exchange), room), Process(MemoryBus(exchange), room)
    for one in (here, there):
        await one.bus.open()
    await turns()
    exchange.cut()
    pages = here.open("ann", instance="tab-1"), there.open("ann", instance="tab-2"), here.open("bob")
    await turns()
    assert [goodbye(one) for one in pages] == ["", "", ""]
    exchange.restore()
    await turns()
    assert sorted(goodbye(one) for one in pages[:2]) == ["", "replaced"]
    assert goodbye(pages[2]) == "", "his is the only one of his"
    for one in (here, there):
        await one.bus.close()
        await one.tasks.close()


# ------------------------------------------------------------------ sign-ins


async def test_a_password_is_guessed_no_oftener_for_more_processes(both: tuple[Process, Process]) -> None:
    here, there = both
    for one in (here, there, here):
        one.attempts.failed("ann", "192.0.2.7")
        await turns()
    for one in both:
        with pytest.raises(RateLimited):
            one.attempts.check("ann", "192.0.2.8")
        one.attempts.check("bob", "192.0.2.7")
    there.attempts.succeeded("ann")
    await turns()
    here.attempts.check("ann", "192.0.2.8")


async def test_what_is_no_word_of_a_sign_in_changes_nothing(both: tuple[Process, Process]) -> None:
    here, there = both
    for garbage in (b"", b"\xff", msgspec.msgpack.encode(("p", 1, "x")), b"\x93\xa1\xff\xa1x\xa1y"):
        there.bus.publish("cc:main:attempts", garbage)
    await turns()
    here.attempts.check("ann", "192.0.2.7")
