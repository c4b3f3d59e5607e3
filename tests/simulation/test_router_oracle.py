"""The engine and the rules written the slow way (tests/oracle/router.py) decide the same on random days."""

from typing import Any

import pytest

from routing.engine import Engine
from routing.states import ItemState
from tests.simulation.router_day import Differs, RouterDay, floor_of, line_of_reference, plain

STEPS = 1600
LOOK = 25  # steps between two looks at the whole state


def line_of(engine: Any) -> dict[str, tuple[object, ...]]:
    return {
        item.interaction_id: (item.visit_id, item.queue_id, item.entered_at, item.preferred, plain(item.needs))
        for item in engine.items.values()
        if item.state is ItemState.WAITING
    }


def compare(day: RouterDay) -> None:
    """The whole state of both: everything that may decide later."""
    engine: Any = day.routers[1]
    for ours, theirs in ((line_of_reference(day.reference), line_of(engine)), tuple(map(floor_of, day.routers))):
        differing = {name: (ours.get(name), theirs.get(name)) for name in {*ours, *theirs}}
        differing = {name: (one, other) for name, (one, other) in differing.items() if one != other}
        if differing:
            raise Differs(day.story(f"reference and engine hold: {differing}"))


def play(seed: int, steps: int) -> RouterDay:
    day = RouterDay(seed, Engine)
    day.open()
    for number in range(steps):
        day.step()
        if number % LOOK == 0:
            compare(day)
    return day


@pytest.mark.parametrize("seed", range(5))
def test_both_decide_the_same(seed: int) -> None:
    day = play(seed, STEPS)
    for kind in ("Reserve", "Requeued", "Revoke", "Withdrawn", "WrapUpEnded", "AgentRemoved", "set-aside", "Refused"):
        assert day.counts[kind] > 0, day.counts
