import asyncio
import resource
import shutil
import time
from pathlib import Path

import pytest

from contactcenter.core.errors import Unavailable
from ivr.flow import Flow, Prompt
from ivr.prompts import AT_ONCE, EspeakSpeaker, PromptFiles
from tests.unit.ivr.sounds import tone, wav


class Voice:
    name = "voice-1"

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.now = self.most = 0
        self.sound = wav(tone(440, 22050, 0.05), 22050)

    async def speak(self, text: str, language: str) -> bytes:
        self.spoken.append((language, text))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
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


async def test_who_asks_for_what_is_being_spoken_waits_for_it(tmp_path: Path) -> None:
    """Queues and skills change while the first prompts are spoken: each change asks for all of them."""
    voice = Voice()
    files = PromptFiles(tmp_path, voice)
    texts = [("en", f"text {number}") for number in range(6)]
    assert await asyncio.gather(*(files.speak(texts) for _ in range(4))) == [0, 0, 0, 0]
    assert sorted(voice.spoken) == texts
    assert voice.most == AT_ONCE


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


async def test_the_arithmetic_of_sound_is_no_work_of_ours(tmp_path: Path) -> None:
    """Calls come in while prompts are spoken: a thread would hold the interpreter they need."""
    voice = Voice()
    voice.sound = wav(tone(440, 22050, 4.0), 22050)
    ours, others = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert await PromptFiles(tmp_path, voice).speak([("en", "a long one")]) == 0
    ours, others = time.process_time() - ours, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - others
    assert ours < others / 2
