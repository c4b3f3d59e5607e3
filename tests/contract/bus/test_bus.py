"""What core/bus.py promises, of every kind of bus."""

import asyncio
import time

from contactcenter.core import bus as core
from tests.contract.bus.conftest import until


def listen(bus, channel="news"):
    heard = []
    bus.subscribe(channel, heard.append)
    return heard


async def ends(network, count=2):
    """Open ends, each with what it hears."""
    buses = [network.bus() for _ in range(count)]
    heard = [listen(bus) for bus in buses]
    for bus in buses:
        await bus.open()
    await until(lambda: not any(bus.degraded for bus in buses))
    return buses, heard


async def test_all_who_listen_hear_it_who_said_it_among_them(network):
    buses, heard = await ends(network, 3)
    assert all(bus.reaches_others for bus in buses)
    elsewhere = listen(buses[1], "other")
    buses[0].publish("news", b"one")
    buses[2].publish("news", b"\x00\xff\r\n")
    await until(lambda: all(len(one) == 2 for one in heard))
    assert all(sorted(one) == [b"\x00\xff\r\n", b"one"] for one in heard)
    assert elsewhere == []
    assert [bus.lost for bus in buses] == [0, 0, 0]


async def test_what_one_says_is_heard_in_order_also_in_bulk(network):
    buses, heard = await ends(network)
    said = [b"%d" % number for number in range(3000)] + [b"x" * 200_000, b"", b"end"]
    for message in said:
        buses[0].publish("news", message)
    await until(lambda: len(heard[1]) == len(said))
    assert heard == [said, said]


