"""The server on the simulated PBX: no Asterisk, no SIPp; the judge that knows only records judges here as well."""

import asyncio
import json
import random
from collections import Counter

import pytest

from contactcenter.agents.model import PresenceState
from contactcenter.bootstrap import ContactCenter
from contactcenter.core.errors import Unavailable
from contactcenter.core.permissions import SYSTEM
from contactcenter.demo import put_back
from contactcenter.settings import Settings
from cti.managed_pbx import ManagedPbx
from cti.pbx_simulator.people import Customer, PicksUp, Refuses, RingsOn
from tests.oracle.calls import AlertOutcome, Outcome, judge_file
from tests.rig.compare import TOLERANCE, compare
from tests.rig.lateness import watched_lateness
from tests.rig.ports import free_ports
from tests.rig.server import Plan, QueueSeed, Server, desk_agents, seed

PHONES = {
    **{f"agent-{number}": PicksUp(after=0.3, talk=0.7) for number in (101, 102, 103, 104)},
    "agent-105": RingsOn(),
    "agent-106": Refuses(),
}
CALLS = 30


def customer(rng, number):
    """Most talk; every fifth gives up in line, every tenth in the menu; some reach nobody's number."""
    patience = 0.4 if number % 5 == 0 else 30.0
    if number % 10 == 3:
        return Customer(f"+4930{number:07}", "1000", delay=0.1, patience=0.2)
    dialed = "9999" if number % 15 == 7 else "2000"
    return Customer(f"+4930{number:07}", dialed, patience=patience, delay=0.0, talk_time=rng.uniform(0.3, 1.0))


async def keep_ready(center):
    """As a supervisor would: whoever the router took out of the line is put back."""
    while True:
        for agent in center.picture.agents.values():
            if agent.presence != "ready" and agent.device_usable:
                await center.rooms.agents.set_presence(SYSTEM, agent.agent_id, PresenceState.READY)
        await asyncio.sleep(0.2)


async def test_a_demo_agent_who_did_not_answer_is_put_back(tmp_path):
    agents = desk_agents(1, 5060)
    await asyncio.to_thread(seed, tmp_path, Plan(agents, [QueueSeed(ring_time=5.0)], {"2000": "direct"}))
    settings = Settings(data=tmp_path, http={"port": free_ports(1)}, pbx={"mode": "simulated"})
    center = ContactCenter(settings)
    await center.start()
    try:
        (agent,) = center.picture.agents.values()
        async with asyncio.timeout(20):
            while not agent.device_usable:
                await asyncio.sleep(0.02)
            await put_back(center)
            center.simulated.customer_calls(Customer("+4930901820", "2000", delay=0.0))
            while (agent.presence, agent.reason) != ("not-ready", "no-answer"):
                await asyncio.sleep(0.05)
        await put_back(center)
        assert agent.presence == "ready"
    finally:
        await center.stop()


async def test_30_calls_are_told_as_the_simulated_pbx_tells_them(tmp_path):
    agents = desk_agents(len(PHONES), 5060)
    plan = Plan(agents, [QueueSeed(ring_time=5.0, wrap_up_time=0.2)], {"2000": "direct", "1000": "support"})
    agent_ids = await asyncio.to_thread(seed, tmp_path, plan)
    port = free_ports(1)
    settings = Settings(data=tmp_path, http={"port": port}, pbx={"mode": "simulated"})
    center, rng = ContactCenter(settings), random.Random(3)
    server = Server(tmp_path, agent_ids, port, (), {})
    async with watched_lateness() as lateness:
        await center.start()
        try:
            center.simulated.phones = PHONES.__getitem__
            async with asyncio.timeout(10):
                while not center.operation.is_ready:
                    await asyncio.sleep(0.02)
            supervisor = asyncio.create_task(keep_ready(center))
            for number in range(CALLS):
                center.simulated.customer_calls(customer(rng, number))
                await asyncio.sleep(rng.uniform(0.0, 0.2))
            async with asyncio.timeout(60):
                while center.picture.interactions or center.simulated.exchange.channels:
                    await asyncio.sleep(0.1)
            supervisor.cancel()
            await asyncio.sleep(0.3)  # the last rows are committed behind
            interactions = await server.interactions()
        finally:
            await server.close()
            await center.stop()
    judged = judge_file(center.cel_file)
    endpoints = {agent_ids[one.login]: f"agent-{one.extension}" for one in agents}
    told = compare(interactions, judged.calls, endpoints, tolerance=TOLERANCE + lateness.forgiven)
    outcomes = Counter(call.outcome for call in judged.calls)
    alerts = Counter(alert.outcome for call in judged.calls for alert in call.alerts)
    print(json.dumps([outcomes, alerts]))
    assert told.differences == []
    assert len(judged.calls) == len(interactions) == CALLS
    assert judged.strays == ()
    for outcome in (Outcome.ANSWERED, Outcome.ABANDONED, Outcome.LEFT_IN_IVR, Outcome.FAILED):
        assert outcomes[outcome] >= 1, outcome
    for outcome in (AlertOutcome.CONNECTED, AlertOutcome.BUSY, AlertOutcome.REVOKED):
        assert alerts[outcome] >= 1, outcome


@pytest.mark.parametrize("mode, is_ready", [("auto", False), ("simulated", True)])
async def test_only_a_simulation_that_was_asked_for_is_ready(tmp_path, monkeypatch, mode, is_ready):
    """A load balancer must send nobody to a server that has only pretended phones, by accident."""

    async def not_installable(pbx, endpoints):
        raise Unavailable("asterisk-not-installable", {"reason": "no packages here"})

    monkeypatch.setattr(ManagedPbx, "start", not_installable)
    await asyncio.to_thread(seed, tmp_path, Plan((), [QueueSeed()], {"2000": "direct"}))
    center = ContactCenter(Settings(data=tmp_path, http={"port": free_ports(1)}, pbx={"mode": mode}))
    await center.start()
    try:
        async with asyncio.timeout(20):
            while not all(link.up for link in center.picture.links.values()) or not center.picture.links:
                await asyncio.sleep(0.02)
        (told,) = center.operation.degraded()
        assert (told["code"], told["fields"]["reason"]) == ("pbx-simulated", "" if is_ready else "no packages here")
        assert center.operation.is_ready is is_ready
    finally:
        await center.stop()
