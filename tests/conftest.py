"""For all tests: the summary at the end of a run, how hard property tests try, plain log lines."""

import gc
import os

import structlog
from hypothesis import settings

pytest_plugins = ["tests.plugins.summary", "tests.plugins.compiled", "tests.plugins.groups"]

# No deadline: on a busy machine it fails tests that are right.
settings.register_profile("default", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector need not look at it after every test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
