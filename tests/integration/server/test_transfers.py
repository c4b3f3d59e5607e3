"""Customers sent to another queue at a real server: two agents' screens, one interaction, alive over ``kill -9``."""

import asyncio
import contextlib

import pytest

from tests.integration.server.live_calls import until_over, until_phases
from tests.oracle.calls import judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.desktop import Refused
from tests.rig.lateness import watched_lateness
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers
from tests.rig.server import AgentSeed, QueueSeed, running_server
from tests.rig.sipp import Caller, desk_phones

FIRST, SECOND = Caller("+493077001", "2000", "Ada"), Caller("+493077002", "2000", "Ben")
NEVER = {"timezone": "UTC", "week": {"mon": ["00:00-00:01"]}}
ENDPOINTS = {"desk1": "agent-101", "desk2": "agent-102"}


def hang_up(customers, number):
    sent = next(one for one in customers.messages() if one.first == "INVITE" and f"sip:{number}@" in one.text)
    customers.nudge(sent.call_id)


async def until_wrap_up(page, queue):
    work = await page.work("wrap-up")
    assert work["transferred_to"]["name"] == queue
    return work


async def until_listed(page, held, *, is_open):
    """Until what was saved of the second queue is known to the calls."""
    async with asyncio.timeout(5):
        while (await page.command("transfer-queues", interaction_id=held))["queues"][0]["is_open"] is not is_open:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def center(folder):
    """A queue for each of two agents, and the number leads to the first's."""
    port = free_ports(1)
    agents = [
        AgentSeed(f"desk{n}", str(100 + n), {skill: 1}, f"sip:p{n}@127.0.0.1:{port}", name=f"Desk {n}")
        for n, skill in ((1, "tech"), (2, "sell"))
    ]
    queues = [QueueSeed(wrap_up_time=60, skills={"tech": 1}), QueueSeed("sales", wrap_up_time=60, skills={"sell": 1})]
    async with (
        running_server(agents=agents, queues=queues) as server,
        desk_phones(folder / "phones", {}, port=port, media_port=free_ports(16), others=Answers(after=0.2)),
    ):
        yield server


