"""Everybody can use it: axe on open panels, other languages on the screen. Each screen by itself: test_pictures."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.front.conftest import Open
from tests.fakes.desk_server import ROOT, DeskServer
from tests.fakes.desk_slots import ahead, callback, card, me, ticket_lines, unknown_card, work
from tests.rig.browser import NARROW, WIDE

pytestmark = pytest.mark.asyncio(loop_scope="session")
AXE = ROOT / "agent_ui/frontend/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def handling(state: str, **more: Any) -> dict[str, Any]:
    return {"me": me(work="handling"), "work:i-1": work(state, **more), "card:i-1": card()}


SCENES: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "ready": ("/desk", "[data-testid=recent]", dict),
    "not ready": ("/desk", "[data-testid=become-ready]", lambda: {"me": me("not-ready", "break")}),
    "alert": ("/desk", "[data-testid=hero-name]", lambda: handling("alerting")),
    "talking": ("/desk", "[data-testid=note]", lambda: handling("talking", tickets=ticket_lines()[:1])),
    "wrap-up": ("/desk", "[data-testid=finish]", lambda: handling("wrap-up", disposition="solved")),
    "unknown": ("/desk", "[data-testid=person-form]", lambda: handling("talking") | {"card:i-1": unknown_card()}),
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


async def axe(page: Page) -> list[str]:
    """Violations that are serious or worse, each with the elements."""
    await page.evaluate(AXE.read_text())
    options = {"runOnly": RULES, "resultTypes": ["violations"]}
    found = await page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [
        f"{one['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else ''}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


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


SMALL = """() => [...document.querySelectorAll('button, input, textarea, select, .botnav a, .wi, .found')]
  .filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
  .map(([e, box]) => `${e.className} ${e.textContent.trim().slice(0, 20)} ${box.width}x${box.height}`)
"""
OUTSIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.checkVisibility() && !e.closest('.sr, .ell, svg, .scr') && e.getBoundingClientRect().width)
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 20)}`)
"""


@pytest.mark.parametrize(("language", "size"), [("ru", WIDE), ("ru", NARROW), ("es", NARROW)])
@pytest.mark.parametrize("scene", SCENES)
async def test_other_languages_fit_the_screen(
    open_page: Open, server: DeskServer, scene: str, size: tuple[int, int], language: str
) -> None:
    path, ready, slots = SCENES[scene]
    server.language = language
    server.slots["desktop"] |= slots()
    async with open_page(path, size=size) as watched:
        await watched.page.wait_for_selector(ready, state="attached")
        assert await watched.page.evaluate(OUTSIDE) == []
