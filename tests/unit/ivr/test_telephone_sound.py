import array
import io
import math
import subprocess
import sys
import wave

import pytest

from ivr import telephone_sound
from ivr.telephone_sound import NICE, RATE, resample, telephone_wav
from tests.unit.ivr.sounds import tone, wav


def strength(samples: "array.array[int]", hertz: float, rate: int) -> float:
    """Amplitude of one frequency (Goertzel), edges left out."""
    inner = samples[200:-200]
    angle = 2 * math.pi * hertz / rate
    real = sum(value * math.cos(angle * n) for n, value in enumerate(inner))
    imaginary = sum(value * math.sin(angle * n) for n, value in enumerate(inner))
    return 2 * math.hypot(real, imaginary) / len(inner)


def test_resampling_keeps_speech_and_removes_what_would_fold_back() -> None:
    kept = resample(tone(1000, 22050), 22050, RATE)
    assert len(kept) == RATE // 2
    assert strength(kept, 1000, RATE) == pytest.approx(20000, rel=0.02)
    folded = resample(tone(5500, 22050), 22050, RATE)
    assert strength(folded, 2500, RATE) < 100
    assert resample(tone(1000, RATE), RATE, RATE) == tone(1000, RATE)
    assert strength(resample(tone(1000, 4000), 4000, RATE), 1000, RATE) == pytest.approx(20000, rel=0.02)


def test_only_16_bit_mono_is_taken() -> None:
    with pytest.raises(wave.Error):
        telephone_wav(wav(tone(440, RATE), RATE, channels=2))


def test_as_a_program_it_lets_others_go_first_and_says_when_it_failed() -> None:
    program = [sys.executable, "-I", telephone_sound.__file__]
    made = subprocess.run(program, input=wav(tone(440, 22050), 22050), capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(made)) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, RATE // 2)
    assert subprocess.run(program, input=b"RIFF no wave", capture_output=True, check=False).returncode != 0
    named = repr(telephone_sound.__file__)
    nice = f"import os, runpy; runpy.run_path({named}, run_name='__main__'); print('nice', os.nice(0))"
    told = subprocess.run(
        [sys.executable, "-c", nice], input=wav(tone(440, RATE), RATE), capture_output=True, check=True
    )
    assert int(told.stdout.rsplit(b"nice ", 1)[-1]) >= NICE
