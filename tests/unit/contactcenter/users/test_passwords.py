import asyncio
import threading

import pytest

from contactcenter.core.errors import RateLimited
from contactcenter.users import passwords as module
from contactcenter.users.passwords import Passwords
from tests.rig.rooms import FAST


class GatedHasher:
    """A hasher that works until the gate opens, and counts how many work at once."""

    def __init__(self):
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def hash(self, password):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.started.release()
        assert self.gate.wait(30)
        with self.lock:
            self.now -= 1
        return "hashed"


@pytest.fixture
def gated():
    hasher = GatedHasher()
    passwords = Passwords(hasher)
    yield passwords, hasher
    hasher.gate.set()
    passwords.close()


async def test_the_loop_goes_on_while_passwords_are_hashed(gated):
    passwords, hasher = gated
    hashing = asyncio.ensure_future(passwords.hash("slow"))
    # The gate opens from the loop: were the hash computed in the loop, this line would never be reached.
    await asyncio.to_thread(hasher.started.acquire)
    hasher.gate.set()
    assert await hashing == "hashed"


async def test_at_most_two_are_hashed_at_once(gated):
    passwords, hasher = gated
    hashing = [asyncio.ensure_future(passwords.hash("slow")) for _ in range(6)]
    for _ in range(2):
        await asyncio.to_thread(hasher.started.acquire)
    assert not await asyncio.to_thread(hasher.started.acquire, timeout=0.2), "a third hash began behind a closed gate"
    hasher.gate.set()
    await asyncio.gather(*hashing)
    assert hasher.most == 2


async def test_a_line_too_long_is_sent_away(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE", 3)
    passwords, leave = Passwords(FAST), asyncio.Event()

    async def wait_in_line():
        async with passwords.slot():
            await leave.wait()

    waiting = [asyncio.ensure_future(wait_in_line()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        async with passwords.slot():
            pass
    leave.set()
    await asyncio.gather(*waiting)
    async with passwords.slot():
        pass
    passwords.close()


async def test_right_wrong_nobody_and_broken():
    passwords = Passwords(FAST)
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "wrong horse")
    assert not await passwords.verify(None, "correct horse")
    assert not await passwords.verify("", "correct horse")
    assert not await passwords.verify("no hash at all", "correct horse")
    passwords.close()


async def test_nobody_costs_the_same_work(monkeypatch):
    verified = []

    class Counting:
        def hash(self, password):
            return "dummy"

        def verify(self, stored, password):
            verified.append(stored)
            return True

    passwords = Passwords(Counting())
    assert not await passwords.verify(None, "x")
    assert await passwords.verify("real", "x")
    assert verified == ["dummy", "real"]
    passwords.close()
