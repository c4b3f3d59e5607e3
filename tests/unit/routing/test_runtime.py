import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from contactcenter.core.clock import ManualClock
from contactcenter.core.garbage import PORTION
from routing import commands as c
from routing import replay, runtime
from routing.commands import Decision, Presence
from routing.engine import Engine
from routing.runtime import Router


class FakeTimer:
    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeLoop:
    """Only what the router asks of a loop; its time has nothing to do with the clock's, as in life."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._offset = clock.timestamp() - 77.0
        self.timers: list[FakeTimer] = []

    def time(self) -> float:
        return self._clock.timestamp() - self._offset

    def call_at(self, at: float, callback: Callable[[], None]) -> FakeTimer:
        self.timers.append(FakeTimer(at, callback))
        return self.timers[-1]

    def armed(self) -> list[FakeTimer]:
        return [timer for timer in self.timers if not timer.is_cancelled]

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)
        for timer in self.armed():
            if timer.at <= self.time():
                timer.cancel()
                timer.callback()


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.loop = FakeLoop(self.clock)
        self.told: list[Decision] = []
        self.react: Callable[[Decision], None] = lambda decision: None
        numbers = iter(range(1000))
        self.router = Router(Engine(lambda: f"r{next(numbers)}"), self.clock, self.loop, self.sink)  # type: ignore[arg-type]
        self.router.submit(c.DefineQueue(c.QueueRules("q", ring_time=20.0)))

    def sink(self, decision: Decision) -> None:
        self.told.append(decision)
        self.react(decision)

    def agent(self, name: str) -> None:
        self.router.submit(c.AddAgent(name, presence=Presence.READY, device_usable=True))

    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.told]

    def last(self, kind: type) -> Any:
        return [one for one in self.told if isinstance(one, kind)][-1]


def test_decisions_are_told_before_submit_returns() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    assert desk.kinds() == ["PresenceChanged", "Queued", "Reserve", "WorkChanged"]
    assert desk.router.stats.decisions == 4
    assert desk.router.stats.commands == 3
    assert len(desk.router.stats.latencies) == 3


def test_a_command_from_within_the_sink_waits_for_its_turn() -> None:
    desk = Desk()
    desk.agent("a1")

    def accept_at_once(decision: Decision) -> None:
        if isinstance(decision, c.Reserve):
            desk.router.submit(c.Accept(decision.reservation_id))
            assert desk.kinds()[-1] == "Reserve"

    desk.react = accept_at_once
    desk.told.clear()
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    assert desk.kinds() == ["Queued", "Reserve", "WorkChanged", "ReservationEnded", "WorkChanged"]


def test_one_timer_stands_at_the_next_deadline_and_fires_it() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.agent("a2")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    desk.loop.advance(5.0)
    desk.router.submit(c.Enqueue("i2", "v2", "q"))
    (timer,) = desk.loop.armed()
    assert timer.at == pytest.approx(desk.loop.time() + 15.0)
    desk.loop.advance(14.9)
    assert "Revoke" not in desk.kinds()
    desk.loop.advance(0.2)
    assert desk.kinds().count("Revoke") == 1
    assert len(desk.loop.armed()) == 1


def test_no_timer_without_a_deadline() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    desk.router.submit(c.Accept("r0"))
    assert desk.loop.armed() == []


def test_a_timer_that_fires_early_is_set_again() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    (timer,) = desk.loop.armed()
    timer.cancel()
    timer.callback()
    assert len(desk.loop.armed()) == 1
    assert "Revoke" not in desk.kinds()


def test_what_was_due_comes_before_a_late_command() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    desk.clock.advance(30.0)  # the loop was busy: no timer fired
    desk.told.clear()
    desk.router.submit(c.SetPresence("a1", Presence.NOT_READY, "lunch"))
    assert desk.kinds() == ["Revoke", "WorkChanged", "PresenceChanged"]


def test_an_illegal_command_is_counted_and_does_not_stop_the_inbox() -> None:
    desk = Desk()
    desk.router.submit(c.Accept("none"))
    desk.agent("a1")
    assert desk.router.stats.illegal == 1
    assert desk.kinds() == ["PresenceChanged"]


def test_a_failing_sink_loses_one_decision_not_the_inbox() -> None:
    desk = Desk()

    def fail(decision: Decision) -> None:
        if isinstance(decision, c.Queued):
            raise RuntimeError("sink")

    desk.react = fail
    desk.agent("a1")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    assert desk.kinds()[-1] == "WorkChanged"
    assert desk.router.stats.failures == {"Queued": 1}


def test_a_failing_command_does_not_stop_the_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    monkeypatch.setitem(desk.router.engine._handlers, c.Withdraw, lambda command: 1 / 0)
    desk.router.submit(c.Withdraw("i1"))
    desk.agent("a1")
    assert desk.router.stats.failures == {"Withdraw": 1}
    assert desk.kinds() == ["PresenceChanged"]


def test_closed_takes_nothing_and_fires_nothing() -> None:
    desk = Desk()
    desk.agent("a1")
    desk.router.submit(c.Enqueue("i1", "v1", "q"))
    desk.router.close()
    assert desk.loop.armed() == []
    desk.told.clear()
    desk.router.submit(c.Accept("r0"))
    assert desk.told == []


async def journal_of(router: Router, more: int) -> None:
    """Let things happen until the journal has been condensed."""
    for number in range(more):
        router.submit(c.Enqueue(f"i{number}", f"v{number}", "q"))
        router.submit(c.Withdraw(f"i{number}"))
    while router.journal.base.number == 0:
        await asyncio.sleep(0)


async def test_the_journal_is_condensed_and_decisions_after_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST", 40)
    numbers = iter(range(1000))
    told: list[Any] = []
    router = Router(Engine(lambda: f"r{next(numbers)}"), ManualClock(), asyncio.get_running_loop(), told.append)
    router.submit(c.DefineQueue(c.QueueRules("q")))
    router.submit(c.AddAgent("a1", {"en": 1}))
    await journal_of(router, 30)
    router.submit(c.AddAgent("a2", presence=Presence.READY, device_usable=True))
    router.submit(c.Enqueue("last", "v", "q"))
    given = told[-2]
    agents = await router.passed_over(given.why.number, given.why.at, given.reservation_id)
    assert agents == [{"agent_id": "a1", "reason": "not-ready"}]
    assert await router.passed_over(2, given.why.at, "r0") is None
    router.close()


async def test_a_journal_that_cannot_be_condensed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST", 40)

    def broken(*given: object) -> None:
        raise ValueError

    monkeypatch.setattr(runtime, "condensed", broken)
    router = Router(Engine(lambda: "r0"), ManualClock(), asyncio.get_running_loop(), lambda decision: None)
    router.submit(c.DefineQueue(c.QueueRules("q")))
    await journal_of(router, 30)
    assert router.journal.base.number == router.engine.number
    assert router.journal.entries == []
    router.close()


async def test_on_a_real_loop() -> None:
    clock = ManualClock()
    told: list[Decision] = []
    router = Router(Engine(lambda: "r0"), clock, asyncio.get_running_loop(), told.append)
    router.submit(c.DefineQueue(c.QueueRules("q", ring_time=0.0)))
    router.submit(c.AddAgent("a1", presence=Presence.READY, device_usable=True))
    router.submit(c.Enqueue("i1", "v1", "q"))
    while not any(isinstance(one, c.Revoke) for one in told):
        await asyncio.sleep(0)
    router.close()


def test_the_young_are_collected_after_each_portion_of_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[int] = []
    desk = Desk()
    monkeypatch.setattr(runtime, "collect_young", lambda: collected.append(desk.router.stats.commands))
    for _ in range(2 * PORTION):
        desk.router.submit(c.Tick())
    assert collected == [PORTION, 2 * PORTION]
