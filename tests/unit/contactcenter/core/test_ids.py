from hypothesis import given
from hypothesis import strategies as st

from contactcenter.core.clock import ManualClock
from contactcenter.core.ids import SystemRandomBits, TimeOrderedIds, encode, seeded_ids


def test_26_characters_safe_anywhere():
    ids = TimeOrderedIds(ManualClock())
    for _ in range(100):
        assert len(one := ids.new()) == 26
        assert one.isascii()
        assert one.isalnum()
        assert one == one.lower()


def test_order_of_making_is_order_of_sorting_within_a_millisecond_and_beyond():
    clock = ManualClock()
    ids = TimeOrderedIds(clock)
    made = [ids.new() for _ in range(500)]
    clock.advance(0.001)
    made += [ids.new() for _ in range(500)]
    assert made == sorted(set(made))


def test_a_machine_clock_set_back_makes_no_id_twice():
    clock = ManualClock()
    ids = TimeOrderedIds(clock, random_bits=lambda bits: 0)
    clock.advance(10)
    late = ids.new()
    clock._now = ManualClock().now()
    assert ids.new() > late


def test_no_random_bits_left_still_grows():
    ids = TimeOrderedIds(ManualClock(), random_bits=lambda bits: 2**bits - 1)
    assert ids.new() < ids.new()


def test_the_systems_random_bits_are_never_given_twice():
    sources = [SystemRandomBits(), SystemRandomBits()]
    drawn = [source(80) for source in sources for _ in range(3000)]  # over the end of a block
    assert len(set(drawn)) == len(drawn)
    assert max(drawn) < 2**80
    assert max(one.bit_length() for one in drawn) > 76


def test_a_seed_repeats_itself():
    first, second = (seeded_ids(ManualClock(), 7) for _ in range(2))
    assert [first.new() for _ in range(5)] == [second.new() for _ in range(5)]
    assert seeded_ids(ManualClock(), 7).new() != seeded_ids(ManualClock(), 8).new()


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_encoding_keeps_the_order(one, other):
    assert (one < other) == (encode(one) < encode(other))
    assert (one == other) == (encode(one) == encode(other))
