"""Rows of an older version mean after the steps what they meant before, on either kind of database."""

import asyncio

import pytest
from sqlalchemy import inspect, text

import contactcenter.users.store  # noqa: F401 - agents' tables refer to it
from contactcenter.agents.store import load_all
from contactcenter.core.migrations import migrate
from contactcenter.core.permissions import SYSTEM, Scope
from contactcenter.queues.model import Queue
from contactcenter.queues.store import list_queues

OF_0003 = (
    "INSERT INTO skills VALUES ('s1', 'german', 'German')",
    "INSERT INTO queues VALUES ('q1', 'main', 'Support', 'support', 0, 20, 80, 20, 60, 60, 180, 5, TRUE, TRUE, 1)",
    "INSERT INTO queue_skills VALUES ('q1', 's1', 2)",
    "INSERT INTO users VALUES ('u1', 'ann', 'ann', 'Ann', 'agent', 'en', TRUE, '', 1)",
    "INSERT INTO agents VALUES ('a1', 'main', 'u1', 'Ann', '1001', NULL, 1, TRUE, 1)",
    "INSERT INTO devices VALUES ('d1', 'a1', 'pbx1', 'agent-1001', 'desk', 'ring', 'secret', '')",
    "INSERT INTO presence VALUES ('a1', 'offline', '', 1)",
    "INSERT INTO agent_skills VALUES ('a1', 's1', 3)",
)


@pytest.fixture
async def older(kind):
    """A database at version 0003 with a queue and an agent."""

    def make(connection):
        migrate(connection, "0003")
        for statement in OF_0003:
            connection.execute(text(statement))

    database = kind.connect()
    await database.prepare(make)
    yield database
    await asyncio.wait_for(database.close(), 10)


async def test_queues_and_agents_of_before_the_rules_get_the_usual_ones(older):
    await older.prepare(migrate)
    [queue] = await older.prepare(lambda one: list_queues(one, Scope.ALL, SYSTEM, "main"))
    assert queue == Queue("q1", "main", "Support", skills={"s1": 2})
    [agent] = await older.prepare(lambda one: load_all(one, "main"))
    assert (agent.skills, agent.queues, agent.capacity, agent.profile_id) == ({"s1": 3}, None, {"voice": 1}, None)


async def test_a_profile_an_agent_has_cannot_go(older):
    await older.prepare(migrate)
    [found] = await older.prepare(
        lambda one: [
            key for key in inspect(one).get_foreign_keys("agents") if "profile_id" in key["constrained_columns"]
        ]
    )
    assert (found["referred_table"], found["referred_columns"]) == ("routing_profiles", ["id"])
