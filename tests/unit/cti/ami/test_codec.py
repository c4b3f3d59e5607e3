import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contactcenter.core.errors import Invalid
from cti.ami.codec import MAX_HEADERS, Decoder, Message, encode_action

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
STREAM = (
    BANNER
    + b"Response: Success\r\nActionID: a-1\r\nMessage: Authentication accepted\r\n\r\n"
    + "Event: Newchannel\r\nCallerIDName: Jörg 日本 😀\r\nUniqueid: 1.1\r\nAccountCode: \r\n\r\n".encode()
    + b"Event: Odd\r\nno colon here\r\nEmpty:\r\nTight:x: y\r\nBad: \xff\xfe\xc3\r\n\r\n"
    + b"\r\n\r\n\r\nEvent: Late\r\nText: a\nb: c\r\n\r\n"
    + b"Response: Success\r\nActionID: a-2\r\nOutput: 1\r\nOutput: 2\r\n\r\n"
    + b"Neither: nor\r\n\r\n"
    + b"Event: Long\r\nBefore: 1\r\nX: "
    + b"y" * 80
    + b"\r\nAfter: 2\r\n\r\n"
    + b"Event: Skipped\r\nA: b\r\n\r\nEvent: Skipped\r\nActionID: a-3\r\n\r\nEvent: Last\r\n\r\n"
)
WANTED = ("Newchannel", "Odd", "Late", "Long", "Last")


def decode(*chunks: bytes, **limits: int) -> tuple[Decoder, list[Message]]:
    decoder = Decoder(WANTED, **({"max_line": 64} | limits))
    return decoder, [message for chunk in chunks for message in decoder.feed(chunk)]


def test_a_stream_in_one_chunk() -> None:
    decoder, messages = decode(STREAM)
    assert [message.kind for message in messages] == [
        *("Response", "Newchannel", "Odd", "Late", "Response", "Long", "Skipped", "Last")
    ]
    assert messages[1].get("callerIDname") == "Jörg 日本 😀"
    assert messages[1].get("AccountCode", "?") == ""
    assert messages[2].headers[1:] == [("Empty", ""), ("Tight:x", "y"), ("Bad", "\ufffd\ufffd\ufffd")]
    assert messages[3].headers == [("Event", "Late"), ("Text", "a\nb: c")]
    assert messages[4].get_all("output") == ["1", "2"]
    assert messages[5].headers == [("Event", "Long"), ("Before", "1"), ("After", "2")]
    assert messages[6].get("ActionID") == "a-3"
    assert decoder.banner == "Asterisk Call Manager/11.0.0"
    assert (decoder.decoded, decoder.skipped, decoder.malformed, decoder.overlong) == (8, 1, 2, 1)


def test_every_split_position() -> None:
    _, whole = decode(STREAM)
    for at in range(len(STREAM) + 1):
        decoder, messages = decode(STREAM[:at], STREAM[at:])
        assert messages == whole, at
        assert (decoder.skipped, decoder.malformed, decoder.overlong) == (1, 2, 1), at


def test_byte_by_byte() -> None:
    _, whole = decode(STREAM)
    assert decode(*(bytes([byte]) for byte in STREAM))[1] == whole


_TOKENS = [b"\r\n", b"\r\n\r\n", b"\r", b"\n", b": ", b":", b"Event: ", b"Response: ", b"Odd", b"\xc3", b"\xa4"]
_PIECES = st.sampled_from([*_TOKENS, b"z" * 70])


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES | st.binary(max_size=8), max_size=60), st.lists(st.integers(0, 400), max_size=12))
def test_any_bytes_split_anywhere_give_the_same_messages(pieces: list[bytes], cuts: list[int]) -> None:
    stream = BANNER + b"".join(pieces)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(*chunks, max_message=200)[1] == decode(stream, max_message=200)[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=8))
