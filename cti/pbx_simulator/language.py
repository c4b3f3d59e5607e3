"""The dialplan's language as far as our dialplan uses it: ``${variables and functions}`` and ``$[expressions]``. Pure.

Source: https://docs.asterisk.org, "Variables", "Expressions". What a variable holds is never read as language again, so
text from outside stays text.
"""

import re
from collections.abc import Callable
from typing import Final

Lookup = Callable[[str], str]
"""Variable's name or ``FUNCTION(arguments)`` -> value, '' when there is none."""

_PIECE: Final = re.compile(r'"(?:[^"])*"|!=|<=|>=|[=<>|+\-]|[^\s"=<>|+\-!]+')
_SLICE: Final = re.compile(r"(?P<name>\w+)(?::(?P<offset>-?\d+))?(?::(?P<length>-?\d+))?")
_OPEN: Final = {"${": "}", "$[": "]"}


def substitute(text: str, lookup: Lookup) -> str:
    """Return ``text`` with every variable, function and expression replaced by its value."""
    result, at = [], 0
    while (begin := text.find("$", at)) >= 0:
        close = _OPEN.get(text[begin : begin + 2])
        if close is None:
            result.append(text[at : begin + 1])
            at = begin + 1
            continue
        end = _closing(text, begin + 2, text[begin + 1], close)
        inner = substitute(text[begin + 2 : end], lookup)
        result += [text[at:begin], _variable(inner, lookup) if close == "}" else value_of(inner)]
        at = end + 1
    return "".join([*result, text[at:]])


def _closing(text: str, at: int, opening: str, closing: str) -> int:
    depth = 1
    while at < len(text):
        depth += (text[at] == opening) - (text[at] == closing)
        if depth == 0:
            return at
        at += 1
    return at


def _variable(name: str, lookup: Lookup) -> str:
    sliced = _SLICE.fullmatch(name)
    if sliced is None or sliced["offset"] is None:
        return lookup(name)
    value, offset = lookup(sliced["name"]), int(sliced["offset"])
    rest = value[offset:]
    return rest if sliced["length"] is None else rest[: int(sliced["length"])]


def value_of(text: str) -> str:
    """Return the value of an expression: ``|`` binds least, then comparison, then ``+`` and ``-``; '1' is true."""
    pieces = _PIECE.findall(text)
    return _either(pieces)


def _either(pieces: list[str]) -> str:
    if "|" not in pieces:
        return _compared(pieces)
    at = pieces.index("|")
    first, second = _compared(pieces[:at]), _either(pieces[at + 1 :])
    return first if is_true(first) else second


def _compared(pieces: list[str]) -> str:
    at = next((number for number, piece in enumerate(pieces) if piece in _COMPARE), None)
    if at is None:
        return _sum(pieces)
    left, right = _sum(pieces[:at]), _sum(pieces[at + 1 :])
    is_text = any(piece.startswith('"') for piece in pieces) or not (_is_number(left) and _is_number(right))
    both = (left, right) if is_text else (float(left), float(right))
    return str(int(_COMPARE[pieces[at]](*both)))


_COMPARE: Final[dict[str, Callable[..., bool]]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}


def _sum(pieces: list[str]) -> str:
    if len(pieces) == 1:
        return pieces[0].strip('"')
    total, sign = 0, 1
    for piece in pieces:
        if piece in "+-":
            sign = -1 if piece == "-" else 1
        else:
            total += sign * (int(piece) if piece.isdigit() else 0)
    return str(total)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def is_true(value: str) -> bool:
    """Whether a condition holds: anything but nothing and zero."""
    return value.strip() not in ("", "0", "00")
