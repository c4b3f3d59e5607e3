"""What one routing decision costs, with why kept, at 10,000 agents, 300 skill profiles, 50 skills and 5,000 waiting.

Two kinds of decision, each measured alone and in one thread: an agent becomes free and gets the first of those waiting
whom he can serve; an interaction arrives and gets the longest idle of those who can serve it. A decision is a command
that led to a reservation; its time is that of ``Engine.handle``. The commands between (accept, finish, refill) count
in ``commands_per_second`` only. The engine runs on virtual time, the collector is on (frozen after start, as in life).
"""

import gc
import random
import time
from argparse import ArgumentParser, Namespace
from typing import Any

from routing import commands as c
from routing.commands import Presence, Requirement
from routing.engine import Engine
from tests.benchmarks.report import Report

BARS = {"decisions_per_second": 100_000, "p99_us": 50.0, "max_ms": 10.0}
SKILLS = [f"s{number:02}" for number in range(50)]
KINDS = 300  # different requirements in use, of one or two skills
SCARCE = 10  # of the 50: asked for by those who wait while others are idle
QUEUE = "q"


class Floor:
    """An engine filled to size, and the time its commands took."""

    clock = staticmethod(time.perf_counter)

    def __init__(self, agents: int, profiles: int, *, scarce_apart: bool, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.now = 1_000_000.0
        self.number = 0
        self.engine = Engine(self.new_id)
        self.samples: list[float] = []
        self.commands = 0
        self.spent = 0.0
        self.do(c.DefineQueue(c.QueueRules(QUEUE)))
        offers = [self.offer(scarce_apart and number % 3 == 0, scarce_apart) for number in range(profiles)]
        self.agents = [f"a{number:05}" for number in range(agents)]
        for number, name in enumerate(self.agents):
            idle = self.now - self.chance.uniform(1, 600)
            skills = offers[number % profiles]
            self.do(c.AddAgent(name, skills, presence=Presence.READY, device_usable=True, idle_since=idle))

    def new_id(self) -> str:
        self.number += 1
        return f"r{self.number}"

    def offer(self, scarce: bool, apart: bool) -> dict[str, int]:
        names = SKILLS[:SCARCE] if scarce else SKILLS[SCARCE:] if apart else SKILLS
        return {name: self.chance.randint(1, 3) for name in self.chance.sample(names, self.chance.randint(2, 8))}

    def kinds(self, names: list[str]) -> list[Requirement]:
        found = []
        for _ in range(KINDS):
            need = self.chance.sample(names, self.chance.choice((1, 1, 2)))
            found.append(Requirement(tuple(sorted((name, self.chance.choice((1, 1, 2))) for name in need))))
        return found

    def call(self, kinds: list[Requirement]) -> list[Any]:
        self.number += 1
        requirement = self.chance.choice(kinds)
        name = f"i{self.number:09}"
        priority = self.chance.randint(0, 3)
        return self.do(c.Enqueue(name, name, QUEUE, priority=priority, requirement=requirement, vip=priority == 3))

    def do(self, command: c.Command) -> list[Any]:
        self.now += 0.0001
        begin = self.clock()
        decisions = self.engine.handle(command, self.now)
        took = self.clock() - begin
        self.commands += 1
        self.spent += took
        if any(type(one) is c.Reserve for one in decisions):
            self.samples.append(took)
        return decisions

    def accept(self, decisions: list[Any]) -> c.Reserve | None:
        for one in decisions:
            if type(one) is c.Reserve:
                self.do(c.Accept(one.reservation_id))
                return one
        return None

    def fill(self, waiting: int, kinds: list[Requirement]) -> None:
        while self.engine.matching.waiting < waiting:
            self.accept(self.call(kinds))

    def start(self) -> None:
        gc.collect()
        gc.freeze()
        self.samples.clear()
        self.commands, self.spent = 0, 0.0


def agent_frees_up(agents: int, profiles: int, waiting: int, decisions: int) -> Floor:
    """Everybody talks, ``waiting`` wait; one after the other hangs up and gets the next."""
    floor = Floor(agents, profiles, scarce_apart=False)
    kinds = floor.kinds(SKILLS)
    floor.fill(waiting, kinds)
    talking = [item for item in floor.engine.items.values() if item.state == "handling"]
    pairs = [(item.interaction_id, item.agent_id) for item in talking]
    floor.start()
    while len(floor.samples) < decisions:
        index = floor.chance.randrange(len(pairs))
        interaction, agent = pairs[index]
        given = floor.accept(floor.do(c.Finish(interaction, agent)))
        if given is None:  # nobody waited for what he can do: he goes on talking
            floor.do(c.AdoptWork(agent, interaction, interaction, QUEUE))
        else:
            pairs[index] = (given.interaction_id, given.agent_id)
        if given is not None and floor.engine.matching.waiting >= waiting:
            continue
        given = floor.accept(floor.call(kinds))
        if given is not None:
            floor.samples.pop()
            pairs.append((given.interaction_id, given.agent_id))
    return floor


def interaction_arrives(agents: int, profiles: int, waiting: int, decisions: int) -> Floor:
    """``waiting`` wait for scarce skills, about half of the others are idle; a call arrives, another one ends."""
    floor = Floor(agents, profiles, scarce_apart=True)
    floor.fill(waiting, floor.kinds(SKILLS[:SCARCE]))
    kinds = floor.kinds(SKILLS[SCARCE:])
    talking: list[tuple[Any, Any]] = []
    while len(talking) < agents // 3:
        given = floor.accept(floor.call(kinds))
        if given is not None:
            talking.append((given.interaction_id, given.agent_id))
        else:
            floor.do(c.Withdraw(next(reversed(floor.engine.items))))
    floor.start()
    while len(floor.samples) < decisions:
        given = floor.accept(floor.call(kinds))
        if given is None:
            floor.do(c.Withdraw(next(reversed(floor.engine.items))))
            continue
        talking.append((given.interaction_id, given.agent_id))
        index = floor.chance.randrange(len(talking))
        talking[index], talking[-1] = talking[-1], talking[index]
        floor.do(c.Finish(*talking.pop()))
    return floor


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--profiles", type=int, default=300)
    parser.add_argument("--waiting", type=int, default=5_000)
    parser.add_argument("--decisions", type=int, default=50_000)
    parser.add_argument("--cpu", action="store_true", help="CPU time: leaves out what others on a shared machine take")


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("routing", {**vars(given), "skills": len(SKILLS)})
    Floor.clock = staticmethod(time.thread_time if given.cpu else time.perf_counter)
    for kind in (agent_frees_up, interaction_arrives):
        floor = kind(given.agents, given.profiles, given.waiting, given.decisions)
        tell_floor(report, kind.__name__, floor)
        gc.unfreeze()
    return report


def tell_floor(report: Report, name: str, floor: Floor) -> None:
    """Add rate and percentiles of one run's samples."""
    micro = [round(1e6 * one, 2) for one in floor.samples]
    for first in range(0, len(micro), 1000):
        report.sample(kind=name, us=micro[first : first + 1000])
    rate = len(floor.samples) / sum(floor.samples)
    report.figure(f"{name}_per_second", rate, "1/s", at_least=BARS["decisions_per_second"])
    report.figure(f"{name}_commands_per_second", floor.commands / floor.spent, "1/s")
    report.percentiles(name, micro, "us", {99: BARS["p99_us"]}, most=False)
    report.figure(f"{name}_max", max(floor.samples) * 1e3, "ms", at_most=BARS["max_ms"])
    report.figure(f"{name}_waiting", floor.engine.matching.waiting, "interactions")
