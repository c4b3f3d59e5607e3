"""The tests of seed, on Postgres (conftest.py)."""

from tests.unit.contactcenter.test_seed import *  # noqa: F403
