"""Who may run beside whom under xdist: tests with telephone calls one after the other, everything else file by file.

Tests that compare instants with Asterisk's own record run alone: a machine that a browser keeps busy makes Asterisk's
threads wait for tenths of a second, which no tolerance tells from a fault of ours. ``scripts/test`` runs pytest twice,
``--part=beside`` and ``--part=alone``; without the option all are run.
"""

import pytest

CALLS = (
    "tests/e2e/desk",
    "tests/integration/asterisk",
    "tests/integration/rig",
    "tests/integration/server",
    "tests/contract/test_",
)
MEASURING = frozenset(
    {
        "test_200_calls.py",
        "test_chaos.py",
        "test_frozen_asterisk.py",
        "test_kill_server.py",
        "test_no_stolen_call.py",
        "test_restart_asterisk.py",
    }
)


def group(item: pytest.Item) -> str:
    path = item.nodeid.partition("::")[0]
    return "calls" if path.startswith(CALLS) else path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=("beside", "alone"), help="only tests that run beside others, or alone")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = config.getoption("part", None)
    if part is not None:
        items[:] = [item for item in items if (item.path.name in MEASURING) == (part == "alone")]
    if config.getoption("dist", "no") == "loadgroup":
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group(item)))
