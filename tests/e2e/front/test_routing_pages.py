"""The administrators' pages of routing: the real bundles against the real rooms and REST API, in Chromium."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Dialog, Page, Route, expect

from contactcenter.core.hours import HoursText
from contactcenter.core.permissions import SYSTEM
from contactcenter.queues.model import Announced, Way
from tests.e2e.front.looks import assert_fits, look_at
from tests.rig.browser import NARROW, WIDE, Watched, opened_page
from tests.rig.past_day import busy_day
from tests.rig.routing_site import RoutingSite, running_routing_site

pytestmark = pytest.mark.asyncio(loop_scope="session")
OpenAs = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest_asyncio.fixture(loop_scope="session")
async def site(built: None, tmp_path: Path) -> AsyncIterator[RoutingSite]:
    async with running_routing_site(tmp_path) as running:
        yield running


@pytest.fixture
def open_as(site: RoutingSite, browser: Browser) -> OpenAs:
    """Open a page as a user; at the end it must not have complained, unless ``broken``."""

    @asynccontextmanager
    async def opened(login: str, path: str, *, broken: bool = False, **options: Any) -> AsyncIterator[Watched]:
        async with opened_page(browser, base_url=site.url, **options) as watched:
            cookie = {"name": "cc_session", "value": await site.cookie(login), "url": site.url}
            await watched.page.context.add_cookies([cookie])  # type: ignore[list-item]
            await watched.page.goto(path)
            yield watched
            assert broken or not watched.errors

    return opened


async def shown(page: Page) -> list[str]:
    """How many match at each step, as the preview says it."""
    return [(await one.inner_text()) for one in await page.get_by_test_id("preview-step").locator(".num").all()]


async def test_steps_are_changed_previewed_saved_and_restored(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        steps = page.get_by_test_id("preview-step")
        await expect(steps).to_have_count(3)
        assert await shown(page) == ["1 of 5", "2 of 5", "3 of 5"]
        await expect(page.get_by_test_id("save")).to_be_disabled()

        await page.get_by_test_id("add-steps").click()
        await page.keyboard.press("ControlOrMeta+a")  # the new step's time has the focus
        await page.keyboard.type("10")
        await page.keyboard.press("Tab")
        after = page.get_by_test_id("step-after")
        assert [await one.input_value() for one in await after.all()] == ["10", "30", "90"]  # in the order of time
        await expect(page.get_by_test_id("f-steps").locator(".emsg")).to_contain_text("Fill it or take it away.")
        await page.get_by_test_id("f-steps").get_by_label("Any team will do").first.check()
        await expect(steps).to_have_count(4)
        await expect(steps.nth(1)).to_contain_text("After 0:10")

        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        assert [step.after for step in (await site.queue()).steps] == [10.0, 30.0, 90.0]
        await expect(page.get_by_test_id("history").locator("li")).to_have_count(2)
        await expect(page.get_by_test_id("history").locator("li").first).to_contain_text("Steps")

        await page.get_by_test_id("restore-1").click()
        await page.get_by_test_id("confirm").click()
        await expect(steps).to_have_count(3)
        assert [step.after for step in (await site.queue()).steps] == [30.0, 90.0]


async def test_what_cannot_be_is_said_at_the_field(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        await page.get_by_label("Ringing").fill("3")
        await page.get_by_label("Name", exact=True).fill("Sales")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("f-ring_time")).to_contain_text("This is out of its bounds.")
        await expect(page.get_by_label("Ringing")).to_be_focused()
        await page.get_by_label("Ringing").fill("25")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("f-name")).to_contain_text("This name is taken.")
        asked = []

        async def leave(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.accept()

        page.on("dialog", leave)
        await page.goto("/queues")
        assert asked == ["beforeunload"]


async def both_change(page: Page, site: RoutingSite) -> None:
    """Somebody sets goal and priority while the page is open; here the priority is changed and saved."""
    await expect(page.get_by_test_id("history").locator("li")).to_have_count(1)
    sofia = (await site.rooms.principals.by_session(await site.cookie("sofia"))).principal
    other = replace(SYSTEM, user_id=sofia.user_id)
    await site.rooms.queues.update_queue(other, site.support.queue_id, {"goal": 90, "priority": 70})
    await page.get_by_label("Priority").fill("50")
    await page.get_by_label("Ringing").fill("25")
    await page.get_by_test_id("save").click()
    notice = page.get_by_test_id("meanwhile")
    await expect(notice).to_contain_text("Sofia changed this meanwhile")
    await expect(notice).to_contain_text("You changed this too: Priority.")
    await expect(page.get_by_test_id("keep-mine")).to_be_focused()
    assert (await site.queue()).priority == 70


async def test_of_two_who_change_a_queue_the_second_keeps_his_over_the_new(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        await both_change(page, site)
        await page.get_by_test_id("keep-mine").click()
        await expect(page.get_by_test_id("meanwhile")).to_be_hidden()
        await expect(page.get_by_label("Goal")).to_have_value("90")
        await expect(page.get_by_label("Priority")).to_have_value("50")
        assert (await site.queue()).priority == 70  # not before he looked and saved
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        found = await site.queue()
        assert (found.priority, found.ring_time, found.goal) == (50, 25.0, 90)


async def test_of_two_who_change_a_queue_the_second_takes_the_new(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        await both_change(page, site)
        await page.get_by_test_id("load-theirs").click()
        await expect(page.get_by_label("Priority")).to_have_value("70")
        await expect(page.get_by_label("Ringing")).to_have_value("20")
        await expect(page.get_by_test_id("history").locator("li")).to_have_count(2)
        await expect(page.get_by_test_id("save")).to_be_disabled()
        await page.get_by_label("Ringing").fill("30")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")


async def test_what_is_typed_while_the_server_is_asked_is_kept_and_nothing_is_sent_twice(
    open_as: OpenAs, site: RoutingSite
) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        answer = asyncio.Event()
        methods: list[str] = []

        async def answer_late(route: Route) -> None:
            methods.append(route.request.method)
            await answer.wait()
            await route.continue_()

        await both_change(page, site)
        await page.route(f"**/api/v1/queues/{site.support.queue_id}", answer_late)
        await page.get_by_test_id("keep-mine").click()
        await expect(page.get_by_test_id("save")).to_be_disabled()
        await page.get_by_label("Ringing").fill("35")
        await page.get_by_label("Ringing").press("ControlOrMeta+s")
        await expect(page.get_by_test_id("save")).to_be_disabled()
        answer.set()
        await expect(page.get_by_test_id("form-said")).to_contain_text("Yours stands over the new.")
        await expect(page.get_by_label("Ringing")).to_have_value("35")
        answer.clear()
        await page.get_by_test_id("save").click()
        await page.get_by_label("Priority").fill("55")
        await page.get_by_label("Priority").press("ControlOrMeta+s")
        answer.set()
        await expect(page.get_by_test_id("form-said")).to_have_text("Changes are not saved yet.")
        await expect(page.get_by_label("Priority")).to_have_value("55")
        await expect(page.get_by_test_id("save")).to_be_enabled()
        found = await site.queue()
        assert (found.priority, found.ring_time, methods) == (50, 35.0, ["GET", "PATCH"])
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        assert (await site.queue()).priority == 55


async def test_an_agent_and_a_skill_changed_meanwhile(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/agents/{site.agents['ines']}", broken=True) as watched:
        page = watched.page
        await page.wait_for_selector("[data-testid=form]")
        await site.rooms.agents.update_agent(SYSTEM, site.agents["ines"], {"capacity": {"voice": 1}})
        await page.get_by_label("Team", exact=True).select_option("Berlin")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("meanwhile")).to_contain_text("The program changed this meanwhile")
        await page.get_by_test_id("keep-mine").click()
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        kept = await site.rooms.agents.get_agent(SYSTEM, site.agents["ines"])
        assert (kept.team_name, kept.own.capacity) == ("Berlin", {"voice": 1})
        await page.goto("/skills")
        await page.get_by_role("button", name="Rename Routers").click()
        await site.rooms.agents.save_skill(SYSTEM, "routers", "Modems", site.skills["routers"])
        await page.get_by_label("Label").fill("Gateways")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("meanwhile")).to_contain_text("You changed this too: Label.")
        await page.get_by_test_id("load-theirs").click()
        await expect(page.get_by_label("Label")).to_have_value("Modems")


async def test_an_agents_own_settings_and_what_holds(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", "/agents") as watched:
        page = watched.page
        await expect(page.get_by_test_id("agent-row")).to_have_count(5)
        await page.get_by_role("link", name="Chen Wei").click()
        await expect(page.get_by_test_id("effective")).to_contain_text("every queue whose skills are there")
        await page.get_by_label("Profile", exact=True).select_option("First line")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("effective")).to_contain_text("Sales (order 1, after 20 s)")
        await expect(page.get_by_test_id("effective")).to_contain_text("Chats 4")


async def test_an_agents_former_settings_hold_again(open_as: OpenAs, site: RoutingSite) -> None:
    ines = site.agents["ines"]
    levels = {site.skills["german"]: 6, site.skills["billing"]: 3}
    await site.rooms.agents.update_agent(SYSTEM, ines, {"skills": levels, "team_id": site.teams["Berlin"]})
    async with open_as("admin", f"/agents/{ines}") as watched:
        page = watched.page
        first = page.get_by_test_id("history").locator("li").first
        await expect(first).to_contain_text("Own levels German 9 → 6, Routers 8 → –, Billing – → 3")
        await expect(first).to_contain_text("Team Hamburg → Berlin")
        await page.get_by_test_id("restore-1").click()
        await expect(page.get_by_test_id("ask")).to_contain_text("name and phone stay")
        await page.get_by_test_id("confirm").click()
        await expect(page.get_by_test_id("effective")).to_contain_text("Routers 8")
        await expect(page.get_by_label("Team", exact=True)).to_have_value(site.teams["Hamburg"])
        await expect(first).to_contain_text("restored: Own levels")
        await page.get_by_label("Team", exact=True).select_option("Berlin")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        kept = await site.rooms.agents.get_agent(SYSTEM, ines)
        assert (kept.team_name, kept.own.skills[site.skills["routers"]]) == ("Berlin", 8)


async def test_agents_are_searched_and_shown_page_by_page(open_as: OpenAs, site: RoutingSite) -> None:
    for number in range(60):
        await site.rooms.agent(f"extra{number:02}", f"{3000 + number}", site.teams["Berlin"])
    async with open_as("admin", "/agents") as watched:
        page = watched.page
        rows = page.get_by_test_id("agent-row")
        await expect(rows).to_have_count(50)
        await page.get_by_test_id("more").click()
        await expect(rows).to_have_count(65)
        await expect(page.get_by_test_id("more")).to_be_hidden()
        await page.get_by_test_id("agents-q").fill("berlin 3007")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("Extra07")
        await page.get_by_test_id("agents-q").fill("")
        await page.get_by_test_id("agents-skill_id").select_option("German")
        await expect(rows).to_have_count(3)
        await page.get_by_test_id("agents-team_id").select_option("Hamburg")
        await expect(rows).to_have_count(2)
        await page.get_by_role("link", name="Olga Braun").click()
        await page.wait_for_selector("[data-testid=form]")
        await page.go_back()
        await expect(rows).to_have_count(2)
        await expect(page.get_by_test_id("agents-team_id")).to_have_value(site.teams["Hamburg"])
        await page.get_by_test_id("agents-q").fill("nobody")
        await expect(page.get_by_text("No agent in your reach matches.")).to_be_visible()


async def test_profiles_and_skills(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/profiles/{site.profile}", broken=True) as watched:
        page = watched.page
        await page.get_by_test_id("delete-profile").click()
        await page.get_by_test_id("confirm").click()
        await expect(page.get_by_test_id("delete-problem")).to_have_text("1 agent has it. Give another first.")
        await page.goto("/profiles/new")
        await page.get_by_label("Name", exact=True).fill("Second line")
        await page.get_by_test_id("save").click()
        await page.wait_for_url("**/profiles/0*")
        await page.goto("/skills")
        await expect(page.get_by_test_id("skill-row")).to_have_count(4)
        await page.get_by_label("Label").fill("Welsh")
        await page.get_by_label("Code").fill("welsh")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("skill-row")).to_have_count(5)
        await page.get_by_role("button", name="Rename Welsh").click()
        await page.get_by_label("Label").fill("Cymraeg")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("skill-row").filter(has_text="Cymraeg")).to_have_count(1)


async def test_a_new_queue_is_made(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", "/queues") as watched:
        page = watched.page
        await expect(page.get_by_test_id("queue-row")).to_have_count(3)
        await page.get_by_test_id("new-queue").click()
        await page.get_by_label("Name", exact=True).fill("Returns")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_role("heading", name="Returns")).to_be_visible()


async def test_who_may_only_read_changes_nothing(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("sofia", f"/queues/{site.support.queue_id}") as watched:
        page = watched.page
        await expect(page.get_by_test_id("preview-step")).to_have_count(3)
        await expect(page.get_by_text("You may read this, not change it.")).to_be_visible()
        await expect(page.get_by_test_id("save")).to_have_count(0)
        await expect(page.get_by_label("Ringing")).to_be_disabled()


QUEUE_PAGES = (
    "queue",
    "queue-steps",
    "queue-limits",
    "queue-announcements",
    "queue-meanwhile",
    "queue-try",
    "queue-read",
)
PAGES = ("queues", *QUEUE_PAGES, "profiles", "profile", "agents", "agent", "skills")


WEEK: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("mon", "tue", "wed", "thu"), ("08:00-12:00", "13:00-18:00")), "fri": ("08:00-14:00",)
}  # fmt: skip
LIMITS = {
    "hours": HoursText("Europe/Berlin", WEEK, ("12-25", "2026-04-03")),
    "max_waiting": 30,
    "max_wait": 600.0,
    "when_too_long": Way(flow="voicemail"),
}


async def test_limits_of_a_queue(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        await page.get_by_test_id("has-hours").check()
        await expect(page.get_by_test_id("hours-mon")).to_have_value("08:00-18:00")
        await page.get_by_test_id("hours-mon").fill("8-12")
        await page.get_by_test_id("f-max_wait").get_by_role("spinbutton").fill("300")
        ways = page.get_by_test_id("f-when_too_long").get_by_role("combobox")
        await ways.select_option(label="Queue: Sales")
        await page.get_by_test_id("save").click()
        await expect(page.locator("[data-fault='hours.week.mon']")).to_have_text("Hours are written as 08:00-17:30.")
        await page.get_by_test_id("hours-mon").fill("07:00-12:00, 13:00-16:00")
        await page.get_by_role("button", name="Tuesday to Friday as Monday").click()
        await page.get_by_label("Holidays").fill("12-25, 2026-04-03")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        queue = await site.queue()
        assert queue.hours is not None
        assert queue.hours.week["fri"] == ("07:00-12:00", "13:00-16:00")
        assert (queue.hours.holidays, queue.max_wait) == (("12-25", "2026-04-03"), 300.0)
        assert queue.when_too_long is not None
        assert queue.when_too_long.queue_id is not None
        await ways.select_option(label="Another flow …")
        await page.get_by_test_id("f-when_too_long").get_by_label("Flow", exact=True).fill("x")
        await page.get_by_test_id("has-hours").uncheck()
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        queue = await site.queue()
        assert (queue.hours, queue.when_too_long) == (None, Way(flow="x"))


async def test_announcements_of_a_queue(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        every = page.get_by_test_id("f-announce_every")
        await expect(every.get_by_role("spinbutton")).to_have_value("0")
        await every.get_by_role("spinbutton").fill("19")
        await page.get_by_test_id("f-announce").get_by_role("combobox").select_option(label="Their place in line")
        await page.get_by_test_id("save").click()
        await expect(page.locator("[data-fault='announce_every']")).to_have_text("This is out of its bounds.")
        await every.get_by_role("spinbutton").fill("45")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("form-said")).to_have_text("Saved.")
        queue = await site.queue()
        assert (queue.announce_every, queue.announce) == (45.0, Announced.PLACE)
        await expect(page.get_by_test_id("history")).to_contain_text("Tell callers every")


async def played(site: RoutingSite) -> None:
    """Let the support queue have a day behind it: three agents, of whom its rules let wait for two."""
    agents = [site.agents[name] for name in ("ines", "ida", "ben")]
    await busy_day(site.rooms, site.support.queue_id, agents, 150)


async def change_and_play(page: Page) -> None:
    """Let the second agent be asked after a second in place of half a minute, and ask what that would have done."""
    await expect(page.get_by_test_id("preview-step")).to_have_count(3)
    await page.get_by_test_id("step-after").first.fill("1")
    await page.keyboard.press("Tab")
    await page.get_by_test_id("dry-run").click()
    await expect(page.get_by_test_id("dry-run-every")).to_be_visible()


async def test_a_change_is_tried_on_yesterday(open_as: OpenAs, site: RoutingSite) -> None:
    await played(site)
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        await page.get_by_label("Priority").fill("50")
        await page.get_by_test_id("f-max_wait").get_by_role("spinbutton").fill("300")
        await change_and_play(page)
        answer, table = page.get_by_test_id("dry-run-answer"), page.get_by_test_id("dry-run-queue")
        await expect(answer).to_contain_text("Tuesday 6 January: 150 callers, 3 agents")
        assert await table.locator("thead th").all_inner_texts() == ["Present", "Changed", "Differs", "Really"]
        assert await table.locator("tbody tr").first.locator("td").all_inner_texts() == ["150", "150", "", "150"]
        level = await table.locator("tbody tr").nth(1).locator("td").all_inner_texts()
        present, changed = (float(text) for text in level[:2])
        assert level[2] == f"+{round(changed - present, 1):g}"
        await expect(table.locator("tbody tr").nth(1).locator("td").nth(2)).to_have_class("n k-ok")
        await expect(page.get_by_test_id("dry-run-every").locator("tbody tr").last).to_contain_text("Occupancy")
        notes = page.get_by_test_id("dry-run-notes")
        await expect(notes).to_contain_text("These changes have no part in it: Longest wait")
        await expect(notes).to_contain_text("120 callers would have waited is drawn")
        assert (await site.queue()).priority == 40, "nothing is saved by it"

        await expect(page.get_by_test_id("dry-run-old")).to_be_hidden()
        await page.get_by_label("Priority").fill("60")
        await expect(page.get_by_test_id("dry-run-old")).to_be_visible()
        async with page.expect_download() as begun:
            await answer.get_by_role("link").click()
        assert (await begun.value).suggested_filename == "trace-2026-01-06.jsonl"


async def test_what_cannot_be_tried_is_said(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        problem = page.get_by_test_id("dry-run-problem")
        await page.get_by_test_id("dry-run").click()
        await expect(problem).to_have_text("Nobody called on that day.")
        await page.get_by_label("Day", exact=True).fill("2031-05-05")
        await page.get_by_test_id("dry-run").click()
        await expect(problem).to_have_text("Choose a day that is over, at most 31 days back.")
        await page.get_by_label("Ringing").fill("3")
        await page.get_by_test_id("dry-run").click()
        await expect(page.get_by_test_id("f-ring_time")).to_contain_text("This is out of its bounds.")


async def test_a_day_that_is_played_can_be_cancelled(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("admin", f"/queues/{site.support.queue_id}", broken=True) as watched:
        page = watched.page
        held = asyncio.Event()

        async def hold(route: Route) -> None:
            await held.wait()
            await route.abort()

        await page.route("**/dry-run", hold)
        await page.get_by_test_id("dry-run").click()
        await expect(page.get_by_text("The day is being played twice …")).to_be_visible()
        await expect(page.get_by_test_id("dry-run")).to_be_hidden()
        await page.get_by_test_id("dry-run-cancel").click()
        await expect(page.get_by_text("Cancelled.")).to_be_visible()
        await expect(page.get_by_test_id("dry-run")).to_be_focused()
        await expect(page.get_by_test_id("dry-run-cancel")).to_be_hidden()
        held.set()


async def test_who_may_not_change_a_queue_tries_nothing(open_as: OpenAs, site: RoutingSite) -> None:
    async with open_as("sofia", f"/queues/{site.support.queue_id}") as watched:
        await expect(watched.page.get_by_test_id("preview-step")).to_have_count(3)
        await expect(watched.page.get_by_test_id("dry-run")).to_have_count(0)


def path_of(site: RoutingSite, page: str) -> tuple[str, str]:
    one = {
        "queue": f"/queues/{site.support.queue_id}",
        "profile": f"/profiles/{site.profile}",
        "agent": f"/agents/{site.agents['ines']}",
    }
    if page.startswith("queue-"):
        return ("sofia" if page == "queue-read" else "admin"), one["queue"]
    return "admin", one.get(page, f"/{page}")


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("name", PAGES)
async def test_page(open_as: OpenAs, site: RoutingSite, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    login, path = path_of(site, name)
    if name == "queue-steps":
        await site.rooms.queues.update_queue(SYSTEM, site.support.queue_id, {"goal": 90})
    if name == "queue-limits":
        await site.rooms.queues.update_queue(SYSTEM, site.support.queue_id, LIMITS)
    if name == "agent":
        levels = {site.skills["german"]: 6, site.skills["billing"]: 3}
        await site.rooms.agents.update_agent(SYSTEM, site.agents["ines"], {"skills": levels})
    if name == "queue-try":
        await played(site)
    broken = name in {"queue-steps", "queue-try", "queue-meanwhile"}
    async with open_as(login, path, size=size, broken=broken) as watched:
        page = watched.page
        await page.wait_for_selector("tbody tr, [data-testid=form]")
        if name.startswith("queue-") or name == "queue":
            await page.wait_for_selector("[data-testid=preview-step]")
        if name == "queue-steps":
            await page.get_by_test_id("add-steps").click()
            await page.get_by_test_id("f-steps").get_by_label("Any team will do").last.check()
            await expect(page.get_by_test_id("preview-step")).to_have_count(4)
        if name == "queue-try":
            await change_and_play(page)
            await page.locator("#dry-run").evaluate("one => one.scrollIntoView()")
        if name == "queue-limits":
            await page.get_by_test_id("f-hours").evaluate("one => one.closest('section').scrollIntoView()")
        if name == "queue-announcements":
            await page.get_by_test_id("f-announce_every").evaluate("one => one.closest('section').scrollIntoView()")
        if name == "queue-meanwhile":
            await both_change(page, site)
        await look_at(page, f"routing-{name}", tmp_path, size=size, view=page.get_by_test_id("view"))


@pytest.mark.parametrize("language", ["ru", "es"])
@pytest.mark.parametrize("name", ["queues", "queue", "queue-try", "profile", "agents", "agent", "skills"])
async def test_other_languages_fit(open_as: OpenAs, site: RoutingSite, name: str, language: str) -> None:
    login, path = path_of(site, name)
    await site.speak(login, language)
    if name == "queue-try":
        await played(site)
    async with open_as(login, path, broken=name == "queue-try") as watched:
        await watched.page.wait_for_selector("tbody tr, [data-testid=form]")
        if name == "queue-try":
            await change_and_play(watched.page)
        await assert_fits(watched.page)
