"""The three ways an agent's leg is brought to a caller, on real phones: ring, auto, nailed."""

import asyncio
from pathlib import Path

from contactcenter.agents.model import DeviceMode
from tests.rig.ports import free_ports
from tests.rig.scenarios import Answers, Leaves
from tests.rig.server import AgentSeed, running_server
from tests.rig.sipp import Caller, desk_phones

CALLER = Caller("+4930901820", "2000")


def agent(port: int, mode: DeviceMode) -> AgentSeed:
    return AgentSeed("desk1", "101", {}, f"sip:p1@127.0.0.1:{port}", mode)


async def test_nailed_leg_serves_call_after_call(tmp_path: Path) -> None:
    port, media = free_ports(1), free_ports(8)
    async with (
        desk_phones(tmp_path / "phones", {"p1": Answers()}, port=port, media_port=media) as phones,
        running_server(agents=[agent(port, DeviceMode.NAILED)]) as server,
    ):
        page = await server.desktop("desk1")
        assert not page.me["device"]["usable"]
        await server.ready()
        await page.until(lambda one: one.me["device"]["usable"])
        for number in range(3):
            async with server.customers(tmp_path / f"c{number}", [CALLER], leaves=Leaves(after=30)):
                work = await page.work("alerting")
                await page.command("accept", interaction_id=work["interaction_id"])
                await page.work("talking")
                await page.command("hang-up", interaction_id=work["interaction_id"])
                await page.until(lambda one: not one.of("work"))
        await server.ready(state="offline")
        await page.until(lambda one: not one.me["device"]["usable"])
        invites = [message for message in phones.messages() if not message.sent and message.first.startswith("INVITE")]
        assert len({message.call_id for message in invites}) == 1
        ended = [(one["outcome"], one["segments"][0]["ended_by"]) for one in await server.interactions()]
        assert ended == [("answered", "agent")] * 3
        await page.close()


async def test_nailed_alert_not_taken_goes_back_and_the_customer_may_leave(tmp_path: Path) -> None:
    port, media = free_ports(1), free_ports(8)
    async with (
        desk_phones(tmp_path / "phones", {"p1": Answers()}, port=port, media_port=media),
        running_server(agents=[agent(port, DeviceMode.NAILED)]) as server,
    ):
        page = await server.desktop("desk1")
        await server.ready()
        await page.until(lambda one: one.me["device"]["usable"])
        async with server.customers(tmp_path / "c", [CALLER], leaves=Leaves(after=30)) as customer:
            work = await page.work("alerting")
            await page.command("reject", interaction_id=work["interaction_id"])
            await page.until(lambda one: one.me["presence"]["reason"] == "rejected")
            await page.command("set-presence", state="ready")
            work = await page.work("alerting")
            customer.nudge(next(iter({one.call_id for one in customer.messages()})))
            await page.until(lambda one: not one.of("work"))
        assert page.me["device"]["usable"]
        assert [one["outcome"] for one in await server.interactions()] == ["abandoned"]
        await page.close()


async def test_nailed_conversation_outlives_the_server(tmp_path: Path) -> None:
    port, media = free_ports(1), free_ports(8)
    async with (
        desk_phones(tmp_path / "phones", {"p1": Answers()}, port=port, media_port=media),
        running_server(agents=[agent(port, DeviceMode.NAILED)]) as server,
    ):
        page = await server.desktop("desk1")
        await server.ready()
        await page.until(lambda one: one.me["device"]["usable"])
        async with server.customers(tmp_path / "c", [CALLER], leaves=Leaves(after=60)):
            work = await page.work("alerting")
            await page.command("accept", interaction_id=work["interaction_id"])
            await page.work("talking")
            await asyncio.sleep(0.3)  # the tail of events is committed within 20 ms
            await server.kill()
            await server.start()
            page = await server.desktop("desk1")
            await page.work("talking")
            await page.command("hang-up", interaction_id=work["interaction_id"])
            await page.until(lambda one: not one.of("work"))
        [found] = await server.interactions()
        assert (found["outcome"], len(found["segments"])) == ("answered", 1)
        await page.until(lambda one: one.me["device"]["usable"])
        await page.close()


async def test_auto_answer_is_asked_of_the_phone(tmp_path: Path) -> None:
    port, media = free_ports(1), free_ports(8)
    async with (
        desk_phones(tmp_path / "phones", {"p1": Answers()}, port=port, media_port=media) as phones,
        running_server(agents=[agent(port, DeviceMode.AUTO)]) as server,
    ):
        page = await server.desktop("desk1")
        await server.ready()
        async with server.customers(tmp_path / "c", [CALLER], leaves=Leaves(after=1)):
            await page.work("talking")
        [invite] = [one for one in phones.messages() if not one.sent and one.first.startswith("INVITE")]
        assert "answer-after=0" in invite.text
        await page.close()
