"""A WAV file of any rate as one the telephone plays: a program of its own, standard input to standard output.

It runs beside a server that has calls to answer, so it makes itself less important than that; and it imports nothing
but the standard library, so that it starts quickly.
"""

import array
import io
import math
import os
import sys
import wave

RATE = 8000
NICE = 10
_HALF_WIDTH = 8  # zero crossings of the low-pass filter on each side


def telephone_wav(sound: bytes) -> bytes:
    """Return a 16 bit mono WAV file of any rate as one of 8 kHz, which every Asterisk plays.

    Raises:
        wave.Error, EOFError: ``sound`` is no such file.
    """
    with wave.open(io.BytesIO(sound)) as source:
        if source.getnchannels() != 1 or source.getsampwidth() != 2:
            raise wave.Error("not 16 bit mono")
        rate, frames = source.getframerate(), source.readframes(source.getnframes())
    samples = array.array("h", frames[: len(frames) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return _wav(resample(samples, rate, RATE))


def _wav(samples: "array.array[int]") -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return target.getvalue()


def resample(samples: "array.array[int]", rate: int, wanted: int) -> "array.array[int]":
    """Return ``samples`` at ``wanted`` per second, by a windowed sinc low-pass below the lower of both Nyquist rates.

    Source: Smith, Digital Audio Resampling Home Page, https://ccrma.stanford.edu/~jos/resample/.
    """
    if rate == wanted:
        return samples
    cut = 0.94 * min(1.0, wanted / rate)
    width = math.ceil(_HALF_WIDTH / cut)
    phases = wanted // math.gcd(rate, wanted)
    taps = [_taps(phase * rate / wanted % 1, cut, width) for phase in range(phases)]
    padded = [0] * width + samples.tolist() + [0] * (width + 1)
    count = len(samples) * wanted // rate
    output = array.array("h", bytes(2 * count))
    for index in range(count):
        begin = index * rate // wanted + 1
        window = padded[begin : begin + 2 * width]
        total = sum(map(float.__mul__, taps[index % phases], map(float, window)))
        output[index] = max(-32768, min(32767, round(total)))
    return output


def _taps(offset: float, cut: float, width: int) -> list[float]:
    """Weights of the ``2 * width`` samples around a point ``offset`` behind the middle one's left neighbour."""
    weights = []
    for index in range(1 - width, width + 1):
        distance = index - offset
        window = 0.5 + 0.5 * math.cos(math.pi * max(-1.0, min(1.0, distance / width)))
        angle = math.pi * distance * cut
        weights.append(window * cut * (math.sin(angle) / angle if angle else 1.0))
    total = sum(weights)
    return [weight / total for weight in weights]


if __name__ == "__main__":
    os.nice(NICE)
    sys.stdout.buffer.write(telephone_wav(sys.stdin.buffer.read()))
