"""What ended while nobody listened, read from the PBX's own records."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import LegId, QueueId, ServerId, VisitId
from contactcenter.interactions.ports import CallArrived, CallerPlace, EndedLeg, LegEnded, PlaceInLine
from cti import cel
from cti.calls import LegRecord
from cti.cel import CelFile, CelNews, CelReading
from cti.dialplan_names import CEL_FIELDS

SERVER = ServerId("pbx-1")
AT = 1_780_000_000.123456


def read_news(text: str, server_id: ServerId) -> CelNews:
    reading = CelReading(server_id)
    reading.feed(text)
    return reading.news()


def ended_legs(text: str) -> Sequence[EndedLeg]:
    return read_news(text, SERVER).ended


def line(uniqueid: str = "1780000000.1", event: str = "HANGUP", *, time: str = f"{AT:.6f}", **fields: str) -> str:
    extra = json.dumps({"hangupcause": 16, "hangupsource": "PJSIP/carrier-1"})
    given = {"event": event, "time": time, "uniqueid": uniqueid, "linkedid": uniqueid, "extra": extra, **fields}
    quoted = [given.get(name, "").replace('"', '""') for name in CEL_FIELDS]
    return ",".join(f'"{value}"' for value in quoted) + "\n"


def test_hangups_are_read_with_cause_and_instant() -> None:
    (leg,) = ended_legs(line("a.1", "CHAN_START") + line("a.1") + line("a.1", "LINKEDID_END"))
    assert (leg.leg_id, leg.cause) == ("a.1", 16)
    assert leg.at.timestamp() == pytest.approx(AT, abs=1e-6)


def test_an_agents_leg_says_whose_call_it_answered_and_when() -> None:
    told = {"channel": "PJSIP/agent-101-0000001f", "account": "pbx1-1780000000.1"}
    (leg,) = ended_legs(
        line("res", "BRIDGE_ENTER", time="1780000001.5", **told)
        + line("res", "BRIDGE_ENTER", time="1780000003.5", **told)
        + line("res", time="1780000009.0", **told)
    )
    assert leg.bridged_at is not None
    assert (leg.endpoint, leg.caller_leg) == ("agent-101", "pbx1-1780000000.1")
    assert leg.bridged_at.timestamp() == 1780000001.5


def test_a_customer_who_talked_has_his_agents_account_code_and_is_no_agent() -> None:
    """As Asterisk 22 writes it: recovery took his leg, which ends last, for the agent's, and the call for abandoned."""
    agent = {"channel": "PJSIP/agent-101-0000001f", "account": "pbx1-1780000000.1"}
    customer = {"channel": "PJSIP/carrier-0000000a", "context": "cc-hold"}
    legs = ended_legs(
        line("pbx1-1780000000.1", "BRIDGE_ENTER", time="1780000001.4", **customer)
        + line("res", "BRIDGE_ENTER", time="1780000001.5", **agent)
        + line("res", time="1780000009.0", **agent)
        + line("pbx1-1780000000.1", time="1780000009.1", account="pbx1-1780000000.1", **customer)
    )
    assert [(leg.leg_id, leg.caller_leg) for leg in legs] == [("res", "pbx1-1780000000.1"), ("pbx1-1780000000.1", None)]


@pytest.mark.parametrize("number", ["\u2028", "\x85", "a,b", 'qu"ote', "\x0b\x0c", "<script>", "\ufffd"])
def test_odd_text_in_a_field_does_not_tear_the_line(number: str) -> None:
    assert [leg.leg_id for leg in ended_legs(line("a.1", caller_number=number) + line("a.2"))] == ["a.1", "a.2"]


@pytest.mark.parametrize(
    "bad",
    [
        "not a record\n",
        '"HANGUP","17',
        '"HANGUP","1780000000.1","open quote\n',
        "HANGUP,a\rb,c\n",
        line(time="never"),
        line(time="1e300"),
        line(extra="{"),
        line(extra="[]"),
        line(extra='{"hangupcause": null}'),
        line(extra='{"hangupcause": "x"}'),
        "x" * 200_000 + "\n",
        "\n",
    ],
)
def test_a_bad_line_spoils_no_other(bad: str) -> None:
    text = line("a.1") + bad + ("" if bad.endswith("\n") else "\n") + line("a.2")
    assert [leg.leg_id for leg in ended_legs(text)] == ["a.1", "a.2"]


