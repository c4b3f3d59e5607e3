"""The client against a misbehaving PBX: stalls, cuts, late answers, wrong peers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contactcenter.core.errors import Invalid, OutcomeUnknown, Unavailable
from cti.ami import LinkState, LinkTiming
from tests.fakes.ami_owner import Owner, owned_client
from tests.fakes.ami_server import BOOTED, Action, Session, TinyAmi, block, ignore, tiny_ami

UP = [LinkState.CONNECTING, LinkState.LOGGING_IN, LinkState.BOOTING, LinkState.LIVE]


@pytest.fixture
async def server() -> AsyncIterator[TinyAmi]:
    async with tiny_ami() as running:
        yield running


@pytest.fixture
async def owner(server: TinyAmi) -> AsyncIterator[Owner]:
    async with owned_client(server.port) as owner:
        await owner.live()
        yield owner


async def test_a_wrong_secret_is_visible_and_not_hammered(server: TinyAmi) -> None:
    async with owned_client(server.port, secret="wrong") as owner:
        await owner.until(lambda: (LinkState.DISCONNECTED, "auth-failed") in owner.states)
        assert owner.client.reason == "auth-failed"
        await asyncio.sleep(0.2)  # twenty ordinary retries long
        assert len(server.sessions) == 1
        with pytest.raises(Unavailable) as caught:
            owner.client.send("Marker", {})
        assert caught.value.fields == {"state": "disconnected", "reason": "auth-failed"}


async def test_log_in_before_fully_booted_is_not_live(server: TinyAmi) -> None:
    server.is_booted = False
    async with owned_client(server.port) as owner:
        await owner.until(lambda: owner.client.state is LinkState.BOOTING)
        with pytest.raises(Unavailable):
            owner.client.send("Marker", {})
        server.session.write(BOOTED)
        await owner.live()
        assert owner.messages[-1].get("Uptime") == "10"
        assert "Marker" not in [action["Action"] for action in server.session.actions]


async def test_reconnect_runs_login_fully_booted_resync_live(server: TinyAmi) -> None:
    """The owner calls the link live only after its picture; the order holds again after a loss."""
    story: list[str] = []
    server.channels = ["PJSIP/a", "PJSIP/b"]

    def resync() -> None:
        story.append(f"booted after {server.session.actions[0]['Action']}")
        owner.client.collect(
            *("CoreShowChannels", {}, "CoreShowChannelsComplete"),
            on_complete=lambda rows: story.append(f"live {len(rows)}"),
        )

    async with owned_client(server.port) as owner:
        owner.on_live = resync
        owner.on_each = lambda message: story.append(message.kind)
        await owner.until(lambda: "live 2" in story)
        server.session.cut()
        await owner.until(lambda: story.count("live 2") == 2)
    assert story == ["FullyBooted", "booted after Login", "live 2"] * 2
    assert [state for state, _ in owner.states] == [*UP, LinkState.DISCONNECTED, *UP, LinkState.CLOSED]
    assert (LinkState.DISCONNECTED, "link-lost") in owner.states


async def test_a_list_ends_at_its_place_in_the_order(server: TinyAmi, owner: Owner) -> None:
    def channels(session: Session, action: Action) -> None:
        tag = f"ActionID: {action['ActionID']}"
        session.write(
            block("Response: Success", tag, "EventList: start")
            + block("Event: CoreShowChannel", tag, "Channel: a")
            + block("Event: Between", "N: 1")
            + block("Event: CoreShowChannelsComplete", tag)
            + block("Event: After", "N: 2")
        )

    server.handlers["coreshowchannels"] = channels
    story: list[str] = []
    owner.on_each = lambda message: story.append(message.kind)
    rows = await owner.client.collect(
        "CoreShowChannels", {}, "CoreShowChannelsComplete", on_complete=lambda rows: story.append("complete")
    )
    assert [row.get("Channel") for row in rows] == ["a"]
    assert story == ["Between", "complete", "After"]


async def test_a_list_cut_in_the_middle_is_unknown(server: TinyAmi, owner: Owner) -> None:
    def half(session: Session, action: Action) -> None:
        session.write(block("Event: CoreShowChannel", f"ActionID: {action['ActionID']}") + b"Event: CoreSh")
        asyncio.get_running_loop().call_later(0.02, session.cut)

    server.handlers["coreshowchannels"] = half
    with pytest.raises(OutcomeUnknown):
        await owner.client.collect("CoreShowChannels", {}, "CoreShowChannelsComplete")
    await owner.live(2)


async def test_link_cut_inside_a_message_leaves_nothing_of_it(server: TinyAmi, owner: Owner) -> None:
    first = server.session
    first.write(b"Event: Half\r\nN: 1")
    await asyncio.sleep(0.02)
    first.cut()
    await owner.live(2)
    server.session.write(block("Event: Whole"))
    await owner.until(lambda: owner.named("Whole"))
    assert owner.named("Half") == []


async def test_a_late_read_of_an_old_link_reaches_nobody(server: TinyAmi, owner: Owner) -> None:
    old = owner.client._wire
    assert old is not None
    server.session.cut()
    await owner.live(2)
    old.data_received(block("Event: Ghost"))
    assert owner.named("Ghost") == []


async def test_a_silent_pbx_is_dropped_in_time(server: TinyAmi, owner: Owner) -> None:
    server.handlers["ping"] = ignore
    before = asyncio.get_running_loop().time()
    await owner.until(lambda: (LinkState.DISCONNECTED, "stale") in owner.states)
    assert 0.2 < asyncio.get_running_loop().time() - before < 1.5
    del server.handlers["ping"]
    await owner.live(2)


async def test_a_pbx_that_answers_far_too_late_is_dropped_though_events_flow(server: TinyAmi) -> None:
    server.handlers["ping"] = ignore
    timing = LinkTiming(ping_interval=0.05, ping_timeout=0.3, stale_after=5.0)
    async with owned_client(server.port, timing=timing) as owner:
        await owner.live()
        while owner.client.state is LinkState.LIVE:
            server.session.write(block("Event: Noise"))
            await asyncio.sleep(0.01)
        assert owner.states[-1] == (LinkState.DISCONNECTED, "ping-unanswered")


async def test_a_late_answer_is_counted_not_matched(server: TinyAmi, owner: Owner) -> None:
    server.handlers["slow"] = lambda session, action: (
        asyncio.get_running_loop().call_later(0.1, session.respond, action) and None
    )
    with pytest.raises(OutcomeUnknown):
        await owner.client.send("Slow", {}, timeout=0.02)
    await owner.until(lambda: owner.client.in_flight.unmatched == 1)
    assert len(owner.client.in_flight) == 0


async def test_several_actions_are_one_write_and_pipelined(server: TinyAmi, owner: Owner) -> None:
    held: list[Action] = []
    server.handlers["held"] = lambda session, action: held.append(action)
    answers = owner.client.send_many([("Held", {"N": n}) for n in range(3)])
    await owner.until(lambda: len(held) == 3)
    for action in reversed(held):
        server.session.respond(action, f"Message: {action['N']}")
    assert [(await answer).get("Message") for answer in answers] == ["0", "1", "2"]


async def test_one_bad_action_of_several_and_none_is_written(server: TinyAmi, owner: Owner) -> None:
    with pytest.raises(Invalid):
        owner.client.send_many([("First", {}), ("Second", {"X": "a\nb"})])
    await owner.client.send("Marker", {})
    assert server.session.named("First") == []
    assert len(owner.client.in_flight) == 0


async def test_an_action_id_on_its_way_is_not_used_twice(server: TinyAmi, owner: Owner) -> None:
    server.handlers["silent"] = ignore
    owner.client.send("Silent", {}, action_id="res-1")
    with pytest.raises(Invalid, match="ami-action-id-in-use"):
        owner.client.send("Silent", {}, action_id="res-1")


async def test_a_pbx_that_does_not_read_fills_a_bounded_buffer(server: TinyAmi) -> None:
    async with owned_client(server.port, timing=LinkTiming()) as owner:
        await owner.live()
        server.session.transport.pause_reading()
        fields = {f"H{n}": "x" * 1000 for n in range(60)}

        def flood() -> None:
            for _ in range(10_000):
                owner.client.send("UserEvent", fields, timeout=60)

        with pytest.raises(Unavailable, match="pbx-not-reading"):
            flood()
        assert len(owner.client.in_flight) < 200


async def test_a_peer_that_is_no_asterisk() -> None:
    async with tiny_ami(b"SSH-2.0-OpenSSH_9.9\r\n") as server, owned_client(server.port) as owner:
        await owner.until(lambda: (LinkState.DISCONNECTED, "not-ami") in owner.states)
        assert server.session.raw == b""  # no secret to strangers


async def test_a_peer_that_says_nothing() -> None:
    async with tiny_ami(b"") as server, owned_client(server.port) as owner:
        await owner.until(lambda: (LinkState.DISCONNECTED, "login-timeout") in owner.states)


async def test_nobody_listens_then_somebody() -> None:
    async with tiny_ami() as server:
        await server.stop()
        async with owned_client(server.port) as owner:
            await owner.until(lambda: (LinkState.DISCONNECTED, "connect-failed") in owner.states)
            await server.start()
            await owner.live()


async def test_closing_inside_a_callback(server: TinyAmi, owner: Owner) -> None:
    closing: list[asyncio.Task[None]] = []
    owner.on_each = lambda message: closing.append(asyncio.ensure_future(owner.client.close()))
    server.session.write(block("Event: One"))
    await owner.until(lambda: bool(closing))
    await closing[0]
    assert owner.client.state is LinkState.CLOSED


async def test_close_before_start_and_twice(server: TinyAmi) -> None:
    async with owned_client(server.port) as owner:
        await owner.client.close()
        await owner.client.close()
        assert owner.client.state is LinkState.CLOSED


async def test_hostile_bytes_do_not_cost_the_link(server: TinyAmi, owner: Owner) -> None:
    server.session.write(b"\xff\xfe\r\n\r\n\0\r\n\r\nEvent\r\n\r\n: \r\n\r\nResponse: Success\r\nActionID: \r\n\r\n")
    server.session.write(b"x" * 300_000 + b"\r\n\r\n" + block("Event: Fine"))
    await owner.until(lambda: owner.named("Fine"))
    assert len(server.sessions) == 1
    assert owner.client.decoder is not None
    assert owner.client.decoder.overlong == 1


async def test_a_secret_that_cannot_be_sent_is_refused_at_once(server: TinyAmi) -> None:
    with pytest.raises(Invalid):
        async with owned_client(server.port, secret="a\r\nAction: Originate"):
            pass


async def test_only_wanted_events_are_decoded(server: TinyAmi) -> None:
    async with owned_client(server.port, wanted={"Hangup"}) as owner:
        await owner.live()
        server.session.write(block("Event: VarSet") * 3 + block("Event: Hangup"))
        await owner.until(lambda: owner.named("Hangup"))
        assert [message.kind for message in owner.messages] == ["FullyBooted", "Hangup"]
        assert owner.client.decoder is not None
        assert owner.client.decoder.skipped == 3
