"""Sending a customer to a queue from the desk, in a real browser; and the desk he is sent to."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.front.conftest import Open
from tests.e2e.front.looks import axe, look_at
from tests.e2e.front.test_desk import hold, named
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import ago, callback, transferred, work
from tests.rig.browser import NARROW, WIDE

pytestmark = pytest.mark.asyncio(loop_scope="session")


def sent(server: DeskServer) -> list[dict[str, Any]]:
    return named(server, "transfer")


async def test_a_queue_is_found_by_its_name_and_chosen_by_keys(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=transfer]") as watched:
        page, dialog = watched.page, watched.page.get_by_test_id("transfer-dialog")
        await page.get_by_test_id("note").blur()
        await page.keyboard.press("t")
        await expect(dialog).to_be_visible()
        await expect(page.get_by_test_id("transfer-filter")).to_be_focused()
        await expect(page.get_by_test_id("transfer-to-q-4")).to_contain_text("nobody waits · 2 agents ready")
        await expect(page.get_by_test_id("transfer-to-q-2")).to_contain_text(
            re.compile(r"3 wait, the longest 1:3\d · nobody is ready")
        )
        await expect(page.get_by_test_id("transfer-to-q-3")).to_be_disabled()
        await expect(page.get_by_test_id("transfer-to-q-3")).to_contain_text("closed now")
        await page.keyboard.press("Enter")  # nothing is chosen yet
        await page.keyboard.type("h")  # a letter here is no key of the desk
        await expect(dialog.get_by_role("listitem")).to_have_text([re.compile("Night desk")])
        await page.keyboard.press("Enter")  # closed
        await page.keyboard.press("Backspace")
        await page.keyboard.type("BIL")
        await expect(dialog.get_by_role("listitem")).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        assert sent(server) == [{"interaction_id": "i-1", "queue_id": "q-4"}]
        assert named(server, "hold") == []
        await page.keyboard.press("Alt+t")
        await page.wait_for_selector("[data-testid=transfer-to-q-4]")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_test_id("transfer-to-q-2")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        assert len(sent(server)) == 1


async def test_what_the_server_refuses_is_said_where_it_was_asked(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking", held_since=ago(5))  # from hold, too
    server.refuse = {"transfer-queues": {"code": "router-away"}, "transfer": {"code": "queue-full"}}
    async with open_page("/desk", ready="[data-testid=transfer]") as watched:
        page = watched.page
        problem = page.get_by_test_id("transfer-problem")
        await page.get_by_test_id("transfer").click()
        await expect(problem).to_contain_text("does not answer")
        del server.refuse["transfer-queues"]
        await expect(page.get_by_test_id("transfer-to-q-4")).to_be_visible(timeout=8000)  # it asks again by itself
        await expect(problem).to_be_hidden()
        await page.get_by_test_id("transfer-to-q-4").dblclick()
        await expect(problem).to_contain_text("takes nobody more at the moment")
        server.transfer_queues = []
        await expect(page.get_by_test_id("transfer-dialog")).to_contain_text("There is no queue.", timeout=8000)
        await page.get_by_test_id("transfer-cancel").click()
        await expect(page.get_by_test_id("transfer-dialog")).to_be_hidden()


async def test_a_call_that_ends_takes_the_choice_with_it(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=transfer]") as watched:
        page = watched.page
        await page.get_by_test_id("transfer").click()
        await page.wait_for_selector("[data-testid=transfer-to-q-4]")
        away = work("wrap-up", ended_by="agent", transferred_to={"id": "q-4", "name": "Billing"})
        await server.push_slots("desktop", {"work:i-1": away})
        await expect(page.get_by_test_id("transfer-dialog")).to_be_hidden()
        await expect(page.get_by_test_id("callbar")).to_contain_text("transferred to Billing")
        await expect(page.get_by_test_id("transfer")).to_be_hidden()
        await page.keyboard.press("Alt+t")
        await expect(page.get_by_test_id("transfer-dialog")).to_be_hidden()


async def test_nobody_is_sent_on_who_has_not_answered(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking", callback=callback())
    async with open_page("/desk", ready="[data-testid=hang-up]") as watched:
        await expect(watched.page.get_by_test_id("transfer")).to_be_hidden()
        await watched.page.keyboard.press("Alt+t")
        await expect(watched.page.get_by_test_id("transfer-dialog")).to_be_hidden()


async def test_who_sent_him_and_what_he_noted_is_there_while_it_rings_and_in_the_talk(
    open_page: Open, server: DeskServer
) -> None:
    hold(server, "alerting", transfer=transferred(note=""))
    async with open_page("/desk", ready="[data-testid=hero-from]") as watched:
        page = watched.page
        came = page.get_by_test_id("hero-from")
        await expect(came).to_have_text("Transferred by Ines Duarte, Sales")
        hostile = "<b onclick=alert(1)>x</b>"
        await server.push_slots("desktop", {"work:i-1": work(transfer=transferred(hostile))})
        await expect(came).to_contain_text(hostile)
        await server.push_slots("desktop", {"work:i-1": work("talking", transfer=transferred("wants May"))})
        await expect(page.get_by_test_id("transferred-from")).to_contain_text("wants May")
        await server.push_slots("desktop", {"work:i-1": work("talking")})
        await expect(page.get_by_test_id("transferred-from")).to_be_hidden()


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_choice_looks_well(
    open_page: Open, server: DeskServer, tmp_path: Path, size: tuple[int, int]
) -> None:
    hold(server, "talking")
    async with open_page("/desk", size=size) as watched:
        await watched.page.get_by_test_id("transfer").click()
        await watched.page.wait_for_selector("[data-testid=transfer-to-q-4]")
        assert await axe(watched.page) == []
        await look_at(watched.page, "transfer", tmp_path, size=size)
