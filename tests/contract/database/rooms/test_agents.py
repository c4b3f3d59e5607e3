"""The tests of agents/service, on Postgres (conftest.py)."""

from tests.unit.contactcenter.agents.test_service import *  # noqa: F403
