from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from contactcenter.core.errors import Conflict, Invalid
from contactcenter.tickets.model import (
    NEXT_STATES,
    DueKind,
    SlaPolicy,
    Ticket,
    TicketState,
    check_policy,
    move,
    replied,
    under_policy,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
GOLD = SlaPolicy("gold", "main", "Gold", 3600, 4 * 3600)


def ticket(**values):
    return Ticket("t", "main", 10001, "VPN drops", TicketState.OPEN, NOW, "u", **values)


def test_promises_count_from_the_opening():
    kept = under_policy(ticket(), GOLD)
    assert (kept.reply_due_at, kept.solve_due_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=4))
    assert (kept.due_at, kept.due_kind) == (NOW + timedelta(hours=1), DueKind.REPLY)


def test_after_the_reply_the_solution_runs_and_after_that_nothing():
    answered = replied(under_policy(ticket(), GOLD), NOW + timedelta(minutes=5))
    assert (answered.due_at, answered.due_kind) == (NOW + timedelta(hours=4), DueKind.SOLVE)
    assert replied(answered, NOW + timedelta(hours=2)).replied_at == NOW + timedelta(minutes=5)
    solved = move(answered, TicketState.SOLVED, NOW)
    assert (solved.due_at, solved.due_kind) == (None, None)


def test_without_a_policy_nothing_is_promised():
    assert (under_policy(ticket(), None).due_at, ticket().due_kind) == (None, None)


@pytest.mark.parametrize("before, after", list(product(TicketState, TicketState)))
def test_the_table_decides_every_move(before, after):
    case = Ticket("t", "main", 1, "s", before, NOW, "u")
    if after is before:
        assert move(case, after, NOW) is case
    elif after in NEXT_STATES[before]:
        assert move(case, after, NOW).state is after
    else:
        with pytest.raises(Conflict) as caught:
            move(case, after, NOW)
        assert (caught.value.code, caught.value.fields) == ("ticket-state", {"state": before.value})


def test_nothing_leaves_closed_and_everything_else_can_reach_it():
    assert NEXT_STATES[TicketState.CLOSED] == frozenset()
    for start in TicketState:
        reached, edge = {start}, {start}
        while edge:
            edge = {n for state in edge for n in NEXT_STATES[state]} - reached
            reached |= edge
        assert TicketState.CLOSED in reached


def test_instants_follow_the_state():
    solved = move(ticket(), TicketState.SOLVED, NOW)
    assert solved.solved_at == NOW
    assert move(solved, TicketState.OPEN, NOW).solved_at is None
    closed = move(solved, TicketState.CLOSED, NOW + timedelta(hours=1))
    assert (closed.solved_at, closed.closed_at) == (NOW, NOW + timedelta(hours=1))


@pytest.mark.parametrize("reply, solve", [(0, 60), (59, 600), (600, 300), (60, 10**9), (float("nan"), 600)])
def test_a_promise_that_cannot_be_kept_is_no_policy(reply, solve):
    with pytest.raises(Invalid):
        check_policy(SlaPolicy("p", "main", "P", reply, solve))
