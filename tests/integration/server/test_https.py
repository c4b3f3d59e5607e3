"""HTTPS without a proxy: one certificate for pages, socket and phone, taken anew when it is renewed."""

import asyncio
import shutil
import ssl

import aiohttp
import pytest

from contactcenter.agents.model import DeviceMode
from tests.integration.server.conftest import command
from tests.rig.browser import browser  # noqa: F401 - a fixture
from tests.rig.certificates import make_certificate, make_key
from tests.rig.scenarios import Leaves
from tests.rig.server import PASSWORD, AgentSeed, running_server
from tests.rig.sipp import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

REGISTER = (
    "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WSS rig.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    "From: <sip:rig@127.0.0.1>;tag=1\r\nTo: <sip:rig@127.0.0.1>\r\nCall-ID: rig\r\nCSeq: 1 REGISTER\r\n"
    "Contact: <sip:rig@rig.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
)


async def shown(port):
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_pages_socket_and_phone_by_one_certificate(tmp_path, browser):  # noqa: F811
    key = make_key(tmp_path)
    certificate = make_certificate(tmp_path, key)
    options = ["--tls", f"{certificate},{key}"]
    async with running_server(agents=[AgentSeed("ines", "1001", mode=DeviceMode.AUTO)], options=options) as server:
        trusting = ssl.create_default_context(cafile=certificate)
        jar = aiohttp.CookieJar(unsafe=True)
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(server.url, connector=connector, cookie_jar=jar) as client:
            await _signs_in(client, server.url)
            await _is_heard_by_the_pbx(client, server.url)
        await _registers_a_browsers_phone(browser, server, tmp_path)
        await _shows_the_renewed_certificate(server, tmp_path, certificate, key)
        assert f"contactcenter is on https://127.0.0.1:{server.port}" in server.log()


async def _signs_in(client, url):
    body = {"login": "ines", "password": PASSWORD}
    async with client.post("/api/v1/session", json=body, headers={"Origin": url.replace("https", "http")}) as answer:
        assert answer.status == 403, "a page without TLS is not one of ours"
    async with client.post("/api/v1/session", json=body, headers={"Origin": url}) as answer:
        assert answer.status == 200
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in answer.headers, "it is 127.0.0.1"
        assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]
    async with client.get("/api/v1/phone") as answer:
        assert (await answer.json())["websocket"] == "/phone"


async def _is_heard_by_the_pbx(client, url):
    async with client.ws_connect("/phone", protocols=("sip",), headers={"Origin": url}) as wire:
        await wire.send_str(REGISTER)
        answer = await wire.receive_str(timeout=10)
        assert answer.startswith("SIP/2.0 4"), "nobody it knows"
        assert "CSeq: 1 REGISTER" in answer


async def _registers_a_browsers_phone(browser, server, folder):  # noqa: F811
    context = await browser.new_context(base_url=server.url, ignore_https_errors=True, permissions=["microphone"])
    try:
        page = await context.new_page()
        await page.goto("/login")
        await page.fill("[name=login]", "ines")
        await page.fill("[name=password]", PASSWORD)
        await page.click("[type=submit]")
        await page.wait_for_url("**/desk")
        registered = await _contact(server)
        await server.kill()  # Asterisk goes on; the line ends with the server, and the phone registers anew
        await server.start()
        assert await _contact(server, registered) != registered
        await _is_called(server, folder)
    finally:
        await context.close()


async def _is_called(server, folder):
    """A customer is connected to the page's phone, which answers by itself."""
    await server.ready("ines")
    async with server.customers(folder / "callers", [Caller("+4930901820", "2000")], leaves=Leaves(after=2)):
        async with asyncio.timeout(30):
            while [one["outcome"] for one in await server.interactions()] != ["answered"]:
                await asyncio.sleep(0.3)


async def _contact(server, former=""):
    """Where the browser's phone is registered, once it is, and not there any more where it was."""
    async with asyncio.timeout(30):
        while True:
            lines = (await server.console("pjsip show contacts")).splitlines()
            found = [line.split()[1] for line in lines if "agent-1001/sip:" in line]
            if found and former not in found:
                return found[0]
            await asyncio.sleep(0.3)


async def _shows_the_renewed_certificate(server, folder, certificate, key):
    before, pid = await shown(server.port), server.pid
    renewed = make_certificate(folder, key, "renewed", days=300)
    shutil.copy(renewed, certificate)
    async with asyncio.timeout(30):
        while await shown(server.port) == before:
            await asyncio.sleep(0.5)
    assert server.process.poll() is None
    assert server.pid == pid


async def test_a_certificate_whose_date_is_past_keeps_nobody_from_calling(tmp_path):
    key = make_key(tmp_path)
    over = make_certificate(tmp_path, key, days=-1)
    options = ["--tls", f"{over},{key}", "--pbx", "simulated"]
    async with running_server(agents=[AgentSeed("ines", "1001")], options=options) as server:
        connector = aiohttp.TCPConnector(ssl=False)
        async with (
            aiohttp.ClientSession(server.url, connector=connector) as client,
            client.get("/readyz") as answer,
        ):
            told = await answer.json()
            assert (answer.status, told["ready"]) == (200, True)
            assert "certificate-not-valid" in [one["code"] for one in told["degraded"]]
        assert "certificate-not-valid" in server.log()


async def test_a_certificate_that_is_no_good_is_told_at_the_start(tmp_path):
    key, other = make_key(tmp_path), make_key(tmp_path, "other")
    over = make_certificate(tmp_path, key, days=-1)
    data = tmp_path / "d"
    await asyncio.to_thread(command, "init", "--data", data)
    for given, words in (
        (f"{over},{other}", ["tls-unusable", "does not belong", str(over)]),
        (f"{over},{tmp_path}/none", ["tls-unusable", "No such file", f"{tmp_path}/none"]),
        (str(over), ["tls-pair-needed", "--tls CERT,KEY"]),
    ):
        ended = await asyncio.to_thread(command, "run", "--data", data, "--tls", given)
        assert ended.returncode == 1
        assert [word for word in words if word not in ended.stderr] == [], ended.stderr
        assert "Traceback" not in ended.stderr
    assert not (data / "pbx").exists(), "refused before Asterisk was started"
