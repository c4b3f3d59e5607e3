"""How many AMI events a second the codec decodes, and how many it skips.

The events are of the size and shape of a bridged call's (about 450 bytes, 20 headers), read in 64 KiB chunks;
panoramisk's figure of the same run stands beside.
"""

import logging
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

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


def event(name: str) -> bytes:
    """Return one event as it stands on the wire."""
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in _HEADERS.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def times(feed: Callable[[bytes], object], name: str, rounds: int) -> list[float]:
    """Return seconds of CPU for ``EVENTS`` events of ``name``, round by round."""
    stream = event(name) * EVENTS
    chunks = [stream[at : at + _CHUNK] for at in range(0, len(stream), _CHUNK)]
    took = []
    for _ in range(rounds):
        begin = time.thread_time()
        for chunk in chunks:
            feed(chunk)
        took.append(time.thread_time() - begin)
    return took


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
    return report
