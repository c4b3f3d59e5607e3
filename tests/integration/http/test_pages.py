"""The page of an error: where a page asked for without a session leads."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from agent_ui.pages import error_page
from contactcenter.core.texts import Texts
from contactcenter.front import LOCALES
from contactcenter.interactions.mirror_link import AWAY
from tests.rig.server import ROOT


def location(path: str) -> str:
    show = error_page(Texts.load(LOCALES))
    response = show(make_mocked_request("GET", path), web.HTTPUnauthorized.status_code, "session-over", "r1")
    assert response.status == 303
    return response.headers["Location"]


@pytest.mark.parametrize("path", ["/desk", "/tickets/01h", "/people/a%20b", "/people/%D0%BB", "/a&b=c", "/"])
def test_sign_in_leads_back_to_the_page(path: str) -> None:
    found = urlsplit(location(path))
    assert (found.scheme, found.netloc, found.path) == ("", "", "/login")
    assert parse_qs(found.query) == {"next": [path]}


@pytest.mark.parametrize("path", ["/desk%0d%0aSet-Cookie:%20a=b", "/%0A", "/%E2%80%A8"])
def test_no_path_makes_a_line_of_its_own(path: str) -> None:
    assert location(path).isascii()
    assert location(path).isprintable()


@pytest.mark.parametrize("path", ["//evil.example", "/%2Fevil.example", "/%5Cevil.example", "//evil.example/desk"])
def test_sign_in_leads_to_no_other_site(path: str) -> None:
    (following,) = parse_qs(urlsplit(location(path)).query).get("next", ["/"])
    assert not following.startswith(("//", "/\\"))


def test_whatever_is_degraded_has_words_on_the_live_page():
    sources = "".join(path.read_text() for path in (ROOT / "contactcenter").rglob("*.py"))
    codes = {*re.findall(r'"code": "([a-z-]+)", "since"', sources), AWAY}
    words = (ROOT / "agent_ui/frontend/src/live/main.ts").read_text()
    assert "store-refuses" in codes
    assert [code for code in sorted(codes) if f'"{code}": () => t(' not in words] == []
