"""Texts for users in their language (gettext): catalogues read from .po files, for templates, pages and browsers.

The English text is its own key; a text nobody translated is shown in English. ``<folder>/<language>/LC_MESSAGES/
contactcenter.po`` holds one language, fuzzy entries do not count. Nothing is compiled: the files are read at start.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from contactcenter.core.errors import NotFound
from contactcenter.core.permissions import Right
from contactcenter.core.web.routes import Call, Routes

FALLBACK: Final = "en"
DOMAIN: Final = "contactcenter"
_MAX_HEADER: Final = 200


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its translations, and the same as plain data for browsers.

    ``catalogue`` is ``{"language", "plural", "messages": {text: [form, ...]}}``; ``plural`` is the gettext expression
    that picks the form.
    """

    code: str
    translations: Translations
    catalogue: Mapping[str, Any]

    @property
    def gettext(self) -> Callable[[str], str]:
        """Translate one text."""
        return self.translations.gettext

    @property
    def ngettext(self) -> Callable[[str, str, int], str]:
        """Translate a text that depends on a number."""
        return self.translations.ngettext


class Texts:
    """Every language there is; English always."""

    def __init__(self, languages: Mapping[str, Language]) -> None:
        self._languages = {FALLBACK: _language(FALLBACK, Catalog(FALLBACK)), **languages}

    @classmethod
    def load(cls, folder: Path) -> "Texts":
        """Read every catalogue below ``folder``; none is no error."""
        files = sorted(folder.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
        return cls({path.parts[-3]: _read(path) for path in files})

    @property
    def languages(self) -> Sequence[str]:
        """Codes of the languages, in order."""
        return sorted(self._languages)

    def __getitem__(self, code: str) -> Language:
        """Return a language by its code; English for one there is not."""
        return self._languages.get(code, self._languages[FALLBACK])

    def choose(self, accept_language: str) -> str:
        """Pick a language by an Accept-Language header (RFC 9110, 12.5.4); English when none fits."""
        for wanted in _preferences(accept_language[:_MAX_HEADER]):
            if wanted in self._languages:
                return wanted
        return FALLBACK


def text_routes(texts: Texts) -> Routes:
    """Return the route of the browsers' catalogues, public as the sign-in page needs one."""
    routes = Routes()

    async def get_texts(call: Call[None]) -> web.Response:
        if call.path["language"] not in texts.languages:
            raise NotFound("not-found")
        answer = web.json_response(texts[call.path["language"]].catalogue)
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    routes.get("/i18n/{language}.json", right=Right.PUBLIC, returns=dict[str, Any], tag="texts")(get_texts)
    return routes


def _preferences(header: str) -> list[str]:
    weighed = []
    for place, part in enumerate(header.split(",")):
        code, _, weight = part.strip().partition(";")
        language = code.strip().partition("-")[0].casefold()
        if language:
            weighed.append((-_quality(weight), place, language))
    return [language for quality, _, language in sorted(weighed) if quality < 0]


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


def _read(path: Path) -> Language:
    with path.open("rb") as file:
        return _language(path.parts[-3], read_po(file, locale=path.parts[-3], domain=DOMAIN))


def _language(code: str, catalog: Catalog) -> Language:
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    messages = {key: forms for key, forms in map(_entry, catalog) if key and forms}
    catalogue = {"language": code, "plural": catalog.plural_expr, "messages": messages}
    return Language(code, Translations(compiled, DOMAIN), catalogue)


def _entry(message: Any) -> tuple[str, list[str]]:
    key = message.id[0] if isinstance(message.id, tuple) else message.id
    forms = [message.string] if isinstance(message.string, str) else list(message.string)
    return key, [] if message.fuzzy or not all(forms) else forms
