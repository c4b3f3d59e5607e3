import array
import io
import math
import shutil
import wave
from pathlib import Path

import pytest

from contactcenter.core.errors import Unavailable
from ivr.flow import Flow, Prompt
from ivr.prompts import RATE, EspeakSpeaker, PromptFiles, resample, telephone_wav


def tone(hertz: float, rate: int, seconds: float = 0.5) -> "array.array[int]":
    return array.array(
        "h", (round(20000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(rate * seconds)))
    )


def wav(samples: "array.array[int]", rate: int, channels: int = 1) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return target.getvalue()


def strength(samples: "array.array[int]", hertz: float, rate: int) -> float:
    """Amplitude of one frequency (Goertzel), edges left out."""
    inner = samples[200:-200]
    angle = 2 * math.pi * hertz / rate
    real = sum(value * math.cos(angle * n) for n, value in enumerate(inner))
    imaginary = sum(value * math.sin(angle * n) for n, value in enumerate(inner))
    return 2 * math.hypot(real, imaginary) / len(inner)


class Voice:
    name = "voice-1"

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.sound = wav(tone(440, 22050, 0.05), 22050)

    async def speak(self, text: str, language: str) -> bytes:
        self.spoken.append((language, text))
        if text == "fail":
            raise Unavailable("speech-failed")
        return self.sound


def flow(*prompts: Prompt) -> Flow:
    return Flow("test", "", {}, {prompt.name: prompt for prompt in prompts}, "en")


HELLO = Prompt("hello", {"en": "Hello", "ru": "Привет"}, "hello-world")


async def test_texts_are_spoken_once_and_found_again_by_the_next_process(tmp_path: Path) -> None:
    voice = Voice()
    files = PromptFiles(tmp_path / "prompts", voice)
    assert await files.prepare([flow(HELLO)]) == 0
    assert await files.prepare([flow(HELLO)]) == 0
    again = PromptFiles(tmp_path / "prompts", voice)
    assert await again.prepare([flow(HELLO)]) == 0
    assert sorted(voice.spoken) == [("en", "Hello"), ("ru", "Привет")]
    assert again.sounds(flow(HELLO), ["hello"], "ru") == files.sounds(flow(HELLO), ["hello"], "ru")


async def test_the_callers_language_then_the_flows_then_the_built_in_sound(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, Voice())
    await files.prepare([flow(HELLO)])
    english, russian = (files.sounds(flow(HELLO), ["hello"], language) for language in ("en_US", "ru"))
    assert english != russian
    assert files.sounds(flow(HELLO), ["hello"], "es") == english
    assert Path(english[0] + ".wav").is_file()
    assert PromptFiles(tmp_path).sounds(flow(HELLO), ["hello"], "ru") == ["hello-world"]
    assert files.sounds(flow(Prompt("silent")), ["silent", "unknown"], "en") == []


async def test_a_changed_text_is_another_file(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, Voice())
    first, second = flow(Prompt("p", {"en": "One"})), flow(Prompt("p", {"en": "Two"}))
    await files.prepare([first, second])
    assert files.sounds(first, ["p"], "en") != files.sounds(second, ["p"], "en")


async def test_a_text_that_cannot_be_spoken_falls_back_and_leaves_no_file(tmp_path: Path) -> None:
    voice = Voice()
    files = PromptFiles(tmp_path, voice)
    broken = flow(Prompt("p", {"en": "fail"}, "beep"), Prompt("q", {"en": "fine"}))
    assert await files.prepare([broken]) == 1
    assert files.sounds(broken, ["p"], "en") == ["beep"]
    voice.sound = b"RIFF no wave"
    assert await files.prepare([flow(Prompt("r", {"en": "other"}))]) == 1
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_broken_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ivr.prompts.os.replace", full)
    assert await PromptFiles(tmp_path, Voice()).prepare([flow(Prompt("p", {"en": "x"}))]) == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_program_that_fails_is_unavailable() -> None:
    program = shutil.which("false")
    assert program
    with pytest.raises(Unavailable):
        await EspeakSpeaker(program).speak("hello", "en")


async def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ivr.prompts.SPEECH_TIME", 0.1)
    program = tmp_path / "hang"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(Unavailable, match="speech-timeout"):
        await EspeakSpeaker(str(program)).speak("hello", "en")


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
