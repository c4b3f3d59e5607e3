"""The account of one who waits, as the live page shows it."""

from agent_ui.projections.why import why_panel
from contactcenter.core.ids import SkillId
from contactcenter.queues.model import Step
from routing.why import explain_waiting
from tests.fakes.room import Room, queue


def test_everything_that_time_changes_is_told_in_its_order() -> None:
    room = Room(queues=[queue(steps=(Step(30.0, {SkillId("s-none"): 0}),), late_after=60.0)])
    room.agent("ines")
    item = room.call(skills={"s-none": 1})
    told = {"now": explain_waiting(room.engine, item.interaction_id, room.time.timestamp()), "decisions": []}
    panel = why_panel(told, room.picture)
    assert item.visit is not None
    assert [
        (one["kind"], (one["at"] - item.visit.entered_at).total_seconds(), one["agent"]) for one in panel["next"]
    ] == [
        ("relaxes", 30.0, None),
        ("late", 60.0, None),
    ]
    assert why_panel({"now": None, "decisions": []}, room.picture)["next"] == []
