"""The agent sits at another machine: HTTPS by a company's own authority, the phone too, sound both ways by cable."""

import pytest

from tests.e2e.desk import sound
from tests.e2e.desk.floor import CALLER_HERTZ, Floor
from tests.e2e.desk.screen import POLICY_WATCH, Screen
from tests.rig.browser import MICROPHONE_HERTZ, find_chromium, opened_page, running_browser
from tests.rig.certificates import make_authority, make_issued, make_key, trust
from tests.rig.namespace import other_machine
from tests.rig.server import PASSWORD, AgentSeed, running_server
from tests.rig.tones import seconds_of_tone, write_tone

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_agent_at_another_machine_talks(tmp_path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    key, authority = make_key(tmp_path), make_authority(tmp_path)
    trust(home, authority[0])
    tone = write_tone(tmp_path / "microphone.wav", MICROPHONE_HERTZ, 10, rate=48000)
    with other_machine() as machine:
        certificate = make_issued(tmp_path, authority, key, machine.here)
        env = {"CONTACTCENTER_HTTP__HOST": "0.0.0.0", "CONTACTCENTER_PBX__BIND_ADDRESS": "0.0.0.0"}
        chromium = machine.program(tmp_path, find_chromium())
        async with (
            running_server(
                agents=[AgentSeed("ines", "1001", name="Ines Vogt")],
                customers=[{"name": "Marta Köhler", "numbers": ["+49 30 901820"]}],
                options=["--tls", f"{certificate},{key}"],
                env=env,
            ) as server,
            running_browser(tone, program=chromium, home=home) as browser,
            opened_page(browser, base_url=f"https://{machine.here}:{server.port}") as watched,
        ):
            await watched.page.add_init_script(POLICY_WATCH)
            ines = Screen(watched, tmp_path)
            await _signs_in(ines)
            contacts = await server.console("pjsip show contacts")
            assert "agent-1001/sip:" in contacts
            await sound.listen_in_page(watched.page, CALLER_HERTZ)
            await _talks(Floor(server, None, tmp_path), ines, server, tmp_path)
            assert not ines.errors, ines.errors


async def _signs_in(ines: Screen) -> None:
    await ines.page.goto("/login")
    await ines["login-name"].fill("ines")
    await ines["login-password"].fill(PASSWORD)
    await ines.page.keyboard.press("Enter")
    await ines.page.wait_for_url("**/desk")
    await ines.live()
    await ines.become_ready()


async def _talks(floor: Floor, ines: Screen, server, folder) -> None:
    async with floor.call(dialed="2000", key="", tone=30) as line:
        await ines.alert("Marta Köhler")
        await ines["answer"].click()
        await sound.hear(line.ear, MICROPHONE_HERTZ, 20)
        await ines.state("talking")
        says, hears = await sound.record_leg(server, "agent-1001", folder)
        await sound.hear_both_ways(ines.page, line.ear, MICROPHONE_HERTZ, 2.5)
        await ines["hang-up"].click()
        assert await line.sipp.wait_ended(10) == 0, line.sipp.errors()
    assert seconds_of_tone(says, MICROPHONE_HERTZ) >= 2
    assert seconds_of_tone(hears, CALLER_HERTZ) >= 2
