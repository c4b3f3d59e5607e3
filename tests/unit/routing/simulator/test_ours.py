"""The engine as a rule: its commands get there, its decisions come back as effects."""

import pytest

from routing.commands import Presence, RelaxationStep, Requirement
from routing.simulator.ours import Ours
from tests.unit.routing.simulator.floors import agent, caller, plan, queue, told


def run(given):
    return told(given, Ours(given))[1]


def test_answer_end_and_giving_up():
    given = plan([caller("c1", 1, takes=10), caller("c2", 2, takes=5), caller("c3", 3, patience=4)], [agent("a")])
    assert run(given) == [
        (1, "c1", "a"),
        (7, "c3", "abandon"),
        (11, "c1", "end"),
        (11, "c2", "a"),
        (16, "c2", "end"),
    ]


def test_skills_vip_priority_and_preferred_agents_count():
    german = Requirement((("german", 1),))
    given = plan(
        [
            caller("c1", 1, requirement=german, takes=50),
            caller("c2", 2, takes=50, preferred="c"),
            caller("c3", 3, takes=50),
            caller("c4", 4, takes=5),
            caller("c5", 5, takes=5, priority=1),
            caller("c6", 6, takes=5, vip=True),
        ],
        [agent("a", "sales"), agent("b", "sales", "german"), agent("c", "sales", "x", "y")],
        [queue("sales", need={"sales": 1}, late_after=None)],
    )
    assert [line[1:] for line in run(given) if line[2] in "abc"] == [
        ("c1", "b"),
        ("c2", "c"),
        ("c3", "a"),
        ("c6", "b"),
        ("c5", "c"),
        ("c4", "a"),
    ]


def test_hours():
    hours = [(0.0, 0, Presence.OFFLINE), (10.0, 0, Presence.READY), (60.0, 0, Presence.OFFLINE)]
    given = plan([caller("c1", 5, takes=70), caller("c2", 50)], [agent("a")], shifts=hours)
    assert run(given) == [(10, "c1", "a"), (80, "c1", "end")]


def test_a_step_of_relaxation_is_taken_at_its_instant():
    sales = queue("sales", need={"sales": 1}, steps=(RelaxationStep(30.0, (("sales", 0),)),))
    assert run(plan([caller("c1", 5, takes=7)], [agent("a")], [sales])) == [(35, "c1", "a"), (42, "c1", "end")]


def test_a_call_interrupts_a_chat_which_then_goes_on():
    given = plan(
        [caller("chat", 0, "web", medium="chat", takes=100), caller("call", 10, takes=30)],
        [agent("a", capacity={"voice": 1, "chat": 1})],
        [queue("web"), queue("sales", interrupts=frozenset({"chat"}))],
    )
    assert run(given) == [
        (0, "chat", "a"),
        (10, "call", "a"),
        (10, "chat", "set-aside"),
        (40, "call", "end"),
        (40, "chat", "resume"),
        (130, "chat", "end"),
    ]


def test_chats_share_an_agent():
    given = plan(
        [caller(f"c{n}", n, medium="chat", takes=100) for n in range(3)], [agent("a", capacity={"voice": 1, "chat": 2})]
    )
    assert [line[:2] for line in run(given) if line[2] == "a"] == [(0, "c0"), (1, "c1"), (100, "c2")]


@pytest.mark.parametrize("due_at, first", [(900.0, "mail"), (90_000.0, "call")])
def test_a_mail_that_is_nearly_due_goes_before_a_call(due_at, first):
    given = plan(
        [
            caller("c0", 0, takes=700),
            caller("mail", 1, "mails", medium="email", due_at=due_at),
            caller("call", 690, takes=1),
        ],
        [agent("a", capacity={"voice": 1, "email": 1})],
    )
    assert [line[1] for line in run(given) if line[2] == "a"][1] == first
