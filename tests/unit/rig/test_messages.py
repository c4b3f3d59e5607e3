from datetime import datetime

from tests.rig.messages import Tail, first_times, number_of, parse, read

MARK = b"----------------------------------------------- "
INVITE = (
    MARK + b"2026-11-21 19:02:12.202434\nUDP message sent (546 bytes):\n\n"
    b"INVITE sip:3000@127.0.0.1:15400 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9\r\n"
    b'From: "\xd0" <sip:1@127.0.0.1>;tag=1\r\nCall-ID: 1-12@127.0.0.1\r\nCSeq: 1 INVITE\r\n\r\n'
    b"v=0\r\nCall-ID: not-this@one\r\n\n"
)
OK = (
    MARK + b"2026-11-21 19:02:12.720001\nUDP message received [400] bytes :\n\n"
    b"SIP/2.0 200 OK\r\ncall-id: 1-12@127.0.0.1\r\nCSeq: 1 INVITE\r\n\r\n"
)
BYE_OK = OK.replace(b"1 INVITE", b"2 BYE").replace(b".720001", b".999999")


def local(text):
    return datetime.fromisoformat(text).astimezone().timestamp()


def test_messages_with_their_times_and_directions():
    invite, ok = parse(INVITE + OK)
    assert (invite.first, invite.sent, invite.request_user, invite.call_id) == (
        "INVITE",
        True,
        "3000",
        "1-12@127.0.0.1",
    )
    assert invite.at == local("2026-11-21 19:02:12.202434")
    assert (ok.first, ok.sent, ok.cseq_method, ok.request_user) == ("200", False, "INVITE", "")


def test_first_times_leave_out_retransmissions_other_directions_and_other_transactions():
    log = INVITE + INVITE.replace(b".202434", b".702434") + BYE_OK + OK
    assert first_times(parse(log), "INVITE", sent=True) == {"1-12@127.0.0.1": local("2026-11-21 19:02:12.202434")}
    assert first_times(parse(log), "200", sent=False) == {"1-12@127.0.0.1": local("2026-11-21 19:02:12.720001")}
    assert first_times(parse(log), "200", sent=True) == {}


def test_a_log_cut_anywhere_gives_whole_messages_or_none(tmp_path):
    log = INVITE + OK
    for end in range(len(log)):
        assert [m.first for m in parse(log[:end])][:1] in ([], ["INVITE"])
    assert read(tmp_path / "missing.log") == []
    assert list(parse(b"")) == []


def test_a_tail_gives_each_message_once_and_only_when_it_is_whole(tmp_path):
    path = tmp_path / "messages.log"
    tail, told = Tail(path), []
    assert tail.new() == []
    log = INVITE + OK + BYE_OK
    for cut in (10, len(INVITE) - 5, len(INVITE) + 60, len(log)):
        path.write_bytes(log[:cut])
        told += [(one.first, one.cseq_method) for one in tail.new()]
    assert told == [("INVITE", "INVITE"), ("200", "INVITE")]
    assert [one.cseq_method for one in tail.new()] == ["BYE"], "nothing more came: it is whole"
    assert tail.new() == []


def test_the_number_is_the_one_in_from():
    invite, ok = parse(INVITE + OK)
    assert (number_of(invite), number_of(ok)) == ("1", "")