def test_a_hangup_without_details_counts() -> None:
    (leg,) = ended_legs(line(extra=""))
    assert leg.cause == 0


def one_a_second(count: int) -> str:
    """Hang-ups a second apart, the last one at AT; some lines are torn."""
    lines = [line(f"a.{n}", time=f"{AT - count + 1 + n:.6f}", caller_number="9" * 40) for n in range(count)]
    return "".join(one if n % 7 else one + "torn,line\n" for n, one in enumerate(lines))


@pytest.mark.parametrize("seconds_ago", [0.0, 1.0, 60.0, 1800.0, 2900.0, 10_000.0, -500.0])
async def test_what_was_written_since_an_instant_is_read_and_not_much_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_ago: float
) -> None:
    path, count = tmp_path / "cel.csv", 3000
    monkeypatch.setattr(cel, "_NEAR", 4096)
    path.write_text(one_a_second(count))
    assert path.stat().st_size > 10 * cel._NEAR
    since = from_timestamp(AT - seconds_ago)
    found = [leg.leg_id for leg in (await CelFile(path, SERVER).news(since)).ended]
    wanted = [f"a.{n}" for n in range(count) if AT - count + 1 + n >= since.timestamp()]
    assert found[len(found) - len(wanted) :] == wanted
    margin = cel.MARGIN.total_seconds() + cel._NEAR / len(line("a.1", caller_number="9" * 40))
    assert len(found) <= len(wanted) + margin + 2


async def test_half_a_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    path.write_text(line("a.1") + line("a.2")[:40])
    assert [leg.leg_id for leg in (await CelFile(path, SERVER).news(None)).ended] == ["a.1"]


async def test_no_more_than_memory_can_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cel.csv"
    path.write_text(one_a_second(1000))
    monkeypatch.setattr(cel, "MOST_BYTES", 5000)
    with capture_logs() as logs:
        news = await CelFile(path, SERVER).news(from_timestamp(AT - 900))
    assert 0 < len(news.ended) < 50
    assert news.ended[-1].leg_id == "a.999"
    assert (news.is_cut, [one["event"] for one in logs]) == (True, ["cel-cut"]), "and it is said"
    assert not (await CelFile(path, SERVER).news(from_timestamp(AT + 60))).is_cut


@pytest.mark.parametrize("piece", [64, 1000, 5000])
async def test_a_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    path = tmp_path / "cel.csv"
    path.write_text(one_a_second(100) + "x" * 20_000 + "\n" + line("a.100", time=f"{AT + 1:.6f}") + line("half")[:60])
    monkeypatch.setattr(cel, "PIECE", piece)
    sizes: list[int] = []
    feed = CelReading.feed
    monkeypatch.setattr(CelReading, "feed", lambda self, text: (sizes.append(len(text)), feed(self, text))[1])
    found = (await CelFile(path, SERVER).news(None)).ended
    longest = max(piece, len(line("a.99", caller_number="9" * 40)))
    assert max(sizes) <= 2 * longest
    wanted = [f"a.{n}" for n in range(101)]
    assert [leg.leg_id for leg in found] == wanted if piece > len(line()) else "a.100"


async def rotated(folder: Path, *, names: Sequence[str] = ("cel.csv.2", "cel.csv.1", "cel.csv")) -> Path:
    """Parts of 100 seconds each, the current one last; a call began in the part before it and ended in it."""
    lines = one_a_second(300).splitlines(keepends=True)
    third = len(lines) // 3
    for number, name in enumerate(names):
        part = lines[number * third : (number + 1) * third if number < 2 else None]
        if number == 1:
            told = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "1000"}
            part.append(line("call", "CHAN_START", time=f"{AT - 100:.6f}", **told))
        if number == 2:
            part.append(line("call", time=f"{AT:.6f}", channel="PJSIP/carrier-00000001"))
        (folder / name).write_text("".join(part))
        at = AT - 100 * (2 - number)
        os.utime(folder / name, (at, at))
    return folder / names[-1]


