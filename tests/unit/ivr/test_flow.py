"""The interpreter, told as calls: ``Call(flow).press('2')``."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contactcenter.interactions.ports import EnqueueOrder
from ivr.flow import (
    MAX_STEPS,
    Answer,
    DigitPressed,
    Effect,
    Ended,
    Flow,
    GaveUp,
    Hungup,
    IllegalInput,
    Input,
    Phase,
    Play,
    PlayFinished,
    Queued,
    ReadDigit,
    Started,
    State,
    TimedOut,
    step,
)
from ivr.loader import load_flow
from ivr.nodes import DIGITS, Choice, Enqueue, HangUp, Menu, Node, Say, Set

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
FLOWS = Path(__file__).parents[3] / "config" / "flows"


class Call:
    """A simulated caller on a flow; keeps the last effects and every prompt heard."""

    def __init__(self, flow: Flow, now: datetime = NOON) -> None:
        self.flow, self.now = flow, now
        self.state = State()
        self.effects: Sequence[Effect] = ()
        self.heard: list[str] = []
        self.give(Started())

    def give(self, event: Input) -> "Call":
        self.state, self.effects = step(self.flow, self.state, event, self.now)
        self.heard += [name for effect in self.effects if isinstance(effect, Play) for name in effect.prompts]
        return self

    def listen(self) -> "Call":
        return self.give(PlayFinished())

    def press(self, digit: str) -> "Call":
        return self.give(DigitPressed(digit))

    def stay_silent(self) -> "Call":
        return self.give(TimedOut())

    @property
    def last(self) -> Effect:
        return self.effects[-1]


def flow(nodes: dict[str, Node], start: str = "a") -> Flow:
    return Flow("test", start, nodes)


def menu(retries: int = 2) -> Flow:
    return flow(
        {
            "a": Menu(
                ["ask"], {"1": Choice("q", "Sales"), "2": Choice("a2")}, "other", 4.0, retries, ["bad"], ["slow"]
            ),
            "a2": Menu(["deeper"], {"9": Choice("q", "Nine")}, "other"),
            "q": Enqueue("sales"),
            "other": Enqueue("support"),
        }
    )


def test_a_single_enqueue_needs_nothing_before_it() -> None:
    call = Call(load_flow(FLOWS / "direct.yaml"))
    assert call.effects == [Queued(EnqueueOrder("support"))]
    assert call.state.phase is Phase.OVER


def test_say_answers_plays_and_goes_on() -> None:
    call = Call(flow({"a": Say(["one", "two"], "b"), "b": Say(["three"], "c", interrupt=False), "c": HangUp()}))
    assert call.effects == [Answer(), Play(("one", "two"), DIGITS)]
    assert call.listen().effects == [Play(("three",), "")]
    assert call.listen().effects == [Ended()]


def test_a_digit_during_say_is_taken_by_the_menu_behind_it() -> None:
    nodes = dict(menu().nodes) | {"hello": Say(["hello"], "a")}
    assert Call(flow(nodes, "hello")).press("1").last == Queued(EnqueueOrder("sales", choices=("Sales",)))
    wrong = Call(flow(nodes, "hello")).press("7")
    assert wrong.last == Play(("ask",), DIGITS)
    assert wrong.state.tries == 0


def test_a_digit_typed_ahead_is_used_once_and_not_kept_past_another_node() -> None:
    nodes = dict(menu().nodes) | {"hello": Say(["hello"], "more"), "more": Say(["more"], "a")}
    call = Call(flow(nodes, "hello")).press("1")
    assert call.last == Play(("more",), DIGITS)
    assert call.listen().last == Play(("ask",), DIGITS)


def test_say_that_cannot_be_interrupted_refuses_digits() -> None:
    call = Call(flow({"a": Say(["law"], "b", interrupt=False), "b": HangUp()}))
    with pytest.raises(IllegalInput):
        call.press("1")
    assert call.listen().last == Ended()


def test_menu_takes_a_digit_during_its_prompts_and_after() -> None:
    assert Call(menu()).press("1").last == Queued(EnqueueOrder("sales", choices=("Sales",)))
    call = Call(menu()).listen()
    assert call.last == ReadDigit(4.0)
    assert call.press("1").last == Queued(EnqueueOrder("sales", choices=("Sales",)))


def test_labels_of_several_menus_are_kept_in_order_and_unlabelled_ones_left_out() -> None:
    assert Call(menu()).press("2").press("9").last == Queued(EnqueueOrder("sales", choices=("Nine",)))
    first = Menu(["ask"], {"1": Choice("b", "First")}, "q")
    second = Menu(["ask"], {"2": Choice("q", "Second")}, "q")
    call = Call(flow({"a": first, "b": second, "q": Enqueue("support")})).press("1").press("2")
    assert call.last == Queued(EnqueueOrder("support", choices=("First", "Second")))


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_menu_asks_exactly_retries_times_more_then_takes_the_default(retries: int) -> None:
    call = Call(menu(retries))
    for _ in range(retries):
        call.press("7")
        assert call.last == Play(("bad", "ask"), DIGITS)
    assert call.press("8").last == Queued(EnqueueOrder("support"))


def test_silence_and_wrong_digits_share_the_retries() -> None:
    call = Call(menu(2)).listen().stay_silent()
    assert call.last == Play(("slow", "ask"), DIGITS)
    assert call.listen().press("#").last == Play(("bad", "ask"), DIGITS)
    assert call.listen().stay_silent().last == Queued(EnqueueOrder("support"))


def test_the_count_of_tries_begins_anew_in_the_next_menu() -> None:
    call = Call(menu()).press("7").press("7").press("2")
    assert call.state.tries == 0
    assert call.last == Play(("deeper",), DIGITS)


def test_the_call_is_answered_once() -> None:
    call = Call(menu()).press("7").press("7")
    assert call.state.is_answered
    assert Answer() not in call.effects


def test_set_and_enqueue_add_up() -> None:
    nodes: dict[str, Node] = {
        "a": Set("b", 3, {"german": 2, "sales": 5}),
        "b": Set("c", None, {"german": 1}),
        "c": Enqueue("support", None, {"sales": 7, "routers": 1}),
    }
    order = EnqueueOrder("support", 3, {"german": 2, "sales": 7, "routers": 1})
    assert Call(flow(nodes)).effects == [Queued(order)]
    nodes["c"] = Enqueue("support", 0)
    assert Call(flow(nodes)).effects == [Queued(EnqueueOrder("support", 0, {"german": 2, "sales": 5}))]


def test_hangup_with_and_without_words() -> None:
    assert Call(flow({"a": HangUp()})).effects == [Ended()]
    call = Call(flow({"a": HangUp(["bye"])}))
    assert call.effects == [Answer(), Play(("bye",), "")]
    assert call.listen().effects == [Ended()]


def test_the_caller_may_hang_up_in_every_phase() -> None:
    for call in (Call(menu()), Call(menu()).listen(), Call(menu()).press("1")):
        assert call.give(Hungup()).effects == []
        assert call.state.phase is Phase.OVER


def test_illegal_input_raises_and_changes_nothing() -> None:
    call = Call(menu())
    for event in (Started(), TimedOut(), DigitPressed(""), DigitPressed("12"), DigitPressed("x")):
        before = call.state
        with pytest.raises(IllegalInput):
            call.give(event)
        assert call.state == before
    over = Call(menu()).press("1")
    for late in (Started(), PlayFinished(), DigitPressed("1"), TimedOut()):
        with pytest.raises(IllegalInput):
            over.give(late)


def test_a_circle_of_silent_nodes_gives_up() -> None:
    call = Call(flow({"a": Set("b", 1), "b": Set("a", 2)}))
    assert call.effects == [GaveUp("flow-loop")]
    assert call.state.phase is Phase.OVER


def test_a_caller_who_never_answers_a_circular_menu_is_let_go() -> None:
    call = Call(flow({"a": Menu(["ask"], {"1": Choice("q")}, "a", retries=0), "q": Enqueue("support")}))
    for _ in range(MAX_STEPS - 1):
        call.listen().stay_silent()
        assert call.last == Play(("ask",), DIGITS)
    assert call.listen().stay_silent().last == GaveUp("flow-loop")


def test_the_demo_flow_from_greeting_to_the_right_queue() -> None:
    demo = load_flow(FLOWS / "support.yaml")
    call = Call(demo).listen().listen().press("2")
    assert call.heard == ["greeting", "menu"]
    assert call.last == Queued(EnqueueOrder("support", 1, {"routers": 2}, ("Router support",)))
    assert Call(demo).press("1").last == Queued(EnqueueOrder("sales", 0, {"sales": 1}, ("Sales",)))
    assert Call(demo).listen().press("5").press("5").press("5").last == Queued(EnqueueOrder("support"))
