"""A flow that could not go on: its caller goes on in the PBX's fallback, and is not sent round to the same fault."""

from contactcenter.interactions import ports
from tests.fakes.room import SERVER, Room


def test_a_caller_whose_flow_could_not_go_on_stays_in_the_fallback():
    room = Room()
    item = room.arrive()
    assert room.assignments.what_next(SERVER, item.leg_id) == "ivr"
    room.assignments.flow_left(SERVER, item.leg_id, ports.FlowExit.FALLBACK)
    assert room.assignments.what_next(SERVER, item.leg_id) == "stay"


def test_once_in_a_queue_he_waits_like_anybody():
    room = Room()
    item = room.arrive()
    room.assignments.flow_left(SERVER, item.leg_id, ports.FlowExit.FALLBACK)
    room.enqueue(item)
    assert not item.in_fallback
    assert room.assignments.what_next(SERVER, item.leg_id) == "hold"
