"""The AMI client and a real Asterisk that freezes, dies, restarts, refuses and talks a lot."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from contactcenter.core.errors import OutcomeUnknown
from cti.ami import LinkState, LinkTiming
from tests.fakes.ami_owner import Owner, owned_client
from tests.integration.asterisk.ami_conf import ami_files, free_port
from tests.rig.asterisk import PREFIX, Asterisk, bare_asterisk

if not (PREFIX / "asterisk").exists():
    pytest.skip("no Asterisk: set ASTERISK_PREFIX", allow_module_level=True)

TIMING = LinkTiming(
    retry_first=0.05, retry_cap=0.3, ping_interval=0.2, stale_after=0.8, login_timeout=0.5, own_stall=0.3
)
WAIT = {"Channel": "Local/wait@ami-test", "Context": "ami-test", "Exten": "wait", "Priority": 1, "Async": "true"}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def asterisk(port: int, tmp_path: Path) -> AsyncIterator[Asterisk]:
    async with bare_asterisk(tmp_path, ami_files(port)) as running:
        yield running


@pytest.fixture
async def owner(asterisk: Asterisk, port: int) -> AsyncIterator[Owner]:
    async with owned_client(port, timing=TIMING) as owner:
        await owner.live()
        yield owner


async def test_a_frozen_asterisk_is_noticed_and_taken_up_again(asterisk: Asterisk, owner: Owner) -> None:
    os.kill(asterisk.pid, signal.SIGSTOP)
    try:
        begin = asyncio.get_running_loop().time()
        answer = owner.client.send("Originate", WAIT, action_id="in-flight", timeout=30)
        await owner.until(lambda: (LinkState.DISCONNECTED, "stale") in owner.states)
        assert asyncio.get_running_loop().time() - begin < 2.0
        with pytest.raises(OutcomeUnknown) as caught:
            await answer
        assert caught.value.code == "stale"
        # The kernel still accepts connections for the frozen process: they must not count as a link.
        await owner.until(lambda: (LinkState.DISCONNECTED, "login-timeout") in owner.states)
        assert owner.count(LinkState.LIVE) == 1
    finally:
        os.kill(asterisk.pid, signal.SIGCONT)
    await owner.live(2)
    rows = await owner.client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete")
    assert len(rows) <= 2  # one call of two halves at most: nothing was sent twice


async def test_closing_towards_a_frozen_asterisk_ends_in_time(asterisk: Asterisk, owner: Owner) -> None:
    os.kill(asterisk.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(2):
            await owner.client.close()
    finally:
        os.kill(asterisk.pid, signal.SIGCONT)


async def test_a_killed_asterisk_and_its_successor(asterisk: Asterisk, owner: Owner, port: int, tmp_path: Path) -> None:
    await owner.client.send("Originate", WAIT)
    await asterisk.stop(signal.SIGKILL)
    await owner.until(lambda: (LinkState.DISCONNECTED, "link-lost") in owner.states)
    async with bare_asterisk(tmp_path / "second", ami_files(port)):
        await owner.live(2)
        assert int(owner.named("FullyBooted")[-1].get("Uptime")) < 10  # the sign of a restart
        assert await owner.client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete") == []


async def test_originate_response_carries_the_action_id_given(owner: Owner) -> None:
    await owner.client.send("Originate", {**WAIT, "ChannelId": "reservation-1"}, action_id="reservation-1")
    await owner.until(lambda: owner.named("OriginateResponse"))
    event = owner.named("OriginateResponse")[0]
    assert (event.get("ActionID"), event.get("Uniqueid")) == ("reservation-1", "reservation-1")
    rows = await owner.client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete")
    assert {row.get("Uniqueid") for row in rows} == {"reservation-1", "reservation-1;2"}


async def test_asterisk_takes_an_id_for_used_when_a_longer_one_that_begins_with_it_lives(owner: Owner) -> None:
    """Why ids we give channels must all have one length."""
    for count, channel_id in enumerate(("call-10", "call-1"), 1):
        await owner.client.send("Originate", {**WAIT, "ChannelId": channel_id})
        await owner.count_of("OriginateResponse", count)
    assert [event.get("Response") for event in owner.named("OriginateResponse")] == ["Success", "Failure"]


async def test_the_longest_line_and_most_headers_we_send_are_taken(owner: Owner) -> None:
    await owner.client.send("UserEvent", {"UserEvent": "Long", "X": "y" * (1024 - 5)})
    await owner.client.send("UserEvent", {"UserEvent": "Many", **{f"H{n}": "x" for n in range(125)}})
    await owner.until(lambda: len(owner.named("UserEvent")) == 2)
    long, many = owner.named("UserEvent")
    assert len(long.get("X")) == 1019
    assert many.get("H124") == "x"


async def test_asterisk_itself_reads_the_rest_of_a_longer_message_as_another(port: int, asterisk: Asterisk) -> None:
    """Why the codec refuses: one byte more, and the answer has no ActionID and the rest is taken for a new action."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"Action: Login\r\nUsername: cc\r\nSecret: secret\r\nEvents: off\r\n\r\n")
        writer.write(b"Action: UserEvent\r\nActionID: 1\r\nX: " + b"y" * 1020 + b"\r\nAfter: 1\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"Message: Failed to parse message: line too long\r\n\r\n"), 5)
        rest = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"Missing action in request" in rest
    finally:
        writer.close()
        await writer.wait_closed()


async def test_events_of_one_channel_arrive_in_its_order_under_load(owner: Owner) -> None:
    pair = {**WAIT, "Exten": "pair", "Channel": "Local/pair@ami-test"}
    actions = [("Originate", {**pair, "ChannelId": f"c-{n:03}"}) for n in range(60)]
    await asyncio.gather(*owner.client.send_many(actions))
    await owner.until(lambda: len(owner.named("Hangup")) >= 120, 10)
    for channel in {message.get("Uniqueid") for message in owner.named("Hangup")}:
        mine = [message for message in owner.messages if message.get("Uniqueid") == channel]
        values = [message.get("Value") for message in mine if message.get("Variable") == "N"]
        assert values in (["1", "2", "3"], [])
        # OriginateResponse does not go through Asterisk's channel topics: it may overtake even Newchannel.
        assert next(message.kind for message in mine if message.kind != "OriginateResponse") == "Newchannel"
    assert owner.client.stats.losses == 0


async def test_a_stalled_owner_loses_nothing(asterisk: Asterisk, port: int) -> None:
    """Our loop stands still for longer than the heartbeat allows: the PBX is not blamed, its events are all there."""
    async with owned_client(port, timing=replace(TIMING, stale_after=0.5)) as owner:
        await owner.live()
        actions = [("UserEvent", {"UserEvent": "Numbered", "N": n, "Pad": "x" * 500}) for n in range(400)]
        answers = owner.client.send_many(actions)
        await asyncio.sleep(0)
        os_block(1.5)
        await asyncio.gather(*answers)
        await owner.until(lambda: len(owner.named("UserEvent")) == 400)
        assert [message.get("N") for message in owner.named("UserEvent")] == [str(n) for n in range(400)]
        assert owner.client.stats.losses == 0


def os_block(seconds: float) -> None:
    """Stop this thread, and with it the event loop, as a long computation would."""
    signal.sigtimedwait([], seconds)