@pytest.mark.parametrize(
    "names", [("cel.csv.2", "cel.csv.1", "cel.csv"), ("cel.csv-20260601", "cel.csv-20260602", "cel.csv")]
)
async def test_what_was_rotated_away_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: Sequence[str]
) -> None:
    monkeypatch.setattr(cel, "_NEAR", 1024)
    path = await rotated(tmp_path, names=names)
    news = await CelFile(path, SERVER).news(from_timestamp(AT - 80))
    found = [leg.leg_id for leg in news.ended]
    assert {f"a.{n}" for n in range(220, 300)} <= set(found)
    assert "a.10" not in found, "and not what is older than asked for"
    (call,) = [leg for leg in news.ended if leg.leg_id == "call"]
    assert call.arrival is not None
    everything = {leg.leg_id for leg in (await CelFile(path, SERVER).news(from_timestamp(AT - 1000))).ended}
    assert {f"a.{n}" for n in range(300)} <= everything
    assert not news.is_cut


async def test_what_is_compressed_is_said_to_be_missing(tmp_path: Path) -> None:
    path = await rotated(tmp_path, names=("cel.csv.2.gz", "cel.csv.1", "cel.csv"))
    assert (await CelFile(path, SERVER).news(from_timestamp(AT - 1000))).is_cut
    assert not (await CelFile(path, SERVER).news(from_timestamp(AT - 10))).is_cut


async def test_a_part_met_under_two_names_is_read_once_and_others_are_not(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    path.write_text(line("a.1"))
    os.link(path, tmp_path / "cel.csv.1")
    (tmp_path / "cel.csv.old").mkdir()
    os.mkfifo(tmp_path / "cel.csv.fifo")
    (tmp_path / "celebration.csv").write_text(line("a.2"))
    assert [leg.leg_id for leg in (await CelFile(path, SERVER).news(from_timestamp(AT - 1000))).ended] == ["a.1"]


async def test_between_rotation_and_the_first_line_there_is_only_the_old_part(tmp_path: Path) -> None:
    (tmp_path / "cel.csv.1").write_text(line("a.1"))
    news = await CelFile(tmp_path / "cel.csv", SERVER).news(from_timestamp(AT - 10))
    assert [leg.leg_id for leg in news.ended] == ["a.1"]


async def test_a_first_read_of_a_huge_file_looks_at_its_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cel.csv"
    path.write_text(line("a.1") + line("a.2"))
    monkeypatch.setattr(cel, "TAIL_BYTES", len(line("a.2")) + 10)
    assert [leg.leg_id for leg in (await CelFile(path, SERVER).news(None)).ended] == ["a.2"]


async def test_no_file_is_no_record() -> None:
    assert await CelFile(None, SERVER).news(from_timestamp(AT)) == CelNews()
    assert await CelFile(Path("nowhere/cel.csv"), SERVER).news(None) == CelNews()


def test_a_leg_that_is_up_says_when_it_began_and_when_it_entered_its_last_bridge() -> None:
    news = read_news(
        line("a.1", "CHAN_START", time="1780000001.5")
        + line("a.1", "BRIDGE_ENTER", time="1780000002.25")
        + line("a.1", "BRIDGE_ENTER", time="1780000003.75")
        + line("a.2", "CHAN_START", time="never")
        + line("a.3", "CHAN_START")
        + line("a.3"),
        SERVER,
    )
    assert news.up == {
        "a.1": LegRecord(from_timestamp(1780000001.5), from_timestamp(1780000003.75)),
        "a.2": LegRecord(),
    }


def test_a_caller_who_waits_says_for_what_and_since_when() -> None:
    first = PlaceInLine(VisitId("v1"), QueueId("q1"), 3, {"de": 2, "Wein, trocken & 100%": 1})
    second = replace(first, visit_id=VisitId("v2"), queue_id=QueueId("q2"))

    def hold(leg: str, at: str, place: PlaceInLine | None = None, event: str = "CCHold") -> str:
        extra = json.dumps({"extra": place.encode() if place else ""})
        return line(leg, "USER_DEFINED", time=at, user_event=event, extra=extra)

    news = read_news(
        hold("a.1", "1780000001.5", first)
        + hold("a.1", "1780000002.5")
        + hold("a.1", "1780000003.5", first)
        + hold("a.2", "1780000001.5", first)
        + hold("a.2", "1780000004.25", second)
        + hold("a.3", "1780000001.5", first)
        + line("a.3")
        + hold("a.4", "1780000001.5", first, event="Other")
        + line("a.5", "USER_DEFINED", user_event="CCHold", extra="{torn"),
        SERVER,
    )
    assert news.up == {
        "a.1": LegRecord(in_line=first, in_line_at=from_timestamp(1780000001.5)),
        "a.2": LegRecord(in_line=second, in_line_at=from_timestamp(1780000004.25)),
    }


def test_an_end_that_was_told_and_is_not_recorded_has_what_is_recorded_of_the_call() -> None:
    told = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "1000", "caller_number": "+49301"}
    news = read_news(line("a.1", "CHAN_START", time="1780000001.5", **told) + line("a.2"), SERVER)
    at = from_timestamp(1780000009.0)
    ends = [LegEnded(SERVER, LegId(name), 16, at) for name in ("a.1", "a.2", "a.3")]
    found = {leg.leg_id: leg for leg in news.unrecorded(ends)}
    assert sorted(found) == ["a.1", "a.3"]
    assert (found[LegId("a.1")].at, found[LegId("a.1")].cause) == (at, 16)
    assert found[LegId("a.1")].arrival == news.up[LegId("a.1")].arrival
    assert found[LegId("a.3")].arrival is None


