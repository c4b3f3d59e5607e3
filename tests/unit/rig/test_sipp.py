import pytest

from tests.rig.ports import free_ports
from tests.rig.sipp import Caller, call_media_port, customers


async def test_two_hostile_names_in_one_process_are_refused(tmp_path):
    callers = [Caller("1", "2", "a;b"), Caller("1", "2", "c;d")]
    with pytest.raises(ValueError, match="one hostile name"):
        async with customers(tmp_path, 1, callers, port=2, media_port=3):
            pass


def test_media_ports_lie_behind_the_two_that_sipp_binds():
    assert [call_media_port(5000, number) for number in range(3)] == [5004, 5008, 5012]


def test_free_ports_are_even_and_leave_room():
    base = free_ports(10)
    assert base % 2 == 0
    assert base + 10 < 32_768, "the system hands out ports from there"


def test_ports_just_given_are_not_given_again():
    for _ in range(30):
        first, second = free_ports(300), free_ports(300)
        assert abs(first - second) >= 300


def test_who_needs_most_of_the_ports_gets_them():
    assert {free_ports(400) for _ in range(20)}, "more than there are: those given first are given again"
