"""What is heard where: on the caller's port, in the page, and in Asterisk's own recording of the agent's leg."""

import asyncio
import time
from pathlib import Path

from playwright.async_api import Page

from tests.rig.rtp import Ear, decode_ulaw
from tests.rig.server import Server
from tests.rig.tones import LEAST_RMS, LEAST_SHARE, tone_energy

BLOCK = 400  # bytes of mu-law: 50 ms

# Runs in the page: tells, 100 times a second, whether what the phone plays holds the tone.
LISTEN = """([hertz]) => {
    const audio = document.getElementById('remote-audio');
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    const wave = new Float32Array(2048);
    window.heard = {first: null, last: null, seconds: 0};
    let source = null;
    setInterval(() => {
        const stream = audio.srcObject;
        if (!stream) return;
        if (source?.mediaStream !== stream) {
            source?.disconnect();
            source = context.createMediaStreamSource(stream);
            source.connect(analyser);
        }
        analyser.getFloatTimeDomainData(wave);
        let cos = 0, sin = 0, all = 0;
        wave.forEach((value, n) => {
            const angle = 2 * Math.PI * hertz * n / context.sampleRate;
            cos += value * Math.cos(angle); sin += value * Math.sin(angle); all += value * value;
        });
        if (all < 0.02 || 2 * (cos * cos + sin * sin) / wave.length < 0.2 * all) return;
        window.heard.first ??= Date.now();
        window.heard.last = Date.now();
        window.heard.seconds += 0.01;
    }, 10);
}"""


def holds_tone(data: bytes, hertz: float) -> bool:
    """True when a block of mu-law holds a tone (see tests.rig.tones)."""
    samples = decode_ulaw(data)
    energy = sum(sample * sample for sample in samples)
    return energy >= LEAST_RMS**2 * len(samples) and tone_energy(samples, hertz, 8000) >= LEAST_SHARE * energy


async def hear(ear: Ear, hertz: float, limit: float = 10) -> float:
    """Wait until the ear hears a tone; when (epoch seconds). Raises TimeoutError."""
    async with asyncio.timeout(limit):
        while not holds_tone(bytes(ear.heard[-BLOCK:]), hertz):
            await asyncio.sleep(0.005)
    return time.time()


async def hear_nothing(ear: Ear, hertz: float, limit: float = 5) -> None:
    """Wait until half a second passed without the tone. Raises TimeoutError."""
    async with asyncio.timeout(limit):
        while any(holds_tone(bytes(ear.heard[-BLOCK * (n + 1) : -BLOCK * n or None]), hertz) for n in range(10)):
            await asyncio.sleep(0.05)


async def listen_in_page(page: Page, hertz: float) -> None:
    """From now on the page keeps when its phone's sound first held the tone (``window.heard``)."""
    await page.evaluate(LISTEN, [hertz])


async def hear_both_ways(page: Page, ear: Ear, spoken: float, seconds: float, limit: float = 20) -> None:
    """Wait until, from now on, the page played and the ear heard so many seconds of their tones. Raises TimeoutError.

    A recording that was begun before holds as much of both, however late this machine woke anybody. The page listens
    already (``listen_in_page``); ``spoken`` is the tone of its microphone.
    """
    begin, played = len(ear.heard), await _seconds_played(page)
    async with asyncio.timeout(limit):
        while await _seconds_played(page) - played < seconds or _seconds_heard(ear, begin, spoken) < seconds:
            await asyncio.sleep(0.1)


async def _seconds_played(page: Page) -> float:
    return float(await page.evaluate("window.heard.seconds"))


def _seconds_heard(ear: Ear, begin: int, hertz: float) -> float:
    blocks = (bytes(ear.heard[at : at + BLOCK]) for at in range(begin, len(ear.heard) - BLOCK + 1, BLOCK))
    return sum(BLOCK / 8000 for block in blocks if holds_tone(block, hertz))


async def record_leg(server: Server, endpoint: str, folder: Path) -> tuple[Path, Path]:
    """Let Asterisk record an agent's leg; (what the agent says, what the agent hears)."""
    rows = (await server.console("core show channels concise")).splitlines()
    channel = next(row.partition("!")[0] for row in rows if row.startswith(f"PJSIP/{endpoint}-"))
    says, hears = folder / "says.wav", folder / "hears.wav"
    answer = await server.console(f"mixmonitor start {channel} {folder}/both.wav,r({says})t({hears})")
    assert "error" not in answer.lower(), answer
    return says, hears
