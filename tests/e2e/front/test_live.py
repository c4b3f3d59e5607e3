"""The supervisor's live page: figures, the why panel, empty states, a dead phone system."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.e2e.front.conftest import Open
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import HOSTILE, ago, queue

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_figures_follow_the_slots(open_page: Open, server: DeskServer) -> None:
    async with open_page("/live", ready="[data-testid=queue]") as watched:
        page = watched.page
        await expect(page.get_by_test_id("service-level")).to_contain_text("83.4%")
        await expect(page.get_by_test_id("abandoned")).to_contain_text("2.1%")
        first = page.get_by_test_id("queue").first
        await expect(first).to_contain_text("Support DE")
        await expect(first).to_contain_text("2 min over")
        await server.push_slots("live", {"queue:q-1": queue(1, "Support DE", 0, None, 85.0, 90.0, 3, 7)})
        await expect(first).not_to_contain_text("over")
        await expect(first).to_contain_text("85%")
        assert await page.get_by_test_id("agent").count() == 24
        await server.push_slots("live", {"agent:a-0": None})
        await expect(page.get_by_test_id("agent")).to_have_count(23)


async def test_the_why_panel_pushes_says_the_reasons_and_adds_up(open_page: Open, server: DeskServer) -> None:
    async with open_page("/live", ready="[data-testid=waiting-row]") as watched:
        page = watched.page
        row = page.get_by_test_id("waiting-row").first
        await row.get_by_role("button").click()
        panel = page.get_by_test_id("why")
        await expect(panel).to_contain_text("The call needs German 1 and Routers 2 or better.")
        await expect(panel).to_contain_text("17 lack Routers 2 or better")
        await expect(panel.locator("tr.sum td")).to_have_text("67")
        await expect(page.locator("tr.sel")).to_contain_text("Support DE")
        await expect(page.get_by_test_id("waiting")).to_be_hidden()
        assert server.commands[0] == ("why", {"interaction_id": "w-0"})
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await expect(row.get_by_role("button")).to_be_focused()


async def test_a_refused_why_says_so(open_page: Open, server: DeskServer) -> None:
    server.refuse["why"] = {"code": "interaction-not-routed", "fields": {}}
    async with open_page("/live", ready="[data-testid=waiting-row]") as watched:
        await watched.page.get_by_test_id("waiting-row").first.get_by_role("button").click()
        await expect(watched.page.get_by_test_id("why")).to_contain_text("It does not wait any more.")


async def test_nothing_there_is_said_in_words(open_page: Open, server: DeskServer) -> None:
    server.slots["live"] = {name: value for name, value in server.slots["live"].items() if ":" not in name}
    async with open_page("/live") as watched:
        for text in ("Nobody is waiting.", "No queue yet.", "Nobody is signed in."):
            await expect(watched.page.get_by_text(text)).to_be_visible()


async def test_a_dead_phone_system_is_named(open_page: Open, server: DeskServer) -> None:
    server.slots["live"]["totals"]["pbx"] = [{"server_id": "pbx-1", "up": False, "reason": "refused", "since": ago(60)}]
    async with open_page("/live") as watched:
        await expect(watched.page.get_by_test_id("bar-pbx")).to_contain_text("Phone system pbx-1 does not answer since")


async def test_what_stands_still_says_so(open_page: Open, server: DeskServer) -> None:
    """The server of the page lives, the one that routes calls does not: no figure here is of now."""
    totals = server.slots["live"]["totals"]
    totals["pbx"] = [{"server_id": "pbx-1", "up": False, "reason": "router-away", "since": ago(60)}]
    totals["degraded"] = [{"code": code, "since": None, "fields": {}} for code in ("bus-away", "router-away")]
    async with open_page("/live") as watched:
        bars = watched.page.locator("[data-testid^=bar-]")
        await expect(bars).to_have_count(2)
        await expect(bars.first).to_contain_text("The server that routes calls does not answer since")
        await expect(bars.last).to_contain_text("Redis")
        await expect(watched.page.locator("#link-sign")).to_have_text("Stands still")


async def test_hostile_callers_are_text(open_page: Open, server: DeskServer) -> None:
    first = server.slots["live"]["waiting:w-0"]
    server.slots["live"]["waiting:w-0"] = {**first, "name": HOSTILE, "caller": HOSTILE}
    async with open_page("/live", ready="[data-testid=waiting-row]") as watched:
        row = watched.page.get_by_test_id("waiting-row").first
        await expect(row.locator("b")).to_have_text(HOSTILE)
        await row.get_by_role("button").click()
        await expect(watched.page.get_by_test_id("why")).to_contain_text("<script>")
        assert await watched.page.locator("img, script:not([src])").count() == 0


async def test_big_screen_hides_the_rail_and_scales(open_page: Open, server: DeskServer) -> None:
    async with open_page("/live", size=(1920, 1080)) as watched:
        page = watched.page
        await page.keyboard.press("b")
        await expect(page.locator(".rail")).to_be_hidden()
        assert float(await page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")) > 20
        await asyncio.sleep(0.2)
        assert await page.evaluate("document.querySelector('#live').scrollHeight <= innerHeight")
        await page.get_by_test_id("big-screen").click()
        await expect(page.locator(".rail")).to_be_visible()


async def test_teams_filter_the_agents(open_page: Open) -> None:
    async with open_page("/live", ready="[data-testid=agent]") as watched:
        await watched.page.get_by_role("button", name="Remote").click()
        await expect(watched.page.get_by_test_id("agent")).to_have_count(8)
