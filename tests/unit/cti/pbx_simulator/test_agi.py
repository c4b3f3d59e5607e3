import pytest

from cti import dialplan_names as names
from cti.pbx_simulator.people import Customer
from tests.unit.cti.pbx_simulator.stage import HOLD, Stage


def asked(*commands: str, press: str = "", delay: float = 1.0, seconds: float = 60.0) -> list[str]:
    """What a session that sends these commands is answered; the caller presses after ``delay``."""
    stage = Stage()
    stage.scripts["ivr"] = ["ANSWER", "SET AUTOHANGUP 0", *commands, HOLD]
    stage.calls(Customer("+4930901820", "1000", "Ada", digits=press, delay=delay, patience=100.0))
    stage.advance(seconds)
    return stage.heard[2 : 2 + len(commands)]


@pytest.mark.parametrize(
    "command, answer",
    [
        ("NOOP", "200 result=0"),
        ("SET AUTOHANGUP 0", "200 result=0"),
        ('SET VARIABLE CC_X "a \\"b\\" c"', "200 result=1"),
        ("CHANNEL STATUS", "200 result=6"),
        ("GET VARIABLE UNKNOWN", "200 result=0"),
        ("GET VARIABLE EXTEN", "200 result=1 (1000)"),
        ("JUGGLE", "510 Invalid or unknown command"),
        ('STREAM FILE "hello" ""', "200 result=0 endpos=16000"),
        ("WAIT FOR DIGIT 500", "200 result=0 endpos=4000"),
        ('RECORD FILE "x" "wav" "#" 60000 "s=2"', "200 result=0 endpos=40000"),
        ("GET DATA hello 1000 4", "200 result= (timeout)"),
    ],
)
def test_answers(command: str, answer: str) -> None:
    assert asked(command) == [answer]


def test_a_variable_with_quotes_comes_back() -> None:
    assert asked('SET VARIABLE CC_X "a \\"b\\" \\\\ c"', "GET VARIABLE CC_X")[1] == '200 result=1 (a "b" \\ c)'


@pytest.mark.parametrize(
    "command, press, answer",
    [
        ('STREAM FILE "hello" "12"', "2", "200 result=50 endpos=8000"),
        ('STREAM FILE "hello" "12"', "7", "200 result=0 endpos=16000"),
        ('STREAM FILE "hello" ""', "2", "200 result=0 endpos=16000"),
        ("WAIT FOR DIGIT 5000", "*", "200 result=42 endpos=8000"),
        ("GET DATA hello 5000 2", "123", "200 result=12"),
        ("GET DATA hello 5000", "12#", "200 result=12"),
        ('RECORD FILE "x" "wav" "#" 60000', "#", "200 result=35 endpos=8000"),
    ],
)
def test_digits(command: str, press: str, answer: str) -> None:
    assert asked(command, press=press) == [answer]


def test_a_digit_pressed_while_nobody_listens_is_there_for_the_next_who_does() -> None:
    assert asked('STREAM FILE "hello" ""', "WAIT FOR DIGIT 5000", press="5")[1].startswith("200 result=53")


def test_hang_up_by_the_server() -> None:
    stage = Stage()
    stage.scripts["ivr"] = ["HANGUP"]
    stage.calls(Customer("+49", "1000"))
    assert stage.heard == ["200 result=1", "HANGUP"]
    assert stage.exchange.channels == {}


def test_the_caller_hangs_up_while_a_sound_plays() -> None:
    stage = Stage()
    stage.scripts["ivr"] = ['STREAM FILE "hello" ""', HOLD]
    caller = stage.calls(Customer("+49", "1000"))
    stage.act("Hangup", Channel=caller)
    stage.advance(5.0)
    assert stage.heard == ["200 result=-1", "HANGUP"]


def test_time_is_over_in_the_middle_of_a_sound() -> None:
    stage = Stage()
    stage.scripts["ivr"] = ["SET AUTOHANGUP 1", 'STREAM FILE "hello" ""', HOLD]
    caller = stage.calls(Customer("+49", "1000"))
    stage.advance(1.1)
    assert stage.heard == ["200 result=0", "200 result=-1", "HANGUP"]
    assert stage.place(caller) == (names.FALLBACK, "Queue")


def test_a_server_that_closes_without_a_word_leaves_its_caller_to_the_fallback() -> None:
    stage = Stage()
    stage.scripts["ivr"] = []
    caller = stage.calls(Customer("+49", "1000"))
    assert stage.place(caller) == (names.FALLBACK, "Queue")


def test_a_connection_that_does_not_come_in_time() -> None:
    stage = Stage()
    stage._open = lambda session, request: None  # type: ignore[method-assign]
    caller = stage.calls(Customer("+49", "1000"))
    assert stage.place(caller) == (names.IVR, "AGI")
    stage.advance(2.1)
    assert stage.place(caller) == (names.FALLBACK, "Queue")
