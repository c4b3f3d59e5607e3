"""Dry runs over HTTP: the day played by the process of its own, what is refused, and the day as a trace."""

import asyncio
import json

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from contactcenter.core.permissions import SYSTEM
from contactcenter.dry_runs import service as dry_runs
from contactcenter.dry_runs.figures import became, measured, occupancy_of
from routing.simulator.runs import OURS, run_plan
from routing.simulator.trace import read_trace
from tests.integration.http.conftest import SAME_ORIGIN, Browser
from tests.rig.past_day import Stay, answered, busy_day, contact
from tests.rig.rooms import PASSWORD


@pytest.fixture
async def day(site):
    """A queue with a day behind it; the administrator, the supervisor and an agent signed in afterwards."""
    site.queue = await site.queues.create_queue(SYSTEM, {"name": "Support", "target_time": 20.0})
    await busy_day(site, site.queue.queue_id, [site.ines.agent_id, site.chen.agent_id])
    for login in ("admin", "sofia", "ines"):
        signed = await site.users.sign_in(login, PASSWORD, address="127.0.0.1")
        site.browsers[login] = Browser(site.client, signed.token)
    site.path = f"/api/v1/queues/{site.queue.queue_id}/dry-run"
    return site


async def test_a_day_with_a_change(day):
    admin = day.browsers["admin"]
    skill = (await admin("POST", "/api/v1/skills", {"name": "german", "label": "German"}, status=201)).data["id"]
    await admin("PATCH", f"/api/v1/agents/{day.ines.agent_id}", {"skills": {skill: 3}}, status=200)
    found = (await admin("POST", day.path, {"skills": {skill: 2}, "max_wait": 60.0}, status=200)).data
    assert (found["date"], found["callers"], found["agents"]) == ("2026-01-06", 200, 2)
    assert found["ignored"] == ["max_wait"]
    assert found["left_out"] == {"queue_gone": 0, "skill_gone": 0, "agents_gone": 0}
    assert found["assumed"] == {"patience": 160, "for_ever": found["assumed"]["for_ever"], "handle_time": 40}
    assert "answered-at-once" in found["limits"]
    queue, every = found["queue"], found["every"]
    assert queue["real"] | {"occupancy": None} == queue["real"]
    assert queue["real"]["offered"] == 200
    assert queue["difference"]["service_level"] < -10, "one agent where there were two"
    assert every["difference"]["service_level"] == queue["difference"]["service_level"]
    assert every["present"]["occupancy"] > 20
    unchanged = (await admin("GET", f"/api/v1/queues/{day.queue.queue_id}", status=200)).data
    assert unchanged["skills"] == {}


async def test_the_trace_gives_the_figures_of_the_answer(day):
    admin = day.browsers["admin"]
    response = await admin("GET", "/api/v1/routing/trace", status=200)
    assert response.content_type == "application/jsonl"
    assert response.headers["Content-Disposition"] == 'attachment; filename="trace-2026-01-06.jsonl"'
    lines = response.data.splitlines()
    assert sum(json.loads(line)["type"] == "arrival" for line in lines) == 200
    outcome = run_plan(read_trace([line.encode() for line in lines], "trace"), OURS)
    told = (await admin("POST", day.path, {"date": "2026-01-06"}, status=200)).data["every"]["present"]
    wanted = measured(became(outcome), {day.queue.queue_id: day.queue}, occupancy_of(outcome))
    assert told == {name: getattr(wanted, name) for name in told}


async def test_what_saving_would_refuse_is_refused(day):
    admin = day.browsers["admin"]
    refused = await admin(
        "POST", day.path, {"steps": [{"after": 5, "levels": {"none": 0}}], "ring_time": 3}, status=400
    )
    assert refused.data["error"]["fields"] == {"ring_time": "out-of-range", "steps.0.levels": "unknown-skill"}
    await admin("POST", day.path, {"colour": "red"}, status=400)
    await admin("POST", "/api/v1/queues/none/dry-run", {}, status=404)


@pytest.mark.parametrize("date", ["2026-01-07", "2025-12-06", "2026-02-30", 5])
async def test_only_days_that_are_over_and_not_long_ago(day, date):
    refused = await day.browsers["admin"]("POST", day.path, {"date": date}, status=400)
    assert list(refused.data["error"]["fields"]) == ["date"]


