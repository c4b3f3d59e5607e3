"""Each rule of docs/routing/rules.md by an example, for the engine and for the rules written the slow way alike."""

from collections import Counter
from typing import Any

import pytest

from contactcenter.core.errors import Invalid
from routing import commands as c
from routing.commands import AgentRule, Presence, RelaxationStep, Requirement, Service, Work, WorkOrder
from routing.engine import Engine
from routing.states import IllegalTransition
from tests.oracle.router import ReferenceRouter
from tests.simulation.router_day import RouterDay, counted
from tests.unit.routing.floor import checked

MIXED = {"voice": 1, "chat": 4, "email": 4}


class Floor:
    """A router, a clock that is a number, and the decisions of the last command."""

    make: Any  # which router

    def __init__(self, **rules: Any) -> None:
        self.now = 1000.0
        self.router = self.make(counted())
        self.out: list[Any] = []
        self.queue("sales", **rules)

    def do(self, command: c.Command) -> list[Any]:
        self.out = self.router.handle(command, self.now)
        return self.out

    def queue(self, name: Any, **rules: Any) -> None:
        self.do(c.DefineQueue(c.QueueRules(name, **rules)))

    def agent(self, name: Any, skills: Any = None, *, idle: float = 0.0, **rest: Any) -> str | None:
        """Sign in; return what he is given."""
        rest = {"presence": Presence.READY, "device_usable": True, **rest}
        self.do(c.AddAgent(name, skills or {}, idle_since=self.now - idle, **rest))
        return self.taken()

    def enter(self, name: Any, queue: Any = "sales", *, need: Any = None, **rest: Any) -> str | None:
        """Put an item in line; return who is alerted."""
        rest = {"requirement": Requirement(tuple((need or {}).items())), **rest}
        self.do(c.Enqueue(name, name, queue, **rest))
        return self.given_to()

    def handle(self, name: Any, queue: Any = "sales", **rest: Any) -> None:
        """An item enters and somebody answers it at once."""
        self.enter(name, queue, **rest)
        self.do(c.Accept(self.one(c.Reserve).reservation_id))

    def wait_until(self, at: float) -> list[Any]:
        """Tick at each instant until ``at``; return who was alerted, for what, when."""
        found = []
        while (due := self.router.next_deadline()) is not None and due <= at:
            self.now = due
            found += [
                (one.interaction_id, one.agent_id, due) for one in self.do(c.Tick()) if isinstance(one, c.Reserve)
            ]
        self.now = at
        return found

    def one(self, kind: Any) -> Any:
        (found,) = (one for one in self.out if isinstance(one, kind))
        return found

    def given_to(self) -> str | None:
        return next((one.agent_id for one in self.out if isinstance(one, c.Reserve)), None)

    def taken(self) -> str | None:
        return next((one.interaction_id for one in self.out if isinstance(one, c.Reserve)), None)

    def why_not(self, agent: Any, item: Any) -> str | None:
        agent, item = self.router.agents[agent], self.router.items[item]
        if isinstance(self.router, ReferenceRouter):
            return self.router.passed_over(agent, item)
        refusal = self.router.refusal(agent, item)
        return None if refusal is None else refusal[0]

    def wish(self, item: Any) -> str | None:
        found = self.router.items[item]
        return found.wish if isinstance(self.router, ReferenceRouter) else found.preferred

    def order(self, *agents: str, **rest: Any) -> list[str | None]:
        """What agents who sign in one after the other are given."""
        return [self.agent(name, **rest) for name in agents]


def watched(new_id: Any) -> Engine:
    engine = Engine(new_id)
    engine.watch = lambda item, agent, line: checked(engine, item, agent)
    return engine


@pytest.fixture(autouse=True, params=[watched, ReferenceRouter], ids=["engine", "slow"])
def made_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Floor, "make", staticmethod(request.param), raising=False)


def works(floor: Floor) -> list[tuple[str, str]]:
    return [(one.interaction_id, one.work.value) for one in floor.out if isinstance(one, c.WorkChanged)]


