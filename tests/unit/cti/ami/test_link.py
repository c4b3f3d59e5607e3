import itertools
import random

import pytest

from cti.ami.link import AUTH_FAILED, TRANSITIONS, Due, IllegalSignal, Link, LinkState, LinkTiming, Signal

TO_LIVE = (Signal.DIALLED, Signal.CONNECTED, Signal.LOGGED_IN, Signal.BOOTED)


def link_at(state: LinkState, now: float = 100.0, **timing: float) -> Link:
    link = Link(LinkTiming(**timing), random.Random(1), now)
    for signal in TO_LIVE:
        if link.state is not state:
            link.step(signal, now)
    if state is LinkState.CLOSED:
        link.step(Signal.CLOSED, now)
    return link


@pytest.mark.parametrize("state, signal", list(itertools.product(LinkState, Signal)))
def test_every_cell_of_the_table(state: LinkState, signal: Signal) -> None:
    if state is LinkState.CLOSED:
        link = link_at(LinkState.LIVE)
        link.step(Signal.CLOSED, 100.0)
    else:
        link = link_at(state)
    if (state, signal) in TRANSITIONS:
        assert link.step(signal, 101.0) is TRANSITIONS[state, signal]
        return
    before = (link.state, link.reason, link.attempts, link.deadline())
    with pytest.raises(IllegalSignal):
        link.step(signal, 101.0)
    assert (link.state, link.reason, link.attempts, link.deadline()) == before


def test_the_way_to_live_has_no_short_cut() -> None:
    assert [state for (state, _), to in TRANSITIONS.items() if to is LinkState.LIVE] == [LinkState.BOOTING]
    assert [state for (state, _), to in TRANSITIONS.items() if to is LinkState.BOOTING] == [LinkState.LOGGING_IN]


def test_closed_has_no_way_out_and_no_deadline() -> None:
    link = link_at(LinkState.LIVE)
    link.step(Signal.CLOSED, 100.0, "closed")
    assert link.deadline() is None
    assert link.due(1e9) == (Due.NOTHING, "")
    assert not [key for key in TRANSITIONS if key[0] is LinkState.CLOSED]


def test_it_dials_at_once() -> None:
    link = Link(LinkTiming(), random.Random(1), 100.0)
    assert link.deadline() == 100.0
    assert link.due(100.0) == (Due.DIAL, "")


@pytest.mark.parametrize(
    "state, limit, reason",
    [
        (LinkState.CONNECTING, 5.0, "connect-timeout"),
        (LinkState.LOGGING_IN, 5.0, "login-timeout"),
    ],
)
def test_each_step_has_a_time_limit(state: LinkState, limit: float, reason: str) -> None:
    link = link_at(state)
    assert link.deadline() == 100.0 + limit
    assert link.due(100.0 + limit - 0.001) == (Due.NOTHING, "")
    assert link.due(100.0 + limit) == (Due.DROP, reason)


def test_booting_is_limited_though_pings_are_answered() -> None:
    link, now = link_at(LinkState.BOOTING), 100.0
    while True:
        now = link.deadline() or 0.0
        due, reason = link.due(now)
        if due is Due.DROP:
            break
        link.pinged(now)
        link.heard(now)
        link.ponged()
    assert (now, reason) == (220.0, "boot-timeout")


def test_pings_while_quiet_then_stale() -> None:
    link = link_at(LinkState.LIVE)
    assert link.due(102.0) == (Due.PING, "")
    link.pinged(102.0)
    assert link.due(104.9) == (Due.NOTHING, "")
    assert link.silent_for(104.9) == pytest.approx(4.9)
    assert link.due(105.0) == (Due.DROP, "stale")


def test_bytes_keep_it_fresh_but_an_unanswered_ping_does_not_last() -> None:
    link = link_at(LinkState.LIVE)
    link.pinged(102.0)
    for tick in range(100, 112):
        link.heard(float(tick))
    assert link.due(111.999) == (Due.NOTHING, "")
    assert link.due(112.0) == (Due.DROP, "ping-unanswered")


def test_an_answered_ping_is_followed_by_the_next() -> None:
    link = link_at(LinkState.LIVE)
    link.pinged(102.0)
    link.heard(102.1)
    link.ponged()
    assert link.deadline() == 104.0
    assert link.due(104.0) == (Due.PING, "")


def test_our_own_stall_is_not_taken_for_the_pbx_s() -> None:
    link = link_at(LinkState.LIVE)
    link.pinged(102.0)
    assert link.due(111.0) == (Due.NOTHING, "")  # the timer of 105.0 came six seconds late: read first
    deadline = link.deadline()
    assert deadline is not None
    assert 111.0 < deadline <= 112.0
    assert link.due(deadline) == (Due.DROP, "stale")  # and still nothing


def test_back_off_grows_to_its_cap_with_jitter() -> None:
    link = Link(LinkTiming(), random.Random(3), 0.0)
    waits = []
    for _ in range(40):
        link.step(Signal.DIALLED, 0.0)
        link.step(Signal.LOST, 0.0, "connect-failed")
        waits.append(link.deadline() or 0.0)
    for attempt, wait in enumerate(waits):
        ceiling = min(5.0, 0.2 * 2**attempt)
        assert ceiling / 2 <= wait <= ceiling
    assert len(set(waits[10:])) == 30


def test_back_off_starts_again_only_after_a_settled_link() -> None:
    for lived, attempts in ((4.9, 6), (5.0, 1)):
        link = link_at(LinkState.LIVE)
        link.attempts = 5
        link.step(Signal.LOST, 100.0 + lived, "link-lost")
        assert link.attempts == attempts


def test_a_wrong_secret_is_retried_slowly_and_visible() -> None:
    link = link_at(LinkState.LOGGING_IN)
    link.step(Signal.LOST, 100.0, AUTH_FAILED)
    assert 115.0 <= (link.deadline() or 0.0) <= 130.0
    assert link.reason == "auth-failed"
    link.step(Signal.DIALLED, 130.0)
    assert link.reason == "auth-failed"


def test_the_reason_is_cleared_by_live() -> None:
    link = link_at(LinkState.LIVE)
    link.step(Signal.LOST, 101.0, "stale")
    for signal in TO_LIVE:
        link.step(signal, 102.0)
    assert link.reason == ""
