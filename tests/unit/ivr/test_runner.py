from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import NotFound, Unavailable
from contactcenter.core.ids import LegId, QueueId, ServerId, VisitId
from contactcenter.interactions.ports import (
    CallArrived,
    CallEnded,
    CallSession,
    Diverted,
    EnqueueOrder,
    FlowDesk,
    FlowExit,
    PlaceInLine,
)
from ivr.flow import Flow, Prompt
from ivr.holding import HoldLoop
from ivr.loader import load_flows
from ivr.nodes import Callback, Enqueue, HangUp, Say, Set, Voicemail
from ivr.prompts import PromptFiles
from ivr.runner import FlowRunner

FLOWS = load_flows(Path(__file__).parents[3] / "config" / "flows")
PROMPTS = {"ask": Prompt("ask", sound="vm-intro")}
EXTRA = {
    "bye": Flow("bye", "a", {"a": HangUp()}),
    "back": Flow(
        "back",
        "a",
        {"a": Callback("support", "bye", "wait", 3, {"de": 2}), "bye": HangUp(["bye"]), "wait": Enqueue("")},
        {"bye": Prompt("bye", sound="vm-goodbye")},
    ),
    "circle": Flow("circle", "a", {"a": Set("a", 1)}),
    "message": Flow("message", "a", {"a": Voicemail(["ask"], "b", 60.0, 4.0), "b": HangUp(["ask"])}, PROMPTS),
    "silent": Flow("silent", "a", {"a": Say(["nothing"], "b"), "b": HangUp()}),
}
LINES = {
    "100": "support",
    "200": "direct",
    "300": "bye",
    "400": "circle",
    "500": "gone",
    "600": "silent",
    "700": "message",
    "800": "back",
}
PLACE = PlaceInLine(VisitId("v1"), QueueId("q1"), 1, {"de": 2})
IN_LINE = "CC_NEXT=hold:visit=v1&queue=q1&priority=1&skill=2+de"


class Script:
    """A call session that plays back digits: '' is silence; writes everything down, also what the desk is told."""

    server_id = ServerId("pbx1")
    leg_id = LegId("17.1")

    def __init__(self, dialed: str, digits: Sequence[str | Exception] = ()) -> None:
        told = {"dialed": dialed, "caller_number": "+4930", "caller_name": "Ann", "language": "en", "linked_id": ""}
        self.request = MappingProxyType(told)
        self.log: list[object] = []
        self.wishes = Wishes(self.log)
        self._digits = list(digits)

    def _next(self) -> str:
        digit = self._digits.pop(0) if self._digits else ""
        if isinstance(digit, Exception):
            raise digit
        return digit

    async def answer(self) -> None:
        self.log.append("answer")

    async def play(self, prompts: Sequence[str], interrupt_digits: str = "", time_limit: float = 180.0) -> str:
        self.log.append(list(prompts))
        return self._next()

    async def read_digit(self, timeout: float) -> str:
        self.log.append("read")
        return self._next()

    async def set_variable(self, name: str, value: str) -> None:
        self.log.append(f"{name}={value}")

    async def record(self, name: str, max_time: float, silence: float, finish_digits: str) -> float:
        self.log.append(("record", name, max_time, silence, finish_digits))
        digit = self._next()
        return float(digit or 0)


class Desk:
    """Knows the lines above and two queues."""

    def __init__(self, log: list[object]) -> None:
        self.log = log
        self.fault: Exception | None = None
        self.diverts: dict[str, str] = {}  # queue -> the flow it sends callers into

    def call_arrived(self, fact: CallArrived) -> None:
        self.log.append(("arrived", fact.leg_id, fact.linked_id, fact.caller_number, fact.dialed))

    def enqueue(self, server_id: ServerId, leg_id: LegId, order: EnqueueOrder) -> PlaceInLine | Diverted:
        if self.fault:
            raise self.fault
        self.log.append(order)
        return Diverted(self.diverts[order.queue]) if order.queue in self.diverts else PLACE

    def flow_for(self, server_id: ServerId, leg_id: LegId, dialed: str) -> str | None:
        return LINES.get(dialed)

    def what_next(self, server_id: ServerId, leg_id: LegId) -> str:
        return "hangup" if leg_id == "gone" else "hold"

    def flow_left(self, server_id: ServerId, leg_id: LegId, exit: FlowExit) -> None:
        self.log.append(exit)


