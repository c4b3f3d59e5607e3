"""Two Asterisks, one server of ours: who rings whom over the trunk, and what the loss of one leaves of the other."""

import asyncio
import os
import signal

from tests.integration.server.live_calls import until_over, until_phases
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Rings
from tests.rig.server import QueueSeed
from tests.rig.sipp import Caller, desk_phones
from tests.rig.two_servers import two_servers

AUDITS = 45.0  # seconds in which there are two audits
FIRST, SECOND = Caller("+4930900001", "2000", "Ada"), Caller("+4930900002", "2000", "Ben")


async def of_caller(server, number):
    """The interaction of this customer."""
    return next(one for one in await server.interactions() if one["caller_number"] == number)


def hang_up(customers, number):
    sent = next(m for m in customers.messages() if m.first == "INVITE" and f"sip:{number}@" in m.text)
    customers.nudge(sent.call_id)


async def test_callers_and_agents_of_both_servers_meet(tmp_path):
    """Each with an agent of the other server, at the same moment; then with one of his own."""
    phones = {"p1": Answers(after=0.2), "p2": Answers(after=0.2)}
    async with (
        two_servers(["desk1"], ["desk2"], queue=QueueSeed(wrap_up_time=0.3)) as two,
        desk_phones(tmp_path / "phones", phones, port=two.phones_port, media_port=free_ports(20)),
    ):
        server, ids = two.server, two.server.agent_ids
        await two.until_joined()
        await two.ready("desk2")
        async with two.customers("pbx1", tmp_path / "a", [FIRST]) as on_a:
            await until_phases(server, talking=1)
            await server.ready("desk1")
            async with two.customers("pbx2", tmp_path / "b", [SECOND]) as on_b:
                await until_phases(server, talking=2)
                found = {one["caller_number"]: one for one in await server.interactions()}
                assert [s["agent_id"] for s in found[FIRST.number]["segments"]] == [ids["desk2"]]
                assert [s["agent_id"] for s in found[SECOND.number]["segments"]] == [ids["desk1"]]
                assert {one["server_id"] for one in found.values()} == {"pbx1", "pbx2"}
                hang_up(on_a, FIRST.number)
                hang_up(on_b, SECOND.number)
                await until_over(server)
                assert await on_a.wait_ended(10) == await on_b.wait_ended(10) == 0
        found = await server.interactions()
        assert [(one["outcome"], len(one["segments"])) for one in found] == [("answered", 1)] * 2
        assert len(found) == 2, "the leg that comes over the trunk is nobody's call"
        await two.ready("desk2")
        async with two.customers("pbx2", tmp_path / "c", [FIRST]) as again:
            await until_phases(server, talking=1)
            desk = await server.desktop("desk2")
            card = await desk.work("talking")
            await desk.command("hang-up", interaction_id=card["interaction_id"])
            await until_over(server)
            assert await again.wait_ended(10) == 0
            await desk.close()
        assert (await server.interactions())[-1]["segments"][0]["ended_by"] == "agent"


async def test_who_does_not_answer_over_the_trunk_is_followed_by_the_next(tmp_path):
    phones = {"p1": Answers(after=0.2), "p2": Rings()}
    async with (
        two_servers(["desk1"], ["desk2"], queue=QueueSeed(wrap_up_time=0.3, ring_time=5)) as two,
        desk_phones(tmp_path / "phones", phones, port=two.phones_port, media_port=free_ports(20)),
    ):
        server = two.server
        await two.until_joined()
        await two.ready("desk2")
        async with two.customers("pbx1", tmp_path / "a", [FIRST]) as on_a:
            await until_phases(server, alerting=1)
            await server.ready("desk1")
            await until_phases(server, talking=1)
            (found,) = await server.interactions()
            assert [one["agent_id"] for one in found["segments"]] == [server.agent_ids["desk1"]]
            await two.until({"desk2": ("away", "no-answer")})
            hang_up(on_a, FIRST.number)
            await until_over(server)
            assert await on_a.wait_ended(10) == 0


