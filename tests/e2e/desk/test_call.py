"""The spine: a known customer's call reaches the one right agent, is answered in the browser and wrapped up."""

import asyncio
import time

import pytest
from playwright.async_api import expect

from tests.e2e.desk import sound
from tests.e2e.desk.conftest import Open
from tests.e2e.desk.floor import CALLER_HERTZ, Floor
from tests.e2e.desk.screen import Screen
from tests.rig.browser import MICROPHONE_HERTZ
from tests.rig.server import PASSWORD
from tests.rig.tones import seconds_of_tone

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACCENT = "rgb(11, 97, 116)"  # behind the white text of what is chosen, under the mouse too
# Keeps when the page first shows a ringing call, on the wall clock.
POP_WATCH = """() => {
    const hero = document.querySelector('[data-testid=hero]');
    new MutationObserver(() => { if (hero.dataset.interaction) window.poppedAt ??= Date.now(); })
        .observe(hero, {attributes: true});
}"""


async def sign_in(screen: Screen) -> None:
    await screen["login-name"].fill("ines")
    await screen["login-password"].fill("wrong")
    await screen.page.keyboard.press("Enter")
    await screen.shows("login-error")
    await screen.picture("login-error")
    await screen.forgive("401")  # Chromium tells every refusal on its console
    await screen["login-password"].fill(PASSWORD)
    await screen.page.keyboard.press("Enter")
    await screen.page.wait_for_url("**/desk")
    await screen.live()


async def test_a_call_reaches_the_right_agents_screen(floor: Floor, open_as: Open, tmp_path) -> None:
    await floor.server.ready("ben")  # longer idle, but knows too little of routers
    await asyncio.sleep(0.5)
    async with open_as("", "/login") as ines:
        await ines.picture("login")
        await sign_in(ines)
        await ines.shows("presence", "Offline")
        await ines.picture("desk-empty")
        await ines.become_ready()
        await ines.picture("desk-ready")
        await ines.page.evaluate(POP_WATCH)
        await sound.listen_in_page(ines.page, CALLER_HERTZ)
        async with floor.call(tone=40) as line:
            await ines.alert("Marta Köhler")
            await look_at_the_card(ines)
            print("seconds from the decision to the DOM:", await time_to_dom(floor, ines))
            await ines.picture("desk-alert")
            print("seconds from Answer to sound:", await talk(floor, ines, line, tmp_path))
        await wrap_up(ines)
        await ines.shows("idle", "You are ready")
    await read_it_all(floor)


async def look_at_the_card(ines: Screen) -> None:
    await ines.shows("hero", "Nordlicht GmbH")
    await ines.shows("card-name", "Marta Köhler")
    await ines.shows("card", "Line at site 2 failed twice in November")
    await ines.shows("confidence", "% sure")
    await ines.shows("open-tickets", "Router drops VPN every 20 min")
    await ines.shows("history")
    await ines.shows("why", "Routers")


async def time_to_dom(floor: Floor, ines: Screen) -> float:
    """Seconds from the router's decision to the card on the screen."""
    (row,) = floor.server.rows("select at from events where kind = 'reservation-made' order by seq desc limit 1")
    return float(await ines.page.evaluate("window.poppedAt")) / 1000 - row[0] / 1e6


async def talk(floor: Floor, ines: Screen, line, tmp_path) -> dict[str, float]:
    clicked = time.time()
    await ines["answer"].click()
    caller_heard = await sound.hear(line.ear, MICROPHONE_HERTZ)
    await ines.state("talking")
    says, hears = await sound.record_leg(floor.server, "agent-1001", tmp_path)
    await expect(ines["stale"]).to_contain_text("Live")
    await ines.picture("desk-talking")
    await sound.hear_both_ways(ines.page, line.ear, MICROPHONE_HERTZ, 2.5)
    await mute_works(ines, line)
    await hold_works(ines, line)
    heard = await ines.page.evaluate("window.heard")
    await ines["hang-up"].click()
    assert await line.sipp.wait_ended(10) == 0, line.sipp.errors()
    assert seconds_of_tone(says, MICROPHONE_HERTZ) >= 2
    assert seconds_of_tone(hears, CALLER_HERTZ) >= 2
    customer = line.ear.save(tmp_path / "customer.wav")
    assert seconds_of_tone(customer, MICROPHONE_HERTZ) >= 2
    return {"caller_hears": caller_heard - clicked, "agent_hears": heard["first"] / 1000 - clicked}


