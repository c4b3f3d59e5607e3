"""The agent's desk in a real browser: pops, typed text, gaps, hostile data, keys, errors."""

import asyncio
import re
from collections.abc import Callable

import pytest
from playwright.async_api import Page, expect

from tests.e2e.front.conftest import Open
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import HOSTILE, ago, ahead, callback, card, me, ticket_lines, unknown_card, work

pytestmark = pytest.mark.asyncio(loop_scope="session")

HANDLER_WATCH = """
(() => {
  const own = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
  window.shownInHandler = [];
  Object.defineProperty(WebSocket.prototype, 'onmessage', {
    set(handler) {
      own.set.call(this, event => {
        handler(event);
        const hero = document.querySelector('[data-testid=hero]');
        if (event.data.includes('"alerting"')) window.shownInHandler.push(hero.dataset.interaction ?? '');
      });
    },
  });
})();
"""


async def until(holds: Callable[[], bool]) -> None:
    """Wait for the server to have seen something."""
    async with asyncio.timeout(8):
        while not holds():
            await asyncio.sleep(0.02)


def named(server: DeskServer, name: str) -> list[dict]:
    return [data for command, data in server.commands if command == name]


def hold(server: DeskServer, state: str, **more: object) -> None:
    server.slots["desktop"] |= {"me": me(work="handling"), "work:i-1": work(state, **more), "card:i-1": card()}


async def test_a_ringing_call_is_on_the_screen_before_the_message_handler_returns(
    open_page: Open, server: DeskServer
) -> None:
    async with open_page("/login") as watched:
        page = watched.page
        await page.add_init_script(HANDLER_WATCH)
        await page.goto("/desk")
        await page.wait_for_selector("html[data-link=live]")
        await server.push_slots("desktop", {"work:i-1": None})
        await server.push_slots("desktop", {"work:i-1": work(), "card:i-1": card()})
        hero = page.get_by_test_id("hero")
        await expect(hero).to_have_attribute("data-interaction", "i-1")
        await expect(page.get_by_test_id("hero-name")).to_have_text("Marta Köhler")
        assert await page.evaluate("window.shownInHandler") == ["i-1"]
        await expect(page.get_by_test_id("card-name")).to_have_text("Marta Köhler")
        await server.push_slots("desktop", {"work:i-1": None, "card:i-1": None})
        await expect(hero).to_be_hidden()
        assert await hero.get_attribute("data-interaction") is None


async def test_what_is_typed_and_the_focus_survive_every_update(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=note]") as watched:
        page = watched.page
        note = page.get_by_test_id("note")
        await note.click()
        await page.keyboard.type("Drops every")
        await page.keyboard.press("Home")
        for place in range(8):
            await server.push_slots(
                "desktop",
                {"work:i-1": work("talking", title=f"Name {place}", note=f"echo {place}"), "me": me(work="handling")},
            )
            await page.keyboard.type(str(place))
        assert await note.input_value() == "01234567Drops every"
        assert await note.evaluate("e => [document.activeElement === e, e.selectionStart]") == [True, 8]
        await expect(page.get_by_test_id("call-name")).to_have_text("Name 7")
        await until(lambda: any(one["text"] == "01234567Drops every" for one in named(server, "save-note")))
        await expect(page.get_by_test_id("note-state")).to_contain_text("saved")


async def test_the_note_stays_in_place_when_talking_becomes_wrap_up(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=note]") as watched:
        note = watched.page.get_by_test_id("note")
        await note.click()
        await watched.page.keyboard.type("abc")
        await server.push_slots("desktop", {"work:i-1": work("wrap-up")})
        await expect(watched.page.get_by_test_id("disposition")).to_be_visible()
        await watched.page.keyboard.type("def")
        assert await note.input_value() == "abcdef"


