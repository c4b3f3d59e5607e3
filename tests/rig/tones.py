"""Tones: written as WAV files, and found again in a recording by Goertzel's algorithm. Standard library only.

A tone is the cheapest proof that sound went through: the caller plays 440 Hz, the agent 880 Hz, and the other side's
recording must hold seconds of it.
"""

import math
import sys
import wave
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK_TIME = 0.05  # 50 ms: bins 20 Hz apart, so 440 and 880 Hz each fall on the middle of one
LEAST_SHARE = 0.2  # of a block's energy; two mixed tones have half each, speech and hold music far less in one bin
LEAST_RMS = 100.0  # of 32767: below it a block is silence


def tone_samples(hertz: float, seconds: float, rate: int = 8000, amplitude: float = 0.4) -> "array[int]":
    """16-bit samples of one sine."""
    step = 2 * math.pi * hertz / rate
    peak = amplitude * 32767
    return array("h", (round(peak * math.sin(step * n)) for n in range(round(seconds * rate))))


def silence_samples(seconds: float, rate: int = 8000) -> "array[int]":
    return array("h", bytes(2 * round(seconds * rate)))


def write_wav(path: Path, samples: "array[int]", rate: int = 8000) -> Path:
    """Write mono 16-bit samples; returns ``path``."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(_little_endian(samples))
    return path


def write_tone(path: Path, hertz: float, seconds: float, *, rate: int = 8000, silence_after: float = 0.0) -> Path:
    """Write a WAV file of one tone and trailing silence. Rate: 8000 for phones, 48000 for browsers."""
    return write_wav(path, tone_samples(hertz, seconds, rate) + silence_samples(silence_after, rate), rate)


def read_wav(path: Path, channel: int = 0) -> tuple["array[int]", int]:
    """One channel's samples and the sample rate. Raises ValueError unless the file is 16-bit PCM."""
    with wave.open(str(path), "rb") as source:
        if source.getsampwidth() != 2:
            raise ValueError(f"{path}: {8 * source.getsampwidth()} bits a sample, 16 expected")
        samples = array("h", source.readframes(source.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        return samples[channel :: source.getnchannels()], source.getframerate()


def seconds_of_tone(path: Path | str, hertz: float, *, channel: int = 0) -> float:
    """How many seconds of a recording hold a tone (to one block of 50 ms), whatever else sounds beside it."""
    samples, rate = read_wav(Path(path), channel)
    return sum(BLOCK_TIME for block in _blocks(samples, rate) if _holds_tone(block, hertz, rate))


def _blocks(samples: "array[int]", rate: int) -> Iterator["array[int]"]:
    size = round(rate * BLOCK_TIME)
    for start in range(0, len(samples) - size + 1, size):
        yield samples[start : start + size]


def _holds_tone(block: Sequence[int], hertz: float, rate: int) -> bool:
    energy = sum(sample * sample for sample in block)
    if energy < LEAST_RMS**2 * len(block):
        return False
    return tone_energy(block, hertz, rate) >= LEAST_SHARE * energy


def tone_energy(block: Sequence[int], hertz: float, rate: int) -> float:
    """Energy of one frequency in a block, in the unit of sum(sample²) (G. Goertzel, 1958)."""
    factor = 2 * math.cos(2 * math.pi * hertz / rate)
    last = before = 0.0
    for sample in block:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return 2 * power / len(block)


def _little_endian(samples: "array[int]") -> bytes:
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()