@pytest.mark.timeout(120)
async def test_from_agent_to_agent_and_over_a_kill(tmp_path):
    async with watched_lateness() as lateness, center(tmp_path) as server:
        one, two = [await server.desktop(login) for login in ENDPOINTS]
        await server.ready()
        async with server.customers(tmp_path / "first", [FIRST]) as customers:
            await from_one_to_the_other(one, two, customers)
        await until_over(server)
        await two.command("set-presence", state="not-ready", reason="break")
        async with server.customers(tmp_path / "second", [SECOND]) as customers:
            await while_he_waits_the_server_is_killed(server, one, two, customers)
        await until_over(server)
        assert (await server.console("core show channels count")).split()[0] == "0"
        judged, interactions = judge_file(server.cel_file).calls, await server.interactions()
        logins = {agent_id: login for login, agent_id in server.agent_ids.items()}
        log = server.log()
    endpoints = {agent_id: ENDPOINTS[login] for agent_id, login in logins.items()}
    told = compare(interactions, judged, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    assert told.differences == []
    assert len(interactions) == 2
    for row in interactions:
        assert [logins[part["agent_id"]] for part in row["segments"]] == ["desk1", "desk2"]
        assert [visit["end"] for visit in row["visits"]] == ["answered", "answered"]
        assert row["segments"][0]["transferred_to"] == row["visits"][1]["queue_id"] == row["segments"][1]["queue_id"]
    assert "Traceback" not in log


async def from_one_to_the_other(one, two, customers):
    """The first agent's note is on the second's screen, and each wraps up by himself."""
    held = (await one.work("talking"))["interaction_id"]
    listed = (await one.command("transfer-queues", interaction_id=held))["queues"]
    assert [(queue["name"], queue["ready"], queue["is_open"]) for queue in listed] == [
        ("sales", 1, True),
        ("support", 0, True),
    ]
    await one.command("save-note", interaction_id=held, text="wants May")
    with pytest.raises(Refused, match="queue-unknown"):
        await one.command("transfer", interaction_id=held, queue_id="nothing")
    await one.command("transfer", interaction_id=held, queue_id=listed[0]["queue_id"])
    await until_wrap_up(one, "sales")
    came = await two.work("alerting")
    assert (came["interaction_id"], came["transfer"]["agent"]["name"]) == (held, "Desk 1")
    assert (came["transfer"]["queue"]["name"], came["transfer"]["note"]) == ("support", "wants May")
    await two.work("talking")
    with pytest.raises(Refused, match="not-talking"):
        await one.command("hang-up", interaction_id=held)
    await one.command("finish-wrap-up", interaction_id=held, disposition="solved", then="ready")
    await one.until(lambda page: not page.of("work"))
    hang_up(customers, FIRST.number)
    await two.work("wrap-up")
    await two.command("finish-wrap-up", interaction_id=held, disposition="solved", then="ready")


async def while_he_waits_the_server_is_killed(server, one, two, customers):
    """Out of hold into a line where nobody is ready; a server that is killed then knows all of it again."""
    held = (await one.work("talking"))["interaction_id"]
    await one.command("hold", interaction_id=held)
    await one.until(lambda page: any(work["held_since"] for work in page.of("work")))
    sales = (await one.command("transfer-queues", interaction_id=held))["queues"][0]["queue_id"]
    await one.command("transfer", interaction_id=held, queue_id=sales)
    await until_wrap_up(one, "sales")
    await until_phases(server, waiting=1)
    await server.kill()
    await asyncio.sleep(0.5)
    await server.start()
    again = [
        await server.desktop(login, instance=page.instance) for login, page in zip(ENDPOINTS, (one, two), strict=True)
    ]
    assert (await until_wrap_up(again[0], "sales"))["interaction_id"] == held
    await again[1].command("set-presence", state="ready")
    assert (await again[1].work("talking", 20))["transfer"]["agent"]["name"] == "Desk 1"
    hang_up(customers, SECOND.number)
    await again[1].work("wrap-up")
    for page in again:
        await page.command("finish-wrap-up", interaction_id=held, disposition="solved", then="ready")
        await page.close()
    for page in (one, two):
        await page.close()


@pytest.mark.timeout(120)
async def test_closed_given_up_and_killed_in_the_next_moment(tmp_path):
    async with watched_lateness() as lateness, center(tmp_path) as server:
        one, two = [await server.desktop(login) for login in ENDPOINTS]
        sales = next(queue["id"] for queue in await server.api("GET", "/queues") if queue["name"] == "sales")
        await server.ready()
        await two.command("set-presence", state="not-ready", reason="break")
        async with server.customers(tmp_path / "first", [FIRST]) as customers:
            await closed_then_given_up(server, one, sales, customers)
        async with server.customers(tmp_path / "second", [SECOND]) as customers:
            await killed_right_after(server, one, two, sales, customers)
        await until_over(server)
        assert (await server.console("core show channels count")).split()[0] == "0"
        judged, (first, second) = judge_file(server.cel_file), await server.interactions()
        endpoints = {agent_id: ENDPOINTS[login] for login, agent_id in server.agent_ids.items()}
        log = server.log()
    told = compare([first, second], judged.calls, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    assert told.differences == []
    assert judged.strays == ()
    assert (first["outcome"], len(first["segments"])) == ("answered", 1)
    assert [visit["end"] for visit in first["visits"]] == ["answered", "abandoned"]
    assert (second["outcome"], len(second["segments"])) == ("answered", 2)
    assert [visit["end"] for visit in second["visits"]] == ["answered", "answered"]
    assert second["visits"][1]["wait_time"] > second["visits"][0]["wait_time"], "all the while nobody was there for him"
    assert "Traceback" not in log


async def closed_then_given_up(server, one, sales, customers):
    """Refused, the talk goes on; who hangs up in the second line leaves the first agent his wrap-up."""
    held = (await one.work("talking"))["interaction_id"]
    await server.api("PATCH", f"/queues/{sales}", {"hours": NEVER})
    await until_listed(one, held, is_open=False)
    with pytest.raises(Refused, match="queue-closed"):
        await one.command("transfer", interaction_id=held, queue_id=sales)
    await asyncio.sleep(0.3)
    assert (await one.work("talking", 0.1))["transferred_to"] is None
    assert (await server.console("core show channels count")).split()[0] == "2"
    await server.api("PATCH", f"/queues/{sales}", {"hours": None})
    await until_listed(one, held, is_open=True)
    await one.command("transfer", interaction_id=held, queue_id=sales)
    await until_phases(server, waiting=1)
    await asyncio.sleep(0.5)
    hang_up(customers, FIRST.number)
    await until_phases(server, waiting=0, ended=1)
    await until_wrap_up(one, "sales")
    await one.command("finish-wrap-up", interaction_id=held, disposition="solved", then="ready")
    await until_over(server)


async def killed_right_after(server, one, two, sales, customers):
    """What is answered is written; what the PBX makes of it nobody hears."""
    held = (await one.work("talking"))["interaction_id"]
    await one.command("transfer", interaction_id=held, queue_id=sales)
    await server.kill()
    await server.start()
    again = [
        await server.desktop(login, instance=page.instance) for login, page in zip(ENDPOINTS, (one, two), strict=True)
    ]
    assert (await until_wrap_up(again[0], "sales"))["interaction_id"] == held
    await again[1].command("set-presence", state="ready")
    assert (await again[1].work("talking", 20))["interaction_id"] == held
    await again[0].command("finish-wrap-up", interaction_id=held, disposition="solved", then="ready")
    await again[0].until(lambda page: not page.of("work"))
    hang_up(customers, SECOND.number)
    await again[1].work("wrap-up")
    await again[1].command("finish-wrap-up", interaction_id=held, disposition="solved", then="ready")
    for page in (one, two, *again):
        await page.close()