# ------------------------------------------------------------------ who may get what


@pytest.mark.parametrize(
    "item,agent,word",
    [
        ({"need": {"en": 2}}, {"skills": {"en": 1}}, "skill"),
        ({"requirement": Requirement(any_of=((("en", 2), ("de", 1)),))}, {"skills": {"en": 1}}, "skill"),
        ({"need": {"server:b": 1}}, {"skills": {"server:a": 1}}, "server"),
        ({"requirement": Requirement(teams=("t1",))}, {"team_id": "t2"}, "team"),
        ({}, {"queues": {"other": Service()}}, "queue"),
        ({"medium": "chat"}, {}, "medium"),
        ({}, {"queues": {"sales": Service(0, 5.0)}}, "delay"),
        ({}, {"presence": Presence.OFFLINE}, "offline"),
        ({}, {"presence": Presence.NOT_READY}, "not-ready"),
        ({}, {"device_usable": False}, "device"),
    ],
)
def test_one_word_for_each_who_is_passed_over(item: Any, agent: Any, word: str) -> None:
    floor = Floor()
    floor.agent("a1", **agent)
    assert floor.enter("i1", **item) is None
    assert floor.why_not("a1", "i1") == word


def test_reserved_busy_and_wrap_up() -> None:
    floor = Floor(wrap_up_time=5.0)
    floor.agent("a1")
    floor.enter("i1")
    reserved = floor.one(c.Reserve)
    floor.enter("i2")
    assert floor.why_not("a1", "i2") == "reserved"
    floor.do(c.Accept(reserved.reservation_id))
    assert floor.why_not("a1", "i2") == "busy"
    floor.do(c.Finish("i1", "a1"))
    assert floor.why_not("a1", "i2") == "wrap-up"
    assert floor.wait_until(floor.now + 5) == [("i2", "a1", floor.now)]


def test_requirements_count_together() -> None:
    floor = Floor(requirement=Requirement((("en", 2),), teams=("t1", "t2")))
    floor.agent("low", {"en": 2}, team_id="t1")
    floor.agent("else", {"en": 3}, team_id="t2")
    floor.agent("right", {"en": 3}, team_id="t1")
    floor.agent("own", {"en": 3}, team_id="t3")
    assert floor.enter("i1", requirement=Requirement((("en", 3),), teams=("t1", "t9"))) == "right"
    assert floor.enter("i2", requirement=Requirement((("en", 3),), teams=("t3",))) == "own"


def test_steps_relax_one_after_the_other_each_at_its_instant() -> None:
    steps = (
        RelaxationStep(10.0, (("en", 2),)),
        RelaxationStep(20.0, (("en", 0),), ("t2",)),
        RelaxationStep(30.0, any_team=True),
    )
    floor = Floor(steps=steps)
    need = Requirement((("en", 3),), ((("en", 1), ("de", 1)),), ("t1",))
    for name in ("i1", "i2", "i3"):
        floor.enter(name, requirement=need)
    floor.agent("a1", {"en": 2}, team_id="t1")
    floor.agent("a2", team_id="t2")
    floor.agent("a3")
    found = floor.wait_until(1035.0)
    assert found[:1] == [("i1", "a1", 1010.0)]
    assert [one for one in found if one[1] == "a2"] == [("i2", "a2", 1020.0)]
    assert [one for one in found if one[1] == "a3"] == [("i3", "a3", 1030.0)]


def test_a_delay_passes_at_its_instant() -> None:
    floor = Floor()
    floor.agent("a1", queues={"sales": Service(0, 7.5)})
    floor.enter("i1")
    assert floor.wait_until(1010.0) == [("i1", "a1", 1007.5)]


# ------------------------------------------------------------------ the agent who knows the customer, VIP


def test_the_preferred_agent_gets_it_as_it_enters_though_others_idle_longer() -> None:
    floor = Floor()
    floor.agent("a1", idle=100)
    floor.agent("a2")
    assert floor.enter("i1", preferred_agent_id="a2") == "a2"


