import gc
import weakref

import pytest

from contactcenter.core.garbage import FULL_EVERY, LATEST, MIDDLE, NEVER, YOUNG, Collector

BEGIN = 1000.0


class Node:
    """Something that can be part of a cycle and be watched."""

    def __init__(self):
        self.other = None


@pytest.fixture(autouse=True)
def as_before():
    """Give the interpreter back as it was."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    yield
    gc.set_threshold(*before)
    if not frozen:
        gc.unfreeze()


def old_garbage():
    """Make a cycle nobody holds that the young collections look at no more; return what watches it."""
    node = Node()
    node.other = node
    gc.collect(1)
    return weakref.ref(node)


@pytest.mark.parametrize(
    ("after", "idle", "due"),
    [
        (FULL_EVERY - 1, True, False),
        (FULL_EVERY, True, True),
        (FULL_EVERY, False, False),
        (LATEST - 1, False, False),
        (LATEST, False, True),
    ],
)
def test_a_full_collection_waits_for_a_moment_when_nobody_is_on_the_line_but_not_for_ever(after, idle, due):
    collector = Collector(lambda: idle)
    collector.begin(BEGIN)
    watched = old_garbage()
    collector.look(BEGIN + after)
    assert (watched() is None) is due


def test_the_next_one_is_due_that_long_after_the_last():
    collector = Collector(lambda: True)
    collector.begin(BEGIN)
    collector.look(BEGIN + FULL_EVERY)
    watched = old_garbage()
    collector.look(BEGIN + 2 * FULL_EVERY - 1)
    assert watched() is not None
    collector.look(BEGIN + 2 * FULL_EVERY)
    assert watched() is None


def test_the_interpreter_begins_no_full_collection_by_itself():
    gc.set_threshold(700, 10, 10)  # the interpreter's own
    Collector(lambda: True).begin(BEGIN)
    assert gc.get_threshold() == (YOUNG, MIDDLE, NEVER)
