"""The real speech program of this machine does what prompts need of it."""

import array
import io
import wave
from pathlib import Path

import pytest

from ivr.prompts import find_speaker, telephone_wav
from ivr.telephone_sound import RATE


@pytest.mark.skipif(find_speaker() is None, reason="espeak-ng is not installed")
async def test_a_real_voice_takes_text_as_text(tmp_path: Path) -> None:
    speaker = find_speaker()
    assert speaker is not None
    trap = tmp_path / "trap"
    sound = await telephone_wav(await speaker.speak(f"-w {trap}; touch {trap} $(touch {trap}) `touch {trap}`", "en"))
    assert not trap.exists()
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert file.getnframes() > RATE
        assert max(map(abs, array.array("h", file.readframes(file.getnframes())))) > 3000
