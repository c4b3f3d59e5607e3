"""The tests of queues/service, on Postgres (conftest.py)."""

from tests.unit.contactcenter.queues.test_service import *  # noqa: F403
