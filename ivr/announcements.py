"""The sentences said to callers in line: which one for which place and which expected wait. Pure.

There are few of them, so that all can be spoken ahead of time and nothing is synthesised during a call. What is said of
the wait is never narrower than what is known: its limits lie at or outside the two estimates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final


@dataclass(frozen=True, slots=True)
class Sentence:
    """``texts`` by language; ``sounds``: the same as the PBX's own queue says it, where it has the words."""

    texts: Mapping[str, str]
    sounds: tuple[str, ...] = ()


COUNTED: Final = 20
"""So many callers before one are told by their number; more are only told to be more."""
_MINUTE: Final = 60.0
_NEXT: Final = Sentence(
    {"en": "You are next in line.", "ru": "Ваш звонок следующий в очереди.", "es": "Su llamada es la siguiente."},
    ("queue-youarenext",),
)
_MANY: Final = Sentence(
    {
        "en": f"There are more than {COUNTED} callers before you.",
        "ru": "Перед вами в очереди более двадцати человек.",
        "es": f"Hay más de {COUNTED} personas delante de usted.",
    },
    ("queue-quantity1", f"digits/{COUNTED}", "queue-quantity2"),
)
_OF_MINUTES: Final = {
    1: "одной", 2: "двух", 3: "трёх", 5: "пяти", 10: "десяти", 20: "двадцати", 30: "тридцати",
}  # fmt: skip
"""The genitive, which no speech program makes of a figure."""


def _some(ahead: int) -> Sentence:
    place = ahead + 1  # the PBX's own sentence tells the place; its figures have sounds up to twenty
    figure = (f"digits/{place}",) if place <= COUNTED else (f"digits/{COUNTED}", f"digits/{place - COUNTED}")
    texts = {
        "en": "There is one caller before you." if ahead == 1 else f"There are {ahead} callers before you.",
        "ru": f"Перед вами в очереди {ahead} {'человека' if 2 <= ahead <= 4 else 'человек'}.",
        "es": f"Hay {'una persona' if ahead == 1 else f'{ahead} personas'} delante de usted.",
    }
    return Sentence(texts, ("queue-thereare", *figure, "queue-callswaiting"))


_PLACES: Final = (_NEXT, *(_some(ahead) for ahead in range(1, COUNTED + 1)), _MANY)


def _wait(low: int, high: float) -> Sentence:
    """Return the sentence for a wait of ``low`` to ``high`` minutes."""
    if high == inf:
        en, ru, es = f"more than {low} minutes", f"более {_OF_MINUTES[low]} минут", f"más de {low} minutos"
    elif low:
        en = f"{low} to {high} minutes"
        ru = f"от {_OF_MINUTES[low]} до {_OF_MINUTES[int(high)]} минут"
        es = f"{low} a {high} minutos"
    elif high == 1:
        en, ru, es = "less than a minute", "менее минуты", "menos de un minuto"
    else:
        en, ru, es = f"less than {high} minutes", f"менее {_OF_MINUTES[int(high)]} минут", f"menos de {high} minutos"
    texts = {
        "en": f"The estimated wait is {en}.",
        "ru": f"Примерное время ожидания: {ru}.",
        "es": f"El tiempo de espera estimado es de {es}.",
    }
    return Sentence(texts, () if high == inf else _at_most(int(high)))


def _at_most(minutes: int) -> tuple[str, ...]:
    """Return the PBX's own words; it has none for "to" and "more than", so they tell only the upper limit."""
    unit = "queue-minute" if minutes == 1 else "queue-minutes"
    figure = (f"digits/{minutes}",)
    return ("queue-holdtime", "queue-less-than", *figure, unit)


_WAITS: Final = {
    (low, high): _wait(low, high)
    for low, high in (
        *(
            (0, 1),
            (0, 2),
            (0, 3),
            (1, 3),
            (0, 5),
            (1, 5),
            (2, 5),
            (0, 10),
            (2, 10),
            (5, 10),
            (0, 20),
            (5, 20),
            (10, 20),
        ),
        *((0, 30), (5, 30), (10, 30), (20, 30), (10, inf), (20, inf), (30, inf)),
    )
}
"""By minutes: what a wait between the two is said with."""
EVERY: Final[Sequence[Sentence]] = (*_PLACES, *_WAITS.values())


def place_sentence(ahead: int) -> Sentence:
    """Return what somebody with so many callers before him is told."""
    return _PLACES[min(ahead, COUNTED + 1)]


def wait_sentence(p50: float, p90: float) -> Sentence | None:
    """Return what is said of a wait between ``p50`` and ``p90`` seconds; None: too wide for anything worth saying.

    Of the sentences whose limits enclose both, the one that promises the soonest end, then the latest beginning.
    """
    enclosing = [(low, high) for low, high in _WAITS if low * _MINUTE <= p50 and p90 <= high * _MINUTE]
    if not enclosing:
        return None
    return _WAITS[min(enclosing, key=lambda limits: (limits[1], -limits[0]))]


def sentences(ahead: int | None, wait: tuple[float, float] | None) -> list[Sentence]:
    """Return what to say, in order. ``ahead``: callers before him, ``wait``: P50 and P90 in seconds; None: untold."""
    place = None if ahead is None else place_sentence(ahead)
    expected = None if wait is None else wait_sentence(*wait)
    return [one for one in (place, expected) if one is not None]
