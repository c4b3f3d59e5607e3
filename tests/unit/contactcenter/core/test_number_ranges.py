import random

from contactcenter.core.number_ranges import NumberRanges


def ranges(*pairs):
    made = NumberRanges()
    for first, last in pairs:
        made.add(first, last)
    return made


def test_neighbours_become_one():
    made = ranges((1, 3), (4, 4), (6, 9))
    assert len(made) == 2
    assert [number for number in range(12) if number in made] == [1, 2, 3, 4, 6, 7, 8, 9]


def test_a_position_moves_on_as_far_as_there_is_no_gap():
    made = ranges((3, 5), (6, 7), (10, 11))
    assert made.past(1) == 1
    assert made.past(2) == 7
    assert made.past(8) == 8
    assert made.past(9) == 11
    assert len(made) == 0


def test_what_is_not_above_the_position_is_forgotten():
    made = ranges((1, 2), (4, 5), (8, 9))
    assert made.past(6) == 6
    assert len(made) == 1
    assert 5 not in made
    assert 8 in made


def test_a_position_within_a_range_moves_to_its_end():
    assert ranges((4, 9)).past(6) == 9


def test_numbers_given_anew_take_the_place_of_the_former():
    made = ranges((1, 5), (8, 9))
    made.add(4, 4)
    assert [number for number in range(12) if number in made] == [1, 2, 3, 4]
    assert len(made) == 1


def test_it_agrees_with_a_set():
    dice = random.Random(7)
    made, plain, last, position = NumberRanges(), set(), 0, 0
    for _ in range(500):
        first = last + dice.choice((1, 1, 2, 5))
        last = first + dice.randrange(4)
        made.add(first, last)
        plain.update(range(first, last + 1))
        if dice.random() < 0.2:
            position = dice.randint(position, last + 1)
            while position + 1 in plain:
                position += 1
            assert made.past(position) == position
            plain = {one for one in plain if one > position}
        assert all((number in made) == (number in plain) for number in range(position, last + 3))
