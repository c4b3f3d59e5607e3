"""Two processes over one Postgres and Redis, live calls on real Asterisk: the same numbered truth, whatever is away."""

import asyncio
import contextlib
import time

import aiohttp
import pytest

from tests.contract.database.conftest import postgres as postgres
from tests.integration.server.live_calls import live_calls, until_answer, until_over, until_phases
from tests.rig.desktop import Refused
from tests.rig.redis import BINARY, RedisServer

OWN = ("me", "settings")


@pytest.fixture
def redis():
    if BINARY is None:
        pytest.skip("no Redis server on this machine")
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def joined(postgres, redis, tmp_path):
    """Two customers who talk and two who wait, the server, and a web process beside it."""
    options = ("--redis", redis.url)
    async with (
        live_calls(tmp_path, talking=2, waiting=2, database=postgres.database(), options=options) as calls,
        calls.server.web_process() as web,
    ):
        yield calls, web


def shown(page):
    """What a page shows of the site; figures over the last 15 minutes and audits are each process's own moment."""
    return {key: slot for key, slot in page.slots.items() if key not in OWN}


async def until_same(one, other, limit=5):
    async with asyncio.timeout(limit):
        while shown(one) != shown(other):
            await asyncio.sleep(0.1)


async def both_pages(calls, web, page="live", login="sofia"):
    return await calls.server.desktop(login, page), await web.desktop(login, page)


async def test_both_show_the_same_and_either_is_acted_on(joined):
    calls, web = joined
    server = calls.server
    here, there = await both_pages(calls, web)
    await until_same(here, there)
    assert len(there.of("waiting")) == 2
    assert sum(one["state"] == "talking" for one in there.of("agent")) == 2

    first = await server.desktop("desk1")
    before = await first.work("talking")
    second = await web.desktop("desk1")
    assert await second.work("talking") == before
    await first.closed()
    assert first.goodbye == "replaced", "the agent has one desktop, wherever it is"

    saved = await second.command("save-note", interaction_id=before["interaction_id"], text="by the second process")
    assert saved["saved_at"]
    with pytest.raises(Refused, match="not-found"):
        await second.command("hang-up", interaction_id="01nobody")
    await second.command("hang-up", interaction_id=before["interaction_id"])
    await second.until(lambda page: all(one["state"] != "talking" for one in page.of("work")))
    await until_phases(server, talking=2, waiting=1)  # the freed agent has the next customer
    await until_same(here, there)

    await web.api("POST", "/queues", {"name": "Night"}, login="admin")
    await here.until(lambda page: any(one["name"] == "Night" for one in page.of("queue")))
    await until_same(here, there)

    await web.api("PUT", f"/agents/{server.agent_ids['desk2']}/presence", {"state": "offline"}, login="sofia")
    assert _presence(server, "desk2") == "offline", "answered when it is kept"

    await one_desktop_stays(server, web)
    await signed_out_in_both(server, web)
    for page in (here, there):
        numbers = [frame["seq"] for _, frame in page.history if frame["type"] == "changes"]
        assert numbers == sorted(numbers)
        assert page.snapshots == 1
        await page.close()
    await second.close()


async def one_desktop_stays(server, web):
    """However quickly they are opened here and there."""
    for _ in range(5):
        pages = await asyncio.gather(server.desktop("desk2"), web.desktop("desk2"))
        async with asyncio.timeout(2):
            while sum(not page.goodbye for page in pages) != 1:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        assert sum(not page.goodbye for page in pages) == 1
        for page in pages:
            await page.close()


async def signed_out_in_both(server, web):
    """A session is both processes', and so is its end."""
    browser = await server.login("desk2")
    cookies = {one.key: one.value for one in browser.cookie_jar}
    async with aiohttp.ClientSession(web.url, cookies=cookies, headers={"Origin": web.url}) as other:
        async with other.get("/api/v1/session") as answer:
            assert answer.status == 200, await answer.text()
        async with browser.delete("/api/v1/session") as answer:
            assert answer.status < 300
        async with asyncio.timeout(1):  # what is remembered of a session for 2 s is forgotten by its end
            while (await _status(other)) != 401:
                await asyncio.sleep(0.05)


async def _status(browser):
    async with browser.get("/api/v1/session") as answer:
        return answer.status


