"""The supervisor's live page: queues, agents, the waiting call and its why; lists of tickets and people."""

import os
import signal
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import expect

from tests.e2e.desk.conftest import Open
from tests.e2e.desk.floor import Floor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_waiting_call_and_why(floor: Floor, open_as: Open) -> None:
    await floor.server.ready("ben")  # ready, but not for routers
    async with open_as("sofia", "/live") as sofia, open_as("ines") as ines:
        await ines.phone("registered")
        await expect(sofia["queue"]).to_have_count(3)
        await expect(sofia["agent"].filter(has_text="Ben Okafor")).to_have_attribute("data-state", "ready")
        rows = sofia["waiting-row"]
        async with AsyncExitStack() as calls:
            line = await calls.enter_async_context(floor.call())
            await expect(rows).to_have_count(1, timeout=15000)
            await calls.enter_async_context(floor.call("+494066969131"))
            await expect(rows).to_have_count(2, timeout=15000)
            await expect(rows.first).to_contain_text("Marta Köhler")
            await sofia.picture("live-waiting")
            await rows.first.get_by_role("button").click()
            await sofia.shows("why", "The call needs German 1 and Routers 2 or better.")
            await sofia.shows("why", "3 lack Routers 2 or better: Chen Wei, Ben Okafor, and Ida Santos")
            await sofia.shows("why", "It is number 1 of 2 in line.")
            await sofia.picture("live-why")
            await sofia["every-agent"].click()
            await expect(sofia["every-row"].filter(has_text="Ben Okafor")).to_contain_text("needs Routers 2 or better")
            await expect(sofia["every-row"].first).to_contain_text("Ines Vogt")
            await sofia["why-close"].click()
            await floor.server.ready("ines")
            await ines.alert("Marta Köhler")
            await expect(rows.first).to_contain_text("rings at Ines Vogt")
            await ines["answer"].click()
            await ines.state("talking")
            await expect(rows).to_have_count(1)
            await expect(sofia["agent"].filter(has_text="Ines Vogt")).to_have_attribute("data-state", "talking")
            await sofia.picture("live")
            line.hang_up()
            await ines.state("wrap-up")
            await ines.page.keyboard.press("1")
            await ines.page.keyboard.press("Alt+Enter")
            await ines.alert("Piet de Vries")  # the next in line, at once
        await ines.lacks("hero")
        await expect(rows).to_have_count(0)


async def test_a_frozen_phone_system_is_told(floor: Floor, open_as: Open) -> None:
    async with open_as("sofia", "/live") as sofia, open_as("ines") as ines:
        await ines.become_ready()
        pbx = floor.server.pbx_pid
        assert pbx is not None
        os.kill(pbx, signal.SIGSTOP)
        try:
            await ines.shows("bars", "The phone system does not answer.", limit=20)
            await sofia.shows("bars", "does not answer since", limit=15)
            await ines.picture("desk-error")
            await sofia.picture("live-error")
        finally:
            os.kill(pbx, signal.SIGCONT)
        await expect(ines["bars"]).to_be_empty(timeout=20_000)
        await expect(sofia["bars"]).to_be_empty(timeout=20_000)
        await ines.shows("presence", "Ready")


async def test_lists_of_tickets_and_people(floor: Floor, open_as: Open) -> None:
    async with open_as("ines", "/tickets") as ines:
        row = ines.page.get_by_role("row").filter(has_text="Router drops VPN every 20 min")
        await expect(row).to_be_visible()
        await ines.picture("tickets")
        await row.get_by_role("link").click()
        await expect(ines.page.get_by_role("heading", name="Router drops VPN every 20 min")).to_be_visible()
        await ines["ticket-note"].fill("Called back, no answer.")
        await ines["ticket-note-save"].click()
        await expect(ines.page.get_by_text("Called back, no answer.")).to_be_visible()
        await ines.picture("ticket")
        await ines.page.goto("/people?q=marta")
        await ines.page.get_by_role("link", name="Marta Köhler").click()
        await expect(ines.page.get_by_role("heading", name="Marta Köhler")).to_be_visible()
        await ines.picture("person")
        await ines.page.goto("/people")
        await expect(ines.page.get_by_role("link", name="Piet de Vries")).to_be_visible()
        await ines.picture("people")
