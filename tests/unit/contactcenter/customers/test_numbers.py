import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactcenter.customers.numbers import Reading, formatted, may_be_called, read_number

BERLIN = "+4930901820"


@pytest.mark.parametrize(
    "written",
    [
        "+4930901820",
        "+49 30 901820",
        "0049 30 901820",
        "004930901820",
        "030 901820",
        "030901820",
        "030/90-18 20",
        "(030) 901820",
        "+49 (0)30 901820",
        "+49.30.901820",
        "+49\u201130\u2011901820",
        "4930901820",
        "tel:+4930901820",
        "sip:+4930901820@10.0.0.1:5060",
        "\u202a+49 30 901820\u202c",
        "\ufeff030\u00a0901820",
        "\uff10\uff13\uff10 \uff19\uff10\uff11\uff18\uff12\uff10",
    ],
)
def test_every_form_of_a_number_is_the_same_number(written):
    reading = read_number(written, "DE")
    assert (reading.e164, reading.extension, reading.withheld, reading.reason) == (BERLIN, "", False, Reading.NUMBER)
    assert reading.display == "+49 30 901820"


@pytest.mark.parametrize(
    "written, extension",
    [
        ("+49 30 901820 ext. 12", "12"),
        ("+49 30 901820 ext 12", "12"),
        ("+49 30 901820, extension 7", "7"),
        ("030 901820 x12", "12"),
        ("030901820x12", "12"),
        ("030 901820 #4", "4"),
        ("+4930901820;ext=12", "12"),
        ("tel:+4930901820;ext=0012", "0012"),
        ("030 901820 DW 33", "33"),
    ],
)
def test_extensions_are_told_apart(written, extension):
    reading = read_number(written, "DE")
    assert (reading.e164, reading.extension) == (BERLIN, extension)


def test_national_numbers_are_read_in_the_region_given():
    assert read_number("0171 5502291", "DE").e164 == "+491715502291"
    assert read_number("(212) 555-0100", "US").e164 == "+12125550100"
    assert read_number("06 698 83712", "IT").e164 == "+390669883712"
    assert read_number("8 495 123-45-67", "RU").e164 == "+74951234567"


@pytest.mark.parametrize("text", ["1001", "112", "110", "10", "901 820 #12"])
def test_short_numbers_belong_to_nobody(text):
    reading = read_number(text, "DE")
    assert (reading.e164, reading.withheld, reading.reason) == (None, False, Reading.SHORT)
    assert reading.display


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "anonymous",
        "Anonymous",
        "ANONYMOUS ",
        "unknown",
        "<unknown>",
        "restricted",
        "private",
        "unavailable",
        "\u200e",
        "\x00",
        "sip:anonymous@anonymous.invalid".removeprefix("sip:"),
    ],
)
def test_withheld_numbers_say_so_and_show_nothing(text):
    reading = read_number(text, "DE")
    assert (reading.e164, reading.withheld, reading.display, reading.reason) == (None, True, "", Reading.WITHHELD)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1000,
        "9" * 1000,
        "+" + "9" * 40,
        "+",
        "0",
        "00",
        "02",
        "++4930901820",
        "030 90a1820",
        "'; DROP TABLE people; --",
        "<script>alert(1)</script>",
        "0309\r\nAction: Hangup",
        "٠٣٠٩٠١٨٢٠",
        "1-800-FLOWERS",
        "\ud800number",
        "+4930901820@@@@",
        "ext=5",
        "½½½½½½½½",
    ],
)
def test_hostile_texts_are_no_number_and_never_raise(text):
    reading = read_number(text, "DE")
    assert reading.e164 is None
    assert len(reading.display) <= 64
    assert all(char.isprintable() for char in reading.display)


@given(st.text(max_size=300), st.sampled_from(["DE", "US", "IT", "ZZ", "", "nonsense"]))
def test_reading_never_raises_and_what_it_returns_is_clean(text, region):
    reading = read_number(text, region)
    assert reading.e164 is None or (reading.e164.startswith("+") and reading.e164[1:].isdigit())
    assert len(reading.display) <= 64
    assert all(char.isprintable() for char in reading.display)
    assert reading.withheld == (reading.reason is Reading.WITHHELD)


@given(st.from_regex(r"\+49(30|40|89)[1-9][0-9]{5,7}", fullmatch=True))
def test_reading_what_was_read_changes_nothing(number):
    once = read_number(number, "DE")
    if once.e164:
        assert read_number(once.e164, "US") == once
        assert read_number(once.display, "DE").e164 == once.e164


def test_numbers_are_spaced_for_people():
    assert formatted("+4930901820") == "+49 30 901820"
    assert formatted("not a number") == "not a number"
    assert formatted("+") == "+"


@pytest.mark.parametrize(
    ("number", "is_fine"),
    [
        ("+4930901820", True),
        ("+4917112345678", True),
        ("+43123456789", True),
        ("+12125550123", False),
        ("+499001234567", False),
        ("+881612345678", False),
        ("12", False),
    ],
)
def test_whom_we_call_by_ourselves(number: str, is_fine: bool) -> None:
    """Anybody can show any number as his: own countries, and nothing that costs extra."""
    assert may_be_called(number, ["DE", "AT"]) is is_fine
