"""Redis goes, stands still, comes back; the way to it is cut: never hidden, never waited for, told when it is over."""

import asyncio
import subprocess
import time

import pytest
import structlog
from redis.asyncio.connection import Connection

from contactcenter.core import redis_bus
from contactcenter.core.errors import Invalid
from contactcenter.core.redis_bus import RedisBus
from contactcenter.core.tasks import TaskSupervisor
from tests.contract.bus.conftest import until
from tests.rig.cutting_proxy import CuttingProxy


async def test_it_is_killed_and_started_again(server, end):
    one, other = await end(server.url), await end(server.url)
    one.say(b"before")
    await other.until_heard(b"before")
    await asyncio.to_thread(server.kill)
    await until(lambda: one.bus.degraded and other.bus.degraded)
    await until(lambda: "connecting" in one.bus.degraded)
    one.say(b"missed")
    assert one.bus.lost == 1
    await asyncio.to_thread(server.start)
    await one.until_restored(2)
    await other.until_restored(2)
    one.say(b"after")
    await other.until_heard(b"after")
    assert other.heard == one.heard == [b"before", b"after"]


async def test_it_stands_still(server, end):
    one, other = await end(server.url), await end(server.url)
    one.say(b"before")
    await other.until_heard(b"before")
    server.freeze()
    begun = time.perf_counter()
    for _ in range(1000):
        one.say(b"x" * 1000)
    assert time.perf_counter() - begun < 0.5
    await until(lambda: one.bus.degraded and other.bus.degraded, seconds=2)
    assert one.bus.lost == 1000
    await until(lambda: "no answer" in one.bus.degraded, seconds=2)
    await asyncio.sleep(0.7)  # tries in vain
    assert one.bus.degraded
    assert one.restored == 1
    server.thaw()
    await one.until_restored(2)
    await other.until_restored(2)


async def test_what_waited_for_a_frozen_server_does_not_come_after_what_is_newer(server, end):
    one = await end(server.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)  # one that waits patiently
    writer.write(b"SUBSCRIBE news\r\n")
    heard = await reader.readuntil(b":1\r\n")
    one.bus.on_restored(lambda: one.say(b"newer"))
    server.freeze()
    for _ in range(600):
        one.say(b"older" * 6000)
    await until(lambda: "no answer" in one.bus.degraded)
    server.thaw()
    await one.until_restored(2)
    await asyncio.sleep(0.3)
    one.say(b"newest")
    while b"newest" not in heard:
        heard += await reader.read(65536)
    writer.close()
    assert b"older" not in heard[heard.index(b"newer") :]


async def test_closing_does_not_wait_for_a_server_that_stands_still(server, end, monkeypatch):
    monkeypatch.setattr(redis_bus, "PING_TIME", 60.0)
    one = await end(server.url)
    server.freeze()
    for _ in range(300):
        one.say(b"x" * 100_000)
    async with asyncio.timeout(2):
        await one.bus.close()
    assert one.bus.lost == 300


async def test_closing_does_not_wait_for_a_connection_under_way(server, end, monkeypatch):
    server.freeze()
    monkeypatch.setattr(redis_bus, "CONNECT_TIME", 60.0)
    one = await end(server.url, waits=False)
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await one.bus.close()


async def test_the_way_is_cut_in_the_midst_of_a_message(server, end):
    async with CuttingProxy(server.port) as proxy:
        one, other = await end(server.url_at(proxy.port)), await end(server.url)
        proxy.cut_at(b"middle-of-it", passes_on=False)
        one.say(b"first")
        one.say(b"x" * 100_000 + b"middle-of-it" + b"x" * 100_000)
        one.say(b"behind")
        await one.until_restored(2)
        one.say(b"after")
        await other.until_heard(b"after")
        assert proxy.cuts == 1
        assert other.restored == 1
        assert set(map(len, other.heard)) <= {len(b"first"), len(b"after")}  # never half of one
        assert 2 <= one.bus.lost <= 3  # whether the first arrived nobody told


async def test_one_of_the_two_ways_is_cut_while_it_only_listens(server, end):
    async with CuttingProxy(server.port) as proxy:
        one, other = await end(server.url_at(proxy.port)), await end(server.url)
        proxy.cut_at(b"SUBSCRIBE", passes_on=True)
        one.bus.subscribe("more", one.heard.append)
        await one.until_restored(2)
        other.bus.publish("more", b"after")
        await one.until_heard(b"after")


