"""What one routing decision costs at 10,000 agents, 300 skill profiles, 50 skills and 5,000 waiting, all rules in use.

Two kinds of decision, each measured alone and in one thread: an agent becomes free and gets the first of those waiting
whom he can serve; an interaction arrives and gets the first agent for it. A decision is a command that led to a
reservation; its time is that of ``Engine.handle``: states, the choice, its why, the reservation, its deadline and all
that is told. ``choice`` is the part of it that finds who gets it and keeps why, measured in a run of its own. The
commands between (accept, finish, refill, ticks) count in ``commands_per_second`` only, and for the longest pause.

The engine runs on virtual time, the collector as in life (core/garbage.py). Twenty queues of all orders, some
with relaxation steps; a third of the profiles serve queues with delays, four of ten take chats beside calls, one of ten
interactions wishes for an agent: ``share_*`` tell how many decisions used each.
"""

import gc
import random
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable
from typing import Any

from contactcenter.core.garbage import PORTION, Collector, collect_young
from routing import commands as c
from routing.commands import Presence, Requirement, WorkOrder
from routing.engine import Engine
from routing.matching import PREFERRED
from tests.benchmarks.report import Report
from tests.benchmarks.stores import memory

BARS = {"decisions_per_second": 100_000, "p99_us": 50.0, "max_ms": 10.0}
SKILLS = [f"s{number:02}" for number in range(50)]
KINDS = 300  # different requirements in use, of one or two skills
SCARCE = 10  # of the 50: asked for by those who wait while others are idle
QUEUES = [f"q{number:02}" for number in range(20)]
ORDERS = [WorkOrder.BALANCED] * 6 + [WorkOrder.FIFO, WorkOrder.PRIORITY, WorkOrder.AGING, WorkOrder.DUE]
STEP = 0.01  # seconds of virtual time between commands: who is one of 5,000 waits about two minutes


