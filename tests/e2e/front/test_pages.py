"""Tickets and people as pages of their own: search, paging, changes, what is gone."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.e2e.front.conftest import Open
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import HOSTILE

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_tickets_are_filtered_by_state_and_text(open_page: Open) -> None:
    async with open_page("/tickets", ready="tbody tr") as watched:
        page = watched.page
        await expect(page.locator("tbody tr")).to_have_count(4)
        await page.get_by_test_id("state-all").click()
        await expect(page.locator("tbody tr")).to_have_count(6)
        await page.get_by_test_id("tickets-q").fill("VPN")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.get_by_test_id("tickets-q").fill("nothing like it")
        await expect(page.get_by_text("No ticket here.")).to_be_visible()


async def test_a_ticket_gets_a_note_and_is_closed_and_opened(open_page: Open, server: DeskServer) -> None:
    async with open_page("/tickets/t-1", ready="[data-testid=ticket-note]") as watched:
        page = watched.page
        await expect(page.get_by_role("link", name="Marta Köhler")).to_be_visible()
        await expect(page.get_by_text("Gold")).to_be_visible()
        await page.get_by_test_id("ticket-note").fill(HOSTILE)
        await page.get_by_test_id("ticket-note-save").click()
        await expect(page.locator(".msg .body")).to_have_text(HOSTILE)
        await page.get_by_test_id("ticket-toggle").click()
        await expect(page.get_by_test_id("ticket-toggle")).to_have_text("Open again")
        assert ("PATCH", "/api/v1/tickets/t-1", {"state": "closed"}) in server.rest


async def test_people_are_paged_and_searched(open_page: Open) -> None:
    async with open_page("/people", ready="tbody tr") as watched:
        page = watched.page
        await expect(page.locator("tbody tr")).to_have_count(25)
        await page.get_by_test_id("more").click()
        await expect(page.locator("tbody tr")).to_have_count(43)
        await expect(page.get_by_test_id("more")).to_be_hidden()
        await page.get_by_test_id("people-q").fill("Marta")
        await page.get_by_role("link", name="Marta Köhler").click()
        await expect(page.get_by_role("heading", name="Marta Köhler")).to_be_visible()


async def test_a_persons_note_is_saved(open_page: Open, server: DeskServer) -> None:
    async with open_page("/people/p-1", ready="[data-testid=person-note]") as watched:
        await watched.page.get_by_test_id("person-note").fill("Call before noon")
        await watched.page.get_by_test_id("person-note-save").click()
        await expect(watched.page.get_by_role("status")).to_have_text("saved")
        assert server.people[0]["note"] == "Call before noon"


async def test_a_person_is_erased_by_typing_his_name(open_page: Open, server: DeskServer) -> None:
    server.may = ["customers:erase"]
    server.erase_refused = "person-in-contact"
    async with open_page("/people/p-1", ready="[data-testid=erase]", broken=True) as watched:
        page = watched.page
        name, button = page.get_by_test_id("erase-name"), page.get_by_test_id("erase")
        await expect(button).to_be_disabled()
        await name.fill("Marta")
        await expect(button).to_be_disabled()
        await name.fill(server.people[0]["name"])
        await button.click()
        await expect(page.get_by_role("alert")).to_contain_text("in contact with us now")
        server.erase_refused = ""
        await button.click()
        await expect(page.get_by_test_id("erased")).to_have_text("The person was erased.")
        assert all(one["id"] != "p-1" for one in server.people)


async def test_who_may_not_erase_sees_no_button(open_page: Open, server: DeskServer) -> None:
    async with open_page("/people/p-1", ready="[data-testid=person-note]") as watched:
        await expect(watched.page.get_by_test_id("erase")).to_have_count(0)


@pytest.mark.parametrize("path", ["/tickets/none", "/people/none"])
async def test_what_is_gone_is_said(open_page: Open, path: str) -> None:
    async with open_page(path, broken=True) as watched:
        await expect(watched.page.get_by_role("alert")).to_contain_text("does not exist any more")


async def test_a_list_without_a_server_offers_to_try_again(open_page: Open) -> None:
    async with open_page("/people", ready="tbody tr", broken=True) as watched:
        page = watched.page
        await page.context.set_offline(True)
        await page.get_by_test_id("people-q").fill("Marta")
        await expect(page.get_by_role("alert")).to_contain_text("The link to the server is down.")
        assert await page.locator("tbody tr").count() == 25
        await page.context.set_offline(False)
        await asyncio.sleep(0)
        await page.get_by_role("button", name="Try again").click()
        await expect(page.locator("tbody tr")).to_have_count(1)


async def test_a_callback_is_cancelled(open_page: Open, server: DeskServer) -> None:
    server.may = ["interactions:write"]
    async with open_page("/callbacks", ready="[data-testid=callback-row]") as watched:
        page = watched.page
        rows = page.get_by_test_id("callback-row")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(1)).to_contain_text("Busy; called again at")
        await expect(page.locator("[data-state=calling]").get_by_test_id("withdraw")).to_have_count(0)
        await rows.first.get_by_test_id("withdraw").click()
        await expect(page.get_by_test_id("ask")).to_contain_text("Marta Köhler will not be called back.")
        await page.get_by_test_id("cancel").click()
        await expect(rows).to_have_count(3)
        await rows.first.get_by_test_id("withdraw").click()
        await page.get_by_test_id("confirm").click()
        await expect(rows).to_have_count(2)
        await page.get_by_test_id("open-false").click()
        await expect(rows).to_have_count(2)
        await expect(page.locator("[data-state=withdrawn]")).to_contain_text("Cancelled")


async def test_a_callback_that_is_under_way_is_not_cancelled(open_page: Open, server: DeskServer) -> None:
    server.may, server.withdraw_refused = ["interactions:write"], "callback-under-way"
    async with open_page("/callbacks", ready="[data-testid=callback-row]", broken=True) as watched:
        page = watched.page
        await page.get_by_test_id("withdraw").first.click()
        await page.get_by_test_id("confirm").click()
        await expect(page.get_by_test_id("withdraw-problem")).to_contain_text("The customer is being called right now.")


async def test_who_may_not_cancel_callbacks_sees_no_button(open_page: Open, server: DeskServer) -> None:
    server.may = []
    async with open_page("/callbacks", ready="[data-testid=callback-row]") as watched:
        await expect(watched.page.get_by_test_id("withdraw")).to_have_count(0)
