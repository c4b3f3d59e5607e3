"""The tests of interactions/recovery, on Postgres (conftest.py)."""

from tests.unit.contactcenter.interactions.test_recovery import *  # noqa: F403
