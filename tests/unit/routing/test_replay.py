"""A decision made again tells of every agent what the engine counted, by profile, when it made it."""

import random
from collections import Counter
from typing import Any

import pytest

from routing import commands as c
from routing import replay
from routing.engine import Engine
from routing.replay import Journal, condensed, passed_now, passed_over
from routing.states import IllegalTransition, ItemState
from routing.why import explain_waiting, render
from tests.simulation.router_day import RouterDay

FULL = {"wrap-up": "busy"}  # of who is full for this medium only, the counts do not say by what


class Kept(Engine):
    """An engine whose commands are kept as the runtime keeps them."""

    def __init__(self, new_id: Any) -> None:
        super().__init__(new_id)
        self.journal = Journal()

    def handle(self, command: c.Command, now: float) -> list[Any]:
        decisions = super().handle(command, now)
        self.journal.record(self.number, command, now, decisions)
        older = self.journal.older()
        if older is not None:
            self.journal.forget(condensed(*older))
        return decisions


def day_of(seed: int, steps: int) -> tuple[Kept, dict[int, list[c.Why]]]:
    """Return an engine after a random day, and its decisions by the number of the command."""
    day = RouterDay(seed, Kept)
    day.open()
    for _ in range(steps):
        day.step()
    engine: Any = day.routers[1]
    whys: dict[int, list[c.Why]] = {}
    for why in engine.whys:
        whys.setdefault(why.number, []).append(why)
    return engine, whys


@pytest.mark.parametrize("seed,most", [(1, 20_000), (2, 400)])
def test_recomputed_is_what_was_decided(seed: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST", most)
    engine, whys = day_of(seed, 900)
    assert (engine.journal.base.number > 0) == (most < 20_000)
    kept = [number for number in whys if number > engine.journal.base.number]
    assert len(kept) > 40
    seen: Counter[str] = Counter()
    for number in random.Random(seed).sample(kept, 40):
        for why, made in zip(
            whys[number], engine.journal.entries[number - engine.journal.base.number - 1].made, strict=True
        ):
            base, entries = engine.journal.find(number, why.at)
            agents = passed_over(base, entries, made)
            rendered = render(why)
            told: Counter[str] = Counter()
            for one in rendered["passed"]:
                told[FULL.get(one["reason"], one["reason"])] += one["count"]
            found = Counter(FULL.get(one["reason"], one["reason"]) for one in agents)
            assert found == told, (why[:10], found, told)
            assert why.agent_id not in {one["agent_id"] for one in agents}
            assert len(agents) == rendered["considered"] - 1
            seen.update(found)
    assert {"skill", "not-ready", "busy", "rank", "queue"} <= seen.keys()


def test_of_one_who_waits_every_agent_is_told_as_the_counts_have_it() -> None:
    engine, _ = day_of(4, 400)
    waiting = [item for item in engine.items.values() if item.state is ItemState.WAITING]
    assert waiting
    for item in waiting:
        counts = Counter(one["reason"] for one in passed_now(engine, item.interaction_id) or ())
        explained = explain_waiting(engine, item.interaction_id, 0.0)
        told: Counter[str] = Counter({"rank": len(explained["eligible"])})
        for one in explained["passed"]:
            told[one["reason"]] += one["count"]
        assert counts == +told
    assert passed_now(engine, "nothing") is None


def test_what_is_kept_no_more_or_was_another_engines_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST", 100)
    engine, whys = day_of(3, 200)
    latest = max(whys)
    assert engine.journal.find(latest, whys[latest][0].at) is not None
    assert engine.journal.find(latest, whys[latest][0].at + 1) is None
    assert engine.journal.find(engine.journal.base.number, 0.0) is None
    assert engine.journal.find(engine.number + 1, 0.0) is None


def test_refused_commands_are_not_kept() -> None:
    engine = Kept(lambda: "r1")
    with pytest.raises(IllegalTransition):
        engine.handle(c.Accept("none"), 1.0)
    assert engine.journal.entries == []
