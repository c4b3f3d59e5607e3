import pytest

from tests.oracle import cel
from tests.oracle.cel import BadRow, parse, read

ENTER = (
    '"BRIDGE_ENTER","1795287774.240319","res-5","rig-1795287762.2","PJSIP/agent-101-00000007","+15550100","s",'
    '"cc-bridge","Bridge","PJSIP/trunk-00000002","",'
    '"{""bridge_id"":""8b8271e2"",""bridge_technology"":""simple_bridge""}","rig-1795287762.2"\n'
)
HOLD = (
    '"CCHold","1795287763.722044","rig-1795287762.2","rig-1795287762.2","PJSIP/trunk-00000002","+15550100","1000",'
    '"cc-hold","CELGenUserEvent","","CCHold","{""extra"":""x""}"\n'
)


def test_a_row_as_asterisk_writes_it():
    (row,) = parse(ENTER)
    assert (row.event, row.time, row.uniqueid, row.linkedid) == (
        cel.BRIDGE_ENTER,
        1795287774.240319,
        "res-5",
        "rig-1795287762.2",
    )
    assert (row.channel, row.peer, row.bridge_id) == ("PJSIP/agent-101-00000007", "PJSIP/trunk-00000002", "8b8271e2")
    assert row.account == "rig-1795287762.2"


def test_a_user_event_is_told_by_its_type_and_the_account_may_be_missing():
    (row,) = parse(HOLD)
    assert (row.event, row.user_event, row.account) == (cel.USER_DEFINED, "CCHold", "")


def test_a_user_event_cannot_pass_for_one_of_asterisks_own():
    (row,) = parse(HOLD.replace("CCHold", "HANGUP"))
    assert row.event == cel.USER_DEFINED


def test_quoted_quotes_commas_and_line_ends_stay_in_their_field():
    (row,) = parse(HOLD.replace("+15550100", 'a""b,c\r\nd'))
    assert row.caller_number == 'a"b,c\r\nd'


@pytest.mark.parametrize(
    "line",
    [
        '"HANGUP","1"\n',
        HOLD.replace("1795287763.722044", "2026-11-21"),
        HOLD.replace('{""extra"":""x""}', "{"),
        HOLD.replace('{""extra"":""x""}', "[1]"),
        ENTER.strip() + ',"one","too many"\n',
    ],
)
def test_what_is_no_row_is_refused(line):
    with pytest.raises(BadRow):
        list(parse(line))


def test_reading_goes_on_where_it_ended_and_leaves_a_half_written_row(tmp_path):
    path = tmp_path / "cel.csv"
    path.write_text(ENTER + HOLD[:40])
    rows, offset = read(path)
    assert [row.event for row in rows] == [cel.BRIDGE_ENTER]
    assert offset == len(ENTER)
    path.write_text(ENTER + HOLD)
    rows, offset = read(path, offset)
    assert [row.user_event for row in rows] == ["CCHold"]
    assert read(path, offset) == ([], offset)


def test_a_row_cut_inside_a_quoted_line_end_is_left_too(tmp_path):
    path = tmp_path / "cel.csv"
    broken = HOLD.replace("+15550100", "one\ntwo")
    path.write_text(ENTER + broken[: broken.index("\n") + 3])
    rows, offset = read(path)
    assert (len(rows), offset) == (1, len(ENTER))


def test_bytes_that_are_no_text_are_kept(tmp_path):
    path = tmp_path / "cel.csv"
    path.write_bytes(HOLD.encode().replace(b"+15550100", b"\xd0+1"))
    ((row,), _) = read(path)
    assert row.caller_number.encode("utf-8", "surrogateescape") == b"\xd0+1"


def test_an_empty_file_has_no_rows(tmp_path):
    path = tmp_path / "cel.csv"
    path.write_bytes(b"")
    assert read(path) == ([], 0)
