import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.rig.scenarios import Answers, Leaves, Refuses, Rings, customer, display_name, phones

PHONES = phones({"101": Answers(sound=Path("/a.pcap")), "102": Rings(), "103": Refuses(), "104": Answers(talk=2)})
ALL = [
    customer(),
    customer(Leaves(after=0)),
    customer(Leaves(after=2.5), sound=Path("/a.pcap")),
    customer(Leaves(ringing=1)),
    PHONES,
]


@pytest.mark.parametrize("text", ALL)
def test_every_jump_has_a_place_to_land_and_it_lies_ahead(text):
    """SIPp starts with a jump to nowhere, too, and then runs off; a jump back could go round for ever."""
    steps = list(ElementTree.fromstring(text))
    places = {step.get("id"): number for number, step in enumerate(steps) if step.tag == "label"}
    assert len(places) == sum(step.tag == "label" for step in steps)
    for number, step in enumerate(steps):
        for name in {step.get("next"), step.get("ontimeout")} - {None}:
            assert places[name] > number


@pytest.mark.parametrize("text", ALL)
def test_nothing_ever_pauses(text):
    assert "<pause" not in text


def test_only_who_has_not_dialed_yet_pauses():
    steps = [step.tag for step in ElementTree.fromstring(customer(paced=True))]
    assert steps[:3] == ["nop", "pause", "send"]
    assert steps.count("pause") == 1


def test_times_are_milliseconds():
    assert 'timeout="2500" ontimeout="leave"' in customer(Leaves(after=2.5))
    assert 'timeout="1000" ontimeout="cancel"' in customer(Leaves(ringing=1))


def test_a_plain_phone_is_told_apart_by_its_user_part():
    assert re.findall(r"INVITE sip:(\d+)@", PHONES) == ["101", "102", "103", "104"]


def test_names_are_quoted_and_every_odd_byte_escaped():
    assert display_name("") == ""
    assert display_name('a"b') == r"\x22a\x5C\x22b\x22 "
    assert display_name("[call_id]]>") == r"\x22\x5Bcall\x5Fid\x5D\x5D\x3E\x22 "
    assert display_name(b"\xd0\r\n") == r"\xD0\x0D\x0A "