class Floor:
    """An engine filled to size, and the time its commands took."""

    def __init__(self, agents: int, profiles: int, *, scarce_apart: bool, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.now = 1_000_000.0
        self.number = 0
        self.engine = Engine(self.new_id)
        self.samples: list[float] = []
        self.shares: Counter[str] = Counter()
        self.commands, self.spent, self.longest = 0, 0.0, 0.0
        for number, queue in enumerate(QUEUES):
            self.do(c.DefineQueue(self.rules(number, queue)))
        offers = [self.offer(scarce_apart and number % 3 == 0, scarce_apart) for number in range(profiles)]
        self.agents = [f"a{number:05}" for number in range(agents)]
        for number, name in enumerate(self.agents):
            skills, capacity, queues = offers[number % profiles]
            idle = self.now - self.chance.uniform(1, 600)
            ready = {"presence": Presence.READY, "device_usable": True}
            self.do(c.AddAgent(name, skills, capacity, idle_since=idle, queues=queues, **ready))

    def new_id(self) -> str:
        self.number += 1
        return f"r{self.number}"

    def rules(self, number: int, queue: str) -> c.QueueRules:
        lower = c.RelaxationStep(20, tuple((skill, 1) for skill in SKILLS))
        drop = c.RelaxationStep(45, tuple((skill, 0) for skill in SKILLS[1::2]))
        steps = (lower, drop) if number % 2 else ()
        return c.QueueRules(queue, order=ORDERS[number % len(ORDERS)], steps=steps, preferred_wait=10.0)

    def offer(self, scarce: bool, apart: bool) -> tuple[dict[str, int], dict[str, int], dict[str, c.Service] | None]:
        names = SKILLS[:SCARCE] if scarce else SKILLS[SCARCE:] if apart else SKILLS
        skills = {name: self.chance.randint(1, 3) for name in self.chance.sample(names, self.chance.randint(2, 8))}
        capacity = {"voice": 1, "chat": 3} if self.chance.random() < 0.4 else {"voice": 1}
        if self.chance.random() > 1 / 3:
            return skills, capacity, None
        chosen = self.chance.sample(QUEUES, 8)
        return skills, capacity, {queue: c.Service(n % 2, 15.0 * (n % 3)) for n, queue in enumerate(chosen)}

    def kinds(self, names: list[str]) -> list[Requirement]:
        found = []
        for _ in range(KINDS):
            need = self.chance.sample(names, self.chance.choice((1, 1, 2)))
            found.append(Requirement(tuple(sorted((name, self.chance.choice((1, 1, 2))) for name in need))))
        return found

    def call(self, kinds: list[Requirement]) -> list[Any]:
        self.number += 1
        chance, name = self.chance, f"i{self.number:09}"
        number = chance.randrange(len(kinds))  # a kind of requirement belongs to one queue
        medium = "chat" if chance.random() < 0.2 else "voice"
        wish = chance.choice(self.agents) if chance.random() < 0.1 else None
        priority, vip = chance.randrange(2), chance.random() < 0.03
        need, queue = Requirement(*kinds[number]), QUEUES[number % len(QUEUES)]
        return self.do(c.Enqueue(name, name, queue, medium, priority, need, vip=vip, preferred_agent_id=wish))

    def do(self, command: c.Command) -> list[Any]:
        self.now += STEP
        while (due := self.engine.next_deadline()) is not None and due <= self.now:
            self.timed(c.Tick())
        return self.timed(command)

    def timed(self, command: c.Command) -> list[Any]:
        begin = time.perf_counter()
        decisions = self.engine.handle(command, self.now)
        self.commands += 1
        if not self.commands % PORTION:
            collect_young()
        took = time.perf_counter() - begin
        self.spent += took
        self.longest = max(self.longest, took)
        if type(command) is not c.Tick:
            for one in decisions:
                if type(one) is c.Reserve:
                    self.samples.append(took)
                    self.count(one.why)
                    break
        else:
            self.accept(decisions)
        return decisions

    def count(self, why: c.Why) -> None:
        queue = self.engine.matching.waiting.queues[why.queue_id]
        profile = self.engine.agents[why.agent_id].profile
        self.shares["relaxation"] += bool(queue.steps)
        self.shares["delay"] += bool(profile.queues) or why.delay > 0
        self.shares["capacity"] += len(profile.media) > 1
        self.shares["preferred"] += why.rule == PREFERRED
        self.shares[why.rule] += 1

    def accept(self, decisions: list[Any]) -> c.Reserve | None:
        """Answer every alert; return the first of them."""
        given = None
        for one in decisions:
            if type(one) is c.Reserve:
                self.timed(c.Accept(one.reservation_id))
                self.talking(one)
                given = given or one
        return given

    def talking(self, given: c.Reserve) -> None:
        """Overridden by who keeps the list of those who talk."""

    def fill(self, waiting: int, kinds: list[Requirement]) -> None:
        while self.engine.matching.waiting.count < waiting:
            self.accept(self.call(kinds))

    def start(self) -> None:
        Collector(lambda: False).begin(0.0)
        self.samples.clear()
        self.shares.clear()
        self.commands, self.spent, self.longest = 0, 0.0, 0.0


class Talks(Floor):
    """Keeps who talks with whom, to pick one at random."""

    pairs: list[tuple[Any, Any]]
    busy = False  # whether who finds nobody waiting goes on talking

    def talking(self, given: c.Reserve) -> None:
        self.pairs.append((given.interaction_id, given.agent_id))

    def hang_up(self) -> list[Any]:
        index = self.chance.randrange(len(self.pairs))
        self.pairs[index], self.pairs[-1] = self.pairs[-1], self.pairs[index]
        interaction, agent = self.pairs.pop()
        decisions = self.do(c.Finish(interaction, agent))
        if not self.is_alerted(agent) and self.busy:  # nobody waited for what he can do: he goes on talking
            self.timed(c.AdoptWork(agent, interaction, interaction, QUEUES[0]))
            self.pairs.append((interaction, agent))
        return decisions

    def is_alerted(self, agent: Any) -> bool:
        return self.engine.agents[agent].reservation is not None


def agent_frees_up(agents: int, profiles: int, waiting: int, goes_on: Callable[[Floor], bool]) -> Floor:
    """Everybody talks, ``waiting`` wait; one after the other hangs up and gets the next."""
    floor = Talks(agents, profiles, scarce_apart=False)
    floor.pairs, floor.busy = [], True
    kinds = floor.kinds(SKILLS)
    floor.fill(waiting, kinds)
    floor.start()
    while goes_on(floor):
        floor.accept(floor.hang_up())
        while floor.engine.matching.waiting.count < waiting:
            before = len(floor.samples)
            floor.accept(floor.call(kinds))
            del floor.samples[before:]
    return floor


def interaction_arrives(agents: int, profiles: int, waiting: int, goes_on: Callable[[Floor], bool]) -> Floor:
    """``waiting`` wait for scarce skills, about half of the others are idle; a call arrives, another one ends."""
    floor = Talks(agents, profiles, scarce_apart=True)
    floor.pairs = []
    scarce = floor.kinds(SKILLS[:SCARCE:2])  # even numbers: no step drops these
    floor.fill(waiting, scarce)
    floor.pairs = []  # who has scarce skills goes on talking
    kinds = floor.kinds(SKILLS[SCARCE:])
    while len(floor.pairs) < agents // 3:
        if floor.accept(floor.call(kinds)) is None:
            floor.do(c.Withdraw(f"i{floor.number:09}"))
    floor.start()
    while goes_on(floor):
        name = f"i{floor.number + 1:09}"
        if floor.accept(floor.call(kinds)) is None:
            floor.do(c.Withdraw(name))
            continue
        before = len(floor.samples)
        while len(floor.pairs) >= agents // 3:
            floor.accept(floor.hang_up())
        del floor.samples[before:]
    return floor


def options(parser: ArgumentParser) -> None:
    """What may be set."""
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--profiles", type=int, default=300)
    parser.add_argument("--waiting", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each kind; the smaller sizes run a tenth of it")


def for_seconds(seconds: float) -> Callable[[Floor], bool]:
    """Return what tells whether to go on, from the first time it is asked."""
    ends: list[float] = []

    def goes_on(floor: Floor) -> bool:
        if not ends:
            ends.append(time.perf_counter() + seconds)
        return time.perf_counter() < ends[0]

    return goes_on


def run(given: Namespace) -> Report:
    """Measure."""
    report = Report("routing", {**vars(given), "skills": len(SKILLS), "queues": len(QUEUES)})
    for kind in (agent_frees_up, interaction_arrives):
        before = memory()
        floor = kind(given.agents, given.profiles, given.waiting, for_seconds(given.seconds))
        report.figure(f"{kind.__name__}_memory", memory() - before, "MiB")
        tell_floor(report, kind.__name__, floor)
        del floor
        gc.unfreeze()
        gc.collect()
        for part in (100, 10):
            sizes = (max(10, given.agents // part), max(10, given.profiles // part), max(10, given.waiting // part))
            small = kind(*sizes, for_seconds(given.seconds / 10))
            ranked = sorted(small.samples)
            report.figure(f"{kind.__name__}_p50_with_{sizes[0]}_agents", ranked[len(ranked) // 2] * 1e6, "us")
            gc.unfreeze()
        tell_choice(report, kind, given)
        gc.unfreeze()
    return report


def tell_floor(report: Report, name: str, floor: Floor) -> None:
    """Add rate, percentiles and shares of one run's samples."""
    micro = [round(1e6 * one, 2) for one in floor.samples]
    for first in range(0, min(len(micro), 50_000), 1000):
        report.sample(kind=name, us=micro[first : first + 1000])
    rate = len(floor.samples) / sum(floor.samples)
    report.figure(f"{name}_per_second", rate, "1/s", at_least=BARS["decisions_per_second"])
    report.figure(f"{name}_commands_per_second", floor.commands / floor.spent, "1/s")
    report.percentiles(name, micro, "us", {99: BARS["p99_us"]}, most=False)
    report.figure(f"{name}_longest_pause", floor.longest * 1e3, "ms", at_most=BARS["max_ms"])
    report.figure(f"{name}_waiting", floor.engine.matching.waiting.count, "interactions")
    for rule, count in floor.shares.most_common():
        report.figure(f"{name}_share_{rule}", count / len(floor.samples), "ratio")


def tell_choice(report: Report, kind: Callable[..., Floor], given: Namespace) -> None:
    """Measure the part of a decision that finds who gets it, and keeps why."""
    spent: list[float] = []
    parts: list[float] = []

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*values: Any) -> Any:
            begin = time.perf_counter()
            found = work(*values)
            parts.append(time.perf_counter() - begin)
            return found

        return measured

    def goes_on(floor: Floor) -> bool:
        matching = floor.engine.matching
        if not spent:
            floor.started = time.perf_counter()  # type: ignore[attr-defined]
            matching.waiting.first_for = timed(matching.waiting.first_for)  # type: ignore[method-assign]
            matching.choose = timed(matching.choose)  # type: ignore[method-assign]
            explain = timed(matching.explain)

            def explained(*values: Any) -> Any:
                found = explain(*values)
                spent.append(sum(parts[-2:]))
                return found

            matching.explain = explained  # type: ignore[method-assign]
            spent.append(0.0)
        return time.perf_counter() < floor.started + given.seconds / 6  # type: ignore[attr-defined]

    kind(given.agents, given.profiles, given.waiting, goes_on)
    report.figure(f"{kind.__name__}_choices_per_second", len(spent) / sum(spent), "1/s")
    report.percentiles(f"{kind.__name__}_choice", [one * 1e6 for one in spent[1:]], "us", most=False)