def test_a_conversation_that_the_pbx_took_with_it_says_who_talked_and_since_when() -> None:
    told = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "1000", "caller_number": "+49301"}
    his = {"channel": "PJSIP/agent-1001-00000002", "account": "c.1"}
    news = read_news(
        line("c.1", "CHAN_START", time="1780000001.5", **told)
        + line("a.1", "CHAN_START", time="1780000002.5", **his)
        + line("c.1", "BRIDGE_ENTER", time="1780000003.5", **told)
        + line("a.1", "BRIDGE_ENTER", time="1780000003.5", **his)
        + line("a.2", "CHAN_START", time="1780000002.5", **his)
        + line("a.3", "BRIDGE_ENTER", time="1780000004.0", channel="PJSIP/agent-1003-00000003"),
        SERVER,
    )
    met_at, late, early = (from_timestamp(at) for at in (1780000003.5, 1780000009.0, 1780000001.0))
    customer, agent = news.cut_off((), late, until=late)
    assert (customer.leg_id, customer.caller_leg, customer.at) == ("c.1", None, late)
    assert agent == EndedLeg(LegId("a.1"), 0, late, "agent-1001", LegId("c.1"), met_at)
    assert [leg.at for leg in news.cut_off((), early, until=met_at)] == [from_timestamp(1780000001.5), met_at]
    assert [leg.leg_id for leg in news.cut_off((), early, until=from_timestamp(1780000003.0))] == ["c.1"]
    assert [leg.leg_id for leg in news.cut_off({LegId("a.1")}, early, until=late)] == ["c.1"]


def test_a_customers_call_that_goes_on_says_how_it_began() -> None:
    told = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "1000", "caller_number": "+49301"}
    news = read_news(line("a.1", "CHAN_START", time="1780000001.5", **told), SERVER)
    arrival = news.up[LegId("a.1")].arrival
    assert arrival is not None
    assert (arrival.leg_id, arrival.dialed, arrival.at) == ("a.1", "1000", from_timestamp(1780000001.5))


