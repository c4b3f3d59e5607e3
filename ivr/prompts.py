"""Prompts to sound files: texts are spoken ahead of time and cached, else the built-in sound of the prompt is played.

A spoken text becomes one 8 kHz mono WAV file in the data folder, named by the hash of voice and text, so a changed text
is a new file and an unchanged one is never spoken twice. The speech program gets the text on its standard input: text
is never part of a command line. The PBX plays the files by absolute path, so it must share the folder with us; for a
PBX on another machine give no speaker and let the flows' built-in sounds be played.
"""

import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from contactcenter.core.errors import Unavailable
from contactcenter.core.tasks import run_all
from ivr import telephone_sound
from ivr.flow import Flow, Prompt

log = structlog.get_logger(__name__)

SPEECH_TIME = 20.0
RENDER_TIME = 120.0  # of a process that lets others go first
AT_ONCE = 2
_VERSION = "1"  # part of every file's name; raise it when the rendering changes


class Speaker(Protocol):
    """Turns text into speech."""

    @property
    def name(self) -> str:
        """Names program and voice settings; part of the cache key."""
        ...

    async def speak(self, text: str, language: str) -> bytes:
        """Return a WAV file, 16 bit mono of any rate. Raises ``Unavailable`` when no speech came."""
        ...


@dataclass(frozen=True, slots=True)
class EspeakSpeaker:
    """espeak-ng as a subprocess; ``speed`` in words a minute."""

    program: str
    speed: int = 150

    @property
    def name(self) -> str:
        return f"espeak-ng-{self.speed}"

    async def speak(self, text: str, language: str) -> bytes:
        arguments = ["-v", language.replace("_", "-").lower(), "-s", str(self.speed), "--stdin", "--stdout"]
        return await _filtered([self.program, *arguments], text.encode(), SPEECH_TIME)


def sounds_in(folder: Path, language: str = "en") -> Callable[[str], bool]:
    """Return the test whether a built-in sound of ``language`` stands in an Asterisk's sounds folder, in any format."""
    return lambda name: any((folder / language).glob(f"{name}.*"))


def find_speaker() -> Speaker | None:
    """Return the speech program of this machine, or None when there is none."""
    program = shutil.which("espeak-ng")
    return EspeakSpeaker(program) if program else None


@dataclass(slots=True)
class PromptFiles:
    """Which file to play for a prompt. Owns the cache folder; ``prepare`` and ``speak`` fill it, the others look up."""

    folder: Path
    speaker: Speaker | None = None
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _making: dict[Path, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _ready: dict[tuple[str, str], str] = field(default_factory=dict)  # (language, text) -> file without extension

    async def prepare(self, flows: Iterable[Flow]) -> int:
        """Speak every text that has no file yet; return how many could not be spoken. Safe to repeat."""
        return await self.speak(
            {pair for flow in flows for prompt in flow.prompts.values() for pair in prompt.texts.items()}
        )

    async def speak(self, texts: Collection[tuple[str, str]], at_once: int = AT_ONCE) -> int:
        """Speak the texts, (language, text) each, that have no file yet; return how many could not be spoken.

        Of all who ask, ``AT_ONCE`` texts are spoken at a time: who asks for what another had begun waits and finds it.
        """
        if self.speaker is None or not texts:
            return len(texts)
        self.folder.mkdir(parents=True, exist_ok=True)
        turns = asyncio.Semaphore(at_once)
        made = await run_all(self._make(self.speaker, *pair, turns) for pair in sorted(texts))
        return made.count(False)

    async def _make(self, speaker: Speaker, language: str, text: str, turns: asyncio.Semaphore) -> bool:
        path = self.folder / f"{self._key(speaker, language, text)}.wav"
        async with turns, self._making[path], self._turns:
            try:
                if not path.exists():
                    sound = await speaker.speak(text, language)
                    sound = await telephone_wav(sound)
                    await asyncio.to_thread(_write_atomically, path, sound)
            except (Unavailable, OSError) as error:
                log.warning("prompt-not-spoken", language=language, file=path.name, error=str(error))
                return False
        self._ready[language, text] = str(path.absolute().with_suffix(""))
        return True

    def _key(self, speaker: Speaker, language: str, text: str) -> str:
        whole = "\0".join([_VERSION, speaker.name, language, text])
        return hashlib.sha256(whole.encode()).hexdigest()[:32]

    def sounds(self, flow: Flow, names: Iterable[str], language: str) -> list[str]:
        """Return the Asterisk sound names (no extension) of a flow's prompts in the caller's language.

        Order of choice: the text in the caller's language, in the flow's language, the built-in sound (of which the
        PBX picks the language itself). A prompt with none of these is left out and logged.
        """
        found = [(name, self._sound(flow.prompts.get(name), [language, flow.language])) for name in names]
        for name, sound in found:
            if not sound:
                log.warning("prompt-silent", flow=flow.name, prompt=name)
        return [sound for _, sound in found if sound]

    def spoken(self, texts: Mapping[str, str], language: str) -> str:
        """Return the sound name of the text in this language; '' when there is none, or it is not spoken yet."""
        text = _in_language(texts, language)
        return self._ready.get(text, "") if text is not None else ""

    def _sound(self, prompt: Prompt | None, languages: list[str]) -> str:
        if prompt is None:
            return ""
        for language in languages:
            if spoken := self.spoken(prompt.texts, language):
                return spoken
        return prompt.sound


def _in_language(texts: Mapping[str, str], language: str) -> tuple[str, str] | None:
    """Find ``language``'s text; the PBX's ``en_US`` may be served by ``en``."""
    for name in (language, language.replace("-", "_").split("_")[0]):
        if name in texts:
            return name, texts[name]
    return None


# ------------------------------------------------------------------ files


async def telephone_wav(sound: bytes) -> bytes:
    """Return a 16 bit mono WAV file of any rate as one of 8 kHz, in a process that lets others go first.

    In a thread the arithmetic held the interpreter: calls that came while prompts were spoken were 30 to 70 ms late.

    Raises:
        Unavailable: ``sound`` is no such file, or it took more than ``RENDER_TIME``.
    """
    program = [sys.executable, "-I", telephone_sound.__file__]
    return await _filtered(program, sound, RENDER_TIME)


async def _filtered(command: list[str], given: bytes, limit: float) -> bytes:
    """Return what a program makes of its standard input within ``limit`` seconds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(limit):
            made, _ = await process.communicate(given)
    except TimeoutError:
        raise Unavailable("speech-timeout", {"limit": limit}) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not made:
        raise Unavailable("speech-failed", {"exit": process.returncode})
    return made


def _write_atomically(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".speaking-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)  # the PBX reads it as another user
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
