"""How many AMI events a second the codec decodes, and how many it skips.

The events are of the size and shape of a bridged call's (about 450 bytes, 20 headers), read in 64 KiB chunks;
panoramisk's figure of the same run stands beside.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import panoramisk
from panoramisk.ami_protocol import AMIProtocol

from cti.ami.codec import Decoder

_HEADERS = {
    "Privilege": "call,all", "Timestamp": "1767603600.123456", "Channel": "PJSIP/trunk-00000001",
    "ChannelState": "6", "ChannelStateDesc": "Up", "CallerIDNum": "+4930123456", "CallerIDName": "Jörg Müller",
    "ConnectedLineNum": "<unknown>", "ConnectedLineName": "<unknown>", "Language": "en", "AccountCode": "",
    "Context": "cc-hold", "Exten": "s", "Priority": "3", "Uniqueid": "pbx1-1767603600.1",
    "Linkedid": "pbx1-1767603600.1", "Variable": "CC_RES", "Value": "01kea7n7w0q3v8r6m1x2y3z4a5",
}  # fmt: skip
_CHUNK = 65_536
BARS = {"decoded_per_second": 150_000, "skipped_per_second": 600_000}


def event(name: str) -> bytes:
    """Return one event as it stands on the wire."""
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in _HEADERS.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def rate(feed: Callable[[bytes], object], name: str, events: int = 3_000, rounds: int = 30) -> int:
    """Return events per second of CPU for ``events`` of ``name``: the best round, as the machine has other work too."""
    stream = event(name) * events
    chunks = [stream[at : at + _CHUNK] for at in range(0, len(stream), _CHUNK)]
    best = float("inf")
    for _ in range(rounds):
        begin = time.thread_time()
        for chunk in chunks:
            feed(chunk)
        best = min(best, time.thread_time() - begin)
    return round(events / best)


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


def run() -> dict[str, Any]:
    """Measure; one dict with figures, bars and whether they hold."""
    figures = {
        "decoded_per_second": rate(_ours(), "Newstate"),
        "skipped_per_second": rate(_ours({"Hangup"}), "VarSet"),
    }
    theirs = rate(_panoramisk(), "Newstate", rounds=10)
    holds = all(figures[name] >= bar for name, bar in BARS.items())
    facts = {"event_bytes": len(event("Newstate")), "panoramisk_per_second": theirs}
    return {"benchmark": "ami_parse", **figures, **facts, "bars": BARS, "holds": holds}


if __name__ == "__main__":
    print(json.dumps(run()))
