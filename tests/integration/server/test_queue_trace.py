"""Forty calls through our router and, at the same time, through app_queue: ours leaves nobody waiting for nothing.

The short version of the benchmark ``queue_trace``; what depends on the machine's speed has wide margins.
"""

from pathlib import Path

from tests.rig.queue_traces import Plan, play_trace

PLAN = Plan(calls=40, agents=9, least_talk=1.0, most_talk=4.0, patience=6.0, answer_after=0.5, wrap_up_time=1)
WITHIN = 3.0
BESIDE_IDLE_MOST = 2.0  # seconds; 0.03 on a machine that is not busy, app_queue's own is 1
MARGIN = 25.0  # points of service level: ten calls of forty


async def test_ours_is_not_worse_than_app_queue_and_nobody_waits_beside_an_idle_agent(tmp_path: Path) -> None:
    sides = await play_trace(PLAN, tmp_path)
    ours, native = sides["ours"], sides["native"]
    assert ours.problems == []
    assert len(ours.calls) == len(native.calls) == PLAN.calls
    assert len({one.agent for one in ours.alerts}) > 1
    assert max(one.rung_at - one.offered_at for one in ours.calls if one.rung_at) > 0.5, "nobody had to wait"
    assert max(ours.left_waiting()) < BESIDE_IDLE_MOST
    assert ours.service_level(WITHIN) > native.service_level(WITHIN) - MARGIN
