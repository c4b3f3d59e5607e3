import pytest

from cti.pbx_simulator.language import is_true, substitute, value_of

VALUES = {"A": "hold:x=1", "EMPTY": "", "N": "7", "EVIL": "${A} $[1 + 1]", "QUOTE(a,b)": "both"}


@pytest.mark.parametrize(
    "text, result",
    [
        ("plain", "plain"),
        ("a$b", "a$b"),
        ("${A}", "hold:x=1"),
        ("${A:0:4}", "hold"),
        ("${A:5}", "x=1"),
        ("-${EMPTY}-", "--"),
        ("${MISSING}", ""),
        ("${EVIL}", "${A} $[1 + 1]"),
        ("${QUOTE(a,b)}", "both"),
        ("$[0${EMPTY} + 1]", "1"),
        ("$[0${N} + 1]", "8"),
        ('$["${A:0:4}" = "hold"]', "1"),
        ("${A:0:4", "hold:x=1"[:4]),  # what is not closed ends with the text
    ],
)
def test_substitute(text: str, result: str) -> None:
    assert substitute(text, lambda name: VALUES.get(name, "")) == result


@pytest.mark.parametrize(
    "text, result",
    [
        ('"a" = "a"', "1"),
        ('"a" != "a"', "0"),
        ('"" = ""', "1"),
        ('"1" = "1.0"', "0"),
        ("1 = 1.0", "1"),
        ("3 < 20", "1"),
        ("20 < 3", "0"),
        ("2 >= 2", "1"),
        ("12 - 10", "2"),
        ("00 | 01 | 00", "01"),
        ("00 | 00", "00"),
    ],
)
def test_expressions(text: str, result: str) -> None:
    assert value_of(text) == result


@pytest.mark.parametrize("value, holds", [("1", True), ("0", False), ("", False), ("00", False), ("x", True)])
def test_truth(value: str, holds: bool) -> None:
    assert is_true(value) is holds
