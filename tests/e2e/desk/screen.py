"""A page of ours in a real browser: what it shows, what it complains about, and pictures of it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Locator, expect

from tests.rig.browser import NARROW, WIDE, Watched, opened_page
from tests.rig.server import Server

POLICY_WATCH = "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective))"
SIZES = {"": WIDE, "-phone": NARROW}
COLOURS: dict[str, Literal["light", "dark"]] = {"": "light", "-dark": "dark"}
SETTLE = 250  # milliseconds for transitions of colour and size


class Screen:
    """One signed-in page. Locators by ``data-testid``."""

    def __init__(self, watched: Watched, folder: Path) -> None:
        self.page = watched.page
        self.errors = watched.errors
        self._folder = folder

    def __getitem__(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    async def shows(self, testid: str, text: str | None = None, limit: float = 10) -> None:
        """Wait until the part is visible (and holds the text)."""
        await expect(self[testid].first).to_be_visible(timeout=limit * 1000)
        if text is not None:
            await expect(self[testid].first).to_contain_text(text, timeout=limit * 1000)

    async def lacks(self, testid: str, limit: float = 10) -> None:
        await expect(self[testid]).to_be_hidden(timeout=limit * 1000)

    async def live(self, limit: float = 10) -> None:
        await self.page.wait_for_selector("html[data-link=live]", timeout=limit * 1000)

    async def phone(self, state: str, limit: float = 10) -> None:
        """Wait for the browser phone: registered, ringing, talking, unregistered."""
        await self.page.wait_for_selector(f"html[data-phone={state}]", timeout=limit * 1000)

    async def become_ready(self, *, has_phone: bool = True) -> None:
        """Click the button of the idle page, and wait until the router agrees."""
        if has_phone:
            await self.phone("registered")
        await self["become-ready"].click()
        await self.shows("presence", "Ready")

    async def alert(self, name: str, limit: float = 15) -> None:
        """Wait for the call that rings."""
        await self.shows("hero", limit=limit)
        await expect(self["hero-name"]).to_have_text(name)

    async def state(self, state: str, limit: float = 10) -> None:
        """Wait for the call in hand: talking or wrap-up."""
        await self.page.wait_for_selector(f"[data-testid=callbar][data-state={state}]", timeout=limit * 1000)

    async def forgive(self, *parts: str) -> None:
        """Take complaints with these words for what the test has provoked; waits until there is one of each."""
        async with asyncio.timeout(10):
            while not all(any(part in error for error in self.errors) for part in parts):
                await asyncio.sleep(0.02)
        self.errors[:] = [error for error in self.errors if not any(part in error for part in parts)]

    async def picture(self, name: str) -> None:
        """Take it wide and narrow, light and dark; only wide and light when nobody keeps them ($PICTURES)."""
        keeps = bool(os.environ.get("PICTURES"))
        for colours, scheme in COLOURS.items() if keeps else ():
            await self.page.emulate_media(color_scheme=scheme)
            for size, (width, height) in SIZES.items():
                await self.page.set_viewport_size({"width": width, "height": height})
                await self.page.wait_for_timeout(SETTLE)
                await self.page.screenshot(path=self._folder / f"{name}{size}{colours}.png")
        if not keeps:
            await self.page.screenshot(path=self._folder / f"{name}.png")
            return
        await self.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        await self.page.emulate_media(color_scheme="light")


def picture_folder(otherwise: Path) -> Path:
    """Where pictures go: $PICTURES, else a temporary folder."""
    folder = Path(os.environ.get("PICTURES") or otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.asynccontextmanager
async def signed_in(
    browser: Browser, server: Server, login: str, path: str, folder: Path, **options: Any
) -> AsyncIterator[Screen]:
    """A page in a context of its own, with this user's session if any; at the end it must not have complained."""
    jar = (await server.login(login)).cookie_jar if login else ()
    cookies = [{"name": one.key, "value": one.value, "url": server.url} for one in jar]
    async with opened_page(browser, base_url=server.url, **options) as watched:
        await watched.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        await watched.page.add_init_script(POLICY_WATCH)
        screen = Screen(watched, folder)
        await watched.page.goto(path)
        await screen.live() if path in ("/desk", "/live") else None
        yield screen
        assert not screen.errors, screen.errors
