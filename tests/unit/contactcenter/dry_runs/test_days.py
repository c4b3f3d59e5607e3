"""A day's trace of its rows: who was there and when, who called, and what is assumed of them."""

import dataclasses
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from contactcenter.core.ids import AgentId, QueueId, SiteId, SkillId, TeamId
from contactcenter.dry_runs.days import Real, traced_day
from contactcenter.dry_runs.model import Ask, LeftOut, Offering, PresenceRow, VisitRow
from contactcenter.dry_runs.player import play, refusal
from contactcenter.queues.model import Queue, Step, ValueStep
from contactcenter.queues.rules import rules_of
from routing.commands import Presence, Service
from routing.simulator.plans import Shift
from routing.simulator.scenario import OWN_RULES
from routing.simulator.trace import read_trace

BEGAN, LENGTH = 1_000_000.0, 86_400.0
SALES = Queue(QueueId("sales"), SiteId("main"), "Sales", target_time=30.0)
HELP = Queue(QueueId("help"), SiteId("main"), "Help")
ANN = Offering(AgentId("ann"), {SkillId("german"): 3}, {"voice": 1}, None, None)
BEN = Offering(AgentId("ben"), {}, {"voice": 1, "chat": 0}, {QueueId("sales"): Service(1, 20.0)}, TeamId("north"))


def ask(**values):
    given = {"queues": [SALES, HELP], "agents": [ANN, BEN], "skills": [SkillId("german")], **values}
    return Ask("2026-01-06", BEGAN, BEGAN + LENGTH, **given)


def visit(name, at, wait, end="abandoned", queue="sales", contact="", **values):
    ended = None if wait is None else BEGAN + at + wait
    told = {"priority": 0, "skills": {}, "medium": "voice", "vip": False, "value": 0.0}
    told |= {"agent_id": None, "handle_time": None, **values}
    return VisitRow(contact or name, name, QueueId(queue), BEGAN + at, ended, end if ended else None, **told)


def answered(name, at, wait, takes=100.0, agent="ann", **values):
    return visit(name, at, wait, "answered", agent_id=agent, handle_time=takes, **values)


def plan_of(day):
    return read_trace([msgspec.json.encode(line) for line in day.lines()], "day")


def at(seconds, agent, presence):
    return PresenceRow(BEGAN + seconds, AgentId(agent), presence)


def test_who_was_there_when_the_day_began_and_what_changed_in_it():
    rows = [
        at(-9000, "ann", "offline"),
        at(-3600, "ann", "ready"),
        at(-7200, "gone", "ready"),
        at(100, "ann", "not-ready"),
        at(50, "ben", "ready"),
        at(LENGTH, "ben", "offline"),
    ]
    day = traced_day(ask(), [answered("a", 1, 2)], rows)
    assert plan_of(day).shifts == (
        Shift(0.0, 0, Presence.READY),
        Shift(0.0, 1, Presence.OFFLINE),
        Shift(50.0, 1, Presence.READY),
        Shift(100.0, 0, Presence.NOT_READY),
    )
    assert day.ready_agents == 2


def test_an_agent_nothing_is_known_of_is_not_there():
    day = traced_day(ask(), [answered("a", 1, 2)], [])
    assert [(one.at, one.presence) for one in plan_of(day).shifts] == [(0.0, Presence.OFFLINE)] * 2
    assert day.ready_agents == 0


def test_a_queue_comes_back_from_its_line_with_every_rule():
    full = Queue(
        QueueId("q"),
        SiteId("main"),
        "Q",
        priority=5,
        target_time=40.0,
        skills={SkillId("german"): 3},
        any_of=({SkillId("a"): 2, SkillId("b"): 1},),
        teams=(TeamId("north"), TeamId("east")),
        preferred={SkillId("c"): 4},
        steps=(Step(10.0, {SkillId("german"): 0}, (TeamId("south"),)), Step(20.0, any_team=True)),
        late_after=None,
        interrupts=("chat",),
        value_steps=(ValueStep(10.0, 1),),
        weight=2.0,
        vip_reserve=1,
    )
    found = plan_of(traced_day(ask(queues=[full, SALES]), [answered("a", 1, 2)], [])).queues["q"]
    wanted = rules_of(full)
    assert found.target == 40.0
    for one in dataclasses.fields(wanted):
        if one.name not in OWN_RULES - {"requirement", "target_time", "queue_id"}:
            assert getattr(found.rules, one.name) == getattr(wanted, one.name), one.name