async def test_redis_goes_and_comes_back(joined, redis):
    calls, web = joined
    server = calls.server
    here, there = await both_pages(calls, web)
    desk = await web.desktop("desk1")
    work = await desk.work("talking")
    redis.kill()
    took, codes = await until_answer(web, 503, 10)
    print(f"seconds until the web process said so: {took:.2f}")
    assert {"router-away", "bus-away"} <= set(codes)
    status, body = await server.ready_answer()
    assert (status, [one["code"] for one in body["degraded"]]) == (200, ["bus-away"]), "calls are served all the same"
    with pytest.raises(Refused, match="router-away"):
        await desk.command("hang-up", interaction_id=work["interaction_id"])
    await there.until(lambda page: not page.slots["totals"]["pbx"][0]["up"])
    kept = await desk.command("create-ticket", interaction_id=work["interaction_id"], subject="Opened once")
    assert kept["ticket"]["number"], "or the agent would open it again"

    await web.api("POST", "/queues", {"name": "Night"}, login="admin")
    await here.until(lambda page: any(one["name"] == "Night" for one in page.of("queue")), 10)
    calls.hang_up(calls.talking[1])
    await until_phases(server, talking=2, waiting=1)
    assert calls.dropped() == 0

    redis.start()
    took, _ = await until_answer(web, 200, 10)
    print(f"seconds until the web process was ready: {took:.2f}")
    await until_same(here, there)
    await desk.command("save-note", interaction_id=work["interaction_id"], text="there again")
    assert server.rows("select note from segments where note <> ''")[0]["note"] == "there again"
    for page in (here, there, desk):
        await page.close()


async def test_the_routers_process_is_killed_and_comes_back(joined):
    calls, web = joined
    server = calls.server
    there, desk = await web.desktop("sofia", "live"), await web.desktop("desk1")
    before = await desk.work("talking")
    leaver = await web.login("desk2")
    await server.kill()
    async with leaver.delete("/api/v1/session") as answer:
        assert answer.status == 204
    took, codes = await until_answer(web, 503, 10)
    print(f"seconds until the web process said so: {took:.2f}")
    assert "router-away" in codes
    await desk.until(lambda page: page.me["link"] == {"pbx": "down", "reason": "router-away"})
    began = time.monotonic()
    with pytest.raises(Refused, match="router-away"):
        await desk.command("hang-up", interaction_id=before["interaction_id"])
    assert time.monotonic() - began < 1, "nobody waits for an answer of one who is not there"
    assert (await web.api("GET", "/agents", login="admin"))["items"], "what the database knows is shown"
    await server.start()
    began = time.monotonic()
    await until_answer(web, 200, 10)
    print(f"seconds until the web process was ready: {time.monotonic() - began:.2f}")
    after = await desk.work("talking")
    assert after["interaction_id"] == before["interaction_id"]
    assert desk.snapshots == 1, "the page went on, it was never loaded anew"
    await until_offline(server, "desk2")
    here = await server.desktop("sofia", "live")
    await until_same(here, there)
    assert calls.dropped() == 0
    for number in (*calls.talking, *calls.waiting):
        calls.hang_up(number)
        await asyncio.sleep(0.05)
    await until_over(server)
    await until_same(here, there)
    for page in (here, there, desk):
        await page.close()


async def until_offline(server, login, limit=5):
    """He signed out while nobody was there to hear of it: nobody rings him any more."""
    async with asyncio.timeout(limit):
        while _presence(server, login) != "offline":
            await asyncio.sleep(0.05)


def _presence(server, login):
    return server.rows("select state from presence where agent_id = ?", server.agent_ids[login])[0]["state"]


async def test_postgres_goes_and_comes_back(joined, postgres):
    calls, web = joined
    there = await web.desktop("sofia", "live")
    postgres.stop()
    try:
        _, codes = await until_answer(web, 503, 15)
        assert "store-refuses" in codes
        waiting = len(there.of("waiting"))
        calls.hang_up(calls.waiting[0])
        await there.until(lambda page: len(page.of("waiting")) == waiting - 1)
        with contextlib.suppress(TimeoutError), pytest.raises(aiohttp.ClientResponseError) as refused:
            await web.api("GET", "/agents", login="admin")
        if "refused" in locals():
            assert refused.value.status == 503
    finally:
        postgres.start()
    await until_answer(web, 200, 15)
    assert calls.dropped() == 0
    await there.close()


async def test_without_the_server_it_says_so_and_waits(postgres, redis, tmp_path):
    from tests.rig.server import running_server

    options = ("--pbx", "simulated", "--redis", redis.url)
    async with (
        running_server(options=options, database=postgres.database(), start=False) as server,
        server.web_process(start=False) as web,
    ):
        await web.start(wait_ready=False)
        await until_listens(web, 20)
        status, body = await web.ready_answer()
        assert (status, [one["code"] for one in body["degraded"]]) == (503, ["pbx-connecting", "router-away"])
        await server.start()
        await until_answer(web, 200, 10)


async def until_listens(web, limit):
    async with asyncio.timeout(limit):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                await web.get("/healthz")
                return
            await asyncio.sleep(0.1)
