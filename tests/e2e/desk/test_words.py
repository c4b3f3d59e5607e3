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
        const isHidden = element.closest('script, style, [hidden], [lang]:not(html), #login-lang');
        if (!isHidden) found.push(walker.currentNode.textContent.trim());
    }
    for (const element of document.querySelectorAll('[placeholder], [aria-label], [title]'))
        for (const name of ['placeholder', 'aria-label', 'title']) found.push(element.getAttribute(name) ?? '');
    found.push(document.title);
    return [...new Set(found.filter(text => /\\p{L}{2}/u.test(text)))];
}"""
DATA = """Marta Köhler Head of IT Nordlicht GmbH Piet de Vries Studio Ahoi Dieter Falk Werft Nord AG Ines Vogt Chen Wei
Ben Okafor Ida Santos Sofia Lindqvist Support Sales Quick All Router support contactcenter VIP Alt Enter Esc EUR marta
koehler nordlicht example Line at site failed twice in November call back the same day drops VPN every min Invoice with
wrong VAT Move office to Altona More SIP lines Confirm the new router works German Routers IV CW SL MK PD DF English
ines sofia Wants the invoice of May again"""
WORDS = set(re.findall(r"\w+", DATA))


ENGLISH: list[str] = []
"""The texts in English, read once."""
ALIKE = {"Tickets", "No"}
"""Texts that are the same in English and Spanish."""


def english_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w{2,}", text) if word.isascii() and word.isalpha()} - WORDS


async def read(screen: Screen) -> list[str]:
    found: list[str] = await screen.page.evaluate(VISIBLE)
    assert found
    return found


@pytest.mark.parametrize("language", ["ru", "es"])
async def test_nothing_english_is_left(floor: Floor, open_as: Open, language: str) -> None:
    english = ENGLISH or await texts_of(floor, open_as, "en")
    ENGLISH[:] = english
    theirs = await texts_of(floor, open_as, language)
    same = {text for text in theirs if english_words(text) and (language == "ru" or text in english)}
    assert not same - ALIKE, same - ALIKE


async def texts_of(floor: Floor, open_as: Open, language: str) -> list[str]:
    """All texts of the sign-in page, of a desk on which a call rings, and of a live page with its why."""
    for login in ("chen", "sofia"):
        await floor.api("PATCH", "/session", {"language": language}, login=login)
    texts: list[str] = []
    try:
        async with open_as("", "/login", language=language) as stranger:
            texts += await read(stranger)
        async with open_as("chen") as chen, open_as("sofia", "/live") as sofia:
            await chen.phone("registered")
            texts += await read(chen)
            async with floor.call("+494066969131", key="1"):
                await sofia["waiting-row"].first.get_by_role("button").click(timeout=15000)
                await sofia.page.wait_for_selector("[data-testid=why] .reasons")
                texts += await read(sofia)
                await floor.server.ready("chen")
                await chen.shows("hero")
                await chen["full-decision"].click()
                texts += await read(chen)
        return texts
    finally:
        for login in ("chen", "sofia"):
            await floor.api("PATCH", "/session", {"language": "en"}, login=login)