async def test_one_of_them_dies_the_others_calls_go_on_and_it_comes_back(tmp_path):
    phones = {f"p{n}": Answers(after=0.2) for n in (1, 2, 3)}
    async with (
        two_servers(["desk1", "desk3"], ["desk2"], queue=QueueSeed(wrap_up_time=0.3)) as two,
        desk_phones(tmp_path / "phones", phones, port=two.phones_port, media_port=free_ports(40)),
    ):
        server = two.server
        await two.until_joined()
        await two.ready("desk1")
        async with two.customers("pbx1", tmp_path / "a", [FIRST]) as on_a:
            await until_phases(server, talking=1)
            await two.ready_too("desk2")
            async with two.customers("pbx1", tmp_path / "b", [SECOND]) as over_trunk:
                await until_phases(server, talking=2)
                two.kill_far()
                # No BYE comes from the dead; that neither we nor pbx1 reach it ends the conversation.
                await until_phases(server, talking=1)
                assert await over_trunk.wait_ended(10) == 0
            lost = await of_caller(server, SECOND.number)
            assert (lost["outcome"], lost["segments"][0]["ended_by"]) == ("answered", "system")
            await two.until({"desk2": ("off", "pbx")})
            assert (await two.degraded())["pbx-link-down"]["server"] == "pbx2"
            assert (await server.ready_answer())[0] == 200, "the other one serves"
            await two.ready_too("desk3")
            async with two.customers("pbx1", tmp_path / "c", [SECOND]) as meanwhile:
                await until_phases(server, talking=2)
                hang_up(meanwhile, SECOND.number)
                assert await meanwhile.wait_ended(10) == 0
            assert not [m for m in on_a.messages() if m.first == "BYE"], "his call went on all the time"
            await two.far.start()
            await two.until_joined()
            await two.ready("desk2")
            async with two.customers("pbx2", tmp_path / "d", [SECOND]) as back:
                await until_phases(server, talking=2)
                hang_up(back, SECOND.number)
                assert await back.wait_ended(10) == 0
            hang_up(on_a, FIRST.number)
            await until_over(server)
            assert await on_a.wait_ended(10) == 0


async def test_a_new_process_of_ours_adopts_the_calls_of_both(tmp_path):
    phones = {f"p{n}": Answers(after=0.2) for n in (1, 2)}
    async with (
        two_servers(["desk1"], ["desk2"], queue=QueueSeed(wrap_up_time=0.3)) as two,
        desk_phones(tmp_path / "phones", phones, port=two.phones_port, media_port=free_ports(40)),
    ):
        server = two.server
        await two.until_joined()
        await two.ready("desk2")
        async with two.customers("pbx1", tmp_path / "a", [FIRST]) as on_a:
            await until_phases(server, talking=1)
            await two.ready_too("desk1")
            async with two.customers("pbx2", tmp_path / "b", [SECOND]) as on_b:
                await until_phases(server, talking=2)
                before = await server.interactions()
                await server.kill()
                await server.start()
                await two.until({"desk1": ("talking", ""), "desk2": ("talking", "")})
                await asyncio.sleep(AUDITS)
                assert await server.audited() == []
                assert [one["segments"] for one in await server.interactions()] == [one["segments"] for one in before]
                assert not [m for m in (*on_a.messages(), *on_b.messages()) if m.first == "BYE"]
                hang_up(on_a, FIRST.number)
                hang_up(on_b, SECOND.number)
                await until_over(server)
                assert await on_a.wait_ended(10) == await on_b.wait_ended(10) == 0
        found = await server.interactions()
        assert [one["segments"][0]["ended_by"] for one in found] == ["customer", "customer"]
        assert len(found) == 2


async def test_the_callers_server_dies_and_the_phone_at_the_far_end_is_freed(tmp_path):
    """It says no BYE either, and it is back at once: the other's own call goes on, an audit finds what it left."""
    phones = {f"p{n}": Answers(after=0.2) for n in (1, 2, 3)}
    async with (
        two_servers(["desk1"], ["desk2", "desk3"], queue=QueueSeed(wrap_up_time=0.3)) as two,
        desk_phones(tmp_path / "phones", phones, port=two.phones_port, media_port=free_ports(40)) as desks,
    ):
        server = two.server
        await two.until_joined()
        await two.ready("desk2")
        async with two.customers("pbx1", tmp_path / "a", [FIRST]):
            await until_phases(server, talking=1)
            await two.ready_too("desk3")
            async with two.customers("pbx2", tmp_path / "b", [SECOND]) as on_b:
                await until_phases(server, talking=2)
                os.kill(server.pbx_pid, signal.SIGKILL)
                await until_phases(server, talking=1)
                lost = await of_caller(server, FIRST.number)
                assert (lost["end_reason"], lost["segments"][0]["ended_by"]) == ("pbx-restarted", "system")
                async with asyncio.timeout(60):
                    while not [m for m in desks.messages() if m.first == "BYE"]:
                        await asyncio.sleep(0.1)
                assert [code for code, _ in await server.audited()] == ["far-leg-for-nobody"]
                assert not [m for m in on_b.messages() if m.first == "BYE"], "his call went on all the time"
                hang_up(on_b, SECOND.number)
                await until_over(server)
                assert await on_b.wait_ended(10) == 0
