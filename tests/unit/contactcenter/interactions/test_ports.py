"""What goes along with a caller's channel comes back as it was, and nothing else is taken for it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactcenter.core.ids import QueueId, VisitId
from contactcenter.interactions.ports import PlaceInLine

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(
    st.builds(
        PlaceInLine,
        st.just(VisitId("v")),
        NAMES.map(QueueId),
        st.integers(-9, 99),
        st.dictionaries(NAMES, st.integers(0, 9), max_size=5),
    )
)
def test_a_place_in_line_comes_back_in_characters_no_dialplan_minds(place: PlaceInLine) -> None:
    text = place.encode()
    assert re.fullmatch(r"[A-Za-z0-9=&%._~+-]+", text)
    assert PlaceInLine.decode(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hold",
        "visit=v",
        "visit=v&queue=q&priority=x",
        "visit=v&queue=q&priority=1&skill=de",
        "&".join(["a=1"] * 101),
    ],
)
def test_anything_else_is_no_place(text: str) -> None:
    assert PlaceInLine.decode(text) is None
