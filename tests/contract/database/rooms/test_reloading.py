"""The tests of reloading, on Postgres (conftest.py)."""

from tests.unit.contactcenter.test_reloading import *  # noqa: F403
