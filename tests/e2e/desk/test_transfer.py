"""A customer is sent from browser to browser, and back out of hold: who hears whom, and what is written."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.e2e.desk import sound
from tests.e2e.desk.conftest import Open
from tests.e2e.desk.floor import CALLER_HERTZ, Floor, Line
from tests.e2e.desk.screen import Screen
from tests.rig.browser import MICROPHONE_HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTE = "Wants the invoice of May again."


async def test_from_browser_to_browser_and_back(floor: Floor, open_as: Open) -> None:
    async with open_as("ines", "/desk") as ines, open_as("chen", "/desk") as chen:
        for one in (ines, chen):
            await one.become_ready()
            await sound.listen_in_page(one.page, CALLER_HERTZ)
        async with floor.call(tone=90) as line:
            await ines.alert("Marta Köhler")
            await ines["answer"].click()
            await sound.hear_both_ways(ines.page, line.ear, MICROPHONE_HERTZ, 0.5)
            await ines["note"].fill(NOTE)
            await ines.shows("note-state", "saved")
            await transfer(ines, "sal", "Sales", picture="desk-transfer")
            await chen.alert("Marta Köhler")
            await chen.shows("hero-from", "Transferred by Ines Vogt, Support")
            await chen.shows("hero-from", NOTE)
            await chen.picture("desk-transferred")
            await sound.hear_nothing(line.ear, MICROPHONE_HERTZ)
            await chen["answer"].click()
            await sound.hear_both_ways(chen.page, line.ear, MICROPHONE_HERTZ, 2.0)
            await finish(ines)  # while the other talks
            await expect(chen["callbar"]).to_have_attribute("data-state", "talking")
            await back_out_of_hold(ines, chen, line)
            line.hang_up()
            for one in (ines, chen):
                await one.state("wrap-up")
                await finish(one)
    await read_it_all(floor)


async def transfer(screen: Screen, typed: str, queue: str, picture: str = "") -> None:
    await screen.page.keyboard.press("Alt+t")
    await expect(screen["transfer-filter"]).to_be_focused()
    await expect(screen["transfer-dialog"].get_by_role("button", name=queue)).to_be_visible()
    if picture:
        await screen.picture(picture)
    await screen.page.keyboard.type(typed)
    await screen.page.keyboard.press("Enter")
    await screen.state("wrap-up")
    await screen.shows("callbar", f"transferred to {queue}")


async def back_out_of_hold(ines: Screen, chen: Screen, line: Line) -> None:
    await chen.page.keyboard.press("Alt+h")
    await chen.shows("callbar", "On hold")
    await transfer(chen, "supp", "Support")
    await ines.alert("Marta Köhler")
    await ines.shows("hero-from", "Transferred by Chen Wei, Sales")
    await ines.phone("ringing")
    await asyncio.sleep(0.5)
    await ines.phone("ringing")  # that she answered him before answers no second alert
    await ines["answer"].click()
    await ines.state("talking")
    await sound.hear_both_ways(ines.page, line.ear, MICROPHONE_HERTZ, 2.0)


async def finish(screen: Screen) -> None:
    await screen.page.get_by_role("radio", name="Solved on the call").click()
    await screen["finish"].click()
    await screen.lacks("callbar")


async def read_it_all(floor: Floor) -> None:
    item = await floor.last_over()
    queues = {one["id"]: one["name"] for one in await floor.api("GET", "/queues")}
    ids = {agent_id: login for login, agent_id in floor.server.agent_ids.items()}
    assert (item["outcome"], item["is_over"]) == ("answered", True)
    assert [queues[one["queue_id"]] for one in item["visits"]] == ["Support", "Sales", "Support"]
    assert [one["end"] for one in item["visits"]] == ["answered"] * 3
    parts = item["segments"]
    assert [ids[one["agent_id"]] for one in parts] == ["ines", "chen", "ines"]
    assert [queues.get(one["transferred_to"]) for one in parts] == ["Sales", "Support", None]
    assert [one["ended_by"] for one in parts] == ["agent", "agent", "customer"]
    assert [one["note"] for one in parts] == [NOTE, "", ""]
    assert [(one["holds"], one["hold_time"] > 0) for one in parts] == [(0, False), (1, True), (0, False)]
    assert all(one["talk_time"] > 0.3 and one["disposition"] == "solved" for one in parts)
    assert all(leg["ended_at"] for leg in item["legs"])
    assert len(item["legs"]) == 4
