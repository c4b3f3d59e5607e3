import pytest

from cti.ami import Decoder, Message, encode_action
from cti.pbx_simulator.ami_session import MAX_ACTION_BYTES, Account, AmiSession, encode

ACCOUNT = Account("cc", "secret")
LOGIN = encode_action("Login", {"Username": "cc", "Secret": "secret"}, "1")
NEWS = [("Event", "Newchannel"), ("Uniqueid", "x")]


def session() -> AmiSession:
    return AmiSession(ACCOUNT, ["Newchannel"])


def answers(done: list[bytes | Message]) -> list[Message]:
    decoder = Decoder()
    decoder.feed(b"banner\r\n")
    return [message for one in done if isinstance(one, bytes) for message in decoder.feed(one)]


def test_login_then_booted_then_events() -> None:
    one = session()
    assert not one.wants(NEWS)
    accepted, booted = answers(one.feed(LOGIN))
    assert (accepted.get("Response"), accepted.get("ActionID"), booted.kind) == ("Success", "1", "FullyBooted")
    assert one.wants(NEWS)
    assert not one.wants([("Event", "VarSet")]), "not what our AMI user is let see"


@pytest.mark.parametrize("fields", [{"Username": "cc", "Secret": "wrong"}, {"Username": "dd", "Secret": "secret"}, {}])
def test_a_wrong_login_ends_the_connection(fields: dict[str, str]) -> None:
    one = session()
    (refused,) = answers(one.feed(encode_action("Login", fields, "1") + encode_action("Ping", {}, "2")))
    assert (refused.get("Response"), refused.get("Message")) == ("Error", "Authentication failed")
    assert (one.is_over, one.is_logged_in) == (True, False)


def test_nothing_is_done_before_the_login() -> None:
    (refused,) = answers(session().feed(encode_action("Originate", {"Channel": "x"}, "1")))
    assert (refused.get("Response"), refused.get("Message")) == ("Error", "Permission denied")


def test_a_second_login_changes_nothing() -> None:
    one = session()
    one.feed(LOGIN)
    (again,) = answers(one.feed(encode_action("Login", {"Username": "cc", "Secret": "wrong"}, "2")))
    assert (again.get("Response"), one.is_logged_in) == ("Success", True)


def test_events_may_be_switched_off() -> None:
    one = session()
    one.feed(LOGIN)
    for mask, wants in (("off", False), ("on", True)):
        one.feed(encode_action("Events", {"EventMask": mask}, "2"))
        assert one.wants(NEWS) is wants
    quiet = session()
    quiet.feed(encode_action("Login", {"Username": "cc", "Secret": "secret", "Events": "off"}, "1"))
    assert not quiet.wants(NEWS)


def test_goodbye() -> None:
    one = session()
    one.feed(LOGIN)
    (farewell,) = answers(one.feed(encode_action("Logoff", {}, "2")))
    assert (farewell.get("Response"), one.is_over) == ("Goodbye", True)


def test_split_anywhere_and_several_at_once() -> None:
    data = LOGIN + encode_action("Setvar", {"Channel": "x", "Value": "Jörg: a"}, "2") + encode_action("Ping", {}, "3")
    for at in range(len(data)):
        one = session()
        actions = [action for action in (*one.feed(data[:at]), *one.feed(data[at:])) if isinstance(action, Message)]
        assert [action.get("Action") for action in actions] == ["Setvar", "Ping"]
        assert actions[0].get("Value") == "Jörg: a"


def test_what_is_no_action_is_passed_over_and_too_much_ends_it() -> None:
    one = session()
    one.feed(LOGIN)
    assert one.feed(b"hello\r\n\r\n\r\n\r\nVariable: x\r\n\r\n") == []
    one.feed(b"x" * (MAX_ACTION_BYTES + 1))
    assert one.is_over


def test_line_ends_in_a_value_forge_nothing() -> None:
    assert encode([("Event", "X"), ("Name", "a\r\n\r\nEvent: Y")]) == b"Event: X\r\nName: a    Event: Y\r\n\r\n"