async def mute_works(ines: Screen, line) -> None:
    await ines["mute"].click()
    await expect(ines["mute"]).to_have_attribute("aria-pressed", "true")
    await sound.hear_nothing(line.ear, MICROPHONE_HERTZ)
    await ines["mute"].click()
    await sound.hear(line.ear, MICROPHONE_HERTZ)


async def hold_works(ines: Screen, line) -> None:
    """On hold neither hears the other; retrieved, both do."""
    await ines.page.keyboard.press("h")
    await ines.shows("callbar", "On hold")
    await sound.hear_nothing(line.ear, MICROPHONE_HERTZ)
    before = await ines.page.evaluate("window.heard.seconds")
    await ines.picture("desk-held")
    await asyncio.sleep(0.5)
    assert await ines.page.evaluate("window.heard.seconds") - before < 0.2, "the agent hears the caller on hold"
    await ines["hold"].click()
    await ines.shows("callbar", "Talking")
    await sound.hear_both_ways(ines.page, line.ear, MICROPHONE_HERTZ, 0.5)


async def wrap_up(ines: Screen) -> None:
    await ines.state("wrap-up")
    await ines["note"].fill("Router at site 2 replaced; asks for a call on Friday.")
    await ines["ticket-subject"].fill("Confirm the new router works")
    await ines["ticket-create"].click()
    await ines.shows("tickets-made", "Confirm the new router works")
    await ines["finish"].click()
    await ines.shows("finish-error")
    await ines.page.keyboard.press("Escape")
    await ines.page.get_by_role("radio", name="Ticket opened").click()
    await ines.shows("note-state", "saved")
    await expect(ines.page.get_by_role("radio", name="Ticket opened")).to_have_css("background-color", ACCENT)
    await ines.picture("desk-wrap-up")
    await ines["finish"].click()
    await ines.lacks("callbar")


async def read_it_all(floor: Floor) -> None:
    item = await floor.last_over()
    agent = floor.server.agent_ids["ines"]
    people = {one["id"]: one for one in (await floor.api("GET", "/people?limit=100"))["items"]}
    assert people[item["person_id"]]["name"] == "Marta Köhler"
    assert (item["outcome"], item["is_over"], item["choices"]) == ("answered", True, ["Router support"])
    (visit,), (segment,) = item["visits"], item["segments"]
    assert visit["end"] == "answered"
    assert visit["wait_time"] > 0
    assert (segment["agent_id"], segment["ended_by"], segment["disposition"]) == (agent, "agent", "ticket")
    assert segment["note"] == "Router at site 2 replaced; asks for a call on Friday."
    assert segment["talk_time"] > 2.5
    assert (segment["hold_time"] > 0.5, segment["holds"]) == (True, 1)
    assert {leg["kind"]: leg["result"] for leg in item["legs"]} == {"customer": "", "agent": "answered"}
    assert all(leg["ended_at"] for leg in item["legs"])
    (ticket,) = (await floor.api("GET", f"/tickets?interaction_id={item['id']}"))["items"]
    assert (ticket["subject"], ticket["person_id"]) == ("Confirm the new router works", item["person_id"])
    assert ticket["due_at"] > ticket["opened_at"]
    why = (await floor.api("GET", f"/interactions/{item['id']}/why"))["decisions"][-1]["why"]
    assert [one["id"] for one in why["best"]] == [agent]
    passed = {one["reason"]: one for one in why["passed"]}
    assert (why["considered"], why["candidates"]) == (4, 1)
    assert passed["skill"]["count"] >= 1, passed  # Ben was ready before
