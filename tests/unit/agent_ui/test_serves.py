"""Whose line an agent's page counts: the queues he serves, with what they ask of everybody."""

import pytest

from agent_ui.projections.desktop import serves
from contactcenter.interactions.live import LiveAgent
from routing.commands import Service
from tests.fakes.room import QUEUE, queue, record


@pytest.mark.parametrize(
    "agent, rules, expected",
    [
        ({}, {}, True),
        ({"skills": {"german": 2}}, {"skills": {"german": 2}}, True),
        ({"skills": {"german": 1}}, {"skills": {"german": 2}}, False),
        ({"queues": {QUEUE: Service()}}, {}, True),
        ({"queues": {}}, {}, False),
        ({"skills": {"german": 1}}, {"any_of": ({"german": 1, "routers": 3},)}, True),
        ({"skills": {"german": 1}}, {"any_of": ({"german": 1}, {"routers": 3})}, False),
        ({}, {"teams": ("t-north",)}, True),
        ({}, {"teams": ("t-south",)}, False),
        ({"team_id": None}, {"teams": ("t-north",)}, False),
        ({"capacity": {"chat": 3}}, {}, False),
    ],
)
def test_an_agent_serves(agent, rules, expected):
    assert serves(LiveAgent.of(record("ann", **agent)), queue(**rules)) is expected