async def test_an_unsaved_note_survives_a_reload_and_is_saved_then(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=note]") as watched:
        page = watched.page
        server.silent = True
        await page.get_by_test_id("note").fill("Nobody has this yet")
        server.silent = False
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.reload()
        await expect(page.get_by_test_id("note")).to_have_value("Nobody has this yet")
        await until(lambda: any(one["text"] == "Nobody has this yet" for one in named(server, "save-note")))
        await expect(page.get_by_test_id("note-state")).to_contain_text("saved")
        assert await page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('cc-note')).length") == 0


async def test_a_note_refused_after_the_wrap_up_is_kept_and_says_so(open_page: Open, server: DeskServer) -> None:
    hold(server, "wrap-up")
    async with open_page("/desk", ready="[data-testid=note]") as watched:
        server.refuse["save-note"] = {"code": "wrap-up-over", "fields": {}}
        await watched.page.get_by_test_id("note").fill("too late")
        await expect(watched.page.get_by_test_id("bar-note-i-1")).to_contain_text("Your text is kept")


async def test_a_gap_in_the_numbers_leads_to_a_fresh_snapshot(open_page: Open, server: DeskServer) -> None:
    async with open_page("/desk") as watched:
        await server.lose_changes("desktop", {"work:i-1": work("talking"), "card:i-1": card()})
        await server.push_slots("desktop", {"me": me("not-ready", "lunch")})
        await expect(watched.page.get_by_test_id("call-name")).to_have_text("Marta Köhler")
        assert [hello.get("resume") for hello in server.hellos] == [None, None]


async def test_a_lost_link_is_taken_up_where_it_was(open_page: Open, server: DeskServer) -> None:
    async with open_page("/desk") as watched:
        await server.push_slots("desktop", {"me": me("not-ready", "lunch")})
        await expect(watched.page.get_by_test_id("presence")).to_contain_text("Lunch")
        await server.drop()
        await until(lambda: len(server.hellos) == 2)
        assert server.hellos[1]["resume"] == {"epoch": server.epoch, "seq": server.seq}
        assert server.hellos[1]["instance"] == server.hellos[0]["instance"]
        await watched.page.wait_for_selector("html[data-link=live]")


async def test_a_silent_server_makes_the_data_old_and_stops_the_clocks(open_page: Open, server: DeskServer) -> None:
    hold(server, "alerting", expires_at=ahead(60), ring_time=60)
    async with open_page("/desk", ready="[data-testid=hero]") as watched:
        page, sign = watched.page, watched.page.get_by_test_id("stale")
        await expect(sign).to_contain_text("ms")
        server.silent = True
        await expect(sign).to_have_text("Data 5 s old", timeout=9000)
        await expect(page.get_by_test_id("hero-clock")).to_have_text("?")
        await expect(page.locator("html")).to_have_attribute("data-stale", "")
        await expect(sign).to_contain_text("Not live since", timeout=9000)
        server.silent = False
        await expect(page.get_by_test_id("hero-clock")).to_contain_text("0:", timeout=9000)
        await expect(page.locator("html")).not_to_have_attribute("data-stale", "")


async def test_a_desk_opened_elsewhere_says_so_and_comes_back_on_wish(open_page: Open, server: DeskServer) -> None:
    async with open_page("/desk") as watched:
        await server.goodbye("replaced", 4001)
        bar = watched.page.get_by_test_id("bar-replaced")
        await expect(bar).to_contain_text("opened elsewhere")
        await asyncio.sleep(1)
        assert len(server.hellos) == 1
        await bar.get_by_role("button", name="Use it here").click()
        await watched.page.wait_for_selector("html[data-link=live]")
        await expect(bar).to_be_hidden()


