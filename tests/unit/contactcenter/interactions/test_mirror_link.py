"""The picture's way over the bus: what is told at once, what silence means, who asks and how often."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import structlog

from contactcenter.core.ids import AgentId, ServerId
from contactcenter.interactions import mirror_link
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.live import Link, LiveAgent, Picture
from contactcenter.interactions.mirror import Changes, Source
from contactcenter.interactions.mirror_link import (
    AWAY,
    BEAT,
    FORGET_TIME,
    INTERVAL,
    SILENT_TIME,
    SLICE,
    SWEEP,
    receiver_of,
)
from tests.fakes.mirrored import SITE, Mirrored, turns
from tests.fakes.room import SERVER, queue, record
from tests.fakes.virtual_time import VirtualTime

CHANNEL = "cc:main:picture"
ANN = AgentId("a-ann")


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Mirrored]:
    """Joined and current: one agent, one queue, one link that is up."""
    time, picture = VirtualTime(), Picture()
    monkeypatch.setattr(mirror_link, "_time", time.time)
    picture.add_agent(LiveAgent.of(record("ann")))
    picture.queues[queue().queue_id] = queue()
    picture.links[SERVER] = Link(SERVER, True, "", time.now())
    made = Mirrored(picture, DayFigures(time.now()), time)
    await made.restart_sender()
    await made.restart_receiver()
    await turns()
    yield made
    for bus in (made.bus, made.other_bus):
        assert bus is not None
        await bus.close()


def heard(pair: Mirrored, channel: str) -> list[Any]:
    """What is said on a channel from now on."""
    said: list[Any] = []
    assert pair.other_bus is not None
    pair.other_bus.subscribe(channel, said.append)
    return said


def rename(pair: Mirrored, presence: str) -> None:
    pair.picture.agents[ANN].presence = presence
    pair.picture.touch(f"agent:{ANN}")


def shown(pair: Mirrored) -> str:
    return pair.shown.agents[ANN].presence


async def silence(pair: Mirrored, seconds: float) -> None:
    """The sender says nothing; the receiver looks as it does."""
    for _ in range(round(seconds / INTERVAL)):
        pair.clock.advance(INTERVAL)
        pair.receiver.look()
        await turns()


# ------------------------------------------------------------------ the first picture


async def test_who_comes_asks_and_has_all(pair: Mirrored) -> None:
    assert pair.receiver.arrived.is_set()
    assert pair.receiver.is_current
    assert shown(pair) == "ready"
    assert pair.shown.queues == {queue().queue_id: pair.shown.queues[queue().queue_id]}
    assert pair.shown.links == pair.picture.links
    assert pair.replica.is_ready


async def test_without_a_sender_nothing_arrives(pair: Mirrored) -> None:
    assert pair.bus is not None
    await pair.bus.close()
    await pair.restart_receiver()
    await silence(pair, 5)
    assert not pair.receiver.arrived.is_set()
    assert not pair.receiver.is_current
    await pair.restart_sender()
    await pair.look(1.0)
    assert pair.receiver.arrived.is_set()


async def test_all_is_told_from_the_start_never_a_part(pair: Mirrored) -> None:
    """A process of the router's that begins anew is not taken for one that has lost nearly everybody."""
    for number in range(3 * SLICE):
        pair.picture.add_agent(LiveAgent.of(record(f"n{number}", number)))
    await pair.look()
    seen: set[int] = set()
    pair.shown.watch(lambda key: seen.add(len(pair.shown.agents)))
    await pair.restart_sender()
    rename(pair, "not-ready")
    for _ in range(SWEEP + 1):
        await pair.look()
    assert pair.replica.epoch == pair.source.epoch
    assert seen == {3 * SLICE + 1}
    assert shown(pair) == "not-ready"


async def test_what_receiver_of_makes_is_a_pair(pair: Mirrored) -> None:
    assert pair.other_bus is not None
    picture = Picture()
    receiver, figures = receiver_of(pair.other_bus, picture, SITE, "process-x", pair.clock)
    pair.figures.offered(queue().queue_id, pair.clock.now())
    receiver.start()
    receiver.look()
    await turns()
    assert ANN in picture.agents
    await pair.look()
    assert figures.of(queue().queue_id).offered == 1


# ------------------------------------------------------------------ news


async def test_what_is_touched_is_told_in_one_message_at_the_end_of_the_turn(pair: Mirrored) -> None:
    said = heard(pair, CHANNEL)
    rename(pair, "not-ready")
    rename(pair, "offline")
    pair.picture.touch(f"link:{SERVER}")
    assert said == []
    await turns()
    assert len(said) == 1
    assert shown(pair) == "offline"


