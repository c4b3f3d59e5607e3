from hypothesis import given
from hypothesis import strategies as st

from agent_ui.feeds import KEPT, Feed

SLOTS = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 2), max_size=3)


def applied(slots, changes):
    """What a page does with changes."""
    merged = {**slots, **changes.slots}
    return {key: value for key, value in merged.items() if value is not None}


def test_only_what_differs_is_sent_and_numbered():
    feed = Feed("e")
    first = feed.offer({"a": 1, "b": 2})
    assert (first.prev, first.seq, first.slots) == (0, 1, {"a": 1, "b": 2})
    assert feed.offer({"a": 1, "gone": None}) is None
    second = feed.offer({"a": None, "b": 2})
    assert (second.prev, second.seq, second.slots) == (1, 2, {"a": None})
    assert feed.snapshot("now").slots == {"b": 2}


@given(st.lists(SLOTS, max_size=30), st.integers(0, 30))
def test_an_old_snapshot_and_the_changes_since_are_a_fresh_snapshot(offers, cut):
    feed = Feed("e")
    for slots in offers[:cut]:
        feed.offer(slots)
    page, seq = dict(feed.snapshot("now").slots), feed.seq
    for slots in offers[cut:]:
        feed.offer(slots)
    for changes in feed.since("e", seq):
        assert changes.prev == seq  # nothing is missing before it
        page, seq = applied(page, changes), changes.seq
    assert (page, seq) == (feed.snapshot("now").slots, feed.seq)


def test_a_page_goes_on_only_over_what_is_kept_of_its_own_feed():
    feed = Feed("e")
    for number in range(KEPT + 10):
        feed.offer({"a": number})
    assert [one.seq for one in feed.since("e", 10)] == list(range(11, KEPT + 11))
    assert feed.since("e", feed.seq) == []
    assert feed.since("e", 9) is None
    assert feed.since("other", feed.seq) is None
    assert feed.since("e", feed.seq + 1) is None
