"""Each screen in its named states, two sizes, light and dark: nothing serious found by axe, nothing outside the screen,
touch targets of 44 px on a phone, and a picture. PICTURES names the folder where the pictures are kept.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.front.conftest import Open
from tests.e2e.front.test_access import OUTSIDE, SCENES, SMALL, axe
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import ahead, me
from tests.rig.browser import NARROW, WIDE

pytestmark = pytest.mark.asyncio(loop_scope="session")
SMALLEST = 12_000
"""Bytes of the emptiest screen that is not blank."""


def folder(tmp_path: Path) -> Path:
    kept = Path(os.environ.get("PICTURES", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("scene", [*SCENES, "error", "stale"])
async def test_screen(
    open_page: Open, server: DeskServer, tmp_path: Path, scene: str, size: tuple[int, int], colours: str
) -> None:
    path, ready, slots = SCENES.get(scene, SCENES["talking"])
    server.slots["desktop"] |= slots()
    if scene == "error":
        path, ready = SCENES["ready"][:2]
        notice = {"code": "no-answer", "at": ahead(-60)}
        away = me("not-ready", "no-answer", notice=notice, link={"pbx": "down", "reason": "refused"})
        server.slots["desktop"] = {"settings": server.slots["desktop"]["settings"], "me": away}
    async with open_page(path, size=size, colours=colours, broken=True) as watched:
        page = watched.page
        await page.wait_for_selector(ready, state="attached")
        if scene == "stale":
            server.open_for_links = False
            await server.drop()
            await page.wait_for_selector("html[data-stale]", state="attached", timeout=9000)
            await page.wait_for_selector("[data-testid=bar-link]", timeout=9000)
        await page.evaluate("document.fonts.ready")
        await page.wait_for_timeout(300)
        name = f"{scene.replace(' ', '-')}{'-390' if size == NARROW else ''}{'-dark' if colours == 'dark' else ''}.png"
        picture = await page.screenshot(path=folder(tmp_path) / name)
        assert len(picture) > SMALLEST
        assert await axe(page) == []
        assert await page.evaluate(OUTSIDE) == []
        assert size == WIDE or await page.evaluate(SMALL) == []