async def test_the_watchers_of_the_replica_hear_what_changed(pair: Mirrored) -> None:
    touched: list[str] = []
    pair.shown.watch(touched.append)
    rename(pair, "offline")
    await turns()
    assert touched == [f"agent:{ANN}"]


async def test_what_nobody_touched_is_found_within_a_sweep(pair: Mirrored) -> None:
    pair.picture.agents[ANN].presence = "offline"
    gone = LiveAgent.of(record("bob", 2))
    pair.picture.add_agent(gone)
    for _ in range(SWEEP):
        await pair.look()
    assert shown(pair) == "offline"
    del pair.picture.agents[gone.agent_id]
    for _ in range(SWEEP):
        await pair.look()
    assert set(pair.shown.agents) == {ANN}


async def test_links_queues_and_figures_are_told_within_a_look(pair: Mirrored) -> None:
    sites: list[Any] = []
    pair.receiver.on_site = lambda: sites.append(pair.replica.site)
    pair.picture.queues[queue().queue_id] = queue(name="Renamed")
    pair.figures.offered(queue().queue_id, pair.clock.now())
    await pair.look()
    assert pair.shown.queues[queue().queue_id].name == "Renamed"
    assert pair.shown_figures.of(queue().queue_id).offered == 1
    assert sites == [], "what there is once is as it was"
    pair.site["own_port"] = 8088
    await pair.look()
    assert [one.own_port for one in sites] == [8088]


async def test_a_sender_without_news_says_that_it_lives(pair: Mirrored) -> None:
    said = heard(pair, CHANNEL)
    await pair.look()
    said.clear()
    for _ in range(3 * BEAT):
        await pair.look()
    assert len(said) == 3
    assert pair.receiver.is_current


# ------------------------------------------------------------------ silence


async def test_silence_means_that_the_routers_process_is_away(pair: Mirrored) -> None:
    touched: list[str] = []
    pair.shown.watch(touched.append)
    pair.exchange.losing = 1000
    with structlog.testing.capture_logs() as logs:
        await silence(pair, SILENT_TIME)
        assert pair.receiver.is_current
        await silence(pair, INTERVAL)
    assert not pair.receiver.is_current
    assert [one["event"] for one in logs] == [AWAY]
    link = pair.shown.links[SERVER]
    assert (link.up, link.reason, link.since) == (False, AWAY, pair.clock.now())
    assert touched == [f"link:{SERVER}"]
    assert pair.shown.agents.keys() == {ANN}, "what was known is shown"

    pair.exchange.losing = 0
    sites: list[None] = []
    pair.receiver.on_site = lambda: sites.append(None)
    await silence(pair, 1.0)
    assert pair.receiver.is_current
    assert pair.shown.links == pair.picture.links
    assert sites == [None]


async def test_after_a_silence_nothing_less_than_everything_will_do(pair: Mirrored) -> None:
    pair.exchange.losing = 1000
    await silence(pair, SILENT_TIME + INTERVAL)
    pair.receiver._hear(pair.source.beat())
    assert not pair.receiver.is_current
    pair.receiver._hear(pair.source.everything())
    assert pair.receiver.is_current


async def test_a_replaced_senders_beats_are_no_sign_of_life(pair: Mirrored) -> None:
    """One that was replaced and does not know it must not hide that the one who replaced it is silent."""
    before = pair.source
    await pair.restart_sender()
    await pair.look(1.0)
    await pair.look(1.0)
    assert pair.replica.epoch == pair.source.epoch
    assert pair.bus is not None
    pair.bus._listeners.pop(f"{CHANNEL}:asks")  # the young one hangs
    for _ in range(8):
        pair.bus.publish(CHANNEL, before.beat())
        pair.bus.publish(CHANNEL, before.everything())
        await turns()
        pair.clock.advance(INTERVAL)
        pair.receiver.look()
    assert not pair.receiver.is_current


@pytest.mark.parametrize("what", ["a clock that is behind", "garbage"])
async def test_after_long_silence_any_sender_is_believed(pair: Mirrored, what: str) -> None:
    """What is told last is not always what looks youngest."""
    if what == "garbage":
        assert pair.bus is not None
        pair.bus.publish(CHANNEL, msgspec.msgpack.encode(Changes("~", 1, 0, {})))
    else:
        pair.runs = -2
        await pair.restart_sender()
    for _ in range(round(FORGET_TIME)):
        await pair.look(1.0)
    assert not pair.receiver.is_current
    for _ in range(3):
        await pair.look(1.0)
    assert (pair.receiver.is_current, pair.replica.epoch) == (True, pair.source.epoch)
    assert shown(pair) == "ready"