def test_it_waits_for_the_busy_preferred_agent_until_the_window_ends() -> None:
    floor = Floor(preferred_wait=30.0)
    floor.agent("a1")
    floor.handle("i0")
    floor.agent("a2")
    assert floor.enter("i1", preferred_agent_id="a1") is None
    assert floor.why_not("a2", "i1") == "window"
    assert floor.wait_until(1030.0) == [("i1", "a2", 1030.0)]


def test_he_is_not_waited_for_without_a_window_or_when_he_is_absent_or_lacks_something() -> None:
    floor = Floor()
    floor.queue("long", preferred_wait=60.0)
    floor.agent("away", presence=Presence.NOT_READY)
    floor.agent("busy")
    floor.handle("i0")
    for name, queue, wish, need in (
        ("a1", "sales", "busy", {}),
        ("a2", "long", "away", {}),
        ("a3", "long", "nobody", {}),
    ):
        floor.agent(name)
        assert floor.enter(f"i-{name}", queue, need=need, preferred_agent_id=wish) == name


@pytest.mark.parametrize(
    "change",
    [
        c.SetPresence("a1", Presence.NOT_READY),
        c.SetPresence("a1", Presence.OFFLINE),
        c.SetDevice("a1", False),
        c.RemoveAgent("a1"),
        c.UpdateAgent("a1", skills={}),
        c.UpdateAgent("a1", queues={}),
    ],
)
def test_all_who_wait_for_him_go_to_others_when_he_becomes_absent(change: c.Command) -> None:
    floor = Floor(preferred_wait=60.0, requirement=Requirement((("en", 1),)))
    floor.agent("a1", {"en": 1})
    floor.handle("i0")
    for name in ("i3", "i1", "i2"):
        floor.enter(name, preferred_agent_id="a1")
    floor.agent("a2", {"en": 1})
    floor.agent("a3", {"en": 1})
    floor.do(change)
    assert {one.interaction_id for one in floor.out if isinstance(one, c.Reserve)} == {"i1", "i2"}
    assert floor.wish("i3") is None


def test_a_delay_of_the_preferred_agent_does_not_end_the_wish() -> None:
    floor = Floor(preferred_wait=30.0)
    floor.agent("a1", queues={"sales": Service(0, 10.0)})
    floor.agent("a2")
    assert floor.enter("i1", preferred_agent_id="a1") is None
    assert floor.wait_until(1010.0) == [("i1", "a1", 1010.0)]


def test_the_first_alert_ends_the_wish() -> None:
    floor = Floor(preferred_wait=60.0)
    floor.agent("a1")
    floor.enter("i1", preferred_agent_id="a1")
    name = floor.one(c.Reserve).reservation_id
    floor.agent("a2")
    floor.do(c.Reject(name, "failed", penalise=False))
    assert floor.given_to() == "a2"


def test_the_last_idle_ones_are_kept_for_vip() -> None:
    floor = Floor(vip_reserve=1)
    floor.agent("a1")
    assert floor.enter("i1") is None
    assert floor.why_not("a1", "i1") == "reserve"
    assert floor.enter("v1", vip=True) == "a1"
    floor.agent("a2")
    assert floor.given_to() is None
    assert floor.agent("a3") == "i1"


# ------------------------------------------------------------------ interrupted work


def chats_then_call(*, chats: int = 3) -> Floor:
    floor = Floor(interrupts=frozenset({"chat", "voice"}))
    floor.queue("chats", wrap_up_time=10.0)
    floor.agent("a1", capacity={"voice": 2, "chat": 4})
    for number in range(chats):
        floor.now += 1
        floor.handle(f"c{number}", "chats", medium="chat")
    return floor


def test_as_many_as_needed_are_set_aside_the_latest_first() -> None:
    floor = chats_then_call(chats=4)
    assert floor.enter("v1") == "a1"
    assert works(floor) == [("v1", "reserved"), ("c3", "set-aside"), ("c2", "set-aside")]


