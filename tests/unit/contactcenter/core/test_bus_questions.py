import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
import structlog

from contactcenter.core import bus_questions, errors
from contactcenter.core.bus import Exchange, MemoryBus
from contactcenter.core.bus_questions import Answer, Answerer, Asker, Question
from contactcenter.core.errors import (
    Conflict,
    ContactCenterError,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TelephonyError,
    Unavailable,
)
from contactcenter.core.tasks import TaskSupervisor


async def turns(number=10):
    for _ in range(number):
        await asyncio.sleep(0)


class LineBroken(TelephonyError):
    """A class of an edge, which the other side may not know."""


class Router:
    """One end that answers; what is asked to wait does until it is let go."""

    def __init__(self, exchange) -> None:
        self.bus = MemoryBus(exchange)
        self.tasks = TaskSupervisor()
        self.carried_out = []
        self.gates = {}
        handlers = {"echo": self.echo, "wait": self.wait, "fail": self.fail, "strange": self.strange}
        self.answerer = Answerer(self.bus, "router", handlers, self.tasks)

    async def echo(self, data):
        self.carried_out.append(data)
        return data

    async def wait(self, data):
        self.carried_out.append(data)
        await self.gates.setdefault(data, asyncio.Event()).wait()
        return data

    def let_go(self, *names):
        for name in names:
            self.gates.setdefault(name, asyncio.Event()).set()

    async def fail(self, data):
        kind, code = data
        raise {"LineBroken": LineBroken, "ValueError": ValueError}.get(kind, getattr(errors, kind, None))(code)

    async def strange(self, data):
        return object()


@pytest.fixture
def exchange():
    return Exchange()


@pytest.fixture
async def router(exchange):
    made = Router(exchange)
    made.answerer.start()
    await made.bus.open()
    yield made
    made.let_go(*made.gates)
    await made.answerer.close()
    assert not made.tasks.failures
    assert not made.tasks.under_way


@pytest.fixture
async def bus(exchange, router):
    made = MemoryBus(exchange)
    await made.open()
    await turns()
    return made


@pytest.fixture
def asker(bus):
    return Asker(bus, "router", "web-1")


@pytest.fixture
async def begin():
    """Asks behind: ``begin(asker.ask(...))`` returns the task."""
    made = []

    def make(coroutine):
        made.append(asyncio.get_running_loop().create_task(coroutine))
        return made[-1]

    yield make
    for task in made:
        task.cancel()
    await asyncio.gather(*made, return_exceptions=True)


def hand_over(bus, **fields):
    """Say a question without an asker behind it."""
    question = Question(**{"id": "q1", "sender": "web-9", "name": "echo", "data": "x", **fields})
    bus.publish("router", msgspec.msgpack.encode(question))


async def test_what_the_handler_returns_comes_back(asker):
    data = {"ids": ["a", "b"], "at": datetime(2026, 1, 5, tzinfo=UTC), "none": None, "number": 1.5, "blob": b"\x00"}
    assert await asker.ask("echo", data) == data
    assert await asker.ask("echo") is None


async def test_each_asker_gets_his_own_answer(exchange, router, asker, begin):
    router.let_go("a", "b")
    other_bus = MemoryBus(exchange)
    await other_bus.open()
    await turns()
    other = Asker(other_bus, "router", "web-2")
    tasks = [begin(one.ask("wait", name)) for name in "ab" for one in (asker, other)]
    assert await asyncio.gather(*tasks) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("kind", sorted(bus_questions._ERRORS))
async def test_an_expected_error_comes_back_as_its_class(asker, kind):
    with pytest.raises(ContactCenterError, match="some-code") as caught:
        await asker.ask("fail", [kind, "some-code"])
    assert type(caught.value).__name__ == kind


def test_every_class_of_core_errors_comes_back():
    ours = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert set(bus_questions._ERRORS) == ours


async def test_fields_come_back(router, asker):
    async def refuses(data):
        raise Conflict("in-use", {"by": "u1", "count": 2})

    router.answerer._handlers["refuse"] = refuses
    with pytest.raises(Conflict) as caught:
        await asker.ask("refuse")
    assert caught.value.fields == {"by": "u1", "count": 2}


async def test_a_class_of_an_edge_comes_back_as_the_nearest_of_core(asker):
    with pytest.raises(TelephonyError, match="line-broken") as caught:
        await asker.ask("fail", ["LineBroken", "line-broken"])
    assert type(caught.value) is TelephonyError