async def test_it_asks_at_most_once_a_second(pair: Mirrored) -> None:
    asks = heard(pair, f"{CHANNEL}:asks")
    assert pair.bus is not None
    pair.bus._listeners.pop(f"{CHANNEL}:asks")  # nobody answers
    await silence(pair, SILENT_TIME)
    asks.clear()
    await silence(pair, 4)
    assert len(asks) == 4
    assert set(asks) == {b"process-2"}
    asks.clear()
    for _ in range(20):
        pair.bus.publish(CHANNEL, pair.source.beat())
        await turns()
    assert len(asks) <= 1


async def test_a_beat_tells_of_a_lost_message(pair: Mirrored) -> None:
    pair.clock.advance(1.0)
    pair.exchange.losing = 1
    rename(pair, "offline")
    await turns()
    assert shown(pair) == "ready"
    for _ in range(BEAT + 1):
        await pair.look()
    assert shown(pair) == "offline"
    assert pair.receiver.is_current


async def test_when_the_bus_is_back_it_asks_at_once(pair: Mirrored) -> None:
    pair.exchange.cut()
    rename(pair, "offline")
    await turns()
    assert shown(pair) == "ready"
    pair.exchange.restore()
    await turns()
    assert shown(pair) == "offline"


async def test_two_receivers_have_each_their_own_answer(pair: Mirrored) -> None:
    first = pair.receiver
    own = heard(pair, f"{CHANNEL}:process-2")
    pair.other_bus = None
    await pair.restart_receiver()
    await turns()
    assert pair.receiver.is_current
    assert first.is_current
    assert own == []


# ------------------------------------------------------------------ what is not understood


def of_another_version(epoch: str) -> list[bytes]:
    slots: dict[str, bytes | None] = {f"agent:{ANN}": None, "site": b"\x81\xa5links\x05"}
    encode = msgspec.msgpack.encode
    return [b"", b"\xff\xff", encode({"v": 2}), *(encode(Changes(epoch, 99, prev, slots)) for prev in (0, 1))]


@pytest.mark.parametrize("number", range(5))
async def test_a_sender_of_another_version_harms_nothing(pair: Mirrored, number: int) -> None:
    assert pair.bus is not None
    message = of_another_version(pair.source.epoch)[number]
    with structlog.testing.capture_logs() as logs:
        pair.bus.publish(CHANNEL, message)
        await turns()
    events = {one["event"] for one in logs}
    assert events <= {"picture-not-understood"}, "no traceback"
    assert (shown(pair), pair.receiver.is_current) == ("ready", True)
    rename(pair, "offline")
    await turns()
    assert shown(pair) == "offline"


async def test_what_is_not_understood_is_no_sign_of_life(pair: Mirrored) -> None:
    assert pair.bus is not None
    pair.bus._listeners.pop(f"{CHANNEL}:asks")
    for _ in range(8):
        pair.bus.publish(CHANNEL, of_another_version(pair.source.epoch)[3])
        await silence(pair, INTERVAL)
    assert not pair.receiver.is_current


async def test_an_odd_question_is_answered_to_whom_it_may_concern(pair: Mirrored) -> None:
    assert pair.other_bus is not None
    said = heard(pair, f"{CHANNEL}:" + "x" * 64)
    for name in (b"\xff\xfe", b"", b"x" * 1000):
        pair.other_bus.publish(f"{CHANNEL}:asks", name)
    await turns()
    assert len(said) == 1
    assert pair.receiver.is_current


# ------------------------------------------------------------------ for ever


async def test_both_look_for_ever(pair: Mirrored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_link, "INTERVAL", 0.0)
    looks: list[str] = []
    sweep = pair.sender._sweep

    async def counted() -> None:
        looks.append("sweep")
        await sweep()

    monkeypatch.setattr(pair.sender, "_sweep", counted)
    monkeypatch.setattr(pair.receiver, "look", lambda: looks.append("look"))
    tasks = [asyncio.ensure_future(one.keep()) for one in (pair.sender, pair.receiver)]
    pair.picture.agents[ANN].presence = "offline"
    while looks.count("look") < 2 * SWEEP:
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert "sweep" in looks
    assert shown(pair) == "offline"


async def test_another_sites_picture_is_not_heard(pair: Mirrored) -> None:
    other = Source("epoch-999")
    other.offer(f"agent:{ANN}", None)
    assert pair.bus is not None
    pair.bus.publish("cc:elsewhere:picture", other.everything())
    await turns()
    assert ANN in pair.shown.agents
    assert ServerId("elsewhere") not in pair.shown.links