def test_messages_round_trip(values: list[tuple[str, str]]) -> None:
    clean = [(f"H{i}", a.replace("\r", "") + b.replace("\r", "")) for i, (a, b) in enumerate(values)]
    text = "".join(f"{name}: {value}\r\n" for name, value in [("Event", "Odd"), *clean]) + "\r\n"
    _, messages = decode(BANNER, text.encode(errors="replace"), max_line=4096)
    assert messages[0].headers[1:] == [(n, v.encode(errors="replace").decode()) for n, v in clean]


def test_of_a_repeated_header_the_first_counts_whatever_its_spelling() -> None:
    message = Message.of([("Event", "UserEvent"), ("Uniqueid", "real"), ("UniqueID", "forged"), ("uniqueid", "forged")])
    assert [message.get(name) for name in ("Uniqueid", "UniqueID", "uniqueid")] == ["real"] * 3
    assert "UNIQUEID" in message
    assert "Linkedid" not in message


def test_held_memory_is_bounded_and_the_stream_recovers() -> None:
    decoder = Decoder(max_line=100, max_message=1000)
    decoder.feed(BANNER + b"Event: A\r\nX: ")
    for _ in range(1000):
        decoder.feed(b"y" * 50)
        assert len(decoder._rest) < 1200
    assert [m.headers for m in decoder.feed(b"\r\nB: 1\r\n\r\n")] == [[("Event", "A"), ("B", "1")]]
    for _ in range(1000):
        decoder.feed(b"Line: of many\r\n")
        assert len(decoder._rest) < 1200
    assert decoder.feed(b"\r\nEvent: B\r\n\r\n")[-1].kind == "B"
    assert decoder.overlong == 2


def test_a_peer_without_a_banner() -> None:
    decoder = Decoder()
    assert decoder.feed(b"Event: A\r\n\r\n")[0].kind == "A"
    assert decoder.banner == ""


def test_encoding() -> None:
    data = encode_action("Originate", {"Channel": "PJSIP/a", "Priority": 1, "Variable": ["A=1", "B=ö"]}, "x-1")
    assert data.decode() == (
        "Action: Originate\r\nActionID: x-1\r\n"
        "Channel: PJSIP/a\r\nPriority: 1\r\nVariable: A=1\r\nVariable: B=ö\r\n\r\n"
    )


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "x\r\nAction: Originate", "\r\n\r\n"])
@pytest.mark.parametrize("place", ["action", "id", "name", "value", "item"])
def test_control_characters_are_refused_everywhere(bad: str, place: str) -> None:
    name, action_id, fields = {
        "action": (f"Ping{bad}", "1", {}),
        "id": ("Ping", f"1{bad}", {}),
        "name": ("Ping", "1", {f"X{bad}": "1"}),
        "value": ("Ping", "1", {"X": f"1{bad}"}),
        "item": ("Ping", "1", {"X": ["ok", f"1{bad}"]}),
    }[place]
    with pytest.raises(Invalid):
        encode_action(name, fields, action_id)


@pytest.mark.parametrize("name", ["", "A: B", "A B", "Ä", "Action", "actionid", "ACTION"])
def test_header_names_that_are_none_or_ours(name: str) -> None:
    with pytest.raises(Invalid):
        encode_action("Ping", {name: "x"}, "1")


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        encode_action("Ping", {"X": "\ud800"}, "1")
    assert caught.value.code == "ami-not-text"


def test_limits_of_asterisk() -> None:
    encode_action("Ping", {f"H{i}": "x" for i in range(MAX_HEADERS - 2)}, "1")
    with pytest.raises(Invalid, match="ami-too-many-headers"):
        encode_action("Ping", {f"H{i}": "x" for i in range(MAX_HEADERS - 1)}, "1")
    encode_action("Ping", {"X": "y" * (1024 - 5)}, "1")
    with pytest.raises(Invalid, match="ami-line-too-long"):
        encode_action("Ping", {"X": "y" * (1024 - 4)}, "1")


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_accepted_is_one_action_with_these_headers(name: str, value: str) -> None:
    try:
        data = encode_action("Ping", {name: value}, "1")
    except Invalid:
        return
    assert data.count(b"\r\n\r\n") == 1
    assert data.split(b"\r\n")[2] == f"{name}: {value}".encode()
    assert len(data.split(b"\r\n")) == 5
