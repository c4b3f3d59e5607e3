"""One real server, one Chromium, desk phones by SIPp: shared by all tests here, everybody offline between them."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.desk import floor as places
from tests.e2e.desk.floor import Floor
from tests.e2e.desk.screen import Screen, picture_folder, signed_in
from tests.rig.browser import browser
from tests.rig.ports import free_ports
from tests.rig.server import ROOT, running_server
from tests.rig.sipp import desk_phones

__all__ = ["browser"]

Open = Callable[..., AbstractAsyncContextManager[Screen]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and shutil.which("chromium") is None:
            item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_floor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    """The server with its data, started once."""
    subprocess.run([ROOT / "scripts/build-frontend"], check=True, timeout=300)
    folder = tmp_path_factory.mktemp("floor")
    flows = shutil.copytree(ROOT / "config/flows", folder / "flows")
    (flows / "quick.yaml").write_text(places.QUICK_FLOW)
    phones_port = free_ports(1)
    async with (
        desk_phones(folder / "phones", places.PHONES, port=phones_port, media_port=free_ports(64)) as phones,
        running_server(
            agents=places.agents(phones_port),
            queues=places.QUEUES,
            numbers={places.SUPPORT: "support", places.QUICK: "quick"},
            customers=[places.MARTA, places.PIET, places.DIETER],
            flows=flows,
        ) as server,
    ):
        floor = Floor(server, phones, folder)
        await _add_cases(floor)
        yield floor


async def _add_cases(floor: Floor) -> None:
    """Promises and open tickets, as an administrator and an agent make them."""
    for code, label in (("lunch", "Lunch"), ("training", "Training"), ("meeting", "Meeting")):
        await floor.api("PUT", f"/not-ready-reasons/{code}", {"label": label})
    gold = await floor.api("POST", "/sla-policies", {"name": "Gold", "first_reply_time": 3600, "solve_time": 14400})
    standard = {"name": "Standard", "first_reply_time": 14400, "solve_time": 86400, "is_default": True}
    slow = await floor.api("POST", "/sla-policies", standard)
    people = {one["name"]: one["id"] for one in (await floor.api("GET", "/people?limit=100"))["items"]}
    for subject, person, policy in (
        ("Router drops VPN every 20 min", "Marta Köhler", gold),
        ("Invoice with wrong VAT", "Marta Köhler", slow),
        ("Move of office to Altona", "Piet de Vries", slow),
        ("More SIP lines", "Dieter Falk", slow),
    ):
        body = {"subject": subject, "person_id": people[person], "policy_id": policy["id"]}
        await floor.api("POST", "/tickets", body, login="ines")


@pytest_asyncio.fixture(loop_scope="session")
async def floor(shared_floor: Floor) -> AsyncIterator[Floor]:
    """The floor with everybody offline before and after."""
    await shared_floor.clear()
    yield shared_floor
    await shared_floor.clear()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: $PICTURES, else a temporary folder."""
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def open_as(floor: Floor, browser: Browser, pictures: Path) -> Open:
    """Open a page as a user: ``open_as("ines")`` the desk, ``open_as("sofia", "/live")``."""

    def opened(login: str, path: str = "/desk", **options: object) -> AbstractAsyncContextManager[Screen]:
        return signed_in(browser, floor.server, login, path, pictures, **options)

    return opened
