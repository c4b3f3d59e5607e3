"""The pages under test: the real bundles against a fake server, in the system's Chromium."""

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.fakes import desk_slots
from tests.fakes.desk_server import ROOT, DeskServer, running_desk_server
from tests.rig.browser import WIDE, Watched, browser, opened_page

__all__ = ["browser"]

Open = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture(scope="session")
def built() -> None:
    """Bundles as the sources say now."""
    subprocess.run([ROOT / "scripts/build-frontend"], check=True, timeout=300)


@pytest_asyncio.fixture(loop_scope="session")
async def server(built: None) -> AsyncIterator[DeskServer]:
    """A fake server with an idle, ready agent."""
    async with running_desk_server() as running:
        running.slots["desktop"] = {"settings": desk_slots.settings(), "me": desk_slots.me()}
        running.slots["live"] = desk_slots.live()
        running.tickets, running.people = desk_slots.tickets(), desk_slots.people()
        running.interactions, running.why = desk_slots.interactions(), desk_slots.why()
        yield running


@pytest.fixture
def open_page(server: DeskServer, browser: Browser) -> Open:
    """Open a path of the fake server; ``errors`` of the page must be empty at the end unless ``broken``."""

    @asynccontextmanager
    async def opened(path: str, *, ready: str = "", broken: bool = False, **options: Any) -> AsyncIterator[Watched]:
        options.setdefault("size", WIDE)
        async with opened_page(browser, base_url=server.url, **options) as watched:
            await watched.page.goto(path)
            if path == "/desk" or path == "/live":
                await watched.page.wait_for_selector("html[data-link=live]")
            if ready:
                await watched.page.wait_for_selector(ready)
            yield watched
            assert broken or not watched.errors

    return opened
