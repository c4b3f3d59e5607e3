"""How many AMI events a second the codec decodes, and how many it skips.

The events are of the size and shape of a bridged call's (about 450 bytes, 20 headers), read in 64 KiB chunks;
panoramisk's figure of the same run stands beside. Then both read what a real Asterisk said (tests/transcripts) over and
over, turn by turn: ``recorded_ratio`` is panoramisk's time for it over ours.
"""

import logging
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import panoramisk
from panoramisk.ami_protocol import AMIProtocol

from cti.ami.codec import Decoder
from tests.benchmarks.report import Report

_HEADERS = {
    "Privilege": "call,all", "Timestamp": "1767603600.123456", "Channel": "PJSIP/trunk-00000001",
    "ChannelState": "6", "ChannelStateDesc": "Up", "CallerIDNum": "+4930123456", "CallerIDName": "Jörg Müller",
    "ConnectedLineNum": "<unknown>", "ConnectedLineName": "<unknown>", "Language": "en", "AccountCode": "",
    "Context": "cc-hold", "Exten": "s", "Priority": "3", "Uniqueid": "pbx1-1767603600.1",
    "Linkedid": "pbx1-1767603600.1", "Variable": "CC_RES", "Value": "01kea7n7w0q3v8r6m1x2y3z4a5",
}  # fmt: skip
_CHUNK = 65_536
EVENTS = 3_000
BARS = {"decoded_per_second": 150_000, "skipped_per_second": 600_000}
RATIO = 2.0
TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
REPEATS = 20  # of all transcripts in a round


def event(name: str) -> bytes:
    """Return one event as it stands on the wire."""
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in _HEADERS.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def times(feed: Callable[[bytes], object], name: str, rounds: int) -> list[float]:
    """Return seconds of CPU for ``EVENTS`` events of ``name``, round by round."""
    chunks = chunked(event(name) * EVENTS)
    return [seconds(feed, chunks) for _ in range(rounds)]


def chunked(stream: bytes) -> list[bytes]:
    """Cut a stream as it is read."""
    return [stream[at : at + _CHUNK] for at in range(0, len(stream), _CHUNK)]


def seconds(feed: Callable[[bytes], object], chunks: Sequence[bytes]) -> float:
    """Return the CPU time of feeding it all."""
    begin = time.thread_time()
    for chunk in chunks:
        feed(chunk)
    return time.thread_time() - begin


def recorded() -> tuple[bytes, int]:
    """Return what Asterisk said after its greeting in every transcript, and how many messages that is."""
    texts = [path.read_bytes().partition(b"\r\n")[2] for path in sorted(TRANSCRIPTS.glob("*.ami"))]
    stream = b"".join(texts) * REPEATS
    return stream, stream.count(b"\r\n\r\n")


def _ours(wanted: set[str] | None = None) -> Callable[[bytes], object]:
    decoder = Decoder(wanted)
    decoder.feed(b"Asterisk Call Manager/11.0.0\r\n")
    return decoder.feed


def _panoramisk() -> Callable[[bytes], object]:
    logging.getLogger("panoramisk").setLevel(logging.CRITICAL)
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.version, protocol.encoding = "11.0.0", "utf8"
    protocol.factory = panoramisk.Manager()
    protocol.log = logging.getLogger("panoramisk")
    return protocol.data_received  # type: ignore[no-any-return]


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--rounds", type=int, default=30, help="the best counts: the machine has other work, too")


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("ami_parse", {**vars(given), "events": EVENTS, "event_bytes": len(event("Newstate"))})
    wanted = {
        "decoded_per_second": (_ours(), "Newstate", given.rounds),
        "skipped_per_second": (_ours({"Hangup"}), "VarSet", given.rounds),
        "panoramisk_per_second": (_panoramisk(), "Newstate", max(1, given.rounds // 3)),
    }
    for name, (feed, kind, rounds) in wanted.items():
        took = times(feed, kind, rounds)
        report.sample(kind=name, cpu_seconds=took)
        report.figure(name, EVENTS / min(took), "1/s", at_least=BARS.get(name))
    stream, messages = recorded()
    chunks = chunked(stream)
    ours, theirs = _ours(), _panoramisk()
    turns = [(seconds(ours, chunks), seconds(theirs, chunks)) for _ in range(max(1, given.rounds // 3))]
    report.sample(kind="recorded", cpu_seconds=turns)
    report.figure("recorded_per_second", messages / min(one for one, _ in turns), "1/s")
    report.figure("panoramisk_recorded_per_second", messages / min(other for _, other in turns), "1/s")
    report.figure("recorded_ratio", median(other / one for one, other in turns), "ratio", at_least=RATIO)
    return report
