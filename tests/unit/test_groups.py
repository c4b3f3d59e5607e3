"""The two parts of a whole run leave nothing out, and a measuring test has the machine to itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.plugins import groups

FILES = ["tests/unit/a.py", "tests/e2e/desk/b.py", *(f"tests/integration/server/{name}" for name in groups.MEASURING)]


class Item:
    def __init__(self, file: str) -> None:
        self.nodeid, self.path = f"{file}::test", Path(file)
        self.groups: list[Any] = []

    def add_marker(self, mark: Any) -> None:
        self.groups.append(mark.args[0])


def left(**options: str | None) -> list[Item]:
    items: list[Any] = [Item(file) for file in FILES]
    config: Any = SimpleNamespace(getoption=lambda name, default: options.get(name, default))
    groups.pytest_collection_modifyitems(config, items)
    return items


def test_both_parts_are_the_whole() -> None:
    parts = {part: [item.nodeid for item in left(part=part)] for part in ("beside", "alone")}
    assert sorted(parts["beside"] + parts["alone"]) == sorted(item.nodeid for item in left())
    assert len(parts["alone"]) == len(groups.MEASURING)


@pytest.mark.parametrize("name", sorted(groups.MEASURING))
def test_each_measuring_file_exists(name: str) -> None:
    assert list(Path(__file__).parents[1].rglob(name)), "a renamed file would run beside others"


def test_calls_share_one_group() -> None:
    assert [item.groups for item in left(dist="loadgroup", part="beside")] == [["tests/unit/a.py"], ["calls"]]
