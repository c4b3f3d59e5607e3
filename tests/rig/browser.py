"""The system's Chromium under Playwright: one browser per test run, a fresh context per page under test.

The microphone is a WAV file (``--use-file-for-fake-audio-capture``), so what the agent says is known; it is played in a
loop from the moment the page opens the microphone.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.rig.tones import write_tone

MICROPHONE_HERTZ = 880.0
WIDE = (1366, 768)
NARROW = (390, 844)
Colours = Literal["light", "dark"]

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


class NoChromium(RuntimeError):
    """No Chromium on this machine (Debian: chromium)."""


def find_chromium() -> str:
    """Path of the browser. Raises NoChromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise NoChromium("chromium is not installed")
    return found


@dataclass  # no slots: Playwright keeps its own marks on the object whose method it calls
class Watched:
    """What a page complained about: console errors and uncaught exceptions, in order."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


def browser_pids(below: int | None = None) -> list[int]:
    """Process ids of every Chromium below this process (or another): a test that kills its own browser needs them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            number, _, rest = stat.read_text().partition(" (")
            name, _, tail = rest.rpartition(") ")
            parents[int(number)] = (int(tail.split()[1]), name)
    waiting, found = [below or os.getpid()], []
    while waiting:
        above = waiting.pop()
        mine = [number for number, (parent, _) in parents.items() if parent == above]
        waiting += mine
        found += [number for number in mine if parents[number][1].startswith("chrom")]
    return found


@contextlib.asynccontextmanager
async def running_browser(
    microphone: Path | None = None, *, program: Path | None = None, home: Path | None = None
) -> AsyncIterator[Browser]:
    """Launch the system's Chromium, headless; ``microphone`` is a 48 kHz mono WAV file.

    ``program`` is run in its place (one that starts it elsewhere), with another ``home``.
    """
    flags = [*_FLAGS, *([f"--use-file-for-fake-audio-capture={microphone}"] if microphone else [])]
    async with async_playwright() as playwright:
        env = {**os.environ, **({"HOME": str(home)} if home else {})}
        browser = await playwright.chromium.launch(
            executable_path=program or find_chromium(), headless=True, args=flags, env=env
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def opened_page(
    browser: Browser,
    *,
    base_url: str | None = None,
    size: tuple[int, int] = WIDE,
    colours: Colours = "light",
    language: str = "en-US",
) -> AsyncIterator[Watched]:
    """A page in a context of its own (cookies, storage), microphone allowed."""
    context: BrowserContext = await browser.new_context(
        base_url=base_url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=colours,
        locale=language,
        permissions=["microphone"],
    )
    try:
        yield Watched(await context.new_page())
    finally:
        await context.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One browser for the whole run, its microphone an 880 Hz tone. Tests that use it run on the session's loop."""
    folder = tmp_path_factory.mktemp("microphone")
    tone = write_tone(folder / "microphone.wav", MICROPHONE_HERTZ, 10, rate=48000)
    async with running_browser(tone) as started:
        yield started
