"""How many AMI events a second the codec decodes, and how many it skips.

The events are of the size and shape of a bridged call's (about 450 bytes, 20 headers), read in 64 KiB chunks.
"""

import json
import time
from typing import Any

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


def rate(decoder: Decoder, name: str, events: int) -> float:
    """Return events a second for ``events`` of ``name``, the best of five rounds (the machine is shared)."""
    stream = event(name) * events
    chunks = [stream[at : at + _CHUNK] for at in range(0, len(stream), _CHUNK)]
    decoder.feed(b"Asterisk Call Manager/11.0.0\r\n")
    best = 0.0
    for _ in range(5):
        begin = time.perf_counter()
        for chunk in chunks:
            decoder.feed(chunk)
        best = max(best, events / (time.perf_counter() - begin))
    return best


def run(events: int = 40_000) -> dict[str, Any]:
    """Measure; one dict with figures, bars and whether they hold."""
    figures = {
        "decoded_per_second": round(rate(Decoder(), "Newstate", events)),
        "skipped_per_second": round(rate(Decoder({"Hangup"}), "VarSet", events)),
    }
    holds = all(figures[name] >= bar for name, bar in BARS.items())
    return {"benchmark": "ami_parse", "event_bytes": len(event("Newstate")), **figures, "bars": BARS, "holds": holds}


if __name__ == "__main__":
    print(json.dumps(run()))
