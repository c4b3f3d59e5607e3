from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactcenter.core.errors import Invalid
from cti.agi.protocol import (
    MAX_LINE_BYTES,
    MAX_REQUEST_BYTES,
    AgiProtocol,
    Answer,
    Event,
    HangupNotice,
    Request,
    encode_command,
    parse_answer,
    quote,
    set_variable,
)

BLOCK = (
    "agi_network: yes\nagi_network_script: ivr?x=1\nagi_request: agi://127.0.0.1:4573/ivr\nagi_channel: PJSIP/trunk-1\n"
    "agi_language: en\nagi_uniqueid: 1700000000.7\nagi_callerid: +4930123\nagi_calleridname: Jürgen: \u202eO\n"
    "agi_extension: 100\nagi_accountcode: \nagi_arg_1: 4930100\n\n"
).encode()
ANSWERS = (
    b"200 result=1\n200 result=50 endpos=1234\nHANGUP\n200 result=1 (a (b) c)\n100 result=0 Trying...\n"
    b"520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER\n\tAnswers.\n520 End of proper usage.\n"
    b"510 Invalid or unknown command\n511 Command Not Permitted on a dead channel or intercept routine\n"
)


def feed(*chunks: bytes) -> list[Event]:
    protocol = AgiProtocol()
    return [event for chunk in chunks for event in protocol.receive(chunk)]


def test_the_request_block() -> None:
    (request,) = feed(BLOCK)
    assert isinstance(request, Request)
    assert request.path == "/ivr"
    assert request.fields["uniqueid"] == "1700000000.7"
    assert request.fields["calleridname"] == "Jürgen: \u202eO"
    assert request.fields["accountcode"] == ""


def test_answers_of_every_kind_in_order() -> None:
    _, *events = feed(BLOCK + ANSWERS)
    assert [event for event in events if isinstance(event, HangupNotice)] == [HangupNotice()]
    codes = [(event.code, event.result, event.data, event.endpos) for event in events if isinstance(event, Answer)]
    assert codes == [
        (200, "1", "", None),
        (200, "50", "", 1234),
        (200, "1", "a (b) c", None),
        (520, "", "", None),
        (510, "", "", None),
        (511, "", "", None),
    ]
    assert "Usage: ANSWER\n\tAnswers." in events[4].text  # type: ignore[union-attr]


@given(st.lists(st.integers(0, len(BLOCK + ANSWERS)), max_size=12))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    data = BLOCK + ANSWERS
    places = [0, *sorted(cuts), len(data)]
    assert feed(*(data[a:b] for a, b in pairwise(places))) == feed(data)


def test_every_single_split_and_byte_by_byte() -> None:
    data = BLOCK + ANSWERS
    whole = feed(data)
    assert all(feed(data[:cut], data[cut:]) == whole for cut in range(len(data)))
    assert feed(*(data[place : place + 1] for place in range(len(data)))) == whole


@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_refused(data: bytes) -> None:
    for head in (b"", BLOCK):
        with suppress(Invalid):
            assert all(isinstance(event, Request | Answer | HangupNotice) for event in feed(head, data))


def test_a_field_given_twice_keeps_the_first() -> None:
    (request,) = feed(b"agi_uniqueid: true.1\nagi_calleridname: x\nagi_uniqueid: forged.2\n\n")
    assert isinstance(request, Request)
    assert request.fields["uniqueid"] == "true.1"


def test_half_a_character_is_replaced_not_lost() -> None:
    (request,) = feed(b"agi_calleridname: A\xc3\n\n")
    assert isinstance(request, Request)
    assert request.fields["calleridname"] == "A\ufffd"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "agi-malformed"),
        (b"agi_x no colon\n", "agi-malformed"),
        (b"agi_x: " + b"a" * MAX_LINE_BYTES, "agi-line-too-long"),
        (b"agi_x: " + b"a" * MAX_LINE_BYTES + b"\n", "agi-line-too-long"),
        (b"agi_x: 1\n" * (MAX_REQUEST_BYTES // 9 + 1), "agi-request-too-large"),
        (BLOCK + b"hello\n", "agi-malformed"),
        (BLOCK + b"520-Usage\n" + b"more\n" * MAX_LINE_BYTES, "agi-line-too-long"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        feed(data)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("200 result=-1", Answer(200, "-1", "", None, "result=-1")),
        ("200 result=1234 (timeout)", Answer(200, "1234", "timeout", None, "result=1234 (timeout)")),
        ("200 result=1 (timeout) endpos=8000", Answer(200, "1", "timeout", 8000, "result=1 (timeout) endpos=8000")),
        ("200 result=", Answer(200, "", "", None, "result=")),
        ("200 result=1 (x) endpos=5)", Answer(200, "1", "x) endpos=5", None, "result=1 (x) endpos=5)")),
        ("510", Answer(510)),
        ("100 result=0 Trying...", None),
    ],
)
def test_answer_lines(line: str, answer: Answer | None) -> None:
    assert parse_answer(line) == answer


def test_the_number_of_an_answer_is_minus_one_when_it_is_none() -> None:
    assert [Answer(200, text).number for text in ("50", "-1", "", "*", "9" * 400)] == [50, -1, -1, -1, -1]


def test_commands_are_quoted() -> None:
    assert encode_command("STREAM FILE", "hello", "12#") == b'STREAM FILE "hello" "12#"\n'
    assert encode_command("X", 'a "b" \\ c') == b'X "a \\"b\\" \\\\ c"\n'
    assert set_variable("CC_NEXT", "hold") == b'SET VARIABLE CC_NEXT "hold"\n'


def asterisk_arguments(line: str) -> list[str]:
    """res_agi's rules for taking a command line apart, written down a second time."""
    words, word, quoted, escaped, inside = [], "", False, False, False
    for char in line:
        if escaped or char not in '"\\ \t':
            word, escaped, inside = word + char, False, True
        elif char == "\\":
            escaped = inside = True
        elif char == '"':
            quoted, inside = not quoted, True
        elif quoted:
            word += char
        else:
            words, word, inside = ([*words, word] if inside else words), "", False
    return [*words, word] if inside else words


@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60))
def test_asterisk_reads_back_what_was_quoted(value: str) -> None:
    line = encode_command("SET VARIABLE A", value).decode()
    assert line.count("\n") == 1
    assert asterisk_arguments(line[:-1]) == ["SET", "VARIABLE", "A", value]


@pytest.mark.parametrize("value", ["a\nHANGUP", "a\rb", "a\0b", "\n"])
def test_line_breaks_and_nul_never_reach_the_wire(value: str) -> None:
    with pytest.raises(Invalid, match="agi-unsafe-value"):
        quote(value)
    with pytest.raises(Invalid, match="agi-unsafe-value"):
        set_variable("A", value)


@pytest.mark.parametrize("name", ["SHELL(id)", "A B", "", "A\nB", "1A", "A" * 100, "A=B", "CC_\u00c4"])
def test_only_plain_variable_names(name: str) -> None:
    with pytest.raises(Invalid, match="agi-bad-variable-name"):
        set_variable(name, "x")


def test_commands_longer_than_asterisks_buffer_are_refused() -> None:
    with pytest.raises(Invalid, match="agi-command-too-long"):
        set_variable("A", "ä" * 1000)
