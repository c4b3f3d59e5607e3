"""Texts: every sentence of sources and templates has its translations, and none is left over."""

import json
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[3]
STRING = r'"((?:[^"\\]|\\.)*)"'
LABELS = {"Break", "Lunch", "Training", "Meeting", "German", "Routers", "Sales", "VIP", "longest-idle", "Sold"} | {
    "Solved on the call", "Ticket opened", "Callback promised", "Wrong number", "Offer sent", "No interest",
}  # fmt: skip


def used() -> tuple[set[str], set[str]]:
    """Texts in sources and templates: plain ones, and singulars of counted ones."""
    plain, counted = set(LABELS), set()
    for path in (ROOT / "agent_ui/frontend/src").rglob("*.ts"):
        text = path.read_text()
        plain |= {json.loads(f'"{one}"') for one in re.findall(rf"(?<![\w.])t\(\s*{STRING}", text)}
        counted |= {json.loads(f'"{one}"') for one in re.findall(rf"(?<![\w.])tn\(\s*{STRING}", text)}
    for path in (ROOT / "agent_ui/templates").glob("*.html"):
        text = path.read_text()
        plain |= set(re.findall(r"_\('((?:[^'\\]|\\.)*)'\)", text)) | set(re.findall(r'data-msgid="([^"]*)"', text))
    return plain, counted


@pytest.mark.parametrize("language", ["en", "ru", "es"])
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    with (ROOT / f"contactcenter/locales/{language}/LC_MESSAGES/contactcenter.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    plain, counted = used()
    entries = [one for one in catalogue if one.id]
    known = {one.id for one in entries if not isinstance(one.id, tuple)}
    known_counted = {one.id[0] for one in entries if isinstance(one.id, tuple)}
    assert plain - known == set()
    assert counted - known_counted == set()
    assert [one.id for one in entries if not all(one.string if isinstance(one.string, tuple) else [one.string])] == []


@pytest.mark.parametrize("language", ["ru", "es"])
def test_translations_put_in_the_same_values(language: str) -> None:
    with (ROOT / f"contactcenter/locales/{language}/LC_MESSAGES/contactcenter.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    wrong = []
    for one in catalogue:
        if not one.id:
            continue
        source = one.id[-1] if isinstance(one.id, tuple) else one.id
        forms = one.string if isinstance(one.string, tuple) else [one.string]
        wrong += [form for form in forms if set(re.findall(r"{\w+}", form)) != set(re.findall(r"{\w+}", source))]
    assert wrong == []
