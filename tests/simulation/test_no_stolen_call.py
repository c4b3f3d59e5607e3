"""Two legs for one caller, over the simulated wire, thousands of times: nobody is pulled out of a conversation.

Real: PbxTelephony, its table of alerts, Assignments, Router, Engine. Modelled: the PBX (tests/fakes/wire.py). A failing
seed replays exactly: ``run(seed, CASES[case])``.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from contactcenter.core.ids import LegId, ReservationId
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.interactions import ports
from contactcenter.interactions.model import Interaction, Phase
from cti.telephony import PbxTelephony
from tests.fakes.room import SERVER, Room, queue
from tests.fakes.virtual_time import VirtualTime
from tests.fakes.wire import Phone, Wire

SEEDS = 1000
CALLER = "1780000000.1"
RING_TIME = 10.0


@dataclass(frozen=True)
class Case:
    """How long after its first ring each phone is picked up. ``slack``: the scale of the wire's times, seconds."""

    first: Callable[[random.Random, float], float | None]
    second: Callable[[random.Random, float], float | None]


def at_the_deadline(rng: random.Random, slack: float) -> float:
    return RING_TIME + rng.gauss(0, 2) * slack


def after_the_deadline(rng: random.Random, slack: float) -> float:
    return RING_TIME + rng.expovariate(1.0) * 4 * slack


def at_once(rng: random.Random, slack: float) -> float:
    return 0.0 if rng.random() < 0.5 else rng.expovariate(1.0) * slack


CASES = {
    "both in the same moment": Case(at_the_deadline, at_once),
    "after its deadline": Case(after_the_deadline, lambda rng, slack: rng.expovariate(1.0) * 6 * slack),
}


class Hasty(PbxTelephony):
    """A mutant: says that an alert is over as soon as it is asked to take it back."""

    def revoke(self, reservation_id: ReservationId) -> None:
        is_known = LegId(reservation_id) in self.alerts
        super().revoke(reservation_id)
        if is_known:
            self._on_fact(ports.AlertEnded(reservation_id, ports.AlertFailure.REVOKED, self._clock.now()))


async def no_records() -> list[ports.EndedLeg]:
    return []


class World:
    def __init__(self, seed: int, case: Case, guard: str, telephony: type[PbxTelephony]) -> None:
        rng = random.Random(seed)
        self.slack = rng.choice([0.0002, 0.001, 0.005, 0.02, 0.08])
        self.time = VirtualTime()
        self.wire = Wire(self.time, rng, scale=self.slack, guard=guard)
        self.pbx = telephony(SERVER, self.time, TaskSupervisor(), lambda fact: self.room.fact(fact), no_records, str)
        self.pbx.bind(self.wire, self.time.call_later)  # type: ignore[arg-type]
        self.wire.on_message = self.pbx.on_message
        self.room = Room(time=self.time, telephony=Site(self.pbx), queues=[queue(ring_time=RING_TIME)], seed=seed)
        self.room.agent("first", 1, idle=100.0)
        self.room.agent("second", 2, idle=50.0)
        self.wire.phones = {
            "agent-1001": Phone(case.first(rng, self.slack)),
            "agent-1002": Phone(case.second(rng, self.slack)),
        }
        self.leaves_first = rng.random() < 0.5
        self.items: list[Interaction] = []

    def play(self) -> None:
        self.wire.caller_arrives(CALLER)
        self.time.advance(20.0)
        (item,) = self.room.picture.interactions.values()
        self.room.enqueue(item)
        self.items.append(item)
        self.time.advance(RING_TIME + 45.0)  # longer than the PBX's own ring limit and some repeats of a revoke

    def check_one_conversation(self) -> str:
        item, wire, room = self.items[0], self.wire, self.room
        assert wire.stolen == 0, "the caller was pulled out of a conversation"
        assert len(wire.conversations) == 1, "the caller was given to more than one agent"
        assert len(wire.partners(CALLER)) == 1, "the caller was left without the agent who answered"
        (leg,) = wire.partners(CALLER)
        assert set(wire.channels) == {CALLER, leg}, "the other leg is gone"
        assert item.phase is Phase.TALKING
        assert item.segment is not None
        assert item.segment.segment_id == leg
        name = item.segment.agent_id.removeprefix("a-")
        other = {"first": "second", "second": "first"}[name]
        assert room.work_of(name) == "handling"
        assert room.work_of(other) == "idle"
        assert self.pbx.alerts == {}
        return leg

    def check_all_released(self) -> None:
        room = self.room
        assert self.wire.channels == {}
        assert room.picture.interactions == {}
        assert room.picture._by_reservation == {}
        assert room.engine.items == {}
        assert room.engine._reservations == {}
        assert (room.work_of("first"), room.work_of("second")) == ("idle", "idle")
        room.check_clean()


class Site:
    """The port over one PBX."""

    def __init__(self, pbx: PbxTelephony) -> None:
        self.alert, self.revoke = pbx.alert, pbx.revoke

    def prepare(self, device: Any) -> None:
        """No nailed legs here."""

    release = prepare

    def hang_up(self, server_id: Any, leg_id: Any) -> None:
        raise AssertionError("nobody asked for it")


def run(seed: int, case: Case, guard: str = "on", telephony: type[PbxTelephony] = PbxTelephony) -> World:
    world = World(seed, case, guard, telephony)
    world.play()
    leg = world.check_one_conversation()
    world.wire.hang_up(CALLER if world.leaves_first else leg)
    world.time.advance(20.0)
    if not world.leaves_first:
        world.wire.hang_up(CALLER)  # what the dialplan does with a caller whose agent has left
    world.time.advance(90.0)
    world.check_all_released()
    return world


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Thousands of runs refuse thousands of late commands: that is not for the log."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**kept)


def failure(seed: int, case: Case, **more: Any) -> str:
    """What went wrong in this run, '' when nothing did."""
    try:
        run(seed, case, **more)
    except AssertionError as error:
        return (str(error) or repr(error)).splitlines()[0]
    return ""


def breaks(what: str, case: Case, seeds: int, **more: Any) -> bool:
    """Whether some seed goes wrong in this way; the mutants' tests say how many it may take."""
    return any(what in failure(seed, case, **more) for seed in range(seeds))


@pytest.mark.parametrize("case", CASES)
def test_no_stolen_call(case: str) -> None:
    failed = {seed: why for seed in range(SEEDS) if (why := failure(seed, CASES[case]))}
    assert failed == {}


def test_the_seeds_reach_both_sides_of_the_race() -> None:
    """The first agent just makes it, or just does not: turned away before he claimed, and after."""
    worlds = [run(seed, CASES["both in the same moment"]) for seed in range(150)]
    winners = [world.items[0].segment for world in worlds]
    assert {segment.agent_id for segment in winners if segment is not None} == {"a-first", "a-second"}
    refused = [sum(world.wire.refused[look] for world in worlds) for look in ("first look", "second look")]
    assert min(refused) > 0


@pytest.mark.parametrize("case", CASES)
def test_without_the_guard_conversations_are_broken(case: str) -> None:
    assert breaks("left without the agent", CASES[case], 100, guard="off")


def test_without_the_second_look_conversations_are_broken() -> None:
    """A leg that looked just before the revoke and claims just after the question is hung up in its conversation."""
    assert breaks("left without the agent", CASES["both in the same moment"], 1500, guard="once")


def test_a_revoke_that_does_not_wait_lets_calls_be_stolen() -> None:
    assert breaks("pulled out", CASES["both in the same moment"], 200, telephony=Hasty)
