import json

import pytest

from contactcenter.core.errors import NotFound
from routing import commands as c
from routing.commands import Presence
from routing.why import explain_waiting, find_why, render
from tests.unit.routing.floor import Floor


def passed(explained: dict) -> dict[str, int]:
    return {one["reason"]: one["count"] for one in explained["passed"]}


def crowded() -> Floor:
    """One agent per reason, and two who could take an English call."""
    floor = Floor(wrap_up_time=40)
    floor.queue("other")
    english = {"en": 2}
    floor.agent("talks", english)
    floor.do(c.Accept(floor.call("t1").reservation_id))
    floor.agent("wraps", english)
    floor.do(c.Accept(floor.call("t2").reservation_id))
    floor.do(c.Finish("t2", "wraps"))
    floor.agent("rings", english)
    floor.call("t3")
    floor.agent("off", english, presence=Presence.OFFLINE)
    floor.agent("lunch", english, presence=Presence.NOT_READY, reason="lunch")
    floor.agent("dead", english, device_usable=False)
    floor.agent("german", {"de": 3}, idle=900)
    floor.agent("low", {"en": 1}, idle=900)
    floor.agent("bound", english, queues={"other": c.Service()})
    floor.agent("chats", english, capacity={"chat": 1})
    return floor


def test_a_decision_tells_who_was_passed_over_and_why() -> None:
    floor = crowded()
    floor.agent("first", {"en": 2}, idle=50)
    floor.agent("second", {"en": 2}, idle=20)
    why = render(floor.call("i1", need={"en": 2}).why)
    assert why["agent_id"] == "first"
    assert why["rule"] == "least-flexible"
    assert why["best"] == [{"id": "first", "since": floor.now - 50}, {"id": "second", "since": floor.now - 20}]
    assert passed(why) == {
        "skill": 2,
        "queue": 1,
        "medium": 1,
        "offline": 1,
        "not-ready": 1,
        "device": 1,
        "reserved": 1,
        "wrap-up": 1,
        "busy": 1,
        "rank": 1,
    }
    assert why["considered"] == 12 == sum(passed(why).values()) + 1
    assert {"reason": "skill", "skill": "en", "need": 2, "count": 2} in why["passed"]
    assert json.loads(json.dumps(why)) == why


def test_a_kept_decision_is_not_changed_by_what_happens_later() -> None:
    floor = crowded()
    floor.agent("first", {"en": 2})
    floor.call("i1", need={"en": 2})
    before = render(find_why(floor.engine, "i1"))
    for name in list(floor.engine.agents):
        floor.do(c.SetPresence(name, Presence.OFFLINE))
    floor.agent("new", {"fr": 1})
    assert render(find_why(floor.engine, "i1")) == before


def test_an_agent_who_became_free_tells_who_was_first_in_line() -> None:
    floor = Floor()
    for name in ("i1", "i2", "i3", "i4"):
        floor.now += 1
        floor.call(name)
    floor.agent("a1")
    why = render(floor.one(c.Reserve).why)
    assert why["rule"] == "longest-queue"
    assert [one["id"] for one in why["best"]] == ["i1", "i2", "i3"]
    assert why["waiting"] == 4
    assert why["passed"] == []


def test_the_three_best_come_from_all_profiles() -> None:
    floor = Floor()
    for number, idle in enumerate((10, 40, 30, 20, 50)):
        floor.agent(f"a{idle}", {"en": number + 1}, idle=idle)
    floor.agent("a45", {"en": 5}, idle=45)
    assert [name for name, _ in floor.call("i1", need={"en": 1}).why.best] == ["a50", "a45", "a40"]


def test_partly_busy_agents_are_told_apart_by_medium() -> None:
    floor = Floor()
    both = {"voice": 1, "chat": 3}
    floor.agent("chats", capacity=both)
    floor.do(c.Accept(floor.call("c1", medium="chat").reservation_id))
    floor.agent("free", capacity=both)
    why = render(floor.call("i1").why)
    assert (why["agent_id"], passed(why)) == ("free", {"busy": 1})