async def test_all_hear_what_several_say_in_the_same_order(network):
    buses, heard = await ends(network, 3)
    for number in range(300):
        buses[number % 3].publish("news", b"%d" % number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    await until(lambda: all(len(one) == 300 for one in heard))
    assert heard[0] == heard[1] == heard[2]


async def test_publish_calls_no_listener_itself(network):
    buses, heard = await ends(network)
    buses[0].publish("news", b"one")
    assert heard == [[], []]
    await until(lambda: heard == [[b"one"], [b"one"]])


async def test_a_listener_may_publish_subscribe_and_end_itself(network):
    bus = await network.opened()
    heard = []

    def once(message):
        heard.append(message)
        end()
        bus.subscribe("more", heard.append)
        bus.publish("more", b"two")

    end = bus.subscribe("news", once)
    bus.publish("news", b"one")
    await until(lambda: heard == [b"one", b"two"])
    bus.publish("news", b"three")
    bus.publish("more", b"four")
    await until(lambda: heard[-1] == b"four")
    assert heard == [b"one", b"two", b"four"]


async def test_what_is_said_right_after_subscribing_is_heard(network):
    bus = await network.opened()
    for number in range(30):
        heard = listen(bus, f"c{number}")
        bus.publish(f"c{number}", b"one")
        await until(lambda heard=heard: heard == [b"one"])


async def test_who_ends_his_subscription_hears_no_more_and_others_do(network):
    (bus, other), heard = await ends(network)
    first, second = [], []
    end_first = bus.subscribe("news", first.append)
    end_second = bus.subscribe("more", second.append)
    other.publish("news", b"one")
    await until(lambda: first == [b"one"])
    end_first()
    end_first()
    end_second()
    other.publish("more", b"two")
    other.publish("news", b"three")
    await until(lambda: heard[0] == [b"one", b"three"])
    assert (first, second) == ([b"one"], [])
    third = listen(bus, "more")
    bus.publish("more", b"four")
    await until(lambda: third == [b"four"])
    end_second()
    bus.publish("more", b"five")
    await until(lambda: third == [b"four", b"five"])


async def test_one_listener_twice_hears_it_twice_and_ends_once_each(network):
    bus = await network.opened()
    heard, last = [], []
    end = bus.subscribe("news", heard.append)
    bus.subscribe("news", heard.append)
    bus.subscribe("news", last.append)
    bus.publish("news", b"one")
    await until(lambda: last == [b"one"])
    end()
    bus.publish("news", b"two")
    await until(lambda: last == [b"one", b"two"])
    assert heard == [b"one", b"one", b"two"]


async def test_a_listener_that_fails_harms_no_other(network):
    bus = network.bus()

    def fails(*_):
        raise RuntimeError("a fault of ours")

    told = []
    bus.subscribe("news", fails)
    bus.on_restored(fails)
    bus.on_restored(lambda: told.append(True))
    heard = listen(bus)
    await bus.open()
    await until(lambda: told == [True])
    bus.publish("news", b"one")
    bus.publish("news", b"two")
    await until(lambda: heard == [b"one", b"two"])
    assert not bus.degraded


async def test_who_was_cut_off_is_told_when_he_is_back_and_hears_again(network):
    (bus, other), heard = await ends(network)
    told = []
    bus.on_restored(lambda: told.append(list(heard[0])))
    await network.away()
    assert bus.degraded
    begun = time.perf_counter()
    for _ in range(20):
        other.publish("news", b"missed")
    assert time.perf_counter() - begun < 0.5
    assert other.lost == 20
    late = listen(bus, "late")
    assert told == []
    await network.back()
    await until(lambda: told and not other.degraded)
    assert told == [[]]
    other.publish("news", b"one")
    other.publish("late", b"two")
    await until(lambda: (heard[0], heard[1], late) == ([b"one"], [b"one"], [b"two"]))
    assert other.lost == 20


async def test_he_is_told_each_time_and_can_publish_then(network):
    bus = network.bus()
    heard = listen(bus)
    bus.on_restored(lambda: bus.publish("news", b"here"))
    await bus.open()
    await until(lambda: heard == [b"here"])
    for count in (2, 3):
        await network.away()
        await network.back()
        await until(lambda count=count: heard == [b"here"] * count)
    assert bus.lost == 0


async def test_it_opens_while_the_server_is_away(network):
    await network.away()
    bus = network.bus()
    heard, told = listen(bus), []
    bus.on_restored(lambda: told.append(True))
    async with asyncio.timeout(0.5):
        await bus.open()
    assert bus.degraded
    bus.publish("news", b"lost")
    assert bus.lost == 1
    await network.back()
    await until(lambda: told == [True])
    assert not bus.degraded
    bus.publish("news", b"one")
    await until(lambda: heard == [b"one"])


async def test_nothing_goes_before_it_is_open_or_after_it_is_closed(network):
    (other,), heard = await ends(network, 1)
    bus = network.bus()
    assert bus.degraded
    bus.publish("news", b"early")
    await bus.open()
    await until(lambda: not bus.degraded)
    await bus.close()
    assert bus.degraded
    bus.publish("news", b"late")
    assert bus.lost == 2
    other.publish("news", b"one")
    await until(lambda: heard[0] == [b"one"])


async def test_closing_lets_go_what_was_published(network):
    buses, heard = await ends(network)
    said = [b"%d" % number for number in range(2000)]
    for message in said:
        buses[0].publish("news", message)
    await buses[0].close()
    await buses[0].close()
    assert buses[0].lost == 0
    await until(lambda: heard[1] == said)


async def test_closing_while_the_server_is_away_does_not_wait(network):
    bus = await network.opened()
    await network.away()
    bus.publish("news", b"one")
    async with asyncio.timeout(2):
        await bus.close()
    assert bus.lost == 1


async def test_what_waits_is_bounded_in_number(network, monkeypatch):
    monkeypatch.setattr(core, "MAX_QUEUED", 10)
    buses, heard = await ends(network)
    for number in range(15):
        buses[0].publish("news", b"%d" % number)
    assert buses[0].lost == 5
    await until(lambda: len(heard[1]) == 10)
    assert heard[1] == [b"%d" % number for number in range(10)]
    buses[0].publish("news", b"more")
    await until(lambda: heard[1][-1] == b"more")


async def test_what_waits_is_bounded_in_bytes(network, monkeypatch):
    monkeypatch.setattr(core, "MAX_QUEUED_BYTES", 1000)
    buses, heard = await ends(network)
    for size in (1001, 600, 600, 400):
        buses[0].publish("news", b"x" * size)
    assert buses[0].lost == 2
    await until(lambda: [len(one) for one in heard[1]] == [600, 400])