async def test_a_class_nobody_knows_is_never_looked_up(router, asker, begin):
    asked = begin(asker.ask("wait", "a"))
    await turns()
    answer = Answer(f"{asker._run}.1", None, "SystemExit", "some-code", {})
    router.bus.publish("router/replies/web-1", msgspec.msgpack.encode(answer))
    with pytest.raises(ContactCenterError, match="some-code") as caught:
        await asked
    assert type(caught.value) is ContactCenterError


@pytest.mark.parametrize("question", [("fail", ["ValueError", "my secret"]), ("strange", None)])
async def test_a_fault_of_ours_is_logged_there_and_internal_here(asker, question):
    with structlog.testing.capture_logs() as logs, pytest.raises(ContactCenterError, match=r"^internal$") as caught:
        await asker.ask(*question)
    assert type(caught.value) is ContactCenterError
    assert caught.value.fields == {}
    assert [(one["event"], one["question"]) for one in logs] == [("bus-question-failed", question[0])]
    assert await asker.ask("echo", 1) == 1


async def test_a_lane_goes_on_behind_a_fault(router, asker, begin):
    strange = begin(asker.ask("strange", lane="u1"))
    behind = begin(asker.ask("echo", "behind", lane="u1"))
    with pytest.raises(ContactCenterError, match="internal"):
        await strange
    assert await behind == "behind"


async def test_an_unknown_question_is_refused(asker):
    with pytest.raises(Invalid, match="question-unknown"):
        await asker.ask("nonsense")


async def test_a_question_that_cannot_be_packed_is_the_askers_fault(asker):
    with pytest.raises(TypeError):
        await asker.ask("echo", object())
    assert not asker._waiting


async def test_nothing_is_sent_while_the_bus_is_away(exchange, router, asker):
    exchange.cut()
    with pytest.raises(Unavailable, match="router-away"):
        await asker.ask("echo", 1)
    exchange.restore()
    await turns()
    assert await asker.ask("echo", 2) == 2
    assert router.carried_out == [2]


async def test_a_question_that_does_not_fit_was_not_sent(bus, asker, monkeypatch):
    monkeypatch.setattr("contactcenter.core.bus.MAX_QUEUED_BYTES", 10)
    with pytest.raises(Unavailable, match="router-away"):
        await asker.ask("echo", "x" * 11)


async def test_no_answer_in_time_is_an_unknown_outcome(router, asker):
    with pytest.raises(OutcomeUnknown, match="no-answer"):
        await asker.ask("wait", "a", timeout=0)
    router.let_go("a")
    await turns()
    assert not asker._waiting  # and the late answer harms nobody
    assert await asker.ask("echo", 1) == 1


async def test_nobody_there_is_an_unknown_outcome(bus):
    with pytest.raises(OutcomeUnknown, match="no-answer"):
        await Asker(bus, "nobody", "web-1").ask("echo", timeout=0)


async def test_an_answer_after_the_bus_was_away_still_counts(exchange, router, asker, begin):
    asked = begin(asker.ask("wait", "a"))
    await turns()
    exchange.cut()
    exchange.restore()
    await turns()
    assert not asked.done()
    router.let_go("a")
    assert await asked == "a"


async def test_one_lane_goes_in_order_and_lanes_side_by_side(router, asker, begin):
    router.let_go("second", "other")
    tasks = [
        begin(asker.ask("wait", "first", lane="u1")),
        begin(asker.ask("wait", "second", lane="u1")),
        begin(asker.ask("wait", "other", lane="u2")),
        begin(asker.ask("echo", "alone")),
    ]
    await turns()
    assert router.carried_out == ["first", "other", "alone"]
    router.let_go("first")
    assert await asyncio.gather(*tasks) == ["first", "second", "other", "alone"]
    assert router.carried_out[-1] == "second"
    assert not router.answerer._lanes


async def test_the_same_lane_of_two_senders_is_two(exchange, router, asker, begin):
    bus = MemoryBus(exchange)
    await bus.open()
    await turns()
    begin(asker.ask("wait", "first", lane="u1"))
    await turns()
    assert await Asker(bus, "router", "web-2").ask("echo", "theirs", lane="u1") == "theirs"


async def test_questions_without_a_lane_do_not_wait_for_each_other(router, asker, begin):
    begin(asker.ask("wait", "first"))
    await turns()
    assert await asker.ask("echo", "second") == "second"