def test_they_resume_the_first_given_first_when_work_ends() -> None:
    floor = chats_then_call(chats=4)
    floor.handle("v1")
    floor.do(c.Finish("c0", "a1"))
    assert works(floor) == [("c0", "wrap-up")]
    floor.do(c.EndWrapUp("a1", "c0"))
    assert works(floor) == [("c0", "idle"), ("c2", "handling")]
    floor.do(c.Finish("v1", "a1"))
    assert works(floor) == [("v1", "idle"), ("c3", "handling")]


def test_what_is_set_aside_ends_without_wrap_up_and_waits_for_room() -> None:
    floor = chats_then_call(chats=4)
    floor.handle("v1")
    floor.do(c.Finish("c3", "a1"))
    assert works(floor) == [("c3", "idle")]
    with pytest.raises(IllegalTransition):
        floor.do(c.EndWrapUp("a1", "c2"))


def test_calls_and_wrap_ups_are_never_interrupted() -> None:
    floor = chats_then_call(chats=3)
    floor.do(c.Finish("c0", "a1"))
    floor.handle("v1")
    assert floor.enter("v2") is None  # a call and a wrap-up of a chat leave a quarter
    assert floor.why_not("a1", "v2") == "busy"


# ------------------------------------------------------------------ which item


def test_the_classes_in_their_order() -> None:
    floor = Floor(late_after=60.0, late_guard=100.0)
    floor.enter("outbound", outbound=True, priority=9)
    floor.enter("mail", due_at=5000.0, priority=9)
    floor.enter("call")
    floor.enter("late-mail", due_at=1050.0)
    floor.enter("late-call", entered_at=930.0)
    floor.enter("vip", vip=True)
    floor.enter("vip-mail", vip=True, due_at=4000.0)
    agents = [f"a{number}" for number in range(7)]
    assert floor.order(*agents) == ["vip", "late-mail", "late-call", "call", "vip-mail", "mail", "outbound"]


def test_outbound_becomes_late_only_by_its_promise() -> None:
    floor = Floor(late_after=10.0, late_guard=10.0)
    floor.enter("old", outbound=True, entered_at=900.0)
    floor.enter("promised", outbound=True, due_at=1005.0)
    floor.enter("call")
    assert floor.order("a1", "a2", "a3") == ["promised", "call", "old"]


def test_the_longest_balanced_queue_nominates_and_weights_count() -> None:
    floor = Floor()
    floor.queue("long")
    floor.enter("s1")
    floor.now += 1
    for name in ("l1", "l2", "l3"):
        floor.enter(name, "long")
    assert floor.agent("a1") == "l1"
    floor.queue("sales", weight=4.0)
    assert floor.agent("a2") == "s1"


def test_equally_long_ones_by_name_and_priority_before_length() -> None:
    floor = Floor()
    floor.queue("long")
    for name, queue in (("l1", "long"), ("l2", "long"), ("s1", "sales"), ("s2", "sales")):
        floor.enter(name, queue)
    assert floor.agent("a1") == "l1"
    floor.enter("s3", priority=1)
    floor.enter("l3", "long")
    floor.enter("l4", "long")
    assert floor.agent("a2") == "s3"


def test_the_nominated_item_competes_with_other_orders_by_key() -> None:
    floor = Floor()
    floor.queue("fifo", order=WorkOrder.FIFO)
    floor.enter("f1", "fifo", priority=5)
    floor.enter("b1", entered_at=990.0)
    floor.enter("b2", entered_at=999.0)
    floor.enter("b3", priority=1)
    assert floor.order("a1", "a2", "a3", "a4") == ["b3", "b1", "b2", "f1"]


