"""Who may run beside whom under xdist: tests with telephone calls one after the other, everything else file by file.

The calls' group takes longest; what measures times in it comes last, when the other worker has most likely ended.
"""

import pytest

CALLS = (
    "tests/e2e/desk",
    "tests/integration/asterisk",
    "tests/integration/rig",
    "tests/integration/server",
    "tests/contract",
)
MEASURING = ("test_no_stolen_call.py", "test_kill_server.py", "test_200_calls.py")


def group(item: pytest.Item) -> str:
    path = item.nodeid.partition("::")[0]
    return "calls" if path.startswith(CALLS) else path


def lateness(item: pytest.Item) -> int:
    name = item.path.name
    return MEASURING.index(name) + 1 if name in MEASURING else 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("dist", "no") == "loadgroup":
        items.sort(key=lateness)  # stable
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group(item)))
