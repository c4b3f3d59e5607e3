"""Which sentence for which place and which wait."""

import itertools
from math import inf

import pytest

from ivr.announcements import COUNTED, EVERY, Sentence, place_sentence, sentences, wait_sentence

LANGUAGES = ("en", "ru", "es")


@pytest.mark.parametrize(
    "ahead, en, ru, es, sounds",
    [
        (0, "You are next in line.", "Ваш звонок следующий в очереди.", "Su llamada es la siguiente.",
         "queue-youarenext"),
        (1, "There is one caller before you.", "Перед вами в очереди 1 человек.", "Hay una persona delante de usted.",
         "queue-thereare digits/2 queue-callswaiting"),
        (2, "There are 2 callers before you.", "Перед вами в очереди 2 человека.", "Hay 2 personas delante de usted.",
         "queue-thereare digits/3 queue-callswaiting"),
        (4, "There are 4 callers before you.", "Перед вами в очереди 4 человека.", "Hay 4 personas delante de usted.",
         "queue-thereare digits/5 queue-callswaiting"),
        (5, "There are 5 callers before you.", "Перед вами в очереди 5 человек.", "Hay 5 personas delante de usted.",
         "queue-thereare digits/6 queue-callswaiting"),
        (12, "There are 12 callers before you.", "Перед вами в очереди 12 человек.",
         "Hay 12 personas delante de usted.", "queue-thereare digits/13 queue-callswaiting"),
        (19, "There are 19 callers before you.", "Перед вами в очереди 19 человек.",
         "Hay 19 personas delante de usted.", "queue-thereare digits/20 queue-callswaiting"),
        (20, "There are 20 callers before you.", "Перед вами в очереди 20 человек.",
         "Hay 20 personas delante de usted.", "queue-thereare digits/20 digits/1 queue-callswaiting"),
        (21, "There are more than 20 callers before you.", "Перед вами в очереди более двадцати человек.",
         "Hay más de 20 personas delante de usted.", "queue-quantity1 digits/20 queue-quantity2"),
        (5000, "There are more than 20 callers before you.", "Перед вами в очереди более двадцати человек.",
         "Hay más de 20 personas delante de usted.", "queue-quantity1 digits/20 queue-quantity2"),
    ],
)  # fmt: skip
def test_places(ahead: int, en: str, ru: str, es: str, sounds: str) -> None:
    assert place_sentence(ahead) == Sentence({"en": en, "ru": ru, "es": es}, tuple(sounds.split()))


def said(p50: float, p90: float) -> str | None:
    found = wait_sentence(p50, p90)
    if found is None:
        return None
    text = found.texts["en"]
    assert text.startswith("The estimated wait is ")
    return text.removeprefix("The estimated wait is ").removesuffix(".")


@pytest.mark.parametrize(
    "p50, p90, told",
    [
        (0, 0, "less than a minute"),
        (20, 60, "less than a minute"),
        (20, 60.1, "less than 2 minutes"),
        (59.9, 179, "less than 3 minutes"),
        (60, 180, "1 to 3 minutes"),
        (60, 180.1, "1 to 5 minutes"),
        (59, 181, "less than 5 minutes"),
        (120, 300, "2 to 5 minutes"),
        (125, 301, "2 to 10 minutes"),
        (119, 400, "less than 10 minutes"),
        (300, 600, "5 to 10 minutes"),
        (300, 601, "5 to 20 minutes"),
        (290, 700, "less than 20 minutes"),
        (600, 1200, "10 to 20 minutes"),
        (200, 1800, "less than 30 minutes"),
        (599, 1500, "5 to 30 minutes"),
        (600, 1500, "10 to 30 minutes"),
        (1200, 1800, "20 to 30 minutes"),
        (1300, 1801, "more than 20 minutes"),
        (1799, 5000, "more than 20 minutes"),
        (600, 4000, "more than 10 minutes"),
        (1800, 1e6, "more than 30 minutes"),
        (599, 1801, None),
        (10, 4000, None),
    ],
)
def test_waits(p50: float, p90: float, told: str | None) -> None:
    assert said(p50, p90) == told


def limits(told: str) -> tuple[float, float]:
    """Read the seconds a sentence names."""
    words = told.replace("a minute", "1 minutes").removesuffix(" minutes").split()
    if words[0] == "more":
        return 60 * float(words[2]), inf
    return (0.0, 60 * float(words[2])) if words[0] == "less" else (60 * float(words[0]), 60 * float(words[2]))


def test_no_sentence_is_narrower_than_what_is_known_and_none_that_fits_promises_less() -> None:
    every = [limits(one.texts["en"][22:-1]) for one in EVERY if one.texts["en"].startswith("The estimated")]
    assert len(set(every)) == len(every) == 20
    steps = [*range(0, 130, 5), *range(130, 4000, 35)]
    for p50, p90 in itertools.combinations_with_replacement(steps, 2):
        told = said(p50, p90)
        fitting = [one for one in every if one[0] <= p50 and p90 <= one[1]]
        assert (told is None) == (not fitting)
        if told is not None:
            assert limits(told) == min(fitting, key=lambda one: (one[1], -one[0])), (p50, p90)
        assert told is not None or (p50 < 600 and p90 > 1800)


@pytest.mark.parametrize(
    "p50, p90, ru, es, sounds",
    [
        (0, 50, "менее минуты", "menos de un minuto", "queue-less-than digits/1 queue-minute"),
        (0, 100, "менее двух минут", "menos de 2 minutos", "queue-less-than digits/2 queue-minutes"),
        (60, 180, "от одной до трёх минут", "1 a 3 minutos", "queue-less-than digits/3 queue-minutes"),
        (600, 1500, "от десяти до тридцати минут", "10 a 30 minutos", "queue-less-than digits/30 queue-minutes"),
        (1800, 9999, "более тридцати минут", "más de 30 minutos", ""),
    ],
)
def test_waits_in_other_languages_and_in_the_pbxs_own_words(
    p50: float, p90: float, ru: str, es: str, sounds: str
) -> None:
    found = wait_sentence(p50, p90)
    assert found is not None
    assert found.texts["ru"] == f"Примерное время ожидания: {ru}."
    assert found.texts["es"] == f"El tiempo de espera estimado es de {es}."
    assert found.sounds == (("queue-holdtime", *sounds.split()) if sounds else ())


def test_every_sentence_that_can_be_said_is_among_those_spoken_ahead_of_time() -> None:
    texts = [one.texts for one in EVERY]
    assert [list(one) for one in texts] == [list(LANGUAGES)] * len(EVERY)
    for language in LANGUAGES:
        assert len({one[language] for one in texts}) == len(EVERY)
    assert [place_sentence(ahead) for ahead in range(COUNTED + 2)] == list(EVERY[: COUNTED + 2])


def test_what_is_not_told_is_not_said() -> None:
    place, wait = place_sentence(3), wait_sentence(60, 180)
    assert sentences(3, (60, 180)) == [place, wait]
    assert sentences(3, None) == [place]
    assert sentences(None, (60, 180)) == [wait]
    assert sentences(3, (10, 4000)) == [place]
    assert sentences(None, None) == []
