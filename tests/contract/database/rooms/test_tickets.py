"""The tests of tickets/service, on Postgres (conftest.py)."""

from tests.unit.contactcenter.tickets.test_service import *  # noqa: F403
