from dataclasses import replace

from tests.rig.manager_witness import MOST, ManagerWitness
from tests.unit.rig.test_compare import BEGAN, CALL


def hangup(uniqueid: str, at: float, event: str = "Hangup") -> bytes:
    return f"Event: {event}\r\nTimestamp: {at:.6f}\r\nChannel: PJSIP/trunk-1\r\nUniqueid: {uniqueid}\r\n\r\n".encode()


def test_asterisk_is_as_late_as_the_worst_of_the_calls_heard_and_never_more_than_half_a_second() -> None:
    witness = ManagerWitness({})
    witness.take(b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n")
    witness.take(hangup("somebody-else", BEGAN + 99))
    assert witness.lateness([CALL]) == 0.0
    witness.take(hangup(CALL.uniqueid, BEGAN + 9.125))
    assert round(witness.lateness([CALL]), 6) == 0.125
    witness.take(hangup(CALL.uniqueid, BEGAN + 16))
    assert witness.lateness([CALL]) == MOST


def test_it_may_be_late_with_the_answer_too() -> None:
    witness = ManagerWitness({})
    call = replace(CALL, answered_at=BEGAN + 3)
    witness.take(hangup(CALL.uniqueid, BEGAN + 3.25, "BridgeEnter"))
    witness.take(hangup(CALL.uniqueid, BEGAN + 5, "BridgeEnter"))
    assert round(witness.lateness([call]), 6) == 0.25
