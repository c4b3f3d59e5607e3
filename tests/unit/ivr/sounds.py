"""Sounds made for tests."""

import array
import io
import math
import wave


def tone(hertz: float, rate: int, seconds: float = 0.5) -> "array.array[int]":
    """Return a sine of amplitude 20,000."""
    return array.array(
        "h", (round(20000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(rate * seconds)))
    )


def wav(samples: "array.array[int]", rate: int, channels: int = 1) -> bytes:
    """Return a 16 bit WAV file."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return target.getvalue()
