"""The tests of interactions/auditor, on Postgres (conftest.py)."""

from tests.unit.contactcenter.interactions.test_auditor import *  # noqa: F403
