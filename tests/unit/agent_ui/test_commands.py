"""The table of commands is whole: each has a right, closed data, and a line in docs/socket.md; so has every slot."""

import re
from pathlib import Path

import msgspec
import pytest

from agent_ui.commands import COMMANDS, carry_out
from agent_ui.hub import DESKTOP, LIVE
from contactcenter.core.errors import Forbidden, NotFound
from contactcenter.core.ids import UserId
from contactcenter.core.permissions import ROLES, Principal, Right
from contactcenter.core.web.access import Services
from tests.fakes.floor import CALLER
from tests.fakes.screens import Screens

DOCS = Path(__file__).parents[3] / "docs" / "socket.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_right_that_somebody_lacks(name: str) -> None:
    assert COMMANDS[name].right not in (Right.PUBLIC, Right.SIGNED_IN)
    assert COMMANDS[name].right in ROLES["supervisor"]


@pytest.mark.parametrize("name", COMMANDS)
async def test_without_the_right_the_handler_is_not_reached(name: str) -> None:
    nobody = Principal(UserId("u"), "nobody", {Right.SIGNED_IN: ROLES["agent"][Right.SIGNED_IN]})
    with pytest.raises(Forbidden):
        await carry_out(Services(), nobody, name, {})


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_fields_are_refused(name: str) -> None:
    data = COMMANDS[name].data
    assert data.__struct_config__.forbid_unknown_fields
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"principal": "admin"}, data)


async def test_an_unknown_command_is_not_found() -> None:
    admin = Principal(UserId("u"), "admin", ROLES["administrator"])
    with pytest.raises(NotFound, match="unknown-command") as caught:
        await carry_out(Services(), admin, "x" * 1000, {})
    assert len(caught.value.fields["name"]) == 40


def section(title: str) -> str:
    text = DOCS.read_text()
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, title
    return found[1]


def test_the_commands_of_the_docs_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| `([a-z:]+)` \| (.*?) \|", section("Commands"), re.M)
    assert {name: right for name, right, _ in rows} == {name: one.right.value for name, one in COMMANDS.items()}
    for name, _, data in rows:
        documented = set(re.findall(r"`([a-z_]+)`", data))
        assert documented == set(COMMANDS[name].data.__struct_fields__), name


@pytest.mark.parametrize("title, page", [("Page desktop", DESKTOP), ("Page live", LIVE)])
async def test_the_slots_of_the_docs_are_those_of_the_pages(title: str, page: str) -> None:
    screens = Screens()
    screens.room.agent("ann")
    item = screens.room.call()
    waiting = screens.room.call("1780000000.2")
    assert (item.alert is None, waiting.leg_id == CALLER) == (False, False)
    client = screens.open("ann") if page == DESKTOP else screens.supervise("t-north")
    documented = set(re.findall(r"^\| `([a-z]+(?::<[a-z]+>)?)` \|", section(title), re.M))
    kinds = {key.split(":")[0] for key in client.slots} | ({"me"} if page == LIVE else set())
    assert {one.split(":")[0] for one in documented} == kinds


def _fields(slot: str, title: str) -> set[str]:
    row = re.search(rf"^\| `{re.escape(slot)}` \| (.*?) \|$", section(title), re.M)
    assert row, slot
    return set(re.findall(r"`([a-z_0-9]+)`", row[1]))


@pytest.mark.parametrize(
    "title, slot",
    [
        ("Page desktop", "me"),
        ("Page desktop", "work:<interaction>"),
        ("Page desktop", "card:<interaction>"),
        ("Page live", "totals"),
        ("Page live", "checks"),
        ("Page live", "queue:<id>"),
        ("Page live", "agent:<id>"),
        ("Page live", "waiting:<interaction>"),
    ],
)
async def test_the_fields_of_the_docs_are_those_of_the_slots(title: str, slot: str) -> None:
    screens = Screens()
    screens.room.agent("ann")
    screens.room.call()
    screens.room.call("1780000000.2")
    client = screens.open("ann") if "desktop" in title else screens.supervise("t-north")
    kind = slot.split(":")[0]
    found = next(value for key, value in client.slots.items() if key.split(":")[0] == kind)
    missing = set(found) - _fields(slot, title)
    assert missing == set(), f"not in docs/socket.md: {missing}"
