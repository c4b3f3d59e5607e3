"""The tests of interactions/rows, on Postgres (conftest.py)."""

from tests.unit.contactcenter.interactions.test_rows import *  # noqa: F403
