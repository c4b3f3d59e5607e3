"""The tests of interactions/callers, on Postgres (conftest.py)."""

from tests.unit.contactcenter.interactions.test_callers import *  # noqa: F403
