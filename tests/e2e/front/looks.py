"""What a screen must look like wherever it is shown, and its pictures.

PICTURES names the folder where the pictures are kept.
"""

import json
import os
from pathlib import Path

from playwright.async_api import Locator, Page

from tests.fakes.desk_server import ROOT
from tests.rig.browser import NARROW, WIDE, Colours

AXE = ROOT / "agent_ui/frontend/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS: tuple[Colours, ...] = ("light", "dark")
SMALLEST = 12_000
"""Bytes of the picture of the emptiest screen that is not blank."""
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


async def axe(page: Page) -> list[str]:
    """Violations that are serious or worse, each with the elements."""
    if await page.evaluate("typeof axe") == "undefined":
        await page.evaluate(AXE.read_text())
    options = {"runOnly": RULES, "resultTypes": ["violations"]}
    found = await page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [
        f"{one['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else ''}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


async def assert_fits(page: Page) -> None:
    """Assert that nothing lies outside the screen, be it wide or a phone's."""
    for width, height in (WIDE, NARROW):
        await page.set_viewport_size({"width": width, "height": height})
        await page.wait_for_timeout(300)  # panels slide
        assert await page.evaluate(OUTSIDE) == [], width


async def look_at(
    page: Page, name: str, folder: Path, *, size: tuple[int, int], view: Locator | None = None, keep: bool = True
) -> None:
    """Take the screen's pictures, light and dark, and assert that nothing is wrong with it in either.

    Nothing serious is found by axe and nothing lies outside the screen; on a phone touch targets are of 44 px. ``view``
    is scrolled to its end after the pictures: nothing may lie under the bar there. Without ``keep`` no picture is
    written.
    """
    await page.evaluate("document.fonts.ready")
    kept = Path(os.environ.get("PICTURES", folder))
    kept.mkdir(parents=True, exist_ok=True)
    for colours in COLOURS:
        await _paint(page, colours)
        look = f"{'-phone' if size == NARROW else ''}{'-dark' if colours == 'dark' else ''}"
        picture = await page.screenshot(path=kept / f"{name}{look}.png" if keep else None)
        assert len(picture) > SMALLEST
    if view is not None:
        await view.evaluate("one => one.scrollTo(0, one.scrollHeight)")
    for colours in reversed(COLOURS):
        await _paint(page, colours)
        assert await axe(page) == [], colours
    assert await page.evaluate(OUTSIDE) == []
    assert size == WIDE or await page.evaluate(SMALL) == []


async def _paint(page: Page, colours: Colours) -> None:
    await page.emulate_media(color_scheme=colours)
    await page.wait_for_selector(f"html[data-bs-theme={colours}]")
    await page.wait_for_timeout(300)  # colours fade