@pytest.mark.parametrize(
    "order,expected",
    [
        (WorkOrder.FIFO, ["old", "middle", "high"]),
        (WorkOrder.PRIORITY, ["high", "middle", "old"]),
        (WorkOrder.AGING, ["middle", "old", "high"]),
        (WorkOrder.DUE, ["old", "middle", "high"]),
        (WorkOrder.BALANCED, ["high", "middle", "old"]),
    ],
)
def test_the_orders(order: WorkOrder, expected: list[str]) -> None:
    floor = Floor(order=order, aging=4.0, late_after=None)
    floor.enter("old", entered_at=990.0)
    floor.enter("middle", entered_at=993.0, priority=1)
    floor.enter("high", priority=2)
    assert floor.order("a1", "a2", "a3") == expected


def test_the_yearly_value_gives_points() -> None:
    floor = Floor(value_steps=((100.0, 1), (1000.0, 3)))
    floor.enter("poor", priority=2)
    floor.enter("rich", value=1000.0)
    assert floor.order("a1", "a2") == ["rich", "poor"]


def test_of_equal_items_the_one_that_waits_for_him_then_the_first_id() -> None:
    floor = Floor(preferred_wait=60.0)
    floor.agent("a1")
    floor.handle("i0")
    floor.enter("i2")
    floor.enter("i1")
    floor.enter("i3", preferred_agent_id="a1")
    floor.do(c.Finish("i0", "a1"))
    assert floor.taken() == "i3"
    assert floor.order("a2", "a3") == ["i1", "i2"]


# ------------------------------------------------------------------ which agent


def test_lowest_order_then_preferred_skills_then_free_altogether() -> None:
    floor = Floor(requirement=Requirement(preferred=(("en", 2), ("de", 1))))
    chats: Any = {"voice": 1, "chat": 2}
    floor.agent("second", {"en": 2, "de": 1}, queues={"sales": Service(1)}, idle=50, capacity=chats)
    floor.agent("none", idle=40, capacity=chats)
    floor.agent("half", {"en": 2}, idle=30, capacity=chats)
    floor.agent("busy", {"en": 2, "de": 1}, idle=20, capacity=chats)
    floor.agent("dead", {"en": 2, "de": 1}, idle=20, capacity=chats, device_usable=False)
    floor.agent("free", {"en": 2, "de": 1}, idle=10, capacity=chats)
    floor.do(c.AdoptWork("busy", "c0", "c0", "sales", "chat"))
    given = [floor.enter(f"c{number}", medium="chat") for number in range(1, 7)]
    assert given == ["free", "dead", "busy", "half", "none", "second"]


def test_the_others_by_the_share_in_use() -> None:
    floor = Floor()
    floor.agent("a1", capacity={"chat": 2})
    floor.agent("a2", capacity={"chat": 4}, idle=-1)
    floor.do(c.AdoptWork("a1", "c1", "c1", "sales", "chat"))
    floor.do(c.AdoptWork("a2", "c2", "c2", "sales", "chat"))
    assert floor.enter("c3", medium="chat") == "a2"


@pytest.mark.parametrize(
    "rule,expected",
    [
        (AgentRule.LEAST_FLEXIBLE, "few"),
        (AgentRule.LONGEST_IDLE, "long"),
        (AgentRule.MOST_SKILLED, "skilled"),
        (AgentRule.FEWEST_HANDLED, "new"),
    ],
)
def test_the_agent_rules(rule: AgentRule, expected: str) -> None:
    floor = Floor(agent_rule=rule)
    floor.agent("few", {"en": 1}, idle=10, handled=5)
    floor.agent("long", {"en": 1, "de": 1}, idle=20, handled=5)
    floor.agent("skilled", {"en": 4, "de": 1}, idle=10, handled=5)
    floor.agent("new", {"en": 1, "de": 1}, idle=5, handled=1)
    assert floor.enter("i1", need={"en": 1}) == expected


def test_whoever_is_idle_many_times_the_mean_goes_first() -> None:
    floor = Floor(idle_guard=3.0)
    for number in range(4):
        floor.agent(f"few{number}", idle=1)
    floor.agent("many", {"en": 1}, idle=6)  # the mean is 2: three times is not more
    assert floor.enter("i1") == "few0"
    floor.agent("few4", idle=1)
    floor.do(c.RemoveAgent("many"))
    floor.agent("many", {"en": 1}, idle=7)
    assert floor.enter("i2") == "many"


