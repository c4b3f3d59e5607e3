import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactcenter.core.errors import Invalid
from contactcenter.core.paging import Paging, cut, encode_cursor


def cursor(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_cursor_brings_back_the_key_of_the_last_row_seen():
    page = cut(["a", "b", "c"], 2, lambda row: (row, 7))
    assert list(page.items) == ["a", "b"]
    assert Paging(2, page.next).key(str, int) == ("b", 7)


def test_the_last_page_has_no_cursor():
    assert cut(["a", "b"], 2, lambda row: (row,)).next is None


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "%%%",
        "x" * 2000,
        cursor("text"),
        cursor(["one"]),
        cursor(["one", 2]),
        cursor([1, "one"]),
        cursor(["one", True]),
        cursor(["one", None]),
        cursor(["a\x00b", "c"]),
        cursor(["\ud800", "c"]),
        cursor([["deep"], "c"]),
        cursor([10**30, "c"]),
        "é" * 8,
    ],
)
def test_a_foreign_cursor_is_invalid_input(foreign):
    with pytest.raises(Invalid) as caught:
        Paging(10, foreign).key(str, str)
    assert caught.value.fields == {"cursor": "bad-cursor"}


@given(st.text(max_size=300))
def test_no_cursor_is_worse_than_invalid(text):
    with suppress(Invalid):
        Paging(10, text).key(str, str)


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40),
            st.integers(-(2**61), 2**61),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_every_key_survives_its_cursor(key):
    assert Paging(1, encode_cursor(key)).key(*(type(part) for part in key)) == tuple(key)
