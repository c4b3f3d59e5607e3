"""A random day of commands for one or more routers that must decide the same: seeded, in virtual time.

All instants are eighths of a second and all factors powers of two or small integers, so that sums are exact and two
ways to add them up agree; equal instants are frequent. Before each command every router gets a Tick at every instant
that is due, as the shell does. What to do next is picked from the state of the first router, the reference.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from contactcenter.core.errors import Invalid
from routing import commands as c
from routing.commands import AgentRule, Presence, RelaxationStep, Requirement, Service, WithdrawReason, Work, WorkOrder
from routing.states import IllegalTransition, ItemState
from tests.oracle.router import ReferenceRouter
from tests.oracle.router_rules import Given

AGENTS = tuple(f"a{number:02}" for number in range(8))
QUEUES = tuple(f"q{number}" for number in range(6))
SKILLS = ("cs", "de", "en", "net")
TEAMS = ("t0", "t1", "t2")
HERE = "server:here"
MEDIA = ("voice", "voice", "chat", "email")
LATEST = 40  # commands told of when the day goes wrong
PHASE = 100  # steps; one lull, then three with a crowd


class Router(Protocol):
    def handle(self, command: c.Command, now: float) -> list[c.Decision]: ...

    def next_deadline(self) -> float | None: ...


Make = Callable[[Callable[[], str]], Any]


class Differs(AssertionError):
    """The routers do not agree; the text names the seed, the step and the latest commands."""


class RouterDay:
    """``counts``: how often which decision and refusal came. ``routers[0]`` is the reference."""

    def __init__(self, seed: int, *others: Make) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now = 4096.0
        self.steps = 0
        self.entered = 0
        self.reference = ReferenceRouter(counted())
        self.routers: list[Router] = [self.reference, *(make(counted()) for make in others)]
        self.counts: Counter[str] = Counter()
        self.latest: deque[str] = deque(maxlen=LATEST)
        self.ended = "none"  # a reservation of the past
        self.strict = (0.02, 0.1, 0.2)[seed % 3]  # share of items that need a thing

    # -------------------------------------------------------------- driving

    def open(self) -> None:
        for name in QUEUES:
            self.define_queue(name)
        for name in AGENTS:
            self.add_agent(name, Presence.READY)

    def step(self) -> None:
        self.steps += 1
        self.pass_time(self.chance.choice((0.0, 0.0, 0.0, 0.125, 0.5, 1.0, 2.0)))
        kinds = self.kinds()
        self.chance.choices(list(kinds), list(kinds.values()))[0]()

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.due()) is not None and at <= until:
            self.now = max(self.now, at)
            self.do(c.Tick())
            following = self.due()
            if following is not None and following <= self.now:
                raise Differs(self.story(f"still due at {following} after a Tick"))
        self.now = until

    def due(self) -> float | None:
        found = [router.next_deadline() for router in self.routers]
        return min((at for at in found if at is not None), default=None)

    def do(self, command: c.Command) -> None:
        self.latest.append(f"{self.now}: {command}")
        told = [answer(router, command, self.now) for router in self.routers]
        if any(one != told[0] for one in told):
            raise Differs(self.story("\n".join(map(str, told))))
        for one in told[0]:
            self.counts[type(one).__name__] += 1
            if isinstance(one, c.WorkChanged):
                self.counts[one.work.value] += 1
            elif isinstance(one, c.ReservationEnded):
                self.ended = one.reservation_id

    def story(self, what: str) -> str:
        return "\n".join((f"seed {self.seed}, step {self.steps}, now {self.now}", *self.latest, what))

    # -------------------------------------------------------------- what comes next

    def kinds(self) -> Mapping[Callable[[], None], float]:
        """What may be done next, with its weight: more come than can be served, then fewer, by turns."""
        waiting = len(self.reference.waiting())
        room = (2 if self.steps // PHASE % 4 == 0 else 16) - waiting
        work = Counter(one.state for agent in self.reference.agents.values() for one in agent.work.values())
        return {
            self.enqueue: 4.0 * max(room, 0) + 1.0,
            self.withdraw: 1.0 if room > -3 else 10.0,
            self.accept: 0.1 + 12.0 * work[Work.RESERVED],
            self.reject: 0.1 + 1.5 * work[Work.RESERVED],
            self.confirm: 0.1 + 8.0 * work[Work.REVOKING],
            self.finish: 4.0 * (work[Work.HANDLING] + work[Work.SET_ASIDE]),
            self.end_wrap_up: 1.0 * work[Work.WRAP_UP],
            self.extend_wrap_up: 0.2 * work[Work.WRAP_UP],
            self.enqueue_again: 2.0,
            self.set_presence: 1.5,
            self.make_ready: 8.0,
            self.set_device: 3.0,
            self.sign_in_or_out: 1.5,
            self.update_agent: 2.0,
            self.define_one: 1.0,
            self.adopt: 0.5,
            self.nonsense: 0.5,
        }

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    def pick(self, *states: Work) -> Given | None:
        agents = self.reference.agents.values()
        found = [given for agent in agents for given in agent.work.values() if given.state in states]
        return self.chance.choice(found) if found else None

    def reservation(self, *states: Work) -> Any:
        given = self.pick(*states)
        return self.ended if given is None else given.reservation_id

    # -------------------------------------------------------------- queues

    def define_one(self) -> None:
        self.define_queue(self.chance.choice(QUEUES))

    def define_queue(self, name: Any) -> None:
        pick = self.chance.choice
        rules = c.QueueRules(
            name,
            priority=pick((0, 0, 0, 1)),
            ring_time=pick((4.0, 8.0, 20.0)),
            wrap_up_time=pick((0.0, 5.0, 10.0)),
            requirement=self.requirement(self.strict),
            target_time=pick((10.0, 20.0)),
            order=WorkOrder.BALANCED if self.maybe(0.4) else pick(list(WorkOrder)),
            aging=pick((4.0, 8.0, 64.0)),
            late_after=pick((None, None, 15.0, 60.0)),
            late_guard=pick((8.0, 32.0)),
            weight=pick((0.25, 1.0, 1.0, 3.0)),
            agent_rule=pick((AgentRule.LEAST_FLEXIBLE, *AgentRule)),
            idle_guard=pick((1.0, 1.5, 3.0)),
            steps=self.relaxation(),
            preferred_wait=pick((0.0, 6.0, 30.0, 60.0)),
            vip_reserve=pick((0, 0, 0, 1, 2)),
            interrupts=pick((frozenset(), frozenset({"chat", "email"}), frozenset({"chat", "email", "voice"}))),
            value_steps=pick(((), ((100.0, 1), (1000.0, 2)))),
        )
        self.do(c.DefineQueue(rules))

    def relaxation(self) -> tuple[RelaxationStep, ...]:
        afters = sorted(self.chance.sample((3.0, 6.0, 10.0, 15.0, 30.0), self.chance.choice((0, 1, 1, 2, 3))))
        return tuple(
            RelaxationStep(after, self.levels(0.5, least=0), self.teams(0.3), self.maybe(0.3)) for after in afters
        )

    def requirement(self, share: float) -> Requirement:
        groups = (self.levels(0.5),) if self.maybe(share) else ()
        here: c.Skills = ((HERE, 1),) if self.maybe(share / 2) else ()  # type: ignore[assignment]
        return Requirement(
            tuple(sorted(self.levels(share) + here)),
            tuple(group for group in groups if group),
            self.teams(0.5) if self.maybe(share) else (),
            self.levels(0.15),
        )

    def levels(self, share: float, least: int = 1) -> Any:
        return tuple((name, self.chance.randint(least, 2)) for name in SKILLS if self.maybe(share))

    def teams(self, share: float) -> Any:
        return tuple(name for name in TEAMS if self.maybe(share))

    # -------------------------------------------------------------- agents

    def add_agent(self, name: Any, presence: Presence) -> None:
        self.do(
            c.AddAgent(
                name,
                self.skills(),
                self.capacity(),
                presence,
                "" if presence is Presence.READY else "break",
                self.maybe(0.9),
                handled=self.chance.choice((0, 0, 3)),
                idle_since=None if self.maybe(0.7) else self.now - self.chance.choice((1.0, 10.0, 100.0)),
                queues=self.services(),
                team_id=self.chance.choice((None, *TEAMS)),  # type: ignore[arg-type]
            )
        )

    def skills(self) -> Any:
        found = {name: self.chance.randint(1, 4) for name in SKILLS if self.maybe(0.75)}
        return found | ({HERE: 1} if self.maybe(0.7) else {})

    def capacity(self) -> Any:
        return self.chance.choice(
            ({"voice": 1}, {"voice": 1, "chat": 3, "email": 4}, {"voice": 1, "chat": 2}, {"chat": 4, "email": 6}) * 2
            + ({"voice": 2, "chat": 3, "email": 5}, {"voice": 1, "email": 0})
        )

    def services(self) -> Any:
        if self.maybe(0.3):
            return None
        delays = (0.0, 0.0, 0.0, 5.0, 12.0)
        return {
            name: Service(self.chance.choice((0, 0, 1)), self.chance.choice(delays))
            for name in QUEUES
            if self.maybe(0.8)
        }

    def agent(self) -> Any:
        return self.chance.choice(AGENTS)

    def set_presence(self) -> None:
        presence = self.chance.choice((Presence.READY, Presence.NOT_READY, Presence.OFFLINE))
        self.do(c.SetPresence(self.agent(), presence, self.chance.choice(("lunch", "break"))))

    def make_ready(self) -> None:
        for agent in self.reference.agents.values():
            if agent.presence is not Presence.READY and self.maybe(0.6):
                return self.do(c.SetPresence(agent.id, Presence.READY))
            if not agent.device_usable and self.maybe(0.6):
                return self.do(c.SetDevice(agent.id, True))
        absent = [name for name in AGENTS if name not in self.reference.agents]
        return self.add_agent(self.chance.choice(absent), Presence.READY) if absent else None

    def set_device(self) -> None:
        self.do(c.SetDevice(self.agent(), self.maybe(0.7), self.chance.choice(("", "", "gone"))))

    def sign_in_or_out(self) -> None:
        if self.maybe(0.5):
            self.do(c.RemoveAgent(self.agent()))
        else:
            self.add_agent(self.agent(), self.chance.choice((Presence.READY, Presence.NOT_READY)))

    def update_agent(self) -> None:
        self.do(
            c.UpdateAgent(
                self.agent(),
                self.skills() if self.maybe(0.5) else None,
                self.capacity() if self.maybe(0.3) else None,
                self.services() if self.maybe(0.4) else None,
                self.maybe(0.2),
                self.chance.choice((None, *TEAMS)),  # type: ignore[arg-type]
                self.maybe(0.1),
            )
        )

    # -------------------------------------------------------------- interactions

    def enqueue(self) -> None:
        self.entered += 1
        self.enter(f"i{self.entered:05}")

    def enqueue_again(self) -> None:
        """Somebody who is there already, in a place of his own: waiting, being taken back or just wrapped up."""
        names = [item.id for item in self.reference.items.values() if item.state is not ItemState.HANDLING]
        given = self.pick(Work.WRAP_UP)
        names += [] if given is None else [given.interaction_id] * 3
        self.enter(self.chance.choice(names) if names else "i00000")

    def enter(self, name: Any) -> None:
        deferrable = self.maybe(0.2)
        self.do(
            c.Enqueue(
                name,
                f"v{self.steps}",  # type: ignore[arg-type]
                self.chance.choice(QUEUES),  # type: ignore[arg-type]
                self.chance.choice(MEDIA),
                self.chance.choice((0, 0, 0, 0, 0, 0, 1, 2)),
                self.requirement(self.strict),
                self.now - self.chance.choice((1.0, 7.0, 40.0)) if self.maybe(0.15) else None,
                self.maybe(0.1),
                self.now + self.chance.choice((-20.0, 0.0, 10.0, 40.0, 300.0)) if deferrable else None,
                self.maybe(0.1),
                self.chance.choice((0.0, 0.0, 0.0, 0.0, 100.0, 5000.0)),
                self.wished() if self.maybe(0.5) else None,
            )
        )

    def wished(self) -> Any:
        ready = [agent.id for agent in self.reference.agents.values() if agent.presence is Presence.READY]
        return self.chance.choice(ready) if ready and self.maybe(0.8) else self.agent()

    def withdraw(self) -> None:
        names = list(self.reference.items)
        reason = self.chance.choice(list(WithdrawReason))
        self.do(c.Withdraw(self.chance.choice(names) if names else "i00000", reason))  # type: ignore[arg-type]

    def accept(self) -> None:
        states = (Work.RESERVED, Work.REVOKING) if self.maybe(0.1) else (Work.RESERVED,)
        self.do(c.Accept(self.reservation(*states)))

    def reject(self) -> None:
        failure = self.chance.choice(("no-answer", "lost", "rejected", "busy", "unreachable"))
        self.do(c.Reject(self.reservation(Work.RESERVED, Work.REVOKING), failure, self.maybe(0.5)))

    def confirm(self) -> None:
        self.do(c.RevokeConfirmed(self.reservation(Work.REVOKING)))

    def finish(self) -> None:
        given = self.pick(Work.SET_ASIDE) if self.maybe(0.15) else None
        given = given or self.pick(Work.HANDLING) or self.pick(Work.WRAP_UP)
        if given is not None:
            self.do(c.Finish(given.interaction_id, given.agent_id))

    def end_wrap_up(self) -> None:
        given = self.pick(Work.WRAP_UP) or self.pick(Work.SET_ASIDE)
        if given is not None:
            self.do(c.EndWrapUp(given.agent_id, given.interaction_id))

    def extend_wrap_up(self) -> None:
        given = self.pick(Work.WRAP_UP)
        if given is not None:
            self.do(c.ExtendWrapUp(given.agent_id, given.interaction_id, self.chance.choice((-1.0, 0.0, 3.0, 8.0))))

    def adopt(self) -> None:
        waiting = [item.id for item in self.reference.waiting()] if self.maybe(0.5) else []
        self.entered += 1
        name: Any = self.chance.choice(waiting or [f"i{self.entered:05}"])
        state = self.chance.choice((Work.HANDLING, Work.HANDLING, Work.WRAP_UP, Work.RESERVED, Work.REVOKING))
        is_alert = state in (Work.RESERVED, Work.REVOKING)
        medium, queue = self.chance.choice(MEDIA), self.chance.choice(QUEUES)
        self.do(
            c.AdoptWork(
                self.agent(),
                name,
                f"v{self.steps}",  # type: ignore[arg-type]
                queue,  # type: ignore[arg-type]
                medium,
                state,
                until=None if state is Work.HANDLING else self.now + 3.0,
                reservation_id=f"old{self.steps}" if is_alert else None,  # type: ignore[arg-type]
                vip=self.maybe(0.2),
            )
        )

    def nonsense(self) -> None:
        unknown: Any = "nobody"
        commands = (
            c.Accept(unknown),
            c.Finish(unknown, self.agent()),
            c.SetDevice(unknown, True),
            c.Enqueue(unknown, unknown, unknown),
            c.Withdraw(unknown, self.chance.choice(list(WithdrawReason))),
            c.UpdateAgent(self.agent(), capacity={"voice": -1}),
        )
        self.do(self.chance.choice(commands))


def counted() -> Callable[[], str]:
    made = iter(range(1, 10**9))
    return lambda: f"r{next(made):06}"


class Refused(str):
    """What a refusal says."""


def answer(router: Router, command: c.Command, now: float) -> list[object]:
    """What a router says: its decisions without why, or its refusal."""
    try:
        decisions = router.handle(command, now)
    except (IllegalTransition, Invalid) as error:
        return [Refused(f"{type(error).__name__} {sorted((name, str(value)) for name, value in error.fields.items())}")]
    nobody: Any = None
    return [msgspec.structs.replace(one, why=nobody) if isinstance(one, c.Reserve) else one for one in decisions]


def plain(needs: Requirement) -> tuple[object, ...]:
    """A requirement whatever the order of its parts."""
    groups = frozenset(frozenset(group) for group in needs.any_of)
    return frozenset(needs.skills), groups, frozenset(needs.teams), frozenset(needs.preferred)


def line_of_reference(router: ReferenceRouter) -> dict[str, tuple[object, ...]]:
    """All who wait: visit, queue, place, wish and what they need at present."""
    return {
        item.id: (item.visit_id, item.queue_id, item.entered_at, item.wish, plain(router.needs(item)))
        for item in router.waiting()
    }


def floor_of(router: Any) -> dict[str, tuple[object, ...]]:
    """All agents with their work; the names are the same in the engine and the reference."""
    found: dict[str, tuple[object, ...]] = {}
    for agent in router.agents.values():
        work = getattr(agent, "work", None) or getattr(agent, "assignments", {})
        given = {name: (one.state, one.until, one.queue_id) for name, one in work.items()}
        state = (agent.state, agent.presence, agent.reason, agent.device_usable, agent.idle_since, agent.handled)
        found[str(agent.id)] = (*state, given)
    return found
