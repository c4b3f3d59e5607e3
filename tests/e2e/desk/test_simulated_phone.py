"""The desk on the simulated PBX: it says so, and the agent answers and hangs up on the page, without any sound."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.desk.screen import Screen, signed_in
from tests.rig.server import ROOT, AgentSeed, QueueSeed, Server, running_server

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def simulated() -> AsyncIterator[Server]:
    subprocess.run([ROOT / "scripts/build-frontend"], check=True, timeout=300)
    agents = [AgentSeed("ines", "1001", name="Ines Vogt")]
    options = ["--pbx", "simulated", "--traffic", "busy"]
    queues = [QueueSeed(wrap_up_time=30.0)]
    async with running_server(agents=agents, queues=queues, numbers={"1000": "direct"}, options=options) as server:
        yield server
        assert "Traceback" not in server.log()


async def answered_on_the_page(screen: Screen) -> None:
    await screen.shows("phone-state", "Simulated phone")
    await screen.shows("bar-simulated", "simulated")
    await screen["become-ready"].click()  # a customer may wait already: then it rings at once
    await screen.alert("Smoke Test", limit=40)
    await screen.picture("desk-simulated-alert")
    await screen["answer"].click()
    await screen.state("talking")
    await screen["hang-up"].click()
    await screen.state("wrap-up")


async def test_a_call_is_answered_on_the_page(simulated: Server, browser: Browser, pictures: Path) -> None:
    async with signed_in(browser, simulated, "ines", "/desk", pictures) as screen:
        await answered_on_the_page(screen)
    rows = await simulated.interactions()
    assert [row["outcome"] for row in rows if row["segments"]] == ["answered"]


async def test_the_live_page_says_that_it_is_a_simulation(simulated: Server, browser: Browser, pictures: Path) -> None:
    async with signed_in(browser, simulated, "sofia", "/live", pictures) as screen:
        await screen.shows("bar-degraded", "The phone system is simulated")
    status, told = await simulated.ready_answer()
    assert (status, [one["code"] for one in told["degraded"]]) == (200, ["pbx-simulated"])
