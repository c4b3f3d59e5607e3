"""Who matches a queue's rules, step by step: the router's own answer."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from contactcenter.queues.model import Queue, Step
from contactcenter.queues.preview import Passed, preview
from contactcenter.queues.rules import rules_of
from routing import commands as c
from routing.commands import Requirement, Service
from routing.engine import Engine

QUEUE = Queue("q1", "main", "Support", skills={"german": 3})


@dataclass
class Agent:
    agent_id: str
    skills: dict[str, int] = field(default_factory=dict)
    queues: Any = None
    capacity: Any = field(default_factory=lambda: {"voice": 1})
    team_id: Any = None

    @property
    def name(self):
        return self.agent_id.title()


def seen(queue, *offers, medium="voice"):
    return [
        (
            step.after,
            [agent_id for agent_id, _ in step.matching],
            [(p.reason, p.name, p.level, p.agents) for p in step.passed],
        )
        for step in preview(queue, medium, offers)
    ]


def test_a_skill_at_its_level_step_by_step():
    queue = replace(QUEUE, steps=(Step(10.0, {"german": 2}), Step(30.0, {"german": 0})))
    agents = Agent("ann", {"german": 3}), Agent("ben", {"german": 2}), Agent("cem")
    assert seen(queue, *agents) == [
        (0.0, ["ann"], [("skill", "german", 3, 2)]),
        (10.0, ["ann", "ben"], [("skill", "german", 2, 1)]),
        (30.0, ["ann", "ben", "cem"], []),
    ]
    assert [step.requirement for step in preview(queue, "voice", [])] == [
        Requirement((("german", 3),)),
        Requirement((("german", 2),)),
        Requirement(),
    ]


def test_teams_are_added_and_lifted():
    queue = replace(QUEUE, skills={}, teams=("north",), steps=(Step(5.0, {}, ("south",)), Step(9.0, any_team=True)))
    agents = Agent("ann", team_id="north"), Agent("ben", team_id="south"), Agent("cem")
    assert [names for _, names, _ in seen(queue, *agents)] == [["ann"], ["ann", "ben"], ["ann", "ben", "cem"]]


@pytest.mark.parametrize(
    "agent, passed",
    [
        (Agent("ann", queues={"q2": Service()}), ("queue", "q1", 0, 1)),
        (Agent("ann", capacity={"chat": 3}), ("medium", "voice", 0, 1)),
        (Agent("ann", queues={"q1": Service(0, 20.0)}), ("delay", "q1", 0, 1)),
        (Agent("ann", {"german": 9}, {"q1": Service(5)}), None),
    ],
)
def test_queues_capacity_and_delay(agent, passed):
    [(_, matching, reasons)] = seen(replace(QUEUE, skills={}), agent)
    assert (matching, reasons) == ((["ann"], []) if passed is None else ([], [passed]))


def test_a_delay_is_over_at_the_step_of_its_instant():
    queue = replace(QUEUE, skills={}, steps=(Step(19.9, any_team=True), Step(20.0, any_team=True)))
    agent = Agent("ann", queues={"q1": Service(0, 20.0)})
    assert [names for _, names, _ in seen(queue, agent)] == [[], [], ["ann"]]


def test_a_group_and_the_commonest_reason_first():
    queue = replace(QUEUE, skills={}, any_of=({"german": 2, "routers": 1},))
    agents = Agent("ann", {"routers": 1}), Agent("ben"), Agent("cem"), Agent("dora", {"german": 2}, {})
    [(_, matching, passed)] = seen(queue, *agents)
    assert matching == ["ann"]
    assert [(reason, agents) for reason, _, _, agents in passed] == [("skill", 2), ("queue", 1)]


def test_another_medium():
    agents = Agent("ann"), Agent("ben", capacity={"chat": 2})
    assert [names for _, names, _ in seen(replace(QUEUE, skills={}), *agents, medium="chat")] == [["ben"]]


def test_nobody():
    assert preview(QUEUE, "voice", []) == preview(QUEUE, "voice", ())
    assert seen(QUEUE) == [(0.0, [], [])]
    assert Passed("skill", "german", 3, 1)


@pytest.mark.parametrize("waited", [0.0, 10.0, 30.0])
def test_the_router_chooses_whom_the_preview_names(waited):
    """Each agent alone in a real engine gets an item that has waited so long, or does not."""
    queue = replace(
        QUEUE,
        any_of=({"routers": 2, "sales": 1},),
        teams=("north",),
        steps=(Step(10.0, {"german": 1, "routers": 1}), Step(30.0, {"sales": 0}, any_team=True)),
    )
    agents = [
        Agent(f"a{number:02}", {"german": number % 4, "routers": number % 3}, queues, team_id=team)
        for number, (queues, team) in enumerate(
            (queues, team)
            for queues in (None, {"q1": Service(0, 15.0)}, {"q2": Service()})
            for team in ("north", "south", None)
            for _ in range(4)
        )
    ]
    [expected] = [step.matching for step in preview(queue, "voice", agents) if step.after == waited]
    assert [one for one, _ in expected] == [agent.agent_id for agent in agents if _is_given(queue, agent, waited)]


def _is_given(queue, agent, waited):
    ids = iter(range(10))
    engine = Engine(lambda: f"r{next(ids)}")
    engine.handle(c.DefineQueue(rules_of(queue)), 1000.0)
    add = c.AddAgent(
        agent.agent_id, agent.skills, agent.capacity, c.Presence.READY, device_usable=True, queues=agent.queues,
        team_id=agent.team_id,
    )  # fmt: skip
    engine.handle(add, 1000.0)
    decided = list(engine.handle(c.Enqueue("i1", "v1", "q1", entered_at=1000.0 - waited), 1000.0))
    return any(isinstance(one, c.Reserve) for one in decided)
