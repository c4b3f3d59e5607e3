import shutil

import pytest

from tests.rig.browser import NARROW, browser, browser_pids, opened_page  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
    pytest.mark.asyncio(loop_scope="session"),
]
LOUDEST = """async () => {
    const audio = {echoCancellation: false, noiseSuppression: false};
    const sound = await navigator.mediaDevices.getUserMedia({audio});
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    context.createMediaStreamSource(sound).connect(analyser);
    await new Promise(done => setTimeout(done, 1000));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    return bins.indexOf(Math.max(...bins)) * context.sampleRate / analyser.fftSize;
}"""


async def test_size_colours_and_complaints(browser):  # noqa: F811
    async with opened_page(browser, size=NARROW, colours="dark", language="ru-RU") as watched:
        await watched.page.set_content("<script>console.error('one'); throw new Error('two')</script>")
        seen = "[innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches, navigator.language]"
        assert await watched.page.evaluate(seen) == [390, 844, True, "ru-RU"]
        assert watched.errors[0].startswith("one")
        assert watched.errors[1] == "uncaught: two"
    assert browser_pids()


async def test_the_microphone_is_an_880_hz_tone(browser):  # noqa: F811
    async with opened_page(browser) as watched:
        await watched.page.route("http://127.0.0.1/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
        await watched.page.goto("http://127.0.0.1/")
        assert await watched.page.evaluate(LOUDEST) == pytest.approx(880, abs=12)