async def test_beyond_what_may_be_under_way_it_is_rate_limited(router, asker, begin, monkeypatch):
    monkeypatch.setattr(bus_questions, "MAX_UNDER_WAY", 3)
    tasks = [begin(asker.ask("wait", "a", lane=lane)) for lane in ("u1", "u1", "")]
    await turns()
    with pytest.raises(RateLimited, match="rate-limited"):
        await asker.ask("echo", "too many")
    router.let_go("a")
    assert await asyncio.gather(*tasks) == ["a", "a", "a"]
    assert await asker.ask("echo", "room again") == "room again"
    assert "too many" not in router.carried_out


async def test_who_gave_up_while_he_waited_in_the_lane_gets_nothing_done(router, asker, begin):
    first = begin(asker.ask("wait", "first", lane="u1"))
    await turns()
    with pytest.raises(OutcomeUnknown, match="no-answer"):
        await asker.ask("echo", "given up", lane="u1", timeout=0)
    patient = begin(asker.ask("echo", "patient", lane="u1", timeout=60))
    router.let_go("first")
    assert await asyncio.gather(first, patient) == ["first", "patient"]
    assert router.carried_out == ["first", "patient"]
    assert router.answerer.expired == 1


async def test_a_question_heard_twice_is_carried_out_once(router, bus):
    for _ in range(2):
        hand_over(bus, id="q1", lane="u1")
        await turns()
    assert router.carried_out == ["x"]


async def test_ids_are_forgotten_beyond_the_last_thousand(router, bus, monkeypatch):
    monkeypatch.setattr(bus_questions, "REMEMBERED", 2)
    for question_id in ("q1", "q2", "q3", "q2", "q1"):
        hand_over(bus, id=question_id, data=question_id)
        await turns()
    assert router.carried_out == ["q1", "q2", "q3", "q1"]


async def test_a_process_that_starts_again_repeats_no_id(bus, router, asker):
    await asker.ask("echo", 1)
    asker.close()
    assert await Asker(bus, "router", "web-1").ask("echo", 2) == 2


@pytest.mark.parametrize("words", [b"", b"\xff\xff", msgspec.msgpack.encode({"id": 1}), msgspec.msgpack.encode("x")])
async def test_what_is_no_question_or_answer_is_passed_over(router, bus, asker, words):
    bus.publish("router", words)
    bus.publish("router/replies/web-1", words)
    bus.publish("router/replies/web-1", msgspec.msgpack.encode(Answer("nobody asked")))
    assert await asker.ask("echo", 1) == 1


async def test_who_stops_waiting_leaves_nothing(router, asker, begin):
    asked = begin(asker.ask("wait", "a"))
    await turns()
    asked.cancel()
    await turns()
    assert not asker._waiting
    router.let_go("a")


async def test_closing_the_asker_tells_whoever_waits(router, asker, begin):
    asked = begin(asker.ask("wait", "a"))
    await turns()
    asker.close()
    with pytest.raises(OutcomeUnknown, match="no-answer"):
        await asked


async def test_closing_ends_what_is_under_way_and_refuses_what_waits(router, asker, begin):
    first = begin(asker.ask("wait", "first", lane="u1"))
    second = begin(asker.ask("echo", "second", lane="u1"))
    await turns()
    closing = begin(router.answerer.close())
    await turns()
    third = begin(asker.ask("echo", "third", timeout=60))
    await turns()
    router.let_go("first")
    await closing
    assert await first == "first"
    with pytest.raises(Unavailable, match="router-away"):
        await second
    assert not third.done()
    assert router.carried_out == ["first"]


async def test_closing_does_not_wait_for_ever(router, asker, begin, monkeypatch):
    monkeypatch.setattr(bus_questions, "CLOSE_TIME", 0)
    begin(asker.ask("wait", "first", lane="u1"))
    begin(asker.ask("echo", "second", lane="u1"))
    await turns()
    await router.answerer.close()
    assert router.carried_out == ["first"]
    router.answerer.start()
    assert await asker.ask("echo", "third", lane="u1") == "third"


async def test_not_found_is_no_fault(asker):
    with structlog.testing.capture_logs() as logs, pytest.raises(NotFound):
        await asker.ask("fail", ["NotFound", "agent-unknown"])
    assert logs == []


async def test_what_piled_up_while_the_process_stood_still_is_not_carried_out(router, asker, monkeypatch):
    """Whoever asked has long been told that nobody answered, and may have done something else instead."""
    assert await asker.ask("echo", 1) == 1
    router.answerer._due -= 8.0  # as after SIGCONT
    router.answerer._tick()
    with pytest.raises(Unavailable, match="router-away"):
        await asker.ask("echo", 2)
    monkeypatch.setattr(router.answerer, "_stale_until", 0.0)
    assert await asker.ask("echo", 3) == 3
    assert router.carried_out == [1, 3]
