"""200 customers at 10 a second and 20 desk phones, odd ones among both: nothing missing, nothing twice.

Afterwards every call Asterisk saw is exactly one interaction, and all its figures are those of Asterisk's own record.
"""

import asyncio
import contextlib
import json
from collections import Counter

from tests.oracle.calls import AlertOutcome, Outcome, judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves, Refuses, Rings
from tests.rig.server import QueueSeed, desk_agents, running_server
from tests.rig.sipp import Caller, desk_phones

DIRECT, MENU, UNKNOWN = "2000", "1000", "9999"
NUMBERS = {DIRECT: "direct", MENU: "support"}
SECONDS = 20.0
PHONES = {
    **{f"p{n}": Answers(after=0.3, talk=0.8) for n in range(1, 12)},
    **{f"p{n}": Answers(after=0.3, talk=4.0) for n in range(12, 16)},
    "p16": Rings(),
    "p17": Rings(),
    "p18": Refuses(486, "Busy Here"),
    "p19": Refuses(603, "Decline"),
    # p20 is dead: nobody listens on its port
}
CUSTOMERS = {  # name: (number dialed, calls, when they leave)
    "patient": (DIRECT, 90, Leaves()),
    "talker": (DIRECT, 20, Leaves(after=2.0)),
    "one second": (DIRECT, 15, Leaves(after=1.0)),
    "menu": (MENU, 20, Leaves(after=1.2)),
    "at once": (DIRECT, 10, Leaves(after=0.0)),
    "alert": (DIRECT, 15, Leaves(after=0.12)),
    "bridge a": (DIRECT, 10, Leaves(after=0.26)),
    "bridge b": (DIRECT, 10, Leaves(after=0.29)),
    "unknown": (UNKNOWN, 10, Leaves()),
}


async def keep_agents_ready(server):
    """As a supervisor would: whoever the router took out of the line is put back; how often, and why."""
    put_back = Counter()
    logins = {agent_id: login for login, agent_id in server.agent_ids.items()}
    page = await server.desktop("sofia", "live")
    try:
        while True:
            for slot in page.of("agent"):
                if slot["state"] == "away":
                    put_back[slot["reason"]] += 1
                    await server.ready(logins[slot["agent_id"]])
            await asyncio.sleep(0.5)
    except asyncio.CancelledError:
        return put_back
    finally:
        await page.close()


async def all_call(server, folder):
    """Start every group of customers together; returns when all are over."""
    async with contextlib.AsyncExitStack() as stack:
        groups = []
        for number, (name, (dialed, count, leaves)) in enumerate(CUSTOMERS.items()):
            callers = [Caller(f"+4930{number}{index:05}", dialed, name) for index in range(count)]
            group = server.customers(folder / f"c{number}", callers, leaves=leaves, rate=count / SECONDS)
            groups.append((name, await stack.enter_async_context(group)))
        for name, group in groups:
            code = await group.wait_ended(75)
            assert code == 0 or name == "unknown", f"{name}: {group.errors()}"


async def settled(server):
    """Wait until nothing is open any more."""
    async with asyncio.timeout(15):
        while server.rows("select 1 from interactions where not is_over"):
            await asyncio.sleep(0.2)


async def test_200_calls_with_20_agents_are_told_as_asterisk_tells_them(tmp_path, record_property):
    port, dead = free_ports(1), free_ports(1)
    agents = desk_agents(20, port)
    agents[-1] = desk_agents(20, dead)[-1]
    queue = QueueSeed(ring_time=5.0, wrap_up_time=0.3)
    async with (
        watched_lateness() as lateness,
        running_server(agents=agents, queues=[queue], numbers=NUMBERS) as server,
        desk_phones(tmp_path / "phones", PHONES, port=port, media_port=free_ports(900)),
    ):
        await server.ready()
        supervisor = asyncio.create_task(keep_agents_ready(server))
        await all_call(server, tmp_path)
        supervisor.cancel()
        put_back = await supervisor
        await settled(server)
        judged = judge_file(server.cel_file)
        interactions, audited = await server.interactions(), await server.audited()
        endpoints = {server.agent_ids[one.login]: f"agent-{one.extension}" for one in agents}
        memory = server.memory()
        log = server.log()
    told = compare(interactions, judged.calls, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    outcomes = Counter(call.outcome.value for call in judged.calls)
    alerts = Counter(alert.outcome.value for call in judged.calls for alert in call.alerts)
    figures = {"outcomes": dict(outcomes), "alerts": dict(alerts), "put_back": put_back, "memory": round(memory),
               "worst": told.worst(), "median": told.median(), "lateness": round(lateness.worst, 3)}  # fmt: skip
    record_property("figures", json.dumps(figures))
    print(json.dumps(figures), *told.differences, sep="\n")
    assert len(judged.calls) == len(interactions) == sum(count for _, count, _ in CUSTOMERS.values()) == 200
    assert told.differences == [], f"tolerance {TOLERANCE} + {lateness.forgiven}"
    assert max(told.median().values()) <= TOLERANCE
    assert judged.strays == ()
    assert audited == [], "nothing to put right while nothing breaks"
    # The odd ones did happen.
    assert outcomes[Outcome.LEFT_IN_IVR] >= 15
    assert outcomes[Outcome.FAILED] == 10
    assert outcomes[Outcome.ABANDONED] >= 20
    assert outcomes[Outcome.ANSWERED] >= 100
    for outcome in (AlertOutcome.CALLER_GONE, AlertOutcome.BUSY, AlertOutcome.REJECTED):
        assert alerts[outcome] >= 1, outcome
    assert put_back["no-answer"] >= 2
    assert memory < 300
    assert "Traceback" not in log
