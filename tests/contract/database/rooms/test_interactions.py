"""The tests of interactions/service, on Postgres (conftest.py)."""

from tests.unit.contactcenter.interactions.test_service import *  # noqa: F403
