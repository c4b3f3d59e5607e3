"""A transferred customer on two agents' desks and on the live page: each sees his own part of the interaction."""

from agent_ui.projections.live import transfer_queues
from contactcenter.core.hours import HoursText
from contactcenter.core.ids import QueueId
from tests.fakes.room import QUEUE, queue
from tests.fakes.screens import Screens, turn
from tests.unit.agent_ui.test_hub import CALLER

SALES = QueueId("q-sales")


async def test_each_sees_his_own_part() -> None:
    screens = Screens()
    room = screens.room
    room.define(queue(queue_id=SALES, name="Sales"))
    for number, name in enumerate(("ann", "bea"), start=1):
        room.agent(name, number, idle=10.0 - number)
    ann, bea, live = screens.open("ann"), screens.open("bea"), screens.supervise("t-north")
    item = room.call()
    leg = room.connect(item)
    room.time.advance(12)
    assert item.segment is not None
    room.assignments.texts_saved(item, item.segment, "wants May", None, room.time.now())
    room.assignments.transfers.begin(item, item.segment, room.picture.queues[SALES])()
    room.leg_ends(leg)
    await turn()
    key = f"work:{item.interaction_id}"
    ann.read()
    bea.read()
    his, hers = ann.slots[key], bea.slots[key]
    assert (his["state"], his["queue"]["name"], his["transferred_to"]["name"]) == ("wrap-up", "Support", "Sales")
    assert (his["talk_time"], his["note"], his["transfer"], his["why"]) == (12.0, "wants May", None, None)
    assert his["wrap_up"] is not None
    assert (hers["state"], hers["queue"]["name"], hers["answered_at"], hers["note"]) == ("alerting", "Sales", None, "")
    assert (hers["transfer"]["agent"]["name"], hers["transfer"]["queue"]["name"]) == ("Ann", "Support")
    assert (hers["transfer"]["note"], hers["transfer"]["at"]) == (
        "wants May",
        item.segment.ended_at.isoformat()[:19] + "Z",
    )
    room.time.advance(4)
    room.connect(item)
    room.assignments.texts_saved(item, item.earlier[0], "wants May, again", None, room.time.now())
    await turn()
    ann.read()
    bea.read()
    hers = bea.slots[key]
    assert (hers["state"], hers["waited"], hers["note"]) == ("talking", 4.0, "")
    assert hers["transfer"]["note"] == "wants May, again", "what he still writes is there at once"
    assert ann.slots[key]["state"] == "wrap-up"
    await screens.beat()
    live.read()
    tiles = [one for key, one in live.slots.items() if key.startswith("agent:")]
    assert {one["name"]: (one["state"], one["queue"]) for one in tiles} == {
        "Ann": ("wrap", "Support"),
        "Bea": ("talking", "Sales"),
    }
    room.leg_ends(CALLER)
    room.time.advance(120)
    await turn()
    ann.read()
    bea.read()
    assert key not in ann.slots
    assert key not in bea.slots


async def test_the_queues_he_can_be_sent_to() -> None:
    screens = Screens()
    room = screens.room
    room.define(queue(queue_id=SALES, name="aftersales", hours=HoursText("UTC", {"mon": ("00:00-00:01",)})))
    room.define(queue(queue_id=QueueId("q-old"), name="Old", is_active=False))
    room.agent("ann", 1)
    room.connect(room.call())
    room.agent("bea", 2)
    room.time.advance(1)
    waiting = room.call("1780000000.2")
    third = room.call("1780000000.3")
    assert waiting.visit is not None
    assert third.visit is not None
    told = transfer_queues(room.picture, room.time.now())
    assert told == [
        {"queue_id": SALES, "name": "aftersales", "waiting": 0, "longest_since": None, "ready": 0, "is_open": False},
        {
            "queue_id": QUEUE,
            "name": "Support",
            "waiting": 2,
            "longest_since": waiting.visit.entered_at,
            "ready": 0,
            "is_open": True,
        },
    ]
