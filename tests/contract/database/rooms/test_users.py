"""The tests of users/service, on Postgres (conftest.py)."""

from tests.unit.contactcenter.users.test_service import *  # noqa: F403
