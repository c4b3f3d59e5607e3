"""Everybody can use it: axe on open panels, other languages on the screen. Each screen by itself: test_pictures."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.front.conftest import Open
from tests.e2e.front.looks import assert_fits, axe
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import ago, ahead, callback, card, me, ticket_lines, transferred, unknown_card, work

pytestmark = pytest.mark.asyncio(loop_scope="session")


def handling(state: str, **more: Any) -> dict[str, Any]:
    return {"me": me(work="handling"), "work:i-1": work(state, **more), "card:i-1": card()}


SCENES: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "ready": ("/desk", "[data-testid=recent]", dict),
    "not ready": ("/desk", "[data-testid=become-ready]", lambda: {"me": me("not-ready", "break")}),
    "alert": ("/desk", "[data-testid=hero-name]", lambda: handling("alerting")),
    "talking": ("/desk", "[data-testid=note]", lambda: handling("talking", tickets=ticket_lines()[:1])),
    "wrap-up": ("/desk", "[data-testid=finish]", lambda: handling("wrap-up", disposition="solved")),
    "unknown": ("/desk", "[data-testid=person-form]", lambda: handling("talking") | {"card:i-1": unknown_card()}),
    "held": ("/desk", "[data-testid=hold]", lambda: handling("talking", held_since=ago(41), hold_time=0.0)),
    "transferred": ("/desk", "[data-testid=hero-from]", lambda: handling("alerting", transfer=transferred())),
    "transferred talk": ("/desk", "[data-testid=transfer]", lambda: handling("talking", transfer=transferred())),
    "transferred away": (
        "/desk",
        "[data-testid=finish]",
        lambda: handling("wrap-up", ended_by="agent", transferred_to={"id": "q-4", "name": "Billing"}),
    ),
    "callback alert": ("/desk", "[data-testid=hero-name]", lambda: handling("alerting", callback=callback())),
    "callback missed": (
        "/desk",
        "[data-testid=finish]",
        lambda: handling("wrap-up", callback=callback(result="busy", next_at=ahead(600)), needs_disposition=False),
    ),
    "callbacks": ("/callbacks", "tbody tr", dict),
    "live": ("/live", "[data-testid=agent]", dict),
    "login": ("/login", "[data-testid=login]", dict),
    "tickets": ("/tickets", "tbody tr", dict),
    "ticket": ("/tickets/t-1", "[data-testid=ticket-note]", dict),
    "people": ("/people", "tbody tr", dict),
    "person": ("/people/p-1", "[data-testid=person-note]", dict),
}


async def test_axe_finds_nothing_serious_in_open_panels(open_page: Open, server: DeskServer) -> None:
    async with open_page("/desk") as watched:
        await watched.page.get_by_test_id("presence").click()
        assert await axe(watched.page) == []
        await watched.page.keyboard.press("Escape")
        await watched.page.get_by_test_id("me").click()
        assert await axe(watched.page) == []
        await watched.page.get_by_test_id("keys-open").click()
        assert await axe(watched.page) == []
    async with open_page("/live", ready="[data-testid=waiting-row]") as watched:
        await watched.page.get_by_test_id("waiting-row").first.get_by_role("button").click()
        await watched.page.wait_for_selector(".reasons li")
        assert await axe(watched.page) == []


@pytest.mark.parametrize("language", ["ru", "es"])
@pytest.mark.parametrize("scene", SCENES)
async def test_other_languages_fit_the_screen(open_page: Open, server: DeskServer, scene: str, language: str) -> None:
    path, ready, slots = SCENES[scene]
    server.language = language
    server.slots["desktop"] |= slots()
    async with open_page(path) as watched:
        await watched.page.wait_for_selector(ready, state="attached")
        await assert_fits(watched.page)
