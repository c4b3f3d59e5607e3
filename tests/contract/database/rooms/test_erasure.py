"""The tests of a person's erasure, on Postgres (conftest.py)."""

from tests.unit.contactcenter.interactions.test_erasure import *  # noqa: F403
from tests.unit.contactcenter.interactions.test_service import floor  # noqa: F401