@pytest.mark.parametrize("state", ["alerting", "talking", "wrap-up"])
async def test_hostile_names_are_shown_as_text(open_page: Open, server: DeskServer, state: str) -> None:
    hostile = card(
        history=[{**card()["history"][0], "note": HOSTILE, "agent": HOSTILE}],
        open_tickets=[{**ticket_lines()[0], "subject": HOSTILE}],
    )
    hostile["person"] |= {"name": HOSTILE, "heed": HOSTILE, "note": HOSTILE, "numbers": [HOSTILE]}
    hold(
        server,
        state,
        title=HOSTILE,
        subtitle=HOSTILE,
        note=HOSTILE,
        choices=[HOSTILE],
        tickets=[{**ticket_lines()[0], "subject": HOSTILE}],
    )
    server.slots["desktop"]["card:i-1"] = hostile
    async with open_page("/desk", ready="[data-testid=card-name]") as watched:
        page = watched.page
        await expect(page.get_by_test_id("card-name")).to_have_text(HOSTILE)
        shown = page.get_by_test_id("hero-name" if state == "alerting" else "call-name")
        await expect(shown).to_have_text(HOSTILE)
        assert await page.locator("img, script:not([src])").count() == 0
        assert await page.title() != "owned"
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_keys_answer_reject_and_hang_up(open_page: Open, server: DeskServer) -> None:
    hold(server, "alerting")
    async with open_page("/desk", ready="[data-testid=hero]") as watched:
        await watched.page.keyboard.press("Alt+a")
        await until(lambda: named(server, "accept") == [{"interaction_id": "i-1"}])
        await server.push_slots("desktop", {"work:i-1": work("talking")})
        await expect(watched.page.get_by_test_id("hang-up")).to_be_visible()
        await watched.page.keyboard.press("Alt+x")
        await until(lambda: named(server, "hang-up") == [{"interaction_id": "i-1"}])
        await server.push_slots("desktop", {"work:i-2": work(interaction_id="i-2"), "work:i-1": None})
        await expect(watched.page.get_by_test_id("hero")).to_have_attribute("data-interaction", "i-2")
        await watched.page.keyboard.press("Alt+r")
        await until(lambda: named(server, "reject") == [{"interaction_id": "i-2"}])


async def test_keys_walk_through_a_wrap_up(open_page: Open, server: DeskServer) -> None:
    hold(server, "wrap-up")
    async with open_page("/desk", ready="[data-testid=finish]") as watched:
        page = watched.page
        await page.keyboard.press("n")
        await expect(page.get_by_test_id("note")).to_be_focused()
        await page.keyboard.type("2 lines")
        await page.keyboard.press("Alt+Enter")
        await expect(page.get_by_test_id("finish-error")).to_contain_text("Choose what it was about")
        assert named(server, "finish-wrap-up") == []
        await page.keyboard.press("2")
        await expect(page.locator("[data-code=lab]")).to_have_attribute("aria-checked", "true")
        await page.keyboard.press("Alt+Enter")
        await until(lambda: bool(named(server, "finish-wrap-up")))
        sent = named(server, "finish-wrap-up")[0]
        assert sent == {"interaction_id": "i-1", "disposition": "lab", "note": "2 lines", "then": "ready"}
        await expect(page.get_by_test_id("idle")).to_be_visible()


async def test_finish_then_not_ready_names_the_reason(open_page: Open, server: DeskServer) -> None:
    hold(server, "wrap-up", disposition="solved")
    async with open_page("/desk", ready="[data-testid=finish]") as watched:
        await watched.page.get_by_test_id("finish-not-ready").click()
        await watched.page.get_by_test_id("finish-lunch").click()
        await until(lambda: bool(named(server, "finish-wrap-up")))
        assert named(server, "finish-wrap-up")[0] | {"note": ""} == {
            "interaction_id": "i-1",
            "disposition": "solved",
            "note": "",
            "then": "not-ready",
            "reason": "lunch",
        }


async def test_presence_menu_by_keys(open_page: Open, server: DeskServer) -> None:
    async with open_page("/desk") as watched:
        page = watched.page
        await page.keyboard.press("Alt+p")
        await expect(page.get_by_test_id("presence-ready")).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await until(lambda: named(server, "set-presence") == [{"state": "not-ready", "reason": "lunch"}])
        await expect(page.get_by_test_id("presence")).to_contain_text("Lunch")
        await expect(page.get_by_test_id("presence-menu")).to_be_hidden()
        await page.get_by_test_id("become-ready").click()
        await expect(page.get_by_test_id("presence")).to_contain_text("Ready")


