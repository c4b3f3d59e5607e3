import random
from array import array

import pytest

from tests.rig.tones import seconds_of_tone, silence_samples, tone_samples, write_tone, write_wav


@pytest.mark.parametrize("rate", [8000, 48000])
def test_a_written_tone_is_found_and_no_other(tmp_path, rate):
    path = write_tone(tmp_path / "tone.wav", 440, 1.5, rate=rate, silence_after=1)
    assert seconds_of_tone(path, 440) == pytest.approx(1.5, abs=0.06)
    assert seconds_of_tone(path, 880) == 0
    assert seconds_of_tone(path, 460) == 0


def test_two_tones_mixed_are_both_found(tmp_path):
    mixed = array("h", map(sum, zip(tone_samples(440, 1), tone_samples(880, 1), strict=True)))
    path = write_wav(tmp_path / "mixed.wav", mixed)
    assert seconds_of_tone(path, 440) == pytest.approx(1, abs=0.06)
    assert seconds_of_tone(path, 880) == pytest.approx(1, abs=0.06)


def test_noise_and_silence_hold_no_tone(tmp_path):
    chance = random.Random(7)
    noise = array("h", (chance.randint(-9000, 9000) for _ in range(16000)))
    path = write_wav(tmp_path / "noise.wav", noise + silence_samples(1) + tone_samples(440, 1, amplitude=0.001))
    assert seconds_of_tone(path, 440) == 0


def test_a_tone_between_silences_counts_only_itself(tmp_path):
    path = write_wav(tmp_path / "gap.wav", silence_samples(1) + tone_samples(880, 0.5) + silence_samples(1))
    assert seconds_of_tone(path, 880) == pytest.approx(0.5, abs=0.06)


def test_a_stereo_file_is_judged_by_channel(tmp_path):
    import wave

    path = tmp_path / "stereo.wav"
    both = array("h", (s for pair in zip(tone_samples(440, 1), tone_samples(880, 1), strict=True) for s in pair))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(both.tobytes())
    assert seconds_of_tone(path, 440, channel=0) == pytest.approx(1)
    assert seconds_of_tone(path, 440, channel=1) == 0


def test_eight_bit_files_are_refused(tmp_path):
    import wave

    path = tmp_path / "eight.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(bytes(100))
    with pytest.raises(ValueError, match="16 expected"):
        seconds_of_tone(path, 440)
