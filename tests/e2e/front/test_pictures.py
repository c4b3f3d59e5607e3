"""Each screen in its named states, two sizes, light and dark: what looks.py asks of it, and a picture."""

from pathlib import Path

import pytest

from tests.e2e.front.conftest import Open
from tests.e2e.front.looks import look_at
from tests.e2e.front.test_access import SCENES
from tests.fakes.desk_server import DeskServer
from tests.fakes.desk_slots import ahead, me
from tests.rig.browser import NARROW, WIDE

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("scene", [*SCENES, "error", "stale"])
async def test_screen(open_page: Open, server: DeskServer, tmp_path: Path, scene: str, size: tuple[int, int]) -> None:
    path, ready, slots = SCENES.get(scene, SCENES["talking"])
    server.slots["desktop"] |= slots()
    if scene == "error":
        path, ready = SCENES["ready"][:2]
        notice = {"code": "no-answer", "at": ahead(-60)}
        away = me("not-ready", "no-answer", notice=notice, link={"pbx": "down", "reason": "refused"})
        server.slots["desktop"] = {"settings": server.slots["desktop"]["settings"], "me": away}
    async with open_page(path, size=size, broken=True) as watched:
        page = watched.page
        await page.wait_for_selector(ready, state="attached")
        if scene == "stale":
            server.open_for_links = False
            await server.drop()
            await page.wait_for_selector("html[data-stale]", state="attached", timeout=9000)
            await page.wait_for_selector("[data-testid=bar-link]", timeout=9000)
        await look_at(page, scene.replace(" ", "-"), tmp_path, size=size)
