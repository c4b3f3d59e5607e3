import pytest

from contactcenter.core.texts import Texts

RUSSIAN = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: ru\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\\n"

msgid "Sign in"
msgstr "Войти"

msgid "Sign out"
msgstr ""

#, fuzzy
msgid "Search"
msgstr "Поиск?"

msgid "%(num)d call"
msgid_plural "%(num)d calls"
msgstr[0] "%(num)d звонок"
msgstr[1] "%(num)d звонка"
msgstr[2] "%(num)d звонков"
"""


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "contactcenter.po").write_text(RUSSIAN, encoding="utf-8")
    return Texts.load(tmp_path)


def test_texts_are_translated_and_what_is_missing_or_fuzzy_stays_english(texts):
    russian = texts["ru"].gettext
    assert [russian(text) for text in ("Sign in", "Sign out", "Search", "Unheard of")] == [
        "Войти",
        "Sign out",
        "Search",
        "Unheard of",
    ]


def test_numbers_pick_their_form(texts):
    forms = [texts["ru"].ngettext("%(num)d call", "%(num)d calls", n) for n in (1, 3, 5, 11, 21)]
    assert forms == [f"%(num)d {word}" for word in ("звонок", "звонка", "звонков", "звонков", "звонок")]


def test_the_browsers_catalogue_holds_the_same(texts):
    catalogue = texts["ru"].catalogue
    assert catalogue["messages"] == {
        "Sign in": ["Войти"],
        "%(num)d call": ["%(num)d звонок", "%(num)d звонка", "%(num)d звонков"],
    }
    assert "n%10" in catalogue["plural"].replace(" ", "")


@pytest.mark.parametrize(
    "header, chosen",
    [
        ("ru", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en;q=0.4, ru;q=0.8", "ru"),
        ("en, ru", "en"),
        ("de, fr;q=0.5", "en"),
        ("ru;q=0", "en"),
        ("ru;q=nonsense", "en"),
        ("ru;q=nan", "en"),
        ("", "en"),
        (",;=,;q=", "en"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_language_follows_the_header(texts, header, chosen):
    assert texts.choose(header) == chosen


def test_no_catalogue_is_english(tmp_path):
    texts = Texts.load(tmp_path)
    assert texts.languages == ["en"]
    assert texts["ru"].gettext("Sign in") == "Sign in"