async def test_the_server_ends_a_connection_of_ours(server, end):
    one = await end(server.url)
    for times, kind in enumerate(("pubsub", "normal"), start=2):
        admin = Connection(port=server.port)
        await admin.connect()
        await admin.send_command("CLIENT", "KILL", "TYPE", kind)
        await admin.read_response()
        await admin.disconnect()
        await one.until_restored(times)
        one.say(kind.encode())
        await one.until_heard(kind.encode())


async def test_it_is_started_late(make_server, end):
    server = make_server()
    one = await end(server.url, waits=False)
    one.say(b"lost")
    await until(lambda: str(server.port) in one.bus.degraded)
    assert one.restored == 0
    await asyncio.to_thread(server.start)
    await one.until_restored()
    one.say(b"one")
    await one.until_heard(b"one")
    assert one.heard == [b"one"]


async def test_a_wrong_password_is_told_without_it(make_server, end):
    server = make_server("right-secret")
    server.start()
    with structlog.testing.capture_logs() as logs:
        one = await end(server.url.replace("right-secret", "wrong-secret"), waits=False)
        await until(lambda: "AuthenticationError" in one.bus.degraded)
        await asyncio.sleep(0.2)  # tries several times
    assert "secret" not in one.bus.degraded
    assert "secret" not in str(logs)
    assert [entry["event"] for entry in logs] == ["bus-away"]  # told once, not at every try
    right = await end(server.url)
    right.say(b"one")
    await right.until_heard(b"one")


async def test_a_server_that_quotes_the_password_does_not_give_it_away(end):
    async def answer(reader, writer):
        line = await reader.readuntil(b"\r\n")
        writer.write(b"-ERR unknown command `AUTH`, with args beginning with: `my-secret`\r\n")
        await reader.read()
        writer.close()
        assert line

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as liar:
        port = liar.sockets[0].getsockname()[1]
        with structlog.testing.capture_logs() as logs:
            one = await end(f"redis://:my-secret@127.0.0.1:{port}", waits=False)
            await until(lambda: "unknown command" in one.bus.degraded)
        assert "secret" not in one.bus.degraded + str(logs)
        await one.bus.close()


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\r\n", b"*x\r\n", b"$-7\r\n", b""])
async def test_what_is_no_redis_is_away(end, words):
    async def answer(reader, writer):
        await reader.read(1)
        writer.write(words)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as stranger:
        one = await end(f"redis://127.0.0.1:{stranger.sockets[0].getsockname()[1]}", waits=False)
        await until(lambda: ":" in one.bus.degraded)
        await one.bus.close()


@pytest.mark.parametrize(
    "url",
    ["http://:secret@host", "redis://:se/cret@host:secret", "redis://:secret@host?nonsense=1", "redis://host:99x", ""],
)
def test_a_url_that_is_none_is_refused_without_quoting_it(url):
    with pytest.raises(Invalid, match="redis-url-invalid") as caught:
        RedisBus(url, TaskSupervisor())
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_by_a_socket_file(server, end):
    server.folder.chmod(0o755)
    one, other = await end(f"unix://{server.socket_path}"), await end(server.url)
    one.say(b"one")
    await other.until_heard(b"one")


async def test_by_tls(make_server, end, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    await asyncio.to_thread(subprocess.run, ["openssl", *words.split(), *names], check=True, capture_output=True)
    server = make_server()
    server.start(tls=(certificate, key))
    secure = f"rediss://127.0.0.1:{server.tls_port}"
    one = await end(f"{secure}?ssl_ca_certs={certificate}")
    other = await end(server.url)
    one.say(b"one" * 50_000)
    await other.until_heard(b"one" * 50_000)
    stranger = await end(secure, waits=False)
    await until(lambda: "certificate verify failed" in stranger.bus.degraded.lower())
    server.freeze()
    one.say(b"x" * 3_000_000)
    await until(lambda: one.bus.degraded)
    server.thaw()
    await one.until_restored(2)


async def test_a_process_that_stood_still_itself_has_lost_nothing(server, end):
    one = await end(server.url)
    for _ in range(3):
        time.sleep(0.8)  # the loop stands still
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.4)
    assert one.restored == 1
    assert one.bus.lost == 0