def test_a_chat_may_go_to_somebody_with_a_dead_phone() -> None:
    floor = Floor()
    floor.agent("dead", capacity={"voice": 1, "chat": 3}, device_usable=False)
    why = render(floor.call("c1", medium="chat").why)
    assert (why["considered"], why["candidates"], why["passed"]) == (1, 1, [])


def test_waiting_tells_place_reasons_and_what_comes_next() -> None:
    floor = crowded()
    floor.call("i1", need={"en": 2})
    floor.now += 5
    floor.call("i2", need={"en": 2})
    explained = explain_waiting(floor.engine, "i2", floor.now + 7)
    assert (explained["place"], explained["waiting"], explained["waited"]) == (2, 2, 7)
    assert explained["eligible"] == []
    assert explained["considered"] == 10 == sum(passed(explained).values())
    assert {"reason": "skill", "skill": "en", "need": 2, "count": 2, "agents": ["german", "low"]} in explained["passed"]
    assert explained["next"] == [
        {"at": 1020.0, "change": "reservation-expires", "agent_id": "rings"},
        {"at": 1040.0, "change": "wrap-up-ends", "agent_id": "wraps"},
        {"at": 1065.0, "change": "becomes-late", "agent_id": ""},
    ]
    assert json.loads(json.dumps(explained)) == explained


def test_the_next_step_of_each_kind_is_told_however_many_agents_come_free() -> None:
    floor = Floor(wrap_up_time=300)
    steps = (c.RelaxationStep(30.0, (("en", 1),)), c.RelaxationStep(90.0, (("en", 0),)))
    floor.queue("sales", wrap_up_time=10.0, steps=steps, late_after=60.0)
    floor.agent("later", {"en": 2}, queues={"sales": c.Service(0, 20.0)})
    for number in range(5):
        floor.agent(f"wraps{number}", {"en": 2})
        floor.do(c.Accept(floor.call(f"w{number}", need={"en": 2}).reservation_id))
        floor.do(c.Finish(f"w{number}", f"wraps{number}"))
    floor.call("i1", need={"en": 2})
    following = explain_waiting(floor.engine, "i1", floor.now + 1)["next"]
    assert [(one["at"] - floor.now, one["change"], one["agent_id"]) for one in following] == [
        *((10.0, "wrap-up-ends", f"wraps{number}") for number in range(3)),
        (20.0, "delay-passes", ""),
        (30.0, "requirement-relaxes", ""),
        (60.0, "becomes-late", ""),
    ]


def test_at_most_ten_agents_are_named() -> None:
    floor = Floor()
    for number in range(30):
        floor.agent(f"a{number}", {"de": 1})
    floor.call("i1", need={"en": 1})
    (reason,) = explain_waiting(floor.engine, "i1", floor.now)["passed"]
    assert (reason["count"], len(reason["agents"])) == (30, 10)


def test_place_counts_the_whole_queue_whatever_each_needs() -> None:
    floor = Floor()
    floor.call("i1", need={"en": 1})
    floor.call("i2", need={"de": 1})
    floor.call("i3", need={"en": 1}, vip=True)
    places = {name: explain_waiting(floor.engine, name, floor.now)["place"] for name in ("i1", "i2", "i3")}
    assert places == {"i3": 1, "i1": 2, "i2": 3}


def test_an_alerted_interaction_has_no_place_but_an_agent() -> None:
    floor = Floor()
    floor.agent("a1")
    floor.call("i1")
    explained = explain_waiting(floor.engine, "i1", floor.now)
    assert (explained["state"], explained["place"], explained["agent_id"]) == ("reserved", None, "a1")


def test_unknown_is_not_found() -> None:
    with pytest.raises(NotFound):
        explain_waiting(Floor().engine, "nothing", 0.0)
