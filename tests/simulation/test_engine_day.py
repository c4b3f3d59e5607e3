"""A seeded day on the floor with everything that goes wrong: the books balance and the invariants hold throughout.

Calls arrive, are alerted, answered (also too late, also after the caller left), handled, wrapped up; callers give up in
line and while it rings; phones die and come back; agents pause and sign out. Facts are delayed at random, so commands
reach the engine in every order a network makes.
"""

import random
from collections import Counter
from heapq import heappop, heappush
from typing import Any

import pytest

from routing import commands as c
from routing.commands import Presence, Requirement, WithdrawReason
from routing.engine import Engine
from routing.states import IllegalTransition, ItemState

SKILLS = ("sup_en", "sal_en", "sup_de", "sal_de")
HOURS = 6


class Day:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.todo: list[tuple[float, int, c.Command]] = []
        self.number = 0
        self.engine = Engine(self.new_id)
        self.count: Counter[str] = Counter()
        self.flowing: set[str] = set()
        self.talking: dict[str, str] = {}  # who talks, as the two phones know it
        self.alerts: dict[str, str] = {}  # reservation -> interaction, as the PBX knows it

    def new_id(self) -> str:
        self.number += 1
        return f"r{self.number:06}"

    def later(self, delay: float, command: c.Command) -> None:
        self.number += 1
        heappush(self.todo, (self.now + delay, self.number, command))

    def open(self) -> None:
        for number, skill in enumerate(SKILLS):
            rules = c.QueueRules(skill, number % 2, 15.0, 20.0, Requirement(((skill, 1),)))
            self.do(c.DefineQueue(rules))
        for number in range(20):
            skills = {name: self.chance.randint(1, 3) for name in self.chance.sample(SKILLS, self.chance.randint(1, 3))}
            self.do(c.AddAgent(f"a{number:02}", skills, presence=Presence.READY, device_usable=True))
        at = 0.0
        while (at := at + self.chance.expovariate(0.08)) < HOURS * 3600:
            self.arrive(at)

    def arrive(self, at: float) -> None:
        self.number += 1
        name, queue = f"i{self.number:06}", self.chance.choice(SKILLS)
        self.later(at, c.Enqueue(name, f"v{name}", queue, vip=self.chance.random() < 0.1))
        reason = WithdrawReason.FLOWED_OUT if self.chance.random() < 0.2 else WithdrawReason.CUSTOMER_LEFT
        self.later(at + self.chance.expovariate(1 / 90), c.Withdraw(name, reason))

    def disturb(self) -> None:
        agent = f"a{self.chance.randrange(20):02}"
        kind = self.chance.randrange(3)
        if kind == 0:
            self.later(0, c.SetDevice(agent, False))
            self.later(self.chance.uniform(0, 60), c.SetDevice(agent, True))
        elif kind == 1:
            self.later(0, c.SetPresence(agent, self.chance.choice([Presence.NOT_READY, Presence.OFFLINE]), "break"))
        self.later(self.chance.uniform(1, 120), c.SetPresence(agent, Presence.READY))

    def run(self) -> None:
        self.open()
        while self.todo:
            due = self.engine.next_deadline()
            at, _, command = self.todo[0]
            if due is not None and due <= at:
                at, command = due, c.Tick()
            else:
                heappop(self.todo)
            self.now = max(self.now, at)
            if self.chance.random() < 0.02 and self.now < HOURS * 3600:
                self.disturb()
            self.do(command)
        while (due := self.engine.next_deadline()) is not None:
            self.now = due
            self.do(c.Tick())

    def do(self, command: c.Command) -> None:
        try:
            decisions = self.engine.handle(command, self.now)
        except IllegalTransition:
            self.count["illegal"] += 1
            return
        self.count[type(command).__name__] += 1
        if isinstance(command, c.Finish):
            self.talking.pop(command.agent_id, None)
        for one in decisions:
            self.react(one)
        self.check()

    def react(self, one: Any) -> None:
        """Be the PBX and the people."""
        if isinstance(one, c.Reserve):
            assert one.interaction_id not in self.alerts.values(), "a second alert while the first could be answered"
            assert one.agent_id not in self.talking
            self.alerts[one.reservation_id] = one.interaction_id
            self.ring(one)
        elif isinstance(one, c.Revoke):
            answered = self.chance.random() < 0.2  # the answer was on its way
            over = c.Accept(one.reservation_id) if answered else c.RevokeConfirmed(one.reservation_id)
            self.later(self.chance.choice((0.01, 0.5, 7.0)), over)
        elif isinstance(one, c.ReservationEnded):
            del self.alerts[one.reservation_id]
            if one.state == "accepted":
                self.count["answered after flow-out" if one.interaction_id in self.flowing else "answered"] += 1
                self.talking[one.agent_id] = one.interaction_id
                self.later(self.chance.expovariate(1 / 180), c.Finish(one.interaction_id, one.agent_id))
        elif isinstance(one, c.PresenceChanged) and one.presence is Presence.NOT_READY:
            self.count[f"not-ready {one.reason}"] += 1
            self.later(self.chance.uniform(5, 60), c.SetPresence(one.agent_id, Presence.READY))
        elif isinstance(one, c.Queued):
            self.count["offered"] += 1
        elif isinstance(one, c.Withdrawn):
            self.count[one.reason] += 1
            if one.reason is WithdrawReason.FLOWED_OUT:
                self.flowing.add(one.interaction_id)

    def ring(self, one: c.Reserve) -> None:
        kind = self.chance.random()
        if kind < 0.7:
            self.later(self.chance.uniform(1, 14.9), c.Accept(one.reservation_id))
        elif kind < 0.8:
            self.later(
                self.chance.uniform(1, 10),
                c.Reject(one.reservation_id, self.chance.choice(("busy", "rejected", "unreachable"))),
            )
        elif kind < 0.82:
            self.later(15.0, c.Accept(one.reservation_id))  # at the very deadline

    def check(self) -> None:
        free = [agent for agent in self.engine.agents.values() if agent.slots]
        for item in self.engine.items.values():
            if item.state is ItemState.WAITING:
                assert all(self.engine.refusal(agent, item) for agent in free)
        for agent in self.engine.agents.values():
            assert agent.load <= agent.profile.unit


@pytest.mark.parametrize("seed", range(3))
def test_a_day_balances(seed: int) -> None:
    day = Day(seed)
    day.run()
    count = day.count
    assert day.engine.items == {}
    assert day.alerts == {} == day.talking
    assert count["offered"] == count["answered"] + count["customer-left"] + count["flowed-out"]
    assert count["answered after flow-out"] > 0
    assert count["answered"] > 0.3 * count["offered"]
    assert (
        min(
            count["not-ready no-answer"], count["not-ready rejected"], count["not-ready phone"], count["not-ready busy"]
        )
        > 0
    )
