"""How long somebody will wait: what a line taught, and what follows from it."""

from random import Random
from typing import Any

import pytest

from contactcenter.core.ids import AgentId, InteractionId, QueueId, VisitId
from routing import commands as c
from routing.engine import Engine
from routing.estimates import LEAST, Estimates, Pace
from routing.recovery import take_snapshot

QUEUE = QueueId("q")


class Floor:
    """One engine and what is learned from it; agents answer at once."""

    def __init__(self, agents: int = 2) -> None:
        self.engine = Engine(iter(f"r{number}" for number in range(10**6)).__next__)
        self.estimates = Estimates(self.engine.agents, self.engine.items, self.engine.queues)
        self.now = 1000.0
        self.talks: dict[str, AgentId] = {}
        self.count = 0
        self.do(c.DefineQueue(c.QueueRules(QUEUE, late_after=None)))
        for number in range(agents):
            self.do(c.AddAgent(AgentId(f"a{number}"), presence=c.Presence.READY, device_usable=True))

    def do(self, command: c.Command) -> None:
        for decision in self.engine.handle(command, self.now):
            self.now += 0.0001  # as a clock does between a decision and what comes of it
            self.estimates.take(decision, self.now)
            if isinstance(decision, c.Reserve):
                self.talks[decision.interaction_id] = decision.agent_id
                self.do(c.Accept(decision.reservation_id))

    def come(self, count: int = 1, **more: Any) -> None:
        for _ in range(count):
            self.count += 1
            name = f"i{self.count:04}"
            self.do(c.Enqueue(InteractionId(name), VisitId(name), QUEUE, **more))

    def done(self, after: float) -> None:
        """The next conversation ends so many seconds later."""
        self.now += after
        interaction_id, agent_id = next(iter(self.talks.items()))
        del self.talks[interaction_id]
        self.do(c.Finish(InteractionId(interaction_id), agent_id))

    def pace(self, **more: Any) -> Pace | None:
        return self.estimates.pace(QUEUE, self.now, **more)


def test_nothing_is_said_of_a_line_that_was_hardly_seen() -> None:
    floor = Floor()
    assert floor.pace() is None
    floor.come(20)
    for _ in range(int(LEAST)):
        assert floor.pace() is None
        floor.done(10)
    floor.done(10)
    assert floor.pace() is not None


def test_a_line_that_moves_every_ten_seconds() -> None:
    floor = Floor()
    floor.come(60)
    for _ in range(50):
        floor.done(10)
    pace = floor.pace()
    assert pace is not None
    assert pace.serving == pytest.approx(0.1, rel=0.02)
    assert pace.leaving == 0.0
    first, eighth = pace.range(0), pace.range(7)
    assert first.p50 == pytest.approx(10 * 0.693, rel=0.05)  # exponential: ln 2
    assert eighth.p50 == pytest.approx(77, rel=0.05)
    assert eighth.p50 < eighth.p90 < 80 * 2


def test_who_is_served_at_once_teaches_nothing() -> None:
    floor = Floor()
    for _ in range(50):
        floor.come()
        floor.done(10)
    assert floor.pace() is None
    floor.come(30)
    for _ in range(30):
        floor.done(10)
    before = floor.pace()
    assert before is not None
    for _ in range(50):
        floor.come()
        floor.done(1)
    after = floor.pace()
    assert after is not None
    assert (after.serving, after.seen) == pytest.approx((before.serving, before.seen), rel=0.01)


def test_half_of_the_agents_are_half_as_fast() -> None:
    floor = Floor(agents=4)
    floor.come(60)
    for _ in range(40):
        floor.done(5)
    before = floor.pace()
    for number in (0, 1):
        floor.do(c.SetPresence(AgentId(f"a{number}"), c.Presence.NOT_READY, "lunch"))
    floor.now += 10
    after = floor.pace()
    assert before is not None
    assert after is not None
    assert after.serving == pytest.approx(before.serving / 2)
    for number in (2, 3):
        floor.do(c.SetPresence(AgentId(f"a{number}"), c.Presence.NOT_READY, "lunch"))
    floor.now += 10
    assert floor.pace() is None


def test_those_who_give_up_make_room() -> None:
    floor = Floor()
    floor.come(40)
    for number in range(3, 33, 2):
        floor.now += 10
        floor.do(c.Withdraw(InteractionId(f"i{number:04}")))
        floor.done(0)
    pace = floor.pace()
    assert pace is not None
    assert 1 / 600 < pace.leaving < 1 / 150  # one in ten seconds of 38 to 8 in line
    assert pace.range(10).p50 < Pace(pace.serving, 0.0, pace.seen).range(10).p50


def test_vip_customers_are_a_line_of_their_own() -> None:
    floor = Floor()
    floor.come(60)
    for _ in range(20):
        floor.come(vip=True)
        floor.done(10)
        floor.done(10)
    plain, vip = floor.pace(), floor.pace(vip=True)
    assert plain is not None
    assert vip is not None
    assert plain.serving == pytest.approx(0.05, rel=0.1)
    assert vip.serving > plain.serving * 1.5
    assert vip.range(0).p50 < plain.range(0).p50


def test_who_becomes_vip_while_he_waits_changes_lines() -> None:
    floor = Floor()
    floor.come(3)
    assert floor.estimates._standing[InteractionId("i0003")][0] == (QUEUE, False)
    floor.do(c.Enqueue(InteractionId("i0003"), VisitId("i0003"), QUEUE, vip=True, entered_at=1000.0))
    assert floor.estimates._standing[InteractionId("i0003")][0] == (QUEUE, True)
    assert floor.estimates._lines[QUEUE, False].waiting == 0


def test_few_observations_make_the_range_wide() -> None:
    few, many = Pace(0.1, 0.0, 5.0).range(4), Pace(0.1, 0.0, 500.0).range(4)
    assert few.p90 - few.p50 > 1.15 * (many.p90 - many.p50)


@pytest.mark.parametrize("ahead", [0, 1, 5, 30])
@pytest.mark.parametrize("leaving", [0.0, 0.005])
def test_the_quantiles_are_those_of_such_lines(ahead: int, leaving: float) -> None:
    """Played out: stages of exponential times, j of them ahead still able to give up."""
    dice = Random(ahead)
    waits = sorted(sum(dice.expovariate(0.1 + n * leaving) for n in range(ahead + 1)) for _ in range(20_000))
    found = Pace(0.1, leaving, 1e9).range(ahead)
    assert found.p50 == pytest.approx(waits[10_000], rel=0.06)
    assert found.p90 == pytest.approx(waits[18_000], rel=0.04)


def test_nothing_of_the_engine_is_changed() -> None:
    floor = Floor()
    floor.come(5)
    before = take_snapshot(floor.engine).commands()
    floor.pace()
    assert take_snapshot(floor.engine).commands() == before