# ------------------------------------------------------------------ when, and what is refused


def test_of_equal_instants_work_comes_before_items_and_these_by_id() -> None:
    floor = Floor(wrap_up_time=10.0, steps=(RelaxationStep(10.0, (("en", 0),)),))
    floor.agent("a1")
    floor.handle("i0")
    floor.do(c.Finish("i0", "a1"))
    floor.enter("i2", need={"en": 1})
    floor.enter("i1", need={"en": 1}, priority=-1)
    assert floor.wait_until(1010.0) == [("i1", "a1", 1010.0)]


def test_who_returns_is_offered_to_others_first_then_the_agent_gets_the_next() -> None:
    floor = Floor()
    floor.agent("a1", {"en": 1})
    floor.enter("i1")
    name = floor.one(c.Reserve).reservation_id
    floor.enter("i2", need={"en": 1})
    floor.agent("a2")
    floor.do(c.Reject(name, "failed", penalise=False))
    assert [(one.interaction_id, one.agent_id) for one in floor.out if isinstance(one, c.Reserve)] == [
        ("i1", "a2"),
        ("i2", "a1"),
    ]


def test_who_just_did_not_take_it_is_asked_last_even_when_it_wishes_for_him() -> None:
    floor = Floor(preferred_wait=10.0)
    floor.agent("a1")
    floor.enter("i1")
    alert = floor.one(c.Reserve).reservation_id
    floor.do(c.SetDevice("a1", usable=False))  # the alert is taken back
    floor.enter("i2", priority=1)
    floor.do(c.SetDevice("a1", usable=True))
    floor.enter("i1", preferred_agent_id="a1", entered_at=floor.now - 30)
    floor.do(c.RevokeConfirmed(alert))
    assert floor.taken() == "i2"


def test_a_changed_queue_serves_in_the_order_of_its_rules() -> None:
    floor = Floor(requirement=Requirement((("en", 1),)))
    floor.agent("a1")
    floor.agent("a2")
    floor.enter("i1")
    floor.enter("i2", priority=1)
    floor.enter("i3", vip=True)
    floor.queue("sales")
    assert [one.interaction_id for one in floor.out if isinstance(one, c.Reserve)] == ["i3", "i2"]


@pytest.mark.parametrize(
    "command,refusal",
    [
        (c.AddAgent("a1"), IllegalTransition),
        (c.UpdateAgent("a1", capacity={"voice": -1}), Invalid),
        (c.Enqueue("i2", "i2", "unknown"), IllegalTransition),
        (c.Accept("none"), IllegalTransition),
        (c.Finish("i1", "a1"), IllegalTransition),
        (c.AdoptWork("a1", "i1", "i1", "sales", state=Work.RESERVED), IllegalTransition),
    ],
)
def test_a_refusal_changes_nothing(command: c.Command, refusal: type[Exception]) -> None:
    floor = Floor()
    floor.enter("i1", medium="chat")
    floor.agent("a1")
    before = repr((floor.router.agents, floor.router.items, floor.router.queues))
    with pytest.raises(refusal):
        floor.do(command)
    assert repr((floor.router.agents, floor.router.items, floor.router.queues)) == before


@pytest.mark.parametrize("seed", range(100, 103))
def test_after_every_command_nobody_waits_while_somebody_is_eligible(seed: int) -> None:
    day = RouterDay(seed)
    day.open()
    words: Counter[str | None] = Counter()
    for _ in range(600):
        day.step()
        router = day.reference
        found = {
            (item.id, agent.id): router.passed_over(agent, item)
            for item in router.waiting()
            for agent in router.agents.values()
        }
        assert None not in found.values(), day.story(str([pair for pair, word in found.items() if word is None]))
        words.update(found.values())
        assert all(agent.alert is None or agent.alert.until is not None for agent in router.agents.values())
    assert {"reserve", "busy", "wrap-up", "reserved"} <= words.keys()
