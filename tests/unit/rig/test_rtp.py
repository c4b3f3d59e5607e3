import struct

import pytest

from tests.rig.rtp import (
    Digits,
    Ear,
    Silence,
    Tone,
    decode_ulaw,
    encode_ulaw,
    length_of,
    rtp_packet,
    stream,
    ulaw_byte,
    ulaw_sample,
    write_pcap,
)
from tests.rig.tones import seconds_of_tone, tone_samples, write_wav


def test_ulaw_reference_points():
    """ITU-T G.711, table 2a: silence, the largest values and a small one."""
    assert (ulaw_byte(0), ulaw_byte(32767), ulaw_byte(-32768)) == (0xFF, 0x80, 0x00)
    assert (ulaw_sample(0xFF), ulaw_sample(0x80), ulaw_sample(0x00)) == (0, 32124, -32124)


@pytest.mark.parametrize("byte", [b for b in range(256) if b != 0x7F])  # 0x7F is minus zero
def test_ulaw_round_trip(byte):
    assert ulaw_byte(ulaw_sample(byte)) == byte


def test_a_tone_survives_ulaw(tmp_path):
    path = write_wav(tmp_path / "tone.wav", decode_ulaw(encode_ulaw(tone_samples(440, 1))))
    assert seconds_of_tone(path, 440) == pytest.approx(1)


def headers(packets):
    return [struct.unpack("!BBHII", packet[:12]) for packet in packets]


def test_sequence_numbers_run_through_and_time_never_goes_back():
    parsed = headers(stream([Silence(0.1), Digits("12"), Tone(440, 0.2)]))
    assert [p[2] for p in parsed] == list(range(1, len(parsed) + 1))
    assert [p[3] for p in parsed] == sorted(p[3] for p in parsed)


def test_each_digit_is_one_event_with_its_own_timestamp_and_three_ends():
    packets = [p for p in stream([Digits("1#1")]) if p[1] & 0x7F == 101]
    by_time = {}
    for packet in packets:
        by_time.setdefault(struct.unpack("!I", packet[4:8])[0], []).append(packet)
    events = list(by_time.values())
    assert [event[0][12] for event in events] == [1, 11, 1]
    for event in events:
        assert sum(1 for packet in event if packet[13] & 0x80) == 3
        assert [bool(packet[1] & 0x80) for packet in event] == [True] + [False] * (len(event) - 1)


def test_length_of_sounds():
    assert length_of([Silence(0.5), Digits("123"), Tone(440, 2)]) == pytest.approx(3.4)


def test_pcap_holds_every_packet_20_ms_apart(tmp_path):
    sounds = [Tone(440, 0.1), Digits("5")]
    data = write_pcap(tmp_path / "out.pcap", sounds).read_bytes()
    at, times, payloads = 24, [], []
    while at < len(data):
        seconds, micros, size, _ = struct.unpack("<IIII", data[at : at + 16])
        times.append(seconds * 1000 + micros // 1000)
        payloads.append(data[at + 16 + 42 : at + 16 + size])
        at += 16 + size
    assert payloads == list(stream(sounds))
    assert times == [20 * n for n in range(len(times))]


async def test_an_ear_hears_mulaw_and_not_digits(tmp_path):
    ear = Ear()
    for packet in stream([Digits("1"), Tone(440, 0.5)]):
        ear.datagram_received(packet, ("127.0.0.1", 1))
    ear.datagram_received(b"\x00", ("127.0.0.1", 1))
    ear.datagram_received(rtp_packet(101, 1, 1, b"xxxx"), ("127.0.0.1", 1))
    assert seconds_of_tone(ear.save(tmp_path / "heard.wav"), 440) == pytest.approx(0.5, abs=0.11)
    assert len(ear.heard) == 160 * (25 + 6)
