"""Why not he, of every agent: on the live page of who waits, on the desk of one's own call."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.front.conftest import Open
from tests.e2e.front.looks import look_at
from tests.e2e.front.test_access import handling
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import everyone
from tests.rig.browser import NARROW, WIDE

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_agent_is_told_of_the_nearest_first_and_stays_while_the_account_changes(
    open_page: Open, server: DeskServer
) -> None:
    server.everyone = everyone(2000)
    async with open_page("/live", ready="[data-testid=waiting-row]") as watched:
        page = watched.page
        await page.get_by_test_id("waiting-row").first.get_by_role("button").click()
        await page.get_by_test_id("every-agent").click()
        rows = page.get_by_test_id("every-row")
        await expect(rows).to_have_count(50)
        await expect(rows.first).to_contain_text("in wrap-up")
        assert server.rest == [("GET", "/api/v1/interactions/w-0/why/agents", None)]
        await expect(page.get_by_test_id("every-lead")).to_contain_text("2,000 agents.")
        await page.get_by_test_id("every-more").click()
        await expect(rows).to_have_count(100)
        field = page.get_by_test_id("every-q")
        await field.fill("elif serve")
        await expect(rows.first).to_contain_text("Elif Aydin")
        await expect(rows.first).to_contain_text("does not serve Support DE")
        server.why = {**server.why, "place": 2}
        await asyncio.sleep(2.1)  # it is asked again so often, when anything on the page changes
        await server.push_slots("live", {"agent:a-0": None})
        await expect(page.get_by_test_id("why")).to_contain_text("It is number 2 of 4 in line.")
        await expect(field).to_be_focused()
        await expect(field).to_have_value("elif serve")
        await field.fill("nobody at all")
        await expect(page.get_by_test_id("every-body")).to_contain_text("Nobody found.")
        await page.get_by_test_id("every-agent").click()
        await expect(field).to_be_hidden()


async def test_every_agent_says_when_there_is_nothing_to_tell(open_page: Open, server: DeskServer) -> None:
    server.everyone = {**everyone(0, "Yusuf Kaya"), "agents": None}
    async with open_page("/live", ready="[data-testid=waiting-row]", broken=True) as watched:
        page = watched.page
        await page.get_by_test_id("waiting-row").first.get_by_role("button").click()
        button, body = page.get_by_test_id("every-agent"), page.get_by_test_id("every-body")
        await button.click()
        await expect(body).to_contain_text("no longer kept")
        await button.click()
        server.everyone = everyone(0, "Yusuf Kaya")
        await button.click()
        await expect(body).to_contain_text("No other agent was known.")
        await button.click()
        server.everyone_refused = "never-given"
        await button.click()
        await expect(body.get_by_role("alert")).to_contain_text("It was never given to an agent.")
        server.everyone_refused, server.everyone = "", everyone(5)
        await body.get_by_role("button", name="Try again").click()
        await expect(page.get_by_test_id("every-row")).to_have_count(5)


async def test_without_the_right_nobody_is_asked_about_every_agent(open_page: Open, server: DeskServer) -> None:
    server.may = []
    async with open_page("/live", ready="[data-testid=waiting-row]") as watched:
        await watched.page.get_by_test_id("waiting-row").first.get_by_role("button").click()
        await watched.page.wait_for_selector(".reasons li")
        await expect(watched.page.get_by_test_id("every-agent")).to_be_hidden()


async def on_the_desk(page: Page) -> None:
    await page.get_by_test_id("full-decision").click()
    await page.get_by_test_id("every-agent").click()


async def test_an_agent_asks_about_his_own_call(open_page: Open, server: DeskServer) -> None:
    server.slots["desktop"] |= handling("alerting")
    server.everyone = everyone(24, "Sofia Petrova")
    async with open_page("/desk", ready="[data-testid=full-decision]") as watched:
        page = watched.page
        await expect(page.get_by_test_id("every-agent")).to_be_hidden()
        await on_the_desk(page)
        await expect(page.get_by_test_id("every-lead")).to_contain_text("Given to Sofia Petrova at")
        rows = page.get_by_test_id("every-row")
        await expect(rows).to_have_count(23)
        await expect(rows.first).to_contain_text("could take it, others come first by the rule")
        await expect(page.get_by_test_id("every-again")).to_be_hidden()
        call = server.slots["desktop"]["work:i-1"]
        await server.push_slots("desktop", {"work:i-1": {**call, "priority": 90}})
        await expect(page.get_by_test_id("why")).to_contain_text("priority 90")
        await expect(rows).to_have_count(23)
        await page.get_by_test_id("full-decision").click()
        await expect(page.get_by_test_id("every-agent")).to_be_hidden()


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize(("place", "language"), [("live", "en"), ("desk", "en"), ("live", "ru"), ("desk", "es")])
async def test_picture(
    open_page: Open,
    server: DeskServer,
    tmp_path: Path,
    place: str,
    language: str,
    size: tuple[int, int],
) -> None:
    server.language = language
    server.slots["desktop"] |= handling("alerting")
    server.everyone = everyone(24, "Sofia Petrova" if place == "desk" else None)
    async with open_page(f"/{place}", size=size) as watched:
        page = watched.page
        if place == "live":
            await page.get_by_test_id("waiting-row").first.get_by_role("button").click()
            await page.wait_for_selector(".reasons li")
            await page.get_by_test_id("every-agent").click()
        else:
            await on_the_desk(page)
        await expect(page.get_by_test_id("every-row").first).to_be_visible()
        await page.get_by_test_id("every-agent").scroll_into_view_if_needed()
        await look_at(page, f"{place}-every-agent", tmp_path, size=size, keep=language == "en")
