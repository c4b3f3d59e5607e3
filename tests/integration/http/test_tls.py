import asyncio
import os
import shutil
import ssl
import subprocess
from datetime import timedelta

import pytest
from aiohttp import ClientSession, TCPConnector, web
from structlog.testing import capture_logs

from contactcenter.core.clock import ManualClock, SystemClock
from contactcenter.core.errors import Unavailable
from contactcenter.core.web.tls import Certificate, CertificateFiles, prove
from tests.rig.certificates import make_certificate, make_key


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    key, other = make_key(folder), make_key(folder, "other")
    make_certificate(folder, key, "good", host="desk.example")
    make_certificate(folder, other, "renewed", days=300)
    make_certificate(folder, key, "over", days=-1)
    make_certificate(folder, key, "ending", days=5)
    (folder / "text.pem").write_text("hello")
    encrypted = ["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", folder / "locked.pem"]
    subprocess.run(encrypted, check=True, capture_output=True)
    extra = folder / "client.ext"
    extra.write_text("extendedKeyUsage=clientAuth")
    words = ["x509", "-req", "-in", folder / "good.csr", "-signkey", key, "-extfile", extra]
    subprocess.run(["openssl", *words, "-out", folder / "client.pem"], check=True, capture_output=True)
    return folder


def test_a_good_pair_tells_its_names_and_end(made):
    proven = prove(CertificateFiles(made / "good.pem", made / "key.pem"))
    assert proven.names == ("127.0.0.1", "localhost", "desk.example")
    assert 89 < (proven.ends_at - SystemClock().timestamp()) / 86400 <= 90
    assert proven.context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "certificate, key, file, words",
    [
        ("none", "key", "none", "No such file"),
        ("good", "none", "none", "No such file"),
        ("text", "key", "text", "PEM"),
        ("good", "text", "good", "PEM"),
        ("good", "other", "good", "key does not belong"),
        ("good", "locked", "locked", "encrypted"),
        ("client", "key", "client", "purpose"),
    ],
)
def test_what_is_wrong_is_said_with_its_file(made, certificate, key, file, words):
    with pytest.raises(Unavailable) as caught:
        prove(CertificateFiles(made / f"{certificate}.pem", made / f"{key}.pem"))
    assert caught.value.code == "tls-unusable"
    assert caught.value.fields["file"] == str(made / f"{file}.pem")
    assert words in caught.value.fields["reason"]


@pytest.fixture
def files(made, tmp_path):
    """A pair of their own, to be changed."""
    pair = CertificateFiles(tmp_path / "c.pem", tmp_path / "k.pem")
    shutil.copy(made / "good.pem", pair.certificate)
    shutil.copy(made / "key.pem", pair.key)
    return pair


async def served(port):
    """The certificate a new connection is shown."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return shown


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


async def test_renewed_files_are_shown_to_new_connections_and_no_old_one_is_cut(made, files):
    certificate = Certificate(files, SystemClock())
    app = web.Application()

    async def hello(request):
        return web.Response(text="hello")

    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.context).start()
        port = runner.addresses[0][1]
        async with ClientSession(connector=TCPConnector(ssl=False)) as client:
            async with client.get(f"https://127.0.0.1:{port}/") as answer:
                assert await answer.text() == "hello"
            assert await served(port) == der(made / "good.pem")
            assert not certificate.renew(), "nothing changed"
            shutil.copy(made / "renewed.pem", files.certificate)
            assert not certificate.renew(), "the key is still the old one"
            assert certificate.degraded()[0]["code"] == "certificate-ends"
            assert await served(port) == der(made / "good.pem")
            shutil.copy(made / "other.pem", files.key)
            assert certificate.renew()
            assert certificate.degraded() == []
            assert await served(port) == der(made / "renewed.pem")
            async with client.get(f"https://127.0.0.1:{port}/") as answer:  # the connection of before
                assert await answer.text() == "hello"
    finally:
        await runner.cleanup()


def test_files_that_vanish_are_told_and_the_old_ones_serve_on(made, files):
    certificate = Certificate(files, SystemClock())
    os.unlink(files.key)
    assert not certificate.renew()
    assert "No such file" in certificate.degraded()[0]["fields"]["reason"]
    shutil.copy(made / "key.pem", files.key)
    assert certificate.renew()
    assert certificate.degraded() == []


def test_a_near_end_is_told(made):
    certificate = Certificate(CertificateFiles(made / "ending.pem", made / "key.pem"), SystemClock())
    assert certificate.degraded()[0]["fields"]["days"] == 4


@pytest.mark.parametrize("days, words", [(-365, "valid from"), (365, "ended at")])
def test_a_date_keeps_nobody_from_serving_and_is_told(made, days, words):
    clock = ManualClock(SystemClock().now() + timedelta(days=days))
    with capture_logs() as logs:
        certificate = Certificate(CertificateFiles(made / "good.pem", made / "key.pem"), clock)
    assert [(one["event"], one["log_level"]) for one in logs] == [("certificate-not-valid", "error")]
    (told,) = certificate.degraded()
    assert told["code"] == "certificate-not-valid"
    assert words in told["fields"]["reason"]
    assert told["fields"]["file"] == str(made / "good.pem")


def test_a_pair_whose_date_is_past_is_proven_all_the_same(made):
    proven = prove(CertificateFiles(made / "over.pem", made / "key.pem"))
    assert "ended at" in proven.invalid(SystemClock().timestamp())


def test_a_valid_certificate_never_gives_way_to_one_that_is_over(made, files):
    certificate = Certificate(files, SystemClock())
    shutil.copy(made / "over.pem", files.certificate)
    assert not certificate.renew()
    (told,) = certificate.degraded()
    assert (told["code"], "ended at" in told["fields"]["reason"]) == ("certificate-ends", True)


def test_one_that_is_over_gives_way_to_a_valid_one(made, files):
    shutil.copy(made / "over.pem", files.certificate)
    certificate = Certificate(files, SystemClock())
    assert certificate.degraded()[0]["code"] == "certificate-not-valid"
    shutil.copy(made / "good.pem", files.certificate)
    assert certificate.renew()
    assert certificate.degraded() == []
