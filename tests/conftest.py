"""For all tests: the summary at the end of a run."""

pytest_plugins = ["tests.plugins.summary"]
