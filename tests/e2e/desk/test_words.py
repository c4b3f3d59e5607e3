"""Every text of the pages in Russian and Spanish: nothing English is left but data."""

import re

import pytest

from tests.e2e.desk.conftest import Open
from tests.e2e.desk.floor import Floor
from tests.e2e.desk.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What a person can read or hear: text, placeholders, names for screen readers, titles, menus that are closed.
VISIBLE = """() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (['SCRIPT', 'STYLE'].includes(element.tagName) || element.closest('[hidden], [lang]:not(html), #login-lang')) continue;
        found.push(walker.currentNode.textContent.trim());
    }
    for (const element of document.querySelectorAll('[placeholder], [aria-label], [title]'))
        for (const name of ['placeholder', 'aria-label', 'title']) found.push(element.getAttribute(name) ?? '');
    found.push(document.title);
    return [...new Set(found.filter(text => /\\p{L}{2}/u.test(text)))];
}"""
DATA = """Marta Köhler Head of IT Nordlicht GmbH Piet de Vries Studio Ahoi Dieter Falk Werft Nord AG Ines Vogt Chen Wei
Ben Okafor Ida Santos Sofia Lindqvist Support Sales Quick All Router support contactcenter VIP Alt Enter Esc EUR marta
koehler nordlicht example Line at site failed twice in November call back the same day drops VPN every min Invoice with
wrong VAT Move office to Altona More SIP lines Confirm the new router works German Routers IV SL MK English ines sofia"""
WORDS = set(re.findall(r"\w+", DATA))


def english_words(texts: list[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[A-Za-z]{2,}", text)} - WORDS


async def read(screen: Screen) -> list[str]:
    found: list[str] = await screen.page.evaluate(VISIBLE)
    assert found
    return found


@pytest.mark.parametrize("language", ["ru", "es"])
async def test_nothing_english_is_left(floor: Floor, open_as: Open, language: str) -> None:
    english = await texts_of(floor, open_as, "en")
    theirs = await texts_of(floor, open_as, language)
    if language == "ru":
        assert english_words(theirs) == set()
    same = {text for text in english if text in theirs and english_words([text])}
    assert same <= ALIKE, "not translated, or the same word in both languages (then it belongs to ALIKE)"


ALIKE = {"No", "Total", "Error"}


async def texts_of(floor: Floor, open_as: Open, language: str) -> list[str]:
    """All texts of the sign-in page, of a desk on which a call rings, and of a live page with its why."""
    for login in ("ines", "sofia"):
        await floor.api("PATCH", "/session", {"language": language}, login=login)
    texts: list[str] = []
    try:
        async with open_as("", "/login", language=language) as stranger:
            texts += await read(stranger)
        async with open_as("ines") as ines, open_as("sofia", "/live") as sofia:
            await ines.phone("registered")
            texts += await read(ines)
            async with floor.call():
                await sofia["waiting-row"].first.get_by_role("button").click(timeout=15000)
                await sofia.page.wait_for_selector("[data-testid=why] .reasons")
                texts += await read(sofia)
                await floor.server.ready("ines")
                await ines.shows("hero")
                await ines["full-decision"].click()
                texts += await read(ines)
        return texts
    finally:
        for login in ("ines", "sofia"):
            await floor.api("PATCH", "/session", {"language": "en"}, login=login)