async def test_search_finds_and_opens_inside_the_desk(open_page: Open, server: DeskServer) -> None:
    async with open_page("/desk") as watched:
        page = watched.page
        await page.keyboard.press("/")
        await page.keyboard.type("köhl")
        await page.wait_for_selector("[role=option]")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Marta Köhler")).to_be_visible()
        assert page.url.endswith("/people/p-1")
        await server.push_slots("desktop", {"work:i-1": work(), "card:i-1": card()})
        await expect(page.get_by_test_id("hero")).to_be_visible()
        assert len(server.hellos) == 1
        await page.keyboard.press("?")
        await expect(page.get_by_test_id("keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("keys")).to_be_hidden()


async def test_a_refused_command_says_what_happened(open_page: Open, server: DeskServer) -> None:
    server.refuse["set-presence"] = {"code": "unavailable", "fields": {}}
    async with open_page("/desk") as watched:
        await watched.page.get_by_test_id("presence").click()
        await watched.page.get_by_test_id("presence-break").click()
        await expect(watched.page.get_by_test_id("bar-act")).to_contain_text("The phone system does not answer.")


async def test_a_candidate_is_picked_and_nobody_is_guessed(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    server.slots["desktop"]["card:i-1"] = unknown_card(
        ("p-1", "Marta Köhler", "Nordlicht GmbH", 55), ("p-2", "Piet", "", 45)
    )
    async with open_page("/desk", ready="[data-testid=candidate]") as watched:
        await watched.page.get_by_test_id("candidate").nth(1).click()
        await until(lambda: named(server, "choose-person") == [{"interaction_id": "i-1", "person_id": "p-2"}])


async def test_a_person_is_created_while_updates_come(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    server.slots["desktop"]["card:i-1"] = unknown_card()
    async with open_page("/desk", ready="[data-testid=person-form]") as watched:
        page = watched.page
        await page.get_by_test_id("person-create").click()
        await expect(page.get_by_test_id("person-form")).to_contain_text("Write the person’s name.")
        await page.keyboard.type("Nina ")
        await server.push_slots("desktop", {"card:i-1": unknown_card(), "work:i-1": work("talking", title="x")})
        await page.keyboard.type("Roth")
        await page.get_by_test_id("person-create").click()
        await until(lambda: named(server, "create-person") == [{"interaction_id": "i-1", "name": "Nina Roth"}])
        await server.push_slots("desktop", {"card:i-1": card()})
        await expect(page.get_by_test_id("person-form")).to_have_count(0)


async def test_a_ticket_is_created_with_its_due_time(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=ticket-subject]") as watched:
        page = watched.page
        await page.get_by_test_id("ticket-create").click()
        await expect(page.get_by_test_id("ticket-error")).to_be_visible()
        await page.get_by_test_id("ticket-subject").fill("Router drops VPN")
        await page.keyboard.press("Enter")
        await until(
            lambda: named(server, "create-ticket") == [{"interaction_id": "i-1", "subject": "Router drops VPN"}]
        )
        made = page.get_by_test_id("tickets-made")
        await expect(made).to_contain_text("#10501 Router drops VPN")
        await expect(made.locator(".clock")).to_have_text("3 h 59")
        await expect(page.get_by_test_id("ticket-subject")).to_have_value("")


async def test_a_desk_phone_is_picked_up_by_hand(open_page: Open, server: DeskServer) -> None:
    hold(server, "alerting")
    device = {"usable": True, "kind": "desk", "endpoint": "agent-1001", "mode": "ring"}
    server.slots["desktop"]["me"] = me(work="reserved", device=device)
    async with open_page("/desk", ready="[data-testid=hero]") as watched:
        await expect(watched.page.get_by_test_id("hero").get_by_text("Pick up your phone")).to_be_visible()
        await expect(watched.page.get_by_test_id("answer")).to_be_hidden()
        await expect(watched.page.get_by_test_id("reject")).to_be_visible()


async def test_a_dead_phone_and_a_dead_pbx_are_named(open_page: Open, server: DeskServer) -> None:
    device = {"usable": False, "kind": "desk", "endpoint": "agent-1001", "mode": "ring"}
    notice = {"code": "no-answer", "at": ahead(-60)}
    server.slots["desktop"]["me"] = me(
        "not-ready", "no-answer", device=device, link={"pbx": "down", "reason": "x"}, notice=notice
    )
    async with open_page("/desk") as watched:
        for bar in ("bar-device", "bar-pbx", "bar-notice"):
            await expect(watched.page.get_by_test_id(bar)).to_be_visible()
        await watched.page.get_by_test_id("bar-notice").get_by_role("button", name="Ready again").click()
        await until(lambda: named(server, "set-presence") == [{"state": "ready", "reason": ""}])


async def test_a_desk_whose_server_has_no_news_says_so(open_page: Open, server: DeskServer) -> None:
    server.slots["desktop"]["me"] = me(link={"pbx": "down", "reason": "router-away"})
    async with open_page("/desk") as watched:
        await expect(watched.page.get_by_test_id("bar-router")).to_contain_text("The server that routes calls")
        await expect(watched.page.get_by_test_id("bar-pbx")).to_have_count(0)
        await expect(watched.page.locator("#link-sign")).to_have_text("Stands still")


async def test_a_browser_phone_that_cannot_start_is_not_asked_for_without_pause(
    open_page: Open, server: DeskServer
) -> None:
    device = {"usable": False, "kind": "browser", "endpoint": "agent-1001", "mode": "ring"}
    server.slots["desktop"]["me"] = me(device=device)
    async with open_page("/desk", broken=True) as watched:  # this server has no phone settings: 404
        page = watched.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/phone") else None)
        await expect(page.get_by_test_id("bar-phone")).to_be_visible()
        for minute in range(5):
            await server.push_slots("desktop", {"me": me(device=device, since=ahead(-minute))})
            await page.wait_for_timeout(100)
        assert len(asked) <= 1
        before = len(asked)
        await page.get_by_test_id("bar-phone").get_by_role("button", name="Connect again").click()
        await until(lambda: len(asked) > before)


async def test_theme_is_kept_in_the_browser(open_page: Open) -> None:
    async with open_page("/desk") as watched:
        page = watched.page
        await page.get_by_test_id("me").click()
        await page.get_by_role("button", name="Dark").click()
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


async def test_the_language_waits_for_the_call_to_end(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking")
    async with open_page("/desk", ready="[data-testid=note]") as watched:
        page: Page = watched.page
        await page.get_by_test_id("me").click()
        await page.get_by_role("button", name="Русский").click()
        await until(lambda: server.rest == [("PATCH", "/api/v1/session", {"language": "ru"})])
        await expect(page.get_by_test_id("hang-up")).to_contain_text("Hang up")
        await server.push_slots("desktop", {"work:i-1": None, "card:i-1": None})
        await expect(page.get_by_test_id("idle")).to_contain_text("Вы готовы")


async def test_a_customer_is_called_back(open_page: Open, server: DeskServer) -> None:
    server.slots["desktop"] |= {"me": me(work="reserved"), "work:i-1": work(callback=callback()), "card:i-1": card()}
    async with open_page("/desk", ready="[data-testid=hero]") as watched:
        page = watched.page
        await expect(page.get_by_test_id("hero")).to_contain_text("Call back · Support DE")
        await expect(page.get_by_test_id("hero-callback")).to_be_visible()
        bar = page.get_by_test_id("callbar")
        await server.push_slots("desktop", {"work:i-1": work("talking", callback=callback())})
        await expect(bar).to_contain_text("Calling")
        await expect(bar).to_contain_text("the customer’s phone rings")
        await server.push_slots("desktop", {"work:i-1": work("talking", callback=callback(is_reached=True))})
        await expect(bar).to_contain_text("Talking")
        missed = callback(result="no-answer", next_at=ahead(600))
        await server.push_slots("desktop", {"work:i-1": work("wrap-up", callback=missed)})
        await expect(bar).to_contain_text("No answer; called again at")
        await expect(bar).not_to_contain_text("caller hung up")


async def test_hold_and_retrieve(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking", answered_at=ago(300))
    async with open_page("/desk", ready="[data-testid=hold]") as watched:
        page, bar = watched.page, watched.page.get_by_test_id("callbar")
        button, note = page.get_by_test_id("hold"), page.get_by_test_id("note")
        await expect(button).to_contain_text("Hold")
        await expect(button).to_have_attribute("aria-pressed", "false")
        await button.click(click_count=2, delay=20)
        await expect(button).to_have_attribute("aria-disabled", "true")
        await page.keyboard.down("h")
        await page.keyboard.down("h")  # held down it repeats
        await page.keyboard.up("h")
        await until(lambda: len(named(server, "hold")) == 1)
        await expect(bar).to_contain_text("Talking")  # nothing is on hold until the server says so
        await note.fill("asks for the invoice of May")
        await server.push_slots("desktop", {"work:i-1": work("talking", answered_at=ago(300), held_since=ago(5))})
        await expect(bar).to_contain_text("On hold")
        await expect(page.get_by_test_id("call-clock")).to_have_text(re.compile(r"^0?0:0[5-9]$"))
        await expect(button).to_have_attribute("aria-pressed", "true")
        await expect(button).to_contain_text("Retrieve")
        await expect(bar.get_by_role("status")).to_have_text("On hold")
        await expect(page.get_by_test_id("presence")).to_contain_text("On hold")
        await expect(page.locator("#work-now")).to_contain_text("on hold")
        await expect(note).to_have_value("asks for the invoice of May")
        await expect(note).to_be_focused()
        await expect(button).to_have_attribute("aria-disabled", "false")
        await page.keyboard.press("Alt+h")
        await until(lambda: named(server, "retrieve") == [{"interaction_id": "i-1"}])
        await server.push_slots("desktop", {"work:i-1": work("talking", answered_at=ago(300), hold_time=9.0)})
        await expect(bar).to_contain_text("Talking")
        await expect(page.get_by_test_id("call-clock")).to_have_text(re.compile(r"^0?5:0\d$"))
        await note.blur()
        await expect(button).to_have_attribute("aria-disabled", "false")
        await page.keyboard.press("h")
        await until(lambda: len(named(server, "hold")) == 2)
        await server.push_slots("desktop", {"work:i-1": work("wrap-up", hold_time=95.0)})
        await expect(bar).to_contain_text("on hold 1:35")
        await expect(button).to_be_hidden()
        await expect(page.locator("#callbar [role=status]")).to_have_text("")
        await page.keyboard.press("h")
        await asyncio.sleep(0.1)
        assert len(named(server, "hold")) == 2


async def test_nobody_is_held_who_has_not_answered(open_page: Open, server: DeskServer) -> None:
    hold(server, "talking", callback=callback())
    async with open_page("/desk", ready="[data-testid=hang-up]") as watched:
        await expect(watched.page.get_by_test_id("hold")).to_be_hidden()
        await watched.page.keyboard.press("h")
        await asyncio.sleep(0.1)
        assert named(server, "hold") == []


async def test_an_ordinary_call_says_nothing_of_calling_back(open_page: Open, server: DeskServer) -> None:
    server.slots["desktop"] |= {"me": me(work="reserved"), "work:i-1": work(), "card:i-1": card()}
    async with open_page("/desk", ready="[data-testid=hero]") as watched:
        await expect(watched.page.get_by_test_id("hero")).to_contain_text("Incoming call · Support DE")
        await expect(watched.page.get_by_test_id("hero-callback")).to_be_hidden()
