import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from contactcenter.core.errors import Invalid, Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti.demo_traffic import DemoCall, DemoCaller, Level, TrafficSettings
from cti.pbx_simulator.people import Customer, PicksUp, Refuses, RingsOn
from cti.pbx_simulator.traffic import RING_HIGH, RING_LOW, SimulatedTraffic

CALLERS = [DemoCaller(f"+1555010{number}", f"Customer {number}") for number in range(8)]


class Pbx:
    def __init__(self) -> None:
        self.is_running = True
        self.phones: Any = None
        self.customers: dict[str, Customer] = {}
        self.exchange = SimpleNamespace(legs=SimpleNamespace(customers=self.customers))

    def customer_calls(self, customer: Customer) -> str:
        leg = f"leg-{len(self.customers)}"
        self.customers[leg] = customer
        return leg


def traffic(pbx: Pbx, *, played: str = "", **changes: Any) -> SimulatedTraffic:
    settings = TrafficSettings(**{"callers": CALLERS, "level": Level.NONE, **changes})
    return SimulatedTraffic(settings, pbx, TaskSupervisor(), lambda endpoint: endpoint == played)  # type: ignore[arg-type]


async def test_a_plan_becomes_a_customer() -> None:
    pbx = Pbx()
    made = traffic(pbx)
    leg = await made.call(DemoCall(CALLERS[0], "2", 3, 60, 12))
    assert pbx.customers[leg] == Customer("+15550100", "1000", "Customer 0", "2", 3, 60, 12)
    assert (made.calls_up, made.calls_started) == (1, 1)
    pbx.customers.clear()
    assert made.calls_up == 0


async def test_nobody_calls_a_pbx_that_is_not_there() -> None:
    pbx = Pbx()
    made = traffic(pbx)
    pbx.is_running = False
    with pytest.raises(Unavailable):
        await made.call(DemoCall(CALLERS[0], "2", 3, 60, 12))
    assert not made.is_live


async def test_phones_pick_up_unless_somebody_plays_their_agent() -> None:
    pbx = Pbx()
    traffic(pbx, played="agent-1", no_answer_percent=0)
    assert pbx.phones("agent-1") == RingsOn()
    reactions = [pbx.phones("agent-2") for _ in range(100)]
    assert {one.after for one in reactions if isinstance(one, PicksUp)} == set(range(RING_LOW, RING_HIGH + 1))
    assert all(isinstance(one, PicksUp) and one.talk and 8 <= one.talk <= 30 for one in reactions)


async def test_some_calls_nobody_answers() -> None:
    pbx = Pbx()
    traffic(pbx, no_answer_percent=20)
    asleep = sum(pbx.phones("agent-2") == RingsOn() for _ in range(1000))
    assert 140 <= asleep <= 260


async def test_customers_who_are_called_mostly_answer() -> None:
    pbx = Pbx()
    traffic(pbx, no_answer_percent=20)
    reactions = [pbx.phones("+15550100") for _ in range(1000)]
    assert 60 <= sum(isinstance(one, Refuses) for one in reactions) <= 140, "half as many are busy"
    assert 140 <= sum(one == RingsOn() for one in reactions) <= 240
    assert all(one.talk and 8 <= one.talk <= 30 for one in reactions if isinstance(one, PicksUp))


async def test_customers_come_one_after_the_other_until_it_stops() -> None:
    pbx = Pbx()
    made = traffic(pbx, level=Level.BUSY)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert made.calls_up == 1
    await made.stop()
    assert made.calls_up == 1


def test_only_numbers_call() -> None:
    with pytest.raises(Invalid):
        traffic(Pbx(), callers=[DemoCaller("12a")])