async def test_days_that_cannot_be_played_say_why(day):
    admin = day.browsers["admin"]
    for path in ("POST", day.path, {"date": "2026-01-05"}), ("GET", "/api/v1/routing/trace?date=2026-01-05"):
        refused = await admin(*path, status=409)
        assert refused.data["error"] == {"code": "no-callers", "fields": {"date": "2026-01-05"}}
    await contact(day, -3600.0, Stay(day.queue.queue_id, 5.0))
    assert (await admin("POST", day.path, {"date": "2026-01-05"}, status=409)).data["error"][
        "code"
    ] == "nobody-answered"


async def test_who_reaches_a_team_only_may_not(day):
    for login, right in (("sofia", "agents:read"), ("ines", "agents:read")):
        for path in ("POST", day.path, {}), ("GET", "/api/v1/routing/trace"):
            refused = await day.browsers[login](*path, status=403)
            assert refused.data["error"]["fields"] == {"right": right}
    await day.browsers["nobody"]("POST", day.path, {}, status=401)


async def test_one_at_a_time(day):
    admin = day.browsers["admin"]
    answers = await asyncio.gather(admin("POST", day.path, {}), admin("GET", "/api/v1/routing/trace"))
    assert sorted(one.status for one in answers) == [200, 409]
    [busy] = [one for one in answers if one.status == 409]
    assert busy.data["error"]["code"] == "busy"
    await admin("POST", day.path, {}, status=200)


async def test_a_day_too_large_or_too_long_leaves_nothing_behind(day, monkeypatch):
    admin = day.browsers["admin"]
    monkeypatch.setattr(dry_runs, "MOST_CALLERS", 100)
    assert (await admin("POST", day.path, {}, status=409)).data["error"]["code"] == "day-too-large"
    monkeypatch.undo()
    monkeypatch.setattr(dry_runs, "TIME_LIMIT", 0.05)
    assert (await admin("POST", day.path, {}, status=503)).data["error"]["code"] == "dry-run-too-long"
    monkeypatch.undo()
    await admin("POST", day.path, {}, status=200)


async def test_a_player_that_dies_is_told(day, monkeypatch):
    monkeypatch.setattr(dry_runs.sys, "executable", "false")
    refused = await day.browsers["admin"]("POST", day.path, {}, status=503)
    assert refused.data["error"] == {"code": "dry-run-failed", "fields": {"exit": 1}}


@pytest.fixture
async def served(day):
    """The same site served as the program does it: a handler whose asker has gone is not cancelled."""
    runner = web.AppRunner(day.app(), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_nothing_runs_on_for_one_who_has_gone(day, served, monkeypatch):
    started = []
    begin = asyncio.create_subprocess_exec

    async def slow(*arguments, **options):
        process = await begin("sleep", "60", **options)
        started.append(process)
        return process

    monkeypatch.setattr(dry_runs.asyncio, "create_subprocess_exec", slow)
    cookie = {"Cookie": f"cc_session={day.browsers['admin'].cookie}", **SAME_ORIGIN}
    async with ClientSession(headers=cookie) as client:
        with pytest.raises(TimeoutError):
            await client.post(served + day.path, json={}, timeout=ClientTimeout(1.0))
    monkeypatch.undo()
    async with asyncio.timeout(5.0):
        await started[0].wait()
    assert started[0].returncode == -9
    await day.browsers["admin"]("POST", day.path, {}, status=200)


async def test_a_contact_of_two_queues_is_one_caller(day):
    other = await day.queues.create_queue(SYSTEM, {"name": "Sales"})
    await contact(
        day, 40_000.0, Stay(other.queue_id, 5.0, "flowed-out"), answered(day.queue.queue_id, 3.0, day.ines.agent_id)
    )
    found = (await day.browsers["admin"]("POST", f"/api/v1/queues/{other.queue_id}/dry-run", {}, status=200)).data
    assert found["callers"] == 201
    assert found["queue"]["real"] | {"offered": 1, "answered": 1, "asa": 8.0} == found["queue"]["real"]