def test_a_customers_call_that_is_over_is_told_whole() -> None:
    place = PlaceInLine(VisitId("v1"), QueueId("q1"))
    told = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "1000", "caller_number": "+49301"}
    agent = {**told, "channel": "PJSIP/agent-1001-00000002"}
    extra = json.dumps({"extra": place.encode()})
    mine, his, other = ended_legs(
        line("c.1", "CHAN_START", time="1780000001.5", **told)
        + line("c.1", "USER_DEFINED", time="1780000002.5", user_event="CCHold", extra=extra)
        + line("c.1", time="1780000009.0", context="cc-fallback", channel="PJSIP/carrier-00000001")
        + line("a.1", "CHAN_START", time="1780000003.5", **agent)
        + line("a.1", time="1780000010.0", channel="PJSIP/agent-1001-00000002")
        + line("x.1", "CHAN_START", time="1780000003.5", **{**told, "context": "cc-internal"})
        + line("x.1", time="1780000011.0")
    )
    arrived_at, queued_at = from_timestamp(1780000001.5), from_timestamp(1780000002.5)
    assert mine.arrival == CallArrived(SERVER, LegId("c.1"), "c.1", "+49301", "", "1000", arrived_at)
    assert (mine.place, mine.in_line, mine.in_line_at) == (CallerPlace.FALLBACK, place, queued_at)
    assert (his.arrival, other.arrival, other.place) == (None, None, CallerPlace.OTHER)


@pytest.mark.parametrize("number", ["", "<unknown>", "anonymous"])
def test_a_withheld_number_is_none(number: str) -> None:
    told = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "1000", "caller_number": number}
    (leg,) = ended_legs(line("c.1", "CHAN_START", **told) + line("c.1"))
    assert leg.arrival is not None
    assert leg.arrival.caller_number == ""


# ------------------------------------------------------------------ customers who are called back

TRUNK = {"context": "cc-inbound", "channel": "PJSIP/carrier-00000001", "exten": "s"}
PLACE = {"context": "cc-callback", "channel": "Local/dial@cc-callback-00000007;1"}


def called_back() -> str:
    """He was called for the leg s.1 and answered."""
    return (
        line("s.1", "CHAN_START", time="1780000001.5", **PLACE)
        + line("c.1", "CHAN_START", time="1780000003.5", linkedid="s.1", **TRUNK)
        + line("c.1", "CCReached", time="1780000005.5", user_event="CCReached", extra='{"extra": "s.1"}')
    )


def test_the_record_of_a_stand_in_says_when_its_customer_answered() -> None:
    mine, his = ended_legs(
        called_back() + line("s.1", time="1780000009.0", **PLACE) + line("c.1", time="1780000009.1", **TRUNK)
    )
    assert (mine.leg_id, mine.place, mine.reached_at) == ("s.1", CallerPlace.STAND_IN, from_timestamp(1780000005.5))
    assert (his.arrival, his.reached_at) == (None, None), "nobody has called"


def test_a_stand_in_whose_customer_did_not_answer() -> None:
    (leg,) = ended_legs(line("s.1", "CHAN_START", **PLACE) + line("s.1", **PLACE))
    assert (leg.place, leg.reached_at) == (CallerPlace.STAND_IN, None)


def test_one_that_is_up_says_it_too() -> None:
    up = read_news(called_back(), SERVER).up
    assert up[LegId("s.1")].reached_at == from_timestamp(1780000005.5)


def test_one_that_ended_with_the_former_run_of_the_pbx() -> None:
    died_at = from_timestamp(1780000020.0)
    (cut,) = read_news(called_back(), SERVER).cut_off((), died_at, died_at)
    assert (cut.leg_id, cut.at, cut.place) == ("s.1", died_at, CallerPlace.STAND_IN)
    assert cut.reached_at == from_timestamp(1780000005.5)


@pytest.mark.parametrize("extra", ["", "{}", '{"extra": ""}', '{"extra": 7}', "[]", "{"])
def test_a_record_of_an_answer_for_nobody(extra: str) -> None:
    text = line("c.1", "CCReached", user_event="CCReached", extra=extra) + line("c.1", **TRUNK)
    assert [leg.reached_at for leg in ended_legs(text)] == [None]
