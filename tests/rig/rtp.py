"""RTP as SIPp plays it (a pcap file) and as an ear on a port hears it (a WAV file): G.711 mu-law, digits by RFC 4733.

One pcap is one stream (one SSRC, running sequence numbers and timestamps), so silence, digits and tones follow each
other without the receiver taking them for a new speaker or a repeated digit.
"""

import asyncio
import contextlib
import struct
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig.tones import silence_samples, tone_samples, write_wav

PACKET_SAMPLES = 160  # 20 ms at 8 kHz
PCMU = 0
TELEPHONE_EVENT = 101
EVENTS = "0123456789*#ABCD"  # RFC 4733, table 3: the event code is the position
_DIGIT_PACKETS = 6  # 120 ms: well over the 40 ms that Asterisk's DTMF detection asks for


@dataclass(frozen=True, slots=True)
class Silence:
    seconds: float


@dataclass(frozen=True, slots=True)
class Tone:
    hertz: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys pressed one after the other, each 120 ms long with 180 ms of silence behind it."""

    keys: str


Sound = Silence | Tone | Digits


def length_of(sounds: Sequence[Sound]) -> float:
    """Seconds that a sequence of sounds takes."""
    return sum(len(sound.keys) * 0.3 if isinstance(sound, Digits) else sound.seconds for sound in sounds)


# ------------------------------------------------------------------ G.711


def ulaw_byte(sample: int) -> int:
    """One 16-bit sample as G.711 mu-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF


def ulaw_sample(byte: int) -> int:
    """One G.711 mu-law byte as a 16-bit sample."""
    byte = ~byte & 0xFF
    magnitude = ((byte & 0x0F) << 3) + 132 << (byte >> 4 & 7)
    return 132 - magnitude if byte & 0x80 else magnitude - 132


_DECODED = [ulaw_sample(byte) for byte in range(256)]
_ENCODED = bytes(ulaw_byte(sample) for sample in range(-32768, 32768))


def encode_ulaw(samples: "array[int]") -> bytes:
    return bytes(_ENCODED[sample + 32768] for sample in samples)


def decode_ulaw(data: bytes) -> "array[int]":
    return array("h", (_DECODED[byte] for byte in data))


# ------------------------------------------------------------------ a stream as a pcap file


def rtp_packet(payload_type: int, sequence: int, timestamp: int, payload: bytes, *, marker: bool = False) -> bytes:
    """RFC 3550, section 5.1."""
    second = payload_type | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 0x0CC0FFEE) + payload


def stream(sounds: Sequence[Sound]) -> Iterator[bytes]:
    """RTP packets, one every 20 ms."""
    sequence, timestamp = 1, 0
    for sound in sounds:
        for start, payload_type, marker, payload in _packets(sound):
            at = timestamp + start * PACKET_SAMPLES
            yield rtp_packet(payload_type, sequence, at, payload, marker=marker)
            sequence += 1
        timestamp += round(length_of([sound]) * 8000)


def _packets(sound: Sound) -> Iterator[tuple[int, int, bool, bytes]]:
    """(packet's time in units of 20 ms, payload type, marker, payload)."""
    if isinstance(sound, Digits):
        yield from _digit_packets(sound.keys)
        return
    samples = tone_samples(sound.hertz, sound.seconds) if isinstance(sound, Tone) else silence_samples(sound.seconds)
    encoded = encode_ulaw(samples)
    for number in range(len(encoded) // PACKET_SAMPLES):
        yield number, PCMU, False, encoded[number * PACKET_SAMPLES :][:PACKET_SAMPLES]


def _digit_packets(keys: str) -> Iterator[tuple[int, int, bool, bytes]]:
    """RFC 4733, section 2.5: one timestamp per event, growing duration, the end packet three times."""
    silence = encode_ulaw(silence_samples(0.02))
    for position, key in enumerate(keys):
        begin = position * 15
        for number in range(_DIGIT_PACKETS):
            yield begin, TELEPHONE_EVENT, number == 0, _event(key, number + 1, end=False)
        for _ in range(3):
            yield begin, TELEPHONE_EVENT, False, _event(key, _DIGIT_PACKETS, end=True)
        for number in range(_DIGIT_PACKETS + 3, 15):
            yield begin + number, PCMU, False, silence


def _event(key: str, packets: int, *, end: bool) -> bytes:
    return struct.pack("!BBH", EVENTS.index(key), (0x80 if end else 0) | 10, packets * PACKET_SAMPLES)


def write_pcap(path: Path, sounds: Sequence[Sound]) -> Path:
    """Write a pcap file that SIPp's ``play_pcap_audio`` plays: it rewrites addresses and ports itself."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, packet in enumerate(stream(sounds)):
            frame = _frame(packet)
            seconds, micros = divmod(number * 20_000, 1_000_000)
            out.write(struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame)
    return path


def _frame(packet: bytes) -> bytes:
    udp = struct.pack("!HHHH", 4000, 4000, 8 + len(packet), 0) + packet
    loopback = bytes((127, 0, 0, 1))
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, loopback, loopback)
    return bytes(12) + b"\x08\x00" + ip + udp


# ------------------------------------------------------------------ an ear


class Ear(asyncio.DatagramProtocol):
    """Hears the mu-law stream sent to a UDP port, in order of arrival; gaps in time are not filled."""

    def __init__(self) -> None:
        self.heard = bytearray()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        if len(data) > 12 and data[0] >> 6 == 2 and data[1] & 0x7F == PCMU:
            self.heard += data[12:]

    def save(self, path: Path) -> Path:
        """Write what was heard as a WAV file."""
        return write_wav(path, decode_ulaw(bytes(self.heard)))


@contextlib.asynccontextmanager
async def listening(port: int, host: str = "127.0.0.1") -> AsyncIterator[Ear]:
    """An ear on a UDP port; what it heard stays when the port is closed. Raises OSError when the port is taken."""
    transport, ear = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=(host, port))
    try:
        yield ear
    finally:
        transport.close()
