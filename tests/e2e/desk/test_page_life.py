"""A page's life: a second tab, a reload, a server that dies and comes back, a caller with a hostile name, no mouse."""

import signal
import time

import pytest
from playwright.async_api import expect

from tests.e2e.desk import sound
from tests.e2e.desk.conftest import Open
from tests.e2e.desk.floor import Floor
from tests.rig.browser import MICROPHONE_HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = 'Eve <img src=x onerror="alert(1)"> \u202etxt.exe' + " x" * 60


async def test_by_keyboard_alone_and_a_reload_in_wrap_up(floor: Floor, open_as: Open) -> None:
    async with open_as("ines") as ines:
        keyboard = ines.page.keyboard
        await ines.phone("registered")
        await keyboard.press("Alt+p")
        await keyboard.press("Enter")  # the menu's first entry: ready
        await ines.shows("presence", "Ready")
        async with floor.call(tone=20) as line:
            await ines.alert("Marta Köhler")
            await keyboard.press("Alt+a")
            await ines.state("talking")
            await sound.hear(line.ear, MICROPHONE_HERTZ)
            await keyboard.press("m")
            await expect(ines["mute"]).to_have_attribute("aria-pressed", "true")
            await keyboard.press("Alt+m")
            await expect(ines["mute"]).to_have_attribute("aria-pressed", "false")
            await keyboard.press("Alt+x")
            assert await line.sipp.wait_ended(10) == 0
        await ines.state("wrap-up")
        await keyboard.press("n")
        await keyboard.type("Told how to restart it. 7 minutes.")
        await ines.shows("note-state", "saved")
        await ines.page.reload()
        await ines.state("wrap-up")
        await expect(ines["note"]).to_have_value("Told how to restart it. 7 minutes.")
        await ines.shows("card-name", "Marta Köhler")
        await keyboard.press("1")
        chosen = ines.page.get_by_role("radio", name="Solved on the call")
        await expect(chosen).to_have_attribute("aria-checked", "true")
        await keyboard.press("Alt+Enter")
        await ines.lacks("callbar")
        await ines.shows("presence", "Ready")
    item = await floor.last_over()
    (segment,) = item["segments"]
    assert (segment["disposition"], segment["note"]) == ("solved", "Told how to restart it. 7 minutes.")


async def test_a_second_tab_replaces_the_first(floor: Floor, open_as: Open) -> None:
    async with open_as("chen") as first:
        await first.become_ready()
        async with open_as("chen") as second:
            await second.shows("presence", "Ready")
            await first.shows("bars", "This desk was opened elsewhere.")
            await first.page.wait_for_selector("html:not([data-phone])")  # else it would take calls again
            await first.picture("desk-replaced")
            await second.phone("registered")
            async with floor.call(key="1") as line:
                await second.alert("Marta Köhler")
                await first.lacks("hero")
                await second["answer"].click()
                await second.state("talking")
                line.hang_up()
            await second.state("wrap-up")
            await second["finish"].click()
            await second.lacks("callbar")
            await first.page.get_by_role("button", name="Use it here").click()
            await first.live()
            await second.shows("bars", "This desk was opened elsewhere.")
            await first.phone("registered")


async def test_the_server_dies_and_comes_back(floor: Floor, open_as: Open) -> None:
    async with open_as("ines") as ines:
        await ines.become_ready()
        async with floor.call(tone=40) as line:
            await ines.alert("Marta Köhler")
            await ines["answer"].click()
            await ines.state("talking")
            await floor.server.kill()
            await expect(ines["stale"]).to_contain_text("Not live since", timeout=6000)
            await ines.shows("bars", "The link to the server is down.")
            await ines["note"].fill("Written while the server was away.")
            await ines.shows("note-state", "not sent, kept in this browser")
            await sound.hear(line.ear, MICROPHONE_HERTZ)  # the call itself goes on
            await ines.picture("desk-stale-link")
            began = time.monotonic()
            await floor.server.start()
            started = time.monotonic()
            await ines.live(limit=15)
            await ines.state("talking")
            resumed = time.monotonic()
            print("seconds to start again:", started - began)
            print("seconds until the page is right after that:", resumed - started)
            assert resumed - started < 5
            await ines.shows("call-name", "Marta Köhler")
            await ines.shows("note-state", "saved")
            await ines["hang-up"].click()
            assert await line.sipp.wait_ended(10) == 0
        await ines.state("wrap-up")
        await ines.page.keyboard.press("Escape")
        await ines.page.get_by_role("radio", name="Solved on the call").click()
        await ines["finish"].click()
        await ines.lacks("callbar")
        await ines.forgive("ERR_CONNECTION_REFUSED")
    item = await floor.last_over()
    assert (item["outcome"], len(item["segments"])) == ("answered", 1)
    assert item["segments"][0]["note"] == "Written while the server was away."


async def test_a_hostile_name_is_text(floor: Floor, open_as: Open) -> None:
    async with open_as("ines") as ines:
        await ines.become_ready()
        async with floor.call("+4930555000", name=HOSTILE) as line:
            await ines.shows("hero", limit=15)
            await expect(ines["hero-name"]).to_contain_text('Eve <img src=x onerror="alert(1)">')
            await ines.picture("desk-alert-hostile")
            assert await ines.page.evaluate("document.images.length") == 0
            assert await ines.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            line.hang_up()
        await ines.lacks("hero")


async def test_a_frozen_server_is_told_as_old_data(floor: Floor, open_as: Open) -> None:
    async with open_as("chen") as chen:
        process = floor.server.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            await expect(chen["stale"]).to_contain_text("Data", timeout=9000)
        finally:
            process.send_signal(signal.SIGCONT)
        await expect(chen["stale"]).to_contain_text("Live", timeout=9000)
