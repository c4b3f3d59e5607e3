"""What is the in-process bus's own; what holds of every kind: tests/contract/bus."""

import asyncio

import pytest

from contactcenter.core.bus import Bus, Exchange, MemoryBus, Outbox


async def turns(number=5):
    for _ in range(number):
        await asyncio.sleep(0)


async def test_alone_it_reaches_nobody_else_but_itself():
    bus, other, heard = MemoryBus(), MemoryBus(), []
    assert not bus.reaches_others
    assert MemoryBus(Exchange()).reaches_others
    for one in (bus, other):
        one.subscribe("news", heard.append)
        await one.open()
    await turns()
    bus.publish("news", b"one")
    await turns()
    assert heard == [b"one"]


async def test_what_waits_when_the_way_is_cut_is_lost_not_late():
    exchange = Exchange()
    bus, heard, told = MemoryBus(exchange), [], []
    bus.subscribe("news", heard.append)
    bus.on_restored(lambda: told.append(True))
    await bus.open()
    await turns()
    bus.publish("news", b"one")
    exchange.cut()
    exchange.restore()
    await turns()
    assert (heard, bus.lost, told) == ([], 1, [True, True])


async def test_cut_again_before_anybody_was_told():
    exchange = Exchange()
    bus, told = MemoryBus(exchange), []
    bus.on_restored(lambda: told.append(True))
    await bus.open()
    exchange.cut()
    await turns()
    assert (bool(bus.degraded), told) == (True, [])
    exchange.restore()
    exchange.restore()
    await turns()
    assert told == [True]


def test_the_outbox_hands_out_in_order_and_in_parts():
    outbox = Outbox()
    for message in (b"aaa", b"bb", b"cccc", b""):
        assert outbox.put("news", message)
    assert outbox.take(2) == [("news", b"aaa")]  # one at least
    assert outbox.take(6) == [("news", b"bb"), ("news", b"cccc"), ("news", b"")]
    assert outbox.take() == []
    assert len(outbox) == 0


def test_what_was_handed_out_makes_room(monkeypatch):
    monkeypatch.setattr("contactcenter.core.bus.MAX_QUEUED_BYTES", 5)
    outbox = Outbox()
    assert outbox.put("news", b"12345")
    assert not outbox.put("news", b"6")
    outbox.take()
    assert outbox.put("news", b"12345")


def test_a_bus_is_none_without_its_ways():
    with pytest.raises(TypeError):
        Bus()
