"""The picture is well-formed, draws every rule and queue, and nothing outside its frame."""

import math
import re
from xml.etree import ElementTree

import pytest

from routing.simulator.figures import Figures, Tally
from routing.simulator.pictures import picture

SVG = "{http://www.w3.org/2000/svg}"


def day(within, names=("sales",), waits=None):
    tally = Tally(10, within, 0, waits if waits is not None else [float(number) for number in range(within)])
    return Figures(tally, Tally(), dict.fromkeys(names, tally), {})


def drawn(found, title="A day"):
    return ElementTree.fromstring(picture(found, title))


def test_every_rule_and_queue():
    names = ("sales", "<b>&", "a queue with a very long name", *(f"q{n}" for n in range(20)))
    root = drawn({rule: [day(7, names), day(9, names)] for rule in ("ours", "strict", "pooled", "app-queue")})
    words = [one.text for one in root.iter(f"{SVG}text")]
    assert {"ours", "strict", "pooled", "app-queue", "A day", "sales", "<b>&", "a queue with …", "all"} <= set(words)
    assert len(list(root.iter(f"{SVG}polyline"))) == 4


@pytest.mark.parametrize(
    "found",
    [
        {"ours": [day(0, waits=[])]},
        {"ours": [day(10, waits=[0.0])]},
        {"ours": [day(0), day(10)]},
        {"ours": [day(3, waits=[1e6, 1e7])], "strict": [Figures(queues={"sales": Tally()})]},
    ],
)
def test_strange_days_stay_within_the_frame(found):
    root = drawn(found)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for one in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(one.get(name, 0)) <= width
        for name in ("y", "y1", "y2", "cy"):
            assert 0 <= float(one.get(name, 0)) <= height
        for number in re.findall(r"[-\d.]+|nan", one.get("points", "")):
            assert not math.isnan(float(number))
            assert 0 <= float(number) <= width