def test_agents_offer_what_they_offer_now():
    ann, ben = plan_of(traced_day(ask(), [answered("a", 1, 2)], [])).agents
    assert (ann.skills, ann.capacity, ann.queues, ann.team) == ({"german": 3}, {"voice": 1}, None, None)
    assert (ben.capacity, ben.queues, ben.team) == ({"voice": 1}, {"sales": Service(1, 20.0)}, "north")


def test_a_caller_brings_what_was_stored_of_him():
    row = answered("a", 60.5, 2, 90.0, skills={SkillId("german"): 2}, priority=3, vip=True, value=500.0)
    [caller] = plan_of(traced_day(ask(), [row], [])).callers
    assert (caller.at, caller.queue, caller.handle_time) == (60.5, "sales", 90.0)
    assert (caller.priority, caller.vip, caller.value) == (3, True, 500.0)
    assert caller.requirement.skills == (("german", 2),)


def test_who_was_sent_on_counts_once_in_his_first_queue():
    rows = [
        visit("a1", 10, 60, "flowed-out", contact="a"),
        answered("a2", 70, 5, 80.0, queue="help", contact="a"),
        visit("b1", 20, 90, "flowed-out", contact="b"),
    ]
    day = traced_day(ask(), rows, [])
    assert day.real == [Real(QueueId("sales"), 65.0, "answered"), Real(QueueId("sales"), 90.0, "flowed-out")]
    first, second = plan_of(day).callers
    assert (first.queue, first.handle_time, second.queue) == ("sales", 80.0, "sales")
    assert second.patience > 90.0
    assert second.handle_time == 80.0, "drawn from those who were served"
    assert (day.assumed.patience, day.assumed.handle_time) == (2, 1)


def test_who_is_put_through_after_a_conversation_calls_anew():
    rows = [answered("a1", 10, 5, contact="a"), answered("a2", 120, 7, queue="help", contact="a")]
    assert [one.queue for one in plan_of(traced_day(ask(), rows, [])).callers] == ["sales", "help"]


def test_what_began_before_the_day_or_after_it_is_not_of_it():
    rows = [
        answered("early", -1, 5),
        answered("first", 0, 5),
        answered("last", LENGTH - 0.001, 5),
        answered("late", LENGTH, 5),
        visit("c1", -10, 60, "flowed-out", contact="c"),
        answered("c2", 50, 5, contact="c"),
    ]
    assert [one.name for one in plan_of(traced_day(ask(), rows, [])).callers] == ["first", "last"]


def test_what_is_no_more_is_left_out_and_counted():
    rows = [
        answered("a", 1, 2),
        answered("b", 2, 2, queue="closed down"),
        answered("c", 3, 2, skills={SkillId("latin"): 1}),
        answered("d", 4, 2, agent="left"),
    ]
    day = traced_day(ask(), rows, [])
    assert day.left_out == LeftOut(queue_gone=1, skill_gone=1, agents_gone=1)
    assert [one.name for one in plan_of(day).callers] == ["a", "d"]


def test_who_gave_up_waits_as_long_as_he_did_and_who_was_answered_longer():
    rows = [visit(f"g{n}", n, 10.0 + n) for n in range(25)] + [answered(f"a{n}", 100 + n, 20.0) for n in range(25)]
    day = traced_day(ask(), rows, [])
    plan = plan_of(day)
    patience = {one.name: one.patience for one in plan.callers}
    assert [patience[f"g{n}"] for n in range(25)] == [10.0 + n for n in range(25)]
    assert all(patience[f"a{n}"] > 20.0 for n in range(25))
    assert plan == plan_of(traced_day(ask(), rows[::-1], [])), "the order of rows is nothing"
    fewer = plan_of(traced_day(ask(), [row for row in rows if row.visit_id != "a3"], []))
    same = {one.name: one.handle_time for one in fewer.callers if one.name.startswith("a")}
    assert same == {one.name: one.handle_time for one in plan.callers if one.name in same}