class Silence:
    """Nobody is told anything; ``seconds`` is the next round of music."""

    seconds: int | None = None

    def take_due(self, server_id: ServerId, leg_id: LegId) -> None:
        """See Announcer."""

    def is_waiting(self, server_id: ServerId, leg_id: LegId) -> bool:
        return True

    def round_time(self, server_id: ServerId, leg_id: LegId) -> int | None:
        return self.seconds


class Kept:
    """Where recordings go."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def begin(self, server_id: ServerId, leg_id: LegId) -> Path:
        return Path(f"/recordings/{leg_id}")

    def left(self, file: Path, seconds: float | None) -> None:
        self.log.append(("left", str(file), seconds))


class Wishes:
    """Where wishes to be called back go; ``is_kept`` says what is answered."""

    def __init__(self, log: list[object]) -> None:
        self.log = log
        self.is_kept = True

    async def ask(self, server_id: ServerId, leg_id: LegId, order: EnqueueOrder) -> bool:
        self.log.append(("asks", leg_id, order))
        return self.is_kept


def runner(session: Script, silence: Silence | None = None) -> tuple[FlowRunner, Desk]:
    desk = Desk(session.log)
    proof: tuple[CallSession, FlowDesk] = (session, desk)
    flows, prompts = {**FLOWS.flows, **EXTRA}, PromptFiles(Path("unused"))
    hold = HoldLoop(proof[1], silence or Silence(), prompts)
    beside = (Kept(session.log), session.wishes, hold)
    return FlowRunner(proof[1], flows.get, prompts, ManualClock(), *beside), desk


async def run(session: Script) -> list[object]:
    await runner(session)[0].run_flow(session)
    return session.log


def arrived(dialed: str) -> tuple[str, ...]:
    return ("arrived", "17.1", "17.1", "+4930", dialed)


async def test_straight_to_the_queue_with_no_round_trip_before_it() -> None:
    assert await run(Script("200")) == [arrived("200"), EnqueueOrder("support"), IN_LINE]


async def test_he_is_promised_a_call() -> None:
    order = EnqueueOrder("support", 3, {"de": 2}, ())
    log = await run(Script("800"))
    assert log[1:] == [("asks", "17.1", order), "answer", ["vm-goodbye"], FlowExit.HANG_UP, "CC_NEXT=hangup"]


async def test_no_call_can_be_promised() -> None:
    session = Script("800")
    session.wishes.is_kept = False
    assert (await run(session))[-2:] == [EnqueueOrder("", 3, {"de": 2}, ()), IN_LINE]


async def test_a_queue_may_send_the_call_into_another_flow_with_all_it_has() -> None:
    session = Script("200")
    run_flows, desk = runner(session)
    desk.diverts = {"support": "bye"}
    await run_flows.run_flow(session)
    assert session.log == [arrived("200"), EnqueueOrder("support"), FlowExit.HANG_UP, "CC_NEXT=hangup"]


async def test_flows_that_send_a_call_round_in_circles_end() -> None:
    session = Script("200")
    run_flows, desk = runner(session)
    desk.diverts = {"support": "direct"}
    await run_flows.run_flow(session)
    assert session.log[-2:] == [FlowExit.FALLBACK, "CC_NEXT=fallback"]
    assert session.log.count(EnqueueOrder("support")) == 100


async def test_a_queue_that_sends_into_a_flow_that_is_not_there() -> None:
    session = Script("200")
    run_flows, desk = runner(session)
    desk.diverts = {"support": "no-such-flow"}
    await run_flows.run_flow(session)
    assert session.log[-2:] == [FlowExit.FALLBACK, "CC_NEXT=fallback"]


RECORD = ("record", "/recordings/17.1", 60.0, 4.0, "#")


async def test_a_message_is_recorded_and_kept() -> None:
    assert await run(Script("700", ["", "12.5"])) == [
        arrived("700"), "answer", ["vm-intro"], RECORD, ("left", "/recordings/17.1", 12.5), ["vm-intro"],
        FlowExit.HANG_UP, "CC_NEXT=hangup",
    ]  # fmt: skip


async def test_who_hangs_up_while_he_is_recorded_has_left_a_message() -> None:
    session = Script("700", ["", CallEnded()])
    with pytest.raises(CallEnded):
        await run(session)
    assert session.log[-2:] == [RECORD, ("left", "/recordings/17.1", None)]


async def test_greeting_menu_queue() -> None:
    assert await run(Script("100", ["", "", "2"])) == [
        arrived("100"),
        "answer",
        ["hello-world"],
        ["vm-press"],
        "read",
        EnqueueOrder("support", 1, {"routers": 2}, ("Router support",)),
        IN_LINE,
    ]


async def test_silence_ends_at_the_operator() -> None:
    log = await run(Script("100"))
    assert log.count("read") == 3
    assert log[-2:] == [EnqueueOrder("support"), IN_LINE]


@pytest.mark.parametrize(
    ("dialed", "exit", "way"),
    [
        ("999", FlowExit.NO_SERVICE, "noservice"),
        ("300", FlowExit.HANG_UP, "hangup"),
        ("400", FlowExit.FALLBACK, "fallback"),
        ("500", FlowExit.FALLBACK, "fallback"),
    ],
)
async def test_ends_without_a_queue_are_told_and_set(dialed: str, exit: FlowExit, way: str) -> None:
    assert await run(Script(dialed)) == [arrived(dialed), exit, f"CC_NEXT={way}"]


async def test_an_unknown_queue_is_the_fallback() -> None:
    session = Script("200")
    flows, desk = runner(session)
    desk.fault = NotFound("queue-unknown")
    await flows.run_flow(session)
    assert session.log == [arrived("200"), FlowExit.FALLBACK, "CC_NEXT=fallback"]


@pytest.mark.parametrize("digits", [[CallEnded()], ["", CallEnded()], ["", "", CallEnded()]])
async def test_a_hangup_is_left_to_the_pbx_to_tell(digits: list[str | Exception]) -> None:
    session = Script("100", digits)
    with pytest.raises(CallEnded):
        await run(session)
    assert not [entry for entry in session.log if isinstance(entry, FlowExit | EnqueueOrder)]


@pytest.mark.parametrize("fault", [Unavailable("agi-connection-lost"), KeyError("ours")])
async def test_a_fault_is_told_as_fallback_and_passed_on(fault: Exception) -> None:
    session = Script("100", [fault])
    with pytest.raises(type(fault)):
        await run(session)
    assert session.log[-1] is FlowExit.FALLBACK


async def test_a_prompt_without_any_sound_is_left_out() -> None:
    assert await run(Script("600")) == [arrived("600"), "answer", [], FlowExit.HANG_UP, "CC_NEXT=hangup"]


async def test_the_first_round_of_music_ends_when_an_announcement_is_due() -> None:
    session, silence = Script("200"), Silence()
    silence.seconds = 20
    await runner(session, silence)[0].run_flow(session)
    assert session.log == [arrived("200"), EnqueueOrder("support"), "CC_MUSIC=20", IN_LINE]
    session = Script("300")
    await runner(session, silence)[0].run_flow(session)
    assert session.log == [arrived("300"), FlowExit.HANG_UP, "CC_NEXT=hangup"]
