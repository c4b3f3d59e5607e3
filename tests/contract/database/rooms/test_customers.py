"""The tests of customers/service, on Postgres (conftest.py)."""

from tests.unit.contactcenter.customers.test_service import *  # noqa: F403