def test_a_queue_with_few_abandonments_borrows_the_patience_of_all():
    rows = [visit(f"s{n}", n, 300.0) for n in range(20)] + [visit("h", 50, 10.0, queue="help")]
    rows += [answered(f"a{n}", 60 + n, 1.0, queue="help") for n in range(20)]
    drawn = [one.patience for one in plan_of(traced_day(ask(), rows, [])).callers if one.name.startswith("a")]
    assert max(drawn) == 300.0


def test_days_without_what_it_takes_are_refused():
    assert refusal(traced_day(ask(), [], [])).error == "no-callers"
    assert refusal(traced_day(ask(agents=[]), [answered("a", 1, 2)], [])).error == "no-agents"
    assert refusal(traced_day(ask(), [visit("a", 1, 2)], [])).error == "nobody-answered"
    assert refusal(traced_day(ask(), [answered("a", 1, 2)], [])) is None


@pytest.mark.parametrize("day, hours", [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 1, 6), 24)])
def test_seconds_of_a_day_are_real_ones_when_clocks_are_set(day, hours):
    zone = ZoneInfo("Europe/Berlin")
    began = datetime(*day, tzinfo=zone)
    ended = datetime.combine(began.date() + timedelta(days=1), began.time(), zone)
    evening = datetime(*day, 20, tzinfo=zone).timestamp()
    given = ask()
    given = Ask("d", began.timestamp(), ended.timestamp(), given.queues, given.agents, given.skills)
    rows = [
        VisitRow("i", "i", QueueId("sales"), evening, evening + 1, "answered", 0, {}, "voice", False, 0.0, None, 9.0)
    ]
    found = traced_day(given, rows, [PresenceRow(evening - 60, AgentId("ann"), "ready")])
    assert found.arrivals[0]["at"] == (hours - 4) * 3600
    assert plan_of(found).shifts[-1].at == (hours - 4) * 3600 - 60


def test_the_same_callers_meet_the_present_and_the_changed_rules():
    changed = dataclasses.replace(SALES, skills={SkillId("german"): 3}, target_time=5.0)
    rows = [answered(f"a{n}", 30.0 * n, 0.0, takes=50.0) for n in range(40)]
    rows += [visit(f"g{n}", 5000.0 + n, 20.0, queue="help") for n in range(2)]
    hours = [at(-60, "ann", "ready"), at(-60, "ben", "ready")]
    given = ask(changed=changed, agents=[ANN, Offering(AgentId("ben"), {}, {"voice": 1}, None, None)])
    found = play(given, traced_day(given, rows, hours))
    queue, every = found.queue, found.every
    assert (found.callers, found.agents) == (42, 2)
    assert (queue.present.offered, queue.changed.offered, queue.real.offered) == (40, 40, 40)
    assert queue.present.service_level == 100.0
    assert queue.changed.service_level < 60.0, "one agent for a call of 50 s each 30 s"
    assert queue.difference.service_level == round(queue.changed.service_level - 100.0, 1)
    assert queue.real.service_level == 100.0
    assert queue.is_like_real
    assert every.present.offered == 42
    assert every.present.occupancy > 0
    assert queue.present.occupancy is None


def test_a_model_far_from_the_truth_is_told():
    given = ask(changed=SALES)
    rows = [answered(f"a{n}", 300.0 * n, 120.0) for n in range(10)]
    found = play(given, traced_day(given, rows, [at(0, "ann", "ready")]))
    assert (found.queue.real.service_level, found.queue.present.service_level) == (0.0, 100.0)
    assert found.queue.is_like_real is False
    assert found.queue.difference.service_level == 0.0
