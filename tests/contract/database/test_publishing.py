"""Writers, followers and subscribers together on a journal that grows: see tests.rig.publishing; long: publisher."""

import pytest

from tests.rig.publishing import TABLES, play


@pytest.mark.parametrize("processes", [1, 2])
async def test_every_chain_is_unbroken_and_equal_to_a_fresh_snapshot(kind, processes, monkeypatch):
    monkeypatch.setattr("agent_ui.feeds.KEPT", 32)  # so few events, and some were away for longer than is kept
    databases = [await kind.open(TABLES) for _ in range(processes)]
    played = await play(databases, events=2_000, disconnects=10, seed=2026)
    assert played.faults == [], played.figures()
    assert played.counts["first: changes"] + played.counts["first: nothing"] > 10, "some did resume"
    assert played.counts["first: snapshot"] > 5
