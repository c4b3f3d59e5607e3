"""Telephone numbers as they come from networks and keyboards, read into E.164 (ITU-T E.164) or into a reason why not.

Reading never raises: whatever a network hands over as a caller's number is data. National, international (+, 00, and
digits that only make sense with a + before them), trunk zero, separators, extensions, short numbers, withheld words.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

MAX_LENGTH: Final = 64
_SHORT: Final = 6
_WITHHELD: Final = frozenset(
    {
        "anonymous",
        "unknown",
        "restricted",
        "private",
        "withheld",
        "unavailable",
        "blocked",
        "no number",
        "not available",
        "<unknown>",
        "anonymous@anonymous.invalid",
    }
)
_EXTENSION: Final = re.compile(
    r"(?:;\s?ext\s?=\s?|\s?,?\s?(?:ext(?:ension)?|durchwahl|dw|доб)\.?:?\s?|\s?[x#]\s?)([0-9]{1,7})$", re.IGNORECASE
)
_SEPARATORS: Final = re.compile(r"[\s().\-/\u2010-\u2015\[\]_]+")


class Reading(StrEnum):
    """What a text turned out to be."""

    NUMBER = "number"
    SHORT = "short"  # internal extensions, emergency and service numbers
    WITHHELD = "withheld"
    NOT_A_NUMBER = "not-a-number"


@dataclass(frozen=True, slots=True)
class NumberReading:
    """One number, read. ``e164`` and ``extension`` are what is stored and looked up; ``display`` is for people.

    ``display`` is made of printable characters, at most 64 of them, whatever came in; '' when withheld.
    """

    e164: str | None
    extension: str
    display: str
    withheld: bool
    reason: Reading


def read_number(text: str, region: str) -> NumberReading:
    """Read ``text`` as dialed within ``region`` (ISO 3166 country code, e.g. DE). Never raises."""
    return _read(text[: 4 * MAX_LENGTH], region)


@lru_cache(maxsize=4096)
def _read(text: str, region: str) -> NumberReading:
    cleaned = _clean(text)
    if not cleaned or cleaned.casefold() in _WITHHELD:
        return NumberReading(None, "", "", True, Reading.WITHHELD)
    main, extension = _split(_without_scheme(cleaned))
    digits = _SEPARATORS.sub("", main)
    if not re.fullmatch(r"\+?[0-9]+", digits, re.ASCII) or len(digits) > MAX_LENGTH:
        return NumberReading(None, "", cleaned[:MAX_LENGTH], False, Reading.NOT_A_NUMBER)
    if not digits.startswith("+") and len(digits) <= _SHORT and not digits.startswith("0"):
        return NumberReading(None, extension, digits, False, Reading.SHORT)
    number = _parse(digits, region)
    if number is None:
        return NumberReading(None, "", cleaned[:MAX_LENGTH], False, Reading.NOT_A_NUMBER)
    return _written(number, extension)


def _clean(text: str) -> str:
    """Keep what prints: no control, format (direction marks, zero widths), surrogate or private characters."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    kept = "".join(char for char in spaced if char == " " or unicodedata.category(char)[0] not in "CZ")
    return unicodedata.normalize("NFKC", kept).strip()


def _without_scheme(text: str) -> str:
    scheme, separator, rest = text.partition(":")
    if separator and scheme.casefold() in {"tel", "sip", "sips"}:
        return re.sub(r"@.*$", "", rest)
    return text


def _split(text: str) -> tuple[str, str]:
    found = _EXTENSION.search(text)
    if found is None or not text[: found.start()].strip():
        return text, ""
    return text[: found.start()], found.group(1)


def _parse(digits: str, region: str) -> PhoneNumber | None:
    """Prefer a valid reading over a merely possible one: as written, then with the + a network left out."""
    written = _attempt(digits, region)
    if written is not None and phonenumbers.is_valid_number(written):
        return written
    with_plus = _attempt("+" + digits, region) if digits[0] not in "+0" else None
    if with_plus is not None and phonenumbers.is_valid_number(with_plus):
        return with_plus
    return written if written is not None and _is_plausible(written) else None


def _is_plausible(number: PhoneNumber) -> bool:
    long_enough = len(phonenumbers.national_significant_number(number)) >= _SHORT
    return long_enough and phonenumbers.is_possible_number(number)


def _attempt(digits: str, region: str) -> PhoneNumber | None:
    international = "+" + digits[2:] if digits.startswith("00") else digits
    for tried in dict.fromkeys([international, digits]):
        try:
            return phonenumbers.parse(tried, region)
        except NumberParseException:
            continue
    return None


def _written(number: PhoneNumber, extension: str) -> NumberReading:
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    display = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return NumberReading(e164, extension, display, False, Reading.NUMBER)


@lru_cache(maxsize=4096)
def formatted(e164: str) -> str:
    """Return an E.164 number spaced for people; what cannot be read is returned as it is."""
    number = _attempt(e164, "ZZ") if e164.startswith("+") else None
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL) if number else e164


_DEAR: Final = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})


def may_be_called(e164: str, regions: Collection[str]) -> bool:
    """Tell whether a number a network gave us may be called by itself: anybody can show any number as his.

    It must be of one of these countries (ISO 3166, ``DE``), and none whose calls cost extra.
    """
    number = _attempt(e164, "ZZ")
    if number is None:
        return False
    codes = {phonenumbers.country_code_for_region(region) for region in regions}
    return number.country_code in codes and phonenumbers.number_type(number) not in _DEAR
