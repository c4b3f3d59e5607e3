"""What becomes of a call that rings: picked up on a desk phone, rejected, given up by the caller, not answered."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.e2e.desk.conftest import Open
from tests.e2e.desk.floor import QUICK, Floor
from tests.rig.scenarios import Leaves

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_desk_phone_is_picked_up(floor: Floor, open_as: Open) -> None:
    async with open_as("ben") as ben:
        await ben.become_ready(has_phone=False)
        async with floor.call("+4940669691 31".replace(" ", ""), key="1") as line:
            await ben.alert("Piet de Vries")
            await expect(ben["hero"].get_by_text("Pick up your phone")).to_be_visible()
            await expect(ben["answer"]).to_be_hidden()
            await ben.picture("desk-alert-desk-phone")
            floor.pick_up()
            await ben.state("talking")
            await expect(ben["mute"]).to_be_hidden()  # muting is the desk phone's own business
            await ben["hang-up"].click()
            assert await line.sipp.wait_ended(10) == 0
            await ben.state("wrap-up")
            await ben["finish"].click()
            await ben.lacks("callbar")
    item = await floor.last_over()
    assert (item["outcome"], item["segments"][0]["ended_by"]) == ("answered", "agent")


async def test_a_rejected_call_goes_to_the_next_agent(floor: Floor, open_as: Open) -> None:
    async with open_as("chen") as chen, open_as("ben") as ben:
        await chen.become_ready()
        await asyncio.sleep(0.3)
        await ben.become_ready(has_phone=False)
        async with floor.call("+491715502291", key="1") as line:
            await chen.alert("Dieter Falk")
            await chen["reject"].click()
            await ben.alert("Dieter Falk")
            await chen.lacks("hero")
            await chen.shows("presence", "Not ready")
            await chen.shows("bars", "You rejected a call; it went to the next agent.")
            await chen.picture("desk-not-ready")
            floor.pick_up()
            await ben.state("talking")
            line.hang_up()
            assert await line.sipp.wait_ended(10) == 0
            await ben.state("wrap-up")
            await expect(ben["callbar"]).to_contain_text("caller hung up")
            await ben["finish"].click()
            await ben.lacks("callbar")
        await chen.page.get_by_role("button", name="Ready again").first.click()
        await chen.shows("presence", "Ready")
    item = await floor.last_over()
    assert [leg["result"] for leg in item["legs"] if leg["kind"] == "agent"] == ["rejected", "answered"]


async def test_the_call_goes_away_when_its_caller_hangs_up(floor: Floor, open_as: Open) -> None:
    async with open_as("chen") as chen:
        await chen.become_ready()
        async with floor.call(dialed=QUICK, key="") as line:
            await chen.alert("Marta Köhler")
            await chen.phone("ringing")
            line.hang_up()
            await chen.lacks("hero")
            await chen.phone("registered")
            assert await line.sipp.wait_ended(10) == 0
        await chen.shows("idle", "You are ready")
        await chen.shows("presence", "Ready")
    item = await floor.last_over()
    assert (item["outcome"], item["visits"][0]["end"], item["segments"]) == ("abandoned", "abandoned", [])


async def test_nobody_answers(floor: Floor, open_as: Open) -> None:
    async with open_as("chen") as chen:
        await chen.become_ready()
        async with floor.call(dialed=QUICK, key="", leaves=Leaves(after=30)) as line:
            await chen.alert("Marta Köhler")
            await chen.lacks("hero", limit=15)
            await chen.shows("presence", "Not ready")
            await chen.shows("bars", "A call rang here and was not answered; it went to the next agent.")
            await chen.shows("waiting", "1 waits in your queues")
            await chen.page.get_by_role("button", name="Ready again").first.click()
            await chen.alert("Marta Köhler")  # still in line, at its old place
            line.hang_up()
            await chen.lacks("hero")
    item = await floor.last_over()
    assert [leg["result"] for leg in item["legs"] if leg["kind"] == "agent"] == ["timed-out", "customer-left"]
    assert len(item["visits"]) == 1
